"""The load and game day views over run folders that the writer wrote."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.store.notebook import Notebook
from sretool.core.observe.marks import Mark, as_change
from sretool.core.runs.events import Checked
from sretool.core.runs.model import Check, Outcome, Verdict
from sretool.tui import format as fmt
from tests.support.runs import (
    BEGAN,
    RunClock,
    aborted_game_day,
    passed_load,
    running_game_day,
    running_load,
    store_at,
    torn_load,
)
from tests.tui.screens import Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sretool.adapters.store.runs import RunStore

SIZES = [pytest.param(80, 24, id="80x24"), pytest.param(160, 48, id="160x48")]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunStore, RunClock]:
    """Two load tests and a game day of the last nights."""
    monkeypatch.chdir(tmp_path)
    clock = RunClock(BEGAN - timedelta(days=2))
    store, _ = store_at(tmp_path / ".sretool", clock)
    passed_load(store, clock)
    clock.sleep(86000)
    torn_load(store, clock)
    aborted_game_day(store, clock)
    clock.current = BEGAN
    clock.began = BEGAN
    return store, clock


@asynccontextmanager
async def on_view(
    view: str, clock: RunClock, width: int = 80, height: int = 24, *, glyphs: fmt.Glyphs = fmt.UNICODE
) -> AsyncIterator[Dash]:
    from pathlib import Path

    commands = ("load", "gameday", "chaos")
    async with dashboard(
        width, height, glyphs=glyphs, view=view, notebook=Notebook(Path(".sretool"), "mia"), commands=commands
    ) as dash:
        dash.clock.moment = clock.now()
        shelf = dash.app.shelf
        assert shelf is not None
        await dash.until(lambda: shelf.asked)
        await dash.poll()
        await dash.until(lambda: not shelf.runs or shelf.page(shelf.runs[0].record.id, dash.app.view()))
        dash.app.repaint()
        await dash.settle()
        yield dash


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_running_load_test(store: tuple[RunStore, RunClock], width: int, height: int) -> None:
    with running_load(*store) as run:
        async with on_view("load", store[1], width, height) as dash:
            check_screen("load-running", dash)
        run.close()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_running_game_day(store: tuple[RunStore, RunClock], width: int, height: int) -> None:
    with running_game_day(*store) as run:
        async with on_view("gameday", store[1], width, height) as dash:
            check_screen("gameday-running", dash)
        run.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("view", ["load", "gameday"])
async def test_without_runs_the_view_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str, width: int, height: int
) -> None:
    monkeypatch.chdir(tmp_path)
    async with on_view(view, RunClock(), width, height) as dash:
        check_screen(f"{view}-none", dash)


async def test_without_a_command_that_starts_one_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    async with dashboard(view="load", notebook=Notebook(Path(".sretool"))) as dash:
        await dash.until(lambda: "No load test" in dash.text())
        assert "sretool load run" not in dash.text()
        assert "cannot start one" in dash.text()


async def test_without_a_project_folder_the_view_says_so() -> None:
    async with dashboard(view="load") as dash:
        assert "no project folder is known" in dash.text()


async def test_in_ascii_nothing_else_is_drawn(store: tuple[RunStore, RunClock]) -> None:
    with running_load(*store) as run:
        async with on_view("load", store[1], glyphs=fmt.ASCII) as dash:
            assert dash.text().isascii(), dash.text()
            check_screen("load-running-ascii", dash)
        run.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_an_aborted_game_day_alone(store: tuple[RunStore, RunClock], width: int, height: int) -> None:
    async with on_view("gameday", store[1], width, height) as dash:
        await dash.press("enter")
        await dash.until(lambda: "zone-loss" in dash.lines()[0])
        check_screen("run-aborted", dash)
        await dash.press("G")
        assert "everything undone" in dash.text()
        await dash.press("escape")
        assert "game day" in dash.lines()[0]
        assert ">" not in dash.lines()[0]


async def test_a_lost_run_says_when_it_was_last_heard_of_and_what_may_still_be_in(
    store: tuple[RunStore, RunClock],
) -> None:
    running_game_day(*store).close()
    async with on_view("gameday", store[1]) as dash:
        assert "LOST" in dash.lines()[1]
        assert "may still be in: kill pg-1, latency 200ms" in dash.lines()[1]
        assert dash.text().count("MAY BE IN") == 2


async def test_a_torn_run_shows_what_is_whole(store: tuple[RunStore, RunClock]) -> None:
    async with on_view("load", store[1]) as dash:
        assert "LOST" in dash.lines()[1]
        assert "POST /answer" in dash.text()


@pytest.mark.slow
async def test_a_running_run_is_followed_until_its_verdict(store: tuple[RunStore, RunClock]) -> None:
    with running_load(*store) as run:
        async with on_view("load", store[1]) as dash:
            assert "BROKEN p99 below 500 ms: 1.68s" in dash.lines()[1]
            run.record(Checked(Check("p99 below 500 ms", 0.5, 0.31, "s", ok=True)))
            await dash.until(lambda: "HELD 1 of 2" in dash.lines()[1])
            run.finish(Verdict(Outcome.FAILED, "p99 too high for 10 s"))
            await dash.until(lambda: "FAILED" in dash.lines()[1])
            assert "p99 too high for 10 s" in dash.lines()[1]


@pytest.mark.slow
async def test_events_that_are_cut_off_do_not_stay_on_screen(store: tuple[RunStore, RunClock]) -> None:
    with running_load(*store) as run:
        async with on_view("load", store[1]) as dash:
            events = run.folder / "events.jsonl"
            first = events.read_bytes().splitlines(keepends=True)[0]
            events.write_bytes(first)
            await dash.until(lambda: "no request has been made yet" in dash.text())
        run.close()


async def test_the_cursor_chooses_the_run_below(store: tuple[RunStore, RunClock]) -> None:
    async with on_view("load", store[1]) as dash:
        assert "LOST" in dash.lines()[1]
        await dash.press("j")
        await dash.until(lambda: "both checks held" in dash.lines()[1])
        await dash.press("k")
        await dash.until(lambda: "LOST" in dash.lines()[1])


async def test_the_filter_keeps_what_matches(store: tuple[RunStore, RunClock]) -> None:
    async with on_view("load", store[1]) as dash:
        await dash.press("/", *"peak", "enter")
        await dash.until(lambda: "both checks held" in dash.lines()[1])
        assert "answers-night" not in dash.text()
        await dash.press("/", *"xyz", "enter")
        assert "no run matches the filter" in dash.text()
        await dash.press("escape")
        assert "answers-night" in dash.text()


async def test_notes_of_people_stand_in_the_log(store: tuple[RunStore, RunClock]) -> None:
    with running_game_day(*store) as run:
        async with on_view("gameday", store[1], 160, 48) as dash:
            mark = Mark(BEGAN + timedelta(seconds=128), "note", "queue is full", by="bo")
            dash.watch.marks = (as_change(mark),)
            await dash.poll()
            assert "queue is full (bo)" in dash.text()
        run.close()


async def test_a_run_is_copied_with_its_folder(store: tuple[RunStore, RunClock]) -> None:
    async with on_view("gameday", store[1]) as dash:
        await dash.press("y")
        assert dash.app.clipboard.startswith("gameday zone-loss")
        assert dash.app.clipboard.endswith(store[0].open("last").folder.name)
        assert "ABORTED: a guard tripped" in dash.app.clipboard


async def test_a_removed_run_is_told(store: tuple[RunStore, RunClock]) -> None:
    async with on_view("gameday", store[1]) as dash:
        await dash.press("enter")
        store[0].prune(keep=0, older_than=None)
        await dash.until(lambda: "this run has been removed" in dash.text())


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(40, 10), (60, 16), (200, 60), (300, 100)])
@pytest.mark.parametrize("view", ["load", "gameday"])
async def test_every_size_is_drawn(
    store: tuple[RunStore, RunClock], view: str, width: int, height: int
) -> None:
    with running_game_day(*store) as game_day, running_load(*store) as load:
        async with on_view(view, store[1], width, height) as dash:
            assert all(len(line) <= width for line in dash.lines())
            await dash.press("enter")
            assert dash.lines()[0].strip()
        game_day.close()
        load.close()
