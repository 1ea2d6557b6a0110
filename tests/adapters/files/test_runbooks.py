"""Runbooks as files beside the catalog and in the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files.runbooks import Runbooks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shelf(tmp_path: Path) -> Runbooks:
    for folder, text in (("catalog", "of the catalog"), (".sretool", "of the project")):
        (tmp_path / folder / "runbooks/deep").mkdir(parents=True)
        (tmp_path / folder / "runbooks/Burn.md").write_text(text)
    (tmp_path / ".sretool/runbooks/deep/Own.md").write_text("own")
    return Runbooks([tmp_path / "catalog"], tmp_path / ".sretool", {"Known": "text", "Burn": "older"})


def test_names_are_those_of_files_and_of_known_texts(shelf: Runbooks) -> None:
    assert shelf.names() == ["Burn", "Known", "Own"]


def test_the_catalog_comes_first_then_the_project_then_what_is_known(shelf: Runbooks) -> None:
    assert shelf.text("Burn") == "of the catalog"
    assert shelf.text("Own") == "own"
    assert shelf.text("Known") == "text"
    assert shelf.text("Nothing") is None


def test_a_name_is_no_path(shelf: Runbooks) -> None:
    assert shelf.text("../runbooks/Burn") is None
    assert shelf.text("deep/Own") is None


def test_an_edit_is_seen_at_once(shelf: Runbooks) -> None:
    file = shelf.file("Burn")
    assert file is not None
    file.write_text("new")
    assert shelf.text("Burn") == "new"


def test_bytes_that_are_no_text_are_shown_as_far_as_they_go(shelf: Runbooks) -> None:
    file = shelf.file("Burn")
    assert file is not None
    file.write_bytes(b"# A\xff")
    assert shelf.text("Burn") == "# A\ufffd"


def test_a_new_one_belongs_beside_the_catalog(shelf: Runbooks, tmp_path: Path) -> None:
    assert shelf.place("New") == tmp_path / "catalog/runbooks/New.md"
    single = tmp_path / "slos.yaml"
    single.write_text("")
    assert Runbooks([single]).place("New") == tmp_path / "runbooks/New.md"
    assert Runbooks([], tmp_path / ".sretool").place("New") == tmp_path / ".sretool/runbooks/New.md"
    assert Runbooks().place("New") is None
