from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.traffic import AMAS_LAB

LOCAL = timedelta(hours=8)


def local(day: int, hour: float) -> datetime:
    """An instant in the users' local time; 5 January 2026 was a Monday."""
    return datetime(2026, 1, day, tzinfo=UTC) + timedelta(hours=hour) - LOCAL


@pytest.mark.parametrize("hour", [19, 20.5, 22])
def test_weekday_evening_is_the_peak(hour: float) -> None:
    assert AMAS_LAB.rate(local(6, hour)) == pytest.approx(10)


@pytest.mark.parametrize("hour", [4, 8, 12])
def test_trough_is_a_fifth_of_the_peak(hour: float) -> None:
    assert AMAS_LAB.rate(local(6, hour)) == pytest.approx(2)


def test_weekend_carries_half_as_much_again() -> None:
    assert AMAS_LAB.rate(local(10, 20)) == pytest.approx(15)
    assert AMAS_LAB.rate(local(11, 12)) == pytest.approx(3)


@given(st.integers(min_value=1_500_000_000, max_value=2_500_000_000))
def test_the_curve_has_no_steps(epoch: int) -> None:
    now, soon = AMAS_LAB.rate_at(epoch), AMAS_LAB.rate_at(epoch + 60)
    assert 2 <= now <= 15
    assert abs(soon - now) <= 0.13
