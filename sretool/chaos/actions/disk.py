"""A full disk: a file that takes what is free, removed again by the undo."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions.faults import Fault, figure, seconds, undone
from sretool.chaos.actions.faults import share as share_of

NAME: Final = ".sretool-ballast"
"""One per folder, always called the same: a plan that was approved names it."""
MARGIN_BYTES: Final = 2 * 1024**3
MARGIN_SHARE: Final = 0.05
"""What stays free on the file system that the machine itself lives on, the larger of both."""
_STEP: Final = 64 * 1024**2
"""Bytes taken at once, so that others who write meanwhile are seen."""


def fill_disk(
    folder: str,
    share: float | str | None = 0.95,
    size_bytes: float | None = None,
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Fill the file system of `folder` to a `share` (0.95 or 95%; 1: all of it), or take `size_bytes` of it.

    With one file in the folder, whose blocks are reserved and not written. On the file system that the
    machine lives on (that of `/`) at least 2 GiB and 5 % stay free: a drill never fills that. Gives
    `{"target", "file", "taken_bytes", "share"}`. Undone by removing the file.
    """
    fault, path, size = _fill(folder, share, size_bytes, ttl_s)
    fault.register()
    taken = _take(path, size, _reserve(path.parent))
    return {
        "target": fault.target,
        "file": str(path),
        "taken_bytes": taken,
        "share": used_share(path.parent),
    }


def plan_fill_disk(
    folder: str,
    share: float | str | None = 0.95,
    size_bytes: float | None = None,
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_fill(folder, share, size_bytes, ttl_s)[0].planned()]


def free_disk(folder: str) -> int:
    """Undo `fill_disk`; gives how many faults were undone."""
    return undone(kind="file_remove", path=str(Path(folder).resolve() / NAME))


def plan_free_disk(folder: str) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def used_share(folder: str | Path) -> float:
    """Share of the file system of `folder` that is in use, 0–1, as `df` tells it to an ordinary user."""
    found = os.statvfs(folder)
    used = found.f_blocks - found.f_bfree
    return used / (used + found.f_bavail) if used + found.f_bavail else 1.0


def _fill(
    folder: str, share: float | str | None, size_bytes: float | None, ttl_s: float | None
) -> tuple[Fault, Path, int]:
    place = Path(folder).resolve()
    if not place.is_dir():
        raise ActivityFailed(f"there is no folder {folder}")
    if not os.access(place, os.W_OK):
        raise ActivityFailed(f"{place} may not be written by this user")
    path = place / NAME
    if path.exists():
        raise ActivityFailed(f"{place} is filled already; `sretool chaos heal` undoes what was left")
    usage = shutil.disk_usage(place)
    if size_bytes is not None:
        size = int(figure(size_bytes, "size_bytes", least=1))
        told = f"{size / 2**20:g} MiB of the disk taken"
    else:
        part = share_of(share if share is not None else 0.95)
        if part > 1:
            raise ActivityFailed(f"share: {share!r} is more than there is")
        size = max(0, int((usage.used + usage.free) * part) - usage.used)
        told = f"disk to {part:.0%}"
    reserve = _reserve(place)
    if usage.free - size < reserve:
        raise ActivityFailed(
            f"{place} is on the file system that this machine lives on: {reserve / 2**30:.1f} GiB stay free"
            " there; choose a folder on a file system of its own"
        )
    fault = Fault(
        fault=told,
        target=f"file system of {place}",
        prior="no ballast",
        undo={"kind": "file_remove", "path": str(path)},
        ttl=seconds(ttl_s),
    )
    return fault, path, size


def _reserve(place: Path) -> int:
    """Bytes that have to stay free there."""
    return reserve_of_the_machine() if place.stat().st_dev == os.stat("/").st_dev else 0


def reserve_of_the_machine() -> int:
    """Bytes that always stay free on the file system of `/`."""
    return max(MARGIN_BYTES, int(shutil.disk_usage("/").total * MARGIN_SHARE))


def _take(path: Path, size: int, reserve: int) -> int:
    """Reserve so many bytes for the file, as far as there are any; how many it has."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    taken, step = 0, _STEP
    try:
        while taken < size and step:
            length = min(step, size - taken)
            if reserve and shutil.disk_usage(path.parent).free - length < reserve:
                break
            try:
                os.posix_fallocate(descriptor, taken, length)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise ActivityFailed(f"{path}: no space can be reserved: {error.strerror}") from error
                step = length // 2
            else:
                taken += length
    finally:
        os.close(descriptor)
    return taken
