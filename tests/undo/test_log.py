from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sretool.undo import identity
from sretool.undo.entry import Result, UndoEntry
from sretool.undo.log import Sealed, UndoLog

if TYPE_CHECKING:
    from pathlib import Path


def entry(name: str = "f1", **words: object) -> UndoEntry:
    return UndoEntry(name, f"fault {name}", "app-1", {"kind": "command", "argv": ["true"], **words})


def test_an_entry_is_read_back_with_its_date_and_boot(tmp_path: Path) -> None:
    log = UndoLog(tmp_path)
    written = log.open(entry())
    (standing,) = log.read()
    assert standing.entry == written
    assert written.boot == identity.boot()
    assert written.at > 0
    assert standing.closed is None


def test_what_is_left_is_undone_newest_first(tmp_path: Path) -> None:
    log = UndoLog(tmp_path)
    for name in ("f1", "f2", "f3"):
        log.open(entry(name))
    log.close(Result("f2", "", "undone"))
    assert [each.entry.id for each in log.left()] == ["f3", "f1"]


def test_an_undo_that_failed_leaves_its_entry_open(tmp_path: Path) -> None:
    log = UndoLog(tmp_path)
    log.open(entry())
    log.close(Result("f1", "", "failed", "no answer"))
    (standing,) = log.left()
    assert (standing.failures, standing.text) == (1, "no answer")


def test_a_sealed_log_takes_no_fault(tmp_path: Path) -> None:
    log = UndoLog(tmp_path)
    log.open(entry())
    log.seal()
    with pytest.raises(Sealed):
        log.open(entry("f2"))
    assert [each.entry.id for each in log.read()] == ["f1"]


@given(cut=st.integers(1, 120))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_line_torn_by_a_crash_is_skipped_and_removed_by_the_next_writer(tmp_path: Path, cut: int) -> None:
    log = UndoLog(tmp_path)
    log.file.unlink(missing_ok=True)
    log.open(entry("f1"))
    whole = log.file.read_bytes()
    log.open(entry("f2"))
    data = log.file.read_bytes()
    log.file.write_bytes(data[: max(len(data) - 1 - cut, len(whole))])
    assert [each.entry.id for each in log.read()] == ["f1"]
    log.open(entry("f3"))
    assert [each.entry.id for each in log.read()] == ["f1", "f3"]


def test_a_whole_line_that_makes_no_sense_is_an_error_with_its_number(tmp_path: Path) -> None:
    log = UndoLog(tmp_path)
    log.open(entry())
    with log.file.open("ab") as file:
        file.write(b"{nonsense}\n")
    with pytest.raises(ValueError, match=r"undo\.jsonl:2: not a line of an undo log"):
        log.read()


def test_an_entry_without_a_way_to_undo_it_is_an_error(tmp_path: Path) -> None:
    log = UndoLog(tmp_path)
    log.file.write_text(json.dumps({"open": {"id": "f1", "fault": "f", "target": "t", "undo": {}}}) + "\n")
    with pytest.raises(ValueError, match="does not say how to undo it"):
        log.read()


@pytest.mark.parametrize("since", [(), ("f3",)])
def test_a_log_that_was_deleted_is_written_again(tmp_path: Path, since: tuple[str, ...]) -> None:
    log = UndoLog(tmp_path / "run")
    kept = log.kept()
    log.open(entry("f1"))
    log.open(entry("f2"))
    log.close(Result("f1", "", "undone"))
    assert log.restore(kept) == kept
    shutil.rmtree(log.folder)
    for name in since:
        log.open(entry(name))
    kept = log.restore(kept)
    assert [each.entry.id for each in log.left()] == [*since, "f2"]
    shutil.rmtree(log.folder)
    os.close(log.restore(kept))
    assert [each.entry.id for each in log.left()] == [*since, "f2"]


def test_an_actor_that_has_ended_is_none(tmp_path: Path) -> None:
    import subprocess

    log = UndoLog(tmp_path)
    process = subprocess.Popen(["sleep", "60"])
    try:
        log.actor(process.pid)
        assert log.actors() == [process.pid]
    finally:
        process.kill()
        process.wait()
    assert log.actors() == []
