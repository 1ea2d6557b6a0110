from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.observe import history, plan
from tests.support.promtool import Rules
from tests.support.slos import slo

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 21, 12, 0, 41, tzinfo=UTC)


def test_few_slos_are_asked_for_by_name_and_many_all_at_once() -> None:
    assert 'slo=~"shop/a|shop/b\\\\+"' in plan.recorded([slo(id="shop/a"), slo(id="shop/b+")])
    many = [slo(id=f"shop/{number}") for number in range(1000)]
    assert len(plan.recorded(many)) < 200
    assert len(plan.ages(many)) < 200


def test_a_past_is_asked_in_hours_for_all_windows_at_once() -> None:
    (query,) = plan.past([slo(id="shop/a"), slo(id="shop/b", days=7)], NOW)
    assert query.step == timedelta(hours=1)
    assert query.end - query.start == timedelta(days=30) - query.step
    assert query.end == datetime(2026, 11, 21, 11, 59, 30, tzinfo=UTC)


def test_no_past_is_no_query() -> None:
    assert plan.past([], NOW) == ()


@pytest.mark.parametrize(
    ("days", "step"),
    [
        pytest.param(30, timedelta(hours=1), id="month"),
        pytest.param(1, timedelta(hours=1), id="day"),
        pytest.param(0.5, timedelta(minutes=30), id="half a day"),
        pytest.param(1 / 24, timedelta(minutes=5), id="an hour"),
    ],
)
def test_a_window_has_some_24_steps_or_hours(days: float, step: timedelta) -> None:
    assert plan.past_step(slo(days=days)) == step


@given(st.integers(min_value=1, max_value=60))
def test_raw_queries_are_few_and_none_is_too_long(number: int) -> None:
    slos = [slo(id=f"shop/{each}") for each in range(number)]
    queries = [*plan.raw_present(slos), *plan.raw_window(slos, NOW)]
    assert all(len(query) <= plan.QUERY_LENGTH for query in queries)
    characters = sum(map(len, queries))
    assert len(queries) <= 2 + 2 * characters / plan.QUERY_LENGTH


def test_every_question_is_promql_and_can_be_told_apart(tmp_path: Path) -> None:
    """promtool evaluates them all; a label set that appears twice would be an error."""
    slos = [slo(id="shop/a"), slo(id="shop/b", days=7)]
    ranges = [*plan.past(slos, NOW), plan.raw_past(slos[0], NOW)]
    queries = [
        plan.recorded(slos),
        plan.ages(slos),
        plan.changes(),
        plan.from_rates(slos),
        *(query.expr for query in ranges),
        *plan.raw_present(slos),
        *plan.raw_window(slos, NOW),
    ]
    for from_rules in (True, False):
        asked = history.queries(slos[0], NOW, from_rules=from_rules)
        queries += [asked.error_ratio.expr, asked.counts.expr, asked.spent]
    series = {
        "requests_total": "0+1000x60",
        "errors_total": "0+1x60",
        "up": "1x60",
        "process_start_time_seconds": "3000x60",
        **{f'slo:{what}:rate5m{{slo="shop/a",service="shop"}}': "5x60" for what in ("bad", "total")},
        'slo:info{slo="shop/a",service="shop"}': "1x60",
        'ALERTS_FOR_STATE{alertname="A",severity="page"}': "60x60",
        'ALERTS{alertname="A",severity="page",alertstate="firing"}': "1x60",
        'ALERTS_FOR_STATE{alertname="Watchdog"}': "60x60",
        'ALERTS{alertname="Watchdog",alertstate="firing"}': "1x60",
    }
    counts = Rules("groups: []", series).values(tmp_path, [(f"count({query})", 60) for query in queries])
    assert counts[:3] == [2, 2, 2]
    # Thirteen windows, and three figures for each of two lengths, of the one SLO with history.
    assert counts[3] == 19
    assert counts[4:6] == [2, 2]
    assert all(counts)
