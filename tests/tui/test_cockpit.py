"""The cockpit of a load test: what it shows, and that nothing stops the load that was not meant."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.store.notebook import Notebook
from sretool.core.runs.events import Checked, PhaseBegan, PlannedPhase, Started
from sretool.core.runs.model import Check, Outcome, RunKind, Verdict
from sretool.tui import format as fmt
from sretool.tui.cockpit_app import CockpitApp
from sretool.tui.screens.cockpit import CockpitScreen
from sretool.tui.screens.runs import LoadScreen
from tests.support.runs import BEGAN, LOAD_CHECKS, RunClock, load_tick, passed_load, store_at
from tests.tui.screens import WIDE, Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sretool.adapters.store.runs import RunStore
    from sretool.adapters.store.writer import RunWriter

SIZES = [pytest.param(80, 24, id="80x24"), WIDE]


class Work:
    """A load test as the screen knows it."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.running = True
        self.failed = False
        self.told: list[str] = []

    def stop(self, why: str) -> None:
        self.told.append(why)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunStore, RunClock]:
    monkeypatch.chdir(tmp_path)
    clock = RunClock(BEGAN - timedelta(days=1))
    store, _ = store_at(tmp_path / ".sretool", clock)
    passed_load(store, clock, "yesterday")
    clock.current = clock.began = BEGAN
    return store, clock


def at_work(store: RunStore, clock: RunClock, seconds: int = 40) -> RunWriter:
    run = store.create(RunKind.LOAD, "mixed", targets=["http://127.0.0.1:8000"], versions={"locust": "2.47"})
    phases = (PlannedPhase("warm-up", 10), PlannedPhase("hold 120/s", 50))
    run.record(
        Started(RunKind.LOAD, "What learners do", 60, phases, LOAD_CHECKS, ("broken: p99",), users=300)
    )
    run.record(PhaseBegan("warm-up"))
    for second in range(seconds):
        if second == 10:
            run.record(PhaseBegan("hold 120/s"))
        clock.sleep(1)
        slow = second > 30
        run.record(load_tick(second, slow=3.5 if slow else 1.0, failing=0.05 if slow else 0.0))
    return run


@asynccontextmanager
async def cockpit(
    work: Work, clock: RunClock, width: int = 80, height: int = 24, glyphs: fmt.Glyphs = fmt.UNICODE
) -> AsyncIterator[Dash]:
    from pathlib import Path

    notebook = Notebook(Path(".sretool"), "mia")
    async with dashboard(
        width, height, glyphs=glyphs, make=partial(CockpitApp, work), notebook=notebook
    ) as dash:
        dash.clock.moment = clock.now()
        shelf = dash.app.shelf
        assert shelf is not None
        await dash.until(lambda: isinstance(dash.app.screen, CockpitScreen))
        await dash.poll()
        await dash.until(lambda: shelf.page(work.run, dash.app.view()))
        dash.app.repaint()
        await dash.settle()
        yield dash


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_everything_is_seen_at_a_glance(
    store: tuple[RunStore, RunClock], width: int, height: int
) -> None:
    with at_work(*store) as run:
        async with cockpit(Work(run.run.id), store[1], width, height) as dash:
            check_screen("cockpit", dash)
        run.close()


async def test_in_ascii_nothing_else_is_drawn(store: tuple[RunStore, RunClock]) -> None:
    with at_work(*store) as run:
        async with cockpit(Work(run.run.id), store[1], glyphs=fmt.ASCII) as dash:
            assert dash.text().isascii()
        run.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 16), (100, 30), (200, 60)])
async def test_it_fits_any_terminal(store: tuple[RunStore, RunClock], width: int, height: int) -> None:
    with at_work(*store) as run:
        async with cockpit(Work(run.run.id), store[1], width, height) as dash:
            assert "RUNNING" in dash.lines()[1]
            assert "stop" in dash.lines()[-1]
        run.close()


