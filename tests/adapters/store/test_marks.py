"""Marks on a real disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sretool.adapters.store.marks import MarkFile
from sretool.core.observe.marks import Mark

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 20, 2, 46, tzinfo=UTC)


def test_marks_of_any_program_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    reader = MarkFile(tmp_path)
    assert reader.changes() == ()
    MarkFile(tmp_path).append(Mark(AT, "deploy", "v412", "checkout", "mia", {"zone": "eu"}))
    MarkFile(tmp_path).append(Mark(AT - timedelta(hours=1), "flag", "x"))
    assert [change.text for change in reader.changes()] == ["flag x", "checkout deployed v412 by mia"]
    reader.append(Mark(AT + timedelta(hours=1), "note", "seen"))
    assert [change.kind for change in reader.changes()] == ["flag", "deploy", "note"]


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    file = MarkFile(tmp_path)
    file.append(Mark(AT, "deploy", "one"))
    with file.path.open("ab") as stream:
        stream.write(b'{"at":"2026-')
    assert [change.text for change in file.changes()] == ["deployed one"]
    file.append(Mark(AT, "deploy", "two"))
    assert [change.text for change in file.changes()] == ["deployed one", "deployed two"]


def test_a_file_that_was_emptied_is_read_anew(tmp_path: Path) -> None:
    file = MarkFile(tmp_path)
    file.append(Mark(AT, "deploy", "one, with a long text"))
    file.changes()
    file.path.write_bytes(b"")
    file.append(Mark(AT, "deploy", "two"))
    assert [change.text for change in file.changes()] == ["deployed two"]


def test_a_folder_in_the_way_is_no_marks(tmp_path: Path) -> None:
    (tmp_path / "marks.jsonl").mkdir()
    assert MarkFile(tmp_path).changes() == ()
