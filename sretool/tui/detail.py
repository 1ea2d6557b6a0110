"""The screen of one SLO as lines: state, burn table, budget used, burn-down, error ratio, alerts, changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.slo.model import Level
from sretool.tui import format as fmt
from sretool.tui import overview
from sretool.tui.chart import Chart, Curve, Limit, draw
from sretool.tui.line import LEVEL_ROLES, Span, cells, crop, rule, spread
from sretool.units import format_duration

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.observe.model import SloHistory, SloStatus
    from sretool.core.slo.model import Slo
    from sretool.tui.board import View
    from sretool.tui.line import Line, Role

_SIX_HOURS = timedelta(hours=6)
_KEPT_CHARTS = 8


@dataclass(frozen=True, slots=True)
class Past:
    """What is known about an SLO's history on screen."""

    history: SloHistory | None = None
    """None: never fetched yet; otherwise the last that came, however old."""
    error: str | None = None
    """Why the last attempt failed; None where it did not."""
    drawn: dict[tuple[object, ...], list[Line]] = field(default_factory=dict, compare=False, repr=False)
    """Charts of this history as they were drawn last: they change once a minute, the screen every second."""


def detail_lines(view: View, status: SloStatus, past: Past, width: int, height: int) -> list[Line]:
    """The whole screen under row 1 and above the keys, `height` rows of `width` cells."""
    lines: list[Line] = [_state_line(view, status, width)]
    facts = _facts(view, status, past, width)
    if height >= 14:
        lines += facts[: max(height - 11, 1)]
    if width >= 140 and height >= 36:
        lines += _wide_charts(view, status, past, width, height - len(lines))
    else:
        lines += _stacked(view, status, past, width, height - len(lines))
    lines += [crop([], width)] * (height - len(lines))
    return lines[:height]


