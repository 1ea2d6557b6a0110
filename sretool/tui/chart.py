"""Charts over time in characters: lines, limits, marks, bands and a cursor on a grid with two axes.

What was not measured is not drawn: two points further apart than the sampling step are not joined, and the
time axis under a stretch without data is broken. Every dot column shows the least and the greatest value that
fell into it, so that a short peak survives any zoom. Who knows what the values mean gives their range;
`pinned` helps to choose it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from sretool.tui import format as fmt
from sretool.tui.braille import DOTS, Ink, cell_bits, cell_sign
from sretool.tui.line import Span, crop
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line, Role

CURVE_ROLES: Final[tuple[Role, ...]] = ("chart", "chart2", "chart3", "chart4")
_DASHES: Final = ((1, 0), (4, 2), (1, 2), (2, 4))
"""Dot columns drawn and left out, by the number of the curve."""

_LEAST_COLUMNS: Final = 4

_TICKS: Final = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 43200, 129600)
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart."""

    points: Sequence[tuple[datetime, float | None]]
    """In time order; None and NaN are gaps, ±Inf is drawn at the edge."""
    step: timedelta
    """Distance of two neighbours; beyond one and a half of it there is a gap."""
    name: str = ""
    compared: bool = False
    """Another time's values, drawn faintly behind the others."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line with a meaning."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a meaning: a deploy."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time with a meaning: a fault, a maintenance."""

    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw, in the data's own units."""

    curves: tuple[Curve, ...]
    start: datetime
    end: datetime
    low: float
    high: float
    label: Callable[[float], str]
    """A value as its axis label."""
    limits: tuple[Limit, ...] = ()
    marks: tuple[Mark, ...] = ()
    bands: tuple[Band, ...] = ()
    ideal: tuple[float, float] | None = None
    """A straight line from the value at `start` to the value at `end`."""
    cursor: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a curve says at the cursor."""

    name: str
    at: datetime
    value: float


def draw(chart: Chart, width: int, height: int, glyphs: Glyphs, *, local_time: bool = False) -> list[Line]:
    """The chart in exactly `width` x `height` cells: plot, axis, time labels; under three rows the plot."""
    if width < 1 or height < 1:
        return [[] for _ in range(max(height, 0))]
    rows = height - 2 if height >= 3 else height
    labels, margin, columns = _sides(chart, width, rows)
    if columns < 1:
        return [crop([], width) for _ in range(height)]
    across, down = DOTS[glyphs.graph]
    inks = [_ink(curve, chart, columns * across, rows * down) for curve in chart.curves]
    if glyphs.graph != "ascii":
        for number, (curve, ink) in enumerate(zip(chart.curves, inks, strict=True)):
            ink.dash(*((2, 2) if curve.compared else _DASHES[number % len(_DASHES)]))
    lines = _plot(chart, inks, rows, columns, labels, margin, glyphs)
    if height >= 3:
        lines.append(crop(_axis(chart, inks, margin, columns, across, glyphs, local_time=local_time), width))
        lines.append(
            crop([Span(_time_labels(chart, margin + 1, columns, local_time=local_time), "dim")], width)
        )
    return lines


def plot_columns(chart: Chart, width: int, height: int) -> int:
    """Cells the time axis has in a chart of this size."""
    return max(_sides(chart, width, height - 2 if height >= 3 else height)[2], 1)


def readings(chart: Chart) -> tuple[Reading, ...]:
    """Of every curve the measured point nearest to the cursor, as far as one is within its step."""
    if chart.cursor is None:
        return ()
    found = (reading_at(curve, chart.cursor) for curve in chart.curves)
    return tuple(reading for reading in found if reading is not None)


def reading_at(curve: Curve, moment: datetime) -> Reading | None:
    """The measured point nearest to `moment` and no further than a step from it."""
    place = bisect_left(curve.points, moment, key=lambda point: point[0])
    best: Reading | None = None
    for at, value in curve.points[max(place - 1, 0) : place + 1]:
        if value is None or value != value or abs(at - moment) > curve.step:
            continue
        if best is None or abs(at - moment) < abs(best.at - moment):
            best = Reading(curve.name, at, value)
    return best


def pinned(
    curves: Iterable[Curve], *, least: float = 0.0, at_least_to: float, room: float = 1.1
) -> tuple[float, float]:
    """A range of values that begins at `least`, shows `at_least_to` and every finite value of the curves."""
    values = _finite(curves)
    high = max(values, default=at_least_to)
    low = min(least, min(values, default=least))
    high = low + (max(high, at_least_to) - low) * room
    return low, high if high > low else low + 1.0


def peak_of(curves: Iterable[Curve]) -> float:
    """The greatest finite value of the curves; 0 where they have none."""
    return max(_finite(curves), default=0.0)


def _finite(curves: Iterable[Curve]) -> list[float]:
    return [
        value for curve in curves for _, value in curve.points if value is not None and math.isfinite(value)
    ]


def legend(chart: Chart, glyphs: Glyphs) -> list[Span]:
    """What the signs mean, of those that are on the chart: `-- now  .. 1w ago  ┆ deploy  ░ maintenance`."""
    return [span for part in legend_parts(chart, glyphs) for span in (*part, Span("  "))]


def legend_parts(chart: Chart, glyphs: Glyphs) -> list[list[Span]]:
    """The same sign by sign: curves, bands, marks."""
    parts: list[list[Span]] = []
    named = [(number, curve) for number, curve in enumerate(chart.curves) if curve.name]
    for number, curve in named if len(named) > 1 else ():
        sign = Span(_sample(number, curve, glyphs), _role(number, curve))
        if parts and curve.compared:
            # The past is told beside the present or neither is: one alone says nothing.
            parts[-1] += [Span("  "), sign, Span(f" {curve.name}", "dim")]
        else:
            parts.append([sign, Span(f" {curve.name}", "dim")])
    bands = [band.text for band in chart.bands if band.end > chart.start and band.start < chart.end]
    if bands:
        parts.append([Span(glyphs.band, "band"), Span(f" {', '.join(dict.fromkeys(bands))}", "dim")])
    marks = {mark.text for mark in chart.marks if chart.start <= mark.at <= chart.end}
    if marks:
        text = marks.pop() if len(marks) == 1 else tr("changes")
        parts.append([Span(glyphs.mark, "mark"), Span(f" {text}", "dim")])
    return parts


def _sample(number: int, curve: Curve, glyphs: Glyphs) -> str:
    if glyphs.graph == "ascii":
        return cell_sign("ascii", 1, number)
    ink = Ink(8, 4)
    ink.masks = [1 << 1] * 8
    ink.dash(*((2, 2) if curve.compared else _DASHES[number % len(_DASHES)]))
    return "".join(
        cell_sign(glyphs.graph, cell_bits(ink, glyphs.graph, 0, column)) or " " for column in range(4)
    ).replace("\u2800", " ")


def _role(number: int, curve: Curve) -> Role:
    return "dim" if curve.compared else CURVE_ROLES[number % len(CURVE_ROLES)]


def _sides(chart: Chart, width: int, rows: int) -> tuple[dict[int, str], int, int]:
    """Labels by row, the cells they take, and the cells left for the plot beside them and the axis."""
    labels = _row_labels(chart, max(rows, 1))
    margin = max(cell_len(label) for label in labels.values())
    if width - margin - 1 < _LEAST_COLUMNS:
        labels, margin = {}, 0
    return labels, margin, width - margin - 1


def _ink(curve: Curve, chart: Chart, width: int, height: int) -> Ink:
    start = chart.start
    ink = Ink(width, height)
    ink.trace(
        [((moment - start).total_seconds(), value) for moment, value in curve.points],
        (chart.end - start).total_seconds(),
        1.5 * curve.step.total_seconds(),
        chart.low,
        chart.high,
    )
    return ink


def _plot(
    chart: Chart,
    inks: Sequence[Ink],
    rows: int,
    columns: int,
    labels: dict[int, str],
    margin: int,
    glyphs: Glyphs,
) -> list[Line]:
    under = _ground(chart, columns, glyphs)
    cursor = _column(chart, chart.cursor, columns) if chart.cursor is not None else -1
    limit_rows = {_cell_row(chart, limit.value, rows) for limit in chart.limits}
    ideal = _ideal_cells(chart, columns, rows)
    kinds = [
        (ink, _role(number, curve), number)
        for number, (curve, ink) in enumerate(zip(chart.curves, inks, strict=True))
    ]
    # Those in front first: where two share a cell the first gives the colour.
    kinds.sort(key=lambda kind: kind[1] == "dim")
    lines: list[Line] = []
    for row in range(rows):
        signs = list(under)
        for column, sign in enumerate(signs):
            if sign[0] == " " and row in limit_rows:
                signs[column] = (glyphs.threshold, "limit")
            elif sign[0] == " " and (column, row) in ideal:
                signs[column] = (glyphs.ideal, "dim")
        for column in range(columns):
            bits, first = 0, -1
            for place, (ink, _, _) in enumerate(kinds):
                more = cell_bits(ink, glyphs.graph, row, column)
                if more:
                    bits |= more
                    first = place if first < 0 else first
            if bits:
                role = "inspect" if column == cursor else kinds[first][1]
                signs[column] = (cell_sign(glyphs.graph, bits, kinds[first][2]), role)
        label = labels.get(row, "")
        edge = (glyphs.tick if label else glyphs.axis) if margin or labels else glyphs.axis
        head = [Span(fmt.fit(label, margin, "right"), "dim")] if margin else []
        lines.append([*head, Span(edge, "dim"), *_joined(signs)])
    return lines


def _ground(chart: Chart, columns: int, glyphs: Glyphs) -> list[tuple[str, Role]]:
    """What every row shows where no line runs: bands, marks over them, the cursor over all."""
    signs: list[tuple[str, Role]] = [(" ", "text")] * columns
    for band in chart.bands:
        if band.end <= chart.start or band.start >= chart.end:
            continue
        first, last = _column(chart, band.start, columns), _column(chart, band.end, columns)
        signs[max(first, 0) : last + 1] = [(glyphs.band, "band")] * (
            min(last, columns - 1) + 1 - max(first, 0)
        )
    for mark in chart.marks:
        if chart.start <= mark.at <= chart.end:
            signs[_column(chart, mark.at, columns)] = (glyphs.mark, "mark")
    if chart.cursor is not None and chart.start <= chart.cursor <= chart.end:
        signs[_column(chart, chart.cursor, columns)] = (glyphs.axis, "inspect")
    return signs


def _joined(signs: Iterable[tuple[str, Role]]) -> list[Span]:
    spans: list[Span] = []
    text, role = "", None
    for sign, its_role in signs:
        if its_role != role:
            if role is not None:
                spans.append(Span(text, role))
            text, role = "", its_role
        text += sign
    if role is not None:
        spans.append(Span(text, role))
    return spans


def _column(chart: Chart, moment: datetime, columns: int) -> int:
    """The column of cells a moment falls into; the first or last one where it is outside."""
    span = (chart.end - chart.start).total_seconds()
    if span <= 0:
        return 0
    share = (moment - chart.start).total_seconds() / span
    return min(max(int(share * columns), 0), columns - 1)


def _cell_row(chart: Chart, value: float, rows: int) -> int:
    """The row of cells a value falls into; -1 outside the range."""
    share = (value - chart.low) / (chart.high - chart.low) if chart.high > chart.low else -1.0
    return min(int((1 - share) * rows), rows - 1) if 0 <= share <= 1 else -1


def _ideal_cells(chart: Chart, columns: int, rows: int) -> set[tuple[int, int]]:
    if chart.ideal is None:
        return set()
    first, last = chart.ideal
    return {
        (column, _cell_row(chart, first + (last - first) * (column + 0.5) / columns, rows))
        for column in range(0, columns, 2)
    }


def _row_labels(chart: Chart, rows: int) -> dict[int, str]:
    """Label by row: the ends of the range, then the limits, then what is free in the middle."""
    labels = {0: chart.label(chart.high)}
    if rows > 1:
        labels[rows - 1] = chart.label(chart.low)
    for limit in chart.limits:
        row = _cell_row(chart, limit.value, rows)
        if row >= 0 and row not in labels:
            labels[row] = limit.label
    middle = rows // 2
    if rows >= 7 and not {middle - 1, middle, middle + 1} & set(labels):
        share = 1 - (middle + 0.5) / rows
        labels[middle] = chart.label(chart.low + share * (chart.high - chart.low))
    return labels


def _axis(
    chart: Chart,
    inks: Sequence[Ink],
    margin: int,
    columns: int,
    across: int,
    glyphs: Glyphs,
    *,
    local_time: bool,
) -> list[Span]:
    # What is compared with is another time's: it does not say that there is data.
    own = [ink for curve, ink in zip(chart.curves, inks, strict=True) if not curve.compared]
    measured = [any(any(ink.known[at * across : (at + 1) * across]) for ink in own) for at in range(columns)]
    signs = [glyphs.rule if known else glyphs.missing for known in measured]
    for column, _ in _ticks(chart, columns, local_time=local_time):
        if measured[column]:
            signs[column] = glyphs.time_tick
    return [Span(" " * margin + glyphs.corner + "".join(signs), "dim")]


def _time_labels(chart: Chart, margin: int, columns: int, *, local_time: bool) -> str:
    """Labels centred under their ticks, as long as none touches the one before."""
    text = ""
    for column, label in _ticks(chart, columns, local_time=local_time):
        size = cell_len(label)
        at = min(max(margin + column - size // 2, 0), margin + columns - size)
        if at >= (cell_len(text) + 1 if text else 0):
            text += " " * (at - cell_len(text)) + label
    return text


def _ticks(chart: Chart, columns: int, *, local_time: bool) -> list[tuple[int, str]]:
    """Column and label of the round times on the axis."""
    span = chart.end - chart.start
    if span <= timedelta():
        return []
    room = span * 12 / columns
    fitting = [tick for tick in _TICKS if tick <= span] or [span]
    every = next((tick for tick in fitting if tick >= room), fitting[-1])
    start = chart.start.astimezone() if local_time else chart.start.astimezone(UTC)
    # Round times of the zone that is shown.
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + ((start - midnight) // every + (1 if (start - midnight) % every else 0)) * every
    ticks = []
    while moment <= chart.end:
        local = moment.astimezone() if local_time else moment
        whole_day = local.hour == local.minute == 0 and (
            span > timedelta(days=2) or every < timedelta(days=1)
        )
        label = (
            f"{local.day} {local:%b}"
            if every >= timedelta(days=1) or (whole_day and span > timedelta(hours=6))
            else (local.strftime("%H:%M") + ("" if local_time else "Z"))
        )
        ticks.append((_column(chart, moment, columns), label))
        moment += every
    return ticks
