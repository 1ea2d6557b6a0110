"""A game day as lines: what is believed, what is done, who saw it, everything at a glance.

Steps that are kept from whoever responds have no title until they may be told of; they are counted here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.runs.doses import of_trials
from sretool.core.runs.model import Outcome, RunState
from sretool.core.runs.veil import STOPPING
from sretool.core.runs.words import clock_words, seconds_words, share_words, value_words
from sretool.core.slo.model import Level
from sretool.tui import format as fmt
from sretool.tui import runs
from sretool.tui.line import Span, cells, crop, crop_text
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.runs.story import FaultSpan, Firing, StepSpan, Story
    from sretool.tui.board import View
    from sretool.tui.chart import Chart
    from sretool.tui.line import Line, Role
    from sretool.tui.runs import RunPage
    from sretool.tui.timeline import TimeWindow

_WIDE: Final = 140
_SIDE: Final = 52
"""Cells beside the charts where there is room."""
_TALL: Final = 8
"""Rows a chart should have before there is one more below it."""
_PAGE_CHART: Final = 11
"""Rows of a chart where the page may be as long as it likes."""
_TINY: Final = 14
"""Rows below which there is no chart."""
_LEAST_LOG: Final = 5
_TITLE: Final = 28
"""Cells of a step's title where they stand side by side."""


@dataclass(frozen=True, slots=True)
class Look:
    """Which stretch of time is shown, and where somebody reads it."""

    window: TimeWindow | None = None
    """None: the game day so far."""
    cursor: datetime | None = None
    first: int = 0
    """How many charts the first one is further on."""


WHOLE: Final = Look()


def lines(page: RunPage, view: View, width: int, height: int, look: Look = WHOLE) -> list[Line]:
    """Exactly `height` rows."""
    if page.story.last is None:
        found: list[Line] = [crop([Span(f"  {tr('nothing has happened yet')}", "dim")], width)]
    elif width >= _WIDE and height >= 24:
        found = _wide(page, view, width, height, look)
    elif height < _TINY:
        found = _tiny(page, view, width, height)
    else:
        found = _narrow(page, view, width, height, look)
    return [*found[:height], *([crop([], width)] * (height - len(found)))]


def whole(page: RunPage, view: View, width: int) -> list[Line]:
    """Everything there is to say, as long as it takes; to be scrolled."""
    if page.story.last is None:
        return lines(page, view, width, 1)
    found: list[Line] = [
        *runs.fact_lines(page, width),
        *_claims(page, view, width),
        *guard_line(page, width),
        *_charts(page, view, width, 3 * _PAGE_CHART, WHOLE),
        *timeline_lines(page, view, width, len(page.story.steps) + 3, WHOLE),
        *_people(page, view, width),
        *_load_pane(page, view, width),
        *_radius(page, view, width),
    ]
    return [*found, *runs.log_lines(page, view, width, None)]


