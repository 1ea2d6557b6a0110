from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.catalog.model import Dependency
from sretool.core.observe import history, plan
from sretool.core.slo.model import BooleanGauge, CalendarUnit, CalendarWindow, Exclusion, NativeBucketRatio
from tests.support.promtool import Rules
from tests.support.slos import slo

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.slo.model import Sli

MINUTE = timedelta(minutes=1)
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
        queries += [asked.counts.expr, asked.spent]
        for step in (timedelta(minutes=1), timedelta(hours=1)):
            queries.append(history.error_ratio(slos[0], step, from_rules=from_rules))
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
    # Beside a start and an alert, how many targets there are and how many of them answer.
    assert counts[:3] == [2, 2, 4]
    # Thirteen windows, and three figures for each of two lengths, of the one SLO with history.
    assert counts[3] == 19
    assert counts[4:6] == [2, 2]
    assert all(counts)


def test_groups_of_one_slo_are_asked_for_once() -> None:
    routes = slo(id="shop/routes", group_by=("route",))
    members = [routes.member({"route": route}) for route in ("/a", "/b")]
    assert plan.recorded(members) == plan.recorded([routes])


def test_only_calendar_windows_and_exclusions_need_sums_of_their_own() -> None:
    assert plan.sums([slo()], NOW) is None
    month = slo(calendar=CalendarWindow(CalendarUnit.MONTH))
    long_ago = Exclusion(NOW - timedelta(days=60), NOW - timedelta(days=59), "x")
    assert plan.sums([slo(exclusions=(long_ago,))], NOW) is None
    query = plan.sums([month], NOW)
    assert query is not None
    assert query.count("sum_over_time") == 2


def test_excluded_spans_end_where_rates_no_longer_see_them_and_do_not_overlap() -> None:
    def span(start: int, end: int) -> Exclusion:
        return Exclusion(NOW - timedelta(minutes=start), NOW - timedelta(minutes=end), "x")

    def found(*spans: Exclusion) -> list[tuple[float, float]]:
        each = plan.excluded_spans(slo(days=1, exclusions=spans), NOW)
        return [((NOW - start) / MINUTE, (NOW - end) / MINUTE) for start, end in each]

    assert found(span(60, 30)) == [(60, 25)]
    assert found(span(60, 30), span(27, 10)) == [(60, 5)]
    assert found(span(60, 10), span(50, 30)) == [(60, 5)]
    assert found(span(2000, 1400), span(3, -60)) == [(1440, 1395), (3, 0)]


@pytest.mark.parametrize(
    "sli", [BooleanGauge("up"), NativeBucketRatio("h", Decimal(1))], ids=["gauge", "native"]
)
def test_every_query_of_every_kind_is_promql(sli: Sli) -> None:
    odd = slo(
        id="shop/odd",
        sli=sli,
        group_by=("route",),
        min_events=10,
        exclusions=(Exclusion(NOW - timedelta(hours=1), NOW, "x"),),
        calendar=CalendarWindow(CalendarUnit.WEEK),
    )
    member = odd.member({"route": 'a"$1\\'})
    queries = [
        plan.recorded([member]),
        plan.sums([member], NOW) or "",
        plan.from_rates([member]),
        plan.raw_past(member, NOW).expr,
        *(query.expr for query in plan.past([member], NOW)),
        *plan.raw_present([odd]),
        *plan.raw_window([odd], NOW),
    ]
    for query in queries:
        promql_parser.parse(query)


def test_what_works_is_told_by_the_best_of_its_parts(tmp_path: Path) -> None:
    dependencies = [
        Dependency("db", "Database", up="db_up or db_gone"),
        Dependency("cache", "Cache", up="min(cache_up)"),
        Dependency("mail", "Mail"),
        Dependency("dns", "Names", up="dns_up"),
    ]
    query = plan.working(dependencies)
    assert query is not None
    series = {'db_up{node="a"}': "0x60", 'db_up{node="b"}': "1x60", "cache_up": "0x60"}
    found = Rules("groups: []", series).values(tmp_path, [(f"sum({query})", 60), (f"count({query})", 60)])
    assert found == [1, 2]
    assert plan.working([Dependency("mail", "Mail")]) is None
