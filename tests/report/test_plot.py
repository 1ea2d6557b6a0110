"""Axes: round values, few of them, all within the range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.report.plot import decades, moments, steps, stretches


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_steps_are_within_the_range_and_evenly_spread(low: float, size: float) -> None:
    found = steps(low, low + size)
    assert 1 <= len(found) <= 6
    assert all(low - size * 1e-6 <= each <= low + size * (1 + 1e-6) for each in found)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 216, [0, 50, 100, 150, 200]),
        (0, 1.05, [0, 0.5, 1]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 0.0148, [0, 0.005, 0.01]),
    ],
)
def test_steps_are_round(low: float, high: float, expected: list[float]) -> None:
    assert steps(low, high) == pytest.approx(expected)


@given(st.floats(1e-6, 1e3), st.floats(1.5, 1e6))
def test_decades_are_within_the_range(low: float, ratio: float) -> None:
    found = decades(low, low * ratio)
    assert len(found) <= 9
    assert all(low * (1 - 1e-9) <= each <= low * ratio * (1 + 1e-9) for each in found)
    assert found or ratio < 10


@given(st.floats(1, 40 * 86400))
def test_moments_are_few(high: float) -> None:
    found = moments(0.0, high)
    assert 1 <= len(found) <= 10
    assert found[0] == 0
    assert found[-1] <= high


def test_what_is_not_known_and_what_is_far_away_breaks_a_line() -> None:
    points = [(1.0, 1), (2.0, 2), (3.0, None), (4.0, 4), (9.0, 9), (10.0, 10)]
    assert stretches(points, gap=2) == [[(1.0, 1), (2.0, 2)], [(4.0, 4)], [(9.0, 9), (10.0, 10)]]
