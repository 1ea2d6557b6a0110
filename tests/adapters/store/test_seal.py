"""Whatever is changed in a sealed folder is found, with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.store import seal
from sretool.errors import RunUnreadable

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"one\ntwo\nthree\nfour\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    (tmp_path / "events.jsonl").write_bytes(TEXT)
    (tmp_path / "input" / "a.yaml").write_bytes(b"title: a\n")
    (tmp_path / "raw.bin").write_bytes(b"\0\1\2")
    (tmp_path / "undo.jsonl").write_bytes(b'{"open": 1}\n')
    (tmp_path / "undo.lease").write_bytes(b"")
    seal.put(tmp_path)
    return tmp_path


def found(folder: Path) -> list[tuple[str, int | None, str]]:
    return [(each.file, each.line, each.text) for each in seal.differences(folder)]


def test_an_untouched_folder_has_no_differences(folder: Path) -> None:
    assert found(folder) == []


@pytest.mark.parametrize(
    ("now", "line", "text"),
    [
        pytest.param(b"one\ntwo\nthree!\nfour\n", 3, "this line was changed", id="one line"),
        pytest.param(b"one\n2\n3\nfour\n", 2, "lines 2 to 3 were changed", id="two lines"),
        pytest.param(b"two\nthree\nfour\n", 1, "1 line missing at the beginning", id="first gone"),
        pytest.param(b"one\ntwo\n", 3, "2 lines missing after line 2", id="cut"),
        pytest.param(b"one\nnew\ntwo\nthree\nfour\n", 2, "this line was added", id="added"),
        pytest.param(TEXT + b"five\nsix\n", 5, "lines 5 to 6 were added", id="appended"),
        pytest.param(b"one\nx\nfour\n", 2, "this line was written in the place of 2 lines", id="fewer"),
        pytest.param(b"one\ntwo\nthree\nfour", 4, "this line was changed", id="end of the last line"),
        pytest.param(b"one\r\ntwo\nthree\nfour\n", 1, "this line was changed", id="line end"),
        pytest.param(b"", 1, "4 lines missing at the beginning", id="emptied"),
    ],
)
def test_a_change_is_told_with_its_line(folder: Path, now: bytes, line: int, text: str) -> None:
    (folder / "events.jsonl").write_bytes(now)
    assert found(folder) == [("events.jsonl", line, text)]


def test_every_single_byte_counts(folder: Path) -> None:
    for place in range(len(TEXT)):
        data = bytearray(TEXT)
        data[place] ^= 1
        (folder / "events.jsonl").write_bytes(data)
        (one,) = found(folder)
        assert one[0] == "events.jsonl"
        assert one[1] == TEXT[:place].count(b"\n") + 1


def test_missing_added_and_binary_files_are_told(folder: Path) -> None:
    (folder / "input" / "a.yaml").unlink()
    (folder / "input" / "b.yaml").write_bytes(b"")
    (folder / "raw.bin").write_bytes(b"\0\1\3")
    assert found(folder) == [
        ("input/a.yaml", None, "is missing"),
        ("input/b.yaml", None, "was added"),
        ("raw.bin", None, "was changed"),
    ]


def test_what_is_undone_later_is_no_damage(folder: Path) -> None:
    with (folder / "undo.jsonl").open("ab") as file:
        file.write(b'{"close": 1}\n')
    (difference,) = seal.differences(folder)
    assert difference.grown
    assert difference.text == "1 line added since"


def test_an_undo_that_was_rewritten_is_damage(folder: Path) -> None:
    (folder / "undo.jsonl").write_bytes(b'{"open": 2}\n{"close": 1}\n')
    (difference,) = seal.differences(folder)
    assert not difference.grown


def test_a_new_seal_has_another_digest(folder: Path) -> None:
    before = seal.digest(folder)
    (folder / "events.jsonl").write_bytes(b"forged\n")
    assert seal.put(folder) == seal.digest(folder) != before
    assert found(folder) == []


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"schema": 9, "files": {}}', b"\xff"])
def test_a_seal_that_makes_no_sense_is_told(folder: Path, text: bytes) -> None:
    (folder / seal.FILE).write_bytes(text)
    with pytest.raises(RunUnreadable):
        seal.differences(folder)


def test_no_seal_no_digest(tmp_path: Path) -> None:
    assert seal.digest(tmp_path) is None
