from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sretool.core.slo.budget import (
    NOTHING_AHEAD,
    Count,
    Past,
    buckets,
    budget_left,
    burn,
    burn_down,
    events_left,
    never_exhausts,
    outlook,
    time_to_detect,
)
from sretool.core.slo.model import Severity
from tests.support.slos import slo

B = Decimal("0.001")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MONTH = timedelta(days=30)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

budgets = st.decimals(min_value="0.00001", max_value="0.5", places=5)
totals = st.floats(min_value=1, max_value=1e9)
ratios = st.floats(min_value=0, max_value=1)


def month(ratio: float = 0.0, traffic: float = 1000.0) -> list[Count | None]:
    """Thirty days of even traffic, hour by hour."""
    return [Count(ratio * traffic, traffic) for _ in range(720)]


def past(counts: list[Count | None]) -> Past:
    return Past(NOON, HOUR, tuple(counts))


def left_of(counts: list[Count | None]) -> tuple[float, float]:
    bad = sum(count.bad for count in counts if count)
    total = sum(count.total for count in counts if count)
    left = budget_left(bad, total, B)
    assert left is not None
    return left, total


@given(bad=ratios, total=totals, budget=budgets)
def test_budget_left_is_one_minus_what_the_window_burnt(bad: float, total: float, budget: Decimal) -> None:
    left = budget_left(bad * total, total, budget)
    assert left == pytest.approx(1 - burn(bad, budget), abs=1e-9 / float(budget))


@given(bad=ratios, total=totals, budget=budgets)
def test_events_left_and_budget_left_tell_the_same(bad: float, total: float, budget: Decimal) -> None:
    left = budget_left(bad * total, total, budget)
    assert left is not None
    expected = left * float(budget) * total
    assert events_left(bad * total, total, budget) == pytest.approx(expected, abs=1e-9 * total)


def test_an_overspent_budget_is_not_clamped() -> None:
    assert budget_left(bad=50, total=1000, budget=B) == pytest.approx(-49)


def test_no_events_mean_no_budget() -> None:
    assert budget_left(0, 0, B) is None


