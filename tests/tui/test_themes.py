"""Colours that change while the dashboard is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tui.screens import dashboard

if TYPE_CHECKING:
    from tests.tui.screens import Dash


def _painted(dash: Dash) -> list[tuple[str, str]]:
    strips = dash.app.screen._compositor.render_strips()
    return [(segment.text, str(segment.style)) for strip in strips for segment in strip]


async def test_a_changed_theme_looks_as_from_the_start() -> None:
    """These two have the same background: nothing but the roles tells them apart."""
    async with dashboard(theme="sre-mono") as dash:
        as_begun = _painted(dash)
    async with dashboard(theme="sre-ansi") as dash:
        assert _painted(dash) != as_begun
        dash.app.theme = "sre-mono"
        await dash.settle()
        assert _painted(dash) == as_begun


async def test_a_theme_changed_on_another_screen_is_there_when_one_comes_back() -> None:
    async with dashboard(theme="sre-mono") as dash:
        as_begun = _painted(dash)
    async with dashboard(theme="sre-ansi") as dash:
        for away, back in (("2", "1"), ("?", "escape")):
            dash.app.theme = "sre-ansi"
            await dash.press(away)
            dash.app.theme = "sre-mono"
            await dash.settle()
            await dash.press(back)
            assert _painted(dash) == as_begun
