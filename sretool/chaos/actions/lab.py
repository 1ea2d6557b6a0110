"""A program of a lab crashes: killed with all its children, and started again by the lab's supervisor.

For signals to processes elsewhere see `sretool.chaos.actions.process`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources, undoing
from sretool.undo import identity

if TYPE_CHECKING:
    from sretool.chaos.lab import Lab, LabProcess

_ENDED_WITHIN: Final = 5.0


def crash(process: str, lab: str = "") -> dict[str, Any]:
    """Kill the program `process` (`app-1`, `redis`, …) of the lab with SIGKILL, its children with it.

    Gives `{"process", "pid", "at"}`, `at` in unix seconds. The supervisor starts it again after a second.
    """
    found = sources.lab(lab)
    return kill(found, process_of(found, process), f"crash {process}")


def plan_crash(process: str, lab: str = "") -> list[dict[str, Any]]:
    found = sources.lab(lab)
    return [planned(found, process_of(found, process), f"crash {process}")]


def await_back(process: str, lab: str = "") -> float:
    """Wait until the program that was crashed is back and ready; seconds since it was crashed."""
    name = sources.lab(lab).name
    return ended(f"crash {process}", f"{name}/{process} (")


def plan_await_back(process: str, lab: str = "") -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


# ---- shared with the database's actions


def process_of(lab: Lab, name: str) -> LabProcess:
    """ActivityFailed where there is none, or it is not alive."""
    with sources.told():
        return lab.process(name)


def planned(lab: Lab, process: LabProcess, fault: str, *, standby: bool = False) -> dict[str, Any]:
    """What killing it means, in the words of `undoing.before`."""
    argv = [sys.executable, "-m", "sretool.chaos.back", "--lab", lab.name]
    if standby:
        argv.append("--standby")
    # The state folder is where labs are found; who heals may have another one.
    state = os.environ.get("XDG_STATE_HOME")
    return {
        "fault": fault,
        "target": f"{lab.name}/{process.label}",
        "prior": "running",
        "heals": "restart",
        "undo": {
            "kind": "command",
            "argv": [*argv, process.name, str(process.pid)],
            "env": {"XDG_STATE_HOME": state} if state else {},
            "within": 90.0,
        },
    }


def kill(lab: Lab, process: LabProcess, fault: str, *, standby: bool = False) -> dict[str, Any]:
    """SIGKILL to its whole group, put into the undo log before; returns when it has ended."""
    undoing.before(**planned(lab, process, fault, standby=standby))
    if identity.start_time(process.pid) != process.start:
        raise ActivityFailed(f"{process.label} has ended by itself just now")
    at = time.time()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    until = time.monotonic() + _ENDED_WITHIN
    while identity.start_time(process.pid) == process.start:
        if time.monotonic() > until:
            raise ActivityFailed(f"{process.label} does not end")
        time.sleep(0.01)
    return {"process": process.name, "pid": process.pid, "at": at}


def ended(fault: str, target: str) -> float:
    """Undo what is open of this fault on this target; seconds since it was made."""
    entries = [
        each.entry
        for each in undoing.log().left()
        if each.entry.fault == fault and each.entry.target.startswith(target)
    ]
    if not entries:
        raise ActivityFailed(f"there is no {fault} to wait for")
    for entry in entries:
        result = undoing.after(entry)
        if not result.ok:
            raise ActivityFailed(f"{fault}: {result.text}")
    return time.time() - entries[0].at
