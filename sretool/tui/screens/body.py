"""Screens that are one body of lines between the status line and the key bar, and those with charts in it."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, ClassVar

from textual.events import Key

from sretool.errors import UsageError
from sretool.tui import keys, slo_charts
from sretool.tui.screens.base import BoardScreen
from sretool.tui.timeline import PRESETS, parse_window
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import tr
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.events import Paste

    from sretool.tui.line import Line
    from sretool.tui.timeline import TimeWindow

_FAR = 10
"""Steps of the cursor with H and L."""


class BodyScreen(BoardScreen):
    """Status line, lines, key bar."""

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="body")
        yield Sheet(id="keys")

    def show_body(self, lines: Sequence[Line]) -> None:
        self.query_one("#body", Sheet).show(lines)


class TimedScreen(BoardScreen):
    """A screen with charts: their time is chosen, moved, compared and read with keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("range"),
        keys.bind("pan_back", "pan(-1)"),
        keys.bind("pan_forward", "pan(1)"),
        keys.bind("zoom_in", "zoom(1)"),
        keys.bind("zoom_out", "zoom(-1)"),
        keys.bind("now"),
        # With priority: typed ahead, H and L must find the cursor there.
        keys.bind("inspect", priority=True),
        keys.bind("compare"),
        keys.bind("left", "cursor(-1)"),
        keys.bind("right", "cursor(1)"),
    ]

    def window(self) -> TimeWindow:
        """What the charts show; a screen may have a range of its own until one is chosen."""
        return self.dash.timeline.window

    def moved(self) -> None:
        """Another time is shown."""
        self.dash.repaint()

    def cursor_step(self) -> timedelta:
        """From one point of the charts to the next."""
        return slo_charts.cursor_step(self.dash.timeline)

    def take_input(self, event: Key | Paste) -> bool:
        if super().take_input(event):
            return True
        if self.dash.timeline.cursor is None or not isinstance(event, Key):
            return False
        # While there is a cursor these move it; elsewhere they may mean something else.
        far = {"H": -_FAR, "shift+left": -_FAR, "L": _FAR, "shift+right": _FAR}.get(event.key)
        if far is None:
            return False
        self.action_cursor(far)
        return True

    def action_range(self) -> None:
        dash = self.dash
        local = dash.board.local_time
        presets = [format_duration(preset) for preset in PRESETS]

        def hint(text: str) -> str:
            if not text:
                return f"{'  '.join(presets)}  03:00 +2h"
            try:
                window = parse_window(text, self.window(), dash.clock(), None if local else UTC)
            except UsageError as error:
                return f"{error.message}; {error.remedy}" if error.remedy else error.message
            return window.words(local=local)

        def done(text: str | None) -> None:
            if text is not None:
                self.go_to(text)

        self.ask_line(f"{tr('range')} ", done, hint=hint, completions=lambda text: presets)

    def go_to(self, text: str) -> None:
        """Show the time that `text` means, as `t` and `:t` take it."""
        self.dash.timeline.window = self.window()
        self.dash.show_time(text)
        self.moved()

    def action_pan(self, halves: int) -> None:
        self.dash.timeline.window = self.window()
        self.dash.timeline.pan(halves, self.dash.clock())
        self.moved()

    def action_zoom(self, closer: int) -> None:
        self.dash.timeline.window = self.window()
        self.dash.timeline.zoom(closer, self.dash.clock())
        self.moved()

    def action_now(self) -> None:
        self.dash.timeline.reset()
        self.moved()

    def action_inspect(self) -> None:
        self.dash.timeline.window = self.window()
        self.dash.timeline.toggle_cursor(self.dash.clock())
        self.dash.repaint()

    def action_cursor(self, steps: int) -> None:
        self.dash.timeline.move_cursor(steps, self.cursor_step(), self.dash.clock())
        self.dash.repaint()

    def action_compare(self) -> None:
        self.dash.timeline.next_comparison()
        self.moved()

    def action_back(self) -> None:
        """The cursor goes first."""
        if self.dash.timeline.cursor is not None:
            self.action_inspect()
        else:
            super().action_back()