def _wide_charts(view: View, status: SloStatus, past: Past, width: int, height: int) -> list[Line]:
    side = width * 2 // 5
    main = width - side - 1
    upper = height // 2
    left = [
        *burn_down(view, status.slo, past, main, upper),
        *error_ratio(view, status.slo, past, main, height - upper),
    ]
    right = [*_alerts(view, status, side, height // 2), *_changes(view, status, side, height)]
    edge = Span(view.glyphs.axis, "dim")
    filled = [right[row] if row < len(right) else crop([], side) for row in range(height)]
    return [[*left[row], edge, *filled[row]] for row in range(height)]


def _stacked(view: View, status: SloStatus, past: Past, width: int, height: int) -> list[Line]:
    alerts = _alerts(view, status, width, 4)
    spare = height - len(alerts) - 1
    if spare < 6:
        # The present before the month, and before what the overview shows as well.
        return error_ratio(view, status.slo, past, width, height) if height >= 4 else []
    tail = [*alerts, overview.changes_line(view, width)]
    if spare >= 16:
        upper = spare // 2
        budget = burn_down(view, status.slo, past, width, upper)
        return [*budget, *error_ratio(view, status.slo, past, width, spare - upper), *tail]
    if width < 72:
        return [*error_ratio(view, status.slo, past, width, spare), *tail]
    left = (width - 1) // 2
    budget = burn_down(view, status.slo, past, left, spare)
    errors = error_ratio(view, status.slo, past, width - left - 1, spare)
    return [*([*one, Span(" "), *other] for one, other in zip(budget, errors, strict=True)), *tail]


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


def _facts(view: View, status: SloStatus, past: Past, width: int) -> list[Line]:
    """Burn table, budget used and event counts side by side, as far as the width allows."""
    role: Role = "stale" if view.stale else "text"
    burns = _burn_table(view, status)
    used = _used(status, past)
    counts = _counts(status)
    rows = max(len(burns), len(used), len(counts))
    lines: list[Line] = []
    for row in range(rows):
        spans = [Span(" ")]
        spans += crop(burns[row], 35) if row < len(burns) else [Span(" " * 35)]
        for column, size in ((used, 23), (counts, 60)):
            room = width - cells(spans)
            if room < 18:
                break
            text = column[row] if row < len(column) else ""
            tone: Role = "title" if row == 0 else role
            spans.append(Span(fmt.fit(text, min(size, room), ellipsis=view.glyphs.ellipsis), tone))
        lines.append(crop(spans, width))
    if status.problem:
        lines.append(crop([Span(f" {view.glyphs.levels[Level.NO_DATA]} {status.problem}", "ticket")], width))
    return lines


def _burn_table(view: View, status: SloStatus) -> list[list[Span]]:
    """Every window, shortest first, with the limit of the pair that looks at it; 1x where none does."""
    limits = {window: (1.0, "budget") for window in status.burns}
    for pair in reversed(status.slo.alerts):
        factor = float(pair.factor(status.slo.window))
        limits |= {window: (factor, pair.severity.value) for window in (pair.short, pair.long)}
    rows = [[Span("WINDOW    BURN    LIMIT  STATE", "title")]]
    for window, (limit, severity) in sorted(limits.items()):
        rows.append(_burn_row(view, window, status.burns.get(window), limit, severity))
    return rows


def _burn_row(view: View, window: timedelta, value: float | None, limit: float, severity: str) -> list[Span]:
    over = value is not None and value > limit
    level = (
        Level.NO_DATA
        if value is None
        else Level.OK
        if not over
        else {"page": Level.PAGE, "ticket": Level.TICKET}.get(severity, Level.TICKET)
    )
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
        text = fmt.NONE if share is None else f"{share * 100:.1f}%" if share < 10 else f"{share * 100:.0f}%"
        rows.append(f"{fmt.fit(name, 14)}{fmt.fit(text, 7, 'right')}")
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


def burn_down(
    view: View, slo: Slo, past: Past, width: int, height: int, *, named: bool = False
) -> list[Line]:
    """What was left of the budget over the SLO's window, against an even spend."""
    title = f"BUDGET LEFT {fmt.window_name(slo)}  {view.glyphs.ideal} even spend"
    title = f"{slo.name}: {title}" if named else title
    history = past.history
    if history is None:
        return _no_chart(view, title, past, width, height)
    end = _minute(view.now)
    values = [value for _, value in history.budget_left]
    low = min(0.0, *values) if values else 0.0
    high = max(1.0, *values) if values else 1.0
    chart = Chart(
        curves=(Curve(history.budget_left, history.budget_step),),
        start=end - slo.length(end),
        end=end,
        low=low * 1.05,
        high=high,
        label=lambda value: f"{value * 100:.0f}%",
        limits=(Limit(0.0, "0%"),) if low < 0 else (),
        ideal=(1.0, 0.0),
    )
    return _titled(view, title, chart, past, width, height)


def error_ratio(
    view: View, slo: Slo, past: Past, width: int, height: int, *, named: bool = False
) -> list[Line]:
    """The share of bad events over six hours, with the line it must stay under."""
    history = past.history
    title = f"ERROR RATIO 6h  {view.glyphs.threshold} {fmt.ratio_percent(float(slo.budget))} budget"
    title = f"{slo.name}: {title}" if named else title
    if history is None:
        return _no_chart(view, title, past, width, height)
    budget = float(slo.budget)
    peak = max((value for _, value in history.error_ratio), default=0.0)
    limits = [Limit(budget, fmt.ratio_percent(budget))]
    pages = [float(pair.factor(slo.window)) * budget for pair in slo.alerts if pair.severity.value == "page"]
    if pages and peak >= 0.5 * min(pages):
        page = min(pages)
        title += f", {fmt.ratio_percent(page)} page"
        limits.append(Limit(page, fmt.ratio_percent(page)))
    end = _minute(view.now)
    chart = Chart(
        curves=(Curve(history.error_ratio, history.error_step),),
        start=end - _SIX_HOURS,
        end=end,
        low=0.0,
        high=max(peak, *(limit.value for limit in limits)) * 1.1,
        label=fmt.ratio_percent,
        limits=tuple(limits),
    )
    return _titled(view, title, chart, past, width, height)


def _titled(view: View, title: str, chart: Chart, past: Past, width: int, height: int) -> list[Line]:
    right = ""
    if past.history is not None and (past.error is not None or view.stale):
        right = f"as of {view.clock(past.history.at)}"
        title = title.partition("  ")[0] if len(title) + len(right) + 8 > width else title
        room = width - len(title) - len(right) - 8
        if past.error is not None and room > 10:
            right += fmt.fit(f", failed: {past.error}", min(len(past.error) + 10, room)).rstrip()
    elif len(title) + 6 > width:
        title = title.rpartition(", ")[0] or title
    heading = rule(title, width, view.glyphs.rule, right)
    if not any(curve.points for curve in chart.curves):
        return [heading, *_said(view, "no samples in this span", width, height - 1)]
    key = (title, chart.end, width, height, view.local_time)
    if key not in past.drawn:
        if len(past.drawn) >= _KEPT_CHARTS:
            past.drawn.clear()
        past.drawn[key] = draw(chart, width, height - 1, view.glyphs, local_time=view.local_time)
    return [heading, *past.drawn[key]]


def _no_chart(view: View, title: str, past: Past, width: int, height: int) -> list[Line]:
    said = f"no history: {past.error}" if past.error else "asking Prometheus..."
    return [rule(title, width, view.glyphs.rule), *_said(view, said, width, height - 1)]


def _said(view: View, text: str, width: int, height: int) -> list[Line]:
    lines: list[Line] = [crop([], width) for _ in range(max(height, 0))]
    if lines:
        lines[len(lines) // 2] = crop([Span(f"  {text}", "dim")], width)
    return lines


def _alerts(view: View, status: SloStatus, width: int, most: int) -> list[Line]:
    alerts = [alert for alert in view.snapshot.alerts if alert.slo == status.slo.id]
    if not alerts and view.alertmanager is None:
        heading = "ALERTS of this SLO: not configured"
    else:
        heading = f"ALERTS of this SLO: {len(alerts) or 'none open'}"
    if view.alerts_stale and view.alertmanager is not None:
        as_of = view.alertmanager.as_of
        heading += f" as of {view.clock(as_of)}" if as_of else " unknown"
    lines: list[Line] = [rule(heading, width, view.glyphs.rule)]
    lines += [overview.alert_row(alert, view, width) for alert in alerts[: most - 1]]
    return lines


def _changes(view: View, status: SloStatus, width: int, most: int) -> list[Line]:
    return overview.changes_lines(view, width, min(most, len(view.snapshot.changes) + 1, 12) + 1)


def _minute(moment: datetime) -> datetime:
    """The axis moves once a minute, so that a chart is drawn anew only then; it never reaches beyond now."""
    return moment.replace(second=0, microsecond=0)
