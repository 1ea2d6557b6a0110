"""Where what happens is told: over the keys, never over data or over what is being typed."""

from __future__ import annotations

from datetime import timedelta

from sretool.tui import format as fmt
from sretool.tui.app import DashApp
from tests.support.dashboard import FakeClock, FakeWatch


async def test_a_toast_takes_the_row_of_the_keys_and_gives_way_to_a_line_being_typed() -> None:
    clock = FakeClock()
    watch = FakeWatch(clock, None)
    app = DashApp(watch, refresh=timedelta(seconds=5), clock=clock, jitter=lambda: 0.0, glyphs=fmt.UNICODE)

    def lines() -> list[str]:
        return [strip.text for strip in app.screen._compositor.render_strips()]

    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        before = lines()
        app.tell("Prometheus back after 4m12s")
        await pilot.pause()
        assert lines()[:-1] == before[:-1]
        assert lines()[-1].rstrip().endswith("Prometheus back after 4m12s")
        assert lines()[-1].startswith(before[-1][:40])
        await pilot.press("/")
        await pilot.pause()
        assert lines()[-1].rstrip().endswith("enter keeps, esc clears")
        assert lines()[-2].rstrip().endswith("Prometheus back after 4m12s")
