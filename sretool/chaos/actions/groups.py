"""Control groups of version 1 and 2: limits and use of CPU and memory, read and written alike."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

_UNLIMITED_V1: Final = 1 << 60
"""Version 1 writes no limit as a number near 2⁶³."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_LEAST_QUOTA_US: Final = 1000
"""The kernel refuses less."""
_DEFAULT_PERIOD_US: Final = 100_000


@dataclass(frozen=True, slots=True)
class CpuLimit:
    quota_us: int | None
    """None: no limit."""
    period_us: int

    @property
    def cores(self) -> float | None:
        return None if self.quota_us is None else self.quota_us / self.period_us


def cpu_limit(folder: Path) -> CpuLimit:
    """ActivityFailed where the group has no CPU controller."""
    if (text := _read(folder / "cpu.max")) is not None:
        quota, period = (*text.split(), str(_DEFAULT_PERIOD_US))[:2]
        return CpuLimit(None if quota == "max" else int(quota), int(period))
    quota_us, period_us = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    if quota_us is None or period_us is None:
        raise ActivityFailed(f"{folder} is no control group with a limit of CPU")
    return CpuLimit(int(quota_us) if int(quota_us) > 0 else None, int(period_us))


def cpu_write(folder: Path, cores: float) -> dict[str, Any]:
    """What limits the group to so many cores: `path`, `value` to write, `prior` as it is now."""
    now = cpu_limit(folder)
    quota = round(cores * now.period_us)
    if quota < _LEAST_QUOTA_US:
        least = _LEAST_QUOTA_US / now.period_us
        raise ActivityFailed(f"{cores:.3f} cores are less than the kernel can give: {least:.2f}")
    path = folder / "cpu.max"
    if path.exists():
        prior = _must(path)
        return {"path": path, "value": f"{quota} {now.period_us}", "prior": prior}
    path = folder / "cpu.cfs_quota_us"
    return {"path": path, "value": str(quota), "prior": _must(path)}


def cpu_used(folder: Path) -> float:
    """Seconds of CPU that the processes now in the group have used since they began."""
    total = 0.0
    for pid in (_read(folder / "cgroup.procs") or "").split():
        total += process_cpu(int(pid))
    return total


def process_cpu(pid: int) -> float:
    """Seconds of CPU of one process; 0 where it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat[stat.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_limit(folder: Path) -> int | None:
    """Bytes; None: no limit."""
    if (text := _read(folder / "memory.max")) is not None:
        return None if text == "max" else int(text)
    text = _read(folder / "memory.limit_in_bytes")
    if text is None:
        raise ActivityFailed(f"{folder} is no control group with a limit of memory")
    return None if int(text) >= _UNLIMITED_V1 else int(text)


def memory_used(folder: Path) -> int:
    """Bytes that count towards being killed: without what the kernel can drop from its cache of files."""
    text = _read(folder / "memory.current") or _read(folder / "memory.usage_in_bytes")
    if text is None:
        raise ActivityFailed(f"{folder} does not tell how much memory it uses")
    figures = dict(line.split() for line in (_read(folder / "memory.stat") or "").splitlines())
    droppable = int(figures.get("total_inactive_file", figures.get("inactive_file", "0")))
    return max(0, int(text) - droppable)


def memory_write(folder: Path, size: int) -> dict[str, Any]:
    """What limits the group to so many bytes, in whole pages; as `cpu_write`."""
    path = folder / "memory.max"
    if not path.exists():
        path = folder / "memory.limit_in_bytes"
    return {"path": path, "value": str(size // _PAGE * _PAGE), "prior": _must(path)}


def resident(pid: int) -> int:
    """Bytes of memory that one process holds; 0 where it has ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    return 0


def undo_of(write: dict[str, Any]) -> dict[str, Any]:
    """How a write is undone: only in the same group, and only where nobody else has written since."""
    path: Path = write["path"]
    return {
        "kind": "cgroup_write",
        "path": str(path),
        "inode": path.parent.stat().st_ino,
        "value": write["prior"],
        "applied": [write["value"]],
    }


def perform(write: dict[str, Any]) -> None:
    """Write, and read back; ActivityFailed where the kernel has something else then."""
    path: Path = write["path"]
    try:
        path.write_text(write["value"])
    except OSError as error:
        raise ActivityFailed(f"{path} cannot be written: {error.strerror}") from error
    after = _must(path)
    if after.split() != write["value"].split():
        raise ActivityFailed(f"{path} is {after} after {write['value']} was written")


def writable(path: Path) -> None:
    """ActivityFailed where this user may not write it."""
    if not os.access(path, os.W_OK):
        raise ActivityFailed(f"{path} may not be written by this user; run as root or as the group's owner")


def _must(path: Path) -> str:
    text = _read(path)
    if text is None:
        raise ActivityFailed(f"{path} cannot be read")
    return text


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
