"""Processes of a lab by their identity: pid and start time, so that one that came back is another one."""

from __future__ import annotations

from typing import Final

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources

_remembered: Final[dict[tuple[str, str], tuple[int, int]]] = {}
"""Lab and process → pid and start time."""


def remember(names: list[str], lab: str = "") -> dict[str, int]:
    """Note who the processes `names` are now, name → pid, so that `ended` and `restarted` can tell."""
    found = sources.lab(lab)
    pids = {}
    for name in names:
        process = found.processes.get(name)
        if process is None:
            raise ActivityFailed(f"{name} is not running: there is nothing to remember")
        _remembered[found.name, name] = (process.pid, process.start)
        pids[name] = process.pid
    return pids


def ended(names: list[str], lab: str = "") -> int:
    """How many of the remembered processes `names` have ended since, come back or not."""
    found = sources.lab(lab)
    now = {name: (each.pid, each.start) for name, each in found.processes.items()}
    return sum(now.get(name) != _of(found.name, name) for name in names)


def restarted(name: str, within: float = 0.0, lab: str = "", sure: bool = False) -> bool:
    """Whether the remembered process `name` was replaced by a new one that is ready, within so many seconds.

    `sure`: fail instead of giving False, so that no run passes without it.
    """

    def back() -> bool:
        found = sources.lab(lab)
        now = found.processes.get(name)
        before = _of(found.name, name)
        return now is not None and now.ready and (now.pid, now.start) != before

    problem = f"{name} was not started again within {within:.0f} s"
    return sources.sure_of(sources.wait_until(back, within), sure, problem)


def running(names: list[str], lab: str = "") -> int:
    """How many of the processes `names` are alive and ready now."""
    found = sources.lab(lab)
    unknown = [name for name in names if name not in found.names]
    if unknown:
        raise ActivityFailed(f"lab {found.name!r} has no process {', '.join(unknown)}")
    return sum((each := found.processes.get(name)) is not None and each.ready for name in names)


def _of(lab: str, name: str) -> tuple[int, int]:
    if (lab, name) not in _remembered:
        raise ActivityFailed(f"{name} was not remembered before: nobody knows whether it has ended since")
    return _remembered[lab, name]
