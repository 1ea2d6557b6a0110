"""The infrastructure view as lines: what is used up (USE), what is asked (RED), what will be full when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.cells import cell_len

from sretool.core.analysis.trend import FURTHEST, LEAST_SHARE, Direction
from sretool.core.catalog.model import Dashboard, Panel, PanelQuery
from sretool.core.observe.infra import HOUR, CallRow, HeadroomRow, UseRow, trend_span
from sretool.core.observe.panels import ABNORMAL, Condition
from sretool.tui import format as fmt
from sretool.tui.chart import Chart, Curve, draw, pinned
from sretool.tui.line import Span, cells, crop, crop_text, rule
from sretool.tui.panel import glyph, role, with_age
from sretool.tui.quantity import change, of_unit, quantity
from sretool.tui.spark import spark
from sretool.tui.words import tr
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sretool.core.catalog.watched import Measure
    from sretool.core.observe.infra import Infrastructure, Measured
    from sretool.tui.board import View
    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line, Role

Row = UseRow | CallRow | HeadroomRow

_ORDER = list(Condition)

KIND = "kind"
"""Grouping by the kind of resource."""


_TREND, _TREND_AT = 8, 66
"""Cells of a trend among requests, and where it begins, behind the two of the state."""

_NOTABLE = 0.1
"""Of its value an hour ago: rates and quantiles waver by less than that all the time."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A row between groups."""

    text: str


# --- order, filter, groups --------------------------------------------------------------------------------


def ordered(rows: Sequence[Row], *, abnormal_only: bool = False) -> list[Row]:
    """Worst first; what is not configured last, and not at all where only the abnormal is wanted."""
    kept = [row for row in rows if not abnormal_only or row.condition is not Condition.OK]
    return sorted(kept, key=lambda row: (not_configured(row) is not None, _ORDER.index(row.condition)))


def groupings(rows: Iterable[UseRow]) -> list[str | None]:
    """What USE rows may be grouped by: nothing, their kind, and each label that several of them share."""
    labels: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.labels.items():
            labels.setdefault(name, []).append(value)
    shared = (name for name, values in sorted(labels.items()) if 1 < len(set(values)) < len(values))
    return [None, KIND, *shared]


def grouped(rows: Sequence[UseRow], by: str | None) -> list[UseRow | Heading]:
    """The rows of each group under its name, the group with the worst row first."""
    if by is None:
        return [*rows]
    groups: dict[str, list[UseRow]] = {}
    for row in rows:
        name = row.resource.title if by == KIND else row.labels.get(by) or fmt.NONE
        groups.setdefault(name, []).append(row)
    lines: list[UseRow | Heading] = []
    for name, of in groups.items():
        lines += [Heading(name), *of]
    return lines


def words(row: Row) -> tuple[str, dict[str, str]]:
    """What a filter looks at: the text, and properties by name."""
    match row:
        case UseRow():
            of: dict[str, str] = {"resource": row.resource.id}
            text = f"{row.name}\n{row.resource.title}"
        case CallRow():
            of = {"service": row.call.service or "", "to": row.call.to or ""}
            text = row.name
        case HeadroomRow():
            of, text = {"headroom": row.headroom.id}, row.name
    return text, {**row.labels, **of, "level": row.condition.value}


def not_configured(row: Row) -> str | None:
    match row:
        case UseRow():
            return row.resource.not_configured
        case CallRow():
            return row.call.not_configured
        case HeadroomRow():
            return row.headroom.not_configured


# --- rows 2 and headings ----------------------------------------------------------------------------------


