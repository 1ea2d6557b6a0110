"""Game days that are over: verified, bundled, compared, written about, and counted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.cli import chaos_reports, diagnostics, run_reports
from sretool.cli.main import group
from sretool.core.runs import lines
from sretool.core.runs.events import Started
from sretool.core.runs.model import Outcome, RunKind, Verdict
from tests.support import gameday_runs as days

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.writer import RunWriter

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def over(run: RunWriter) -> str:
    """Judged, with its reports and those of its steps; its id."""
    days.judged(run)
    for folder in run.folder.parent.iterdir():
        record = lines.decode_record((folder / "run.json").read_bytes())
        if record.kind is RunKind.CHAOS and record.parent == run.run.id:
            chaos_reports.write(folder, record, NOW)
    run_reports.write(run.folder, run.run, NOW)
    return run.run.id


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A project with two game days: the first one passed, the second one did not."""
    project = tmp_path_factory.mktemp("project")
    state = project / ".sretool"
    state.mkdir()
    good = tuple(replace(each, lost=0 if each.lost else None, within=120.0) for each in days.DRILLS)
    early = days.BEGAN - timedelta(days=30)
    first = over(days.gameday(state, began=early, drills=good, runbooks="yes"))
    return project, first, over(days.gameday(state))


@pytest.fixture
def project(made: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Inside a copy of it."""
    shutil.copytree(made[0], tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return made[1:]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = diagnostics.run(group, [*arguments, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def folder_of(name: str) -> Path:
    from pathlib import Path

    (found,) = Path(".sretool/runs").glob(f"*-{name}")
    return found


def test_a_game_day_is_verified_with_its_steps(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = told(capsys, "chaos", "verify", project[1])
    assert (code, found["ok"], found["verdict"]["outcome"]) == (0, True, "failed")
    assert [each["verdict"] and each["verdict"]["outcome"] for each in found["steps"]] == [
        None,
        "passed",
        "failed",
        "passed",
        "failed",
    ]
    assert diagnostics.run(group, ["chaos", "verify", project[1]]) == 0
    assert capsys.readouterr().out.count("the same from the events") == 5


def test_a_step_that_was_changed_afterwards_is_told(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (child,) = [
        folder
        for folder in folder_of(project[1]).parent.glob("20261120*db-failover*")
        if project[1] in (folder / "run.json").read_text()
    ]
    record = child / "run.json"
    record.write_text(record.read_text().replace('"lost_writes": 2', '"lost_writes": 0'))
    code, found = told(capsys, "chaos", "verify", project[1])
    assert code == 1
    said = [each["text"] for each in found["findings"]]
    assert said == [f"what step db-failover measured is not what its run {child.name[-6:]} says"]
    assert any("lost_writes 0" in each["text"] for each in found["steps"][-1]["findings"])
    shutil.rmtree(child)
    code, found = told(capsys, "chaos", "verify", project[1])
    assert code == 1
    assert [each["text"] for each in found["findings"]] == [
        f"the run of its step db-failover is not there: {child.name}"
    ]


def test_a_bundle_of_a_game_day_is_judged_again_anywhere(
    project: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, ["gameday", "bundle", project[1], "--out", "day.tar"]) == 0
    shutil.rmtree(".sretool")
    code, found = told(capsys, "chaos", "verify", "day.tar")
    assert (code, found["ok"], found["findings"]) == (0, True, [])
    assert len(found["runs"]) == 5
    assert found["runs"][0]["run"] == project[1]
    assert len(found["not_judged"]) == 1


def test_what_became_worse_from_one_game_day_to_the_next(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = told(capsys, "runs", "compare", *project)
    assert (code, found["verdict"]) == (1, "worse")
    worse = [(each["of"], each["measure"]) for each in found["rows"] if each["verdict"] == "worse"]
    assert (None, "outcome") in worse
    assert ("db-failover", "lost writes") in worse
    assert ("learning", "score") in worse
    assert (None, "RTO") not in worse
    code, found = told(capsys, "runs", "compare", *reversed(project))
    assert (code, found["verdict"]) == (0, "better")
    assert diagnostics.run(group, ["runs", "compare", *project]) == 1
    assert f"{project[1]} against {project[0]}: worse: outcome, " in capsys.readouterr().out
    assert diagnostics.run(group, ["runs", "compare", *project, "--format", "md"]) == 1
    assert "| db-failover | outcome | passed | failed | worse |" in capsys.readouterr().out


def test_game_days_of_different_plans_are_not_compared(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    record = folder_of(project[0]) / "run.json"
    record.write_text(record.read_text().replace("The four experiments", "Other experiments"))
    code, found = told(capsys, "runs", "compare", *project)
    assert (code, found["verdict"]) == (6, "unclear")
    assert found["reason"].startswith("not the same game day: Other experiments")
    assert told(capsys, "runs", "compare", *project, "--any-load")[0] == 1


def test_a_game_day_and_a_load_test_are_not_compared(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (load,) = folder_of(project[1]).parent.glob("20261120*-load-*")
    assert diagnostics.run(group, ["runs", "compare", project[1], load.name]) == diagnostics.USAGE
    assert "two load tests are compared, or two game days" in capsys.readouterr().err


def test_rounds_and_searches_for_a_dose_are_no_game_days_to_compare(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with RunStore(folder_of(project[0]).parents[1]).create(RunKind.GAMEDAY, "rounds of latency") as rounds:
        rounds.record(Started(RunKind.GAMEDAY, "rounds of latency"))
        rounds.finish(Verdict(Outcome.PASSED, "4 of 4 pairs count"))
    assert diagnostics.run(group, ["runs", "compare", project[0], rounds.run.id]) == diagnostics.USAGE
    assert f"{rounds.run.id} (rounds of latency) measures a fault" in capsys.readouterr().err


def test_a_draft_of_a_post_mortem(project: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.run(group, ["runs", "postmortem", project[1]]) == 0
    text = capsys.readouterr().out
    assert (
        "- DatabasePrimaryDown fired at 10:11 during db-failover, 21s after the newest fault; nobody" in text
    )
    assert "- db-failover: RTO 12.4s of 5m, RPO 800ms of 60s, Mended 100s of 5m.\n" in text
    assert "- cpu-throttle failed: alert HttpP95LatencyHigh 78s (wanted 45s)\n" in text
    assert "- memory-leak passed\n" in text
    assert (
        "| 4 | The page of the database reached nobody: mia fixes the route | agreed | said by ann |" in text
    )
    assert diagnostics.run(group, ["runs", "postmortem", project[0]]) == diagnostics.USAGE
    assert "passed: nothing went wrong" in capsys.readouterr().err


def test_a_game_day_is_shown_with_its_steps(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, ["runs", "show", project[1]]) == 0
    text = capsys.readouterr().out
    assert "  failed        runbooks: no  responder: not so" in text
    assert "  experiments_passed 2\n" in text


def test_a_game_day_counts_once_among_the_indicators(
    project: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = told(capsys, "runs", "kpi", "--quarter", "2026Q4")
    (mttr,) = [each for each in found["kpis"] if each["id"] == "mttr"]
    assert code == 0
    assert mttr["runs"] == {"value": 100.0, "runs": 2, "missing": 0, "days": 2}
    assert diagnostics.run(group, ["runs", "kpi", "--quarter", "2026Q4"]) == 0
    assert "  2 game days\n" in capsys.readouterr().out


def test_a_report_tells_the_score_over_the_experiments_of_the_project(
    project: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def learning() -> float:
        capsys.readouterr()
        assert diagnostics.run(group, ["runs", "report", project[1], "--to", "json"]) == 0
        scores = json.loads(capsys.readouterr().out)["scores"]
        return float(next(each["score"] for each in scores if each["service"] == "learning"))

    before = learning()
    (tmp_path / "project/experiments").mkdir()
    (tmp_path / "project/experiments/new.yaml").write_text(NEVER_TRIED)
    assert learning() == pytest.approx(before * 4 / 5, abs=0.01)


NEVER_TRIED = """
title: Nobody tried this yet
steady-state-hypothesis: {title: all is well, probes: []}
method: []
extensions:
  - name: sretool
    blast_radius: {services: [learning]}
"""
