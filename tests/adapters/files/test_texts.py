"""Files that people name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files import texts
from sretool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "project"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


def test_files_that_cannot_be_read(project: Path) -> None:
    (project / "bad.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="it is not UTF-8 text"):
        texts.text_of(project / "bad.yaml")
    with pytest.raises(UsageError, match="cannot read"):
        texts.text_of(project)


def test_a_file_is_told_as_short_as_it_can_be(project: Path) -> None:
    assert texts.shown(project / "other.yaml") == "other.yaml"
    assert texts.shown(project.parent / "other.yaml") == str(project.parent / "other.yaml")
