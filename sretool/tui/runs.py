"""Runs as lines: the list of them, and one with its checks, charts, faults, load and log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from sretool.core.runs.doses import of_trials
from sretool.core.runs.load import NEAR_ITS_LIMIT, WORTH_TELLING_S
from sretool.core.runs.model import Outcome, RunKind, RunState
from sretool.core.runs.words import clock_words, seconds_words, value_words
from sretool.core.slo.model import Level
from sretool.tui import chart
from sretool.tui import format as fmt
from sretool.tui.line import Span, cells, crop, rule
from sretool.tui.spark import spark
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from sretool.core.analysis.totals import Total
    from sretool.core.observe.model import Change
    from sretool.core.runs.model import Check, RunRecord
    from sretool.core.runs.story import FaultSpan, LoadPoint, Story
    from sretool.tui.board import View
    from sretool.tui.line import Line, Role

LOAD_KINDS: Final = (RunKind.LOAD, RunKind.CAPACITY, RunKind.CANARY)
DRILL_KINDS: Final = (RunKind.GAMEDAY, RunKind.CHAOS)

_HEADINGS: Final = {
    RunKind.LOAD: later("load"),
    RunKind.CAPACITY: later("capacity"),
    RunKind.CANARY: later("canary"),
    RunKind.GAMEDAY: later("game day"),
    RunKind.CHAOS: later("chaos"),
}
_OUTCOMES: Final = {
    Outcome.PASSED: later("PASSED"),
    Outcome.FAILED: later("FAILED"),
    Outcome.ABORTED: later("ABORTED"),
    Outcome.INCONCLUSIVE: later("INCONCLUSIVE"),
    Outcome.ERROR: later("ERROR"),
}
_OUTCOME_ROLES: Final[dict[Outcome, Role]] = {
    Outcome.PASSED: "bold",
    Outcome.FAILED: "page",
    Outcome.ABORTED: "ticket",
    Outcome.INCONCLUSIVE: "no_data",
    Outcome.ERROR: "page",
}
_WIDE: Final = 140
_TALL: Final = 40
_PAGE_CHART: Final = 11
"""Rows of a chart where the page may be as long as it likes."""
LEAST_CHART: Final = 5
"""Rows below which a chart says nothing."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """One run as it is shown: what is on record, what its events tell, what people noted meanwhile."""

    record: RunRecord
    story: Story
    notes: tuple[Change, ...] = ()
    """Marks that were written while it ran."""
    unreadable: str | None = None
    """What the first line said that is no event; None: all could be read."""


# --- the list ---------------------------------------------------------------------------------------------


def state_of(record: RunRecord) -> tuple[str, Role]:
    """`PASSED`, `RUNNING`, `LOST`, and how it looks."""
    if record.verdict is not None:
        return outcome_words(record.verdict.outcome)
    if record.state is RunState.RUNNING:
        return tr("RUNNING"), "key"
    return tr("LOST"), "no_data"


def outcome_words(outcome: Outcome) -> tuple[str, Role]:
    return tr(_OUTCOMES[outcome]), _OUTCOME_ROLES[outcome]


def list_header(width: int) -> Line:
    return crop(
        [Span(f"   {tr('STARTED'):<17} {tr('TOOK'):>8}  {tr('VERDICT'):<13} {tr('RUN')}", "title")], width
    )


def list_row(record: RunRecord, view: View, width: int) -> Line:
    """One run; the first cell is left to the cursor."""
    word, role = state_of(record)
    started = record.started.astimezone() if view.local_time else record.started
    mark = {
        RunState.RUNNING: "*",
        RunState.LOST: view.glyphs.stale,
        RunState.FINISHED: view.glyphs.dot if role == "bold" else " ",
    }[record.state]
    took = fmt.NONE if record.state is RunState.LOST else clock_words(record.took(view.now).total_seconds())
    spans = [
        Span(" "),
        Span(f"{mark} ", role),
        Span(f"{started:%Y-%m-%d %H:%M}{'' if view.local_time else 'Z'} ".ljust(18), "text"),
        Span(f"{took:>8}  ", "dim"),
        Span(fmt.fit(word, 13), role),
        Span(" "),
        Span(record.title),
    ]
    if record.kind not in (RunKind.LOAD, RunKind.GAMEDAY):
        spans.append(Span(f"  {tr(_HEADINGS[record.kind])}", "dim"))
    if record.verdict is not None and record.verdict.outcome is not Outcome.PASSED:
        spans.append(Span(f"  {record.verdict.reason}", "dim"))
    return crop(spans, width)


def list_placeholder(hidden: int, width: int) -> Line:
    """What stands in place of the list while it is empty."""
    said = tr("no run matches the filter (esc clears it)") if hidden else tr("no runs yet")
    return crop([Span(f"   {said}", "dim")], width)


_FIRST_OF: Final = {
    True: later("No load test has run in this project yet."),
    False: later("No game day and no experiment has run in this project yet."),
}
_STARTERS: Final = {
    True: ("sretool load run PROFILE --target URL", "sretool load list"),
    False: ("sretool gameday run first-game-day", "sretool chaos run FILE"),
}


def how_to_start(kinds: Sequence[RunKind], folder: str, commands: Collection[str], width: int) -> list[Line]:
    """What stands below the list while there is nothing to show; `commands` are those this program has."""
    of_load = RunKind.LOAD in kinds
    said = [tr(_FIRST_OF[of_load])]
    starters = [line for line in _STARTERS[of_load] if line.split()[1] in commands]
    if not starters:
        said.append(tr("This sretool cannot start one; it shows the run folders that other programs write."))
    said.append(tr("Run folders are looked for in {folder}", folder=folder))
    lines: list[Line] = [crop([], width)]
    for text in said:
        lines += [crop([Span(f"   {row}", "dim")], width) for row in fmt.wrapped(text, max(width - 4, 10))]
    if starters:
        lines += [crop([], width), crop([Span(f"   {tr('To start one:')}")], width)]
        lines += [crop([Span(f"     {command}", "key")], width) for command in starters]
    return lines


def no_headline(problem: str | None, width: int) -> Line:
    """Row 2 while no run is shown."""
    return crop([Span(f" {problem or ''}", "ticket")], width)


# --- row 2 ------------------------------------------------------------------------------------------------


def headline(page: RunPage, view: View, width: int) -> Line:
    """What the run is worth right now, the most important first."""
    record, story = page.record, page.story
    word, role = state_of(record)
    tag: Role = "tag_alarm" if role == "page" else "tag" if role in ("ticket", "key") else "bold"
    spans = [Span(f" {word} ", tag), Span(" ")]
    if record.verdict is not None:
        spans.append(Span(record.verdict.reason, role if role != "bold" else "text"))
        return crop(spans, width)
    if record.state is RunState.LOST:
        spans.append(Span(_lost_words(page, view), "no_data"))
        return crop(spans, width)
    planned = story.started.seconds if story.started is not None else None
    clock = clock_words(record.took(view.now).total_seconds())
    spans.append(Span(f"{clock} / {clock_words(planned)}  " if planned else f"{clock}  "))
    broken = [check for check in story.checks.values() if check.ok is False]
    held = [check for check in story.checks.values() if check.ok]
    if broken:
        spans.append(Span(tr("BROKEN {what}", what=_check_words(broken[0])), "page"))
        if len(broken) > 1:
            spans.append(Span("  " + tr("and {count} more", count=len(broken) - 1), "page"))
    elif held:
        count = tr("HELD {held} of {all} checks", held=len(held), all=len(story.checks))
        spans.append(Span(count, "text"))
    elif story.checks:
        spans.append(Span(tr("none of {all} checks measured yet", all=len(story.checks)), "dim"))
    open_faults = story.open_faults
    if open_faults:
        spans.append(Span("  " + tr("fault: {text}", text=open_faults[0].text), "ticket"))
    return crop(spans, width)


def _lost_words(page: RunPage, view: View) -> str:
    last = page.story.last
    when = view.clock(last.at) if last is not None else fmt.NONE
    said = tr("its program ended without a word, last heard of at {when}", when=when)
    faults = ", ".join(fault.text for fault in page.story.open_faults)
    return tr("may still be in: {faults}; ", faults=faults) + said if faults else said


def _check_words(check: Check) -> str:
    got = value_words(check.got, check.unit)
    want = f" ({value_words(check.want, check.unit)})" if check.want is not None else ""
    return f"{check.name}: {got}{want}"


# --- one run ----------------------------------------------------------------------------------------------


def run_lines(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    """As much of the run as `height` rows hold, the newest of its log at the end."""
    if page.story.last is None:
        return [crop([Span(f"  {tr('nothing has happened yet')}", "dim")], width)]
    if width >= _WIDE and height >= _TALL - 12:
        return _wide(page, view, width, height)
    if page.record.kind in LOAD_KINDS:
        return _narrow_load(page, view, width, height)
    return _narrow_drill(page, view, width, height)


def whole_run(page: RunPage, view: View, width: int) -> list[Line]:
    """Everything there is to say, as long as it takes; to be scrolled."""
    if page.story.last is None:
        return run_lines(page, view, width, 1)
    lines: list[Line] = [*fact_lines(page, width), *check_lines(page, view, width, "CHECKS")]
    if page.record.kind in DRILL_KINDS:
        lines += [*phase_line(page, view, width), *_charts(page, view, width, 3 * _PAGE_CHART)]
        lines += [*_faults(page, view, width), *_detection(page, view, width)]
    if page.story.load:
        lines += request_table(page, view, width, 99)
        if page.record.kind in LOAD_KINDS:
            lines += _charts(page, view, width, 2 * _PAGE_CHART)
        lines += generator_lines(page, width)
    lines += _measures(page, view, width)
    return [*lines, *log_lines(page, view, width, None)]


def _narrow_load(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    head = [*request_table(page, view, width, 5)]
    tail = [*generator_lines(page, width), *check_lines(page, view, width, "CHECKS")]
    room = height - len(head) - len(tail)
    if room < 5:
        return [*head, *tail][:height]
    log = min(max(room - 12, 0), 8)
    return [*head, *_charts(page, view, width, room - log), *tail, *log_lines(page, view, width, log)]


def _narrow_drill(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    head = phase_line(page, view, width)
    tail = [
        *_faults(page, view, width),
        *_detection(page, view, width),
        *check_lines(page, view, width, checks_title(page)),
    ]
    room = height - len(head) - len(tail)
    if room < 3:
        return [*head, *tail][:height]
    log = room if room < 9 else min(max(room // 2, 4), 14)
    return [*head, *_charts(page, view, width, room - log), *tail, *log_lines(page, view, width, log)]


def _wide(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    right = 52
    left = width - right - 1
    if page.record.kind in LOAD_KINDS:
        above, below = request_table(page, view, left, 10), generator_lines(page, left)
    else:
        above = phase_line(page, view, left)
        below = [*_faults(page, view, left), *_detection(page, view, left)]
    charts = _charts(page, view, left, height - len(above) - len(below))
    main = [*above, *charts, *below][:height]
    side = [
        *check_lines(page, view, right, checks_title(page)),
        *plan_lines(page, right),
        *fact_lines(page, right),
        *_measures(page, view, right),
    ]
    side += log_lines(page, view, right, max(height - len(side), 0))
    return beside(main, side, view, left, width, height)


def beside(
    main: Sequence[Line], side: Sequence[Line], view: View, left: int, width: int, height: int
) -> list[Line]:
    """Two columns, the first `left` cells wide, in `height` rows."""
    blank: Line = crop([], left)
    rows: list[Line] = []
    for number in range(height):
        first = main[number] if number < len(main) else blank
        second = side[number] if number < len(side) else ()
        rows.append(crop([*crop(first, left), Span(view.glyphs.axis, "dim"), *second], width))
    return rows


def heading(title: str, width: int, right: str = "", *, stroke: str = "─") -> Line:
    return rule(tr(title), width, stroke, right)


def checks_title(page: RunPage) -> str:
    """What its checks are."""
    if page.record.kind in LOAD_KINDS:
        return "CHECKS"
    return "TRIALS" if of_trials(page.story.checks.values()) else "HYPOTHESES"


def check_lines(page: RunPage, view: View, width: int, title: str) -> list[Line]:
    checks = page.story.checks.values()
    if not checks:
        return []
    lines: list[Line] = [heading(title, width, stroke=view.glyphs.rule)]
    for check in checks:
        sign, role, words = check_sign(check, page)
        got = words or value_words(check.got, check.unit)
        name = _check_name(check.name, max(width - 30, 12), view.glyphs.ellipsis)
        spans = [Span(f" {sign} ", role), Span(name), Span(f" {got:>9}", role)]
        if check.want is not None:
            spans.append(Span(f"  {tr('wanted')} {value_words(check.want, check.unit)}", "dim"))
        lines.append(crop(spans, width))
    return lines


def _check_name(name: str, width: int, ellipsis: str) -> str:
    """In exactly `width` cells; which side a check is of, `(server)`, is never what is cut."""
    front, space, side = name.rpartition(" (")
    if cell_len(name) <= width or not space or cell_len(side) > width // 2:
        return fmt.fit(name, width, ellipsis=ellipsis)
    return fmt.fit(front.removeprefix("slo: "), width - cell_len(side) - 2, ellipsis=ellipsis) + f" ({side}"


def check_sign(check: Check, page: RunPage) -> tuple[str, Role, str]:
    """Sign, role, and what stands in place of a value that is missing."""
    if check.ok is not None:
        return ("ok", "dim", "") if check.ok else ("NO", "page", "")
    if page.record.state is RunState.RUNNING:
        return "..", "dim", "" if check.got is not None else tr("waiting")
    return "? ", "no_data", "" if check.got is not None else tr("no data")


def phase_line(page: RunPage, view: View, width: int) -> list[Line]:
    """Those there are; where they are too many, those that are over long ago are left out."""
    phases = page.story.phases
    if not phases:
        return []
    head = Span(f" {tr('PHASE')} ", "title")
    spans: list[Span] = []
    for phase in phases:
        sign = "x" if phase.end is not None else ">" if phase.begin is not None else " "
        role: Role = "key" if sign == ">" else "dim" if sign == " " else "text"
        planned = f" {fmt.age(timedelta(seconds=phase.planned))}" if phase.planned else ""
        spans.append(Span(f" [{sign}] {phase.name}{planned} ", role))
    begun = sum(1 for phase in phases if phase.begin is not None)
    return [crop(from_now(head, spans, begun, begun, view, width), width)]


def from_now(head: Span, spans: Sequence[Span], begun: int, seen: int, view: View, width: int) -> list[Span]:
    """Without as many of those that have begun as it takes to see the first `seen` to their end."""
    left_out = 0
    while left_out < begun - 1 and cells([head, *spans[left_out:seen]]) > width - 5:
        left_out += 1
    more = [Span(f" {view.glyphs.ellipsis} ", "dim")] if left_out else []
    return [head, *more, *spans[left_out:]]


def fact_lines(page: RunPage, width: int) -> list[Line]:
    record = page.record
    facts = [
        (tr("TARGET"), ", ".join(record.targets)),
        (tr("INPUT"), ", ".join(each.path for each in record.inputs)),
        (tr("WITH"), ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        (tr("PART OF"), record.parent or ""),
        (tr("UNREADABLE"), page.unreadable or ""),
    ]
    return [crop([Span(f" {name:<10} ", "title"), Span(text)], width) for name, text in facts if text]


def plan_lines(page: RunPage, width: int) -> list[Line]:
    """Who, what may be hurt, what ends it."""
    started = page.story.started
    if started is None:
        return []
    people = "  ".join(f"{role} {name}" for role, name in started.people.items())
    rows = [(tr("PEOPLE"), people)]
    rows += [
        (tr("MAY HURT") if number == 0 else "", text) for number, text in enumerate(started.blast_radius)
    ]
    rows += [(tr("ABORT WHEN") if number == 0 else "", text) for number, text in enumerate(started.guards)]
    return [crop([Span(f" {name:<10} ", "title"), Span(text)], width) for name, text in rows if text]


# --- charts -----------------------------------------------------------------------------------------------


def time_range(page: RunPage, view: View) -> tuple[datetime, datetime]:
    record, story = page.record, page.story
    begin = record.started
    last = story.last.at if story.last is not None else begin
    if record.state is RunState.RUNNING:
        planned = story.started.seconds if story.started is not None and story.started.seconds else 0.0
        end = max(begin + timedelta(seconds=planned), view.now)
    else:
        end = record.ended or last
    return begin, max(end, begin + timedelta(seconds=10))


def _charts(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    """The charts this run has figures for, as many as fit into `height` rows; fewer rows where none fits."""
    story = page.story
    drawn: list[tuple[str, chart.Chart]] = []
    if page.record.kind in DRILL_KINDS:
        drawn += slo_charts(page, view)
    if story.load:
        drawn += load_charts(page, view)
    if not drawn:
        return []
    drawn = drawn[: max(height // 7, 1)]
    each, more = divmod(height, len(drawn))
    lines: list[Line] = []
    for number, (title, what) in enumerate(drawn):
        rows = each + (1 if number < more else 0)
        if rows < LEAST_CHART:
            break
        lines += chart_pane(title, what, view, width, rows)
    return lines


def chart_pane(title: str, what: chart.Chart, view: View, width: int, height: int) -> list[Line]:
    """A chart under its title, with the names of its curves where there is room for them.

    Where there is a cursor, what it stands on takes their place.
    """
    if what.cursor is not None:
        return [
            crop([Span(f"{view.glyphs.rule * 2} {tr(title)} ", "title"), *_reading(what, view)], width),
            *chart.draw(what, width, height - 1, view.glyphs, local_time=view.local_time),
        ]
    legend = chart.legend(what, view.glyphs)
    head = heading(title, width, stroke=view.glyphs.rule)
    named = cell_len(tr(title))
    if legend and cells(legend) <= max(width - named - 10, 0):
        used = len(view.glyphs.rule) * 2 + named + 2
        rest = width - used - cells(legend) - 2
        head = [
            Span(f"{view.glyphs.rule * 2} {tr(title)} ", "title"),
            Span(view.glyphs.rule * max(rest, 0), "dim"),
            Span("  "),
            *legend,
        ]
    return [
        crop(head, width),
        *chart.draw(what, width, height - 1, view.glyphs, local_time=view.local_time),
    ]


def _reading(what: chart.Chart, view: View) -> list[Span]:
    """What every curve says at the cursor."""
    assert what.cursor is not None
    found = {each.name: each.value for each in chart.readings(what)}
    several = len(what.curves) > 1
    said = (
        f"{curve.name} {label}".strip() if several else label
        for curve in what.curves
        if (label := what.label(found[curve.name]) if curve.name in found else tr("no data"))
    )
    return [Span(f" {view.clock(what.cursor)}  {'  '.join(said)} ", "inspect")]


def fault_bands(page: RunPage, view: View, end: datetime) -> tuple[chart.Band, ...]:
    until = min(view.now, end)
    return tuple(
        chart.Band(fault.on_at, fault.off_at or until, fault.text) for fault in page.story.faults.values()
    )


def note_marks(page: RunPage) -> tuple[chart.Mark, ...]:
    """What people noted and marked meanwhile."""
    began, story = page.record.started, page.story
    marked = (chart.Mark(began + timedelta(seconds=t), mark.text or tr("mark")) for t, mark in story.marks)
    return (*(chart.Mark(note.at, note.text) for note in page.notes), *marked)


def slo_charts(page: RunPage, view: View) -> list[tuple[str, chart.Chart]]:
    begin, end = time_range(page, view)
    drawn = []
    for slo, points in page.story.slos.items():
        known = [(point.at, point.sli) for point in points]
        step = usual_step([point.at for point in points])
        bound = _sli_bound(page.story, slo)
        lowest = min(
            [value for _, value in known if value is not None] + ([bound] if bound else []), default=0.99
        )
        low = max(1 - (1 - min(lowest, 0.9999)) * 1.3, 0.0)
        limits = (chart.Limit(bound, ""),) if bound is not None else ()
        what = chart.Chart(
            curves=(chart.Curve(tuple(known), step, slo),),
            start=begin,
            end=end,
            low=low,
            high=1.0,
            label=lambda value: f"{value * 100:.5g}%",
            limits=limits,
            marks=note_marks(page),
            bands=fault_bands(page, view, end),
        )
        drawn.append((slo, what))
    return drawn


def _sli_bound(story: Story, slo: str) -> float | None:
    """What is believed of its good share."""
    check = story.checks.get(slo.rpartition("/")[2]) or story.checks.get(slo)
    claimed = (each for name, each in story.checks.items() if name.startswith(f"sli {slo} "))
    check = check or next(claimed, None)
    return check.want if check is not None and isinstance(check.want, float) else None


_FAR: Final = 4
"""Times the highest latency, from which on its bound is not drawn."""


def load_charts(page: RunPage, view: View) -> list[tuple[str, chart.Chart]]:
    """Rate and latency, and errors where there are any."""
    load = page.story.load
    made = _Charts(page, view)
    rate = (
        made.curve(lambda point: point.rate, tr("rate")),
        made.curve(lambda point: point.target_rate, tr("planned"), compared=True),
    )
    latency = (
        made.curve(lambda point: point.p99_s, "p99"),
        made.curve(lambda point: point.p50_s, "p50"),
        made.curve(lambda point: point.p95_s, "p95"),
    )
    bound = _latency_bound(page.story)
    highest = max((point.p99_s or 0.0 for point in load), default=0.0)
    if bound is not None and highest < bound / _FAR:
        # A line so far above would leave the curves no room.
        bound = None
    limits = (chart.Limit(bound, ""),) if bound is not None else ()
    drawn = [
        (later("REQUESTS a second"), made.chart(rate, 1.0, lambda value: f"{value:.0f}")),
        (later("LATENCY"), made.chart(latency, (bound or 0.0) * 1.1 or 0.01, seconds_words, limits)),
    ]
    if any(point.error_share for point in load):
        errors = (made.curve(lambda point: point.error_share, tr("errors")),)
        drawn.append((later("ERRORS"), made.chart(errors, 0.01, fmt.ratio_percent, most=1.0)))
    return drawn


def generator_charts(page: RunPage, view: View) -> list[tuple[str, chart.Chart]]:
    """What is at work, and whether the generators keep up, as far as it was measured."""
    load = page.story.load
    made = _Charts(page, view)
    drawn: list[tuple[str, chart.Chart]] = []
    at_work = [
        made.curve(lambda point: point.users, tr("users"))
        if any(point.users is not None for point in load)
        else None,
        made.curve(lambda point: point.in_flight, tr("in flight"))
        if any(point.in_flight is not None for point in load)
        else None,
    ]
    curves = tuple(curve for curve in at_work if curve is not None)
    if curves:
        drawn.append((later("AT WORK"), made.chart(curves, 5.0, lambda value: f"{value:.0f}")))
    if any(point.cpu is not None for point in load):
        cpu = (made.curve(lambda point: point.cpu, tr("busiest generator")),)
        limit = (chart.Limit(NEAR_ITS_LIMIT, ""),)
        drawn.append((later("GENERATOR of one core"), made.chart(cpu, 1.0, fmt.ratio_percent, limit)))
    if any(point.late_starts for point in load):
        late = (made.curve(lambda point: point.late_starts, tr("late starts")),)
        drawn.append((later("LATE STARTS"), made.chart(late, 5.0, lambda value: f"{value:.0f}")))
    return drawn


class _Charts:
    """Charts of a run's load over the time it takes as a whole."""

    def __init__(self, page: RunPage, view: View) -> None:
        self._load = page.story.load
        self._begin, self._end = time_range(page, view)
        self._step = usual_step([point.at for point in self._load])
        self._bands = fault_bands(page, view, self._end)
        self._marks = note_marks(page)

    def curve(
        self, value: Callable[[LoadPoint], float | None], name: str, *, compared: bool = False
    ) -> chart.Curve:
        points = tuple((point.at, value(point)) for point in self._load)
        return chart.Curve(points, self._step, name, compared)

    def chart(
        self,
        curves: tuple[chart.Curve, ...],
        least_top: float,
        label: Callable[[float], str],
        limits: tuple[chart.Limit, ...] = (),
        *,
        most: float = math.inf,
    ) -> chart.Chart:
        """`most`: there is no greater value."""
        low, high = chart.pinned(curves, at_least_to=least_top)
        high = min(high, most)
        return chart.Chart(curves, self._begin, self._end, low, high, label, limits, self._marks, self._bands)


