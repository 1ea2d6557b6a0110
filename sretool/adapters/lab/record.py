"""What is written down about each lab: which processes, where they answer, who supervises them.

One file per lab, replaced whole: any command finds a lab from any folder, also when the supervisor
is gone. Cheap to import, because every command that may use a running lab reads it.
"""

from __future__ import annotations

import hashlib
import os
from enum import StrEnum
from pathlib import Path

import msgspec

SCHEMA = 1


class LabState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


ALIVE = (LabState.STARTING, LabState.RUNNING, LabState.STOPPING)
"""States in which there should be a supervisor."""


class ProcessState(StrEnum):
    WAITING = "waiting"
    """For those it starts after."""
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """It ended and comes back after a pause."""
    STOPPED = "stopped"
    FAILED = "failed"


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One program of the lab."""

    name: str
    pid: int | None = None
    start_time: int | None = None
    """Clock ticks after boot (field 22 of /proc/<pid>/stat): tells it from a later process with its pid."""
    state: ProcessState = ProcessState.WAITING
    ready: bool = False
    restarts: int = 0
    port: int | None = None
    log: str = ""


class Supervisor(msgspec.Struct, frozen=True, kw_only=True):
    pid: int
    start_time: int


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a lab did not come up."""

    kind: str
    """Name of the error's class in `sretool.errors`."""
    message: str
    remedy: str | None = None


class LabRecord(msgspec.Struct, frozen=True, kw_only=True):
    """state.json of one lab."""

    schema: int = SCHEMA
    name: str
    system: str
    state: LabState
    marker: str
    """Value of SRETOOL_LAB in the environment of its processes; unique on the machine."""
    scale: int
    """Windows of the symptom rules are divided by this: 10, or 1 with --real-time."""
    history: bool
    started_at: str
    """RFC 3339 UTC."""
    ready_after: float | None = None
    """Seconds from the command to the last process being ready; None while starting."""
    supervisor: Supervisor | None = None
    catalog: str
    processes: tuple[Process, ...] = ()
    ports: dict[str, int] = {}
    endpoints: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    """Features that fell away, each one sentence."""
    database: str | None = None
    """Directory of PostgreSQL's data; None without PostgreSQL."""
    cgroups: tuple[str, ...] = ()
    """Directories the lab made below /sys/fs/cgroup."""
    failure: Failure | None = None

    @property
    def process_by_name(self) -> dict[str, Process]:
        return {process.name: process for process in self.processes}


def labs_dir() -> Path:
    """Where labs live; one folder each."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state).absolute() if state else Path.home() / ".local/state") / "sretool" / "labs"


def marker(name: str) -> str:
    """Name of a lab that no lab of another user or another state folder shares."""
    return f"{name}-{hashlib.sha256(str(labs_dir().resolve()).encode()).hexdigest()[:8]}"


def load(name: str) -> LabRecord | None:
    """What is written about the lab `name`, true or not; None where nothing (readable) is."""
    return load_from(labs_dir() / name)


def load_from(directory: Path) -> LabRecord | None:
    """Like `load`, for the lab in `directory`."""
    try:
        return msgspec.json.decode((directory / "state.json").read_bytes(), type=LabRecord)
    except (OSError, msgspec.MsgspecError):
        return None


def save(directory: Path, record: LabRecord) -> None:
    """Replace state.json whole: a reader sees the old or the new one."""
    draft = directory / f".state.{os.getpid()}.json"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    draft.replace(directory / "state.json")


def start_time(pid: int) -> int | None:
    """When the process began, in clock ticks after boot; None where there is none, or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def supervised(lab: LabRecord) -> bool:
    """Whether the supervisor on record is the process that has its pid now."""
    boss = lab.supervisor
    return boss is not None and start_time(boss.pid) == boss.start_time


def every() -> list[LabRecord]:
    """Every lab on record, by name."""
    try:
        names = sorted(entry.name for entry in os.scandir(labs_dir()) if entry.is_dir())
    except OSError:
        return []
    return [lab for name in names if (lab := load(name)) is not None]


def running() -> list[LabRecord]:
    """Labs that are up: by their record, and their supervisor is alive."""
    return [lab for lab in every() if lab.state is LabState.RUNNING and supervised(lab)]
