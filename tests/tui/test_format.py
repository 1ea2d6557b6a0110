from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from textwrap import wrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sretool.core.slo.model import CalendarUnit, CalendarWindow
from sretool.tui import format as fmt
from tests.support.slos import slo


@given(text=st.text(max_size=40), width=st.integers(0, 30), align=st.sampled_from(["left", "right"]))
def test_a_fitted_text_has_exactly_its_width(text: str, width: int, align: fmt.Align) -> None:
    shown = "".join(char for char in text if cell_len(char) > 0 and char.isprintable())
    assert cell_len(fmt.fit(shown, width, align)) == width


def test_a_wide_character_is_never_halved() -> None:
    assert fmt.fit("結算服務", 6) == "結算 …"
    assert fmt.fit("結算服務", 8) == "結算服務"


def test_of_wide_characters_no_row_is_too_long_and_nothing_is_lost() -> None:
    text = "请确认：所有写入请求 and nothing was lost，没有数据丢失"
    for width in range(10, 60):
        rows = fmt.wrapped(text, width)
        assert max(map(cell_len, rows)) <= width
        assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert fmt.wrapped(text, 22) == ["请确认：所有写入请求", "and nothing was lost，", "没有数据丢失"]
    assert fmt.wrapped(text, 22, 2) == ["请确认：所有写入请求", "and nothing was lost …"]
    assert fmt.wrapped("請" * 9 + "x" * 12, 10) == ["請" * 5, "請" * 4, "x" * 10, "xx"]


@given(text=st.text("ab c", max_size=60), width=st.integers(10, 30))
def test_of_narrow_ones_words_stay_whole(text: str, width: int) -> None:
    assert fmt.wrapped(text, width) == wrap(text, width)
    assert fmt.wrapped(text, width, 2, "...") == wrap(text, width, max_lines=2, placeholder=" ...")


@pytest.mark.parametrize(
    ("ratio", "objective", "expected"),
    [
        pytest.param(0.98520, "0.999", "98.520", id="two digits more than the objective"),
        pytest.param(0.5, "0.5", "50.00", id="at least two digits"),
        pytest.param(0.9999994, "0.99999", "99.9999", id="a failing ratio is never shown as 100"),
        pytest.param(1.0, "0.999", "100.000", id="untouched"),
        pytest.param(None, "0.999", "no data", id="no data"),
    ],
)
def test_ratio_beside_its_objective(ratio: float | None, objective: str, expected: str) -> None:
    assert fmt.percent_of_objective(ratio, Decimal(objective)) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (None, "-"),
        (0.38, "38%"),
        (1.0, "100%"),
        (0.999, "99%"),
        (-0.12, "-12%"),
        (-0.001, "-0%"),
        (-41.2, "-41x"),
        (-10_000.0, "<-1kx"),
    ],
)
def test_budget_fits_five_cells(left: float | None, expected: str) -> None:
    assert fmt.budget_percent(left) == expected


@given(left=st.floats(-1e9, 1, allow_nan=False))
def test_no_budget_is_wider_than_its_column(left: float) -> None:
    assert len(fmt.budget_percent(left)) <= 5


@given(value=st.floats(0, 1e12, allow_nan=False))
def test_no_burn_is_wider_than_its_column(value: float) -> None:
    assert len(fmt.burn(value)) <= 5


@given(seconds=st.integers(-10, 10**10))
def test_no_time_left_is_wider_than_its_column(seconds: int) -> None:
    assert len(fmt.left_for(timedelta(seconds=seconds))) <= 5


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(hours=18, minutes=29), "18h29"),
        (timedelta(days=6, hours=3), "6d"),
        (timedelta(minutes=41), "41m"),
        (timedelta(seconds=12), "12s"),
        (timedelta(days=400), ">1y"),
        (None, "-"),
    ],
)
def test_time_left(span: timedelta | None, expected: str) -> None:
    assert fmt.left_for(span) == expected


@pytest.mark.parametrize("glyphs", [fmt.UNICODE, fmt.ASCII], ids=["unicode", "ascii"])
@given(share=st.floats(-3, 3, allow_nan=False), width=st.integers(1, 30))
def test_a_bar_fills_its_column_whatever_the_share(glyphs: fmt.Glyphs, share: float, width: int) -> None:
    assert cell_len(fmt.bar(share, width, glyphs)) == width


def test_bars_of_the_same_share_in_both_alphabets() -> None:
    assert fmt.bar(0.61, 8, fmt.UNICODE) == "████▉···"
    assert fmt.bar(0.61, 8, fmt.ASCII) == "#####---"
    assert fmt.bar(-0.1, 8, fmt.ASCII) == "--------"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0%"), (0.016, "1.6%"), (0.00001, "0.001%"), (0.0000005, "0.00005%"), (0.5, "50%"), (1.0, "100%")],
)
def test_error_ratio_as_percent(value: float, expected: str) -> None:
    assert fmt.ratio_percent(value) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(None, "-"), (0.0, "0"), (81_204.0, "81204"), (104_800.0, "104.8k"), (131e6, "131.0M"), (2e9, "2.0G")],
)
def test_event_counts(count: float | None, expected: str) -> None:
    assert fmt.events(count) == expected


def test_no_sign_of_the_ascii_alphabet_leaves_ascii() -> None:
    signs = [*fmt.ASCII.levels.values()]
    signs += [value for name in fmt.ASCII.__slots__ if isinstance(value := getattr(fmt.ASCII, name), str)]
    assert all(sign.isascii() for sign in signs)


@pytest.mark.parametrize(
    ("calendar", "name", "short"),
    [
        pytest.param(None, "30d", "30d", id="rolling"),
        pytest.param(CalendarWindow(CalendarUnit.MONTH), "this month", "mth", id="month"),
        pytest.param(CalendarWindow(CalendarUnit.QUARTER, "Asia/Tokyo"), "this quarter", "qtr", id="quarter"),
    ],
)
def test_windows(calendar: CalendarWindow | None, name: str, short: str) -> None:
    shown = slo(calendar=calendar)
    assert (fmt.window_name(shown), fmt.window_short(shown)) == (name, short)
