"""A dashboard without servers or terminal, and its screen as lines of text."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sretool.tui import format as fmt
from sretool.tui.app import NOT_DRAWN, DashApp
from tests.support.dashboard import FakeClock, FakeWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from textual.pilot import Pilot

    from sretool.core.observe.model import SloStatus

GOLDEN = Path(__file__).parent / "golden"
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
        await self.pilot.pause()

    async def until(self, seen: Callable[[], object]) -> None:
        """Wait for something that takes a moment of real time."""
        for _ in range(100):
            if seen():
                break
            await asyncio.sleep(0.05)
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
        jitter=lambda: 1.0,
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


def check_golden(name: str, text: str) -> None:
    """Compare with `golden/<name>.txt`; UPDATE_GOLDEN=1 writes it instead, to be read before it is kept."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
