"""A running lab, as actions and probes need it: processes with their identity, control groups, addresses.

Read anew from the lab's own record with every call: a process that was started again has another pid by then.
A lab is named by its `name`; `""`, as an unset `${lab}` gives, means the only one that is up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sretool.adapters.lab import cgroups, record
from sretool.errors import ChaosError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.adapters.lab.record import LabRecord

NODES: Final = ("pg-1", "pg-2")
"""Of the database; not imported from the plan of labs, which would load catalogs into every probe."""


@dataclass(frozen=True, slots=True)
class LabProcess:
    """One living process of a lab."""

    name: str
    """As in `sretool lab status`: `app-1`, `pg-1`, `haproxy`."""
    pid: int
    """Also the number of its process group."""
    start: int
    """Clock ticks after boot: with the pid and the boot its identity."""
    ready: bool
    restarts: int
    """How often the lab has started it again."""
    port: int | None
    """The one it listens on first of all, on 127.0.0.1."""
    cpu_group: str | None
    """Folder of its own control group with the CPU limit; None: it has none."""
    memory_group: str | None
    """The same for memory; one and the same folder in cgroup v2."""
    log: str

    @property
    def label(self) -> str:
        """As targets are told: `app-1 (pid 812)`."""
        return f"{self.name} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Lab:
    """What is known of a running lab."""

    name: str
    system: str
    endpoints: Mapping[str, str]
    """Name → address, as in `sretool lab status`: `app`, `app_1`, `prometheus`, `toxiproxy`, `postgres`, …"""
    names: tuple[str, ...]
    """Of all its processes, living or not."""
    processes: Mapping[str, LabProcess]
    """The living ones by name."""
    directory: Path
    """The lab's folder: configuration, logs, Prometheus's data."""
    database: Path | None
    """Folder with one folder of data per PostgreSQL node; None without PostgreSQL."""

    def process(self, name: str) -> LabProcess:
        """ChaosError where there is none of this name, or it is not alive now."""
        found = self.processes.get(name)
        if found is not None:
            return found
        if name in self.names:
            raise ChaosError(f"{name} of lab {self.name!r} is not running at the moment")
        raise ChaosError(f"lab {self.name!r} has no process {name!r}; it has {', '.join(self.names)}")

    def endpoint(self, name: str) -> str:
        """ChaosError where the lab has none of this name."""
        found = self.endpoints.get(name)
        if found is None:
            known = ", ".join(sorted(self.endpoints))
            raise ChaosError(f"lab {self.name!r} has no endpoint {name!r}; it has {known}")
        return found

    def node(self, role: str) -> LabProcess:
        """The process of the PostgreSQL node that is the `primary` or the `standby` at present."""
        if role not in ("primary", "standby"):
            raise ChaosError(f"{role!r} is no part of a database; say primary or standby")
        nodes = [name for name in self.names if name in NODES]
        wanted = [name for name in nodes if self._is_standby(name) == (role == "standby")]
        if len(wanted) != 1:
            raise ChaosError(
                f"lab {self.name!r} has {len(wanted)} database nodes that are {role} at the moment"
            )
        return self.process(wanted[0])

    def _is_standby(self, node: str) -> bool:
        return self.database is not None and (self.database / node / "standby.signal").exists()


def find(name: str = "") -> Lab:
    """The running lab `name`; ChaosError where it is not up, or none is named and not exactly one is up."""
    if name:
        found = record.load(name)
        if found is None or found.state not in record.ALIVE or not record.supervised(found):
            raise ChaosError(f"there is no running lab {name!r}; start it: sretool lab up --name {name}")
        return _facts(found)
    running = record.running()
    if not running:
        raise ChaosError("no lab is running; start one: sretool lab up")
    if len(running) > 1:
        names = ", ".join(lab.name for lab in running)
        raise ChaosError(f"several labs are running, say which one: {names}")
    return _facts(running[0])


def _facts(lab: LabRecord) -> Lab:
    processes = {
        each.name: LabProcess(
            name=each.name,
            pid=each.pid,
            start=each.start_time,
            ready=each.ready,
            restarts=each.restarts,
            port=each.port,
            cpu_group=_group(lab, each.name, "cpu"),
            memory_group=_group(lab, each.name, "memory"),
            log=each.log,
        )
        for each in lab.processes
        if each.pid is not None
        and each.start_time is not None
        and record.start_time(each.pid) == each.start_time
    }
    return Lab(
        name=lab.name,
        system=lab.system,
        endpoints=lab.endpoints,
        names=tuple(each.name for each in lab.processes),
        processes=processes,
        directory=record.labs_dir() / lab.name,
        database=Path(lab.database) if lab.database else None,
    )


def _group(lab: LabRecord, process: str, controller: str) -> str | None:
    """The one of the lab's groups that is this process's and has a limit of this controller."""
    return next(
        (
            folder
            for folder in lab.cgroups
            if Path(folder).name == f"{cgroups.prefix(lab.marker)}-{process}"
            and any(Path(folder, file).exists() for file in cgroups.LIMITS[controller])
        ),
        None,
    )
