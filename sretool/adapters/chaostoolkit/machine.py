"""What holds for the whole machine: one experiment at a time, and none where a stop file says so."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCK: Final = "chaos.lock"
GAMEDAY: Final = "gameday.lock"
"""A game day's own: its experiments take the other one."""
STOP: Final = "chaos.stop"
EVERYBODYS: Final = Path("/etc/sretool") / STOP


class Busy(Exception):
    """Another experiment runs; says which."""


class MachineLock:
    """Held from its making until `release`, or until this process has ended."""

    def __init__(self, environment: Mapping[str, str], title: str, name: str = LOCK) -> None:
        """Busy where somebody else holds the one of this name, OSError where there can be none."""
        place = _place(environment)
        place.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(place / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = _words(os.pread(self._descriptor, 4096, 0))
            os.close(self._descriptor)
            raise Busy(held) from None
        with contextlib.suppress(OSError):
            # Who it is, is for people; the lock holds without it.
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps({"pid": os.getpid(), "title": title}).encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def stop_file(environment: Mapping[str, str]) -> Path | None:
    """The stop file that exists; None: experiments may run."""
    found = (file for file in (EVERYBODYS, own_stop_file(environment)) if os.path.lexists(file))
    return next(found, None)


def own_stop_file(environment: Mapping[str, str]) -> Path:
    return _place(environment) / STOP


def _place(environment: Mapping[str, str]) -> Path:
    home = environment.get("HOME") or str(Path.home())
    return Path(environment.get("XDG_STATE_HOME") or Path(home) / ".local/state") / "sretool"


def _words(data: bytes) -> str:
    try:
        written = json.loads(data)
        return f"{written['title']} (process {written['pid']})"
    except (ValueError, KeyError, TypeError):
        return "it has not said which"
