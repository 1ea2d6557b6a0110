"""Dots in cells of text: where a line runs, and the sign a cell of it is drawn with.

A cell holds 2x4 dots in braille, 2x2 in block elements and a single one where only ASCII may be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Graph = Literal["braille", "block", "ascii"]

DOTS: Final[dict[Graph, tuple[int, int]]] = {"braille": (2, 4), "block": (2, 2), "ascii": (1, 1)}
"""Dots of a cell across and down."""

ASCII_SIGNS: Final = "*o+x"
"""What lines are drawn with in ASCII, by their number."""

_BLOCKS: Final = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""Quadrants by upper left 1, upper right 2, lower left 4, lower right 8."""

_LEFT: Final = tuple(
    sum(bit for place, bit in enumerate((0x01, 0x02, 0x04, 0x40)) if mask >> place & 1) for mask in range(16)
)
_RIGHT: Final = tuple(
    sum(bit for place, bit in enumerate((0x08, 0x10, 0x20, 0x80)) if mask >> place & 1) for mask in range(16)
)
"""Bits of a braille cell for the four dots of its left and right half, the uppermost dot first."""

_BLOCK_LEFT: Final = (0, 1, 4, 5)
_BLOCK_RIGHT: Final = (0, 2, 8, 10)


class Ink:
    """The dots of one line on a grid, column by column, row 0 at the top."""

    def __init__(self, width: int, height: int) -> None:
        self.masks = [0] * width
        """Inked rows of each column as bits."""
        self.known = bytearray(width)
        """1 where a column is inside a measured stretch."""
        self._height = height

    def trace(
        self, points: Iterable[tuple[float, float | None]], span: float, reach: float, low: float, high: float
    ) -> None:
        """Ink `points` (seconds after the left edge, value) on `span` seconds and values `low` to `high`.

        Neighbours further apart than `reach` seconds, or with a None or NaN between them, are not joined.
        """
        width, height, masks, known = len(self.masks), self._height, self.masks, self.known
        size = high - low
        if span <= 0 or not size > 0 or not width or not height:
            return
        across, down = width / span, height / size
        last_column, last_row = width - 1, height - 1
        before, column_before, row_before = None, 0, 0
        for seconds, value in points:
            if value is None or value != value:
                before = None
                continue
            if not 0 <= seconds <= span:
                continue
            column = int(seconds * across)
            if column > last_column:
                column = last_column
            row = (
                0
                if value >= high
                else last_row
                if value <= low
                else min(int((high - value) * down), last_row)
            )
            if before is None or seconds - before > reach:
                masks[column] |= 1 << row
                known[column] = 1
            elif column == column_before:
                if row > row_before:
                    masks[column] |= (2 << row) - (1 << row_before)
                elif row < row_before:
                    masks[column] |= (2 << row_before) - (1 << row)
            else:
                self._join(column_before, row_before, column, row)
            before, column_before, row_before = seconds, column, row

    def dash(self, on: int, off: int) -> None:
        """Leave out the flat parts of the line in a rhythm, so that it is told apart without colour."""
        for column, mask in enumerate(self.masks):
            # A rise keeps all its dots: no peak is lost between two dashes.
            if mask and column % (on + off) >= on and not mask & (mask - 1):
                self.masks[column] = 0

    def _join(self, column: int, row: int, to_column: int, to_row: int) -> None:
        masks, known = self.masks, self.known
        last, distance, rise = row, to_column - column, to_row - row
        for current in range(column + 1, to_column + 1):
            level = round(row + rise * (current - column) / distance)
            # The rise belongs to the column it ends in, without repeating the row it came from.
            if level > last:
                masks[current] |= (2 << level) - (2 << last)
            elif level < last:
                masks[current] |= (1 << last) - (1 << level)
            else:
                masks[current] |= 1 << level
            known[current] = 1
            last = level


def cell_bits(ink: Ink, graph: Graph, row: int, column: int) -> int:
    """The dots of one cell as bits that may be joined with those of other lines; 0: none."""
    masks = ink.masks
    if graph == "braille":
        shift = row * 4
        return _LEFT[masks[2 * column] >> shift & 15] | _RIGHT[masks[2 * column + 1] >> shift & 15]
    if graph == "block":
        shift = row * 2
        return _BLOCK_LEFT[masks[2 * column] >> shift & 3] | _BLOCK_RIGHT[masks[2 * column + 1] >> shift & 3]
    return masks[column] >> row & 1


def cell_sign(graph: Graph, bits: int, number: int = 0) -> str:
    """The sign for such bits; `number` tells lines apart where a cell has one dot only."""
    if graph == "braille":
        return chr(0x2800 + bits)
    if graph == "block":
        return _BLOCKS[bits]
    return ASCII_SIGNS[number % len(ASCII_SIGNS)]
