"""Triage: the open alerts, one of them in full, and the silences; acks and silences are made here."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Container, Vertical

from sretool.core.alerting import firings
from sretool.core.alerting.silences import parse_length, parse_matchers, proposed, text_of, wide
from sretool.core.observe import triage as rules
from sretool.core.observe.triage import Stage
from sretool.core.slo.model import Severity
from sretool.errors import UsageError
from sretool.tui import alerts as draw
from sretool.tui import export, keys
from sretool.tui import format as fmt
from sretool.tui.form import Choice, Text
from sretool.tui.line import Span, crop, rule
from sretool.tui.screens.base import BoardScreen, ScreenPoll
from sretool.tui.triage import DEBT_EVERY, SILENCES_EVERY
from sretool.tui.widgets.dialog import Confirm, Form
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.alerting.silences import Matcher, Silence
    from sretool.core.observe.model import Alert
    from sretool.services.duty import Duty
    from sretool.tui.board import View
    from sretool.tui.line import Line
    from sretool.tui.triage import Triage

_WIDE = 140
"""Columns from which the alert under the cursor stands beside the list."""
_TALL = 40
_LIST_WIDTH = 92
_NO_DETAIL_BELOW = 16
"""Rows under which the list has the screen to itself."""
_SIZED = 100
"""Alerts that the widths of the columns are taken from."""
_PASSING = 0.15
"""Seconds a row must stay under the cursor before its past is asked for."""
_TYPING = 0.4
"""Seconds without a key before Prometheus is asked what a silence would have hidden."""


class AlertActions(BoardScreen):
    """What can be done about alerts: acknowledge, silence, give back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("ack"),
        keys.bind("silence"),
        keys.bind("end"),
        keys.bind("runbook"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._asking: str | None = None
        """Fingerprint of the alert whose past is being read."""

    @property
    def triage(self) -> Triage:
        return self.dash.triage

    def targets(self) -> list[Alert]:
        """The alerts the next action is about."""
        raise NotImplementedError

    def copied(self) -> str | None:
        alerts = self.targets()
        return export.alert_text(self.dash.view(), alerts[0]) if alerts else super().copied()

    def action_runbook(self) -> None:
        """That of the first alert: steps are worked through one alert at a time."""
        for alert in self.targets()[:1]:
            self.dash.open_runbook_of_alert(alert)

    def polls(self) -> Sequence[ScreenPoll]:
        if self.triage.desk is None:
            return ()
        return (ScreenPoll("silences", self._poll_silences, SILENCES_EVERY),)

    async def _poll_silences(self) -> bool:
        answered = await self.triage.poll_silences(self.dash.clock, upkeep=not self.dash.readonly)
        self.dash.repaint()
        return answered

    def ask_past(self, alert: Alert, view: View) -> None:
        """Have the past of the alert on screen read, once the cursor rests on it."""
        if alert.fingerprint == self._asking or not self.triage.wants_past(alert, view.now):
            return
        self._asking = alert.fingerprint

        async def read() -> None:
            await asyncio.sleep(_PASSING)
            await self.triage.read_past(alert, view.snapshot, self.dash.clock())
            self._asking = None
            self.dash.repaint()

        self.in_background(read, "past")

    def in_background(
        self, work: Callable[[], Coroutine[None, None, None]], group: str, *, exclusive: bool = True
    ) -> None:
        """Work that goes on whatever is on screen; exclusive work ends what its group did before."""
        # mypy solves the result of run_worker's union of callables to Never.
        self.dash.run_worker(work, group=group, exclusive=exclusive, exit_on_error=False)  # type: ignore[arg-type]

    # --- doing --------------------------------------------------------------------------------------------

    def carry_out(self, done: str, work: Callable[[Duty], Coroutine[None, None, object]]) -> None:
        """Do it while the screen goes on; tell what became of it, and ask Alertmanager at once."""

        async def doing() -> None:
            async def ask(duty: Duty) -> None:
                await work(duty)

            error = await self.triage.ask(ask)
            if error is None:
                self.notify(done, markup=False)
                self.triage.marked.clear()
            else:
                self.notify(error, severity="error", markup=False)
                self.dash.board.log.append((self.dash.clock(), error))
            self.dash.action_refresh_now()
            await self.triage.poll_silences(self.dash.clock, upkeep=False)
            self.dash.repaint()

        self.in_background(doing, "desk", exclusive=False)

    def _ready(self, alerts: Sequence[Alert]) -> bool:
        if self.triage.desk is None:
            self.notify(tr("no Alertmanager is configured: give --alertmanager URL"), severity="warning")
            return False
        return bool(alerts)

    # --- acknowledging ------------------------------------------------------------------------------------

    def action_ack(self) -> None:
        alerts = self.targets()
        if not self._ready(alerts):
            return
        view = self.dash.view()
        lapses = view.clock(view.now + timedelta(minutes=15), seconds=False)
        notes: list[Line] = [[Span(_names(alerts), "bold")]]
        taken = [alert for alert in alerts if alert.ack is not None]
        notes += [[Span(tr("takes over from {who}", who=a.ack.owner), "ticket")] for a in taken if a.ack]
        notes += [
            [Span(tr("A silence of exactly this alert, marked as an ack, renewed while it fires by"))],
            [Span(tr("any sretool that is open. Where none is, it lapses at {at} and the", at=lapses))],
            [Span(tr("page comes back."))],
        ]
        fields = (
            Text("owner", tr("OWNER"), self.triage.me or "", required=True),
            Text("note", tr("NOTE"), hint=tr("what you look at")),
        )

        def act(values: dict[str, str] | None) -> None:
            if values is not None:
                owner, note = values["owner"], values["note"]
                self.carry_out(
                    tr("acknowledged by {who}: {what}", who=owner, what=_names(alerts)),
                    lambda duty: duty.ack(alerts, owner, note),
                )

        title = tr("ACKNOWLEDGE")
        self._ask(
            Form(title, fields, verb=tr("Ack"), glyphs=view.glyphs, notes=lambda _: notes, risky=False), act
        )

    def _ask(self, form: Form, act: Callable[[dict[str, str] | None], None]) -> None:
        self.dash.push_screen(form, act)

    # --- silencing ----------------------------------------------------------------------------------------

    def action_silence(self) -> None:
        alerts = self.targets()
        if self._ready(alerts):
            _SilenceDialog(self, alerts).open()

    # --- giving back --------------------------------------------------------------------------------------

    def action_end(self) -> None:
        """Give an ack back, or end the silences that hide the alerts; my own without a question."""
        alerts = self.targets()
        acked = [alert for alert in alerts if alert.ack is not None]
        ids = {id_ for alert in alerts if alert.ack is None for id_ in alert.silenced_by}
        if not self._ready([*acked, *(a for a in alerts if a.silenced_by)]):
            self.notify(tr("nothing hides it: there is no ack and no silence to end"))
            return
        known = [silence for id_ in ids if (silence := self.triage.silence(id_)) is not None]
        others = [a.ack.owner for a in acked if a.ack is not None and a.ack.owner != self.triage.me]
        others += [silence.created_by for silence in known if silence.created_by != self.triage.me]
        others += ["?"] * (len(ids) - len(known))

        def act(answer: dict[str, str] | None = None) -> None:
            if answer is None:
                return

            async def end(duty: Duty) -> None:
                await duty.release(acked)
                await duty.expire(ids)

            self.carry_out(tr("ended: {what} is open again", what=_names(alerts)), end)

        if not others:
            act({})
            return
        view = self.dash.view()
        said: list[Line] = [
            [Span(_names(alerts), "bold")],
            [Span(tr("made by {who}, not by you", who=", ".join(sorted(set(others)))), "ticket")],
        ]
        self._ask(Confirm(tr("END IT?"), said, verb=tr("End it"), glyphs=view.glyphs), act)


class _SilenceDialog:
    """Asks for a silence of some alerts, and shows what it would hide while it is typed."""

    def __init__(self, screen: AlertActions, alerts: Sequence[Alert]) -> None:
        self._screen = screen
        self._alerts = alerts
        self._view = screen.dash.view()
        self._before: dict[str, str] = {}
        """What was hidden in the last 30 days, by matchers."""
        self._form: Form | None = None

    def open(self) -> None:
        me = self._screen.triage.me or ""
        longest = format_duration(self._screen.triage.longest)
        fields: list[Text] = []
        if len(self._alerts) == 1:
            fields.append(
                Text("matchers", tr("MATCHERS"), text_of(proposed(self._alerts[0].labels)), required=True)
            )
        fields += [
            Text(
                "for", tr("FOR"), "1h", required=True, hint=tr("15m, 4h; at most {longest}", longest=longest)
            ),
            Text("by", tr("BY"), me, required=True),
            Text("comment", tr("COMMENT"), required=True, hint=tr("why nobody needs to be told")),
        ]
        self._form = Form(
            tr("SILENCE"),
            fields,
            verb=lambda values: f"{tr('Silence')} {values['for']}",
            glyphs=self._view.glyphs,
            notes=self._notes,
            check=self._check,
        )
        self._screen.dash.push_screen(self._form, self._given)

    def _matchers(self, values: Mapping[str, str]) -> list[tuple[Matcher, ...]]:
        """One set for each silence that would be made; UsageError where what is typed is none."""
        if "matchers" in values:
            return [parse_matchers(values["matchers"])]
        return [proposed(alert.labels) for alert in self._alerts]

    def _hits(self, sets: Sequence[Sequence[Matcher]]) -> list[Alert]:
        return [
            alert
            for alert in self._view.snapshot.alerts
            if any(all(matcher.matches(alert.labels) for matcher in matchers) for matchers in sets)
        ]

    def _notes(self, values: Mapping[str, str]) -> Sequence[Line]:
        try:
            sets = self._matchers(values)
        except UsageError as error:
            return [[Span(error.message, "ticket")]]
        hits = self._hits(sets)
        warning = wide(sets[0], [alert.labels for alert in hits]) if len(sets) == 1 else None
        asked = values.get("matchers")
        if asked is not None and asked not in self._before:
            self._before[asked] = ""
            look = partial(self._look_back, asked, sets[0])
            self._screen.in_background(look, "preview")
        return draw.hit_notes(hits, warning, self._before.get(asked or "", ""))

    async def _look_back(self, asked: str, matchers: tuple[Matcher, ...]) -> None:
        try:
            await asyncio.sleep(_TYPING)
        except asyncio.CancelledError:
            self._before.pop(asked, None)
            raise
        external = firings.common_labels([alert.labels for alert in self._view.snapshot.alerts])
        count = 0

        async def ask(duty: Duty) -> None:
            nonlocal count
            count = await duty.hit_before(matchers, external)

        error = await self._screen.triage.ask(ask)
        if error is None:
            self._before[asked] = tr("{count} in the last 30d", count=count)
        else:
            self._before[asked] = tr("the last 30d are not known")
        if self._form is not None and self._form.is_attached:
            self._form.redraw()

    def _check(self, values: Mapping[str, str]) -> str | None:
        try:
            self._matchers(values)
            parse_length(values["for"], self._screen.triage.longest)
        except UsageError as error:
            return f"{error.message}: {error.remedy}" if error.remedy else error.message
        return None

    def _given(self, values: dict[str, str] | None) -> None:
        if values is None:
            return
        sets = self._matchers(values)
        pages = [alert for alert in self._hits(sets) if alert.severity is Severity.PAGE]
        services = sorted({alert.labels.get("service", alert.name) for alert in pages})
        if not (pages and self._view.production):
            self._make(sets, values)
            return

        def sure(answer: dict[str, str] | None) -> None:
            if answer is not None:
                self._make(sets, values)

        said: list[Line] = [
            [Span(tr("This is production, and it hides {count} pages of {services}.", count=len(pages),
                     services=", ".join(services)), "page")],
        ]  # fmt: skip
        ask = Confirm(
            tr("SILENCE PAGES?"), said, verb=tr("Silence"), glyphs=self._view.glyphs, word=services[0]
        )
        self._screen.dash.push_screen(ask, sure)

    def _make(self, sets: Sequence[Sequence[Matcher]], values: Mapping[str, str]) -> None:
        length = parse_length(values["for"], self._screen.triage.longest)

        async def make(duty: Duty) -> None:
            for matchers in sets:
                await duty.silence(matchers, length, values["by"], values["comment"])

        until = self._view.clock(self._view.now + length, seconds=False)
        self._screen.carry_out(tr("silenced until {until}", until=until), make)


class AlertsScreen(AlertActions):
    """The second view: every open alert, and the one under the cursor in detail."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("filter", priority=True),
        keys.bind("abnormal"),
        keys.bind("mine"),
        keys.bind("mark"),
        keys.bind("silences"),
    ]
    BAR = (
        "mark",
        "ack",
        "silence",
        ("end", later("end")),
        ("open", later("detail")),
        "silences",
        "mine",
        "filter",
        "abnormal",
    )
    TITLE_WORDS = later("alerts")

    def __init__(self) -> None:
        super().__init__()
        self._mine = False
        self._drawn: View | None = None
        self._shown: list[Alert] = []
        self._sizes = draw.sizes(())

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="headline")
        with Container(id="panes"):
            with Vertical(id="list"):
                yield Sheet(id="header")
                yield Rows(self._draw, id="alerts", cursor=self.dash.board.glyphs.cursor)
            with Vertical(id="pane"):
                yield Sheet(id="title")
                yield Sheet(id="detail")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#alerts").focus()

    def show(self, view: View) -> None:
        self._drawn = view
        width = self.size.width
        self._shown = self._kept(view)
        self.show_frame(view, tr("alerts") + (f"  {tr('mine')}" if self._mine else ""))
        self.query_one("#headline", Sheet).show([draw.headline(view, self.triage, self._shown, width)])
        self._share_rows(len(self._shown))
        rows = self.query_one("#alerts", Rows)
        seen = self._shown[:_SIZED]
        self._sizes = draw.sizes(self.triage.reader.open(alert, view.now) for alert in seen)
        self.query_one("#header", Sheet).show([draw.header(rows.size.width or width, self._sizes)])
        nothing = draw.nothing_line(view, width, hidden=len(view.snapshot.alerts))
        known = {alert.fingerprint for alert in view.snapshot.alerts}
        self.triage.marked &= known | {silence.id for silence in self.triage.silences}
        rows.show(
            [(a.fingerprint, (a, view, a.fingerprint in self.triage.marked)) for a in self._shown], nothing
        )
        self._show_detail(view)

    def _kept(self, view: View) -> list[Alert]:
        shown = list(view.alerts)
        if view.filter.abnormal_only:
            shown = [alert for alert in shown if rules.stage_of(alert) is Stage.NEW]
        if self._mine:
            me, teams, oncall = self.triage.me, self.triage.teams, self.triage.oncall
            reader = self.triage.reader
            shown = [a for a in shown if rules.mine(reader.open(a, view.now), me, teams, oncall)]
        return shown

    def _share_rows(self, alerts: int) -> None:
        """Side by side where there is room, else one above the other, else the list alone."""
        width, height = self.size
        beside = width >= _WIDE and height >= _TALL
        panes, listed, pane = self.query_one("#panes"), self.query_one("#list"), self.query_one("#pane")
        panes.styles.layout = "horizontal" if beside else "vertical"
        pane.display = beside or height >= _NO_DETAIL_BELOW
        listed.styles.width = _LIST_WIDTH if beside else "1fr"
        room = height - 3
        most = max(room - max(room * 3 // 5, 10), 4)
        listed.styles.height = "1fr" if beside or not pane.display else min(max(alerts, 1) + 1, most)

    def _show_detail(self, view: View) -> None:
        found = self._current(view)
        pane = self.query_one("#detail", Sheet)
        self.query_one("#title", Sheet).show([draw.title(found, view, self.query_one("#title").size.width)])
        if found is None:
            pane.show([])
            return
        self.ask_past(found.alert, view)
        pane.show(draw.detail(found, view, self.triage, pane.size.width, pane.size.height))

    def _current(self, view: View) -> rules.Open | None:
        key = self.query_one("#alerts", Rows).cursor
        alert = next((each for each in self._shown if each.fingerprint == key), None)
        return self.triage.reader.open(alert, view.now) if alert is not None else None

    def _draw(self, value: Hashable, width: int) -> Line:
        alert, view, _ = cast("tuple[Alert, View, bool]", value)
        return draw.row(self.triage.reader.open(alert, view.now), view, self.triage, width, self._sizes)

    def targets(self) -> list[Alert]:
        marked = [a for a in self._shown if a.fingerprint in self.triage.marked]
        if marked:
            return marked
        found = self._current(self.dash.view())
        return [found.alert] if found is not None else []

    def on_rows_moved(self, event: Rows.Moved) -> None:
        self.dash.repaint()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.dash.open_alert(event.key)

    def action_mark(self) -> None:
        rows = self.query_one("#alerts", Rows)
        if rows.cursor is not None:
            self.triage.mark(rows.cursor)
            rows.action_move(1)
            self.dash.repaint()

    def action_mine(self) -> None:
        if self.triage.me is None and not self.triage.teams:
            self.notify(tr("nobody is known: set me and teams in ~/.config/sretool/config.toml"))
            return
        self._mine = not self._mine
        self.dash.repaint()

    def action_abnormal(self) -> None:
        self.dash.board.toggle_abnormal()
        self.dash.repaint()

    def action_silences(self) -> None:
        self.dash.push_screen(SilencesScreen())

    def action_back(self) -> None:
        """Drop marks first, then the filter."""
        if self.triage.marked:
            self.triage.marked.clear()
            self.dash.repaint()
        elif self._mine:
            self.action_mine()
        else:
            super().action_back()


class OpenAlertScreen(AlertActions):
    """Everything known about one alert, over the whole screen."""

    BAR = ("back", "ack", "silence", ("end", later("end")), "refresh", "time", "explain")
    TITLE_WORDS = later("one alert")

    def __init__(self, fingerprint: str) -> None:
        super().__init__()
        self.fingerprint = fingerprint

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="row")
        yield Sheet(id="title")
        yield Sheet(id="detail")
        yield Sheet(id="keys")

    def show(self, view: View) -> None:
        width = self.size.width
        alert = self._alert(view)
        self.show_frame(view, f"{tr('alert')} > {alert.name}" if alert is not None else tr("alert"))
        detail = self.query_one("#detail", Sheet)
        if alert is None:
            self.query_one("#row", Sheet).show(
                [crop([Span(" " + tr("this alert is no longer open"), "dim")], width)]
            )
            self.query_one("#title", Sheet).show([])
            detail.show([])
            return
        found = self.triage.reader.open(alert, view.now)
        self.query_one("#row", Sheet).show([draw.row(found, view, self.triage, width, draw.sizes([found]))])
        self.query_one("#title", Sheet).show([draw.title(found, view, width)])
        self.ask_past(alert, view)
        detail.show(draw.detail(found, view, self.triage, width, detail.size.height))

    def _alert(self, view: View) -> Alert | None:
        return next((each for each in view.snapshot.alerts if each.fingerprint == self.fingerprint), None)

    def targets(self) -> list[Alert]:
        alert = self._alert(self.dash.view())
        return [alert] if alert is not None else []


class SilencesScreen(AlertActions):
    """The silences: what they hide, what they cost, and those that hide nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("abnormal"),
        keys.bind("mine"),
        keys.bind("mark"),
        keys.bind("more"),
    ]
    BAR = (
        "back",
        "mark",
        ("end", later("expire")),
        ("more", later("extend")),
        "mine",
        ("abnormal", later("odd only")),
    )
    TITLE_WORDS = later("silences")

    def __init__(self) -> None:
        super().__init__()
        self._odd_only = False
        self._mine = False
        self._shown: list[Silence] = []

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="headline")
        yield Sheet(id="header")
        yield Rows(self._draw, id="silences", cursor=self.dash.board.glyphs.cursor)
        yield Sheet(id="title")
        yield Sheet(id="detail")
        yield Sheet(id="debt")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#silences").focus()

    def polls(self) -> Sequence[ScreenPoll]:
        if self.triage.desk is None:
            return ()
        return (*super().polls(), ScreenPoll("debt", self._poll_debts, DEBT_EVERY))

    async def _poll_debts(self) -> bool:
        if self.triage.silences_at is None:
            return False
        answered = await self.triage.poll_debts(self.dash.board.snapshot)
        self.dash.repaint()
        return answered

    def show(self, view: View) -> None:
        width, height = self.size
        self._shown = draw.shown_silences(view, self.triage, odd_only=self._odd_only, mine_only=self._mine)
        words = [tr("alerts") + " > " + tr("silences")]
        words += [tr("mine")] if self._mine else []
        words += [tr("odd only")] if self._odd_only else []
        self.show_frame(view, "  ".join(words))
        self.query_one("#headline", Sheet).show([draw.silences_headline(view, self.triage, width)])
        self.query_one("#header", Sheet).show([draw.silence_header(width)])
        said = tr("no silence") if not (self._odd_only or self._mine) else tr("no silence matches the filter")
        rows = self.query_one("#silences", Rows)
        small = height < _NO_DETAIL_BELOW
        debts = min(1 + max(len(self.triage.debts or ()), 1), 5)
        for place, sheet in ((debts, "#debt"), (1, "#title")):
            self.query_one(sheet).display = not small
            self.query_one(sheet).styles.height = place
        detail = self.query_one("#detail", Sheet)
        detail.display = not small
        room = height - 5 - debts
        rows.styles.height = "1fr" if small else min(max(len(self._shown), 1), max(room // 2, 3))
        rows.show(
            [(s.id, (s, view, s.id in self.triage.marked)) for s in self._shown],
            crop([Span(f" {said}", "dim")], width),
        )
        current = self._current()
        title = current.id if current is not None else ""
        self.query_one("#title", Sheet).show([rule(title, width, view.glyphs.rule)])
        detail.show(draw.silence_detail(current, view, width, detail.size.height) if current else [])
        self.query_one("#debt", Sheet).show(draw.debt_lines(view, self.triage, width, debts))

    def _draw(self, value: Hashable, width: int) -> Line:
        silence, view, _ = cast("tuple[Silence, View, bool]", value)
        return draw.silence_row(silence, len(draw.hits_of(silence, view)), view, self.triage, width)

    def _current(self) -> Silence | None:
        key = self.query_one("#silences", Rows).cursor
        return next((silence for silence in self._shown if silence.id == key), None)

    def _chosen(self) -> list[Silence]:
        marked = [silence for silence in self._shown if silence.id in self.triage.marked]
        current = self._current()
        return marked or ([current] if current is not None else [])

    def targets(self) -> list[Alert]:
        """Alerts that the silence under the cursor hides: acks and silences can be made here, too."""
        view = self.dash.view()
        return [alert for silence in self._chosen() for alert in draw.hits_of(silence, view)]

    def on_rows_moved(self, event: Rows.Moved) -> None:
        self.dash.repaint()

    def action_mark(self) -> None:
        rows = self.query_one("#silences", Rows)
        if rows.cursor is not None:
            self.triage.mark(rows.cursor)
            rows.action_move(1)
            self.dash.repaint()

    def action_mine(self) -> None:
        self._mine = not self._mine
        self.dash.repaint()

    def action_abnormal(self) -> None:
        self._odd_only = not self._odd_only
        self.dash.repaint()

    def action_end(self) -> None:
        """Expire what is marked or under the cursor; my own without a question."""
        chosen = self._chosen()
        if not chosen:
            return
        ids = [silence.id for silence in chosen]

        def act(answer: dict[str, str] | None) -> None:
            if answer is not None:
                done = (
                    tr("expired: 1 silence")
                    if len(ids) == 1
                    else tr("expired: {count} silences", count=len(ids))
                )
                self.carry_out(done, lambda duty: duty.expire(ids))

        others = sorted({s.created_by for s in chosen if s.created_by != self.triage.me})
        if not others:
            act({})
            return
        said: list[Line] = [[Span(text_of(silence.matchers), "bold")] for silence in chosen[:5]]
        said.append([Span(tr("made by {who}, not by you", who=", ".join(others)), "ticket")])
        self._ask(Confirm(tr("EXPIRE IT?"), said, verb=tr("Expire"), glyphs=self.dash.view().glyphs), act)

    def action_more(self) -> None:
        """Let it end later."""
        chosen = self._chosen()
        if not chosen:
            return
        view, longest = self.dash.view(), self.triage.longest

        def late(values: Mapping[str, str]) -> str | None:
            by = parse_length(values["by"], longest)
            if any(max(silence.ends, view.now) + by - view.now > longest for silence in chosen):
                span = format_duration(longest)
                return tr("that would hide alerts for more than {span} from now", span=span)
            return None

        def notes(values: Mapping[str, str]) -> Sequence[Line]:
            by = parse_length(values["by"], longest)
            return [
                [
                    Span(text_of(s.matchers), "bold"),
                    Span(f"  {tr('ends in')} {fmt.left_for(s.ends - view.now + by)}"),
                ]
                for s in chosen[:5]
            ]

        def act(values: dict[str, str] | None) -> None:
            if values is None:
                return
            by = parse_length(values["by"], longest)

            async def extend(duty: Duty) -> None:
                for silence in chosen:
                    await duty.extend(silence, by)

            self.carry_out(tr("extended by {by}", by=values["by"]), extend)

        fields = (Choice("by", tr("BY"), ("15m", "1h", "4h"), "1h"),)
        form = Form(
            tr("EXTEND"), fields, verb=lambda values: f"{tr('Extend by')} {values['by']}", glyphs=view.glyphs,
            notes=notes, check=late,
        )  # fmt: skip
        self._ask(form, act)


def _names(alerts: Sequence[Alert]) -> str:
    if len(alerts) == 1:
        return alerts[0].name
    return tr("{count} alerts", count=len(alerts))
