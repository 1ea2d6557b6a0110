"""What a lab consists of, as data: processes, tasks, and the machine they are for.

A topology is everything a supervisor needs; it says nothing about any one system.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Account(StrEnum):
    """Whose rights a process has."""

    INVOKER = "invoker"
    """Whoever ran `sretool lab up`."""
    DATABASE = "database"
    """Never root: PostgreSQL refuses it. The invoker where that isn't root."""


class Probing(StrEnum):
    TCP = "tcp"
    """Something accepts connections on the port."""
    HTTP = "http"
    """A GET of the address is answered with 200."""
    COMMAND = "command"
    """Every one of the commands ends with 0."""


@dataclass(frozen=True, slots=True)
class Probe:
    """When a process counts as ready."""

    how: Probing
    port: int = 0
    path: str = ""
    commands: tuple[tuple[str, ...], ...] = ()
    within: float = 90.0
    """Seconds in which it must become ready while the lab comes up. Later it has all the time it needs:
    what it depends on may be the one that is broken."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use."""

    cpu_cores: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A program that runs as long as the lab does."""

    name: str
    argv: tuple[str, ...]
    ready: Probe
    port: int | None = None
    """The one it listens on first of all."""
    env: dict[str, str] = field(default_factory=dict)
    """Besides the supervisor's own environment."""
    after: tuple[str, ...] = ()
    """Processes that must be ready and tasks that must be done before it starts; stopped after it."""
    stops_before: tuple[str, ...] = ()
    """Processes that are stopped only when this one is gone, although they started after it."""
    stop_signal: str = "TERM"
    grace: float = 5.0
    """Seconds between the stop signal and SIGKILL."""
    account: Account = Account.INVOKER
    limits: Limits | None = None
    workplace: str | None = None
    """Directory in which only this program's own processes work, also those that leave its group; all of
    them must be gone before it starts again. None: its group is all there is."""


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Commands that run once, one after the other, while the lab comes up."""

    name: str
    commands: tuple[Command, ...]
    env: dict[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    account: Account = Account.INVOKER
    within: float = 90.0
    """Seconds for all commands together."""
    retry: bool = False
    """Whether to run them again after a failure, until the time is up; the commands are repeatable then."""


@dataclass(frozen=True, slots=True)
class CgroupPaths:
    """Directories of one process's own control group; the same one twice in cgroup v2."""

    cpu: str
    memory: str


@dataclass(frozen=True, slots=True)
class Site:
    """What the lab finds on this machine."""

    system: str
    directory: str
    """The lab's folder: configuration, logs, Prometheus's data."""
    database_dir: str
    """PostgreSQL's data; its account can reach it."""
    socket_dir: str
    """PostgreSQL's and HAProxy's sockets; short, because a socket's address has 108 bytes."""
    database_user: str
    """Operating system name of Account.DATABASE, and so PostgreSQL's superuser."""
    ports: Mapping[str, int]
    """A free port for every name in `PORTS`."""
    programs: Mapping[str, str]
    """Where the installed ones of `PROGRAMS` are."""
    environments: Mapping[str, Mapping[str, str]]
    """Variables a program needs because of where it is installed; most need none."""
    python: str
    warm: bool
    """Whether the database clusters exist, complete."""
    primary: str
    """Node that accepted writes last; any where `warm` is false."""
    history_cache: str | None
    """Folder for the generated history; None: none is wanted or can be made."""
    cgroups: Mapping[str, CgroupPaths]
    """By process; missing where limits cannot be enforced."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything a supervisor needs."""

    processes: tuple[ProcessSpec, ...]
    tasks: tuple[TaskSpec, ...]
    files: dict[str, str]
    """Path → text, written before anything starts."""
    endpoints: dict[str, str]
    missing: tuple[str, ...]


def stop_after(topology: Topology) -> dict[str, frozenset[str]]:
    """For each process those that must be gone before it is stopped: what started after it, in reverse."""
    processes = {process.name: process for process in topology.processes}
    direct = {name: process.after for name, process in processes.items()}
    direct |= {task.name: task.after for task in topology.tasks}

    def reached(name: str, seen: set[str]) -> set[str]:
        for other in direct[name]:
            if other not in seen:
                seen.add(other)
                reached(other, seen)
        return seen

    waits: dict[str, set[str]] = {name: set() for name in processes}
    for name in processes:
        for earlier in reached(name, set()) & processes.keys():
            first, then = name, earlier
            if name in processes[earlier].stops_before:
                first, then = earlier, name
            waits[then].add(first)
    return {name: frozenset(others) for name, others in waits.items()}
