"""What is written about labs can be trusted: verified against the processes that live now."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest

from sretool.adapters.lab import record
from sretool.adapters.lab.record import LabRecord, LabState, Supervisor

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return record.labs_dir()


def me() -> Supervisor:
    return Supervisor(pid=os.getpid(), start_time=record.start_time(os.getpid()) or 0)


def lab(name: str = "amas", **changes: object) -> LabRecord:
    made = LabRecord(
        name=name,
        system="amas",
        state=LabState.RUNNING,
        marker=f"{name}-0",
        scale=10,
        history=True,
        started_at="2026-01-01T00:00:00Z",
        supervisor=me(),
        catalog="/catalog",
    )
    return msgspec.structs.replace(made, **changes)


def save(labs: Path, made: LabRecord) -> None:
    (labs / made.name).mkdir(parents=True, exist_ok=True)
    record.save(labs / made.name, made)


def test_a_record_is_read_as_it_was_written(labs: Path) -> None:
    save(labs, lab(endpoints={"app": "http://x"}))
    assert record.load("amas") == lab(endpoints={"app": "http://x"})
    assert [entry.name for entry in (labs / "amas").iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1}', "[]"])
def test_a_file_that_is_no_record_is_no_lab(labs: Path, text: str) -> None:
    (labs / "amas").mkdir(parents=True)
    (labs / "amas" / "state.json").write_text(text)
    assert record.load("amas") is None
    assert record.every() == []


def test_only_labs_whose_supervisor_lives_are_running(labs: Path) -> None:
    with subprocess.Popen(["sleep", "30"]) as gone:
        former = Supervisor(pid=gone.pid, start_time=record.start_time(gone.pid) or 0)
        gone.kill()
    save(labs, lab("alive"))
    save(labs, lab("dead", supervisor=former))
    save(labs, lab("reused", supervisor=Supervisor(pid=os.getpid(), start_time=me().start_time - 1)))
    save(labs, lab("stopped", state=LabState.STOPPED))
    save(labs, lab("starting", state=LabState.STARTING))
    assert [found.name for found in record.running()] == ["alive"]


def test_a_zombie_counts_as_dead() -> None:
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read()  # ends when the child does, which nobody has waited for yet
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert record.start_time(child.pid) is None


def test_labs_of_other_folders_have_other_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = record.marker("amas")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    assert record.marker("amas") != here
