from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.tui import format as fmt
from sretool.tui.chart import (
    Band,
    Chart,
    Curve,
    Limit,
    Mark,
    draw,
    legend,
    legend_parts,
    peak_of,
    pinned,
    plot_columns,
    readings,
)
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
        curves=(Curve(at, MINUTE),),
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
        "   └┬──────────────┬─────────────┬",
        " 03:00Z         03:30Z      04:00Z",
    ]


def test_missing_points_are_a_gap_in_the_line_and_on_the_axis() -> None:
    points = [(minute, 0.5) for minute in range(61) if not 20 <= minute < 40]
    rows = _text(_chart(points))
    ink = _columns_with_ink(rows)
    assert not ink & set(range(11, 19))
    assert ink >= {0, 9, 21, 29}
    assert rows[-2][4 + 12 : 4 + 18] == "╌" * 6
    assert rows[-2][4:12] == "┬" + "─" * 7


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


BLOCK = replace(fmt.UNICODE, graph="block")
GRAPHS = pytest.mark.parametrize("glyphs", [fmt.UNICODE, BLOCK, fmt.ASCII], ids=["braille", "block", "ascii"])
FLAT = [(float(minute), 0.5) for minute in range(61)]


def test_blocks_where_the_font_has_no_braille() -> None:
    rows = _text(_chart([(minute, minute / 60) for minute in range(61)]), glyphs=BLOCK)
    ink = {sign for row in rows[:-2] for sign in row[4:]} - {" "}
    assert ink
    assert ink <= set("▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_point_without_a_value_interrupts_the_line(missing: float | None) -> None:
    points = [(START + minute * MINUTE, 0.5 if minute != 30 else missing) for minute in range(0, 61, 10)]
    chart = replace(_chart([]), curves=(Curve(points, 10 * MINUTE),))
    rows = _text(chart)
    assert _columns_with_ink(rows) == {*range(11), *range(20, 30)}
    assert set(rows[-2][4 + 11 : 4 + 19]) == {"╌"}


def test_what_is_beyond_every_scale_is_drawn_at_the_edge() -> None:
    rows = _text(_chart([(10, math.inf), (11, math.inf), (40, -math.inf), (41, -math.inf)]))
    assert _columns_with_ink([rows[0], "", ""]) == {5}
    assert _columns_with_ink([rows[3], "", ""]) == {20}


def test_what_is_compared_is_named_beside_the_present_or_neither_is() -> None:
    now = Curve([(START, 0.1)], MINUTE, "now")
    before = Curve([(START, 0.2)], MINUTE, "1h ago", compared=True)
    (part,) = legend_parts(replace(_chart([]), curves=(now, before)), fmt.ASCII)
    assert "".join(span.text for span in part) == "* now  o 1h ago"


def test_several_lines_are_told_apart_by_shape_and_role() -> None:
    second = Curve([(START + minute * MINUTE, 0.1) for minute in range(61)], MINUTE, "p99")
    first = Curve([(START + minute * MINUTE, 0.9) for minute in range(61)], MINUTE, "p50")
    chart = replace(_chart([]), curves=(first, second))
    lines = draw(chart, 34, 6, fmt.UNICODE)
    assert {span.role for span in lines[0]} >= {"chart"}
    assert {span.role for span in lines[3]} >= {"chart2"}
    assert len(set(plain(lines[0])[4:])) == 1
    assert len(set(plain(lines[3])[4:])) > 1
    assert plain(legend(chart, fmt.UNICODE)) == "⠒⠒⠒⠒ p50  ⠒⠒ ⠒ p99  "
    assert plain(legend(chart, fmt.ASCII)) == "* p50  o p99  "
    ascii_rows = [plain(line) for line in draw(chart, 34, 6, fmt.ASCII)]
    assert "*" in ascii_rows[0]
    assert "o" in ascii_rows[3]


def test_a_peak_of_a_dashed_line_is_never_between_two_dashes() -> None:
    for minute in range(10, 50):
        points = [(START + at * MINUTE, 1.0 if at == minute else 0.0) for at in range(61)]
        flat = Curve([(START, 0.0)], MINUTE)
        rows = _text(replace(_chart([]), curves=(flat, Curve(points, MINUTE))))
        assert _columns_with_ink([rows[0], "", ""]), minute


def test_the_compared_time_is_faint_and_says_nothing_about_present_data() -> None:
    before = Curve([(START + minute * MINUTE, 0.9) for minute in range(61)], MINUTE, "1w ago", compared=True)
    chart = replace(
        _chart(FLAT[:30]), curves=(Curve(_chart(FLAT[:30]).curves[0].points, MINUTE, "now"), before)
    )
    lines = draw(chart, 34, 6, fmt.UNICODE)
    assert {span.role for span in lines[0][2:]} == {"dim", "text"}
    assert set(plain(lines[-2])[4 + 16 :]) == {"╌"}


def test_marks_and_bands_are_drawn_where_no_line_runs_and_are_named() -> None:
    chart = replace(
        _chart(FLAT),
        marks=(Mark(START + 10 * MINUTE, "deploy v412"), Mark(START - MINUTE, "before the chart")),
        bands=(
            Band(START + 30 * MINUTE, START + 40 * MINUTE, "maintenance"),
            Band(START - SPAN, START, "old"),
        ),
    )
    rows = _text(chart)
    for row in (rows[0], rows[3]):
        assert [at for at, sign in enumerate(row[4:]) if sign == "┆"] == [5]
        assert [at for at, sign in enumerate(row[4:]) if sign == "░"] == [15, 16, 17, 18, 19, 20]
    assert _columns_with_ink(rows) == set(range(30))
    assert plain(legend(chart, fmt.UNICODE)) == "░ maintenance  ┆ deploy v412  "


def test_a_band_that_is_not_over_reaches_the_edge() -> None:
    rows = _text(replace(_chart([]), bands=(Band(START - SPAN, START + 9 * SPAN, "fault"),)))
    assert rows[0][4:] == "░" * 30


def test_the_cursor_reads_the_nearest_measured_point_of_every_line() -> None:
    chart = replace(
        _chart([(10, 0.25), (11, 0.5), (40, 1.0)]), cursor=START + timedelta(minutes=10, seconds=50)
    )
    (reading,) = readings(chart)
    assert (reading.at, reading.value) == (START + 11 * MINUTE, 0.5)
    assert rows_with(_text(chart), "│", 4 + 5)
    assert readings(replace(chart, cursor=START + 20 * MINUTE)) == ()
    assert readings(replace(chart, cursor=None)) == ()


def rows_with(rows: Sequence[str], sign: str, column: int) -> list[str]:
    return [row for row in rows if row[column] == sign]


def test_a_range_shows_every_finite_value_and_what_it_must() -> None:
    curve = Curve([(START, 0.2), (START, math.inf), (START, None), (START, math.nan)], MINUTE)
    assert pinned([curve], at_least_to=1.0, room=1.0) == (0.0, 1.0)
    assert pinned([Curve([(START, 5.0), (START, -5.0)], MINUTE)], at_least_to=1.0, room=1.0) == (-5.0, 5.0)
    assert pinned([], at_least_to=0.0) == (0.0, 1.0)


def test_the_peak_of_nothing_but_zeros_is_zero() -> None:
    assert peak_of([Curve([(START, 0.0), (START, math.nan), (START, None)], MINUTE)]) == 0.0
    assert peak_of([Curve([(START, 0.25), (START, math.inf)], MINUTE), Curve([], MINUTE)]) == 0.25
    assert peak_of([]) == 0.0


@pytest.mark.parametrize(
    ("span", "label"),
    [
        pytest.param(timedelta(minutes=15), "03:05Z", id="minutes"),
        pytest.param(timedelta(hours=6), "04:00Z", id="hours"),
        pytest.param(timedelta(hours=36), "21 Nov", id="midnight is named by its day"),
        pytest.param(timedelta(days=30), "8 Dec", id="days"),
    ],
)
def test_the_time_axis_has_round_times(span: timedelta, label: str) -> None:
    chart = replace(_chart([]), end=START + span)
    assert label in _text(chart, 80)[-1]


def test_the_time_axis_may_be_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        labels = plain(draw(_chart([]), 60, 5, fmt.UNICODE, local_time=True)[-1])
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert labels.split() == ["08:30", "08:45", "09:00", "09:15", "09:30"]


@GRAPHS
@given(
    width=st.integers(1, 120),
    height=st.integers(0, 30),
    values=st.lists(st.none() | st.floats(), max_size=20),
    high=st.floats(1e-9, 1e6),
    cursor=st.none() | st.integers(-10, 80),
)
def test_a_chart_has_exactly_the_size_it_was_given(
    glyphs: fmt.Glyphs, width: int, height: int, values: list[float | None], high: float, cursor: int | None
) -> None:
    points = [(START + 3 * number * MINUTE, value) for number, value in enumerate(values)]
    chart = replace(
        _chart([], high, Limit(high / 2, "h")),
        curves=(Curve(points, 3 * MINUTE), Curve(points[::-1], MINUTE), Curve(points, MINUTE, compared=True)),
        cursor=START + cursor * MINUTE if cursor is not None else None,
        marks=(Mark(START + 20 * MINUTE, "deploy"),),
        bands=(Band(START + 30 * MINUTE, START + 90 * MINUTE, "fault"),),
        ideal=(high, 0.0),
    )
    lines = draw(chart, width, height, glyphs)
    assert len(lines) == height
    assert all(cells(line) == width for line in lines)
    assert plot_columns(chart, width, height) >= 1
    legend(chart, glyphs)
    readings(chart)


def test_no_time_at_all_is_no_division_by_zero() -> None:
    assert len(_text(replace(_chart(FLAT), end=START))) == 6
