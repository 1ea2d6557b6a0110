"""`sretool runs` and `sretool mark` on real folders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sretool.cli import diagnostics, run_reports
from sretool.cli.main import group
from sretool.core.runs.events import PlannedStep, Started, StepBegan, StepRun
from sretool.core.runs.model import RunKind
from tests.support.runs import aborted_game_day, passed_load, running_load, store_at, torn_load

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.runs import RunStore
    from tests.support.runs import RunClock


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder; the working directory is below it."""
    (tmp_path / ".sretool").mkdir()
    below = tmp_path / "services/checkout"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    return tmp_path


@pytest.fixture
def filled(project: Path) -> tuple[RunStore, RunClock]:
    store, clock = store_at(project / ".sretool")
    passed_load(store, clock)
    aborted_game_day(store, clock)
    torn_load(store, clock)
    return store, clock


def test_runs_are_listed_newest_first(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, ["runs", "list"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["ID", "KIND", "STARTED", "TOOK", "VERDICT", "TITLE"]
    assert [row.split()[-2:] for row in rows] == [
        ["lost", "answers-night"],
        ["aborted", "zone-loss"],
        ["passed", "answers-peak"],
    ]


def test_a_running_run_is_listed_as_running(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    run = running_load(*filled)
    assert diagnostics.run(group, ["runs", "list", "-n", "1", "--format", "json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert listed["state"] == "running"
    assert listed["verdict"] is None
    run.close()


def test_json_has_the_fields_of_run_json(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, ["runs", "show", "last", "--format", "json"]) == 0
    lost = json.loads(capsys.readouterr().out)
    assert lost["state"] == "lost"
    assert diagnostics.run(group, ["runs", "list", "--kind", "load", "--format", "json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["title"] for run in runs] == ["answers-night", "answers-peak"]
    document = runs[1]
    wanted = {
        "schema", "id", "kind", "title", "state", "started", "ended", "inputs", "targets", "versions",
        "verdict", "measures",
    }  # fmt: skip
    assert wanted <= document.keys()
    assert document["measures"]["requests"] > 0
    assert document["verdict"]["checks"][0]["ok"] is True


def test_one_run_shows_verdict_checks_measures_and_log(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    store, _ = filled
    game_day = store.newest()[1]
    assert diagnostics.run(group, ["runs", "show", game_day.record.id]) == 0
    out = capsys.readouterr().out
    assert "aborted: a guard tripped: budget use 2.3%; everything undone" in out
    assert "ok      learning-availability: 99.62%  wanted 99.5%" in out
    assert "budget_spent   0.023" in out
    assert "guard  budget use > 2%: 2.3% against 2%  tripped" in out


def test_an_unknown_run_is_a_usage_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.run(group, ["runs", "show", "nope"]) == diagnostics.USAGE
    err = capsys.readouterr().err
    assert "there is no run 'nope'" in err
    assert f"{project}/.sretool/runs" in err


def test_no_runs_is_no_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.run(group, ["runs", "list"]) == 0
    assert "no runs in" in capsys.readouterr().err
    assert diagnostics.run(group, ["runs", "list", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == []


def test_a_damaged_run_is_told_beside_the_list(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    store, _ = filled
    (store.newest()[0].folder / "run.json").write_text("{")
    assert diagnostics.run(group, ["runs", "list"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "left out" in err


def test_pruning_says_what_went(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    store, _ = filled
    assert diagnostics.run(group, ["runs", "prune", "--keep", "1", "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would remove") == 2
    assert len(store.newest()) == 3
    assert diagnostics.run(group, ["runs", "prune", "--keep", "1", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["removed"]) == 2
    assert [run.record.title for run in store.newest()] == ["answers-night"]


def test_pruning_everything_by_accident_is_refused(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, ["runs", "prune"]) == diagnostics.USAGE
    assert "--keep" in capsys.readouterr().err


def test_without_a_project_folder_the_users_state_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert diagnostics.run(group, ["mark", "--kind", "deploy", "--service", "checkout", "v412"]) == 0
    assert (tmp_path / "state/sretool/marks.jsonl").is_file()


def test_a_mark_is_written_into_the_project(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = diagnostics.run(
        group,
        ["mark", "--kind", "deploy", "--service", "checkout", "--at", "2026-11-20T02:46:00Z", "--by", "mia",
         "--label", "zone=eu-1b", "v412"],
    )  # fmt: skip
    assert code == 0
    out = capsys.readouterr().out
    assert out == "2026-11-20T02:46:00Z  deploy  checkout deployed v412 by mia\n"
    line = json.loads((project / ".sretool/marks.jsonl").read_text())
    assert line["labels"] == {"zone": "eu-1b"}


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["mark", "--kind", "restart", "x"], id="a kind of our own"),
        pytest.param(["mark", "--at", "noon", "x"], id="no time"),
        pytest.param(["mark", "--label", "zone", "x"], id="no label"),
        pytest.param(["mark", " "], id="no text"),
        pytest.param(["mark"], id="nothing"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(argv: list[str], project: Path) -> None:
    assert diagnostics.run(group, argv) == diagnostics.USAGE
    assert not (project / ".sretool/marks.jsonl").exists()


def test_what_a_run_that_broke_off_measured_is_told_from_its_events(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, ["runs", "show", "last", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["state"] == "lost"
    assert shown["measures"]["requests"] > 500
    assert shown["measures"]["p99_s"] > 0.1
    assert diagnostics.run(group, ["runs", "show", "last"]) == 0
    assert "p999_s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("md", "## answers-night: lost"),
        ("html", "<!doctype html>"),
        ("json", '{\n  "id"'),
        ("junit", "<?xml version="),
        ("csv", "Type,Name,Request Count,"),
    ],
)
def test_reports_go_to_stdout(
    filled: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str], form: str, begins: str
) -> None:
    assert diagnostics.run(group, ["runs", "report", "last", "--to", form]) == 0
    assert capsys.readouterr().out.startswith(begins)


def test_csv_becomes_the_files_that_locust_writes(
    filled: tuple[RunStore, RunClock], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = project / "peak"
    assert diagnostics.run(group, ["runs", "report", "last", "--to", "csv", "--out", str(out)]) == 0
    assert sorted(file.name for file in project.glob("peak*")) == [
        "peak_failures.csv",
        "peak_stats.csv",
        "peak_stats_history.csv",
    ]
    assert f"wrote {out}_stats.csv" in capsys.readouterr().err


def test_a_report_that_cannot_be_made_or_written_is_one_message(
    filled: tuple[RunStore, RunClock], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = project / "missing/report.html"
    assert diagnostics.run(group, ["runs", "report", "last", "--to", "html", "--out", str(nowhere)]) == 2
    assert capsys.readouterr().err == f"sretool: cannot write {nowhere}: No such file or directory\n"
    with filled[0].create(RunKind.CANARY, "release") as canary:
        assert diagnostics.run(group, ["runs", "report", canary.run.id]) == 2
    said = capsys.readouterr().err
    assert "is a canary run, and there are no reports of these" in said


def test_all_reports_are_written_into_the_folder(filled: tuple[RunStore, RunClock]) -> None:
    store, clock = filled
    run = store.open("last")
    written = run_reports.write(run.folder, run.record, clock.now())
    assert {file.name for file in written} == {
        *("report.html", "report.md", "report.json", "junit.xml"),
        *("stats.csv", "failures.csv", "stats_history.csv"),
    }
    assert all(file.stat().st_size for file in written)


def test_what_a_game_day_hides_is_told_nowhere_while_it_goes_on(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, clock = store_at(project / ".sretool")
    steps = (PlannedStep("cache-loss", "experiment", "experiment cache-loss", hidden=True),)
    with store.create(RunKind.GAMEDAY, "surprise") as day:
        day.record(Started(RunKind.GAMEDAY, "surprise", steps=steps))
        clock.sleep(1)
        one = store.create(RunKind.CHAOS, "cache loss", targets=["cache-1"], parent=day.run.id)
        day.record(StepBegan("cache-loss"))
        day.record(StepRun("cache-loss", one.folder.name))
        said = ""
        for words in (
            ["list"],
            ["list", "--format", "json"],
            ["show", "last"],
            ["show", one.run.id],
            ["report", one.run.id],
            ["report", "last"],
        ):
            diagnostics.run(group, ["runs", *words])
            said += "".join(capsys.readouterr())
        assert "cache" not in said
        assert "hidden step" in said
        assert f"{day.run.id} goes on" in said
        one.close()