def summary(found: Infrastructure, view: View, error: str | None, width: int) -> Line:
    """Row 2: the worst, in words."""
    if error is not None:
        return crop([Span(f" {tr('no answer: {error}', error=error)}", "lost")], width)
    every: list[Row] = [*found.headroom, *found.use, *found.calls]
    if not every:
        return crop([Span(f" {tr('nothing of the infrastructure is configured')}", "dim")], width)
    if all(row.at is None for row in every if not_configured(row) is None):
        return crop([Span(f" {tr('asking Prometheus...')}", "dim")], width)
    wrong = [row for row in ordered(every) if row.condition in ABNORMAL]
    dark = [row for row in every if row.condition is Condition.NO_DATA]
    if not wrong:
        text = tr("nothing is saturated: {count} resources and calls in bounds", count=len(every) - len(dark))
        if dark:
            text += tr(", {count} without data", count=len(dark))
        return crop([Span(f" {text}", role(Condition.OK, view, "dim"))], width)
    worst = wrong[0]
    told = "; ".join(_told(row) for row in wrong[:4])
    lead = tr("{count} out of bounds: ", count=len(wrong))
    return crop([Span(f" {lead}", "bold"), Span(told, role(worst.condition, view))], width)


def _told(row: Row) -> str:
    match row:
        case HeadroomRow():
            parts = [row.name]
            if row.share is not None:
                parts.append(quantity(row.share, "ratio"))
            if row.full_in is not None:
                parts.append(tr("full in {time}", time=fmt.left_for(row.full_in)))
            elif row.share is None:
                parts.append(quantity(row.used, row.headroom.unit))
            return " ".join(parts)
        case UseRow():
            worst = row.worst
            return row.name if worst is None else f"{row.name} {_measured(worst)}"
        case CallRow():
            bad = next(
                (m for m in (row.errors, row.duration) if m is not None and m.condition is row.condition),
                None,
            )
            return row.name if bad is None else f"{row.name} {_measured(bad)}"


def _measured(measured: Measured) -> str:
    return f"{tr(measured.title)} {quantity(measured.value, measured.unit)}"


def use_heading(view: View, width: int, rows: Sequence[Row], by: str | None) -> Line:
    grouping = "" if by is None else f" {tr('by')} {tr(by)}"
    counted = _counted(rows)
    if width < 72:
        return rule(f"{tr('USE')}{grouping} {counted}", width, view.glyphs.rule)
    head = f"   {fmt.fit(tr('USE') + grouping, 14)} {fmt.fit(tr('UTIL'), 21)} {fmt.fit(tr('SATURATION'), 14)}"
    head += f" {fmt.fit(tr('ERRORS'), 13)} {fmt.fit(tr('TREND 1h'), 8)}"
    told = f" {counted}" if cell_len(head) + cell_len(counted) < width else ""
    return crop([Span(head, "title"), Span(told, "dim")], width)


def calls_heading(view: View, width: int, rows: Sequence[Row]) -> Line:
    title = f"{tr('REQUESTS (RED)')} {_counted(rows)}"
    return rule(title, width, view.glyphs.rule, tr("vs 1h ago") if width >= 60 else "")


def headroom_heading(view: View, width: int, rows: Sequence[Row]) -> Line:
    return rule(f"{tr('SATURATION HEADROOM')} {_counted(rows)}", width, view.glyphs.rule)


def _counted(rows: Sequence[Row]) -> str:
    fine = len([row for row in rows if row.condition is Condition.OK])
    return tr("{ok} of {all} ok", ok=fine, all=len(rows))


# --- rows -------------------------------------------------------------------------------------------------


def row_line(row: Row | Heading, view: View, width: int, *, wide: bool) -> Line:
    if isinstance(row, Heading):
        return crop([Span(f"   {row.text}", "bold")], width)
    how = not_configured(row)
    if how is not None:
        title = row.name
        text = tr("not configured: {how}", how=how)
        return crop_text([Span(f"   {fmt.fit(title, 14)} {text}", "dim")], width, view.glyphs.ellipsis)
    mark = glyph(row.condition, view.glyphs) + (view.glyphs.stale if view.stale else " ")
    head = Span(f" {mark}", role(row.condition, view, "dim"))
    if row.error is not None and row.at is None:
        said = [Span(f"{fmt.fit(row.name, 14)} "), Span(row.error, "no_data")]
        return crop_text([head, *said], width, view.glyphs.ellipsis)
    match row:
        case UseRow():
            spans = _use(row, view, width, wide=wide)
        case CallRow():
            spans = _call(row, view, width)
        case HeadroomRow():
            spans = _headroom(row, view, width)
    return with_age([head, *spans], row.at, view, width)


