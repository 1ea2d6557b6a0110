from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.observe import assemble, month
from sretool.core.slo.budget import Count, Past
from sretool.errors import UsageError
from tests.support.slos import slo

NOW = datetime(2026, 11, 21, 8, 43, 12, tzinfo=UTC)
STEP = timedelta(minutes=5)


def at(*date: int) -> datetime:
    return datetime(*date, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_a_month_that_is_over_is_reported_whole() -> None:
    found = month.period("2026-02", NOW)
    assert (found.start, found.end, found.until) == (at(2026, 2, 1), at(2026, 3, 1), at(2026, 3, 1))
    assert found.complete


def test_the_present_month_is_reported_so_far_in_whole_steps() -> None:
    found = month.period("2026-11", NOW)
    assert (found.end, found.until) == (at(2026, 12, 1), at(2026, 11, 21, 8, 40))
    assert not found.complete


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "november", "", "2026-11-01", "0000-01", "2026-00"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a month"):
        month.period(text, NOW)


@pytest.mark.parametrize("text", ["2026-12", "2027-01"])
def test_a_month_to_come_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="has not begun yet"):
        month.period(text, NOW)


def reported(past: Past) -> month.MonthOfSlo:
    (status,) = assemble.statuses([slo()], {}, {}, past.until)
    return month.of_slo(status, past, ((), False), ())


def test_weeks_go_from_monday_to_monday_within_the_month() -> None:
    found = reported(Past(at(2026, 12, 1), STEP, (Count(1.0, 1000.0),) * (30 * 288)))
    assert [(week.start.day, week.end.day) for week in found.weeks] == [
        (1, 2),
        (2, 9),
        (9, 16),
        (16, 23),
        (23, 30),
        (30, 1),
    ]
    assert len(found.days) == 30
    assert found.met is True
    assert found.sli == pytest.approx(0.999)
    assert found.burn_down[-1][1] == pytest.approx(0, abs=1e-9)


def test_an_overspent_budget_is_a_missed_objective() -> None:
    found = reported(Past(at(2026, 12, 1), STEP, (Count(2.0, 1000.0),) * 288))
    assert found.met is False
    assert found.budget_left == pytest.approx(-1)


def test_of_a_month_without_data_nothing_is_said() -> None:
    found = reported(Past(at(2026, 12, 1), STEP, (None,) * 288))
    assert (found.met, found.sli, found.budget_left, found.coverage) == (None, None, None, 0)
    assert all(day.sli is None for day in found.days)


@given(st.lists(st.one_of(st.none(), st.builds(Count, st.floats(0, 5), st.floats(5, 100))), max_size=900))
def test_days_and_weeks_lose_no_event(counts: list[Count | None]) -> None:
    found = reported(Past(at(2026, 11, 21, 8, 40), STEP, tuple(counts)))
    total = sum(count.total for count in counts if count is not None)
    assert sum(day.total for day in found.days) == pytest.approx(total)
    assert sum(week.total for week in found.weeks) == pytest.approx(total)
    for one, two in pairwise(found.days):
        assert one.end == two.start == two.start.replace(hour=0, minute=0)