def _latency_bound(story: Story) -> float | None:
    """The bound of the one check that is about a p99, to be drawn."""
    bounds = [
        check.want
        for check in story.checks.values()
        if check.unit == "s" and "p99" in check.name and isinstance(check.want, float | int)
    ]
    return float(bounds[0]) if bounds else None


def usual_step(moments: Sequence[datetime]) -> timedelta:
    """The usual distance of two neighbours."""
    gaps = sorted(b - a for a, b in pairwise(moments))
    return max(gaps[len(gaps) // 2], timedelta(seconds=1)) if gaps else timedelta(seconds=1)


# --- faults, detection, load, measures, log ---------------------------------------------------------------


def _faults(page: RunPage, view: View, width: int) -> list[Line]:
    """Each fault as a bar over the time of the run."""
    faults = list(page.story.faults.values())
    if not faults:
        return []
    begin, end = time_range(page, view)
    names = min(max(len(fault.text) for fault in faults), max(width // 3, 12))
    room = max(width - names - 18, 8)
    lines: list[Line] = [heading("FAULTS", width, stroke=view.glyphs.rule)]
    for fault in faults:
        name = fmt.fit(fault.text, names, ellipsis=view.glyphs.ellipsis)
        spans = [Span(f" {name} ", "text"), *_bar(fault, begin, end, room, view)]
        words, role = fault_words(fault, page)
        lines.append(crop([*spans, Span(f" {words}", role)], width))
    return lines


def _bar(fault: FaultSpan, begin: datetime, end: datetime, room: int, view: View) -> list[Span]:
    whole = (end - begin).total_seconds()
    first = int(fault.begin / whole * room)
    until = fault.end if fault.end is not None else min((view.now - begin).total_seconds(), whole)
    last = max(int(until / whole * room), first + 1)
    planned = last
    if fault.end is None and fault.planned is not None:
        planned = max(int(min(fault.begin + fault.planned, whole) / whole * room), last)
    return [
        Span(view.glyphs.empty * first, "dim"),
        Span(view.glyphs.full * (last - first), "ticket"),
        Span(view.glyphs.band * (planned - last), "band"),
        Span(view.glyphs.empty * max(room - planned, 0), "dim"),
    ]


def fault_words(fault: FaultSpan, page: RunPage) -> tuple[str, Role]:
    if not fault.ok:
        return tr("NOT UNDONE"), "page"
    if fault.end is not None:
        return tr(fault.how), "dim"
    if page.record.state is not RunState.RUNNING:
        return tr("MAY BE IN"), "page"
    return (tr("undo ready"), "dim") if fault.undo_ready else (tr("no undo"), "ticket")


def _detection(page: RunPage, view: View, width: int) -> list[Line]:
    story = page.story
    if story.first_fault_at is None:
        return []
    spans = [Span(f" {tr('DETECT')} ", "title")]
    took = story.detected_in()
    if took is None:
        spans.append(Span(tr("no alert has fired since the fault"), "dim"))
    else:
        when = view.clock(story.first_fault_at + took)
        spans.append(Span(tr("alert {when} (+{seconds}s)", when=when, seconds=int(took.total_seconds()))))
    acks = [alert for alert in story.alerts.values() if alert.acknowledged_at is not None]
    if acks:
        first = min(acks, key=lambda alert: alert.acknowledged_at or alert.firing_at or page.record.started)
        if first.acknowledged_at is not None:
            spans.append(Span("  " + tr("ack {when}", when=view.clock(first.acknowledged_at))))
    unexpected = [alert.name for alert in story.alerts.values() if alert.expected is False]
    if unexpected:
        spans.append(Span("  " + tr("unexpected: {names}", names=", ".join(unexpected)), "ticket"))
    return [crop(spans, width)]


_COLUMNS: Final = (("RATE", 8), ("p50", 8), ("p95", 8), ("p99", 8), ("ERR%", 8))


def request_table(page: RunPage, view: View, width: int, most: int) -> list[Line]:
    found = page.story.counted.totals.names
    totals = sorted(found.items(), key=lambda named: -named[1].requests)
    if not totals:
        return [crop([Span(f"  {tr('no request has been made yet')}", "dim")], width)]
    name_width = max(width - sum(size for _, size in _COLUMNS) - 4 - 14, 12)
    trend = max(min(width - name_width - sum(size for _, size in _COLUMNS) - 4, 30), 0)
    header = "".join(fmt.fit(name, size, "right") for name, size in _COLUMNS)
    header = f"   {fmt.fit(tr('REQUEST'), name_width)}{header}  {tr('TREND') if trend > 7 else ''}"
    lines: list[Line] = [crop([Span(header, "title")], width)]
    lines += [_request(name, total, page, view, width, name_width, trend) for name, total in totals[:most]]
    if len(totals) > most:
        more = tr("... {count} more", count=len(totals) - most)
        lines.append(crop([Span(f"   {more}", "dim")], width))
    if len(totals) > 1:
        lines.append(_total(page, view, width, name_width))
    return lines


def _request(
    name: str, total: Total, page: RunPage, view: View, width: int, name_width: int, trend: int
) -> Line:
    failing = total.failures > 0
    role: Role = "ticket" if failing else "text"
    rates = page.story.rates.get(name, [])
    spans = [
        Span(f" {view.glyphs.levels[Level.TICKET] if failing else ' '} ", role),
        Span(fmt.fit(name, name_width, ellipsis=view.glyphs.ellipsis), role),
        Span(_cells(rates[-1][1] if rates else None, total), role),
    ]
    if trend > 7 and rates:
        last, _ = rates[-1]
        curve = spark(rates, last, timedelta(seconds=120), trend - 2, view.glyphs)
        spans.append(Span(f"  {curve}", "chart"))
    return crop(spans, width)


def _total(page: RunPage, view: View, width: int, name_width: int) -> Line:
    story = page.story
    rate = story.load[-1].rate if story.load else None
    users = story.load[-1].users if story.load else None
    planned = story.started.users if story.started is not None else None
    words = "" if users is None else f"  {tr('users')} {users}{f'/{planned}' if planned else ''}"
    text = fmt.fit(tr("TOTAL"), name_width) + _cells(rate, story.counted.totals.whole) + words
    return crop([Span(f"   {text}", "bold")], width)


def _cells(rate: float | None, total: Total) -> str:
    share = total.error_share
    texts = [
        fmt.NONE if rate is None else f"{rate:.0f}/s",
        *(seconds_words(total.quantile(each)) for each in (0.5, 0.95, 0.99)),
        fmt.NONE if share is None else f"{share * 100:.2f}%",
    ]
    return "".join(fmt.fit(text, size, "right") for text, (_, size) in zip(texts, _COLUMNS, strict=True))


def generator_lines(page: RunPage, width: int) -> list[Line]:
    """Whether the figures can be trusted, and what failed."""
    story = page.story
    lines: list[Line] = []
    if story.workers:
        spans = [Span(f" {tr('WORKERS')} ", "title")]
        for name, cpu in story.workers.items():
            hot = cpu is not None and cpu >= NEAR_ITS_LIMIT
            words = tr("generator near its limit") if hot else ""
            load = fmt.NONE if cpu is None else f"{cpu * 100:.0f}%"
            spans.append(Span(f" {name} cpu {load} {words}".rstrip() + " ", "ticket" if hot else "text"))
        if story.counted.lag_s is not None:
            stalled = story.counted.lag_s >= WORTH_TELLING_S
            words = tr("longest stall {span}", span=seconds_words(story.counted.lag_s))
            spans.append(Span(f" {words} ", "ticket" if stalled else "dim"))
        late = tr("late starts {count}", count=story.counted.late_starts)
        spans.append(Span(f" {late}", "ticket" if story.counted.late_starts else "dim"))
        lines.append(crop(spans, width))
    errors = story.counted.errors
    if errors:
        said = "  ".join(f"{text} {count}" for text, count in errors.most_common(6))
        lines.append(crop([Span(f" {tr('ERRORS')}  ", "title"), Span(said)], width))
    return lines


_MEASURES: Final = (
    ("rto_s", later("writes back after"), "s"),
    ("rpo_s", later("data lost of"), "s"),
    ("lost_writes", later("lost writes"), ""),
    ("mttd_s", later("detected after"), "s"),
    ("mttr_s", later("mended after"), "s"),
    ("dose", later("dose"), "ratio"),
    ("budget_spent", later("budget used"), "ratio"),
)


def _measures(page: RunPage, view: View, width: int) -> list[Line]:
    chaos = page.record.measures.chaos
    if chaos is None:
        return []
    known = [
        (title, value_words(value, unit))
        for field, title, unit in _MEASURES
        if (value := getattr(chaos, field)) is not None
    ]
    if not known:
        return []
    lines: list[Line] = [heading("MEASURED", width, stroke=view.glyphs.rule)]
    return [*lines, *(crop([Span(f"    {tr(title):<22} {text}")], width) for title, text in known)]


def log_lines(page: RunPage, view: View, width: int, height: int | None) -> list[Line]:
    """The newest lines of the log that fit, oldest of them first; the notes of people among them."""
    if height is not None and height < 2:
        return []
    notes = [(note.at, "mark", note.text, "", None) for note in page.notes]
    told = [(line.at, line.source, line.text, line.result, line.good) for line in page.story.log]
    merged_ = sorted([*told, *notes], key=lambda row: row[0])
    shown = merged_ if height is None else merged_[-(height - 1) :]
    lines: list[Line] = [heading("LOG", width, stroke=view.glyphs.rule)]
    for at, source, text, result, good in shown:
        role: Role = "page" if good is False else "text"
        spans = [Span(f" {view.clock(at)} ", "dim"), Span(fmt.fit(source, 6), "dim")]
        tail = [Span(f"  {result}", role if good is False else "dim")] if result else []
        room = width - cells(spans) - cells(tail)
        words = text if cells([Span(text)]) <= room else fmt.fit(text, room, ellipsis=view.glyphs.ellipsis)
        lines.append(crop([*spans, Span(words, role), *tail], width))
    return lines