def _use(row: UseRow, view: View, width: int, *, wide: bool) -> list[Span]:
    name = Span(fmt.fit(row.name, 14, ellipsis=view.glyphs.ellipsis) + " ", role(row.condition, view))
    top = row.utilisation
    if row.condition is Condition.NO_DATA:
        since = tr("no data; there was some within the last hour") if row.course else tr("no data")
        return [name, Span(since, "no_data")]
    spans = [name]
    if top is not None:
        tone = role(top.condition, view, "dim")
        spans.append(Span(fmt.bar(top.value, 7, view.glyphs), role(top.condition, view, "chart")))
        percent = fmt.NONE if top.value is None else f"{top.value * 100:.0f}%"
        title = fmt.fit(tr(top.title), 8, ellipsis=view.glyphs.ellipsis)
        spans.append(Span(f"{fmt.fit(percent, 5, 'right')} {title}", tone))
    else:
        spans.append(Span(" " * 21))
    spans.append(Span(" "))
    for measured, room in ((row.saturation, 14), (row.errors, 13)):
        spans.append(_cell(measured, view, room))
    if width >= 72:
        end = view.now
        spans.append(Span(spark(row.course, end, HOUR.over, 8, view.glyphs, high=1.0), "chart"))
    if wide:
        shown = (row.utilisation, row.saturation, row.errors)
        spans += [
            Span(f"  {_measured(measured)}", role(measured.condition, view, "dim"))
            for measured in row.measures
            if measured not in shown and measured.value is not None
        ]
    return spans


def _cell(measured: Measured | None, view: View, room: int) -> Span:
    if measured is None:
        return Span(f"{fmt.fit(fmt.NONE, room)} ", "dim")
    value = quantity(measured.value, measured.unit)
    title = tr(measured.title)
    if measured.value == 0:
        # Nothing waits, nothing fails: what exactly does not is of no interest.
        return Span(f"{fmt.fit('0', room)} ", "stale" if view.stale else "dim")
    text = fmt.fit(f"{title} {value}", room)
    if len(title) + len(value) + 1 > room:
        text = f"{fmt.fit(title, room - len(value) - 1, ellipsis=view.glyphs.ellipsis)} {value}"
    return Span(f"{text} ", role(measured.condition, view, "text"))


def _call(row: CallRow, view: View, width: int) -> list[Span]:
    if row.condition is Condition.NO_DATA:
        return [Span(f"{fmt.fit(row.name, 18)} "), Span(tr("no data"), "no_data")]
    spans = [Span(fmt.fit(row.name, 18, ellipsis=view.glyphs.ellipsis) + " ", role(row.condition, view))]
    rate, errors, duration = row.rate, row.errors, row.duration
    spans.append(Span(fmt.fit(quantity(rate.value if rate else None, "per_s"), 8, "right") + "  ", "text"))
    spans.append(_red_cell(tr("err"), errors, view, 11))
    spans.append(_red_cell(duration.title if duration else "", duration, view, 11))
    told = []
    for title, measured, before in zip(
        (tr("rate"), tr("err"), duration.title if duration else ""),
        (rate, errors, duration),
        row.before,
        strict=True,
    ):
        if measured is None:
            continue
        differs = change(measured.value, before, least=_NOTABLE)
        if differs not in ("same", fmt.NONE):
            told.append(f"{title} {tr(differs)}")
    known = any(before is not None for before in row.before)
    spans.append(Span(" ".join(told) if told else tr("same") if known else "", "text" if told else "dim"))
    # In one column down the list, under that of the resources; a long comparison needs its cells.
    place = min(max(width - _TREND - 3, 0), _TREND_AT)
    gap = place - cells(spans)
    if gap > 0 and width - place >= _TREND:
        course = spark(row.course, view.now, HOUR.over, _TREND, view.glyphs)
        spans += [Span(" " * gap), Span(course, "chart")]
    return spans


def _red_cell(title: str, measured: Measured | None, view: View, room: int) -> Span:
    if measured is None:
        return Span(" " * room)
    value = quantity(measured.value, measured.unit)
    short = fmt.fit(title, min(room - len(value) - 2, cell_len(title)), ellipsis=view.glyphs.ellipsis)
    return Span(fmt.fit(f"{short} {value}", room), role(measured.condition, view, "text"))


