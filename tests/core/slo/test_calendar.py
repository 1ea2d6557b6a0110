from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.budget import period_outlook
from sretool.core.slo.model import CalendarUnit, CalendarWindow
from tests.support.slos import slo

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("unit", "zone", "at", "start", "end"),
    [
        pytest.param("week", "UTC", "2026-11-21T08:00", "2026-11-16T00:00", "2026-11-23T00:00", id="week"),
        pytest.param(
            "month", "UTC", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00", id="December"
        ),
        pytest.param(
            "month", "UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00", id="leap day"
        ),
        pytest.param(
            "quarter", "UTC", "2026-05-31T12:00", "2026-04-01T00:00", "2026-07-01T00:00", id="quarter"
        ),
        pytest.param(
            "month",
            BERLIN,
            "2026-10-31T23:30",
            "2026-10-31T23:00",
            "2026-11-30T23:00",
            id="midnight elsewhere",
        ),
        pytest.param(
            "month", BERLIN, "2026-10-25T12:00", "2026-09-30T22:00", "2026-10-31T23:00", id="clocks go back"
        ),
        pytest.param(
            "week", BERLIN, "2026-03-29T12:00", "2026-03-22T23:00", "2026-03-29T22:00", id="clocks go forward"
        ),
        pytest.param(
            "quarter", "Asia/Tokyo", "2026-12-31T15:00", "2026-12-31T15:00", "2027-03-31T15:00", id="new year"
        ),
    ],
)
def test_where_a_period_begins_and_ends(unit: str, zone: str, at: str, start: str, end: str) -> None:
    calendar = CalendarWindow(CalendarUnit(unit), zone)
    moment, first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (at, start, end))
    assert (calendar.start(moment), calendar.end(moment)) == (first, last)


@given(
    at=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),
    unit=st.sampled_from(CalendarUnit),
    zone=st.sampled_from(
        ["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
    ),
)
def test_periods_follow_each_other_without_a_gap(at: datetime, unit: CalendarUnit, zone: str) -> None:
    calendar, moment = CalendarWindow(unit, zone), at.replace(tzinfo=UTC)
    start, end = calendar.start(moment), calendar.end(moment)
    assert start <= moment < end
    assert calendar.start(end) == end
    assert calendar.start(end - timedelta(seconds=1)) == start


def test_the_window_of_a_month_grows() -> None:
    month = slo(calendar=CalendarWindow(CalendarUnit.MONTH))
    assert month.length(datetime(2026, 11, 3, 0, 0, 30, tzinfo=UTC)) == timedelta(days=2)
    assert month.length(datetime(2026, 11, 1, tzinfo=UTC)) == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("left", "burn", "exhausts", "recovers"),
    [
        # 1,000,000 events so far allow 1,000 bad ones; 10 a second bring 0.01 more each second.
        pytest.param(0.5, 2.0, 50_000, None, id="burns twice as fast"),
        pytest.param(0.5, 1.0, None, None, id="even"),
        pytest.param(0.5, 1.001, None, None, id="not before the period is over"),
        pytest.param(-0.1, 0.0, None, 10_000, id="overspent and quiet"),
        pytest.param(-0.1, 3.0, None, 864_000, id="overspent until the next period"),
    ],
)
def test_what_becomes_of_a_period(
    left: float, burn: float, exhausts: float | None, recovers: float | None
) -> None:
    found = period_outlook(left, 1e6, slo().budget, burn, 10, timedelta(days=10))
    seconds = [each.total_seconds() if each else None for each in (found.exhausts_in, found.recovers_in)]
    assert seconds == [
        pytest.approx(exhausts) if exhausts else None,
        pytest.approx(recovers) if recovers else None,
    ]


@given(
    left=st.floats(-2, 1),
    burn=st.floats(0, 20),
    rate=st.floats(0.01, 1000),
    total=st.floats(1e3, 1e9),
)
def test_at_the_moment_it_names_the_budget_is_used_up_or_back(
    left: float, burn: float, rate: float, total: float
) -> None:
    budget, over_in = slo().budget, timedelta(days=10)
    found = period_outlook(left, total, budget, burn, rate, over_in)
    moment = found.exhausts_in if left >= 0 else found.recovers_in
    if moment is None or moment == over_in:
        return
    events = total + rate * moment.total_seconds()
    bad = (1 - left) * float(budget) * total + burn * float(budget) * rate * moment.total_seconds()
    assert bad / (float(budget) * events) == pytest.approx(1, rel=1e-5)
