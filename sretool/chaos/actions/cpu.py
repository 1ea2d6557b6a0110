"""Less CPU for a process: its control group's limit, systemd's, or stopping it for a part of the time.

`share` is said of something: `of: limit` (what it may use now), `core` (one core), `usage` (what it used over
the last second). A process is named as of a lab (`process: app-1`), by its `pid`, or by the folder of its
`cgroup`.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.adapters.lab import cgroups
from sretool.chaos.actions import groups, helper
from sretool.chaos.actions.faults import Fault, figure, seconds, undone
from sretool.chaos.actions.faults import share as share_of
from sretool.chaos.actions.victims import Group, Victim, group_of, victim

_LOOK: Final = 1.0
"""Seconds over which use is measured."""
_MODULE: Final = "sretool.chaos.actions.duty_cycle"


def limit_cpu(
    share: float | str = 0.5,
    of: str = "limit",
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    cgroup: str = "",
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Limit a process's control group to a `share` (0.5 or 50%) `of` its `limit`, one `core` or its `usage`.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`. For the whole group, also for what is started in it later. Version 1 (`cpu.cfs_quota_us`) and
    2 (`cpu.max`). `ttl_s`: seconds after which it is undone whatever happens. Gives `{"target", "cores",
    "before_cores"}` (null: no limit before). Undone by writing the old limit back, in the same group and
    only where nobody else has changed it since.
    """
    fault, write, cores, before = _limit(share, of, process, lab, pid, cgroup, ttl_s)
    fault.register()
    groups.perform(write)
    return {"target": fault.target, "cores": cores, "before_cores": before}


def plan_limit_cpu(
    share: float | str = 0.5,
    of: str = "limit",
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    cgroup: str = "",
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    planned = _limit(share, of, process, lab, pid, cgroup, ttl_s)[0].planned()
    if of == "usage":
        # It follows from a reading, and an approval must hold until the run.
        del planned["undo"]["applied"]
    return [planned]


def restore_cpu(process: str = "", lab: str = "", pid: int | None = None, cgroup: str = "") -> int:
    """Undo `limit_cpu`; gives how many faults were undone.

    Whom: `process` of `lab` (the only one that runs where none is named), a `pid`, or the folder of a
    `cgroup`.
    """
    folder = _whose(process, lab, pid, cgroup).folder
    return sum(undone(kind="cgroup_write", path=str(folder / file)) for file in cgroups.LIMITS["cpu"])


def plan_restore_cpu(
    process: str = "", lab: str = "", pid: int | None = None, cgroup: str = ""
) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def limit_cpu_of_unit(unit: str, cores: float, ttl_s: float | None = None) -> dict[str, Any]:
    """Limit a systemd `unit` to so many `cores` (0.5: half a core) with `systemctl set-property --runtime`.

    Needs systemd and root. Gives `{"target", "cores", "before"}`. Undone by setting the unit's old
    `CPUQuota`; a reboot ends it as well.
    """
    fault, value, before = _unit(unit, cores, ttl_s)
    fault.register()
    _systemctl("set-property", "--runtime", unit, f"CPUQuota={value}")
    return {"target": fault.target, "cores": float(cores), "before": before}


def plan_limit_cpu_of_unit(unit: str, cores: float, ttl_s: float | None = None) -> list[dict[str, Any]]:
    return [_unit(unit, cores, ttl_s)[0].planned()]


def restore_cpu_of_unit(unit: str) -> int:
    """Undo `limit_cpu_of_unit`; gives how many faults were undone."""
    return undone(kind="command", unit=unit)


def plan_restore_cpu_of_unit(unit: str) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def slow_down(
    share: float | str = 0.5,
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    period_ms: float = 100,
    ttl_s: float | None = None,
) -> dict[str, Any]:
    """Let a process run for a `share` (0.5 or 50%) of each period of `period_ms` ms, and stop it otherwise.

    Whom: `process` of `lab` (the only one that runs where none is named), or a `pid`. With SIGSTOP and
    SIGCONT, where control groups are not to be had; needs no root for one's own processes. A share of the
    time, so of what the process would use. Gives `{"target", "share"}`. Undone by ending the helper that
    does it and letting the process go on.
    """
    who = victim(process, lab, pid)
    going, stopping = _cycle(share, who, period_ms, ttl_s)
    # The last entry is undone first: the helper ends, then its victim goes on.
    going.register()
    words = [str(who.pid), str(who.start), f"{share_of(share):g}", "--period", f"{float(period_ms) / 1000:g}"]
    helper.start(_MODULE, [*words, *(["--group"] if who.group else [])], stopping).answer()
    return {"target": who.label, "share": share_of(share)}


def plan_slow_down(
    share: float | str = 0.5,
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    period_ms: float = 100,
    ttl_s: float | None = None,
) -> list[dict[str, Any]]:
    return [_cycle(share, victim(process, lab, pid), period_ms, ttl_s)[0].planned()]


def speed_up(process: str = "", lab: str = "", pid: int | None = None) -> int:
    """Undo `slow_down`; gives how many faults were undone.

    Whom: `process` of `lab` (the only one that runs where none is named), or a `pid`.
    """
    who = victim(process, lab, pid)
    ended = undone(kind="end", of=who.pid, of_start=who.start)
    helper.reap()
    return ended and undone(kind="proceed", pid=who.pid, start=who.start)


def plan_speed_up(process: str = "", lab: str = "", pid: int | None = None) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- control groups


def _whose(process: str, lab: str, pid: int | None, cgroup: str) -> Group:
    return group_of(process, lab, pid, cgroup, "cpu", "use slow_down, or see `sretool chaos doctor`")


def _limit(
    share: float | str,
    of: str,
    process: str,
    lab: str,
    pid: int | None,
    cgroup: str,
    ttl_s: float | None,
) -> tuple[Fault, dict[str, Any], float, float | None]:
    part = share_of(share)
    group = _whose(process, lab, pid, cgroup)
    folder = group.folder
    now = groups.cpu_limit(folder)
    cores = part * _base(of, folder, now.cores)
    write = groups.cpu_write(folder, cores)
    groups.writable(write["path"])
    base = f"{now.cores:g} cores" if now.cores is not None else "no limit"
    # What it used a moment ago is a reading, and not what is approved.
    told = f"{cores:g} cores" if of != "usage" else "what it used before"
    fault = Fault(
        fault=f"CPU {part:.0%} of {'a core' if of == 'core' else f'its {of}'}",
        target=group.label,
        prior=f"{base}; then {told}",
        undo=groups.undo_of(write),
        ttl=seconds(ttl_s),
        of=group.of,
    )
    return fault, write, cores, now.cores


def _base(of: str, folder: Path, limit: float | None) -> float:
    if of == "core":
        return 1.0
    if of == "limit":
        if limit is None:
            raise ActivityFailed(f"{folder} has no limit of CPU; say `of: core` or `of: usage`")
        return limit
    if of == "usage":
        before = groups.cpu_used(folder)
        time.sleep(_LOOK)
        used = (groups.cpu_used(folder) - before) / _LOOK
        if used <= 0:
            raise ActivityFailed(f"{folder} uses no CPU; say `of: core` or `of: limit`")
        return used
    raise ActivityFailed(f"of: {of!r} is none of limit, core, usage")


# ---- systemd


def systemd_problem() -> str | None:
    """Why units cannot be limited here."""
    if shutil.which("systemctl") is None:
        return "systemctl is not installed"
    if not Path("/run/systemd/system").is_dir():
        return "systemd does not run this machine"
    return None


def _unit(unit: str, cores: float, ttl_s: float | None) -> tuple[Fault, str, str]:
    wanted = figure(cores, "cores", least=0.01)
    problem = systemd_problem()
    if problem is not None:
        raise ActivityFailed(f"{problem}; use limit_cpu or slow_down")
    before = _systemctl("show", "--property=CPUQuotaPerSecUSec", "--value", unit)
    value = f"{wanted * 100:g}%"
    undo = {
        "kind": "command",
        "argv": ["systemctl", "set-property", "--runtime", unit, f"CPUQuota={_quota(before)}"],
        "unit": unit,
    }
    fault = Fault(
        fault=f"CPU {wanted:g} cores",
        target=f"systemd unit {unit}",
        prior=f"CPUQuota {before}",
        undo=undo,
        heals="reboot",
        ttl=seconds(ttl_s),
    )
    return fault, value, before


_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}


