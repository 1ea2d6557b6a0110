"""The overview: is it us, what burns, what is open, what changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Horizontal, Vertical

from sretool.core.slo.model import SloId
from sretool.tui import export, keys, overview, slo_charts
from sretool.tui.screens.base import BoardScreen
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.observe.model import Alert, SloStatus
    from sretool.tui.board import View
    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line
    from sretool.tui.overview import Column


class OverviewScreen(BoardScreen):
    """The root screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("filter", priority=True),
        keys.bind("abnormal"),
        keys.bind("mine"),
        keys.bind("runbook"),
        keys.bind("depends"),
        keys.bind("next_pane", "app.focus_next"),
        keys.bind("previous_pane", "app.focus_previous"),
    ]
    BAR = (
        ("open", later("detail")),
        "runbook",
        "filter",
        "command",
        "abnormal",
        ("next_pane", later("alerts")),
        "pause",
        "explain",
        "refresh",
        ("leave", later("quit")),
    )
    TITLE_WORDS = later("overview")

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[Column, ...] = ()
        self._full_names = False
        self._shown_as: tuple[int, frozenset[int], Glyphs] | None = None
        self._looked_at: tuple[SloStatus, ...] | None = None
        self._drawn_for: tuple[SloStatus, ...] = ()
        """Those the columns were chosen for; as long as they are held, so is their identity."""
        self._rows_of: tuple[SloStatus, ...] | None = None
        self._rows: list[tuple[str, SloStatus]] = []
        """Of `_rows_of`."""
        self._lines: dict[str, tuple[overview.SloRow, Line]] = {}
        self._view: View | None = None
        self._alerts: dict[str, list[Alert]] = {}
        """By SLO."""

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="verdict")
        yield Sheet(id="header")
        yield Rows(self._draw_slo, id="slos", cursor=self.dash.board.glyphs.cursor)
        with Horizontal(id="lower"):
            yield Sheet(id="chart")
            with Vertical(id="alerts-pane"):
                yield Sheet(id="alerts-heading")
                yield Rows(self._draw_alert, id="alerts", cursor=self.dash.board.glyphs.cursor)
                yield Sheet(id="side-changes")
        yield Sheet(id="changes")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#slos").focus()

    def show(self, view: View) -> None:
        width, height = self.size
        plan = overview.layout(
            width, height, len(view.statuses), len(view.alerts), len(view.snapshot.changes)
        )
        self.query_one("#verdict", Sheet).show([overview.verdict_line(view, width)])
        afresh = self._choose_columns(view, width)
        header = overview.table_header(self._columns, width, view)
        self.query_one("#header", Sheet).show([header])
        slos = self.query_one("#slos", Rows)
        slos.styles.height = plan.table
        nothing = overview.no_slos_line(view, width)
        self._view, self._alerts = view, overview.alerts_by_slo(view)
        if view.statuses is not self._rows_of:
            self._rows_of = view.statuses
            self._rows = [(status.slo.id, status) for status in view.statuses]
        slos.show(self._rows, nothing, afresh=afresh)
        self._show_lower(view, plan)
        self._show_changes("#changes", view, width, plan.changes)
        # Last: which keys lead anywhere depends on what is shown.
        self.show_frame(view)

    def _bar(self, view: View) -> list[tuple[str, str]]:
        bar = super()._bar(view)
        if not self.query_one("#alerts", Rows).can_focus:
            bar.remove((self._sign("next_pane", view), tr("alerts")))
        return bar

    def _show_changes(self, place: str, view: View, width: int, rows: int) -> None:
        changes = self.query_one(place, Sheet)
        changes.styles.height = rows
        changes.display = rows > 0
        changes.show(overview.changes_lines(view, width, rows))

    def _choose_columns(self, view: View, width: int) -> bool:
        """Choose the columns; whether rows drawn before look different now."""
        statuses = view.snapshot.statuses
        if (
            statuses is self._looked_at
            and self._shown_as is not None
            and self._shown_as[::2] == (width, view.glyphs)
        ):
            return False
        self._looked_at = statuses
        # Columns follow from the objectives, and those are the same objects from one refresh to the next.
        shown_as = (width, frozenset(id(status.slo) for status in statuses), view.glyphs)
        if shown_as == self._shown_as:
            return False
        before = (self._columns, self._full_names, len(self._drawn_for))
        self._columns = overview.table_columns(width, statuses)
        self._full_names = len({status.slo.service for status in statuses}) > 1
        self._shown_as, self._drawn_for = shown_as, statuses
        self._lines.clear()
        return before != (self._columns, self._full_names, len(statuses))

    def _show_lower(self, view: View, plan: overview.Layout) -> None:
        lower = self.query_one("#lower")
        lower.display = plan.lower > 0
        lower.styles.height = plan.lower
        chart = self.query_one("#chart", Sheet)
        chart.display = plan.chart
        width = self.size.width // 2 if plan.chart else 0
        chart.styles.width = width
        if not plan.chart:
            self.dash.want(None)
        else:
            self._follow_cursor(view)
            chart.show(self._chart_lines(view, width, plan.lower))
        pane = self.size.width - width
        heading = [overview.alerts_heading(view, pane)]
        if (missing := overview.dead_man_line(view, pane)) is not None:
            heading.append(missing)
        above = self.query_one("#alerts-heading", Sheet)
        above.styles.height = len(heading)
        above.show(heading)
        alerts, slos = self.query_one("#alerts", Rows), self.query_one("#slos", Rows)
        # Nothing can be done in an empty list: it is not gone to, and what was in it goes back.
        alerts.can_focus = bool(view.alerts) and plan.lower > 0
        if alerts.has_focus and not alerts.can_focus:
            slos.focus()
        alerts.show(
            [(alert.fingerprint, (alert, view)) for alert in view.alerts],
            overview.no_alerts_line(view, pane),
        )
        self._show_changes("#side-changes", view, pane, plan.side)

    def _chart_lines(self, view: View, width: int, height: int) -> list[Line]:
        slo = self._selected()
        status = self.dash.board.status(slo) if slo is not None else None
        if status is None:
            return []
        charted = self.dash.charted(status.slo)
        upper = height // 2
        inner = width - 1
        return [
            *slo_charts.error_ratio(view, status.slo, charted, inner, height - upper, named=True),
            *slo_charts.burn_down(view, status.slo, charted, inner, upper, named=True),
        ]

    def _selected(self) -> SloId | None:
        key = self.query_one("#slos", Rows).cursor
        return SloId(key) if key is not None else None

    def _follow_cursor(self, view: View) -> None:
        slo = self._selected()
        status = self.dash.board.status(slo) if slo is not None else None
        self.dash.follow(status.slo if status is not None else None)
        if status is not None and not view.waiting:
            self.dash.want(slo_charts.wanted(status.slo, self.dash.error_ratio, self.dash.timeline))

    def _draw_slo(self, value: Hashable, width: int) -> Line:
        status, view = cast("SloStatus", value), self._view
        if view is None:
            return ()
        row = overview.row_of(status, view, self._alerts.get(status.slo.id, ()))
        known = self._lines.get(status.slo.id)
        if known is None or known[0].status is not status or known[0][1:] != row[1:]:
            line = overview.slo_row(row, self._columns, view.glyphs, full_names=self._full_names)
            known = self._lines[status.slo.id] = (row, line)
        return known[1]

    def _draw_alert(self, value: Hashable, width: int) -> Line:
        alert, view = cast("tuple[Alert, View]", value)
        return overview.alert_row(alert, view, width)

    def on_rows_moved(self, event: Rows.Moved) -> None:
        if event.rows.id == "slos" and self.query_one("#chart").display:
            self.dash.repaint()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        if event.rows.id == "slos":
            self.dash.open_slo(SloId(event.key))
        else:
            self.dash.open_alert(event.key)

    def action_runbook(self) -> None:
        alerts = self.query_one("#alerts", Rows)
        view, slo = self.dash.view(), self._selected()
        if alerts.has_focus:
            for alert in view.alerts:
                if alert.fingerprint == alerts.cursor:
                    self.dash.open_runbook_of_alert(alert)
        elif slo is not None and (status := self.dash.board.status(slo)) is not None:
            self.dash.open_runbook_of_slo(status.slo)

    def action_depends(self) -> None:
        """The page of the service whose SLO is under the cursor."""
        slo = self._selected()
        if slo is not None:
            self.dash.open_service(slo.partition("/")[0])

    def action_abnormal(self) -> None:
        self.dash.board.toggle_abnormal()
        self.dash.repaint()

    def copied(self) -> str | None:
        view, alerts = self.dash.view(), self.query_one("#alerts", Rows)
        if alerts.has_focus:
            alert = next((each for each in view.alerts if each.fingerprint == alerts.cursor), None)
            return export.alert_text(view, alert) if alert is not None else None
        slo = self._selected()
        status = self.dash.board.status(slo) if slo is not None else None
        if status is None:
            return None
        hour = timedelta(hours=1)
        sli = status.slo.sli
        return export.slo_text(view, status, f"{sli.bad_rate(hour)} / {sli.total_rate(hour)}")

    def action_mine(self) -> None:
        self.dash.only_mine()
