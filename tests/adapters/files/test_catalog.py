from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files.catalog import bundled, load
from sretool.errors import CatalogError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SLO = """\
slos:
  - {id: shop/up, objective: 99%, window: 1d, sli: {bad: a_total, total: b_total}}
"""


def test_a_folder_gives_its_yaml_files_and_the_runbooks_below_it(tmp_path: Path) -> None:
    (tmp_path / "deep" / "runbooks").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "slos.yml").write_text(SLO)
    (tmp_path / "deep" / "rules.yaml").write_text("groups: []\n")
    (tmp_path / "deep" / "runbooks" / "A.md").write_text("# A\n")
    (tmp_path / "README.md").write_text("no runbook\n")
    (tmp_path / "notes.txt").write_text("{")
    (tmp_path / ".git" / "hidden.yaml").write_text("{")
    system = load([tmp_path])
    assert [slo.id for slo in system.slos] == ["shop/up"]
    assert list(system.rule_files) == ["rules.yaml"]
    assert system.runbooks == {"A": "# A\n"}


def test_files_and_folders_add_up(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.yaml").write_text(SLO)
    (tmp_path / "two.conf").write_text(SLO.replace("shop/up", "shop/two"))
    system = load([tmp_path / "a", tmp_path / "two.conf"])
    assert [slo.id for slo in system.slos] == ["shop/up", "shop/two"]


def test_problems_name_the_file_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slos.yaml").write_text(SLO.replace("99%", "99"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogError) as caught:
        load([tmp_path])
    assert str(caught.value).startswith("slos.yaml:2: objective: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml:1: cannot be read: No such file"):
        load([tmp_path / "nowhere.yaml"])


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "slos.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"slos\.yaml:1: is not UTF-8"):
        load([tmp_path])


def test_a_folder_without_catalog_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no catalog files"):
        load([tmp_path])


def test_bundled_systems_are_found_by_name() -> None:
    assert (bundled("amas") / "slos.yaml").is_file()


@pytest.mark.parametrize("name", ["nope", "", "..", "amas/rules", "__pycache__"])
def test_an_unknown_system_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        bundled(name)
    assert caught.value.remedy == "known: amas"


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slos.yaml")
    with pytest.raises(UsageError, match=r"slos\.yaml is neither a file nor a folder"):
        load([tmp_path / "slos.yaml"])


def test_everything_wrong_is_told_beside_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"slos:\n  - id: shop/\xff\n")
    (tmp_path / "b.yaml").write_text("slos: {}\n")
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    with pytest.raises(CatalogError) as caught:
        load([tmp_path, tmp_path / "none.yaml"])
    found = [
        (each.file.rsplit("/", 1)[-1], each.line, each.message.split(";")[0])
        for each in caught.value.problems
    ]
    assert sorted(found) == [
        ("a.yaml", 2, "is not UTF-8 text"),
        ("b.yaml", 1, "slos: a list is wanted, not a mapping"),
        ("c.yaml", 1, "is not UTF-8 text"),
        ("none.yaml", 1, "cannot be read: No such file or directory"),
    ]
