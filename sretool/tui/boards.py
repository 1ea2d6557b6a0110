"""A dashboard of the catalog as a grid of panels, and the list of all there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from sretool.core.observe.panels import ABNORMAL, Condition, worst
from sretool.tui import format as fmt
from sretool.tui import panel as panels
from sretool.tui.line import Span, crop, rule
from sretool.tui.words import tr
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sretool.core.catalog.model import Dashboard
    from sretool.core.observe.panels import PanelData
    from sretool.tui.board import View
    from sretool.tui.line import Line

LEAST_WIDTH: Final = 50
"""Cells a panel has where several stand side by side."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one panel stands on the sheet, which may be taller than the screen."""

    number: int
    top: int
    left: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Grid:
    placed: tuple[Placed, ...]
    headings: tuple[tuple[int, str], ...]
    """Row of the sheet and what the panels below it are about."""
    height: int

    def scroll(self, number: int, before: int, height: int) -> int:
        """The first row on screen, as near to `before` as panel `number` allows."""
        place = self.placed[number]
        top = place.top - 1 if any(row == place.top - 1 for row, _ in self.headings) else place.top
        latest = min(top, max(self.height - height, 0))
        earliest = min(place.top + place.height - height, latest)
        return max(min(before, latest), earliest, 0)


def grid(data: Sequence[PanelData], width: int, height: int) -> Grid:
    """Panels of one row side by side, as many as fit; spare height goes to charts."""
    shelves: list[tuple[str | None, list[int]]] = []
    for number, each in enumerate(data):
        if not shelves or shelves[-1][0] != each.panel.row:
            shelves.append((each.panel.row, []))
        shelves[-1][1].append(number)
    lines: list[tuple[str | None, list[int], int]] = []
    for title, numbers in shelves:
        columns = _columns(len(numbers), width)
        lines += [
            (title if start == 0 else None, numbers[start : start + columns], columns)
            for start in range(0, len(numbers), columns)
        ]
    wanted = [max(panels.least_height(data[number]) for number in numbers) for _, numbers, _ in lines]
    spare = height - sum(wanted) - sum(1 for title, _, _ in lines if title)
    growing = [
        place
        for place, (_, numbers, _) in enumerate(lines)
        if any(data[number].panel.kind == "chart" for number in numbers)
    ]
    if spare > 0 and growing:
        for turn, place in enumerate(growing):
            wanted[place] += spare // len(growing) + (1 if turn < spare % len(growing) else 0)
    placed, headings, top = [], [], 0
    for (title, numbers, columns), tall in zip(lines, wanted, strict=True):
        if title:
            headings.append((top, title))
            top += 1
        each_width = (width - (columns - 1)) // columns
        for place, number in enumerate(numbers):
            left = place * (each_width + 1)
            last = place == columns - 1
            placed.append(Placed(number, top, left, width - left if last else each_width, tall))
        top += tall
    return Grid(tuple(placed), tuple(headings), top)


def _columns(count: int, width: int) -> int:
    """As few columns as give the least number of lines."""
    most = max(min(width // LEAST_WIDTH, count), 1)
    lines = -(-count // most)
    return -(-count // lines)


def grid_lines(
    board: Grid,
    drawn: Callable[[Placed], Sequence[Line]],
    view: View,
    width: int,
    top: int,
    height: int,
) -> list[Line]:
    """`height` rows of the sheet from row `top` on; only panels that show there are drawn."""
    rows: list[list[tuple[int, Line]]] = [[] for _ in range(height)]
    for row, title in board.headings:
        if top <= row < top + height:
            rows[row - top].append((0, [Span(f" {tr(title).upper()}", "bold")]))
    for place in board.placed:
        if place.top >= top + height or place.top + place.height <= top:
            continue
        for offset, line in enumerate(drawn(place)):
            row = place.top + offset - top
            if 0 <= row < height:
                rows[row].append((place.left, line))
    return [_row(parts, width) for parts in rows]


def _row(parts: Sequence[tuple[int, Line]], width: int) -> Line:
    spans: list[Span] = []
    at = 0
    for left, line in sorted(parts, key=lambda part: part[0]):
        if left > at:
            spans.append(Span(" " * (left - at)))
            at = left
        spans += line
        at += sum(cell_len(span.text) for span in line)
    return crop(spans, width)


def summary(board: Dashboard, data: Sequence[PanelData], view: View, error: str | None, width: int) -> Line:
    """Row 2: what is wrong on this dashboard, or that nothing is."""
    bad = [each for each in data if each.condition in ABNORMAL]
    dark = [each for each in data if each.condition is Condition.NO_DATA]
    worst_of = worst(each.condition for each in data)
    if error is not None:
        return crop([Span(f" {tr('no answer: {error}', error=error)}", "lost")], width)
    if dark and all(each.at is None for each in dark) and len(dark) == len(data):
        return crop([Span(f" {tr('asking Prometheus...')}", "dim")], width)
    if bad:
        names = ", ".join(tr(each.panel.title) for each in bad)
        text = tr(
            "{count} of {all} panels out of bounds: {names}", count=len(bad), all=len(data), names=names
        )
    elif dark:
        names = ", ".join(tr(each.panel.title) for each in dark)
        text = tr("no data in {names}", names=names)
    else:
        text = tr("all {all} panels in bounds", all=len(data)) if len(data) > 1 else tr("in bounds")
    tone = panels.role(worst_of, view, "dim")
    return crop([Span(f" {fmt.fit(text, width - 1).rstrip()}", tone)], width)


def list_row(board: Dashboard, width: int) -> Line:
    """One dashboard in the list of all."""
    dark = len([panel for panel in board.panels if panel.not_configured is not None])
    about = tr(
        "{count} panels, {range} of the past", count=len(board.panels), range=format_duration(board.range)
    )
    if dark:
        about += tr(", {count} not configured", count=dark)
    return crop(
        [
            Span("  "),
            Span(fmt.fit(board.id, 18), "bold"),
            Span(fmt.fit(tr(board.title), 18)),
            Span(about, "dim"),
        ],
        width,
    )


def list_heading(view: View, width: int) -> Line:
    return rule(tr("DASHBOARDS of the catalog"), width, view.glyphs.rule)


def no_dashboards(width: int) -> Line:
    how = tr("not configured: add `dashboards` with panels to the catalog")
    return crop([Span(f"  {how}", "dim")], width)
