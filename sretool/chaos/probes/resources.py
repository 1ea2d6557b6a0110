"""What a process may use and does use of CPU and memory: doses, read where they act.

A process is named as of a lab (`process: app-1`), by its `pid`, or by the folder of its `cgroup`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import groups
from sretool.chaos.actions.faults import figure
from sretool.chaos.actions.victims import victim

_LEAST: Final = 0.1
"""Seconds below which ticks of a hundredth say nothing."""
_FEWEST: Final = 0.01
"""Cores: the kernel takes no smaller limit."""


def cpu_limit(
    process: str = "", lab: str = "", pid: int | None = None, cgroup: str = "", of: float | None = None
) -> float:
    """Cores that the control group may use; as a share `of` so many, where they are given.

    Fails where it has no limit: that is no number. Whom: `process` of `lab` (the only one that runs where
    none is named), a `pid`, or the folder of a `cgroup`.
    """
    folder = Path(cgroup) if cgroup else _folder(process, lab, pid, "cpu_group")
    cores = groups.cpu_limit(folder).cores
    if cores is None:
        raise ActivityFailed(f"{folder} has no limit of CPU")
    return cores if of is None else cores / figure(of, "of", least=_FEWEST)


def cpu_used(process: str = "", lab: str = "", pid: int | None = None, over_s: float = 1.0) -> float:
    """Cores that the process itself uses, measured over `over_s` seconds.

    Fails where it ends meanwhile. Whom: `process` of `lab` (the only one that runs where none is named), or
    a `pid`.
    """
    span = figure(over_s, "over_s", least=_LEAST)
    who = victim(process, lab, pid)
    before, began = groups.process_cpu(who.pid), time.monotonic()
    time.sleep(span)
    after, took = groups.process_cpu(who.pid), time.monotonic() - began
    who.check()
    return (after - before) / took


def cpu_share(process: str = "", lab: str = "", pid: int | None = None, over_s: float = 1.0) -> float:
    """What the process uses of what its control group may use now, 0–1, over `over_s` seconds.

    Whom: `process` of `lab` (the only one that runs where none is named), or a `pid`.
    """
    return cpu_used(process, lab, pid, over_s) / cpu_limit(process, lab, pid)


def cpu_throttled(
    process: str = "", lab: str = "", pid: int | None = None, cgroup: str = "", over_s: float = 1.0
) -> float:
    """Share of scheduling periods, 0–1, in which the control group ran into its limit, over `over_s` seconds.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`. Fails where it ran in no period at all: nothing was measured.
    """
    span = figure(over_s, "over_s", least=_LEAST)
    folder = Path(cgroup) if cgroup else _folder(process, lab, pid, "cpu_group")
    before = _periods(folder)
    time.sleep(span)
    after = _periods(folder)
    if after[0] == before[0]:
        raise ActivityFailed(f"nothing of {folder} ran for {span:g} s")
    return (after[1] - before[1]) / (after[0] - before[0])


def memory_share(
    process: str = "", lab: str = "", pid: int | None = None, cgroup: str = "", of: str = "group"
) -> float:
    """Memory in use of the control group's limit, 0–1: of the whole `group`, or of the `process` itself.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`.
    """
    if of not in ("group", "process"):
        raise ActivityFailed(f"of: {of!r} is neither group nor process")
    folder = Path(cgroup) if cgroup else _folder(process, lab, pid, "memory_group")
    limit = groups.memory_limit(folder)
    if limit is None:
        raise ActivityFailed(f"{folder} has no limit of memory")
    if of == "group":
        return groups.memory_used(folder) / limit
    who = victim(process, lab, pid)
    used = groups.resident(who.pid)
    who.check()
    return used / limit


def _folder(process: str, lab: str, pid: int | None, which: str) -> Path:
    who = victim(process, lab, pid)
    found = getattr(who, which)
    if found is None:
        raise ActivityFailed(f"{who.label} has no control group of its own")
    return Path(found)


def _periods(folder: Path) -> tuple[int, int]:
    """Scheduling periods since the group was made, and those in which it ran into its limit."""
    try:
        figures = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
        return int(figures["nr_periods"]), int(figures["nr_throttled"])
    except (OSError, KeyError, ValueError) as error:
        raise ActivityFailed(f"{folder}/cpu.stat does not tell how often it was throttled") from error
