"""A curve in one row of cells, and a band with the present value in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sretool.core.analysis.usual import Usual
    from sretool.tui.format import Glyphs

_BLOCKS = "▁▂▃▄▅▆▇█"
_SIGNS = "_.-=+*%#"


def spark(
    points: Sequence[tuple[datetime, float]],
    end: datetime,
    over: timedelta,
    cells: int,
    glyphs: Glyphs,
    *,
    low: float = 0.0,
    high: float | None = None,
) -> str:
    """The highest value of each cell between `low` and `high` (None: the highest of all); gaps stay blank.

    The scale begins at `low` and not at the least value: noise must not look like a climb.
    """
    tops: list[float | None] = [None] * cells
    start = end - over
    for at, value in points:
        place = int((at - start) / over * cells)
        if 0 <= place <= cells:
            place = min(place, cells - 1)
            top = tops[place]
            tops[place] = value if top is None else max(top, value)
    known = [top for top in tops if top is not None]
    highest = high if high is not None else max(known, default=low)
    signs = _SIGNS if glyphs.graph == "ascii" else _BLOCKS
    return "".join(" " if top is None else _sign(top, low, highest, signs) for top in tops)


def _sign(value: float, low: float, high: float, signs: str) -> str:
    if high <= low:
        return signs[0]
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return signs[min(int(share * len(signs)), len(signs) - 1)]


def band(value: float | None, usual: Usual, cells: int, glyphs: Glyphs) -> str:
    """`··[··x|···]··`: the usual from its 5th to its 95th percentile, its middle, and where the value is."""
    inner = max(cells // 2, 4)
    spread = usual.high - usual.low
    width = spread / inner if spread > 0 else max(abs(usual.middle) * 0.1, 1e-9) / inner
    left = (cells - inner) // 2

    def place(at: float) -> int:
        return min(max(left + round((at - usual.low) / width), 0), cells - 1)

    signs = [glyphs.dot] * cells
    signs[place(usual.middle)] = "|"
    signs[place(usual.low)] = "["
    signs[place(usual.high) if spread > 0 else min(left + inner, cells - 1)] = "]"
    if value is not None:
        signs[place(value)] = "x"
    return "".join(signs)
