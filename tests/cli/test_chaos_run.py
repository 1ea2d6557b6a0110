"""`sretool chaos run` and `approve` up to the point where something would be hurt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import chaos_prepare, diagnostics
from sretool.cli.context import Settings
from sretool.cli.main import group
from sretool.core.plans.chaos.read import read
from sretool.errors import UsageError
from sretool.undo import index
from sretool.undo.entry import UndoEntry
from sretool.undo.log import UndoLog
from tests.kill.prometheus import FakePrometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sretool.core.plans.chaos.experiment import Experiment

DRIVER = """
def stop(process): ...
def plan_stop(process):
    return [{"target": process, "fault": "stopped", "undo": {"kind": "proceed"}, "of": 2}]
def well(): return True
"""


def experiment(**words: Any) -> dict[str, Any]:
    def call(name: str, what: str, func: str, **arguments: Any) -> dict[str, Any]:
        provider = {"type": "python", "module": "driver_run", "func": func, "arguments": arguments}
        return {"type": what, "name": name, "provider": provider}

    return {
        "title": "A replica stops",
        "description": "…",
        "steady-state-hypothesis": {
            "title": "w",
            "probes": [call("w", "probe", "well") | {"tolerance": True}],
        },
        "method": [call("stop", "action", "stop", process="app-1")],
        "extensions": [{"name": "sretool", "fault": "one replica stops"}],
        **words,
    }


class Shell:
    def __init__(self, folder: Path, prometheus: FakePrometheus) -> None:
        self.folder = folder
        self.prometheus = prometheus
        self.file = folder / "x.json"
        self.environment = {"XDG_STATE_HOME": str(folder / "state")}

    def run(self, *words: str, **experiment_words: Any) -> int:
        self.file.write_text(json.dumps(experiment(**experiment_words)))
        url = self.prometheus.url
        return diagnostics.run(
            group, ["-C", str(self.folder), "--prometheus", url, "--alertmanager", url, *words]
        )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    (tmp_path / "driver_run.py").write_text(DRIVER)
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    with FakePrometheus() as prometheus:
        yield Shell(tmp_path, prometheus)


def test_a_page_that_fires_keeps_it_from_beginning(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.prometheus.alerts = [
        {
            "fingerprint": "f",
            "labels": {"alertname": "ServiceDown", "severity": "page"},
            "startsAt": "2026-11-21T10:00:00Z",
            "status": {"state": "active"},
        }
    ]
    assert shell.run("chaos", "run", "x.json", "--yes") == diagnostics.ABORTED
    said = capsys.readouterr()
    assert "refused (page): a page fires: ServiceDown" in said.err
    assert said.out == ""
    assert not (shell.folder / "state/sretool/runs").exists()


def test_a_fault_that_is_still_in_keeps_it_from_beginning(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shell.folder / "before"
    folder.mkdir()
    UndoLog(folder).open(UndoEntry("1", "latency", "database", undo={"kind": "nobody knows"}))
    index.add(index.place(shell.environment), folder)
    assert shell.run("chaos", "run", "x.json", "--yes") == diagnostics.ABORTED
    assert "refused (faults): a fault is still in: latency (database)" in capsys.readouterr().err


def test_production_asks_for_a_second_person_and_takes_their_word_for_this_plan_only(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(chaos_prepare.PRODUCTION, r"127\.0\.0\.1")
    monkeypatch.setattr("getpass.getuser", lambda: "leo")
    assert shell.run("chaos", "approve", "x.json", "--yes") == 0
    said = capsys.readouterr()
    word = said.out.strip()
    assert word.startswith("leo:")
    assert "PRODUCTION" in said.err
    assert shell.run("chaos", "run", "x.json", "--yes", "--approve", word) == diagnostics.ABORTED
    assert "leo cannot approve their own experiment" in capsys.readouterr().err
    monkeypatch.setattr("getpass.getuser", lambda: "mia")
    assert shell.run("chaos", "run", "x.json", "--yes") == diagnostics.ABORTED
    assert f"--approve NAME:{word[4:16]}" in capsys.readouterr().err
    # Approved, it goes on to the next question.
    assert shell.run("chaos", "run", "x.json", "--approve", word) == diagnostics.USAGE
    assert "nobody can be asked here" in capsys.readouterr().err
    another = {"title": "Another one"}
    assert shell.run("chaos", "run", "x.json", "--yes", "--approve", word, **another) == diagnostics.ABORTED
    assert "leo approved another plan" in capsys.readouterr().err


def test_what_is_no_approval_and_what_cannot_be_waived_is_told(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.run("chaos", "run", "x.json", "--approve", "leo") == diagnostics.USAGE
    assert "write NAME:HASH" in capsys.readouterr().err
    assert shell.run("chaos", "run", "x.json", "--waive", "approval") == diagnostics.USAGE
    assert "'approval' cannot be waived" in capsys.readouterr().err


def test_an_experiment_that_nobody_knows_is_told_with_what_there_is(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.run("chaos", "run", "replica-crsh", "--yes") == diagnostics.USAGE
    assert "did you mean 'replica-crash'" in capsys.readouterr().err


def made(**arguments: Any) -> Experiment:
    document = experiment()
    document["method"][0]["provider"]["arguments"] = arguments
    found = read("x.json", json.dumps(document), {}).experiment
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("where", "arguments", "production"),
    [
        pytest.param({"prometheus": "http://127.0.0.1:9090"}, {}, False, id="here"),
        pytest.param({"prometheus": "https://prom.prod.example"}, {}, True, id="address"),
        pytest.param({"prometheus": "https://prom.products.example"}, {}, False, id="no word"),
        pytest.param({"kubernetes": "eu-production-1"}, {}, True, id="cluster"),
        pytest.param({"kubernetes": "staging"}, {"ns": "shop-prod"}, True, id="namespace"),
        pytest.param({}, {"label_selector": "env=live,app=shop"}, True, id="label"),
        pytest.param({}, {"process": "prod-1"}, False, id="another argument"),
        pytest.param({"lab": "amas", "prometheus": "http://prod"}, {}, False, id="lab"),
    ],
)
def test_production_is_known_by_addresses_names_and_labels(
    tmp_path: Path, where: dict[str, str], arguments: dict[str, str], production: bool
) -> None:
    settings = Settings(tmp_path, environment={})
    assert chaos_prepare.is_production(settings, None, made(**arguments), where) is production


def test_the_pattern_of_production_can_be_set_and_must_be_one(tmp_path: Path) -> None:
    set_to = Settings(tmp_path, environment={chaos_prepare.PRODUCTION: "blue"})
    assert chaos_prepare.is_production(set_to, None, made(), {"kubernetes": "deep-blue"})
    assert not chaos_prepare.is_production(set_to, None, made(), {"kubernetes": "prod"})
    broken = Settings(tmp_path, environment={chaos_prepare.PRODUCTION: "("})
    with pytest.raises(UsageError, match="no regular expression"):
        chaos_prepare.is_production(broken, None, made(), {})
