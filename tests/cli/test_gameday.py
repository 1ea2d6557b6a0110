"""`sretool gameday plan` and `list`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from sretool.adapters.project import state_folder
from sretool.adapters.store.runs import RunStore
from sretool.cli import diagnostics, gameday
from sretool.cli.context import Settings
from sretool.core.runs.model import Outcome, RunKind, Verdict
from tests.cli.test_chaos_plan import DRIVER, EXPERIMENT
from tests.support.prometheus_server import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROFILE = """\
name: users
title: Some users
locustfile: users.py
open:
  stages: [{rate: 5, for: 20m}]
"""
PLAN = """\
name: drill
title: A drill
every: week
roles:
  - {id: lead, person: me, does: leads}
  - {id: responder, person: bo, does: answers}
hypotheses: [recovered <= 2m]
steps:
  - {id: traffic, load: users, for: 30m}
  - {wait: 1m}
  - {experiment: slow, under: traffic, within: 5m}
  - {id: secret, experiment: slow, under: traffic, within: 5m, vars: {who: api-2}, hidden: true}
  - {check: responder, that: the alert led to a runbook}
at_end: [experiments pass, undone]
settle: 1m
stop_when: [budget > 5%, after 30m]
budget_price: 5%
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without a lab and without servers."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in (
        "SRETOOL_PROMETHEUS_URL",
        "SRETOOL_ALERTMANAGER_URL",
        "SRETOOL_CATALOG",
        "SRETOOL_CHAOS_STOP",
    ):
        monkeypatch.delenv(name, raising=False)
    found = tmp_path / "project"
    (found / "experiments" / "gamedays").mkdir(parents=True)
    (found / "loadprofiles").mkdir()
    (found / "experiments" / "slow.yaml").write_text(EXPERIMENT + "    every: month\n")
    (found / "experiments" / "driver_planned.py").write_text(DRIVER)
    (found / "experiments" / "gamedays" / "drill.yaml").write_text(PLAN)
    (found / "loadprofiles" / "users.yaml").write_text(PROFILE)
    (found / "loadprofiles" / "users.py").write_text("")
    monkeypatch.chdir(found)
    return found


def run(*arguments: str, prometheus: str | None = None, slos: Path | None = None) -> int:
    @click.group()
    @click.pass_context
    def group(ctx: click.Context) -> None:
        ctx.obj = Settings(
            project=Path.cwd(),
            environment=dict(os.environ),
            prometheus=prometheus,
            # The stand-in is both.
            alertmanager=prometheus if slos is not None else None,
            catalog=(slos,) if slos is not None else (),
        )

    group.add_command(gameday.command, "gameday")
    return diagnostics.run(group, ["gameday", *arguments])


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str]) -> Callable[[], Any]:
    return lambda: json.loads(capsys.readouterr().out)


def plan_with(project: Path, old: str, new: str) -> None:
    file = project / "experiments" / "gamedays" / "drill.yaml"
    assert old in PLAN
    file.write_text(PLAN.replace(old, new))


def test_the_plan_says_who_when_to_whom_and_at_what_price(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "drill", "--role", "lead=Ann") == 0
    out = capsys.readouterr().out
    for line in (
        "A drill",
        "  file        experiments/gamedays/drill.yaml",
        "  takes       2m at least, 17m at most; stopped after 30m",
        "  price       at most 5% of any objective's error budget; one experiment 2%, all",
        "  lead       Ann  leads",
        "  recovered <= 2m",
        "  0:00          2:00 – 16:00  load users (Some users) begins, and goes on beside",
        "  1:00          1:30 – 6:00   experiment slow: 200 ms more",
        "  1:30 – 6:00   2:00 – 11:00  hidden: 1 experiment; --reveal shows which",
        "    api-1: latency 200ms",
        "      undone by toxic_remove toxic=slow; stays until undone",
        "  hidden      any of api-2",
        "  budget > 5%",
        "Must be true at the end, 1m after the last step at the latest",
    ):
        assert line in out.splitlines(), out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_what_is_hidden_is_revealed_to_who_asks(project: Path, document: Callable[[], Any]) -> None:
    assert run("plan", "drill", "--format", "json") == 0
    covered = document()
    assert run("plan", "drill", "--reveal", "--format", "json") == 0
    whole = document()
    assert [each["kind"] for each in covered["steps"]] == ["load", "wait", "experiment", "hidden", "check"]
    assert covered["steps"][3] == {
        "kind": "hidden",
        "begins_s": [90.0, 360.0],
        "ends_s": [120.0, 660.0],
        "experiments": 1,
        "of": 1,
    }
    assert whole["steps"][3]["id"] == "secret"
    assert [each["target"] for each in covered["targets"]] == ["api-1"]
    assert [each["target"] for each in whole["targets"]] == ["api-1", "api-2"]
    assert (covered["hidden_targets"], whole["hidden_targets"]) == (["api-2"], [])
    assert "secret" not in json.dumps(covered)
    assert whole["takes_s"] == [120.0, 1020.0]
    assert whole["price"] == {"worst": 0.02, "together": 0.04, "untold": []}
    assert whole["ready"] == {"looked": False, "refusals": [], "silent": [], "budgets": None}


