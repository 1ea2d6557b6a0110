"""Whole game days with small faults and a Prometheus of our own, and every way to end one early."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kill.prometheus import FakePrometheus
from tests.kill.test_run import Shell, act, until_there
from tests.support.processes import lives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.lab

DAY = """
name: small
title: A small day
roles: [{id: lead, person: ann}]
steps:
  - {id: guess, ask: lead, question: What will happen?}
  - {id: drill, experiment: x.json}
  - {id: seen, check: lead, that: it was seen}
at_end: [checks pass, undone]
stop_when: [blind 4s, after 5m]
"""
PATIENCE = 60.0
"""Seconds, half as long as the fault stays by itself."""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with FakePrometheus() as prometheus:
        yield Shell(tmp_path, prometheus)


def prepare(shell: Shell, seconds: float) -> Path:
    """The plan and its answers; its fault is a file, and stays for so long."""
    fault = shell.folder / "fault"
    shell.write(act("hurt", "file", path=str(fault)), act("stay", "wait", seconds=seconds))
    (shell.folder / "day.yaml").write_text(DAY)
    (shell.folder / "answers.yaml").write_text("guess: nothing\nseen: yes\n")
    return fault


RUN = ("gameday", "run", "day.yaml", "--yes", "--answers", "answers.yaml")


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def day_of(shell: Shell) -> Path:
    found = list((shell.state / "sretool/runs").glob("*-gameday-*"))
    assert len(found) == 1
    return found[0]


def test_a_whole_day_in_a_ci_job(shell: Shell) -> None:
    fault = prepare(shell, 0.2)
    code, out, err = shell.run(*RUN, "--junit", "result.xml")
    # Without a dose nobody knows whether the fault took effect.
    assert code == 6, err
    folder = Path(out.splitlines()[-1])
    assert folder == day_of(shell)
    record = json.loads((folder / "run.json").read_text())
    assert (record["kind"], record["state"]) == ("gameday", "finished")
    assert record["verdict"]["outcome"] == "inconclusive"
    assert {Path(each["path"]).name for each in record["inputs"]} == {"day.yaml", "x.json", "plan.json"}
    told = events(folder)
    assert [each["step"] for each in told if each["event"] == "step_ended"] == ["guess", "drill", "seen"]
    assert [each["answer"] for each in told if each["event"] == "answer"] == ["nothing", "yes"]
    run = next(each["run"] for each in told if each["event"] == "step_run")
    child = json.loads((folder.parent / run / "run.json").read_text())
    assert child["parent"] == record["id"]
    assert [each["event"] for each in told if each["event"].startswith("fault")] == ["fault_on", "fault_off"]
    assert not fault.exists()
    assert ET.parse(shell.folder / "result.xml").getroot().tag == "testsuites"


def test_answers_that_are_none_begin_nothing(shell: Shell) -> None:
    prepare(shell, 0.2)
    (shell.folder / "answers.yaml").write_text("guess: nothing\nsen: yes\n")
    code, out, err = shell.run(*RUN)
    assert code == 2
    assert "answers.yaml:2: no step 'sen' asks anybody; did you mean 'seen'?" in out + err
    assert not (shell.state / "sretool/runs").exists()


def test_nobody_can_be_asked(shell: Shell) -> None:
    prepare(shell, 0.2)
    code, _, err = shell.run("gameday", "run", "day.yaml")
    assert code == 2
    assert "give --yes" in err


def test_a_second_day_waits_for_the_first(shell: Shell) -> None:
    fault = prepare(shell, 60)
    with begun(shell, fault) as first:
        code, _, err = shell.run(*RUN)
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert code == 4
    assert "another game day runs: A small day" in err
    assert first.returncode == 130
    assert not fault.exists()


def kin(pid: int) -> list[tuple[int, str]]:
    """Every process below this one, with its command line."""
    command = ["ps", "-ww", "-eo", "pid=,ppid=,args="]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in told.splitlines()]
    below = {pid}
    while new := {int(each[0]) for each in rows if int(each[1]) in below} - below:
        below |= new
    return [(int(each[0]), each[2]) for each in rows if int(each[0]) in below - {pid}]


def the_experiment(pid: int) -> int:
    return next(each for each, line in kin(pid) if " chaos run " in line)


def kill_all_three(shell: Shell, program: subprocess.Popen[str]) -> None:
    family = kin(program.pid)
    for pid, line in family:
        if "sretool.undo.warden" not in line:
            os.kill(pid, signal.SIGKILL)
    program.kill()


def stop_then_term(shell: Shell, program: subprocess.Popen[str]) -> None:
    os.kill(the_experiment(program.pid), signal.SIGSTOP)
    program.send_signal(signal.SIGTERM)


def put_stop_file(shell: Shell, program: subprocess.Popen[str]) -> None:
    (shell.state / "sretool/chaos.stop").touch()


def hang(shell: Shell, program: subprocess.Popen[str]) -> None:
    shell.prometheus.hang()


@contextlib.contextmanager
def begun(shell: Shell, fault: Path) -> Iterator[subprocess.Popen[str]]:
    """A game day whose fault is in; gone with the test."""
    with shell.start(*RUN) as program:
        try:
            until_there(fault, program)
            yield program
        finally:
            program.kill()


WAYS: dict[str, tuple[Callable[[Shell, subprocess.Popen[str]], Any], int, str | None]] = {
    # How, return code, outcome (None: nobody was left to say).
    "ctrl-c": (lambda _, program: program.send_signal(signal.SIGINT), 130, "aborted"),
    "term": (lambda _, program: program.send_signal(signal.SIGTERM), 130, "aborted"),
    "closed terminal": (lambda _, program: program.send_signal(signal.SIGHUP), 130, "aborted"),
    "kill -9": (lambda _, program: program.kill(), -9, None),
    "kill -9 of the experiment": (
        lambda _, program: os.kill(the_experiment(program.pid), signal.SIGKILL), 7, "error",
    ),
    "kill -9 of all but the warden": (kill_all_three, -9, None),
    "an experiment that stands still": (stop_then_term, 130, "aborted"),
    "stop file": (put_stop_file, 4, "aborted"),
    "a Prometheus that is silent": (hang, 6, "inconclusive"),
}  # fmt: skip


LESS_OFTEN = ("term", "closed terminal", "stop file")
"""Much like others: with `make gamedays`."""


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=pytest.mark.gameday) if way in LESS_OFTEN else way for way in WAYS],
)
def test_everything_is_undone_however_it_ends(shell: Shell, way: str) -> None:
    how, code, outcome = WAYS[way]
    fault = prepare(shell, 120)
    with begun(shell, fault) as program:
        family = kin(program.pid)
        how(shell, program)
        began = time.monotonic()
        while fault.exists():
            assert time.monotonic() - began < PATIENCE, "it is still in"
            time.sleep(0.005)
        # Shown by -s or -rA.
        print(f"{way}: undone after {time.monotonic() - began:.2f} s")
        out, err = program.communicate(timeout=60)
    assert program.returncode == code, out + err
    folder = day_of(shell)
    if outcome is not None:
        record = json.loads((folder / "run.json").read_text())
        assert record["verdict"]["outcome"] == outcome
        assert [each["ok"] for each in events(folder) if each["event"] == "fault_off"] == [True]
    until = time.monotonic() + 20
    while any(lives(pid) for pid, _ in family):
        assert time.monotonic() < until, [line for pid, line in family if lives(pid)]
        time.sleep(0.05)
    assert list((shell.state / "sretool/undo").glob("*.json")) == []


@pytest.mark.parametrize("what", ["the folder of the day", "every run"])
def test_a_day_whose_folder_is_deleted_ends_and_says_so(shell: Shell, what: str) -> None:
    fault = prepare(shell, 120)
    with begun(shell, fault) as program:
        shutil.rmtree(day_of(shell) if what == "the folder of the day" else day_of(shell).parent)
        out, err = program.communicate(timeout=PATIENCE)
    assert not fault.exists()
    assert program.returncode == 7, out + err
    assert "its file was deleted" in err
    assert "Traceback" not in err
