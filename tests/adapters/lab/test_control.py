"""What the commands refuse, each with one clear message and what to do about it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
from collections import namedtuple
from typing import TYPE_CHECKING

import msgspec
import pytest

from sretool.adapters.lab import cgroups, control, leftovers, ports, programs, record
from sretool.adapters.lab.control import Wish
from sretool.adapters.lab.record import LabRecord, LabState, Process, ProcessState, Supervisor
from sretool.adapters.lab.supervisor import Plan
from sretool.core.plans.lab_config import Texts
from sretool.core.plans.processes import CgroupPaths, Limits, Probe, Probing, ProcessSpec, Topology
from sretool.errors import BinaryMissing, DiskFull, LabError, LabLocked, PortTaken, UsageError, WrongOwner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(control, "_LOCK_PATIENCE", 0.0)
    return record.labs_dir()


def wish(tmp_path: Path, *, name: str = "amas", scale: int = 10, history: bool = True) -> Wish:
    texts = Texts(rules={}, alertmanager="")
    return Wish(name=name, system="amas", catalog=tmp_path, texts=texts, scale=scale, history=history)


def up(wanted: Wish) -> LabRecord:
    return control.up(wanted, lambda event: None)[0]


def running(labs: Path, **changes: object) -> LabRecord:
    """A lab on record whose supervisor is this very process."""
    me = Supervisor(pid=os.getpid(), start_time=record.start_time(os.getpid()) or 0)
    lab = LabRecord(
        name="amas",
        system="amas",
        state=LabState.RUNNING,
        marker="amas-test",
        scale=10,
        history=True,
        started_at="2026-01-01T00:00:00Z",
        supervisor=me,
        catalog="/catalog",
    )
    lab = msgspec.structs.replace(lab, **changes)
    (labs / "amas").mkdir(parents=True)
    record.save(labs / "amas", lab)
    return lab


@pytest.mark.parametrize("name", ["", "..", "A", "a/b", "-x", "x" * 25, "a b"])
def test_a_name_that_makes_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not a name for a lab"):
        up(wish(tmp_path, name=name))


@pytest.mark.parametrize("name", ["", "../x", "a/b"])
def test_no_command_looks_at_a_name_that_makes_no_folder(labs: Path, name: str) -> None:
    for look in (control.status, control.down, control.reset, lambda name: control.log_path(name, "redis")):
        with pytest.raises(UsageError, match="not a name for a lab"):
            look(name)


def test_a_lab_that_is_up_is_found(labs: Path, tmp_path: Path) -> None:
    lab = running(labs)
    assert control.up(wish(tmp_path), lambda event: None) == (lab, True)


@pytest.mark.parametrize(
    ("scale", "history", "said"),
    [(1, True, "without --real-time"), (10, False, "with history"), (1, False, "real-time, with history")],
)
def test_a_lab_with_other_options_is_not_taken_for_the_wanted_one(
    labs: Path, tmp_path: Path, scale: int, history: bool, said: str
) -> None:
    running(labs)
    with pytest.raises(UsageError, match=said) as raised:
        up(wish(tmp_path, scale=scale, history=history))
    assert raised.value.remedy is not None
    assert "lab down --name amas" in raised.value.remedy


def test_a_lab_that_another_command_changes_is_left_alone(labs: Path, tmp_path: Path) -> None:
    labs.mkdir(parents=True)
    handle = os.open(labs / ".amas.lock", os.O_RDWR | os.O_CREAT)
    os.write(handle, b"4711")
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(LabLocked, match=r"another command \(pid 4711\) is changing the lab 'amas'"):
        up(wish(tmp_path))
    os.close(handle)


def test_the_lock_of_a_command_that_ended_is_no_obstacle(labs: Path, tmp_path: Path) -> None:
    running(labs)
    (labs / ".amas.lock").write_text("4711")
    assert control.up(wish(tmp_path), lambda event: None)[1]


def test_too_little_room_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**10, 0, 10**9))
    with pytest.raises(DiskFull, match=r"only 0\.9 GB are free") as raised:
        up(wish(tmp_path))
    assert raised.value.remedy is not None
    assert "XDG_STATE_HOME" in raised.value.remedy


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, DiskFull, "no space is left"),
        (errno.EDQUOT, DiskFull, "no space is left"),
        (errno.EACCES, WrongOwner, "cannot be written"),
        (errno.EROFS, WrongOwner, "cannot be written"),
        (errno.EIO, LabError, "Input/output error"),
    ],
)
def test_what_the_file_system_refuses_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[LabError], said: str
) -> None:
    def refuse(directory: Path, made: LabRecord) -> None:
        raise OSError(number, os.strerror(number), str(directory))

    monkeypatch.setattr(record, "save", refuse)
    monkeypatch.setattr(cgroups, "create", lambda prefix, limits: {})
    monkeypatch.setattr(control, "_make_folders", lambda *places: None)
    with pytest.raises(kind, match=said) as raised:
        up(wish(tmp_path))
    assert type(raised.value) is kind


def test_a_folder_of_somebody_else_is_not_touched(
    labs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (labs / "amas").mkdir(parents=True)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(WrongOwner, match="belongs to") as raised:
        up(wish(tmp_path))
    assert raised.value.remedy is not None
    assert "--name" in raised.value.remedy


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda name: None)
    with pytest.raises(BinaryMissing, match="prometheus") as raised:
        up(wish(tmp_path))
    assert raised.value.remedy is not None
    assert "sretool doctor" in raised.value.remedy


def test_no_port_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    monkeypatch.setattr(cgroups, "create", lambda prefix, limits: {})
    monkeypatch.setattr(control, "_make_folders", lambda *places: None)
    with pytest.raises(PortTaken, match="no free port is left"):
        up(wish(tmp_path))


def test_a_lab_without_its_supervisor_has_failed_and_says_what_to_do(labs: Path) -> None:
    gone = Supervisor(pid=os.getpid(), start_time=0)
    process = Process(name="redis", pid=os.getpid(), start_time=0, state=ProcessState.RUNNING, ready=True)
    running(labs, supervisor=gone, processes=(process,))
    lab = control.status("amas")
    assert lab is not None
    assert lab.state is LabState.FAILED
    assert lab.failure is not None
    assert "lab down" in (lab.failure.remedy or "")
    assert (lab.processes[0].state, lab.processes[0].ready) == (ProcessState.STOPPED, False)


def test_the_failure_of_a_start_is_raised_as_what_it_was(labs: Path) -> None:
    failure = record.Failure(kind="PortTaken", message="port 1 is in use", remedy="again")
    lab = running(labs, state=LabState.FAILED, failure=failure)
    with pytest.raises(PortTaken, match="port 1 is in use"):
        control.check_alive(lab, labs / "amas")


@pytest.fixture
def orphan(labs: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the lab `amas` that no record tells of."""
    environment = {**os.environ, leftovers.MARK: record.marker("amas")}
    with subprocess.Popen(["sleep", "60"], env=environment) as process:
        yield process
        process.kill()


