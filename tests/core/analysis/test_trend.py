from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.trend import Direction, reaches, slope, trend

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def points(of: Callable[[int], float], count: int = 61) -> tuple[tuple[datetime, float], ...]:
    return tuple((START + number * MINUTE, of(number)) for number in range(count))


def test_a_pool_that_fills_says_when_it_is_full() -> None:
    found = trend(points(lambda minute: 20 + 0.5 * minute), HOUR)
    assert found.direction is Direction.RISING
    assert found.per_second == pytest.approx(0.5 / 60)
    assert reaches(found, 50, 60) == pytest.approx(timedelta(minutes=20), abs=timedelta(seconds=1))


def test_noise_is_no_trend() -> None:
    found = trend(points(lambda minute: 50 + 5 * math.sin(minute * 1.7)), HOUR)
    assert found.direction is Direction.STEADY
    assert found.per_second is None
    assert reaches(found, 50, 60) is None


def test_a_flat_line_is_steady() -> None:
    assert trend(points(lambda minute: 7.0), HOUR).direction is Direction.STEADY


@pytest.mark.parametrize("minute_of_step", [10, 30, 45, 55])
def test_a_single_step_is_no_trend(minute_of_step: int) -> None:
    """A release that needs more memory does not fill it."""
    wobble = points(lambda minute: (80 if minute >= minute_of_step else 40) + math.sin(minute * 2.1))
    assert trend(wobble, HOUR).direction is Direction.STEADY


def test_what_has_stopped_growing_does_not_become_full() -> None:
    assert trend(points(lambda minute: min(minute, 25) * 1.0), HOUR).direction is Direction.STEADY


def test_peaks_do_not_bend_a_trend() -> None:
    found = trend(points(lambda minute: 20 + 0.5 * minute + (300 if minute % 13 == 0 else 0)), HOUR)
    assert found.direction is Direction.RISING
    assert found.per_second == pytest.approx(0.5 / 60, rel=0.1)


def test_what_falls_is_never_full() -> None:
    found = trend(points(lambda minute: 50 - minute * 0.3), HOUR)
    assert found.direction is Direction.FALLING
    assert reaches(found, 32, 60) is None


@pytest.mark.parametrize(
    ("count", "over"),
    [
        pytest.param(0, HOUR, id="nothing"),
        pytest.param(11, timedelta(minutes=20), id="too few points"),
        pytest.param(61, timedelta(hours=6), id="too short a past"),
    ],
)
def test_where_too_little_is_known_nothing_is_said(count: int, over: timedelta) -> None:
    found = trend(points(lambda minute: float(minute), count), over)
    assert found.direction is Direction.UNKNOWN
    assert reaches(found, 1, 2) is None


def test_what_is_too_far_ahead_is_not_told() -> None:
    found = trend(points(lambda minute: 0.001 * minute), HOUR)
    assert found.direction is Direction.RISING
    assert reaches(found, 0.06, 100) is None


def test_what_is_full_is_full_now() -> None:
    found = trend(points(lambda minute: 40 + minute), HOUR)
    assert reaches(found, 100, 100) == timedelta()


@given(
    rise=st.floats(-1e3, 1e3).filter(lambda value: value == 0 or abs(value) > 1e-3),
    start=st.floats(-1e6, 1e6),
)
def test_the_slope_of_a_straight_line_is_its_own(rise: float, start: float) -> None:
    found = slope([(float(at), start + rise * at) for at in range(20)])
    assert found.value == pytest.approx(rise, abs=1e-4)
    assert found.low <= found.value <= found.high