@pytest.mark.parametrize(
    ("ratio", "page", "ticket"),
    [
        pytest.param(1, 1, 5, id="full outage"),
        pytest.param(0.1, 9, 44, id="10 %"),
        pytest.param(0.015, 58, 288, id="1.5 %"),
        pytest.param(0.007, 309, 618, id="0.7 %"),
        pytest.param(0.0035, None, 1235, id="0.35 %"),
        pytest.param(0.0009, None, None, id="below the budget"),
    ],
)
def test_time_to_detect_at_99_9_percent(ratio: float, page: int | None, ticket: int | None) -> None:
    def first(severity: Severity) -> int | None:
        found = [time_to_detect(pair, MONTH, B, ratio) for pair in slo().alerts if pair.severity is severity]
        return min((each // MINUTE for each in found if each is not None), default=None)

    assert (first(Severity.PAGE), first(Severity.TICKET)) == (page, ticket)


@given(ratio=st.floats(min_value=1e-6, max_value=1))
def test_a_pair_detects_exactly_the_ratios_above_its_limit(ratio: float) -> None:
    for pair in slo().alerts:
        seen = time_to_detect(pair, MONTH, B, ratio)
        assert (seen is None) == (Decimal(repr(ratio)) <= pair.factor(MONTH) * B)
        assert seen is None or seen <= pair.long


def test_with_a_clean_past_the_budget_lasts_window_over_burn() -> None:
    counts = month()
    left, total = left_of(counts)
    found = outlook(left, total, B, 14.4, past(counts))
    assert found.exhausts_in is not None
    assert found.exhausts_in / HOUR == pytest.approx(720 / 14.4, rel=1e-6)
    assert found.recovers_in is None


def test_expiring_errors_stretch_the_budget() -> None:
    counts = month()
    counts[:100] = [Count(4.0, 1000.0)] * 100
    left, total = left_of(counts)
    empty_past = left * 720 / 2
    found = outlook(left, total, B, 2.0, past(counts))
    assert found.exhausts_in is not None
    assert found.exhausts_in / HOUR > empty_past


def test_a_budget_can_stay_overspent_while_it_burns_at_two() -> None:
    counts = month(ratio=0.002)
    left, total = left_of(counts)
    assert left == pytest.approx(-1)
    assert outlook(left, total, B, 2.0, past(counts)) == NOTHING_AHEAD


def test_an_overspent_budget_recovers_when_the_incident_expires() -> None:
    counts = month()
    counts[200:202] = [Count(600.0, 1000.0)] * 2
    left, total = left_of(counts)
    assert left < 0
    found = outlook(left, total, B, 0.0, past(counts))
    assert found.exhausts_in is None
    assert found.recovers_in is not None
    # 1,200 bad events, 720 allowed: 480 of the 600 in the first bad hour have to leave.
    assert found.recovers_in / HOUR == pytest.approx(200 + 480 / 600)


def test_a_recent_incident_and_a_burn_below_one_can_still_exhaust() -> None:
    counts = month()
    counts[-1] = Count(700.0, 1000.0)
    left, total = left_of(counts)
    found = outlook(left, total, B, 0.9, past(counts))
    assert found.exhausts_in is not None


def test_a_night_is_not_taken_for_the_days_traffic() -> None:
    night_and_day: list[Count | None] = [
        Count(0.0, 100.0 if hour % 24 < 12 else 1900.0) for hour in range(720)
    ]
    left, total = left_of(night_and_day)
    found = outlook(left, total, B, 14.4, past(night_and_day))
    assert found.exhausts_in is not None
    assert found.exhausts_in / HOUR == pytest.approx(50, abs=12)


def test_a_young_slo_expects_the_traffic_it_knows() -> None:
    counts: list[Count | None] = [None] * 700 + [Count(0.0, 1000.0)] * 20
    left, total = left_of(counts)
    found = outlook(left, total, B, 100.0, past(counts))
    # 20,000 events allow 20 bad ones and each further event brings 0.001 allowance and 0.1 bad ones.
    assert found.exhausts_in is not None
    assert found.exhausts_in / HOUR == pytest.approx(20 / (100 - 1), rel=1e-2)


@given(
    bad=st.lists(st.floats(min_value=0, max_value=5), min_size=24, max_size=24),
    present=st.floats(min_value=0, max_value=50),
)
def test_a_budget_that_never_exhausts_does_not_in_the_simulation(bad: list[float], present: float) -> None:
    counts: list[Count | None] = [Count(each, 1000.0) for each in bad]
    left, total = left_of(counts)
    found = outlook(left, total, B, present, past(counts))
    if never_exhausts(left, present):
        assert found == NOTHING_AHEAD
    if left >= 0 and present > 1.000001:
        assert found.exhausts_in is not None
        assert found.exhausts_in <= timedelta(hours=24)
    if left < 0 and present < 0.999999:
        assert found.recovers_in is not None


@given(st.lists(st.floats(min_value=0, max_value=1000), min_size=2, max_size=50))
def test_a_burn_down_only_goes_down_and_ends_at_the_present(bad: list[float]) -> None:
    assume(sum(bad) > 0)
    counts: list[Count | None] = [Count(each, 1000.0) for each in bad]
    points = [left for _, left in burn_down(past(counts), B)]
    assert points == sorted(points, reverse=True)
    assert points[-1] == pytest.approx(left_of(counts)[0])


def test_a_burn_down_has_no_point_where_there_is_no_data() -> None:
    points = burn_down(past([Count(0, 10), None, Count(0, 10)]), B)
    assert [at for at, _ in points] == [NOON - 2 * HOUR, NOON]


def test_buckets_keep_gaps_apart_from_silence() -> None:
    at = [NOON - back * HOUR for back in (3, 2, 1, 0)]
    found = buckets(
        bad=[(at[1], 2.0)], total=[(at[1], 10.0), (at[3], 0.0)], until=NOON, step=HOUR, window=4 * HOUR
    )
    assert found.counts == (None, Count(2, 10), None, Count(0, 0))
