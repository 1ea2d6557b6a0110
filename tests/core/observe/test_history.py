from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.observe import history
from sretool.core.observe.model import Sample, Series
from sretool.core.observe.plan import past_until
from sretool.core.slo.exclusions import key
from sretool.core.slo.model import Exclusion
from tests.support.slos import slo

NOON = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
UNTIL = past_until(NOON)
DAY = timedelta(days=1)


def test_a_month_is_drawn_with_a_point_every_three_hours() -> None:
    asked = history.queries(slo(), NOON, from_rules=True)
    assert asked.counts.step == history.budget_step(slo()) == timedelta(hours=3)
    assert (asked.counts.end - asked.counts.start) / asked.counts.step == 239


def test_without_rules_the_counters_are_asked() -> None:
    asked = history.queries(slo(), NOON, from_rules=False)
    ratios = [history.error_ratio(slo(), step, from_rules=False) for step in (timedelta(minutes=1), DAY)]
    for expr in (*ratios, asked.counts.expr, asked.spent):
        assert "slo:" not in expr
        assert "errors_total" in expr


def test_the_budget_goes_down_to_what_is_left_and_shares_add_up() -> None:
    month = slo()
    step = history.budget_step(month)
    at = [UNTIL - number * step for number in range(239, -1, -1)]
    counts = [
        Series({"figure": "total"}, tuple((each, 1000.0) for each in at)),
        Series({"figure": "bad"}, tuple((each, 100.0 if each == at[100] else 0.0) for each in at)),
    ]
    spent = [Sample({"figure": "1h"}, NOON, 0.0), Sample({"figure": "3d"}, NOON, 24.0)]
    found = history.assemble(month, NOON, counts, spent)
    assert found.budget_left[0] == (at[0], 1)
    assert found.budget_left[99][1] == 1
    # 240,000 events allow 240 bad ones.
    last_at, last = found.budget_left[-1]
    assert last_at == UNTIL
    assert last == pytest.approx(1 - 100 / 240)
    assert found.used == {
        timedelta(hours=1): 0,
        timedelta(hours=6): None,
        DAY: None,
        3 * DAY: pytest.approx(0.1),
        30 * DAY: pytest.approx(100 / 240),
    }


def test_windows_longer_than_the_slos_are_not_asked_for() -> None:
    day = slo(days=1)
    assert '"3d"' not in history.queries(day, NOON, from_rules=True).spent
    found = history.assemble(day, NOON, [], [])
    assert set(found.used) == {timedelta(hours=1), timedelta(hours=6), DAY}


def test_no_data_draws_nothing() -> None:
    found = history.assemble(slo(), NOON, [], [])
    assert found.budget_left == ()
    assert set(found.used.values()) == {None}


def test_points_of_long_steps_are_about_all_that_happened_in_them() -> None:
    short = history.error_ratio(slo(), timedelta(minutes=5), from_rules=True)
    long = history.error_ratio(slo(), timedelta(hours=1), from_rules=True)
    assert "last_over_time" in short
    assert long.count("sum_over_time") == 2
    assert long.count("[1h]") == 2
    assert "[1h]" in history.error_ratio(slo(), timedelta(hours=1), from_rules=False)


def test_what_is_excluded_spends_nothing() -> None:
    shut = slo(exclusions=(Exclusion(NOON - timedelta(hours=2), NOON - timedelta(hours=1), "work"),))
    asked = history.queries(shut, NOON, from_rules=True)
    steps = [asked.counts.start + n * asked.counts.step for n in range(240)]
    parts = history.excluded_parts(shut, NOON)
    taken = {f"bad:{key(*part)}": 40.0 for part in parts}
    found = history.assemble(
        shut,
        NOON,
        [
            Series({"figure": what}, tuple((at, value) for at in steps))
            for what, value in (("bad", 50.0), ("total", 1e5))
        ],
        [Sample({"figure": "6h"}, NOON, 100.0), Sample({"figure": "1h"}, NOON, 50.0)],
        taken,
    )
    whole = 240 * 1e5 * 0.001
    assert found.used[timedelta(hours=6)] == pytest.approx(60 / whole)
    assert found.used[timedelta(hours=1)] == pytest.approx(10 / whole)
    assert found.used[shut.window] == pytest.approx((240 * 50 - 40) / whole)
