"""Every log on this machine that may hold something to undo, wherever its run is kept.

One small file for each in `$XDG_STATE_HOME/sretool/undo/`, so that any command of sretool, started in any
folder, finds what an earlier one has left. Looking costs one listing of a folder that is empty as a rule.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def place(environment: Mapping[str, str]) -> Path:
    """Where the index is."""
    state = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "sretool" / "undo"


def add(index: Path, folder: Path) -> None:
    """Put a log on the index, on the disk when this returns; OSError where it can't be kept."""
    index.mkdir(parents=True, exist_ok=True)
    file = _file(index, folder)
    draft = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps({"folder": str(folder.resolve())}).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(file)
    _sync(index)


def drop(index: Path, folder: Path) -> None:
    """Nothing is left to undo there."""
    with contextlib.suppress(OSError):
        _file(index, folder).unlink()


def folders(index: Path) -> list[Path]:
    """Of all logs on the index; one whose folder is gone is dropped from it."""
    found = []
    try:
        names = os.listdir(index)
    except OSError:
        return []
    for name in sorted(names):
        if not name.endswith(".json"):
            _drop_draft(index / name)
            continue
        file = index / name
        try:
            folder = Path(json.loads(file.read_bytes())["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if folder.is_dir():
            found.append(folder)
        else:
            with contextlib.suppress(OSError):
                file.unlink()
    return found


def _drop_draft(file: Path) -> None:
    """Of a program that was killed before it was done."""
    pid = file.suffix[1:]
    if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
        with contextlib.suppress(OSError):
            file.unlink()


def _file(index: Path, folder: Path) -> Path:
    return index / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.json"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
