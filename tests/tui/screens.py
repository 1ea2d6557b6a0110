"""A dashboard without servers or terminal, and its screen as lines of text."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sretool.tui import format as fmt
from sretool.tui.app import NOT_DRAWN, DashApp
from tests.support.dashboard import FakeClock, FakeWatch
from tests.tui.svg import picture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from textual.pilot import Pilot

    from sretool.core.observe.model import SloStatus

GOLDEN = Path(__file__).parent / "golden"
SNAPSHOTS = Path(__file__).parent / "snapshots"
PICTURED = ((80, 24), (160, 48))
"""Sizes of which pictures are kept beside the text."""
WIDE = pytest.param(160, 48, marks=pytest.mark.slow)
SMALL = pytest.param(40, 10, marks=pytest.mark.slow)
"""Beside 80x24, which `make check` looks at; the pure drawers are looked at in every size there."""
REFRESH = timedelta(seconds=5)


class Dash:
    """A running dashboard in a test: its keys, its clock, its sources, its text."""

    def __init__(self, app: DashApp, watch: FakeWatch, clock: FakeClock, pilot: Pilot[None]) -> None:
        self.app = app
        self.watch = watch
        self.clock = clock
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Wait for what follows from the last event, and for what is only done once that is on screen."""
        await self.pilot.pause()
        await self.pilot.pause()

    async def resize(self, width: int, height: int) -> None:
        await self.pilot.resize_terminal(width, height)
        # Textual waits a moment for another change of the size.
        await self.until(lambda: self.app.screen._compositor.size == (width, height))

    async def until(self, seen: Callable[[], object]) -> None:
        """Wait for something that takes a moment of real time."""
        for _ in range(500):
            if seen():
                break
            await asyncio.sleep(0.01)
        assert seen(), self.text()
        await self.settle()

    async def charts(self) -> None:
        """Wait for what the charts of the SLO on screen show."""
        followed = self.app._followed
        assert followed is not None
        await self.until(lambda: self.app.past(followed.id).history)
        await self.until(lambda: self.app.charted(followed).ratio.track.at)

    async def poll(self) -> None:
        """One refresh of both sources, at the clock's time."""
        self.app.action_refresh_now()
        await self.settle()

    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return [strip.text for strip in strips]

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines()) + "\n"

    def row(self, containing: str) -> str:
        return next(line for line in self.lines() if containing in line)


@asynccontextmanager
async def dashboard(
    width: int = 80,
    height: int = 24,
    statuses: Sequence[SloStatus] | None = None,
    *,
    glyphs: fmt.Glyphs = fmt.UNICODE,
    theme: str = "sre-dark",
    down: Sequence[str] = (),
    refresh: timedelta = REFRESH,
    make: Callable[..., DashApp] = DashApp,
    **more: Any,
) -> AsyncIterator[Dash]:
    """`more` goes to the app as it is."""
    clock = FakeClock()
    watch = FakeWatch(clock, statuses)
    watch.down.update(down)
    origin = "lab amas /10" if glyphs is fmt.ASCII else "lab amas ÷10"
    app = make(
        watch,
        refresh=refresh,
        clock=clock,
        jitter=lambda: 0.0,
        glyphs=glyphs,
        origin=origin,
        theme=theme,
        **more,
    )
    async with app.run_test(size=(width, height)) as pilot:
        dash = Dash(app, watch, clock, pilot)
        await dash.settle()
        yield dash
        assert not [text for _, text in app.board.log if text.startswith(NOT_DRAWN)]


def check_screen(name: str, dash: Dash) -> None:
    """Compare with `golden/<name>-<width>x<height>.txt` and, for its colours, with the picture of that name.

    UPDATE_GOLDEN=1 writes both instead, to be looked at before they are kept.
    """
    size = dash.app.size
    named = f"{name}-{size.width}x{size.height}"
    _check(GOLDEN / f"{named}.txt", dash.text())
    if size in PICTURED:
        _check(SNAPSHOTS / f"{named}.svg", picture(dash.app))


def _check(path: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == known, f"{path.name} differs; UPDATE_GOLDEN=1 writes it anew"
