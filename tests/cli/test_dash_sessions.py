"""`dash --replay` without a terminal, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pytest

from sretool.adapters.store.runs import RunStore
from sretool.adapters.store.sessions import FILE, SessionFile
from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.runs.model import RunKind
from tests.support import session

if TYPE_CHECKING:
    from pathlib import Path


class Result(NamedTuple):
    exit_code: int
    output: str


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES", "SRETOOL_PROMETHEUS_URL", "SRETOOL_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "sretool"


def _recorded(state: Path, kind: RunKind = RunKind.SESSION) -> Path:
    run = RunStore(state).create(kind, "amas")
    file = SessionFile(run.folder)
    for line in session.lines():
        file.write(line)
    file.close()
    run.end()
    return run.folder


Dash = Callable[..., Result]


@pytest.fixture
def dash(capsys: pytest.CaptureFixture[str]) -> Dash:
    def run(*args: str) -> Result:
        code = diagnostics.run(group, ["dash", *args])
        said = capsys.readouterr()
        return Result(code, said.out + said.err)

    return run


@pytest.mark.parametrize("how", ["last", "id", "folder", "file"])
def test_a_session_is_found_by_run_or_by_path(state: Path, dash: Dash, how: str) -> None:
    folder = _recorded(state)
    run_id = folder.name.rpartition("-")[2]
    named = {"last": "last", "id": run_id, "folder": str(folder), "file": str(folder / FILE)}[how]
    result = dash("--replay", named)
    assert result.exit_code == 0, result.output
    assert "REPLAY" in result.output
    assert "ALL CLEAR" in result.output
    assert "printed its last moment" in result.output


def test_a_torn_session_says_so_and_is_shown(state: Path, dash: Dash) -> None:
    folder = _recorded(state)
    file = folder / FILE
    file.write_bytes(file.read_bytes()[:-40])
    result = dash("--replay", str(folder))
    assert result.exit_code == 0, result.output
    assert "the end of this session is missing" in result.output


def test_a_run_of_another_kind_is_told(state: Path, dash: Dash) -> None:
    _recorded(state, RunKind.LOAD)
    result = dash("--replay", "last")
    assert result.exit_code == 2
    assert "neither a recorded session nor a game day but a run of kind load" in result.output


@pytest.mark.parametrize("named", ["last", "./gone", "nothing.gz"])
def test_a_session_that_is_not_there_is_told(state: Path, dash: Dash, named: str) -> None:
    result = dash("--replay", named)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert "run" in result.output


def test_a_file_that_is_no_session_is_told(state: Path, dash: Dash, tmp_path: Path) -> None:
    path = tmp_path / "notes.gz"
    path.write_text("hello")
    result = dash("--replay", str(path))
    assert result.exit_code == 2
    assert "holds no recorded session" in result.output


def test_a_replay_records_nothing(state: Path, dash: Dash) -> None:
    result = dash("--replay", "last", "--record")
    assert result.exit_code == 2
    assert "--replay goes with neither" in result.output
