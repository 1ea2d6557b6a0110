"""Too little memory: ballast in a process's control group, a leak in the process itself, or a lower limit.

A process is named as of a lab (`process: app-1`), by its `pid`, or by the folder of its `cgroup`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import httpx
from chaoslib.exceptions import ActivityFailed

from sretool.adapters.lab import cgroups
from sretool.chaos import sources
from sretool.chaos.actions import groups, helper
from sretool.chaos.actions.faults import Fault, figure, seconds, undone
from sretool.chaos.actions.faults import share as share_of
from sretool.chaos.actions.victims import Group, Victim, group_of, victim

HARD_STOP: Final = 0.95
"""Share of the limit that no ballast and no leak goes beyond: above it the kernel kills."""
_MODULE: Final = "sretool.chaos.actions.ballast"
_STEP: Final = 0.25
"""Seconds between two looks at a leak."""
_LATE: Final = 10.0
"""Seconds that a leak may take longer than twice what was asked for."""
_NEARLY: Final = 0.99


def fill_memory(
    share: float | str = 0.9,
    over_s: float = 30,
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    cgroup: str = "",
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Bring the memory in use in a process's control group to a `share` (0.9 or 90%) of its limit.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`. Evenly over `over_s` seconds. With ballast: a helper enters the group and takes memory there;
    the process itself grows by nothing. Never beyond 95 % of the limit; should the kernel run out all the
    same, it kills the helper first. Returns when the share is reached: `{"target", "used_bytes",
    "limit_bytes", "share"}`. Undone by ending the helper.
    """
    fault, folder = _ballast(share, over_s, process, lab, pid, cgroup, ttl_s)
    words = ["--share", f"{share_of(share):g}", "--over", f"{float(over_s):g}", "--stop-at", f"{HARD_STOP:g}"]
    used, limit = (int(each) for each in helper.start(_MODULE, [str(folder), *words], fault).answer().split())
    return {"target": fault.target, "used_bytes": used, "limit_bytes": limit, "share": used / limit}


def plan_fill_memory(
    share: float | str = 0.9,
    over_s: float = 30,
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    cgroup: str = "",
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_ballast(share, over_s, process, lab, pid, cgroup, ttl_s)[0].planned()]


def free_memory(process: str = "", lab: str = "", pid: int | None = None, cgroup: str = "") -> int:
    """Undo `fill_memory`; gives how many faults were undone.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`.
    """
    folder = _whose(process, lab, pid, cgroup).folder
    count = undone(kind="end", ballast=str(folder))
    helper.reap()
    return count