def _quota(per_second: str) -> str:
    """`CPUQuotaPerSecUSec` as systemctl shows it (`500ms`, `1s 500ms`, `infinity`) as `CPUQuota` takes it."""
    if per_second in ("infinity", ""):
        return ""
    total = 0.0
    for part in per_second.split():
        unit = part.lstrip("0123456789.")
        if unit not in _UNITS:
            raise ActivityFailed(f"systemctl says a quota of {per_second!r}, which is not understood")
        total += float(part[: len(part) - len(unit)]) * _UNITS[unit]
    return f"{total * 100:g}%"


def _systemctl(*words: str) -> str:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ActivityFailed(f"systemctl {words[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


# ---- stopping for a part of the time


def _cycle(share: float | str, who: Victim, period_ms: float, ttl_s: float | None) -> tuple[Fault, Fault]:
    """Two entries: the victim goes on, and the helper that keeps stopping it ends."""
    part = share_of(share)
    if part >= 1:
        raise ActivityFailed(f"share: {share!r} leaves the process as it is; say less than 100%")
    period = figure(period_ms, "period_ms", least=5)
    told = f"runs {part:.0%} of each {period:g} ms"
    going = Fault(
        fault=told,
        target=who.label,
        prior="running",
        undo={"kind": "proceed", "pid": who.pid, "start": who.start, "group": who.group},
        ttl=seconds(ttl_s),
        of=who.of,
    )
    stopping = Fault(
        fault=f"{told}: the helper that does it",
        target=who.label,
        prior="no helper",
        undo={**helper.PLANNED, "of": who.pid, "of_start": who.start},
        ttl=seconds(ttl_s),
        helper=True,
    )
    return going, stopping
