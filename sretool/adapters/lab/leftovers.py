"""Processes of a lab whose supervisor is gone: found by what cannot be confused, and ended.

The kernel tells a supervisor's children to end when it dies, so there is rarely anything to do. A pid
alone proves nothing; a process counts as the lab's if it is on record with its start time, carries
the lab's mark in its environment, sits in one of its control groups, or is a PostgreSQL that works in its
data directory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.adapters.lab import cgroups, record
from sretool.adapters.lab.record import Supervisor

if TYPE_CHECKING:
    from sretool.adapters.lab.record import LabRecord

MARK = "SRETOOL_LAB"
"""Environment variable every process of a lab has; its value is the record's `marker`."""
_SUPERVISOR = b"sretool.adapters.lab.supervisor"
_CALM = 2.0
"""Seconds a process gets after SIGTERM."""


def find(lab: LabRecord) -> dict[int, int]:
    """Pid → start time of every living process of the lab, its supervisor included."""
    written = [(process.pid, process.start_time) for process in lab.processes]
    if lab.supervisor is not None:
        written.append((lab.supervisor.pid, lab.supervisor.start_time))
    found = {
        pid: started
        for pid, started in written
        if pid is not None and started is not None and record.start_time(pid) == started
    }
    inside = cgroups.members(_groups(lab))
    for pid in _pids():
        if pid in inside or _is_marked(pid, lab.marker) or _works_in(pid, lab.database):
            began = record.start_time(pid)
            if began is not None:
                found[pid] = began
    for ours in _ourselves():
        found.pop(ours, None)
    return found


def end(lab: LabRecord) -> int:
    """End every process of the lab and remove its control groups; how many there were."""
    found = find(lab)
    count = len(found)
    # One round may uncover more: a parent that starts a child while it is being ended.
    for number, patience in ((signal.SIGTERM, _CALM), (signal.SIGKILL, 2.0), (signal.SIGKILL, 2.0)):
        if not found:
            break
        for pid, started in found.items():
            _signal(pid, started, number)
        _await_end(found, patience)
        found = find(lab)
    cgroups.remove(_groups(lab))
    return count


def kill_workers(folder: str) -> bool:
    """SIGKILL for every PostgreSQL process that works in this directory; whether there was one.

    Of a server without its postmaster: such a backend holds on to the shared memory until it notices.
    """
    found = {pid: record.start_time(pid) for pid in _pids() if _works_in(pid, folder)}
    alive = {pid: started for pid, started in found.items() if started is not None}
    for pid, started in alive.items():
        _signal(pid, started, signal.SIGKILL)
    return bool(alive)


def supervisor(lab: LabRecord) -> Supervisor | None:
    """Who supervises the lab: by the record, or where that is wrong or lost by mark and command line."""
    if record.supervised(lab):
        return lab.supervisor
    for pid in _pids():
        if _is_marked(pid, lab.marker) and _SUPERVISOR in _arguments(pid):
            began = record.start_time(pid)
            if began is not None:
                return Supervisor(pid=pid, start_time=began)
    return None


def _groups(lab: LabRecord) -> set[str]:
    """On record, or named after the lab by a start that did not get as far as a record."""
    return {*lab.cgroups, *cgroups.named(cgroups.prefix(lab.marker))}


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _await_end(processes: dict[int, int], patience: float) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if not any(record.start_time(pid) == started for pid, started in processes.items()):
            return
        time.sleep(0.02)


def _signal(pid: int, started: int, number: int) -> None:
    """Through a descriptor of the process: its pid cannot be given to another one in between."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(pid)
        try:
            if record.start_time(pid) == started:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _pids() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _ourselves() -> list[int]:
    """This process and those it came from: a shell inside the lab's environment is not a leftover."""
    chain = []
    pid = os.getpid()
    while pid > 1:
        chain.append(pid)
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            break
        pid = int(stat[stat.rindex(b")") + 2 :].split()[1])
    return chain


def _is_marked(pid: int, marker: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={marker}".encode() in environment.split(b"\0")


def _works_in(pid: int, database: str | None) -> bool:
    if database is None:
        return False
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
            return False
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(database)
    except OSError:
        return False
