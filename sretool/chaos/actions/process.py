"""Signals to processes, by an identity that is checked right before: pid, start time and boot.

A process is named as of a lab (`process: app-1`, `primary` and `standby` for the database) or by its `pid`.
"""

from __future__ import annotations

import shlex
import signal
import time
from typing import Any, Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources
from sretool.chaos.actions.faults import Fault, figure, seconds, undone, undone_where
from sretool.chaos.actions.lab import planned, process_of
from sretool.chaos.actions.victims import Victim, victim
from sretool.undo import identity

_END: Final = "end with"
_STOPPED_WITHIN: Final = 2.0


def pause(
    process: str = "", lab: str = "", pid: int | None = None, ttl_s: float | None = None
) -> dict[str, Any]:
    """Freeze a process with SIGSTOP: it keeps its sockets and memory and answers nobody.

    `process` of `lab` (with its whole process group), or one `pid`. `ttl_s`: seconds after which it goes on
    whatever happens. Gives `{"target", "pid"}`. Undone by SIGCONT, where pid, start time and boot are still
    the same.
    """
    who = victim(process, lab, pid)
    _pause(who, ttl_s).register()
    who.send(signal.SIGSTOP)
    _until(lambda: identity.stopped(who.pid), f"{who.label} is not stopped", _STOPPED_WITHIN)
    return {"target": who.label, "pid": who.pid}


def plan_pause(
    process: str = "", lab: str = "", pid: int | None = None, ttl_s: float | None = None
) -> list[dict[str, Any]]:
    return [_pause(victim(process, lab, pid), ttl_s).planned()]


def proceed(process: str = "", lab: str = "", pid: int | None = None) -> int:
    """Let a process that `pause` froze go on; gives how many faults were undone (0: it was not frozen)."""
    who = victim(process, lab, pid)
    return undone(kind="proceed", pid=who.pid, start=who.start)


def plan_proceed(process: str = "", lab: str = "", pid: int | None = None) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def kill(
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    start_again: list[str] | str | None = None,
    within_s: float = 5.0,
) -> dict[str, Any]:
    """End a process with SIGKILL, as a crash does, and wait until it has ended.

    `process` of `lab` (with its whole process group; the lab's supervisor starts it again after a second), or
    one `pid`. For a `pid` give `start_again`, a command that may be run twice and ends with 3 where nothing
    is left to do, or `""` where somebody else starts it again: it is the undo. `within_s`: seconds it may
    take to end. Gives `{"target", "pid", "at"}`, `at` in unix seconds.
    """
    return _end(signal.SIGKILL, process, lab, pid, start_again, within_s)


def plan_kill(
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    start_again: list[str] | str | None = None,
    within_s: float = 5.0,
) -> list[dict[str, Any]]:
    return [_ended(signal.SIGKILL, victim(process, lab, pid), lab, start_again).planned()]


def terminate(
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    start_again: list[str] | str | None = None,
    within_s: float = 30.0,
) -> dict[str, Any]:
    """Ask a process to end with SIGTERM, as an orderly stop does, and wait until it has; otherwise as `kill`.

    Fails where it is still there after `within_s` seconds.
    """
    return _end(signal.SIGTERM, process, lab, pid, start_again, within_s)


def plan_terminate(
    process: str = "",
    lab: str = "",
    pid: int | None = None,
    start_again: list[str] | str | None = None,
    within_s: float = 30.0,
) -> list[dict[str, Any]]:
    return [_ended(signal.SIGTERM, victim(process, lab, pid), lab, start_again).planned()]


def restore(process: str = "", lab: str = "", pid: int | None = None) -> int:
    """Undo `kill` or `terminate`: wait until the lab has the process back, or run `start_again` of the `pid`.

    Gives how many faults were undone.
    """
    whose = f"{sources.lab(lab).name}/{process} (pid " if process else f"(pid {pid})"
    return undone_where(lambda entry: entry.fault.startswith(_END) and whose in entry.target)


def plan_restore(process: str = "", lab: str = "", pid: int | None = None) -> list[dict[str, Any]]:
    """It hurts nothing."""
    return []


def _pause(who: Victim, ttl_s: float | None) -> Fault:
    return Fault(
        fault="pause",
        target=who.label,
        prior="running",
        undo={"kind": "proceed", "pid": who.pid, "start": who.start, "group": who.group},
        heals="undo",
        ttl=seconds(ttl_s),
        of=who.of,
    )


def _end(
    number: signal.Signals,
    process: str,
    lab: str,
    pid: int | None,
    again: list[str] | str | None,
    within_s: float,
) -> dict[str, Any]:
    within = figure(within_s, "within_s")
    who = victim(process, lab, pid)
    fault = _ended(number, who, lab, again)
    if fault.undo:
        fault.register()
    at = time.time()
    who.send(number)
    _until(lambda: identity.start_time(who.pid) != who.start, f"{who.label} does not end", within)
    return {"target": who.label, "pid": who.pid, "at": at}


def _ended(number: signal.Signals, who: Victim, lab: str, again: list[str] | str | None) -> Fault:
    undo: dict[str, Any] = {}
    if again:
        argv = shlex.split(again) if isinstance(again, str) else [str(each) for each in again]
        undo = {"kind": "command", "argv": argv}
    elif who.name:
        found = sources.lab(lab)
        undo = planned(found, process_of(found, who.name), "")["undo"]
    elif again is None:
        raise ActivityFailed(
            f"nobody is known to start {who.label} again; give the command as `start_again`,"
            ' or "" where somebody does'
        )
    return Fault(
        fault=f"{_END} {number.name}",
        target=who.label,
        prior="running",
        undo=undo,
        heals="undo" if again else "restart",
        of=who.of,
    )


def _until(true: Any, problem: str, within: float) -> None:
    until = time.monotonic() + within
    while not true():
        if time.monotonic() > until:
            raise ActivityFailed(f"{problem} within {within:g} s")
        time.sleep(0.005)
