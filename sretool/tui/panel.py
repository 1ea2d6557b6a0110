"""One panel of a dashboard as lines: a heading that names source and unit, and what its kind asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.cells import cell_len

from sretool.core.catalog.model import Bound
from sretool.core.observe.panels import Condition
from sretool.core.slo.model import Level
from sretool.tui import chart as charts
from sretool.tui import format as fmt
from sretool.tui.line import Span, cells, crop
from sretool.tui.quantity import UNIT_WORDS, of_unit, quantity
from sretool.tui.words import tr
from sretool.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.observe.panels import PanelData
    from sretool.tui.board import View
    from sretool.tui.chart import Band, Mark
    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line, Role

LEVELS = {
    Condition.EMERGENCY: Level.SPENT,
    Condition.BAD: Level.PAGE,
    Condition.WARN: Level.TICKET,
    Condition.NO_DATA: Level.NO_DATA,
    Condition.OK: Level.OK,
}
ROLES: dict[Condition, Role] = {
    Condition.EMERGENCY: "spent",
    Condition.BAD: "page",
    Condition.WARN: "ticket",
    Condition.NO_DATA: "no_data",
    Condition.OK: "dim",
}

OLD = timedelta(seconds=90)
"""From here on a value of a panel says how old it is."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all charts of a screen share."""

    start: datetime
    end: datetime
    marks: tuple[Mark, ...] = ()
    bands: tuple[Band, ...] = ()
    cursor: datetime | None = None


def glyph(condition: Condition, glyphs: Glyphs) -> str:
    return glyphs.levels[LEVELS[condition]]


def role(condition: Condition, view: View, quiet: Role = "text") -> Role:
    """Of a value; `quiet` is that of one in order."""
    if view.stale:
        return "stale"
    return quiet if condition is Condition.OK else ROLES[condition]


def old(at: datetime | None, view: View) -> str:
    """`4m10s old`, where a value is older than it should be."""
    if at is None or view.now - at < OLD:
        return ""
    return tr("{age} old", age=fmt.age(view.now - at))


def with_age(line: Line, at: datetime | None, view: View, width: int) -> Line:
    """A row, and after it how old its value is where that is too old; its last parts give way to that."""
    aged = old(at, view)
    if not aged:
        return crop(line, width)
    room = width - cell_len(aged) - 2
    kept = list(line)
    # Whole parts go: half a number would be another one.
    while len(kept) > 2 and cells(kept) > room:
        kept.pop()
    return crop([*crop(kept, max(room, 0)), Span(f"  {aged}", "stale")], width)


def draw(
    data: PanelData, view: View, around: Surroundings, width: int, height: int, *, focused: bool = False
) -> list[Line]:
    """The panel in exactly `width` x `height` cells."""
    lines: list[Line] = [_heading(data, view, width, focused=focused)]
    room = height - 1
    panel = data.panel
    if panel.not_configured is not None:
        lines += _said(tr("not configured: {how}", how=panel.not_configured), "dim", width, room)
    elif data.error is not None and not data.shown:
        lines += _said(f"{glyph(Condition.NO_DATA, view.glyphs)} {data.error}", "no_data", width, room)
    elif not data.shown:
        lines += _said(_nothing(data), "no_data" if panel.kind != "alerts" else "dim", width, room)
    elif panel.kind == "chart":
        lines += _chart(data, view, around, width, room)
    elif panel.kind == "stat" and len(data.shown) == 1:
        lines += _stat(data, view, width)
    else:
        lines += _list(data, view, width, room)
    lines += [crop([], width)] * (height - len(lines))
    return lines[:height]


def copied(data: PanelData) -> str:
    """For the clipboard: title, time, values, PromQL."""
    lines = [data.panel.title]
    if data.at is not None:
        lines.append(f"at {format_time(data.at)}")
    lines += [f"{shown.name or 'value'}: {quantity(shown.value, data.panel.unit)}" for shown in data.shown]
    lines += [" ".join(query.expr.split()) for query in data.panel.queries]
    return "\n".join(lines)


def least_height(data: PanelData) -> int:
    """Rows a panel wants at least, heading included."""
    if data.panel.not_configured is not None:
        return 3
    if data.panel.kind == "chart":
        return 10
    if data.panel.kind == "stat":
        return 2 + max(len(data.shown), 1)
    return 2 + min(max(len(data.shown), 1), 12)