def _headroom(row: HeadroomRow, view: View, width: int) -> list[Span]:
    name = min(26, max(width - 58, 16))
    spans = [Span(fmt.fit(row.name, name, ellipsis=view.glyphs.ellipsis) + " ", role(row.condition, view))]
    if row.used is None:
        return [*spans, Span(tr("no data"), "no_data")]
    unit = row.headroom.unit
    if row.share is not None:
        tone = role(row.condition, view, "chart")
        spans.append(Span(fmt.bar(row.share, 8, view.glyphs), tone))
        spans.append(Span(fmt.fit(quantity(row.share, "ratio"), 6, "right"), role(row.condition, view)))
        amount = f"{quantity(row.used, unit)} {tr('of')} {quantity(row.limit, unit)}"
    else:
        spans.append(Span(" " * 14))
        amount = quantity(row.used, unit)
    spans.append(Span(f"  {fmt.fit(going(row), 17)}", role(row.condition, view, "dim")))
    if width - cells(spans) >= len(amount) + 4:
        spans.append(Span(f" {amount}", "dim"))
    if width - cells(spans) >= 13:
        over = row.headroom.over or timedelta(hours=6)
        spans.append(Span("  " + spark(row.course, view.now, over, 10, view.glyphs, high=row.limit), "chart"))
    return spans


def going(row: HeadroomRow) -> str:
    """`full in 3h40`, `steady`, `grows 120/min`; where nobody can tell, how much is known."""
    trend = row.trend
    over = row.headroom.over or timedelta(hours=6)
    match trend.direction:
        case Direction.UNKNOWN:
            known = format_duration(_whole_minutes(trend.known_for))
            return tr("{known} of {over} known", known=known, over=format_duration(over))
        case Direction.STEADY:
            return tr("steady")
        case Direction.FALLING:
            return tr("falls {rate}", rate=_per(row, -(trend.per_second or 0.0)))
        case Direction.RISING:
            if row.full_in is not None:
                return tr("full in {time}", time=fmt.left_for(row.full_in))
            return tr("grows {rate}", rate=_per(row, trend.per_second or 0.0))


def _per(row: HeadroomRow, per_second: float) -> str:
    """A speed in the unit of what grows: per minute, or per hour and day where that is too little."""
    unit = row.headroom.unit
    for seconds, sign in ((60, "/min"), (3600, "/h"), (86400, "/d")):
        amount = per_second * seconds
        if amount >= (1024 if unit.startswith("bytes") else 1) or sign == "/d":
            break
    return f"{quantity(amount, unit)}{sign}"


