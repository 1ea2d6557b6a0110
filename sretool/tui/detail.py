"""The screen of one SLO as lines: state, burn, budget used, charts, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from sretool.core.observe.panels import Condition
from sretool.core.slo.model import Level
from sretool.tui import format as fmt
from sretool.tui import overview
from sretool.tui.line import LEVEL_ROLES, Span, cells, crop, rule, spread
from sretool.tui.slo_charts import Charted, burn_down, changes_of, error_ratio
from sretool.tui.timeline import moment_words
from sretool.tui.words import tr
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.alerting.firings import Firing
    from sretool.core.observe.model import SloStatus
    from sretool.core.observe.service import DependencyRow
    from sretool.tui.board import View
    from sretool.tui.line import Line, Role
    from sretool.tui.slo_charts import Past

_DAY: Final = timedelta(days=1)
_WORDED: Final = {"page": Level.PAGE, "ticket": Level.TICKET}
"""What an alert of that severity makes of a burn over its limit."""
_TALL: Final = 28
"""From here on every window has a row of its own; below, charts would have none left."""


@dataclass(frozen=True, slots=True)
class Around:
    """What stands beside the figures of one SLO on its screen, as far as it is known."""

    charted: Charted = field(default_factory=Charted)
    needs: tuple[DependencyRow, ...] | None = None
    """None: the catalog knows no dependencies of this service."""
    fired: tuple[Firing, ...] | None = None
    """Newest first; None: not known yet."""
    steps: tuple[RunbookStep, ...] = ()
    """Of its runbook."""


class RunbookStep(NamedTuple):
    text: str
    done: bool


def detail_lines(view: View, status: SloStatus, around: Around, width: int, height: int) -> list[Line]:
    """The whole screen under row 1 and above the keys, `height` rows of `width` cells."""
    lines: list[Line] = [_state_line(view, status, width)]
    if is_wide(width, height):
        lines += _wide(view, status, around, width, height - 1)
    else:
        if height >= 14:
            facts = _facts(view, status, around.charted.past, width, paired=height < _TALL)
            lines += facts[: max(height - 13, 1)]
        lines += _stacked(view, status, around, width, height - len(lines))
    lines += [crop([], width)] * (height - len(lines))
    return lines[:height]


def is_wide(width: int, height: int) -> bool:
    """Whether there is room for a second column."""
    return width >= 140 and height >= 30


def _wide(view: View, status: SloStatus, around: Around, width: int, height: int) -> list[Line]:
    side = min(max(width * 3 // 8, 56), 76)
    main = width - side - 1
    upper = height // 2
    left = [
        *burn_down(view, status.slo, around.charted, main, upper),
        *error_ratio(view, status.slo, around.charted, main, height - upper),
    ]
    right = _side(view, status, around, side, height)
    edge = Span(view.glyphs.axis, "dim")
    return [[*left[row], edge, *right[row]] for row in range(height)]


def _side(view: View, status: SloStatus, around: Around, width: int, height: int) -> list[Line]:
    """Sections one under the other; where there are too many rows the later ones lose theirs first."""
    sections = [
        _burn_section(view, status, around.charted.past, width),
        _alerts(view, status, width),
        _changes(view, status, width),
        _depends(view, around, width),
        _runbook(view, status, around, width),
        _history(view, around, width),
        _notes(view, status, width),
    ]
    sections = [section for section in sections if section]
    rows = share_rows([len(section) for section in sections], height)
    lines = [line for section, count in zip(sections, rows, strict=True) for line in section[:count]]
    return lines + [crop([], width)] * (height - len(lines))


def share_rows(wanted: Sequence[int], height: int) -> list[int]:
    """Rows for sections that want so many: all they want, else each its heading and two rows before more."""
    given = [0] * len(wanted)
    free = height
    for least in (3, 6, 9, max(wanted, default=0)):
        for number, want in enumerate(wanted):
            more = min(min(want, least) - given[number], free)
            if more > 0:
                given[number] += more
                free -= more
    return given


def _stacked(view: View, status: SloStatus, around: Around, width: int, height: int) -> list[Line]:
    charted, slo = around.charted, status.slo
    if height < 9:
        # The present before the month, and before what the overview shows as well.
        return error_ratio(view, slo, charted, width, height) if height >= 4 else []
    alerts = _alerts(view, status, width) if height >= 20 else []
    tail = [*alerts[:4], overview.changes_line(view, width)]
    spare = height - len(tail)
    if spare < 11:
        return [*error_ratio(view, slo, charted, width, spare), *tail]
    upper = spare // 2
    lines = [*burn_down(view, slo, charted, width, upper)]
    return [*lines, *error_ratio(view, slo, charted, width, spare - upper), *tail]


def _state_line(view: View, status: SloStatus, width: int) -> list[Span]:
    slo = status.slo
    role: Role = "stale" if view.stale or view.waiting else LEVEL_ROLES[status.level]
    word = fmt.LEVEL_WORDS[status.level].upper()
    if view.waiting:
        head = Span(" waiting for Prometheus", "dim")
    else:
        mark = view.glyphs.stale if view.stale else ""
        head = Span(f" {view.glyphs.levels[status.level]}{mark} {word}", role)
    sli = fmt.percent_of_objective(status.sli, slo.objective)
    parts = [
        f"  {sli}{'%' if status.sli is not None else ''} of {fmt.objective_percent(slo.objective)}%"
        f" over {fmt.window_name(slo)}",
        f"   budget {fmt.budget_percent(status.budget_left)}"
        + (" left" if status.budget_left is not None and status.budget_left > 0 else ""),
        _outlook(view, status),
        f"   {slo.owner}" if slo.owner else "",
        f"   {slo.title}",
    ]
    as_of = view.prometheus.as_of if view.stale else None
    dated = [Span(f" as of {view.clock(as_of)} ", "lost")] if as_of is not None else []
    spans = [head]
    for part in parts:
        if cells([*spans, Span(part), *dated]) + bool(dated) <= width:
            spans.append(Span(part, "stale" if view.stale else "text"))
    return spread(spans, dated, width) if dated else crop(spans, width)


def _outlook(view: View, status: SloStatus) -> str:
    if view.stale:
        return ""
    if status.recovers_in is not None:
        return f"   above 0 again in {fmt.left_for(status.recovers_in)}"
    if status.exhausts_in is not None:
        return f"   gone in {fmt.left_for(status.exhausts_in)}"
    if status.level is Level.NO_DATA:
        return ""
    return "   not running out" if (status.budget_left or 0) > 0 else ""


def _facts(view: View, status: SloStatus, past: Past, width: int, *, paired: bool) -> list[Line]:
    """Burn table, budget used and event counts side by side, as far as the width allows."""
    role: Role = "stale" if view.stale else "text"
    burns = _pair_table(view, status) if paired and status.slo.alerts else _burn_table(view, status)
    used = _used(status, past)
    counts = _counts(status)
    rows = max(len(burns), len(used), len(counts))
    lines: list[Line] = []
    for row in range(rows):
        spans = [Span(" ")]
        spans += crop(burns[row] if row < len(burns) else [], 37)
        for column, size in ((used, 23), (counts, 60)):
            room = width - cells(spans)
            if room < 18:
                break
            text = column[row] if row < len(column) else ""
            tone: Role = "title" if row == 0 else role
            spans.append(Span(fmt.fit(text, min(size, room), ellipsis=view.glyphs.ellipsis), tone))
        lines.append(crop(spans, width))
    return lines + _problem(view, status, width)


def _problem(view: View, status: SloStatus, width: int) -> list[Line]:
    """Why these figures are not to be believed; nothing where they are."""
    said = status.problem
    if status.blind is not None:
        said = tr(
            "blind: 0 of {of} targets of {job} up, so nothing new is counted",
            of=status.blind.of, job=status.blind.job,
        )  # fmt: skip
    if not said:
        return []
    return [crop([Span(f" {view.glyphs.levels[Level.NO_DATA]} {said}", "ticket")], width)]


def _burn_table(view: View, status: SloStatus) -> list[list[Span]]:
    """Every window, shortest first, with the limit of the pair that looks at it; 1x where none does."""
    limits = _limits(status)
    rows = [[Span("WINDOW    BURN    LIMIT  STATE", "title")]]
    for window, (limit, severity) in sorted(limits.items()):
        rows.append(_burn_row(view, window, status.burns.get(window), limit, severity))
    return rows


def _pair_table(view: View, status: SloStatus) -> list[list[Span]]:
    """A row for each pair of windows that an alert looks at, shortest first; over where both of them are."""
    rows = [[Span("WINDOWS  LONG  SHORT LIMIT STATE", "title")]]
    for pair in sorted(status.slo.alerts, key=lambda pair: pair.long):
        limit = float(pair.factor(status.slo.window))
        burns = [status.burns.get(window) for window in (pair.long, pair.short)]
        over = [burn for burn in burns if burn is not None and burn > limit]
        level, word = Level.OK, f"{len(over)} of 2" if over else "ok"
        if None in burns:
            level, word = Level.NO_DATA, "no data"
        elif len(over) == len(burns):
            level, word = _WORDED.get(pair.severity.value, Level.TICKET), "over"
        role: Role = "stale" if view.stale else LEVEL_ROLES[level]
        text = fmt.fit(f"{format_duration(pair.long)}/{format_duration(pair.short)}", 7)
        told = zip((*burns, limit), (6, 7, 6), strict=True)
        text += "".join(fmt.fit(fmt.burn(burn), room, "right") for burn, room in told) + " "
        sign = f"{view.glyphs.levels[level]}{view.glyphs.stale if view.stale else ''}"
        quiet: Role = "stale" if view.stale else "text"
        rows.append([Span(text, role if word == "over" else quiet), Span(f"{sign} {word}", role)])
    return rows


def _limits(status: SloStatus) -> dict[timedelta, tuple[float, str]]:
    """By window the burn rate it must stay under, and what looks at it."""
    limits = {window: (1.0, "budget") for window in status.burns}
    for pair in reversed(status.slo.alerts):
        factor = float(pair.factor(status.slo.window))
        limits |= {window: (factor, pair.severity.value) for window in (pair.short, pair.long)}
    return limits


def _share(value: float | None) -> str:
    """A share of the budget: `2.1%`, `62%`."""
    return fmt.NONE if value is None else f"{value * 100:.1f}%" if abs(value) < 10 else f"{value * 100:.0f}%"


def _burn_row(view: View, window: timedelta, value: float | None, limit: float, severity: str) -> list[Span]:
    over = value is not None and value > limit
    level = Level.NO_DATA if value is None else Level.OK if not over else _WORDED.get(severity, Level.TICKET)
    word = "no data" if value is None else "over" if over else "ok"
    role: Role = "stale" if view.stale else LEVEL_ROLES[level]
    text = f"{fmt.fit(format_duration(window), 7)}{fmt.fit(fmt.burn(value), 7, 'right')}"
    text += f"{fmt.fit(fmt.burn(limit), 9, 'right')}  "
    return [
        Span(text, role if over else "stale" if view.stale else "text"),
        Span(f"{view.glyphs.levels[level]}{view.glyphs.stale if view.stale else ''} {word}", role),
    ]


def _used(status: SloStatus, past: Past) -> list[str]:
    rows = ["BUDGET USED BY"]
    if past.history is None:
        return [*rows, "failed, see below" if past.error else "asking..."]
    for span, share in sorted(past.history.used.items()):
        name = "whole window" if span == status.slo.window else f"last {format_duration(span)}"
        rows.append(f"{fmt.fit(name, 14)}{fmt.fit(_share(share), 7, 'right')}")
    return rows


def _counts(status: SloStatus) -> list[str]:
    slo = status.slo
    rows = [f"{fmt.window_name(slo)} WINDOW"]
    if status.total is not None and status.good is not None:
        rows.append(f"bad  {fmt.events(status.total - status.good)}")
        rows.append(f"of   {fmt.events(status.total)}")
    if status.coverage is not None:
        rows.append(f"data for {status.coverage * 100:.0f}%")
    if slo.tier is not None:
        rows.append(f"tier {slo.tier}")
    if slo.runbook:
        rows.append(f"runbook {slo.runbook}")
    return rows


# --- beside the charts ------------------------------------------------------------------------------------


def _burn_section(view: View, status: SloStatus, past: Past, width: int) -> list[Line]:
    """Burn table, with what each length of time took from the budget beside it."""
    used = past.history.used if past.history is not None else {}
    lines: list[Line] = [rule(tr("BURN RATE"), width, view.glyphs.rule)]
    rows = _burn_table(view, status)
    windows = sorted(_limits(status))
    for number, row in enumerate(rows):
        if number == 0:
            extra = fmt.fit(tr("USED"), 8, "right")
        else:
            extra = fmt.fit(_share(used.get(windows[number - 1])), 8, "right")
        lines.append(
            crop([Span(" "), *crop(row, 36), Span(extra, "title" if number == 0 else "text")], width)
        )
    for length, share in sorted(used.items()):
        if length not in windows:
            name = tr("window") if length == status.slo.window else format_duration(length)
            burn = status.burns.get(length)
            text = f" {fmt.fit(name, 7)}{fmt.fit(fmt.burn(burn), 7, 'right')}"
            lines.append(crop([Span(fmt.fit(text, 37)), Span(fmt.fit(_share(share), 8, "right"))], width))
    counts = [text for text in _counts(status)[1:] if not text.startswith("runbook")]
    lines.append(crop([Span(" " + "  ".join(counts), "dim")], width))
    return lines + _problem(view, status, width)


def _alerts(view: View, status: SloStatus, width: int) -> list[Line]:
    alerts = [alert for alert in view.snapshot.alerts if alert.slo == status.slo.id]
    if not alerts and view.alertmanager is None:
        heading = tr("ALERTS of this SLO: not configured")
    else:
        heading = f"{tr('ALERTS of this SLO')}: {len(alerts) or tr('none open')}"
    if view.alerts_stale and view.alertmanager is not None:
        as_of = view.alertmanager.as_of
        heading += f" {tr('as of')} {view.clock(as_of)}" if as_of else f" {tr('unknown')}"
    lines: list[Line] = [rule(heading, width, view.glyphs.rule)]
    return lines + [overview.alert_row(alert, view, width) for alert in alerts]


def _changes(view: View, status: SloStatus, width: int) -> list[Line]:
    """What happened to its service within a day, and how long before the page that was."""
    changes = [
        change
        for change in changes_of(view, status.slo)
        if view.now - change.at <= _DAY and change.kind not in ("note", "alert", "resolved")
    ]
    lines: list[Line] = [rule(tr("CHANGES 24h, restarts 6h"), width, view.glyphs.rule)]
    if not changes:
        return [*lines, crop([Span(f" {tr('none known; sretool mark TEXT notes a deploy')}", "dim")], width)]
    pages = [alert.since for alert in view.snapshot.alerts if alert.slo == status.slo.id]
    first = min(pages, default=None)
    for change in changes:
        before = ""
        if first is not None and change.at <= first:
            before = "  " + tr("{span} before the alert", span=fmt.age(first - change.at))
        room = width - cells([Span(before)]) - 11
        text = fmt.fit(overview.change_text(change), max(room, 10), ellipsis=view.glyphs.ellipsis)
        spans = [
            Span(f" {fmt.fit(view.clock(change.at, seconds=False), 7)}"),
            Span(text),
            Span(before, "dim"),
        ]
        lines.append(crop(spans, width))
    return lines


_CONDITION_LEVELS = {
    Condition.BAD: Level.PAGE,
    Condition.WARN: Level.TICKET,
    Condition.NO_DATA: Level.NO_DATA,
    Condition.OK: Level.OK,
}


def _depends(view: View, around: Around, width: int) -> list[Line]:
    lines: list[Line] = [rule(tr("DEPENDS ON"), width, view.glyphs.rule)]
    if around.needs is None:
        said = tr("the catalog names no dependencies of this service")
        return [*lines, crop([Span(f" {said}", "dim")], width)]
    worst = sorted(around.needs, key=lambda row: (list(_CONDITION_LEVELS).index(row.condition), row.depth))
    for row in worst:
        level = _CONDITION_LEVELS[row.condition]
        role: Role = LEVEL_ROLES[level]
        said = _need_words(row)
        name = fmt.fit(row.dependency.id, 18, ellipsis=view.glyphs.ellipsis)
        spans = [Span(f" {view.glyphs.levels[level]} {name}", role), Span(f" {said}", "dim")]
        lines.append(crop(spans, width))
    return lines


def _need_words(row: DependencyRow) -> str:
    if row.error is not None:
        return row.error
    if not row.watched:
        return tr("nobody looks at it")
    word = {
        Condition.OK: tr("up"),
        Condition.WARN: tr("partly down"),
        Condition.BAD: tr("down"),
        Condition.NO_DATA: tr("no data"),
    }[row.condition]
    breaks = row.dependency.breaks
    return f"{word}: {breaks}" if breaks and row.condition in (Condition.BAD, Condition.WARN) else word


def _runbook(view: View, status: SloStatus, around: Around, width: int) -> list[Line]:
    name = status.slo.runbook
    lines: list[Line] = [rule(f"{tr('RUNBOOK')} {name}" if name else tr("RUNBOOK"), width, view.glyphs.rule)]
    if not name:
        return [*lines, crop([Span(f" {tr('none: add runbook to the SLO in the catalog')}", "dim")], width)]
    for number, step in enumerate(around.steps, 1):
        box = "[x]" if step.done else "[ ]"
        text = fmt.fit(step.text, max(width - 8, 8), ellipsis=view.glyphs.ellipsis)
        lines.append(
            crop([Span(f" {box} {number} ", "key"), Span(text, "dim" if step.done else "text")], width)
        )
    return lines


def _history(view: View, around: Around, width: int) -> list[Line]:
    """When its alerts fired, and for how long."""
    heading = f"{tr('ALERTS FIRED')} 30d"
    if around.fired is None:
        return [
            rule(heading, width, view.glyphs.rule),
            crop([Span(f" {tr('asking Prometheus...')}", "dim")], width),
        ]
    lines: list[Line] = [rule(f"{heading}: {len(around.fired) or tr('none')}", width, view.glyphs.rule)]
    for firing in around.fired:
        labels = firing.labels
        pair = "/".join(filter(None, (labels.get("long"), labels.get("short"))))
        lasted = tr("still firing") if firing.going_on else fmt.age(firing.lasted)
        when = moment_words(firing.start.replace(second=0), local=view.local_time)
        what = " ".join(filter(None, (labels.get("severity"), labels.get("alertname"), pair)))
        text = fmt.fit(what, max(width - 29, 8), ellipsis=view.glyphs.ellipsis)
        lines.append(crop([Span(f" {fmt.fit(when, 14)}{fmt.fit(lasted, 12)}"), Span(text, "dim")], width))
    return lines


def _notes(view: View, status: SloStatus, width: int) -> list[Line]:
    notes = [change for change in changes_of(view, status.slo) if change.kind == "note"]
    lines: list[Line] = [rule(tr("NOTES"), width, view.glyphs.rule)]
    if not notes:
        return [*lines, crop([Span(f" {tr('none: sretool mark TEXT --kind note')}", "dim")], width)]
    for note in notes:
        when = fmt.fit(view.clock(note.at, seconds=False), 7)
        text = fmt.fit(note.text, max(width - 9, 8), ellipsis=view.glyphs.ellipsis)
        lines.append(crop([Span(f" {when}"), Span(text)], width))
    return lines
