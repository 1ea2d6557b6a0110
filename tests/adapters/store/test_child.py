"""A run folder that another program writes: found by what that tells, read as it grows, healed at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.store.child import TOLD, ChildFolder, tell
from sretool.adapters.store.runs import RunStore
from sretool.core.runs.events import Note
from sretool.core.runs.model import Outcome, RunKind, Verdict
from sretool.undo.entry import UndoEntry
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_run_is_the_one(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    told = tmp_path / "step.run"
    with store.create(RunKind.CHAOS, "drill") as first, store.create(RunKind.LOAD, "its load") as second:
        tell({TOLD: str(told)}, first.folder)
        tell({TOLD: str(told)}, second.folder)
        tell({}, second.folder)
        child = ChildFolder(store.root, told, tmp_path / "index")
        assert child.name == first.folder.name
        assert [each.name for each in tmp_path.iterdir() if each.name.startswith("step")] == ["step.run"]


async def test_it_is_read_as_it_grows(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    told = tmp_path / "step.run"
    child = ChildFolder(store.root, told, tmp_path / "index")
    assert child.name == ""
    assert child.events() == ()
    assert child.record() is None
    assert await child.settle() == ()
    run = store.create(RunKind.LOAD, "evening", parent="day")
    tell({TOLD: str(told)}, run.folder)
    run.record(Note("one"))
    assert [each.what for each in child.events()] == [Note("one")]
    run.record(Note("two"))
    assert [each.what for each in child.events()] == [Note("two")]
    run.finish(Verdict(Outcome.PASSED, "well"))
    record = child.record()
    assert record is not None
    assert record.parent == "day"
    assert record.verdict == Verdict(Outcome.PASSED, "well")


async def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with store.create(RunKind.LOAD, "evening") as run:
        tell({TOLD: str(tmp_path / "step.run")}, run.folder)
        child = ChildFolder(store.root, tmp_path / "step.run", tmp_path / "index")
        (run.folder / "run.json").write_text("{")
        assert child.record() is None


async def test_what_is_left_in_is_undone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    fault = tmp_path / "fault"
    with store.create(RunKind.CHAOS, "drill") as run:
        tell({TOLD: str(tmp_path / "step.run")}, run.folder)
        child = ChildFolder(store.root, tmp_path / "step.run", tmp_path / "index")
        log = UndoLog(run.folder)
        log.open(UndoEntry("f1", "a file", str(fault), {"kind": "file_remove", "path": str(fault)}))
        fault.touch()
        assert await child.settle() == ()
        assert not fault.exists()
        assert not log.left()


async def test_what_its_own_steps_left_in_is_undone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    fault, others = tmp_path / "fault", tmp_path / "others"
    with store.create(RunKind.GAMEDAY, "rounds") as run:
        tell({TOLD: str(tmp_path / "step.run")}, run.folder)
    for parent, file in ((run.run.id, fault), ("other", others)):
        with store.create(RunKind.CHAOS, "drill", parent=parent) as drill:
            undo = {"kind": "file_remove", "path": str(file)}
            UndoLog(drill.folder).open(UndoEntry("f1", "a file", str(file), undo))
            file.touch()
    assert await ChildFolder(store.root, tmp_path / "step.run", tmp_path / "index").settle() == ()
    assert (fault.exists(), others.exists()) == (False, True)


async def test_what_cannot_be_undone_is_told(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with store.create(RunKind.CHAOS, "drill") as run:
        tell({TOLD: str(tmp_path / "step.run")}, run.folder)
        child = ChildFolder(store.root, tmp_path / "step.run", tmp_path / "index")
        UndoLog(run.folder).open(UndoEntry("f1", "a limit", "app-1", {"kind": "unheard of"}))
        left = await child.settle()
        assert len(left) == 1
        assert left[0].startswith("a limit: ")


def test_a_run_that_nobody_can_be_told_of_does_not_go_on(tmp_path: Path) -> None:
    with RunStore(tmp_path).create(RunKind.CHAOS, "drill") as run, pytest.raises(FileNotFoundError):
        tell({TOLD: str(tmp_path / "gone" / "step.run")}, run.folder)
