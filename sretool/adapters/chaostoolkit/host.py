"""What experiments can do on this machine, as the program finds that would make the faults."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.host import HostFacts, facts
from sretool.errors import ChaosError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE: Final = 30.0
"""Seconds for everything to be tried."""


def look(environment: Mapping[str, str], lab: str = "") -> HostFacts:
    """ChaosError where the program cannot look."""
    argv = [sys.executable, "-m", "sretool.chaos.host", "--lab", lab]
    try:
        done = subprocess.run(
            argv, capture_output=True, timeout=_PATIENCE, env=dict(environment), check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ChaosError(f"what this machine can do cannot be found out: {error}") from error
    try:
        return facts(json.loads(done.stdout))
    except (ValueError, TypeError, KeyError):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        said = f": {last[0]}" if last else ""
        raise ChaosError(
            f"what this machine can do cannot be found out{said}",
            remedy="a library that experiments need is missing or broken: make env",
        ) from None
