"""`sretool runs postmortem` on real folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.support import chaos_runs
from tests.support.runs import aborted_game_day, store_at, torn_load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".sretool").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_failed_experiment(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chaos_runs.judged(chaos_runs.failover(project / ".sretool", lost=2))
    assert diagnostics.run(group, ["runs", "postmortem", "last"]) == 0
    text = capsys.readouterr().out
    assert "- 2 of 4,321 acknowledged writes were lost.\n" in text
    assert "| 2 | Find out where 2 acknowledged writes went, and keep them | prevent |" in text
    assert "- one primary: yes\n" in text


def test_a_draft_that_is_there_is_not_overwritten(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chaos_runs.judged(chaos_runs.failover(project / ".sretool", lost=2))
    arguments = ["runs", "postmortem", "last", "--out", "draft.md"]
    assert diagnostics.run(group, arguments) == 0
    draft = project / "draft.md"
    assert draft.read_text().startswith("# Post-mortem of db-failover (draft)\n")
    draft.write_text("finished\n")
    assert diagnostics.run(group, arguments) == diagnostics.USAGE
    assert "draft.md exists already" in capsys.readouterr().err
    assert draft.read_text() == "finished\n"


def test_other_kinds_and_runs_that_broke_off(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, clock = store_at(project / ".sretool")
    for make, told in ((aborted_game_day, "**aborted**"), (torn_load, "**lost**")):
        make(store, clock)
        assert diagnostics.run(group, ["runs", "postmortem", "last"]) == 0
        assert told in capsys.readouterr().out


def test_nothing_to_write_about_is_one_clear_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passed = chaos_runs.judged(chaos_runs.failover(project / ".sretool"))
    assert diagnostics.run(group, ["runs", "postmortem", "last"]) == diagnostics.USAGE
    assert "passed: nothing went wrong" in capsys.readouterr().err
    with chaos_runs.failover(project / ".sretool") as run:
        assert diagnostics.run(group, ["runs", "postmortem", run.run.id]) == diagnostics.USAGE
        assert "still running" in capsys.readouterr().err
    (passed.folder / "events.jsonl").write_text("")
    assert diagnostics.run(group, ["runs", "postmortem", passed.run.id]) == diagnostics.USAGE
    assert "has no events" in capsys.readouterr().err
