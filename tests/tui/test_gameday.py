"""The cockpit of a game day: what it shows and keeps to itself, and what its keys do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.store.notebook import Notebook
from sretool.tui import format as fmt
from sretool.tui.gameday_app import GameDayApp
from sretool.tui.screens.gameday import GameDayCockpit
from tests.support.gameday_live import live
from tests.support.runs import BEGAN, RunClock, passed_load, store_at
from tests.tui.screens import SMALL, WIDE, Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sretool.adapters.store.runs import RunStore

SIZES = [pytest.param(80, 24, id="80x24"), WIDE, SMALL]


class Work:
    """A game day as the screen knows it."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.running = True
        self.failed = False
        self.told: list[tuple[str, ...]] = []
        self.refuses = ""

    def stop(self, why: str) -> None:
        self.told.append(("stop", why))

    def hold(self, by: str) -> None:
        self.told.append(("hold", by))

    def go_on(self, by: str) -> None:
        self.told.append(("go on", by))

    def note(self, text: str, by: str) -> None:
        self.told.append(("note", text, by))

    def mark(self, by: str) -> None:
        self.told.append(("mark", by))

    def answer(self, step: str, text: str, by: str) -> str:
        self.told.append(("answer", step, text, by))
        return self.refuses

    def report(self) -> Path:
        return Path("report.html")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunStore, RunClock]:
    monkeypatch.chdir(tmp_path)
    clock = RunClock(BEGAN - timedelta(days=1))
    store, _ = store_at(tmp_path / ".sretool", clock)
    passed_load(store, clock, "yesterday")
    clock.current = clock.began = BEGAN
    return store, clock


@asynccontextmanager
async def cockpit(
    work: Work, clock: RunClock, width: int = 80, height: int = 24, glyphs: fmt.Glyphs = fmt.UNICODE
) -> AsyncIterator[Dash]:
    notebook = Notebook(Path(".sretool"), "mia")
    async with dashboard(
        width, height, glyphs=glyphs, make=partial(GameDayApp, work), notebook=notebook
    ) as dash:
        dash.clock.moment = clock.now()
        app = dash.app
        assert isinstance(app, GameDayApp)
        await dash.until(lambda: isinstance(app.screen, GameDayCockpit))
        await dash.poll()
        await dash.until(lambda: app.page(app.view()))
        dash.app.repaint()
        await dash.settle()
        yield dash


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("phase", "until"), [("fault", 80), ("asked", 130), ("hidden", 200), ("told", 250)])
async def test_everything_is_seen_at_a_glance(
    store: tuple[RunStore, RunClock], phase: str, until: int, width: int, height: int
) -> None:
    with live(*store, until) as run:
        async with cockpit(Work(run.run.id), store[1], width, height) as dash:
            check_screen(f"gameday-cockpit-{phase}", dash)
        run.close()
