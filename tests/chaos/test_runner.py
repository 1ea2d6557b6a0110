"""The program that runs one experiment, as `sretool chaos run` starts it and as `chaos run` would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from sretool.undo import index
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def act(name: str, function: str, **words: Any) -> dict[str, Any]:
    provider: dict[str, Any] = {"type": "python", "module": "tests.chaos.acts", "func": function}
    return {"type": "action", "name": name, "provider": provider | {"arguments": words}}


def probe(name: str, function: str, tolerance: object, **words: Any) -> dict[str, Any]:
    return {**act(name, function, **words), "type": "probe", "tolerance": tolerance}


def experiment(*method: dict[str, Any], rollbacks: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "version": "1.0.0",
        "title": "a file appears",
        "description": "…",
        "method": list(method),
        "rollbacks": list(rollbacks),
    }


class Run:
    """A runner with the pipes its supervisor would hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = UndoLog(folder)
        self._events, events = os.pipe()
        environment = {
            **os.environ,
            "SRETOOL_EVENTS": str(events),
            "PYTHONPATH": os.getcwd(),
            "WORD": "hidden-word",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sretool.chaos.runner"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[events],
            env=environment,
            start_new_session=True,
        )
        os.close(events)
        self._reader = os.fdopen(self._events)

    def give(self, document: dict[str, Any], **words: Any) -> None:
        given = {
            "experiment": document,
            "path": str(self.folder / "x.json"),
            "log": str(self.folder),
            **words,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(given).encode() + b"\n")
        self.process.stdin.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        for line in self._reader:
            yield json.loads(line)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._reader.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()


def test_every_step_is_told_and_the_fault_is_undone_by_its_rollback(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "fault")
    document = experiment(
        act("break", "break_file", path=path), rollbacks=(act("mend", "mend_file", path=path),)
    )
    document["steady-state-hypothesis"] = {
        "title": "none",
        "probes": [probe("gone", "is_there", False, path=path)],
    }
    run.give(document)
    told = [
        (each["event"], each.get("name") or each.get("when"), each.get("state", each.get("met")))
        for each in run.events()
    ]
    assert [each for each in told if each[0] != "activity" or each[2] != "started"] == [
        ("started", None, None),
        ("phase", "hypothesis before", None),
        ("activity", "gone", "ok"),
        ("hypothesis", "before", True),
        ("phase", "method", None),
        ("fault_on", None, None),
        ("activity", "break", "ok"),
        ("phase", "hypothesis after", None),
        ("activity", "gone", "ok"),
        ("hypothesis", "after", False),
        ("phase", "rollbacks", None),
        ("fault_off", None, None),
        ("activity", "mend", "ok"),
        ("ended", None, None),
    ]
    assert run.process.wait() == 0
    assert run.log.left() == []
    assert json.loads((tmp_path / "raw" / "journal.json").read_text())["deviated"] is True


def test_whether_a_probe_of_the_method_answers_as_wanted_is_told(run: Run, tmp_path: Path) -> None:
    def asked(name: str, **words: Any) -> dict[str, Any]:
        found = {**act(name, "is_there", path=str(tmp_path / "fault")), "type": "probe"}
        return found | words

    run.give(
        experiment(
            asked("no, and nobody says what is wanted"),
            asked("no, as wanted", tolerance=False),
            {**act("a word", "password", word="x"), "type": "probe", "tolerance": "the word is ${wanted}"},
            act("break", "break_file", path=str(tmp_path / "fault")),
            asked("yes, and nobody says what is wanted"),
            asked("yes, against what is wanted", tolerance=False),
            asked(
                "yes, of a tolerance that is none", tolerance={"type": "jsonpath", "path": "$[", "count": 1}
            ),
            rollbacks=(act("mend", "mend_file", path=str(tmp_path / "fault")),),
        )
        | {"configuration": {"wanted": "x"}}
    )
    told = {
        each["name"]: each["met"]
        for each in run.events()
        if each["event"] == "activity" and each["state"] == "ok" and each["what"] == "probe"
    }
    assert told == {
        "no, and nobody says what is wanted": False,
        "no, as wanted": True,
        "a word": True,
        "yes, and nobody says what is wanted": None,
        "yes, against what is wanted": False,
        "yes, of a tolerance that is none": None,
    }


def test_without_a_supervisor_it_undoes_and_ends(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "fault"
    run.give(experiment(act("break", "break_file", path=str(path)), act("wait", "wait", seconds=60)))
    for event in run.events():
        if event.get("name") == "wait":
            break
    assert path.exists()
    assert run.process.stdin is not None
    run.process.stdin.close()
    run.process.stdin = None
    assert run.process.wait() == 4
    assert not path.exists()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_asked_to_end_it_plays_its_rollbacks(run: Run, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "fault"
    method = (act("break", "break_file", path=str(path)), act("wait", "wait", seconds=4))
    run.give(experiment(*method, rollbacks=(act("mend", "mend_file", path=str(path)),)))
    told = []
    for event in run.events():
        told.append(event["event"])
        if event.get("name") == "wait" and event["state"] == "started":
            run.process.send_signal(number)
    assert run.process.wait() == 0
    assert "ended" in told
    assert not path.exists()


def test_secrets_stay_inside(run: Run, tmp_path: Path) -> None:
    document = experiment(act("say", "password", word="${word}"))
    document["secrets"] = {"inner": {"word": {"type": "env", "key": "WORD"}}}
    document["method"][0]["provider"]["secrets"] = ["inner"]
    run.give(document)
    told = json.dumps(list(run.events()))
    run.process.wait()
    assert "the word is" in told
    assert "hidden-word" not in told
    assert "hidden-word" not in (tmp_path / "raw" / "journal.json").read_text()


def test_an_experiment_that_cannot_be_run_is_an_event(run: Run) -> None:
    run.give({"title": "nothing else", "method": [{"type": "action", "name": "x"}]})
    (*_, last) = list(run.events())
    assert last["event"] in ("failed", "ended")
    if last["event"] == "failed":
        assert run.process.wait() == 7


def test_under_the_toolkits_own_command_nothing_is_left_either(tmp_path: Path) -> None:
    path = tmp_path / "fault"
    document = experiment(act("break", "break_file", path=str(path)), act("wait", "wait", seconds=60))
    file = tmp_path / "x.json"
    file.write_text(json.dumps(document))
    environment = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": os.getcwd(),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", str(file)],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:
        until = time.monotonic() + 30
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert path.exists()
        process.kill()
    until = time.monotonic() + 5
    while path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert not path.exists()
    assert index.folders(index.place(environment)) == [] or not path.exists()