def test_production_is_named(
    project: Path, document: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    server = "http://prod.invalid:9"
    assert run("plan", "drill", "--offline", prometheus=server) == 0
    assert "PRODUCTION  a second person must approve each experiment's plan" in capsys.readouterr().out
    assert run("plan", "drill", "--offline", "--format", "json", prometheus=server) == 0
    assert document()["production"] is True


def test_chance_is_decided_by_a_seed(project: Path, document: Callable[[], Any]) -> None:
    def order(*more: str) -> list[str]:
        assert run("plan", "surprise", "--offline", "--role", "responder=bo", "--format", "json", *more) == 0
        found = document()
        told[found["seed"]] = None
        return [each["id"] for each in found["steps"] if each["kind"] == "experiment"]

    told: dict[int | None, None] = {}
    assert order("--seed", "5", "--reveal") == order("--seed", "5", "--reveal")
    assert len({tuple(order("--seed", str(seed), "--reveal")) for seed in range(10)}) > 5
    assert order("--seed", "5") == []
    # Who has the seed has the order.
    assert None in told


def test_all_that_is_wrong_is_told_at_once(
    project: Path, capsys: pytest.CaptureFixture[str], document: Callable[[], Any]
) -> None:
    plan_with(project, "person: bo, does: answers", "does: answers")
    file = project / "experiments" / "gamedays" / "drill.yaml"
    text = (
        file.read_text()
        .replace("load: users", "load: user")
        .replace("experiment: slow, under: traffic, w", "experiment: slo, w", 1)
    )
    file.write_text(text.replace("who: api-2", "who: api-3").replace("after 30m", "after 1s"))
    assert run("plan", "drill") == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "experiments/gamedays/drill.yaml:6: role 'responder' has no person;"
        " write `person: NAME`, or give --role responder=NAME",
        "experiments/gamedays/drill.yaml:9: step 'traffic': there is no load profile 'user';"
        " did you mean 'users'?",
        "experiments/gamedays/drill.yaml:11: step 'slo': there is no experiment 'slo'; did you mean 'slow'?",
        "experiments/gamedays/drill.yaml:16: the steps take 1m at least,"
        " but the game day is stopped after 1s",
        "experiments/slow.yaml:15: action 'slow it': no instance is named 'api-3'",
    ]
    assert "the game day has 5 problems" in err
    assert run("plan", "drill", "--format", "json") == 2
    assert len(document()["problems"]) == 5


