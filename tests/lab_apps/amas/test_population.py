from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.lab_apps.amas import population

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS = [date(2026, 3, 1) + timedelta(days=number) for number in range(50)]


@pytest.fixture(scope="module")
def active() -> Mapping[date, set[int]]:
    """Who comes on each day."""
    return {day: set(population.active_users(day)) for day in DAYS}


@pytest.mark.parametrize(
    ("later", "expected"),
    [pytest.param(1, 0.44, id="1d"), pytest.param(7, 0.24, id="7d"), pytest.param(30, 0.13, id="30d")],
)
def test_share_of_active_users_who_come_back(
    active: Mapping[date, set[int]], later: int, expected: float
) -> None:
    pairs = [(active[day], active[day + timedelta(days=later)]) for day in DAYS[:-30]]
    again = sum(len(before & after) for before, after in pairs) / sum(len(before) for before, _ in pairs)
    assert again == pytest.approx(expected, abs=0.02)


def test_about_four_hundred_users_a_day_for_years() -> None:
    for year in (2025, 2026, 2031):
        assert 350 < len(population.active_users(date(year, 7, 1))) < 500


def test_nobody_is_active_before_registering() -> None:
    day = date(2026, 5, 5)
    assert all(population.registered(user) <= day for user in population.active_users(day))


def test_the_day_turns_at_the_users_midnight() -> None:
    assert population.day_of(datetime(2026, 1, 1, 15, 59, tzinfo=UTC)) == date(2026, 1, 1)
    assert population.day_of(datetime(2026, 1, 1, 16, 0, tzinfo=UTC)) == date(2026, 1, 2)


def test_fractions_are_evenly_spread() -> None:
    values = [population.fraction(number, 3) for number in range(10_000)]
    assert sum(values) / len(values) == pytest.approx(0.5, abs=0.01)
    assert 0 <= min(values) < 0.001
    assert 0.999 < max(values) < 1
