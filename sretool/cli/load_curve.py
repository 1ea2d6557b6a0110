"""A curve of latency over rate, in characters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.runs.words import count_words, seconds_words

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Point:
    rate: float
    """Requests per second."""
    latency_s: float
    held: bool


@dataclass(frozen=True, slots=True)
class Signs:
    held: str
    broken: str
    mark: str
    """A column of the plot that means something."""
    up: str
    corner: str
    along: str
    tick: str


UNICODE: Final = Signs("●", "✗", "┊", "│", "└", "─", "┤")
ASCII: Final = Signs("o", "x", ":", "|", "+", "-", "+")

_LABEL: Final = 8
"""Columns of the latencies at the left."""


def draw(
    points: Sequence[Point],
    *,
    limit: float | None = None,
    name: str = "p99",
    width: int = 78,
    height: int = 10,
    signs: Signs = UNICODE,
) -> list[str]:
    """Lines no wider than `width`: latency upwards in powers, rate to the right; a broken column at `limit`.

    Nothing where there are fewer than two points.
    """
    drawn = [point for point in points if point.latency_s > 0]
    if len(drawn) < 2:
        return []
    across = max(width - _LABEL - 2, 10)
    most = max(point.rate for point in drawn) * 1.02
    low = math.log10(min(point.latency_s for point in drawn))
    high = math.log10(max(point.latency_s for point in drawn))
    if high - low < 0.3:
        low, high = low - 0.15, high + 0.15
    cells = [[" "] * across for _ in range(height)]
    if limit is not None and limit <= most:
        column = _column(limit, most, across)
        for row in cells:
            row[column] = signs.mark
    # What broke is drawn last: it must not hide below what held before.
    for point in sorted(drawn, key=lambda each: not each.held):
        share = (math.log10(point.latency_s) - low) / (high - low)
        row_number = height - 1 - round(share * (height - 1))
        cells[row_number][_column(point.rate, most, across)] = signs.held if point.held else signs.broken
    lines = [f"{name:>{_LABEL}}"]
    labels = {0: high, height // 2: low + (high - low) * (1 - (height // 2) / (height - 1)), height - 1: low}
    for number, row in enumerate(cells):
        label = seconds_words(10 ** labels[number]) if number in labels else ""
        edge = signs.tick if label else signs.up
        lines.append(f"{label:>{_LABEL}} {edge}{''.join(row)}".rstrip())
    lines.append(f"{'':{_LABEL}} {signs.corner}{signs.along * across}")
    lines.append(_rates(most, across))
    return lines


def _column(rate: float, most: float, across: int) -> int:
    return min(int(rate / most * across), across - 1)


def _rates(most: float, across: int) -> str:
    """Four round rates below their places."""
    step = _round(most / 4)
    text = [" "] * (_LABEL + 2 + across)
    free = 0
    for number in range(5):
        rate = number * step
        label = f"{count_words(rate)}/s" if step >= 1 else f"{rate:.3g}/s"
        begin = max(_LABEL + 2 + _column(rate, most, across) - len(label) // 2, free)
        begin = min(begin, len(text) - len(label))
        if rate > most or begin < free:
            break
        text[begin : begin + len(label)] = label
        free = begin + len(label) + 1
    return "".join(text).rstrip()


def _round(value: float) -> float:
    """The nearest 1, 2 or 5 times a power of ten that is not above it."""
    power: float = 10.0 ** math.floor(math.log10(value))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= value * 1.000001)