def test_a_file_that_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bad.yaml").write_text("name: bad\nsteps: 3\n")
    assert run("plan", "bad.yaml") == 2
    assert capsys.readouterr().err.splitlines()[:2] == [
        "bad.yaml:1: `title` is missing",
        "bad.yaml:2: steps: a list is wanted, not a single value",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("drilll",), "there is no game day 'drilll'; did you mean 'drill'?"),
        (("drill", "--role", "lead"), "--role lead: not a role and a person"),
        (("drill", "--role", "leader=ann"), "--role leader: the game day has no such role"),
    ],
)
def test_wishes_that_cannot_be(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run("plan", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_silent_prometheus_is_told_beside_the_plan(project: Path, document: Callable[[], Any]) -> None:
    assert run("plan", "drill", "--format", "json", prometheus="http://127.0.0.1:9") == 3
    found = document()
    assert found["ready"]["looked"] is True
    assert "127.0.0.1:9" in found["ready"]["silent"][0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A Prometheus with two objectives that have 50 to 60 % of their budgets left."""
    command = [sys.executable, "-m", "tests.support.prometheus_server", "--delay", "0", "--slos", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    with process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


@pytest.mark.parametrize(("price", "code"), [("5%", 0), ("70%", 1)])
def test_budgets_must_have_room_for_the_price(
    project: Path, server: str, document: Callable[[], Any], price: str, code: int
) -> None:
    plan_with(project, "budget_price: 5%", f"budget_price: {price}")
    file = project / "slos.yaml"
    file.write_text(catalog(2))
    assert run("plan", "drill", "--format", "json", prometheus=server, slos=file) == code
    ready = document()["ready"]
    assert ready["silent"] == []
    assert 0.5 <= ready["budgets"]["svc-0001/availability"] <= 0.6
    assert len(ready["refusals"]) == (2 if code else 0)
    assert all("of its budget left, the game day may take 70%" in each["text"] for each in ready["refusals"])


def test_objectives_of_claims_must_be_of_the_catalog(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_with(project, "[recovered <= 2m]", "[sli svc-0002/availability >= 9%]")
    file = project / "slos.yaml"
    file.write_text(catalog(2))
    assert run("plan", "drill", "--offline", prometheus="http://127.0.0.1:9", slos=file) == 2
    assert "drill.yaml:7: there is no objective 'svc-0002/availability'" in capsys.readouterr().out


def test_what_keeps_it_from_beginning_now(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = tmp_path / "state" / "sretool" / "chaos.stop"
    stop.parent.mkdir(parents=True)
    stop.touch()
    assert run("plan", "drill", prometheus="http://127.0.0.1:9") == 1
    assert f"NO stop: {stop} says that no experiment may run" in " ".join(capsys.readouterr().out.split())


def done(project: Path, kind: RunKind, file: Path, outcome: Outcome, days: float) -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    store = RunStore(state_folder(project, {}), now=lambda: at)
    with store.create(kind, file.stem) as run_:
        run_.keep_input(file.name, b"x", str(file))
        run_.finish(Verdict(outcome, "as it was"))


def test_what_is_due_by_the_runs_of_the_project(
    project: Path, document: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".sretool").mkdir()
    drill, slow = project / "experiments/gamedays/drill.yaml", project / "experiments/slow.yaml"
    done(project, RunKind.GAMEDAY, drill, Outcome.FAILED, 8)
    done(project, RunKind.CHAOS, slow, Outcome.PASSED, 9)
    done(project, RunKind.CHAOS, slow, Outcome.INCONCLUSIVE, 1)
    assert run("list") == 0
    rows = capsys.readouterr().out.splitlines()
    told = [" ".join(row.split()) for row in rows]
    assert "drill week 8d ago, failed NOW, 1d late A drill" in told
    assert "slow month 9d ago, passed in 21d The network is slow" in told
    assert run("list", "--due", "--format", "json") == 0
    found = document()
    assert "drill" in [each["name"] for each in found["gamedays"]]
    assert "pre-release" not in [each["name"] for each in found["gamedays"]]
    assert "slow" not in [each["name"] for each in found["experiments"]]
    assert run("list", "--format", "json") == 0
    (one,) = [each for each in document()["experiments"] if each["name"] == "slow"]
    assert (one["last"]["outcome"], one["tried"]["outcome"], one["due"]) == ("passed", "inconclusive", False)


def test_a_run_that_cannot_be_read_is_told_and_not_taken_for_none(
    project: Path, document: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".sretool").mkdir()
    done(project, RunKind.GAMEDAY, project / "experiments/gamedays/drill.yaml", Outcome.PASSED, 1)
    (file,) = project.glob(".sretool/runs/*/run.json")
    file.write_bytes(file.read_bytes()[:50])
    assert run("list") == 0
    out, err = capsys.readouterr()
    assert "never" in next(row for row in out.splitlines() if row.startswith("drill "))
    assert err.splitlines() == [f"left out: {file.parent}: not a run.json: Input data was truncated"]
    assert run("list", "--format", "json") == 0
    assert document()["problems"] == err.splitlines()


def test_a_damaged_plan_does_not_hide_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "experiments" / "gamedays" / "bad.yaml").write_text("name: bad\nsteps: 3\n")
    assert run("list") == 0
    out, err = capsys.readouterr()
    assert "drill" in out
    assert "bad.yaml:1: `title` is missing (and 1 more)" in err
