"""`sretool lab` shows what is on record."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.lab import record
from sretool.adapters.lab.record import LabRecord, LabState, Process, ProcessState, Supervisor
from sretool.cli import diagnostics
from sretool.cli.main import group

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return record.labs_dir()


def start(labs: Path, name: str) -> LabRecord:
    boss = Supervisor(pid=os.getpid(), start_time=record.start_time(os.getpid()) or 0)
    process = Process(
        name="redis", pid=boss.pid, start_time=boss.start_time, state=ProcessState.RUNNING, ready=True, port=7
    )
    lab = LabRecord(
        name=name,
        system="amas",
        state=LabState.RUNNING,
        marker=name,
        scale=10,
        history=False,
        started_at="2026-01-01T00:00:00Z",
        supervisor=boss,
        catalog="/catalog",
        processes=(process,),
        endpoints={"prometheus": "http://127.0.0.1:1"},
        missing=("HAProxy is not installed: traffic goes to the replicas directly",),
    )
    (labs / name).mkdir(parents=True)
    record.save(labs / name, lab)
    return lab


def run(*arguments: str) -> int:
    return diagnostics.run(group, ["lab", *arguments])


def test_status_as_json_has_the_keys_of_the_contract(labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(labs, "amas")
    assert run("status", "--format", "json") == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["system"], state["state"]) == ("amas", "running")
    assert state["endpoints"] == {"prometheus": "http://127.0.0.1:1"}
    assert {
        "name": "redis",
        "pid": os.getpid(),
        "state": "running",
        "ready": True,
        "restarts": 0,
    }.items() <= (state["processes"][0].items())


def test_status_as_text_shows_processes_addresses_and_what_is_missing(
    labs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start(labs, "amas")
    assert run("status") == 0
    shown = capsys.readouterr().out
    assert "lab amas: running, system amas, rule windows divided by 10, without history" in shown
    assert "redis    running     yes  " in shown
    assert "http://127.0.0.1:1" in shown
    assert "note: HAProxy is not installed" in shown


def test_the_one_lab_that_is_up_needs_no_name(labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(labs, "drill")
    assert run("status", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "drill"


def test_of_several_labs_one_must_be_chosen(labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(labs, "one")
    start(labs, "two")
    assert run("status") == 2
    assert "several labs are up: one, two" in capsys.readouterr().err
    assert run("status", "--name", "two") == 0


def test_a_lab_that_never_was_is_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "stopped"
    assert run("status") == 0
    assert run("down") == 0
    assert run("reset") == 0


def test_the_end_of_a_log_is_shown(labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(labs, "amas")
    (labs / "amas" / "logs").mkdir()
    (labs / "amas" / "logs" / "redis.log").write_text("one\ntwo\nthree\n")
    assert run("logs", "redis", "-n", "2") == 0
    assert capsys.readouterr().out == "two\nthree\n"
    assert run("logs", "nobody") == 2


def test_an_unknown_system_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("up", "nonsense") == 2
    assert "there is no bundled system 'nonsense'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("up",), ("down",), ("status",), ("logs", "redis"), ("reset",)])
def test_an_empty_name_does_not_mean_the_default(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--name", "") == 2
    assert "'' is not a name for a lab" in capsys.readouterr().err
