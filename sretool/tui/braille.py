"""A line chart in characters: 2x4 dots to a cell, or one sign to a cell where only ASCII may be used.

What was not measured is not drawn: two points further apart than the sampling step are not joined, and the
axis under a stretch without data is broken. Every dot column shows the least and the greatest value that
fell into it, so that a short peak survives any zoom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from sretool.tui import format as fmt
from sretool.tui.line import Span, crop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line, Role

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of a braille cell by dot row and dot column."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line with a meaning."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw, in the data's own units."""

    points: Sequence[tuple[datetime, float]]
    """In time order."""
    step: timedelta
    """Distance of two neighbours; beyond one and a half of it there is a gap."""
    start: datetime
    end: datetime
    low: float
    high: float
    label: Callable[[float], str]
    """A value as its axis label."""
    limits: tuple[Limit, ...] = ()
    ideal: tuple[float, float] | None = None
    """A straight line from the value at `start` to the value at `end`."""


def draw(chart: Chart, width: int, height: int, glyphs: Glyphs, *, local_time: bool = False) -> list[Line]:
    """The chart in exactly `width` x `height` cells: plot, axis, time labels."""
    rows = height - 2
    row_labels = _row_labels(chart, max(rows, 1))
    margin = max(cell_len(label) for label in row_labels.values())
    columns = width - margin - 1
    if rows < 1 or columns < 4:
        return [crop([], width) for _ in range(max(height, 0))]
    per_column, per_row = (2, 4) if glyphs.braille else (1, 1)
    plot = _Plot(chart, columns * per_column, rows * per_row)
    lines: list[Line] = []
    limit_rows = {_cell_row(chart, limit.value, rows) for limit in chart.limits}
    ideal = _ideal_cells(chart, columns, rows)
    for row in range(rows):
        label = row_labels.get(row, "")
        edge = glyphs.tick if label else glyphs.axis
        spans = [Span(fmt.fit(label, margin, "right"), "dim"), Span(edge, "dim")]
        spans += _row(plot, row, columns, glyphs, in_limit=row in limit_rows, ideal=ideal)
        lines.append(crop(spans, width))
    axis = "".join(
        glyphs.rule if plot.has_data(column * per_column, (column + 1) * per_column) else glyphs.missing
        for column in range(columns)
    )
    lines.append(crop([Span(" " * margin + glyphs.corner + axis, "dim")], width))
    lines.append(crop([Span(_time_labels(chart, margin + 1, width, local_time=local_time), "dim")], width))
    return lines


class _Plot:
    """Dots on a grid, row 0 at the top."""

    def __init__(self, chart: Chart, width: int, height: int) -> None:
        self._dots: list[set[int]] = [set() for _ in range(width)]
        self._known = [False] * width
        """Columns inside a measured stretch."""
        self._draw(chart, width, height)

    def dot(self, column: int, row: int) -> bool:
        return row in self._dots[column]

    def has_data(self, first: int, beyond: int) -> bool:
        return any(self._known[first:beyond])

    def _draw(self, chart: Chart, width: int, height: int) -> None:
        span = (chart.end - chart.start).total_seconds()
        size = chart.high - chart.low
        if span <= 0 or size <= 0:
            return
        reach = 1.5 * chart.step.total_seconds()
        before: tuple[float, int, int] | None = None
        for moment, value in chart.points:
            seconds = (moment - chart.start).total_seconds()
            if not 0 <= seconds <= span:
                continue
            column = min(int(seconds / span * width), width - 1)
            share = min(max((value - chart.low) / size, 0.0), 1.0)
            row = min(int((1 - share) * height), height - 1)
            if before is not None and seconds - before[0] <= reach:
                self._join(before[1], before[2], column, row)
            else:
                self._put(column, row)
            before = (seconds, column, row)

    def _put(self, column: int, row: int) -> None:
        self._dots[column].add(row)
        self._known[column] = True

    def _join(self, column: int, row: int, to_column: int, to_row: int) -> None:
        if to_column == column:
            self._dots[column].update(range(min(row, to_row), max(row, to_row) + 1))
            return
        last = row
        for current in range(column + 1, to_column + 1):
            level = round(row + (to_row - row) * (current - column) / (to_column - column))
            first, final = (last, level) if last <= level else (level, last)
            # The rise belongs to the column it ends in, without repeating the row it came from.
            self._dots[current].update(range(first, final + 1))
            if level != last:
                self._dots[current].discard(last)
            self._known[current] = True
            last = level


def _row(
    plot: _Plot, row: int, columns: int, glyphs: Glyphs, *, in_limit: bool, ideal: set[tuple[int, int]]
) -> list[Span]:
    spans: list[Span] = []
    text, role = "", "text"
    for column in range(columns):
        sign, its_role = _cell(plot, row, column, glyphs)
        if sign == " " and in_limit:
            sign, its_role = glyphs.threshold, "limit"
        elif sign == " " and (column, row) in ideal:
            sign, its_role = glyphs.ideal, "dim"
        if its_role != role and text:
            spans.append(Span(text, role))  # type: ignore[arg-type]
            text = ""
        text, role = text + sign, its_role
    spans.append(Span(text, role))  # type: ignore[arg-type]
    return spans


def _cell(plot: _Plot, row: int, column: int, glyphs: Glyphs) -> tuple[str, Role]:
    if not glyphs.braille:
        return ("*", "chart") if plot.dot(column, row) else (" ", "text")
    bits = 0
    for down, pair in enumerate(_DOTS):
        for across, bit in enumerate(pair):
            if plot.dot(column * 2 + across, row * 4 + down):
                bits |= bit
    return (chr(0x2800 + bits), "chart") if bits else (" ", "text")


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


def _time_labels(chart: Chart, margin: int, width: int, *, local_time: bool) -> str:
    span = chart.end - chart.start
    columns = width - margin
    count = max(min(columns // 14, 6), 1)
    text = ""
    for number in range(count + 1):
        label = fmt.day_or_time(chart.start + span * number / count, span, local=local_time)
        at = margin + round(columns * number / count) - (cell_len(label) if number == count else 0)
        if at >= len(text) + (1 if text else 0):
            text += " " * (at - len(text)) + label
    return text