def plan_free_memory(
    process: str = "", lab: str = "", pid: int | None = None, cgroup: str = ""
) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def leak(
    share: float | str = 0.9,
    over_s: float = 30,
    process: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Let a replica of a lab leak: its own memory grows to a `share` (0.9 or 90%) of its limit.

    Evenly over `over_s` seconds. Through the hook for drills of the lab's service (`/upkeep/leak`), so that
    it is the process that grows, as its alerts see it. Never beyond 95 %. Returns when the share is
    reached: `{"target", "used_bytes", "limit_bytes", "share"}`. Undone by telling the process to let go of
    it; its end ends it as well.
    """
    fault, who, limit, url = _leak(share, process, lab, ttl_s)
    part, span = _part(share), figure(over_s, "over_s", least=1)
    missing = limit * part - groups.resident(who.pid)
    if missing <= 0:
        raise ActivityFailed(f"{who.label} uses that much already")
    fault.register()
    _hook("POST", url, {"share": part, "mib_per_s": max(0.1, missing / span / 2**20)})
    until = time.monotonic() + 2 * span + _LATE
    while (used := groups.resident(who.pid)) < limit * part * _NEARLY:
        who.check()
        if time.monotonic() > until:
            raise ActivityFailed(f"{who.label} leaks more slowly than asked: {used / limit:.0%} of its limit")
        time.sleep(_STEP)
    return {"target": who.label, "used_bytes": used, "limit_bytes": limit, "share": used / limit}


def plan_leak(
    share: float | str = 0.9,
    over_s: float = 30,
    process: str = "",
    lab: str = "",
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_leak(share, process, lab, ttl_s)[0].planned()]


def stop_leak(process: str = "", lab: str = "") -> int:
    """Undo `leak`; gives how many faults were undone."""
    return undone(kind="http", url=_url(victim(process, lab), lab))


def plan_stop_leak(process: str = "", lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def limit_memory(
    share: float | str = 0.5,
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    cgroup: str = "",
    may_kill: bool = False,
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Lower the limit of memory of a process's control group to a `share` (0.5 or 50%) of what it is.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`. Version 1 (`memory.limit_in_bytes`) and 2 (`memory.max`). Refuses a limit below 105 % of what
    is in use, which would have the kernel kill in the group, unless `may_kill`. Gives `{"target",
    "limit_bytes", "before_bytes"}`. Undone by writing the old limit back, as for `limit_cpu`.
    """
    fault, write, size, before = _limit(share, process, lab, pid, cgroup, ttl_s)
    used = groups.memory_used(write["path"].parent)
    if used * 1.05 > size and not may_kill:
        raise ActivityFailed(
            f"{fault.target} uses {used / 2**20:.0f} MiB: a limit of {size / 2**20:.0f} MiB would have the"
            " kernel kill in it; say `may_kill: true` if that is meant"
        )
    fault.register()
    groups.perform(write)
    return {"target": fault.target, "limit_bytes": size, "before_bytes": before}


def plan_limit_memory(
    share: float | str = 0.5,
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    cgroup: str = "",
    may_kill: bool = False,
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_limit(share, process, lab, pid, cgroup, ttl_s)[0].planned()]


def restore_memory(process: str = "", lab: str = "", pid: int | None = None, cgroup: str = "") -> int:
    """Undo `limit_memory`; gives how many faults were undone.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`.
    """
    folder = _whose(process, lab, pid, cgroup).folder
    return sum(undone(kind="cgroup_write", path=str(folder / file)) for file in cgroups.LIMITS["memory"])


def plan_restore_memory(
    process: str = "", lab: str = "", pid: int | None = None, cgroup: str = ""
) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- faults


def _whose(process: str, lab: str, pid: int | None, cgroup: str) -> Group:
    return group_of(process, lab, pid, cgroup, "memory", "see `sretool chaos doctor`")


def _limited(folder: Path) -> int:
    limit = groups.memory_limit(folder)
    if limit is None:
        raise ActivityFailed(f"{folder} has no limit of memory: there is nothing to be a share of")
    return limit


def _ballast(
    share: float | str,
    over_s: float,
    process: str,
    lab: str,
    pid: int | None,
    cgroup: str,
    ttl_s: float | None,
) -> tuple[Fault, Path]:
    part, span = _part(share), figure(over_s, "over_s")
    group = _whose(process, lab, pid, cgroup)
    folder, limit = group.folder, _limited(group.folder)
    groups.writable(folder / "cgroup.procs")
    fault = Fault(
        fault=f"memory to {part:.0%} of the limit over {span:g} s, with ballast",
        target=group.label,
        prior=f"limit {limit / 2**20:.0f} MiB, no ballast",
        undo={**helper.PLANNED, "ballast": str(folder)},
        ttl=seconds(ttl_s),
        of=group.of,
    )
    return fault, folder


def _part(share: float | str) -> float:
    part = share_of(share)
    if part > HARD_STOP:
        raise ActivityFailed(f"share: {share!r} is beyond the hard stop at {HARD_STOP:.0%} of the limit")
    return part


def _leak(share: float | str, process: str, lab: str, ttl_s: float | None) -> tuple[Fault, Victim, int, str]:
    part = _part(share)
    who = victim(process, lab)
    if who.memory_group is None:
        raise ActivityFailed(f"{who.label} has no limit of memory; see `sretool chaos doctor`")
    limit = _limited(Path(who.memory_group))
    url = _url(who, lab)
    if _hook("GET", url)["leaking"]:
        raise ActivityFailed(f"{who.label} leaks already")
    fault = Fault(
        fault=f"memory to {part:.0%} of the limit by a leak",
        target=who.label,
        prior="no leak",
        undo={"kind": "http", "method": "DELETE", "url": url, "pid": who.pid, "start": who.start},
        heals="restart",
        ttl=seconds(ttl_s),
        of=who.of,
    )
    return fault, who, limit, url


def _url(who: Victim, lab: str) -> str:
    found = sources.lab(lab)
    with sources.told():
        return f"{found.endpoint(who.name.replace('-', '_'))}/upkeep/leak"


def _hook(method: str, url: str, body: dict[str, float] | None = None) -> dict[str, Any]:
    """What the hook says of the leak."""
    try:
        with httpx.Client(timeout=sources.PATIENCE, trust_env=False) as client:
            reply = client.request(method, url, json=body)
    except httpx.HTTPError as error:
        raise ActivityFailed(f"{url} does not answer: {error}") from error
    if reply.status_code >= 300:
        raise ActivityFailed(f"{url} answers {reply.status_code}: {reply.text[:200]}")
    told: dict[str, Any] = reply.json()
    return told


def _limit(
    share: float | str,
    process: str,
    lab: str,
    pid: int | None,
    cgroup: str,
    ttl_s: float | None,
) -> tuple[Fault, dict[str, Any], int, int]:
    part = share_of(share)
    if part >= 1:
        raise ActivityFailed(f"share: {share!r} is not less than there is")
    group = _whose(process, lab, pid, cgroup)
    before = _limited(group.folder)
    write = groups.memory_write(group.folder, int(before * part))
    groups.writable(write["path"])
    fault = Fault(
        fault=f"memory limit at {part:.0%} of what it is",
        target=group.label,
        prior=f"limit {before / 2**20:.0f} MiB",
        undo=groups.undo_of(write),
        ttl=seconds(ttl_s),
        of=group.of,
    )
    return fault, write, int(write["value"]), before
