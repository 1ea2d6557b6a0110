"""Programs that keep a fault up: started so that they do nothing before their end is in the undo log.

A helper waits for a word on its standard input, which it gets when the log knows how to end it. When that
pipe ends, whoever started it is gone: it undoes what it does and ends, too. It has a session of its own and
is known to the log as one that makes faults, so that it is held while faults are undone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import undoing
from sretool.undo import identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.chaos.actions.faults import Fault

PLANNED: Final[dict[str, Any]] = {"kind": "end", "pid": 0, "start": 0, "group": True}
"""The undo of a helper that is not there yet."""
_GO: Final = b"go\n"
_running: Final[list[Helper]] = []
"""Keeps their pipes open."""


@dataclass(slots=True)
class Helper:
    """One that was started, and the first word it says when its fault is in."""

    process: subprocess.Popen[bytes]

    def answer(self) -> str:
        """Its next line; ActivityFailed with what it says was wrong where it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode("utf-8", "replace").strip()
        if line.startswith("!"):
            raise ActivityFailed(line[1:].strip())
        if not line:
            raise ActivityFailed(f"it ended with {self.process.wait()} before its fault was in")
        return line


def start(module: str, arguments: Sequence[str], fault: Fault) -> Helper:
    """Start `python -m module arguments…` and let it begin once the log knows its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    helper = Helper(process)
    _running.append(helper)
    try:
        undo = {**PLANNED, "pid": process.pid, "start": identity.start_time(process.pid)}
        undoing.log().actor(process.pid)
        replace(fault, undo={**fault.undo, **undo}).register()
        assert process.stdin is not None
        process.stdin.write(_GO)
        process.stdin.flush()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return helper


def reap() -> None:
    """Forget helpers that have ended."""
    for helper in list(_running):
        if helper.process.poll() is not None:
            for pipe in (helper.process.stdin, helper.process.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            _running.remove(helper)


def told_to_begin() -> bool:
    """In the helper: wait for the word; False where whoever started it is gone."""
    return os.read(0, len(_GO)) == _GO
