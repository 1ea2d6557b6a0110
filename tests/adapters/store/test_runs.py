"""Run folders on a real disk: written, followed, listed, opened, pruned."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.adapters import project
from sretool.adapters.store.runs import RunStore
from sretool.adapters.store.tail import EventTail, Follower
from sretool.core.runs import lines
from sretool.core.runs.events import Finished, Note, PlannedStep, Started, StepBegan, StepEnded, StepRun
from sretool.core.runs.model import Outcome, RunKind, RunState, Verdict
from sretool.errors import RunUnreadable, UsageError
from sretool.undo.entry import Result, UndoEntry
from sretool.undo.log import UndoLog
from tests.support.runs import (
    RunClock,
    aborted_game_day,
    begin_load,
    passed_load,
    running_load,
    store_at,
    torn_load,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.writer import RunWriter


def test_a_finished_run_says_so_in_both_of_its_files(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    folder = passed_load(store, clock)
    run = store.open("last")
    assert run.folder == folder
    assert run.record.state is RunState.FINISHED
    assert run.record.verdict is not None
    assert run.record.verdict.outcome is Outcome.PASSED
    assert run.record.measures.load is not None
    assert run.record.measures.load.requests
    story, tail = store.story(run)
    assert story.finished is not None
    assert story.finished.verdict == run.record.verdict
    assert not tail.torn


def test_the_folder_is_named_by_time_kind_title_and_id(tmp_path: Path) -> None:
    store, _ = store_at(tmp_path)
    with store.create(RunKind.LOAD, "Checkout: Peak / 結算") as run:
        pass
    assert run.folder.name == f"20261120T025000Z-load-checkout-peak-{run.run.id}"


def test_a_run_without_a_verdict_ends_as_an_error(tmp_path: Path) -> None:
    store, _ = store_at(tmp_path)
    with begin_load(store):
        pass
    verdict = store.open("last").record.verdict
    assert verdict == Verdict(Outcome.ERROR, "the program ended without a verdict")


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        pytest.param(KeyboardInterrupt(), Outcome.ABORTED, "interrupted by hand", id="ctrl-c"),
        pytest.param(RuntimeError("boom"), Outcome.ERROR, "the run itself failed: boom", id="a defect"),
    ],
)
def test_an_error_ends_the_run_and_goes_on(
    tmp_path: Path, error: BaseException, outcome: Outcome, reason: str
) -> None:
    store, _ = store_at(tmp_path)
    with pytest.raises(type(error)), begin_load(store):
        raise error
    assert store.open("last").record.verdict == Verdict(outcome, reason)


def test_a_run_is_running_while_its_writer_lives_and_lost_afterwards(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    run = running_load(store, clock)
    assert store.open("last").record.state is RunState.RUNNING
    run.close()
    assert store.open("last").record.state is RunState.LOST


def _write_for_ever(state: Path) -> None:
    run = begin_load(RunStore(state))
    while True:
        run.record(Note("still here"))
        time.sleep(0.01)


def test_a_writer_that_is_killed_leaves_a_lost_run_with_all_its_whole_lines(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(tmp_path,))
    child.start()
    store = RunStore(tmp_path)
    try:
        for _ in range(600):
            runs = store.newest()
            if runs and len(store.story(runs[0])[0].log) > 5:
                break
            time.sleep(0.05)
        assert store.open("last").record.state is RunState.RUNNING
    finally:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    run = store.open("last")
    assert run.record.state is RunState.LOST
    story, tail = store.story(run)
    assert len(story.log) > 5
    assert tail.unreadable == 0


def test_a_torn_last_line_waits_and_is_given_once_it_is_whole(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    folder = torn_load(store, clock)
    story, tail = store.story(store.open("last"))
    assert tail.torn
    assert tail.unreadable == 0
    assert len(story.load) == 19
    events = folder / "events.jsonl"
    with events.open("ab") as stream:
        stream.write(b'"workers":[]}\n')
    read = tail.read()
    # The line is whole now; what stands in it is no event, which is counted and told.
    assert read.events == ()
    assert (tail.torn, tail.unreadable) == (False, 1)
    assert (tail.first_unreadable or "").startswith("events.jsonl:21: not an event")


def test_following_gives_each_event_once(tmp_path: Path) -> None:
    store, _ = store_at(tmp_path)
    run = begin_load(store)
    tail = EventTail(store.open("last").folder / "events.jsonl")
    assert [type(event.what) for event in tail.read().events] == [Started]
    assert tail.read().events == ()
    run.record(Note("one"))
    run.record(Note("two"))
    assert [event.what for event in tail.read().events] == [Note("one"), Note("two")]
    run.close()


def test_following_survives_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    folder = passed_load(store, clock)
    tail = EventTail(store.open("last").folder / "events.jsonl")
    many = tail.read().events
    events = folder / "events.jsonl"
    events.write_bytes(b"".join(lines.encode(event) for event in many[:3]))
    read = tail.read()
    assert read.restarted
    assert read.events == many[:3]


def test_a_story_begins_again_with_its_file(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    events = passed_load(store, clock) / "events.jsonl"
    follower = Follower(events)
    follower.catch_up()
    assert follower.story.finished is not None
    events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:5]))
    assert follower.advance()
    assert follower.story.finished is None
    assert len(follower.story.load) == 4
    assert not follower.advance()


def test_following_survives_a_file_that_is_replaced(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    folder = passed_load(store, clock)
    tail = EventTail(store.open("last").folder / "events.jsonl")
    many = tail.read().events
    events = folder / "events.jsonl"
    other = folder / "other"
    other.write_bytes(events.read_bytes())
    other.replace(events)
    read = tail.read()
    assert read.restarted
    assert read.events == many


def test_following_a_file_that_is_not_there_yet_gives_nothing(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    folder = passed_load(store, clock)
    (folder / "events.jsonl").unlink()
    assert EventTail(store.open("last").folder / "events.jsonl").read().events == ()


def test_garbage_between_events_costs_only_itself(tmp_path: Path) -> None:
    store, _ = store_at(tmp_path)
    run = begin_load(store)
    with (run.folder / "events.jsonl").open("ab") as stream:
        stream.write(b"\x00\x00\x00\n")
    run.record(Note("after"))
    story, tail = store.story(store.open("last"))
    assert story.log[-1].text == "after"
    assert tail.unreadable == 1
    assert tail.lost == "1 line is no event"
    with (run.folder / "events.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    whole = EventTail(run.folder / "events.jsonl")
    assert whole.lost == ""
    assert [type(event.what) for event in whole.rest()] == [Started, Note]
    assert whole.lost == "2 lines are no events"
    assert not list(whole.rest())
    run.close()


def test_runs_open_by_last_by_id_and_by_the_beginning_of_their_folder(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    first = passed_load(store, clock)
    clock.sleep(60)
    second = aborted_game_day(store, clock)
    assert store.open("last").folder == second
    assert store.open(first.name.rpartition("-")[2][:5]).folder == first
    assert store.open("20261120T0250").folder == first
    assert [run.folder for run in store.newest()] == [second, first]
    assert [run.folder for run in store.newest(kinds=[RunKind.LOAD])] == [first]
    assert [run.folder for run in store.newest(1)] == [second]


@pytest.mark.parametrize(
    ("name", "said"), [("2026", "2 runs begin with"), ("zz", "no run 'zz'"), ("", "no run ''")]
)
def test_a_name_that_fits_none_or_several_is_refused(tmp_path: Path, name: str, said: str) -> None:
    store, clock = store_at(tmp_path)
    passed_load(store, clock)
    passed_load(store, clock)
    with pytest.raises(UsageError, match=said):
        store.open(name)


def test_last_of_no_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run yet"):
        RunStore(tmp_path).open("last")


def test_a_damaged_run_is_left_out_of_the_list_and_told(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    good = passed_load(store, clock)
    bad = passed_load(store, clock)
    (bad / "run.json").write_text("{")
    assert [run.folder for run in RunStore(tmp_path).newest()] == [good]
    fresh = RunStore(tmp_path)
    fresh.newest()
    assert [damaged.folder for damaged in fresh.damaged] == [bad]
    with pytest.raises(RunUnreadable, match=r"not a run\.json"):
        fresh.open(bad.name)


def test_an_input_is_kept_with_its_digest(tmp_path: Path) -> None:
    store, _ = store_at(tmp_path)
    with begin_load(store) as run:
        run.keep_input("profile.yaml", b"rate: 5\n", "profiles/profile.yaml")
        assert (run.folder / "input/profile.yaml").read_bytes() == b"rate: 5\n"
    (entry,) = store.open("last").record.inputs
    assert entry.path == "profiles/profile.yaml"
    assert entry.sha256 == "bff8e73eb7817414165ec78f581a25864062a6bc14531c2673c93ea1aa935617"


def test_decisive_events_are_on_the_disk_at_once_and_the_others_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("sretool.adapters.store.writer.os.fdatasync", synced.append)
    from tests.support.runs import load_tick

    store, clock = store_at(tmp_path)
    run = begin_load(store)
    assert len(synced) == 1
    for _ in range(9):
        clock.sleep(0.1)
        run.record(load_tick(5))
    assert len(synced) == 1
    clock.sleep(0.1)
    run.record(load_tick(5))
    assert len(synced) == 2
    run.record(Note("seen"))
    assert len(synced) == 3
    run.close()
    assert len(synced) == 3


def test_pruning_keeps_the_newest_the_running_and_what_is_not_undone(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    undone = UndoLog(old := passed_load(store, clock))
    undone.open(UndoEntry("1", "latency", "database", undo={"kind": "file_remove", "path": "none"}))
    undone.close(Result("1", "latency", "undone"))
    broken = passed_load(store, clock)
    UndoLog(broken).open(UndoEntry("1", "a limit", "app-1", undo={"kind": "file_remove", "path": "none"}))
    running = running_load(store, clock)
    clock.sleep(3600)
    newest = passed_load(store, clock)
    pruned, kept = store.prune(keep=1, older_than=None, dry_run=True)
    assert [each.folder for each in pruned] == [old]
    assert pruned[0].size > 1000
    assert old.exists()
    pruned, kept = store.prune(keep=1, older_than=None)
    assert [each.folder for each in pruned] == [old]
    assert {each.folder: each.reason for each in kept} == {
        running.folder: "it is running",
        broken: "not undone: a limit; `sretool chaos heal` does it",
    }
    assert sorted(os.listdir(store.root)) == sorted(each.name for each in (broken, running.folder, newest))
    running.close()


def test_pruning_by_age_leaves_what_is_young(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    old = passed_load(store, clock)
    clock.sleep(2 * 86400)
    passed_load(store, clock)
    pruned, _ = store.prune(keep=None, older_than=timedelta(days=1))
    assert [each.folder for each in pruned] == [old]


@pytest.mark.slow
def test_thousands_of_runs_are_listed(tmp_path: Path) -> None:
    clock = RunClock()
    store, _ = store_at(tmp_path, clock)
    text = (passed_load(store, clock, seconds=1) / "run.json").read_bytes()
    for number in range(3000):
        folder = store.root / f"20260101T{number:06d}Z-load-many-a{number:05d}"
        folder.mkdir()
        (folder / "run.json").write_bytes(text)
    fresh = RunStore(tmp_path)
    assert len(fresh.newest(200)) == 200
    assert len(fresh.newest()) == 3001


def test_the_last_one_is_no_step_of_another(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    with store.create(RunKind.GAMEDAY, "quarterly") as day:
        for name in ("evening", "db-failover"):
            clock.sleep(1)
            with store.create(RunKind.CHAOS, name, parent=day.run.id):
                assert store.open("last").record.id == day.run.id
    clock.sleep(1)
    # The one it was a step of is gone.
    with store.create(RunKind.CHAOS, "alone", parent="zzzzzz") as alone:
        assert store.open("last").record.id == alone.run.id


HIDING = (
    PlannedStep("open", "load", "load evening"),
    PlannedStep("one", "experiment", "experiment cache-loss", hidden=True),
    PlannedStep("two", "experiment", "experiment memory-leak", hidden=True),
)


def test_hidden_steps_of_a_game_day_that_goes_on_are_kept_back(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)

    def begin(day: RunWriter, step: str, title: str) -> RunWriter:
        clock.sleep(1)
        run = store.create(RunKind.CHAOS, title, targets=["cache-1"], parent=day.run.id)
        day.record(StepBegan(step))
        day.record(StepRun(step, run.folder.name))
        return run

    def titles() -> list[str]:
        return [each.shown.title for each in store.newest()]

    with store.create(RunKind.GAMEDAY, "surprise") as day:
        day.record(Started(RunKind.GAMEDAY, "surprise", steps=HIDING))
        evening, one = begin(day, "open", "evening"), begin(day, "one", "cache loss")
        assert titles() == ["hidden step", "evening", "surprise"]
        assert store.newest(1)[0].shown.targets == ()
        with pytest.raises(UsageError, match="hidden step"):
            store.open(one.run.id)
        # What one of the hidden ones begins, and what is not on record yet, is kept back as well.
        clock.sleep(1)
        own = store.create(RunKind.LOAD, "load of it", parent=one.run.id)
        early = store.create(RunKind.CHAOS, "memory leak", parent=day.run.id)
        assert titles().count("hidden step") == 3
        assert store.keeps_back(store.open(day.run.id))
        for each in (own, one):
            each.finish(Verdict(Outcome.PASSED, "as it should be"))
        assert titles().count("hidden step") == 3
        day.record(StepEnded("one", Outcome.PASSED))
        assert sorted(titles()) == ["cache loss", "evening", "hidden step", "load of it", "surprise"]
        assert store.open(one.run.id).record.title == "cache loss"
    assert "hidden step" not in titles()
    assert not store.keeps_back(store.open(day.run.id))
    for each in (early, evening):
        each.close()


def test_a_game_day_that_was_killed_hides_nothing(tmp_path: Path) -> None:
    store, clock = store_at(tmp_path)
    day = store.create(RunKind.GAMEDAY, "surprise")
    day.record(Started(RunKind.GAMEDAY, "surprise", steps=HIDING))
    clock.sleep(1)
    with store.create(RunKind.CHAOS, "cache loss", parent=day.run.id) as one:
        assert store.newest(1)[0].hidden
        day.close()
        assert store.open(one.run.id).shown.title == "cache loss"


def test_what_a_full_disk_took_only_half_is_written_once_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = store_at(tmp_path)
    real = project.write_all
    with store.create(RunKind.CHAOS, "drill") as run:
        run.record(Note("one"))

        def half(descriptor: int, data: bytes) -> None:
            real(descriptor, data[: len(data) // 2])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(project, "write_all", half)
        with pytest.raises(OSError, match="No space"):
            run.record(Note("two"))
        monkeypatch.setattr(project, "write_all", real)
        run.record(Note("two"))
    tail = EventTail(run.folder / "events.jsonl")
    assert [each.what for each in tail.read().events][:2] == [Note("one"), Note("two")]
    assert tail.unreadable == 0


def test_nothing_is_written_into_a_file_that_was_deleted(tmp_path: Path) -> None:
    store, _ = store_at(tmp_path)
    gone = pytest.raises(FileNotFoundError, match="its file was deleted")
    with gone, store.create(RunKind.GAMEDAY, "day") as run:
        run.record(Note("one"))
        shutil.rmtree(run.folder)
        run.record(Note("two"))
    assert not run.folder.exists()


def test_a_verdict_that_only_the_events_took_stays_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = store_at(tmp_path)
    full = pytest.raises(OSError, match="No space")
    with full, store.create(RunKind.GAMEDAY, "day") as run:
        real = project.replace_file

        def none(file: Path, data: bytes) -> None:
            monkeypatch.setattr(project, "replace_file", real)
            raise OSError(28, f"No space left on device: {len(data)} bytes for {file}")

        monkeypatch.setattr(project, "replace_file", none)
        run.finish(Verdict(Outcome.PASSED, "every claim held"))
    verdict = Verdict(Outcome.PASSED, "every claim held")
    found = EventTail(run.folder / "events.jsonl").read().events
    assert [each.what for each in found] == [Finished(verdict)]
    # There was room again when the writer was closed.
    record = store.open("last").record
    assert (record.state, record.verdict) == (RunState.FINISHED, verdict)
