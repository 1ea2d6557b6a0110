"""Processes of this machine, as the kernel has them."""

from __future__ import annotations

from pathlib import Path


def lives(pid: int) -> bool:
    """Whether there is one, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