async def test_of_many_phases_the_one_it_is_in_is_seen(store: tuple[RunStore, RunClock]) -> None:
    with at_work(*store) as run:
        for rate in range(100, 1500, 100):
            run.record(PhaseBegan(f"grow {rate}/s"))
        async with cockpit(Work(run.run.id), store[1]) as dash:
            row = dash.row("PHASE")
            assert "[>] grow 1400/s" in row
            assert "[x] grow 1300/s" in row
            assert "warm-up" not in row
        run.close()


async def test_of_a_check_the_side_it_is_of_is_seen(store: tuple[RunStore, RunClock]) -> None:
    with at_work(*store) as run:
        run.record(Checked(Check("slo: shop/answers-in-time (server)", 0.99, 0.95, "ratio", ok=False)))
        async with cockpit(Work(run.run.id), store[1], 160, 48) as dash:
            assert " NO shop/answers-i… (server)       95%  wanted 99%" in dash.text()
        run.close()


@pytest.mark.slow
async def test_a_bound_far_above_the_latencies_does_not_flatten_them(
    store: tuple[RunStore, RunClock],
) -> None:
    with at_work(*store, seconds=20) as run:
        run.record(Checked(Check(LOAD_CHECKS[0].name, 30.0, 0.2, "s", ok=True)))
        async with cockpit(Work(run.run.id), store[1]) as dash:
            rows = dash.text().splitlines()
            below = rows[next(number for number, row in enumerate(rows) if "LATENCY" in row) + 1]
            assert "ms┤" in below
        run.close()


async def test_stopping_is_asked_for_and_enter_alone_stops_nothing(store: tuple[RunStore, RunClock]) -> None:
    with at_work(*store) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press("x")
            assert "STOP THE LOAD?" in dash.text()
            await dash.press("enter")
            assert isinstance(dash.app.screen, CockpitScreen)
            await dash.press("x", "escape")
            assert work.told == []
            await dash.press("x", "tab", "enter")
            assert work.told == ["stopped by hand"]
            assert dash.app.is_running
        run.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["q", "ctrl+q"])
async def test_leaving_while_it_runs_stops_it_first(store: tuple[RunStore, RunClock], way: str) -> None:
    with at_work(*store) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press(way)
            assert "STOP THE LOAD AND QUIT?" in dash.text()
            await dash.press("enter")
            assert work.told == []
            await dash.press(way, "tab", "enter")
            assert work.told == ["stopped by hand"]
            await dash.settle()
            assert dash.app._exit is False
            work.running = False
            await dash.until(lambda: dash.app._exit)
        run.close()


@pytest.mark.slow
async def test_the_end_is_shown_until_somebody_leaves(store: tuple[RunStore, RunClock]) -> None:
    run = at_work(*store)
    work = Work(run.run.id)
    async with cockpit(work, store[1]) as dash:
        run.finish(Verdict(Outcome.FAILED, "p99 was 1.68s"))
        work.running = False
        await dash.until(lambda: "FAILED" in dash.lines()[1])
        assert "q quit" in dash.lines()[-1]
        assert dash.app._exit is False
        await dash.press("x")
        assert work.told == []
        await dash.press("q")
        await dash.until(lambda: dash.app._exit)


@pytest.mark.slow
async def test_the_other_runs_are_one_step_away(store: tuple[RunStore, RunClock]) -> None:
    with at_work(*store) as run:
        async with cockpit(Work(run.run.id), store[1]) as dash:
            await dash.press("escape")
            await dash.until(lambda: isinstance(dash.app.screen, LoadScreen) and "yesterday" in dash.text())
            await dash.press("enter")
            assert isinstance(dash.app.screen, CockpitScreen)
        run.close()


@pytest.mark.slow
async def test_what_the_servers_say_stands_beside_it(store: tuple[RunStore, RunClock]) -> None:
    with at_work(*store) as run:
        async with cockpit(Work(run.run.id), store[1], 160, 48) as dash:
            row = dash.row("amas/learning-availability")
            assert "burns" in row
            dash.watch.down.add("prometheus")
            dash.clock.moment += timedelta(minutes=5)
            await dash.poll()
            await dash.until(lambda: "as of" in dash.row("SERVER"))
        run.close()
