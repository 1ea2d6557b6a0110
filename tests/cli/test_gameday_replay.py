"""`dash --replay` of a game day where no screen can be drawn, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.runs.model import Outcome, RunKind, Verdict
from tests.support.gameday_live import live
from tests.support.runs import RunClock, store_at

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.runs import RunStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunStore, RunClock]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES", "SRETOOL_PROMETHEUS_URL", "SRETOOL_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return store_at(tmp_path / "sretool")


@pytest.mark.parametrize("how", ["id", "last", "folder"])
def test_its_last_moment_is_printed_with_what_was_hidden(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str], how: str
) -> None:
    with live(*store, 250) as run:
        run.finish(Verdict(Outcome.FAILED, "cache-loss failed"))
    named = {"id": run.run.id, "last": "last", "folder": str(run.folder)}[how]
    assert diagnostics.run(group, ["dash", "--replay", named]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(" FAILED  cache-loss failed")
    assert "blackhole cache-1 on  undo ready" in said.out
    assert "printed its last moment" in said.err


@pytest.mark.parametrize("lost", [True, False])
def test_one_that_goes_on_is_not_played(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str], *, lost: bool
) -> None:
    with live(*store, 50) as run:
        if lost:
            run.close()
        code = diagnostics.run(group, ["dash", "--replay", run.run.id])
        said = capsys.readouterr()
        run.close()
    assert code == (0 if lost else 2)
    assert ("LOST" in said.out) is lost
    assert ("still goes on" in said.err) is not lost


def test_one_in_which_nothing_happened_is_told(
    store: tuple[RunStore, RunClock], capsys: pytest.CaptureFixture[str]
) -> None:
    run = store[0].create(RunKind.GAMEDAY, "empty")
    run.close()
    assert diagnostics.run(group, ["dash", "--replay", "last"]) == 2
    assert "nothing has happened in this run" in capsys.readouterr().err