def _tiny(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    few = [
        *question_lines(page, view, width),
        *steps_line(page, view, width),
        *fault_lines(page, view, width, 1),
        *claim_lines(page, width, 1),
        *detection_line(page, view, width),
        *load_line(page, width),
    ]
    return [*few, *runs.log_lines(page, view, width, height - len(few))]


def _narrow(page: RunPage, view: View, width: int, height: int, look: Look) -> list[Line]:
    few = height < 28
    asked = question_lines(page, view, width)
    head = [
        *asked,
        *guard_line(page, width),
        *steps_line(page, view, width),
    ]
    tail = [
        *fault_lines(page, view, width, (2 if asked else 3) if few else 8),
        *detection_line(page, view, width),
        *load_line(page, width),
        *claim_lines(page, width, (2 if asked else 3) if few else 6),
    ]
    room = height - len(head) - len(tail)
    log = _LEAST_LOG - (len(asked) > 0) if few else room // 3
    drawn = _charts(page, view, width, room - log, look)
    return [*head, *drawn, *tail, *runs.log_lines(page, view, width, room - len(drawn))]


def _wide(page: RunPage, view: View, width: int, height: int, look: Look) -> list[Line]:
    left = width - _SIDE - 1
    head = [*question_lines(page, view, left), *guard_line(page, left)]
    tail = timeline_lines(page, view, left, max(height // 3, 6), look)
    drawn = _charts(page, view, left, height - len(head) - len(tail), look)
    side = [
        *_claims(page, view, _SIDE),
        *_people(page, view, _SIDE),
        *_load_pane(page, view, _SIDE),
        *_radius(page, view, _SIDE),
    ]
    side += runs.log_lines(page, view, _SIDE, max(height - len(side), 0))
    return runs.beside([*head, *drawn, *tail], side, view, left, width, height)


# --- row 2 ------------------------------------------------------------------------------------------------


def headline(page: RunPage, view: View, width: int) -> Line:
    """How it stands, the most important first."""
    story = page.story
    if page.record.state is not RunState.RUNNING:
        return runs.headline(page, view, width)
    stopping = any(phase.name == STOPPING and phase.end is None for phase in story.phases if phase.begin)
    word, tag = _state(story, stopping=stopping)
    planned = story.started.seconds if story.started is not None else None
    clock = clock_words(page.record.took(view.now).total_seconds())
    spans = [Span(f" {word} ", tag), Span(f" {clock} / {clock_words(planned)}" if planned else f" {clock}")]
    silent = [source for source, ok in story.sources.items() if not ok]
    if silent:
        spans.append(Span("  " + tr("BLIND: {names} is silent", names=", ".join(silent)), "page"))
    spans += _standing(story)
    faults = story.open_faults
    if faults:
        more = f" +{len(faults) - 1}" if len(faults) > 1 else ""
        spans.append(Span("  " + tr("fault: {text}", text=faults[0].text) + more, "ticket"))
    return crop(spans, width)


def _state(story: Story, *, stopping: bool) -> tuple[str, Role]:
    if stopping:
        return tr("STOPPING"), "tag_alarm"
    return (tr("ON HOLD"), "tag") if story.held else (tr("RUNNING"), "tag")


def _standing(story: Story) -> list[Span]:
    """What became of the claims so far."""
    broken = [check for check in story.checks.values() if check.ok is False]
    held = sum(check.ok is True for check in story.checks.values())
    if broken:
        more = f" +{len(broken) - 1}" if len(broken) > 1 else ""
        got = value_words(broken[0].got, broken[0].unit)
        return [Span("  " + tr("BROKEN {what}", what=f"{broken[0].name}: {got}{more}"), "page")]
    if held:
        return [Span("  " + tr("HELD {held} of {all} checks", held=held, all=len(story.checks)))]
    if story.checks:
        return [Span("  " + tr("none of {all} checks measured yet", all=len(story.checks)), "dim")]
    return []


# --- rows of their own ------------------------------------------------------------------------------------


def waiting(story: Story) -> StepSpan | None:
    """The step whose answer is waited for."""
    return next((span for span in story.steps.values() if span.waiting), None)


def question_lines(page: RunPage, view: View, width: int) -> list[Line]:
    """What somebody is asked just now; nothing where nobody is."""
    span = waiting(page.story)
    if span is None or span.asked is None or page.record.state is not RunState.RUNNING:
        return []
    asked = span.asked
    tag = Span(f" {tr('ASKED')} ", "tag")
    who = Span(f" {_person(page.story, asked.role)}: ", "bold")
    room = max(width - cells([tag, who]) - 1, 10)
    first, *rest = fmt.wrapped(asked.question, room, 2, view.glyphs.ellipsis) or [""]
    found: list[Line] = [crop([tag, who, Span(first, "bold")], width)]
    answers = " / ".join(asked.answers) or tr("any text")
    said = [Span(f" {rest[0]} " if rest else " ", "bold"), Span(f" {answers}", "key")]
    if asked.seconds is not None and span.asked_at is not None:
        since = fmt.age(view.now - span.asked_at)
        within = fmt.age(timedelta(seconds=asked.seconds))
        said.append(Span("  " + tr("asked {since} ago, within {within}", since=since, within=within), "dim"))
    return [*found, crop(said, width)]


def _person(story: Story, role: str) -> str:
    name = story.started.people.get(role, "") if story.started is not None else ""
    return f"{role} ({name})" if name and name != role else role


def guard_line(page: RunPage, width: int) -> list[Line]:
    """What ends it early, and how much of a budget is gone."""
    started = page.story.started
    if started is None or not started.guards:
        return []
    spent = _spent(page.story)
    right = (
        [Span("  " + tr("spent {share} of {slo}", share=share_words(spent[1]), slo=spent[0]))]
        if spent
        else []
    )
    left = [Span(f" {tr('STOPS WHEN')} ", "title"), Span(" / ".join(started.guards))]
    room = width - cells(right)
    if room < width // 3:
        return [crop([*left, *right], width)]
    return [[*crop(left, room), *right]]


def _spent(story: Story) -> tuple[str, float] | None:
    """The objective whose budget has lost most, of those that a guard names if one does, and how much."""
    known = {
        slo: spent for slo, points in story.slos.items() if (spent := points[-1].budget_spent) is not None
    }
    guards = story.started.guards if story.started is not None else ()
    guarded = {word for guard in guards for word in guard.split()}
    return max(
        ((slo, spent) for slo, spent in known.items() if slo in guarded or not guarded & known.keys()),
        key=lambda each: each[1],
        default=None,
    )


def steps_line(page: RunPage, view: View, width: int) -> list[Line]:
    """Those there are; where they are too many, those that are over long ago are left out."""
    steps = list(page.story.steps.values())
    if not steps:
        return runs.phase_line(page, view, width)
    head = Span(f" {tr('STEPS')} ", "title")
    secret = _secret(steps)
    spans: list[Span] = []
    begun = 0
    for span in steps:
        if _untold(span):
            # All of them at the place of the first: their order is nobody's business.
            spans += [Span(f" [?] {_hidden_words(secret)} ", "dim")] if secret else []
            secret = 0
            continue
        sign, role = _sign(span)
        begun += sign != " "
        title = span.plan.title
        if cells([Span(title)]) > _TITLE:
            title = fmt.fit(title, _TITLE, ellipsis=view.glyphs.ellipsis)
        spans.append(Span(f" [{sign}] {title} ", role))
    shown = runs.from_now(head, spans, begun, begun + 1, view, width)
    return [crop_text(shown, width, view.glyphs.ellipsis)]


def _untold(span: StepSpan) -> bool:
    return span.plan.hidden and not span.plan.title


def _secret(steps: Sequence[StepSpan]) -> int:
    """Experiments that are not told of yet; pauses between them are none."""
    return sum(_untold(span) and span.plan.kind != "wait" for span in steps)


def _hidden_words(count: int) -> str:
    return tr("{count} hidden", count=count)


_SIGNS: Final[dict[Outcome, tuple[str, Role]]] = {
    Outcome.PASSED: ("x", "text"),
    Outcome.FAILED: ("NO", "page"),
    Outcome.ABORTED: ("!", "ticket"),
    Outcome.INCONCLUSIVE: ("?", "no_data"),
    Outcome.ERROR: ("ERR", "page"),
}


def _sign(span: StepSpan) -> tuple[str, Role]:
    if span.ended is not None:
        return _SIGNS[span.ended.outcome]
    return (">", "key") if span.begin is not None else (" ", "dim")


def claim_lines(page: RunPage, width: int, most: int) -> list[Line]:
    """What is believed, several in a row, what is broken first."""
    checks = sorted(page.story.checks.values(), key=lambda check: {False: 0, True: 2, None: 1}[check.ok])
    if not checks:
        return []
    head = f" {tr('TRIALS') if of_trials(checks) else tr('CLAIMS')}  "
    pieces: list[list[Span]] = []
    for check in checks:
        sign, role, words = runs.check_sign(check, page)
        got = words or value_words(check.got, check.unit)
        pieces.append([Span(f"{sign} ", role), Span(check.name), Span(f" {got}   ", role)])
    rows: list[list[Span]] = [[Span(head, "title")]]
    for place, piece in enumerate(pieces):
        if cells([*rows[-1], *piece]) - 3 > width and len(rows[-1]) > 1:
            if len(rows) == most:
                rest = Span(tr("+{count} more", count=len(pieces) - place), "dim")
                rows[-1] = [*crop(rows[-1], width - cells([rest])), rest]
                break
            rows.append([Span(" " * cells([Span(head)]))])
        rows[-1] += piece
    return [crop(row, width) for row in rows]


def fault_lines(page: RunPage, view: View, width: int, most: int) -> list[Line]:
    """Each fault as a bar over the time of the run; those that are in first, then the newest."""
    faults = sorted(page.story.faults.values(), key=lambda fault: (fault.end is None, fault.begin))[-most:]
    if not faults:
        return []
    names = min(max(cells([Span(fault.text)]) for fault in faults), max(width // 3, 12))
    room = max(width - names - 18, 8)
    begin, end = span_of(page, view, WHOLE)
    found: list[Line] = []
    for fault in sorted(faults, key=lambda fault: fault.begin):
        words, role = runs.fault_words(fault, page)
        name = fmt.fit(fault.text, names, ellipsis=view.glyphs.ellipsis)
        bar = _Bar(page, view, begin, end, room)
        bar.fault(fault)
        found.append(crop([Span(f" {name} "), *bar.spans(), Span(f" {words}", role)], width))
    return found


@dataclass(frozen=True, slots=True)
class Detected:
    """One fault, and the first alert that told of it."""

    fault: FaultSpan
    firing: Firing | None


def detections(story: Story) -> list[Detected]:
    """Of every fault the first alert that fired after it and before the next one."""
    faults = sorted(story.faults.values(), key=lambda fault: fault.begin)
    found = []
    for place, fault in enumerate(faults):
        until = faults[place + 1].on_at if place + 1 < len(faults) else None
        fired = (
            each
            for each in story.firings
            if each.at >= fault.on_at and (until is None or each.at < until) and each.expected is not False
        )
        found.append(Detected(fault, next(fired, None)))
    return found


def detection_line(page: RunPage, view: View, width: int) -> list[Line]:
    """Of the newest fault: who noticed it, and who took it."""
    found = detections(page.story)
    if not found:
        return []
    spans = [Span(f" {tr('DETECT')} ", "title"), *_detected(found[-1], view)]
    unexpected = dict.fromkeys(each.name for each in page.story.firings if each.expected is False)
    if unexpected:
        spans.append(Span("  " + tr("unexpected: {names}", names=", ".join(unexpected)), "ticket"))
    return [crop(spans, width)]


def _detected(one: Detected, view: View) -> list[Span]:
    firing = one.firing
    if firing is None:
        return [Span(tr("no alert has fired since the fault"), "dim")]
    after = fmt.age(firing.at - one.fault.on_at)
    spans = [Span(f"{firing.name} {view.clock(firing.at)} (+{after})")]
    if firing.taken_at is None:
        return [*spans, Span("  " + tr("nobody has taken it"), "dim")]
    took = fmt.age(firing.taken_at - firing.at)
    by = firing.taken_by or "?"
    return [
        *spans,
        Span(
            "  " + tr("taken by {who} {when} (+{took})", who=by, when=view.clock(firing.taken_at), took=took)
        ),
    ]


def load_line(page: RunPage, width: int) -> list[Line]:
    """The load of the last tick."""
    load = page.story.load
    if not load:
        return []
    last = load[-1]
    words = [f"{last.rate:.0f}/s"]
    if last.users is not None:
        words.append(tr("users {count}", count=last.users))
    words += [f"p99 {seconds_words(last.p99_s)}", tr("errors {share}", share=share_words(last.error_share))]
    if last.cpu is not None:
        words.append(tr("generator {share}", share=value_words(round(last.cpu, 2), "ratio")))
    spans = [Span(f" {tr('LOAD')} ", "title"), Span("  ".join(words))]
    if last.late_starts:
        spans.append(Span("  " + tr("late starts {count}", count=last.late_starts), "ticket"))
    return [crop(spans, width)]


# --- charts -----------------------------------------------------------------------------------------------

_MORE: Final = 1.2
"""The axis reaches so much further than the clock, as far as that is planned."""
_SHORTEST: Final = timedelta(minutes=2)


def span_of(page: RunPage, view: View, look: Look) -> tuple[datetime, datetime]:
    """What the time axes show."""
    if look.window is not None:
        return look.window.bounds(latest(page, view))
    begin, end = runs.time_range(page, view)
    if page.record.state is RunState.RUNNING:
        # The latest possible end is far off: most of the axis would show nothing.
        end = min(end, max(begin + (view.now - begin) * _MORE, begin + _SHORTEST))
    return begin, max(end, begin + timedelta(seconds=10))


def latest(page: RunPage, view: View) -> datetime:
    """The newest moment that can be read."""
    last = page.story.last
    if page.record.state is RunState.RUNNING or last is None:
        return view.now
    return page.record.ended or last.at


def charts(page: RunPage, view: View, look: Look = WHOLE) -> list[tuple[str, Chart]]:
    """What is believed first, then what the load sees, then all other objectives."""
    slos = sorted(runs.slo_charts(page, view), key=lambda named: _rank(page.story, named[0]))
    load = runs.load_charts(page, view) if page.story.load else []
    load.sort(key=lambda named: named[0] == _RATE)
    drawn = [*slos[:1], *load, *slos[1:]]
    if not drawn:
        return []
    begin, end = span_of(page, view, look)
    turn = look.first % len(drawn)
    drawn = [*drawn[turn:], *drawn[:turn]]
    return [(title, replace(what, start=begin, end=end, cursor=look.cursor)) for title, what in drawn]


_RATE: Final = "REQUESTS a second"


def _rank(story: Story, slo: str) -> tuple[bool, float]:
    claimed = any(name.startswith(f"sli {slo} ") for name in story.checks)
    return not claimed, -(story.slos[slo][-1].budget_spent or 0.0)


def _charts(page: RunPage, view: View, width: int, height: int, look: Look) -> list[Line]:
    """As many as fit; no row at all where none does."""
    drawn = charts(page, view, look)
    if not drawn or height < runs.LEAST_CHART:
        return []
    shown = drawn[: max(height // _TALL, 1)]
    each, more = divmod(height, len(shown))
    found: list[Line] = []
    for number, (title, what) in enumerate(shown):
        found += runs.chart_pane(title, what, view, width, each + (1 if number < more else 0))
    return found


# --- timeline ---------------------------------------------------------------------------------------------


class _Bar:
    """A row of the timeline: what happens when, over the time of the axes."""

    def __init__(self, page: RunPage, view: View, begin: datetime, end: datetime, width: int) -> None:
        self._began, self._begin = page.record.started, begin
        self._whole = max((end - begin).total_seconds(), 1.0)
        self._now = latest(page, view)
        self._glyphs, self._width = view.glyphs, width
        self._cells: list[tuple[str, Role]] = [(view.glyphs.dot, "dim")] * width

    def at(self, moment: datetime, sign: str, role: Role) -> None:
        place = self._place(moment)
        if 0 <= place < self._width:
            self._cells[place] = (sign, role)

    def stretch(self, begin: datetime, end: datetime, sign: str, role: Role) -> None:
        first, last = self._place(begin), self._place(end)
        if last < 0 or first >= self._width:
            return
        for place in range(max(first, 0), min(max(last, first + 1), self._width)):
            self._cells[place] = (sign, role)

    def fault(self, fault: FaultSpan) -> None:
        until = fault.off_at or self._now
        if fault.off_at is None and fault.planned is not None:
            self.stretch(until, fault.on_at + timedelta(seconds=fault.planned), self._glyphs.band, "band")
        self.stretch(fault.on_at, until, self._glyphs.full, "ticket")

    def step(self, span: StepSpan) -> None:
        if span.began_at is not None:
            self.stretch(span.began_at, span.ended_at or self._now, self._glyphs.rule, "text")
        elif span.plan.earliest_s is not None and span.plan.latest_s is not None:
            begin = self._began + timedelta(seconds=span.plan.earliest_s)
            self.stretch(
                begin, self._began + timedelta(seconds=span.plan.latest_s), self._glyphs.band, "band"
            )

    def spans(self) -> list[Span]:
        return [Span(sign, role) for sign, role in self._cells]

    def _place(self, moment: datetime) -> int:
        return int((moment - self._begin).total_seconds() // (self._whole / self._width))


def timeline_lines(page: RunPage, view: View, width: int, most: int, look: Look) -> list[Line]:
    """Every step as a bar, its faults in it, and when alerts fired and were taken."""
    told = [span for span in page.story.steps.values() if not _untold(span)]
    if not page.story.steps:
        return []
    hidden = _secret(list(page.story.steps.values()))
    names = min(max((cells([Span(span.plan.title)]) for span in told), default=8), max(width // 3, 12))
    room = max(width - names - 26, 8)
    begin, end = span_of(page, view, look)
    rows: list[Line] = []
    for span in _in_sight(told, most - 2 - (hidden > 0)):
        bar = _Bar(page, view, begin, end, room)
        bar.step(span)
        for fault in page.story.faults.values():
            if fault.fault.partition("/")[0] == span.plan.id:
                bar.fault(fault)
        sign, role = _sign(span)
        name = fmt.fit(span.plan.title, names, ellipsis=view.glyphs.ellipsis)
        words, its = _step_words(span, page, view)
        row = [Span(f" {f'[{sign}]':<5} ", role), Span(name, role if role == "page" else "text"), Span(" ")]
        rows.append(crop([*row, *bar.spans(), Span(f" {words}", its)], width))
    if hidden:
        rows.append(crop([Span(f" [?]   {_hidden_words(hidden)}", "dim")], width))
    alerts = _Bar(page, view, begin, end, room)
    for firing in page.story.firings:
        alerts.at(firing.at, view.glyphs.levels[Level.PAGE], "page")
        if firing.taken_at is not None:
            alerts.at(firing.taken_at, view.glyphs.acknowledged, "silenced")
    legend = tr(
        "{fires} fires  {taken} taken", fires=view.glyphs.levels[Level.PAGE], taken=view.glyphs.acknowledged
    )
    head = Span(f"       {fmt.fit(tr('alerts'), names)} ", "text")
    rows.append(crop([head, *alerts.spans(), Span(f" {legend}", "dim")], width))
    signs = "  ".join(
        f"{sign} {tr(word)}"
        for sign, word in (
            (view.glyphs.rule, "step"),
            (view.glyphs.full, "fault"),
            (view.glyphs.band, "planned"),
        )
    )
    return [runs.heading("TIMELINE", width, signs, stroke=view.glyphs.rule), *rows]


def _in_sight(told: Sequence[StepSpan], most: int) -> Sequence[StepSpan]:
    """Where they are too many: what goes on, one that is over before it, and what comes next."""
    if len(told) <= most:
        return told
    begun = [place for place, span in enumerate(told) if span.begin is not None and span.end is None]
    over = sum(span.begin is not None for span in told)
    first = min(max((begun[-1] if begun else over) - 1, 0), len(told) - most)
    return told[max(first, 0) : max(first, 0) + most]


def _step_words(span: StepSpan, page: RunPage, view: View) -> tuple[str, Role]:
    if span.ended is not None and span.begin is not None and span.end is not None:
        word, role = runs.outcome_words(span.ended.outcome)
        return f"{word} {clock_words(span.end - span.begin)}", role if role != "bold" else "dim"
    if span.begin is not None:
        if page.record.state is not RunState.RUNNING:
            return tr("cut off"), "no_data"
        return (
            f"{view.glyphs.ellipsis} {clock_words(page.record.took(view.now).total_seconds() - span.begin)}",
            "key",
        )
    if page.record.state is not RunState.RUNNING:
        return tr("not carried out"), "dim"
    earliest = span.plan.earliest_s
    return (tr("from {when}", when=clock_words(earliest)) if earliest is not None else tr("later on")), "dim"


# --- panes beside the charts ------------------------------------------------------------------------------


def _claims(page: RunPage, view: View, width: int) -> list[Line]:
    if not page.story.checks:
        return []
    found: list[Line] = [runs.heading(runs.checks_title(page), width, stroke=view.glyphs.rule)]
    for check in page.story.checks.values():
        sign, role, words = runs.check_sign(check, page)
        got = words or value_words(check.got, check.unit)
        value = fmt.fit(got, max(cells([Span(got)]), 9), "right")
        name = fmt.fit(check.name, max(width - cells([Span(value)]) - 5, 8), ellipsis=view.glyphs.ellipsis)
        found.append(crop([Span(f" {sign} ", role), Span(name), Span(f" {value}", role)], width))
    return found


def _people(page: RunPage, view: View, width: int) -> list[Line]:
    started, story = page.story.started, page.story
    people = started.people if started is not None else {}
    found = detections(story)
    if not people and not found:
        return []
    rows: list[Line] = [runs.heading("PEOPLE", width, stroke=view.glyphs.rule)]
    for role, name in people.items():
        rows.append(crop([Span(f" {fmt.fit(role, 12)} ", "title"), Span(name)], width))
    for one in found[-4:]:
        name = fmt.fit(one.fault.text, width - 2, ellipsis=view.glyphs.ellipsis)
        rows += [crop([Span(f" {name}", "dim")], width), crop([Span("   "), *_detected_short(one)], width)]
    return rows


def _detected_short(one: Detected) -> list[Span]:
    firing = one.firing
    if firing is None:
        return [Span(tr("detected: no alert yet"), "dim")]
    after = fmt.age(firing.at - one.fault.on_at)
    spans = [Span(tr("detected +{after}", after=after))]
    if firing.taken_at is not None:
        took = fmt.age(firing.taken_at - firing.at)
        return [*spans, Span("  " + tr("taken +{took} by {who}", took=took, who=firing.taken_by or "?"))]
    return [*spans, Span("  " + tr("nobody has taken it"), "dim")]


def _load_pane(page: RunPage, view: View, width: int) -> list[Line]:
    if not page.story.load:
        return []
    last = page.story.load[-1]
    planned = f" ({tr('planned')} {last.target_rate:.0f})" if last.target_rate is not None else ""
    users = f"  {tr('users {count}', count=last.users)}" if last.users is not None else ""
    first = f" {last.rate:.0f}/s{planned}{users}"
    second = f" p50 {seconds_words(last.p50_s)}  p99 {seconds_words(last.p99_s)}  " + tr(
        "errors {share}", share=share_words(last.error_share)
    )
    busy = max((cpu for cpu in page.story.workers.values() if cpu is not None), default=None)
    third = " " + "  ".join(
        filter(
            None,
            (
                tr("workers {count}", count=len(page.story.workers)) if page.story.workers else "",
                tr("busiest {share}", share=value_words(round(busy, 2), "ratio")) if busy is not None else "",
                tr("late starts {count}", count=page.story.counted.late_starts),
            ),
        )
    )
    heading = runs.heading("LOAD", width, stroke=view.glyphs.rule)
    return [heading, *(crop([Span(text)], width) for text in (first, second, third))]


def _radius(page: RunPage, view: View, width: int) -> list[Line]:
    started = page.story.started
    if started is None or not started.blast_radius:
        return []
    heading = runs.heading("MAY HURT", width, stroke=view.glyphs.rule)
    shown = list(started.blast_radius)[:4]
    more = len(started.blast_radius) - len(shown)
    rows = [
        crop([Span(f" {fmt.fit(text, width - 2, ellipsis=view.glyphs.ellipsis)}")], width) for text in shown
    ]
    if more:
        rows.append(crop([Span("   " + tr("... {count} more", count=more), "dim")], width))
    return [heading, *rows]
