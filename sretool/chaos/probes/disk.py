"""How full a disk is."""

from __future__ import annotations

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import disk


def used_share(folder: str) -> float:
    """Share of the file system of `folder` that is in use, 0 to 1, as `df` tells it to an ordinary user."""
    try:
        return disk.used_share(folder)
    except OSError as error:
        raise ActivityFailed(f"{folder}: {error.strerror}") from error
