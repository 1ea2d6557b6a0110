"""Screens that ask Prometheus for more than the SLOs: while they are on top, and only for what they show."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.observe.panels import chart_span
from sretool.tui.chart import Band, Mark
from sretool.tui.panel import Surroundings
from sretool.tui.screens.base import BoardScreen
from sretool.tui.screens.body import TimedScreen
from sretool.tui.timeline import TimeWindow
from sretool.tui.words import tr

if TYPE_CHECKING:
    from sretool.core.observe.questions import Span, Wanted
    from sretool.tui.board import View


class PanelScreen(BoardScreen):
    """A screen with questions of its own."""

    def wanted(self) -> Wanted:
        """What it shows now; told again with `ask_again` when that changes."""
        raise NotImplementedError

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.dash.want(self.wanted())

    def on_screen_suspend(self) -> None:
        super().on_screen_suspend()
        self.dash.want(None)

    def ask_again(self) -> None:
        if self.is_current:
            self.dash.want(self.wanted())


class ChartsScreen(TimedScreen, PanelScreen):
    """With charts over the range that all charts have in common; until one is chosen, over their own."""

    own_range: timedelta = timedelta(hours=1)

    def window(self) -> TimeWindow:
        chosen = self.dash.timeline.window
        return chosen if chosen != TimeWindow() else TimeWindow(self.own_range)

    def span(self) -> Span:
        """What charts ask for."""
        window = self.window()
        return chart_span(window.span, window.end)

    def compared(self) -> Span | None:
        """The same stretch of an earlier time; None: nothing is compared."""
        compare = self.dash.timeline.compare
        return replace(self.span(), back=compare.back) if compare.back else None

    def cursor_step(self) -> timedelta:
        return self.span().step

    def moved(self) -> None:
        self.ask_again()
        self.dash.repaint()

    def around(self, view: View) -> Surroundings:
        span = self.span()
        return Surroundings(
            span.start(view.now),
            span.end(view.now),
            tuple(Mark(mark.at, mark.text) for mark in view.snapshot.marks),
            tuple(
                Band(drill.started, drill.ends or view.now, f"{tr('drill')} {drill.name}")
                for drill in view.snapshot.drills
            ),
            self.dash.timeline.cursor,
        )
