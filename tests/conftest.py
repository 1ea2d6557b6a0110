"""What every test needs."""

from __future__ import annotations

import asyncio

from hypothesis import settings

# Before a test without asyncio, looptime asks for the current event loop, which would create one that nobody
# closes: a ResourceWarning, and so a failure, in whichever test collects the garbage.
asyncio.set_event_loop(None)

# A busy machine makes examples slow, not wrong.
settings.register_profile("sretool", deadline=None)
settings.load_profile("sretool")
