"""Where a project keeps what sretool writes for it, and how lines are added to a file there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = ".sretool"


def state_folder(project: Path, environment: Mapping[str, str]) -> Path:
    """The `.sretool` folder found upward from `project`, else where the user's state is kept."""
    for folder in (project, *project.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
    home = environment.get("HOME")
    state = environment.get("XDG_STATE_HOME") or Path(home or Path.home()) / ".local/state"
    return Path(state) / "sretool"


def append_line(file: Path, line: bytes) -> None:
    """Add one line (without its end) that is on the disk when this returns; OSError where it cannot be kept.

    One write under a lock: lines of programs that run at once never mix, and a torn last line is ended first.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    line += b"\n"
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        write_all(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Every byte, however many calls that takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def replace_file(file: Path, data: bytes) -> None:
    """Replace `file` whole, on the disk when this returns: a reader sees the old or the new one."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Names made or replaced in `folder` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