def spoil(labs: Path) -> Path:
    file = labs / "amas" / "state.json"
    file.parent.mkdir(parents=True)
    file.write_text("{x")
    return file


def test_a_record_that_cannot_be_read_is_told_with_what_to_do(labs: Path) -> None:
    file = spoil(labs)
    lab = control.status("amas")
    assert lab is not None
    assert lab.state is LabState.FAILED
    assert lab.failure is not None
    assert lab.failure.message == f"the record of lab 'amas', {file}, cannot be read"
    assert "`sretool lab down --name amas`" in (lab.failure.remedy or "")


def test_down_finds_a_lab_whose_record_cannot_be_read(labs: Path, orphan: subprocess.Popen[bytes]) -> None:
    spoil(labs)
    assert control.down("amas")
    assert orphan.wait(1) == -signal.SIGTERM
    lab = control.status("amas")
    assert lab is not None
    assert lab.state is LabState.STOPPED
    assert not control.down("amas")


def test_reset_finds_a_lab_whose_folder_is_gone(labs: Path, orphan: subprocess.Popen[bytes]) -> None:
    assert control.status("amas") is not None
    assert control.reset("amas")
    assert orphan.wait(1) == -signal.SIGTERM
    assert control.status("amas") is None
    assert not (labs / "amas").exists()


def test_the_ports_of_a_lost_record_are_those_of_the_plan(labs: Path) -> None:
    folder = spoil(labs).parent
    ready = Probe(Probing.TCP, port=25431)
    processes = tuple(ProcessSpec(name, ("true",), ready, port=25431) for name in ("pg-1", "haproxy"))
    plan = Plan(Topology(processes, (), {}, {}, ()), {}, {}, 0.0)
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    lab = control.status("amas")
    assert lab is not None
    assert lab.ports == {"pg-1": 25431}


def test_control_groups_of_a_start_that_failed_are_removed(
    labs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (labs / "amas" / "state.json").mkdir(parents=True)
    point = tmp_path / "cgroup"
    point.mkdir()
    mount = cgroups.Mount(2, "/", str(point), frozenset())
    monkeypatch.setattr(cgroups, "parse_mounts", lambda text: [mount])

    def create(prefix: str, limits: Mapping[str, Limits]) -> dict[str, CgroupPaths]:
        made = {name: str(point / "deep" / f"{prefix}-{name}") for name in limits}
        for folder in made.values():
            os.makedirs(folder)
        return {name: CgroupPaths(folder, folder) for name, folder in made.items()}

    monkeypatch.setattr(cgroups, "create", create)
    monkeypatch.setattr(control, "_make_folders", lambda *places: None)
    with pytest.raises(LabError):
        up(wish(tmp_path))
    assert list((point / "deep").iterdir()) == []


def test_reset_removes_control_groups_by_the_labs_name(
    labs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = tmp_path / f"sretool-{record.marker('amas')}-app-1", tmp_path / "sretool-other-0-app-1"
    mine.mkdir()
    other.mkdir()
    mount = cgroups.Mount(1, "/", str(tmp_path), frozenset({"memory"}))
    monkeypatch.setattr(cgroups, "parse_mounts", lambda text: [mount])
    (labs / "amas").mkdir(parents=True)
    assert control.reset("amas")
    assert not mine.exists()
    assert other.exists()


def test_down_of_a_lab_that_never_was_does_nothing(labs: Path) -> None:
    assert not control.down("amas")
    assert not control.reset("amas")
    assert not labs.exists()


def test_the_log_of_a_stranger_cannot_be_read(labs: Path) -> None:
    running(labs)
    (labs / "amas" / "logs").mkdir()
    (labs / "amas" / "logs" / "redis.log").write_text("ready\n")
    assert control.log_path("amas", "redis").read_text() == "ready\n"
    for name in ("../state", "nobody", "../../../../../etc/passwd"):
        with pytest.raises(UsageError, match="no log of") as raised:
            control.log_path("amas", name)
        assert raised.value.remedy == "there are: redis"