def _heading(data: PanelData, view: View, width: int, *, focused: bool) -> list[Span]:
    panel = data.panel
    stroke = view.glyphs.rule
    mark = glyph(data.condition, view.glyphs) if data.condition is not Condition.OK else stroke
    tone: Role = role(data.condition, view, "dim") if data.condition is not Condition.OK else "dim"
    aged = old(data.at, view)
    if data.error is not None and data.shown:
        aged = f"{tr('failed')}, {aged}" if aged else tr("failed")
    lead = view.glyphs.cursor if focused else stroke
    left = [Span(lead, "key" if focused else "dim"), Span(mark, tone), Span(f" {tr(panel.title)} ", "title")]
    unit = tr(UNIT_WORDS.get(panel.unit, panel.unit))
    told = [part for part in (aged, panel.source or "", unit) if part]
    while told:
        right = f" {f' {view.glyphs.dot} '.join(told)} {stroke}"
        room = width - sum(cell_len(span.text) for span in left) - cell_len(right)
        if room >= 0:
            return [
                *left,
                Span(stroke * room, "dim"),
                Span(right, "lost" if aged in told and aged else "dim"),
            ]
        told.pop()
    return crop([*left, Span(stroke * width, "dim")], width)


def _nothing(data: PanelData) -> str:
    if data.at is None:
        return tr("asking Prometheus...")
    return tr("none") if data.panel.kind == "alerts" else tr("no data")


def _said(text: str, tone: Role, width: int, room: int) -> list[Line]:
    """`text` on as many rows as there are, broken between words."""
    lines: list[Line] = []
    rest = text.split()
    while rest and len(lines) < room:
        row = rest.pop(0)
        while rest and cell_len(row) + 1 + cell_len(rest[0]) <= width - 2:
            row += f" {rest.pop(0)}"
        if rest and len(lines) == room - 1:
            row = fmt.fit(f"{row} {' '.join(rest)}", width - 2)
        lines.append(crop([Span(f" {row}", tone)], width))
    return lines


def _stat(data: PanelData, view: View, width: int) -> list[Line]:
    (shown,) = data.shown
    value = Span(quantity(shown.value, data.panel.unit), "bold")
    if shown.condition is not Condition.OK or view.stale:
        value = Span(value.text, role(shown.condition, view))
    spans = [Span("  "), value, Span(f"  {shown.name}", "dim")]
    limits = _limits(data)
    return [crop(spans, width), crop([Span(f"  {limits}", "dim")], width)] if limits else [crop(spans, width)]


def _limits(data: PanelData) -> str:
    """`bad above 200ms`."""
    told = (
        f"{tr(each.state)} {tr(each.bound.value)} {quantity(each.value, data.panel.unit)}"
        for each in data.panel.thresholds
    )
    return ", ".join(told)


def _list(data: PanelData, view: View, width: int, room: int) -> list[Line]:
    """A row for each value; with a bar where values can be compared."""
    panel = data.panel
    rows = [*data.shown]
    if panel.kind in ("states", "alerts", "gauge", "budget"):
        order = list(Condition)
        rows.sort(key=lambda shown: order.index(shown.condition))
    names = max((cell_len(shown.name) for shown in rows), default=0)
    if panel.kind == "alerts":
        tone: Role = "ticket"
        lines = [
            crop([Span(f" {view.glyphs.levels[Level.TICKET]} {shown.name}", tone)], width) for shown in rows
        ]
        return _shortened(lines, width, room)
    values = [quantity(shown.value, panel.unit) for shown in rows]
    number = max((cell_len(value) for value in values), default=0)
    name = max(min(names, width - number - 5), 4)
    bars = panel.kind in ("bars", "gauge", "distribution", "budget") and width - name - number - 6 >= 8
    scale = _scale(data)
    lines = []
    for shown, value in zip(rows, values, strict=True):
        spans = [
            Span(f" {glyph(shown.condition, view.glyphs)} ", role(shown.condition, view, "dim")),
            Span(fmt.fit(shown.name, name, ellipsis=view.glyphs.ellipsis), "text"),
            Span(f" {fmt.fit(value, number, 'right')}", role(shown.condition, view)),
        ]
        if bars:
            size = width - name - number - 6
            share = shown.value / scale if shown.value is not None and scale else None
            spans += [
                Span(" "),
                Span(fmt.bar(share, size, view.glyphs), role(shown.condition, view, "chart")),
            ]
        lines.append(crop(spans, width))
    return _shortened(lines, width, room)


