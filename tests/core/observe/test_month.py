from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.observe import assemble, month
from sretool.core.slo.budget import Count, Past
from sretool.core.slo.model import CalendarUnit, CalendarWindow
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


def around(past: Past) -> month.Period:
    """The month that the last step of `past` lies in, in UTC."""
    return month.period(f"{past.until - STEP:%Y-%m}", past.until, "UTC")


def reported(past: Past, asked: month.Period | None = None) -> month.MonthOfSlo:
    (status,) = assemble.statuses([slo()], {}, {}, past.until)
    return month.of_slo(status, past, ((), False), (), asked or around(past))


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


@pytest.mark.parametrize(
    ("zone", "name", "start", "end"),
    [
        ("Europe/Berlin", "2026-10", at(2026, 9, 30, 22), at(2026, 10, 31, 23)),
        ("America/New_York", "2026-03", at(2026, 3, 1, 5), at(2026, 4, 1, 4)),
        ("Asia/Kolkata", "2026-02", at(2026, 1, 31, 18, 30), at(2026, 2, 28, 18, 30)),
        ("Pacific/Auckland", "2026-04", at(2026, 3, 31, 11), at(2026, 4, 30, 12)),
    ],
)
def test_a_zones_midnights_cut_the_month(zone: str, name: str, start: datetime, end: datetime) -> None:
    found = month.period(name, NOW, zone)
    assert (found.start, found.end, found.until) == (start, end, end)


def test_a_month_begins_when_it_begins_there() -> None:
    early = at(2026, 11, 1, 2)
    with pytest.raises(UsageError, match="2026-11 has not begun yet in America/New_York"):
        month.period("2026-11", early, "America/New_York")
    assert month.period("2026-12", at(2026, 11, 30, 20), "Asia/Tokyo").until == at(2026, 11, 30, 20)


def test_the_zone_asked_for_counts_before_that_of_the_calendar() -> None:
    calendar = CalendarWindow(CalendarUnit.MONTH, "Asia/Tokyo")
    own = slo(calendar=calendar)
    assert month.period_of(own, "2026-09", NOW, None).zone == "Asia/Tokyo"
    assert month.period_of(own, "2026-09", NOW, "Europe/Berlin").zone == "Europe/Berlin"
    assert month.period_of(slo(), "2026-09", NOW, None).zone == "UTC"


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"]


@pytest.mark.slow
@given(st.sampled_from(ZONES), st.integers(2015, 2025), st.integers(1, 12))
def test_days_of_any_zone_tile_the_month(zone: str, year: int, number: int) -> None:
    asked = month.period(f"{year}-{number:02}", NOW, zone)
    steps = (asked.end - asked.start) // STEP
    found = reported(Past(asked.end, STEP, (Count(0.0, 1.0),) * steps), asked)
    assert found.days[0].start == asked.start
    assert found.days[-1].end == asked.end
    assert len(found.days) == (asked.local(asked.end) - timedelta(hours=3)).day
    for day in found.days:
        local = asked.local(day.start)
        # Where the clocks are put forward at midnight, the day begins at one.
        assert (local.hour, local.minute) in {(0, 0), (1, 0)}
        assert day.total == pytest.approx((day.end - day.start) / STEP)
        assert timedelta(hours=23) <= day.end - day.start <= timedelta(hours=25)
    for week in found.weeks[1:]:
        assert asked.local(week.start).weekday() == 0
    assert sum(week.total for week in found.weeks) == steps
