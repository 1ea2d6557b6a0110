"""`sretool chaos verify`: what was changed in a run folder is found, the rest is confirmed."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from sretool.cli import chaos_reports
from sretool.cli.chaos_verify import verify
from sretool.cli.context import Settings
from sretool.undo.entry import UndoEntry
from sretool.undo.log import UndoLog
from tests.support import chaos_runs
from tests.support.runs import begin_load, store_at

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one finished experiment."""
    project = tmp_path_factory.mktemp("project")
    (project / ".sretool").mkdir()
    run = chaos_runs.judged(chaos_runs.failover(project / ".sretool", seconds=150))
    chaos_reports.write(run.folder, run.run, NOW)
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "project"
    shutil.copytree(made, copy)
    return copy


def folder(project: Path) -> Path:
    (one,) = (project / ".sretool" / "runs").iterdir()
    return one


def call(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(verify, ["last", *arguments], obj=Settings(project=project))


def asked(project: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = call(project, *arguments, "--format", "json")
    return result.exit_code, json.loads(result.stdout)


def places(document: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(each["file"], each["line"]) for each in document["findings"]]


def test_an_untouched_run_is_confirmed(project: Path) -> None:
    code, found = asked(project)
    assert code == 0
    assert found["ok"] is True
    assert found["findings"] == []
    assert found["recorded"] == found["verdict"]
    assert found["verdict"]["outcome"] == "passed"


def test_a_failed_run_is_confirmed_as_failed(tmp_path: Path) -> None:
    (tmp_path / ".sretool").mkdir()
    run = chaos_runs.judged(chaos_runs.failover(tmp_path / ".sretool", lost=2))
    chaos_reports.write(run.folder, run.run, NOW)
    code, found = asked(tmp_path)
    assert (code, found["verdict"]["outcome"]) == (0, "failed")


@pytest.mark.parametrize(
    "name", ["run.json", "report.html", "report.md", "report.json", "junit.xml", "input/db-failover.yaml"]
)
def test_a_changed_line_of_any_file_is_told(project: Path, name: str) -> None:
    file = folder(project) / name
    lines = file.read_bytes().split(b"\n")
    number = len(lines) // 2
    lines[number] += b" "
    file.write_bytes(b"\n".join(lines))
    code, found = asked(project)
    assert code == 1
    assert (name, number + 1) in places(found)


def test_a_lost_write_that_is_edited_away_is_found_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / ".sretool").mkdir()
    run = chaos_runs.judged(chaos_runs.failover(tmp_path / ".sretool", lost=2))
    chaos_reports.write(run.folder, run.run, NOW)
    events = run.folder / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    number = next(place for place, line in enumerate(lines, start=1) if '"writes_found"' in line)
    lines[number - 1] = lines[number - 1].replace('"lost":2', '"lost":0')
    events.write_text("".join(lines))
    code, found = asked(tmp_path)
    assert code == 1
    assert ("events.jsonl", number) in places(found)
    told = [each["text"] for each in found["findings"]]
    assert any("lost_writes 2, the events say 0" in text for text in told)


def test_a_verdict_that_is_edited_in_both_places_and_sealed_again_is_found(tmp_path: Path) -> None:
    (tmp_path / ".sretool").mkdir()
    run = chaos_runs.judged(chaos_runs.failover(tmp_path / ".sretool", lost=2))
    for name in ("run.json", "events.jsonl"):
        file = run.folder / name
        text = file.read_text()
        file.write_text(
            text.replace('"outcome": "failed"', '"outcome": "passed"').replace(
                '"outcome":"failed"', '"outcome":"passed"'
            )
        )
    chaos_reports.write(run.folder, run.run, NOW)
    code, found = asked(tmp_path)
    assert code == 1
    assert found["recorded"]["outcome"] == "passed"
    assert found["verdict"]["outcome"] == "failed"


def test_events_that_were_taken_out_make_the_verdict_another_one(project: Path) -> None:
    events = folder(project) / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    del lines[40]
    events.write_bytes(b"".join(lines))
    code, found = asked(project)
    assert code == 1
    assert ("events.jsonl", 41) in places(found)
    assert found["verdict"]["outcome"] == "inconclusive"


def test_another_plan_than_the_one_that_was_run_is_told(tmp_path: Path) -> None:
    (tmp_path / ".sretool").mkdir()
    run = chaos_runs.failover(tmp_path / ".sretool")
    run.keep_input("plan.json", b'{"hash": "0123456789abcdef"}', "plan.json")
    chaos_runs.judged(run)
    chaos_reports.write(run.folder, run.run, NOW)
    code, found = asked(tmp_path)
    assert code == 1
    assert places(found) == [("input/plan.json", None)]


def test_a_line_that_is_no_event_is_told(project: Path) -> None:
    events = folder(project) / "events.jsonl"
    with events.open("ab") as file:
        file.write(b"nonsense\n")
    number = len(events.read_bytes().splitlines())
    code, found = asked(project)
    assert code == 1
    assert ("events.jsonl", number) in places(found)


def test_another_seal_is_found_by_the_digest_noted_elsewhere(project: Path) -> None:
    digest = asked(project)[1]["seal"]
    assert asked(project, "--seal", digest[:16])[0] == 0
    note = folder(project) / "report.md"
    note.write_text(note.read_text() + "and all was well\n")
    from sretool.adapters.store import seal

    seal.put(folder(project))
    assert asked(project)[0] == 0
    code, found = asked(project, "--seal", digest)
    assert code == 1
    assert places(found) == [("seal.json", None)]


def test_where_another_sretool_has_judged_that_is_told(project: Path) -> None:
    (folder(project) / "report.md").write_text("")
    told = call(project)
    assert told.exit_code == 1
    assert "it was judged by sretool 0.1, this is" in told.stderr


def test_a_missing_seal_is_told(project: Path) -> None:
    (folder(project) / "seal.json").unlink()
    code, found = asked(project)
    assert (code, places(found)) == (1, [("seal.json", None)])


def test_a_fault_that_is_still_in_is_an_undo_that_is_incomplete(project: Path) -> None:
    UndoLog(folder(project)).open(
        UndoEntry("1", "latency", "database", {"kind": "file_remove", "path": "/nowhere"})
    )
    (folder(project) / "seal.json").unlink()
    from sretool.adapters.store import seal

    seal.put(folder(project))
    result = call(project)
    assert result.exit_code == 5
    assert "LEFT    latency" in result.stdout


def test_a_run_that_broke_off_has_nothing_to_confirm(tmp_path: Path) -> None:
    (tmp_path / ".sretool").mkdir()
    run = chaos_runs.failover(tmp_path / ".sretool", watched=False)
    run.close()
    code, found = asked(tmp_path)
    assert code == 6
    assert found["recorded"] is None
    assert found["verdict"]["outcome"] != "passed"


def test_a_run_that_goes_on_and_one_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".sretool").mkdir()
    with chaos_runs.failover(tmp_path / ".sretool"):
        result = call(tmp_path)
    assert "still running" in str(result.exception)
    other = tmp_path / "other"
    (other / ".sretool").mkdir(parents=True)
    begin_load(store_at(other / ".sretool")[0]).close()
    assert "only experiments" in str(call(other).exception)