def _shortened(lines: Sequence[Line], width: int, room: int) -> list[Line]:
    if len(lines) <= room or room < 1:
        return [*lines]
    more = tr("... {count} more (enter shows all)", count=len(lines) - room + 1)
    return [*lines[: room - 1], crop([Span(f"   {more}", "dim")], width)]


def _scale(data: PanelData) -> float:
    """What a full bar stands for: 1 of shares, otherwise the highest value."""
    if data.panel.unit == "ratio":
        return 1.0
    return max((shown.value for shown in data.shown if shown.value is not None), default=0.0)


def _chart(data: PanelData, view: View, around: Surroundings, width: int, room: int) -> list[Line]:
    panel, span = data.panel, data.span
    if span is None or room < 3:
        return _list(data, view, width, room)
    curves = tuple(charts.Curve(shown.points, span.step, shown.name) for shown in data.shown)
    curves += tuple(
        charts.Curve(shown.before, span.step, compared=True) for shown in data.shown if shown.before
    )
    label = of_unit(panel.unit)
    low, high = charts.pinned(curves, at_least_to=_least_top(data))
    if panel.unit == "ratio" and high / 1.1 <= 1:
        high = min(high, 1.0)
    # A limit far above everything measured would press the curves flat.
    limits = tuple(
        charts.Limit(each.value, label(each.value)) for each in panel.thresholds if low <= each.value <= high
    )
    chart = charts.Chart(
        curves=curves,
        start=around.start,
        end=around.end,
        low=low,
        high=high,
        label=label,
        limits=limits,
        marks=around.marks,
        bands=around.bands,
        cursor=around.cursor,
    )
    legend = _legend(data, view, chart, width)
    drawn = charts.draw(chart, width, room - len(legend), view.glyphs, local_time=view.local_time)
    return [*legend, *drawn]


def _least_top(data: PanelData) -> float:
    """The nearest limit where curves come near it, so that it is on the chart."""
    peak = max((value for shown in data.shown for _, value in shown.points), default=0.0)
    above = sorted(t.value for t in data.panel.thresholds if t.bound is Bound.ABOVE and t.value > 0)
    below = [t.value for t in data.panel.thresholds if t.bound is Bound.BELOW]
    near = [value for value in above if peak >= value / 3] or (above if peak == 0 else [])
    top = max([peak, *near[:1], *below])
    return top if top > 0 else 0.01 if data.panel.unit == "ratio" else 1.0


def _legend(data: PanelData, view: View, chart: charts.Chart, width: int) -> list[Line]:
    """Each curve's present value, or the values under the cursor."""
    if chart.cursor is not None:
        told = {each.name: each.value for each in charts.readings(chart)}
        at = f"{fmt.clock(chart.cursor, local=view.local_time)}  "
    else:
        told = {shown.name: shown.value for shown in data.shown if shown.value is not None}
        at = ""
    spans = [Span(f" {at}", "inspect" if at else "dim")]
    left = len(data.shown)
    for number, shown in enumerate(data.shown):
        value = quantity(told.get(shown.name), data.panel.unit)
        text = f"{shown.name} {value}  " if shown.name else f"{value}  "
        used = sum(cell_len(span.text) for span in spans)
        more = f"+{left} "
        if used + 2 + cell_len(text) > width - (cell_len(more) if left > 1 else 0):
            spans.append(Span(more, "dim"))
            break
        curve: Role = charts.CURVE_ROLES[number % len(charts.CURVE_ROLES)]
        spans += [Span(f"{_stroke(view.glyphs, number)} ", curve), Span(text, role(shown.condition, view))]
        left -= 1
    return [crop(spans, width)]


def _stroke(glyphs: Glyphs, number: int) -> str:
    return "*o+x"[number % 4] if glyphs.graph == "ascii" else "━╍┅┉"[number % 4]
