from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.tui import format as fmt
from sretool.tui.braille import Chart, Limit, draw
from sretool.tui.line import cells, plain
from tests.support.dashboard import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MINUTE = timedelta(minutes=1)
SPAN = 60 * MINUTE
START = NOW.replace(minute=0, second=0)


def _chart(points: Sequence[tuple[float, float]], high: float = 1.0, *limits: Limit) -> Chart:
    """Points as (minutes after the start, value)."""
    at: list[tuple[datetime, float]] = [(START + minute * MINUTE, value) for minute, value in points]
    return Chart(
        points=at,
        step=MINUTE,
        start=START,
        end=START + SPAN,
        low=0.0,
        high=high,
        label=lambda value: f"{value:.1f}",
        limits=limits,
    )


def _text(chart: Chart, width: int = 34, height: int = 6, glyphs: fmt.Glyphs = fmt.UNICODE) -> list[str]:
    return [plain(line) for line in draw(chart, width, height, glyphs)]


def _columns_with_ink(rows: Sequence[str], margin: int = 4) -> set[int]:
    plot = [row[margin:] for row in rows[:-2]]
    return {number for row in plot for number, sign in enumerate(row) if "\u2800" < sign <= "\u28ff"}


def test_a_rising_line() -> None:
    rising = _chart([(minute, minute / 60) for minute in range(61)])
    assert [row.rstrip() for row in _text(rising)] == [
        "1.0┤                       ⣀⡠⠤⠔⠒⠊⠉",
        "   │               ⢀⣀⠤⠤⠒⠒⠉⠉",
        "   │        ⣀⡠⠤⠔⠒⠊⠉⠁",
        "0.0┤⣀⣀⠤⠤⠒⠒⠉⠉",
        "   └──────────────────────────────",
        "    03:00Z         03:30Z   04:00Z",
    ]


def test_missing_points_are_a_gap_in_the_line_and_on_the_axis() -> None:
    points = [(minute, 0.5) for minute in range(61) if not 20 <= minute < 40]
    rows = _text(_chart(points))
    ink = _columns_with_ink(rows)
    assert not ink & set(range(11, 19))
    assert ink >= {0, 9, 21, 29}
    assert rows[-2][4 + 12 : 4 + 18] == "╌" * 6
    assert rows[-2][4:12] == "─" * 8


def test_a_single_peak_survives_a_narrow_chart() -> None:
    points = [(minute / 10, 1.0 if minute == 303 else 0.0) for minute in range(601)]
    rows = _text(_chart(points), width=14)
    assert any("\u2800" < sign <= "\u28ff" for sign in rows[0][4:])


def test_a_lonely_point_is_drawn() -> None:
    assert len(_columns_with_ink(_text(_chart([(30.0, 0.5)])))) == 1


def test_no_points_draw_an_empty_chart_with_a_broken_axis() -> None:
    rows = _text(_chart([]))
    assert not _columns_with_ink(rows)
    assert "─" not in rows[-2]


def test_limits_are_dashed_and_labelled() -> None:
    rows = _text(_chart([], 1.0, Limit(0.5, "0.5")), height=7)
    assert rows[2].startswith("0.5┤╌╌╌")


def test_values_outside_the_range_stay_inside_the_frame() -> None:
    rows = _text(_chart([(0, 5.0), (1, -5.0)]))
    assert len(rows) == 6


def test_ascii_charts_are_ascii() -> None:
    chart = _chart([(minute, minute / 60) for minute in range(61)], 1.0, Limit(0.5, "0.5"))
    text = "".join(_text(chart, glyphs=fmt.ASCII))
    assert text.isascii()
    assert "*" in text


@pytest.mark.parametrize("glyphs", [fmt.UNICODE, fmt.ASCII], ids=["unicode", "ascii"])
@given(
    width=st.integers(1, 120),
    height=st.integers(0, 30),
    values=st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=20),
    high=st.floats(1e-9, 1e6),
)
def test_a_chart_has_exactly_the_size_it_was_given(
    glyphs: fmt.Glyphs, width: int, height: int, values: list[float], high: float
) -> None:
    chart = _chart([(3.0 * number, value) for number, value in enumerate(values)], high, Limit(high / 2, "h"))
    lines = draw(chart, width, height, glyphs)
    assert len(lines) == height
    assert all(cells(line) == width for line in lines)
