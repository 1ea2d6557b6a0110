"""On call: who has duty now and next, whom the open pages reach, and what to hand over."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from sretool.core.observe.triage import Stage, stage_of
from sretool.core.slo.model import Severity
from sretool.tui import keys
from sretool.tui import oncall as draw
from sretool.tui.line import Span, crop
from sretool.tui.screens.alerts import AlertActions
from sretool.tui.screens.base import BoardScreen, ScreenPoll
from sretool.tui.triage import WEEK_EVERY
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.observe.model import Alert
    from sretool.tui.board import View
    from sretool.tui.line import Line


class OnCallScreen(AlertActions):
    """The last view."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("handover"), keys.bind("calendar")]
    BAR = ("ack", "handover", "calendar", "refresh", "time", "pause")
    TITLE_WORDS = later("on-call & escalation")

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="headline")
        yield Sheet(id="header")
        yield Rows(self._draw, id="schedules", cursor=self.dash.board.glyphs.cursor)
        yield Sheet(id="escalation")
        yield Sheet(id="handoff")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#schedules").focus()

    def polls(self) -> Sequence[ScreenPoll]:
        if self.triage.desk is None:
            return ()
        return (*super().polls(), ScreenPoll("week", self._poll_week, WEEK_EVERY))

    async def _poll_week(self) -> bool:
        answered = await self.triage.poll_week()
        self.dash.repaint()
        return answered

    def show(self, view: View) -> None:
        width, height = self.size
        self.show_frame(view, tr("on-call & escalation"))
        self.query_one("#headline", Sheet).show([draw.headline(view, self.triage, width)])
        duties = draw.duties(view, self.triage)
        self.query_one("#header", Sheet).show([draw.header(width)] if duties else [])
        room = height - 4
        rows = self.query_one("#schedules", Rows)
        listed = min(max(len(duties), 1), max(room // 3, 1))
        rows.styles.height = listed
        nothing = " ".join(tr(text) for text in draw.NOT_CONFIGURED[1:])
        rows.show(
            [(duty.schedule.id, (duty, view)) for duty in duties], crop([Span(f" {nothing}", "dim")], width)
        )
        rest = room - listed
        handoff = min(rest // 2, 10) if rest >= 6 else 0
        lines = draw.escalation_lines(view, self.triage, width, rest - handoff)
        escalation = rest if not handoff else len(lines) + (1 if rest - handoff > len(lines) else 0)
        handoff = rest - escalation
        for place, height_of in (("#escalation", escalation), ("#handoff", handoff)):
            sheet = self.query_one(place, Sheet)
            sheet.display = height_of > 0
            sheet.styles.height = height_of
        self.query_one("#escalation", Sheet).show(lines)
        self.query_one("#handoff", Sheet).show(draw.handoff_lines(view, self.triage, width, handoff))

    def _draw(self, value: Hashable, width: int) -> Line:
        duty, view = cast("tuple[draw.Duty, View]", value)
        return draw.row(duty, view, self.triage, width)

    def targets(self) -> list[Alert]:
        """The pages that nobody has: the ack of this view is about all of them."""
        return [
            alert
            for alert in self.dash.view().snapshot.alerts
            if alert.severity is Severity.PAGE and stage_of(alert) is Stage.NEW
        ]

    def action_ack(self) -> None:
        if not self.targets():
            self.notify(tr("no page needs an ack"))
            return
        super().action_ack()

    def action_handover(self) -> None:
        """The hand-over as text, into the clipboard."""
        note = draw.handoff_note(self.dash.view(), self.triage)
        self.app.copy_to_clipboard(note)
        self.notify(tr("the hand-over note is in the clipboard"))
        self.dash.push_screen(HandoverScreen(note))

    def action_calendar(self) -> None:
        self.dash.push_screen(CalendarScreen())


class _Listed(BoardScreen):
    """Lines that scroll."""

    BAR = ("back", "down", "up", "time")

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Rows(self._draw, id="body", cursor="")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#body").focus()

    def show_lines(self, view: View, crumbs: str, lines: Sequence[Line]) -> None:
        self.show_frame(view, crumbs)
        self.query_one("#body", Rows).show(
            [(str(n), tuple(line)) for n, line in enumerate(lines)], afresh=True
        )

    def _draw(self, value: Hashable, width: int) -> Line:
        return cast("Line", value)


class CalendarScreen(_Listed):
    """Every shift of the next four weeks."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("calendar", "back")]
    TITLE_WORDS = later("calendar")

    def show(self, view: View) -> None:
        lines = draw.calendar_lines(view, self.dash.triage, self.size.width)
        self.show_lines(view, f"{tr('on-call & escalation')} > {tr('calendar')}", lines)


class HandoverScreen(_Listed):
    """The hand-over note as it was copied."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("handover", "back")]
    TITLE_WORDS = later("hand over")

    def __init__(self, note: str) -> None:
        super().__init__()
        self._note = note

    def show(self, view: View) -> None:
        width = self.size.width
        lines = [crop([Span(f" {line}")], width) for line in self._note.splitlines()]
        self.show_lines(view, f"{tr('on-call & escalation')} > {tr('hand over')}", lines)
