"""Facts of a lab: only what lives now, by its identity."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.lab import cgroups, record
from sretool.adapters.lab.record import LabRecord, LabState, Process, ProcessState, Supervisor
from sretool.chaos import lab
from sretool.core.plans import database
from sretool.errors import ChaosError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def _me() -> tuple[int, int]:
    started = record.start_time(os.getpid())
    assert started is not None
    return os.getpid(), started


def written(name: str = "amas", *, groups: tuple[str, ...] = (), database: str | None = None) -> None:
    """A lab on record whose supervisor and whose `app-1` is this process; `app-2`'s pid is a stranger's."""
    pid, started = _me()
    directory = record.labs_dir() / name
    directory.mkdir(parents=True)

    def process(name: str, start: int | None) -> Process:
        return Process(name=name, pid=pid, start_time=start, state=ProcessState.RUNNING, ready=True, port=1)

    record.save(
        directory,
        LabRecord(
            name=name,
            system="amas",
            state=LabState.RUNNING,
            marker=record.marker(name),
            scale=10,
            history=False,
            started_at="2026-01-31T14:00:00Z",
            supervisor=Supervisor(pid=pid, start_time=started),
            catalog="",
            processes=(process("app-1", started), process("app-2", started - 1), process("pg-1", started)),
            endpoints={"app": "http://127.0.0.1:1"},
            cgroups=groups,
            database=database,
        ),
    )


def test_nodes_of_the_database_are_called_as_its_plan_calls_them() -> None:
    assert lab.NODES == database.NODES


def test_a_living_process_is_found_and_a_pid_of_a_stranger_is_not() -> None:
    written()
    found = lab.find("amas")
    pid, started = _me()
    assert (found.process("app-1").pid, found.process("app-1").start) == (pid, started)
    assert found.process("app-1").label == f"app-1 (pid {pid})"
    with pytest.raises(ChaosError, match="app-2 of lab 'amas' is not running"):
        found.process("app-2")
    with pytest.raises(ChaosError, match="no process 'app-3'; it has app-1, app-2, pg-1"):
        found.process("app-3")


def test_groups_are_those_of_the_process_and_of_the_controller(tmp_path: Path) -> None:
    name = f"{cgroups.prefix(record.marker('amas'))}-app-1"
    cpu, memory = tmp_path / "cpu" / name, tmp_path / "memory" / name
    for folder, file in ((cpu, "cpu.cfs_quota_us"), (memory, "memory.limit_in_bytes")):
        folder.mkdir(parents=True)
        (folder / file).touch()
    written(groups=(str(cpu), str(memory)))
    process = lab.find("amas").process("app-1")
    assert (process.cpu_group, process.memory_group) == (str(cpu), str(memory))
    assert lab.find("amas").process("pg-1").cpu_group is None


def test_no_name_means_the_only_lab_and_never_one_of_several() -> None:
    with pytest.raises(ChaosError, match="no lab is running"):
        lab.find()
    written("one")
    assert lab.find("").name == "one"
    written("two")
    with pytest.raises(ChaosError, match="several labs are running, say which one: one, two"):
        lab.find("")
    with pytest.raises(ChaosError, match="no running lab 'three'"):
        lab.find("three")


def test_the_standby_is_the_node_that_is_marked_as_one(tmp_path: Path) -> None:
    written(database=str(tmp_path))
    assert lab.find().node("primary").name == "pg-1"
    (tmp_path / "pg-1").mkdir()
    (tmp_path / "pg-1" / "standby.signal").touch()
    assert lab.find().node("standby").name == "pg-1"
    with pytest.raises(ChaosError, match="0 database nodes that are primary"):
        lab.find().node("primary")
    with pytest.raises(ChaosError, match="'leader' is no part"):
        lab.find().node("leader")
    with pytest.raises(ChaosError, match="no endpoint 'redis'; it has app"):
        lab.find().endpoint("redis")
