"""The primary of a database dies, and another server takes its part.

In a lab its failover does the promotion; elsewhere give the commands. The undo brings the old primary back
as a standby that streams: it never gets its part back.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources, undoing
from sretool.chaos.actions.lab import ended, kill, planned, process_of
from sretool.chaos.lab import NODES
from sretool.chaos.probes.database import Servers, primary

FAULT: Final = "database failover"
_LOOK: Final = 0.1


def failover(
    within: float = 60.0,
    lab: str = "",
    servers: Servers = None,
    kill_command: list[str] | None = None,
    promote_command: list[str] | None = None,
    restore_command: list[str] | None = None,
) -> dict[str, Any]:
    """Kill the primary with SIGKILL and wait until another server commits writes.

    Gives `{"killed", "promoted", "seconds", "at"}`: names of servers, seconds from the kill until another one
    accepts writes, and the unix time of the kill. Fails where none does `within` so many seconds.

    For a database outside a lab give `servers` (name → address by a role that may look at it), `kill_command`
    and `restore_command`, which makes the old primary a standby again and may be run more than once (it ends
    with 0, or with 3 where there is nothing left to do). `promote_command` is run after the kill where no
    failover manager does it. In each argument `{primary}` is the primary's name.
    """
    old = primary(servers, lab)
    if servers:
        at = _kill_by_command(old, kill_command, restore_command)
    else:
        found = sources.lab(lab)
        at = float(kill(found, process_of(found, old), FAULT, standby=True)["at"])
    if promote_command:
        _run(promote_command, old, within)
    new = _promoted(old, within, servers, lab)
    return {"killed": old, "promoted": new, "seconds": round(time.time() - at, 3), "at": at}


def plan_failover(
    within: float = 60.0,
    lab: str = "",
    servers: Servers = None,
    kill_command: list[str] | None = None,
    promote_command: list[str] | None = None,
    restore_command: list[str] | None = None,
) -> list[dict[str, Any]]:
    old = primary(servers, lab)
    if servers:
        return [{**_planned_by_command(old, kill_command, restore_command), "of": len(servers)}]
    found = sources.lab(lab)
    nodes = sum(name in NODES for name in found.names)
    return [{**planned(found, process_of(found, old), FAULT, standby=True), "of": nodes}]


def restore(lab: str = "") -> float:
    """Wait until the old primary is back as a standby that streams; seconds since it was killed."""
    return ended(FAULT, "")


def plan_restore(lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def _planned_by_command(
    old: str, kill_command: list[str] | None, restore_command: list[str] | None
) -> dict[str, Any]:
    if not kill_command or not restore_command:
        raise ActivityFailed("outside a lab, kill_command and restore_command are needed")
    return {
        "fault": FAULT,
        "target": old,
        "prior": "primary",
        "heals": "undo",
        "undo": {"kind": "command", "argv": _filled(restore_command, old), "within": 120.0},
    }


def _kill_by_command(old: str, kill_command: list[str] | None, restore_command: list[str] | None) -> float:
    undoing.before(**_planned_by_command(old, kill_command, restore_command))
    assert kill_command is not None
    at = time.time()
    _run(kill_command, old, 30.0)
    return at


def _promoted(old: str, within: float, servers: Servers, lab: str) -> str:
    until = time.monotonic() + within
    while True:
        try:
            new = primary(servers, lab, commits=True)
        except ActivityFailed:
            new = old
        if new != old:
            return new
        if time.monotonic() > until:
            raise ActivityFailed(f"no other server than {old} accepts writes after {within:.0f} s")
        time.sleep(_LOOK)


def _run(command: list[str], old: str, within: float) -> None:
    argv = _filled(command, old)
    try:
        done = subprocess.run(argv, capture_output=True, timeout=within, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ActivityFailed(f"{argv[0]}: {error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ActivityFailed(f"{argv[0]} ended with {done.returncode}{f': {said[-1]}' if said else ''}")


def _filled(command: list[str], old: str) -> list[str]:
    return [each.replace("{primary}", old) for each in command]
