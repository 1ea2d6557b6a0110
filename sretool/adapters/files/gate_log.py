"""The record of what the release gate let pass unseen or by exception: a JSON line each, only appended."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "gate.jsonl"


def path(project: Path, environment: Mapping[str, str]) -> Path:
    """In the `.sretool` folder found upward from `project`, else where the user's state is kept."""
    for folder in (project, *project.parents):
        if (folder / ".sretool").is_dir():
            return folder / ".sretool" / FILE
    home = environment.get("HOME")
    state = environment.get("XDG_STATE_HOME") or Path(home or Path.home()) / ".local/state"
    return Path(state) / "sretool" / FILE


def append(file: Path, entry: Mapping[str, Any]) -> None:
    """Add one line that is on the disk when this returns; OSError where it cannot be kept.

    One write under a lock: lines of jobs that run at once never mix, and a torn last line is ended first.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