def _whole_minutes(span: timedelta) -> timedelta:
    return timedelta(minutes=span // timedelta(minutes=1))


def nothing(what: str, how: str, width: int, glyphs: Glyphs) -> Line:
    text = tr("not configured: add `{section}` to the catalog ({how})", section=what, how=tr(how))
    return crop_text([Span(f"   {text}", "dim")], width, glyphs.ellipsis)


def filtered(width: int) -> Line:
    return crop([Span(f"   {tr('nothing here matches the filter')}", "dim")], width)


# --- everything about one row -----------------------------------------------------------------------------


def about(row: Row, view: View, width: int, height: int) -> list[Line]:
    """The row under the cursor in full: every measure, how it was judged, where it is from."""
    lines: list[Line] = [rule(row.name, width, view.glyphs.rule, _source(row) or "")]
    how = not_configured(row)
    if how is not None:
        lines.append(crop([Span(f" {tr('not configured: {how}', how=how)}", "dim")], width))
    for measured in _all(row):
        tone: Role = role(measured.condition, view, "text")
        mark = glyph(measured.condition, view.glyphs)
        title = fmt.fit(tr(measured.title), 16)
        lines.append(crop([Span(f" {mark} {title}{quantity(measured.value, measured.unit)}", tone)], width))
    if isinstance(row, HeadroomRow) and how is None:
        lines += _headroom_about(row, width)
    if row.error is not None:
        lines.append(crop([Span(f" {tr('failed')}: {row.error}", "no_data")], width))
    labels = " ".join(f"{name}={value}" for name, value in row.labels.items() if value)
    if labels:
        lines.append(crop([Span(f" {labels}", "dim")], width))
    room = height - len(lines)
    if row.course and room >= 8:
        lines += _course(row, view, width, min(room, 16))
    lines += [crop([], width)] * (height - len(lines))
    return lines[:height]


def _course(row: Row, view: View, width: int, height: int) -> list[Line]:
    """What its trend was read from."""
    match row:
        case UseRow():
            title, unit = (row.utilisation.title, "ratio") if row.utilisation else ("", "ratio")
            span, top = HOUR, 1.0
        case CallRow():
            title, unit, span, top = "rate", "per_s", HOUR, 0.0
        case HeadroomRow():
            title, unit, span = "used", row.headroom.unit, trend_span(row.headroom)
            top = row.limit or 0.0
    curve = Curve(row.course, span.step)
    low, high = pinned((curve,), at_least_to=top, room=1.0 if top else 1.1)
    end = span.end(view.now)
    chart = Chart((curve,), end - span.over, end, low, high, of_unit(unit))
    heading = rule(f"{tr(title)} {format_duration(span.over)}", width, view.glyphs.rule)
    return [heading, *draw(chart, width, height - 1, view.glyphs, local_time=view.local_time)]


def _headroom_about(row: HeadroomRow, width: int) -> list[Line]:
    unit = row.headroom.unit
    over = row.headroom.over or timedelta(hours=6)
    told = [f"{tr('used')} {quantity(row.used, unit)}"]
    if row.limit is not None:
        told.append(f"{tr('limit')} {quantity(row.limit, unit)}")
    told.append(going(row))
    lines: list[Line] = [crop([Span(f" {text}")], width) for text in told]
    least = format_duration(_whole_minutes(over * LEAST_SHARE))
    rule_of = tr(
        "trend over {over}, told once {least} are known, for {times} times as long ahead",
        over=format_duration(over),
        least=least,
        times=FURTHEST,
    )
    return [*lines, crop([Span(f" {rule_of}", "dim")], width)]


def _all(row: Row) -> tuple[Measured, ...]:
    match row:
        case UseRow():
            return row.measures
        case CallRow():
            return tuple(m for m in (row.rate, row.errors, row.duration) if m is not None)
        case HeadroomRow():
            return ()


def _source(row: Row) -> str | None:
    match row:
        case UseRow():
            return row.resource.source
        case CallRow():
            return row.call.source
        case HeadroomRow():
            return row.headroom.source


def charts_of(row: Row) -> Dashboard | None:
    """Every measure of a row as charts, its neighbours beside it; None where there is nothing to draw."""
    match row:
        case UseRow():
            of = row.resource
            measures = (*of.utilisation, *of.saturation, *of.errors)
            panels = tuple(_panel(measure, of.by, of.source) for measure in measures)
        case CallRow():
            of_call = row.call
            red = (of_call.rate, of_call.errors, of_call.duration)
            panels = tuple(_panel(m, of_call.by, of_call.source) for m in red if m is not None)
        case HeadroomRow():
            head = row.headroom
            if head.used is None:
                return None
            queries = [PanelQuery(head.used, _legend(tr("used"), head.by))]
            if isinstance(head.limit, str):
                queries.append(PanelQuery(head.limit, _legend(tr("limit"), head.by)))
            panels = (Panel(head.title, "chart", head.unit, None, tuple(queries), (), head.source),)
    if not panels:
        return None
    return Dashboard(row.key, row.name, timedelta(seconds=30), timedelta(hours=1), panels)


def _panel(measure: Measure, by: Sequence[str], source: str | None) -> Panel:
    query = PanelQuery(measure.expr, _legend("" if by else measure.title, by))
    return Panel(measure.title, "chart", measure.unit, None, (query,), measure.thresholds, source)


def _legend(title: str, by: Sequence[str]) -> str:
    return " ".join(filter(None, (title, *(f"{{{{{label}}}}}" for label in by))))
