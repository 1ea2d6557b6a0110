"""One SLO, and one alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sretool.tui import alert as alert_lines
from sretool.tui import detail, keys
from sretool.tui.line import Span, crop
from sretool.tui.screens.base import BoardScreen
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.slo.model import SloId
    from sretool.tui.board import View


class DetailScreen(BoardScreen):
    """State, burn, budget and charts of one SLO."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("down", "next(1)"),
        keys.bind("up", "next(-1)"),
    ]
    BAR = ("back", "down", "up", "refresh", "time", "explain")
    TITLE_WORDS = later("one SLO")

    def __init__(self, slo: SloId) -> None:
        super().__init__()
        self.slo = slo

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="body")
        yield Sheet(id="keys")

    def show(self, view: View) -> None:
        width, height = self.size
        self.show_frame(view, f"slo > {self.slo}")
        status = self.dash.board.status(self.slo)
        body = self.query_one("#body", Sheet)
        if status is None:
            body.show([crop([Span(" this SLO is no longer in the catalog", "dim")], width)])
            return
        self.dash.follow(status.slo)
        body.show(detail.detail_lines(view, status, self.dash.past(self.slo), width, height - 2))

    def action_next(self, step: int) -> None:
        order = [status.slo.id for status in self.dash.view().statuses]
        if self.slo in order:
            self.slo = order[(order.index(self.slo) + step) % len(order)]
            self.dash.repaint()


class AlertScreen(BoardScreen):
    """Everything one alert says about itself."""

    BAR = ("back", "refresh", "time", "explain")
    TITLE_WORDS = later("one alert")

    def __init__(self, fingerprint: str) -> None:
        super().__init__()
        self.fingerprint = fingerprint

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="body")
        yield Sheet(id="keys")

    def show(self, view: View) -> None:
        width, height = self.size
        alert = next((alert for alert in view.snapshot.alerts if alert.fingerprint == self.fingerprint), None)
        name = f"alert > {alert.name}" if alert is not None else "alert"
        self.show_frame(view, name)
        lines = alert_lines.alert_lines(view, alert, width, height - 2)
        self.query_one("#body", Sheet).show(lines)
