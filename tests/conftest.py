"""What every test needs."""

from __future__ import annotations

import asyncio
import os
import sys

from hypothesis import settings

from sretool.adapters.lab import programs

# Before a test without asyncio, looptime asks for the current event loop, which would create one that nobody
# closes: a ResourceWarning, and so a failure, in whichever test collects the garbage.
asyncio.set_event_loop(None)

# Tests of what runs inside Locust need a process in which gevent came first.
collect_ignore = [] if "tests.load.patched" in sys.modules else ["load"]

# A busy machine makes examples slow, not wrong.
settings.register_profile("sretool", deadline=None)
# For `make check`; as they are other ones each time, many quick runs see what a long one does.
settings.register_profile("quick", settings.get_profile("sretool"), max_examples=20)
settings.load_profile("sretool")

if programs.prefix().is_dir():
    # Where the lab's programs are unpacked for a user who may not install them; the machine's own come first.
    _variables = programs.environment_of(programs.prefix() / "usr/bin/prometheus")
    os.environ["PATH"] += os.pathsep + _variables["PATH"]
    os.environ["LD_LIBRARY_PATH"] = _variables["LD_LIBRARY_PATH"]
