"""Plans of game days on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files import gamedays
from sretool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / gamedays.FOLDER).mkdir(parents=True)
    for name in ("own.yaml", "surprise.yml", "notes.txt"):
        (tmp_path / gamedays.FOLDER / name).write_text("name: x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_projects_own_go_before_those_of_sretool(project: Path) -> None:
    found = gamedays.names(project)
    assert found["own"] == (project / gamedays.FOLDER / "own.yaml", False)
    assert found["surprise"] == (project / gamedays.FOLDER / "surprise.yml", False)
    assert found["first-game-day"][1] is True
    assert "notes" not in found


def test_a_plan_is_found_by_its_file_or_its_name(project: Path) -> None:
    file = project / "other.yaml"
    file.write_text("name: other")
    assert gamedays.find("other.yaml", project) == file
    assert gamedays.find("own", project) == project / gamedays.FOLDER / "own.yaml"
    with pytest.raises(UsageError, match="there is no game day 'surprize'; did you mean 'surprise'"):
        gamedays.find("surprize", project)
