"""What this process uses and what it may use: CPU, memory, files; read from /proc and from its own cgroup."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED_V1 = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2⁶³, rounded to pages."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Limits:
    cpu_cores: float
    memory_bytes: int
    enforced: bool
    """False where at least one of the two is merely what the host has."""


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_user: float  # seconds
    cpu_system: float
    resident_bytes: int
    open_files: int
    max_files: int

    @property
    def cpu(self) -> float:
        return self.cpu_user + self.cpu_system


def read_limits(cpu_dir: Path | None, memory_dir: Path | None) -> Limits:
    """The cgroup's limits, v1 or v2, as they are this moment; the host's figures where there are none."""
    cores = _cpu_limit(cpu_dir) if cpu_dir else None
    memory = _memory_limit(memory_dir) if memory_dir else None
    return Limits(
        cpu_cores=cores if cores is not None else float(len(os.sched_getaffinity(0))),
        memory_bytes=memory if memory is not None else _PAGE * os.sysconf("SC_PHYS_PAGES"),
        enforced=cores is not None and memory is not None,
    )


def read_usage() -> Usage:
    times = os.times()
    resident = int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE
    files = len(os.listdir("/proc/self/fd")) - 1  # the listing itself
    return Usage(times.user, times.system, resident, files, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def started_at() -> float:
    """When this process started, in seconds since the epoch."""
    stat = Path("/proc/self/stat").read_text()
    ticks = int(stat[stat.rindex(")") + 2 :].split()[19])
    boot = next(
        float(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line[:5] == "btime"
    )
    return boot + ticks / _TICKS


def _cpu_limit(directory: Path) -> float | None:
    text = _read(directory / "cpu.max")
    if text is not None:
        quota, period = (*text.split(), "100000")[:2]
        return None if quota == "max" else int(quota) / int(period)
    quota_us, period_us = _read(directory / "cpu.cfs_quota_us"), _read(directory / "cpu.cfs_period_us")
    if quota_us is None or period_us is None or int(quota_us) <= 0:
        return None
    return int(quota_us) / int(period_us)


def _memory_limit(directory: Path) -> int | None:
    text = _read(directory / "memory.max")
    if text is not None:
        return None if text == "max" else int(text)
    text = _read(directory / "memory.limit_in_bytes")
    if text is None or int(text) >= _UNLIMITED_V1:
        return None
    return int(text)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
