from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.observe import explanation
from sretool.core.observe.model import Sample, Series
from sretool.core.slo.budget import Count, Past
from sretool.core.slo.firing import Firing
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Exclusion,
    Freshness,
    NativeBucketRatio,
    Part,
    Severity,
    Shared,
)
from tests.support.slos import slo

if TYPE_CHECKING:
    from sretool.core.slo.model import Sli

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@given(days=st.integers(1, 400))
def test_one_answer_holds_any_window_in_whole_steps(days: int) -> None:
    asked = explanation.counts(slo(days=days), AT - timedelta(days=days), AT, from_rules=True)
    points = (asked.end - asked.start) // asked.step + 1
    assert points <= explanation.POINTS
    assert asked.end == AT
    assert timedelta(0) <= timedelta(days=days) - points * asked.step < asked.step


def test_counts_of_a_window_fill_it() -> None:
    asked = explanation.counts(slo(days=1), AT - 24 * HOUR, AT, from_rules=True)
    points = [(AT - 5 * MINUTE * back, 1.0) for back in range(288)]
    past = explanation.past(asked, [Series({"figure": name}, tuple(points)) for name in ("bad", "total")])
    assert past == Past(AT, 5 * MINUTE, (Count(1.0, 1.0),) * 288)


def points(*minutes: int) -> tuple[tuple[datetime, float], ...]:
    return tuple((AT + minute * MINUTE, 1.0) for minute in minutes)


def test_alerts_are_transitions_not_samples() -> None:
    labels = {"alertname": "SLOBudgetBurn", "severity": "page", "long": "1h", "short": "5m"}
    answer = [
        Series(labels, points(0, 1, 2, 10, 11)),
        Series(labels, points(12, 13)),
        Series({"alertname": "Other", "severity": "none"}, points(5, 60)),
    ]
    found = explanation.alert_firings(answer, AT + 60 * MINUTE)
    page = ("SLOBudgetBurn", Severity.PAGE)
    assert [firing for _, firing in found] == [
        Firing(*page, AT, AT + 3 * MINUTE, HOUR, 5 * MINUTE),
        Firing("Other", None, AT + 5 * MINUTE, AT + 6 * MINUTE),
        Firing(*page, AT + 10 * MINUTE, AT + 14 * MINUTE, HOUR, 5 * MINUTE),
        Firing("Other", None, AT + 60 * MINUTE, None),
    ]


def test_a_late_evaluation_ends_no_alert() -> None:
    found = explanation.alert_firings([Series({}, points(0, 2, 3))], AT + HOUR)
    assert [(each.start, each.end) for _, each in found] == [(AT, AT + 4 * MINUTE)]


def test_samples_of_a_long_time_come_in_several_answers() -> None:
    queries = explanation.alert_samples('slo="x"', AT - timedelta(days=30), AT)
    assert len(queries) == 5
    assert all((query.end - query.start) / query.step <= 11_000 for query in queries)
    assert queries[-1].end == AT
    assert [two.start - one.end for one, two in pairwise(queries)] == [MINUTE] * 4


def test_alerts_before_the_rules_were_loaded_are_played() -> None:
    bad = (0.0,) * 200 + (30.0,) * 12 + (0.0,) * 76
    past = Past(AT, 5 * MINUTE, tuple(Count(each, 60.0) for each in bad))
    real = Firing("SLOBudgetBurn", Severity.PAGE, AT - 10 * MINUTE, None, HOUR, 5 * MINUTE)
    found, replayed = explanation.completed_alerts(slo(), [real], past, AT - HOUR)
    assert replayed
    assert found[-1] == real
    assert {each.long for each in found[:-1]} == {HOUR, 6 * HOUR, 24 * HOUR, 72 * HOUR}
    assert explanation.completed_alerts(slo(), [real], past, AT - 24 * HOUR) == ((real,), False)


def test_alerts_that_were_recorded_are_not_played_once_more() -> None:
    """Some evaluations were missed, so the rules seem to be loaded later than they were."""
    past = Past(AT, 5 * MINUTE, (Count(30.0, 60.0),) * 12 + (Count(0.0, 60.0),) * 276)
    real = [
        Firing("SLOBudgetBurn", pair.severity, past.until - 24 * HOUR, AT, pair.long, pair.short)
        for pair in slo().alerts
    ]
    found, replayed = explanation.completed_alerts(slo(), real, past, AT - 20 * HOUR)
    assert (len(found), replayed) == (4, False)


def test_maintenance_of_the_slo_is_known_to_its_ledger() -> None:
    window = Exclusion(AT, AT + HOUR, "upgrade")
    (span,) = explanation.with_exclusions(slo(exclusions=(window,)), ())
    assert (span.name, span.start, span.end, span.kind.value) == ("upgrade", AT, AT + HOUR, "maintenance")


SPAN = (AT - HOUR, AT, "the burning of now")


def samples(**figures: dict[str, float]) -> list[Sample]:
    return [
        Sample({"route": route, "figure": f"{figure}:0", "__name__": "x", "le": "0.5"}, AT, value)
        for figure, routes in figures.items()
        for route, value in routes.items()
    ]


@pytest.mark.parametrize("side", ["bad", "good"])
def test_suspects_are_found_from_bad_and_from_good_events(side: str) -> None:
    bad, good = {"/a": 30.0, "/b": 10.0}, {"/a": 20.0, "/b": 90.0}
    answer = samples(**{side: bad if side == "bad" else good, "total": {"/a": 50.0, "/b": 100.0}})
    counted = EventRatio("x", "y") if side == "bad" else EventRatio(None, "y", "x")
    found = explanation.suspicion(slo(sli=counted), SPAN, answer)
    (route,) = found.breakdowns
    assert [(each.value, each.bad) for each in route.values] == [("/a", 30.0), ("/b", 10.0)]


def test_of_a_group_only_its_own_series_count() -> None:
    grouped = slo(group_by=("zone",)).member({"zone": "a"})
    answer = [
        Sample({"zone": zone, "route": route, "figure": f"{figure}:0"}, AT, value)
        for zone in "ab"
        for route in ("/x", "/y")
        for figure, value in (("bad", 1.0 if zone == "a" else 50.0), ("total", 100.0))
    ]
    (route,) = explanation.suspicion(grouped, SPAN, answer).breakdowns
    assert sum(each.bad for each in route.values) == 2


def test_what_is_asked_of_each_kind_of_counters() -> None:
    def asked(sli: Sli) -> str:
        return explanation.increments(sli, HOUR) or ""

    assert 'increase(good_total[1h]), "figure", "good:0"' in asked(
        EventRatio(None, "all_total", "good_total")
    )
    assert 'increase(bad_total[1h]), "figure", "bad:0"' in asked(EventRatio("bad_total", "all_total"))
    below = asked(BucketRatio("d_seconds", Decimal("1"), 'job="x"'))
    assert 'increase(d_seconds_bucket{job="x",le=~"1(\\\\.0)?"}[1h]), "figure", "good:0"' in below
    assert 'increase(d_seconds_count{job="x"}[1h]), "figure", "total:0"' in below
    above = asked(BucketRatio("confidence", Decimal("0.5"), good="above"))
    assert 'increase(confidence_bucket{le="0.5"}[1h]), "figure", "bad:0"' in above
    assert "histogram_fraction(-Inf, 0.2, " in asked(NativeBucketRatio("d_seconds", Decimal("0.2")))


def test_where_all_failed_no_good_event_is_needed() -> None:
    answer = samples(total={"/a": 5.0, "/b": 15.0})
    (route,) = explanation.suspicion(slo(sli=EventRatio(None, "y", "x")), SPAN, answer).breakdowns
    assert {each.value: each.bad for each in route.values} == {"/a": 5.0, "/b": 15.0}


def test_of_a_gauge_the_slices_of_each_series_are_counted() -> None:
    asked = explanation.increments(BooleanGauge('up{job="x"}'), HOUR) or ""
    assert 'sum_over_time(((up{job="x"}) == bool 1)[1h:1m]), "figure", "good:0"' in asked
    old = explanation.increments(Freshness("time() - last", 90 * MINUTE, 5 * MINUTE), HOUR) or ""
    assert 'count_over_time(((time() - last) <= bool 5400)[1h:5m]), "figure", "total:0"' in old


def test_parts_of_a_composite_are_told_apart() -> None:
    whole = Composite((Part(EventRatio("x", "y")), Part(EventRatio(None, "v", "u"))))
    asked = explanation.increments(whole, HOUR) or ""
    assert all(f'"{figure}"' in asked for figure in ("bad:0", "total:0", "good:1", "total:1"))
    answer = [
        Sample({"figure": figure}, AT, value)
        for figure, value in (("bad:0", 1.0), ("total:0", 100.0), ("good:1", 91.0), ("total:1", 100.0))
    ]
    (part,) = explanation.suspicion(slo(sli=whole), SPAN, answer).breakdowns
    assert [(each.value, each.bad) for each in part.values] == [("2", 9.0), ("1", 1.0)]


def test_a_query_for_the_ratio_has_no_suspects() -> None:
    assert explanation.increments(ErrorRatioQuery("errors[{window}]"), HOUR) is None


@pytest.mark.parametrize(
    ("query", "kind", "some", "total"),
    [
        (
            'sum(rate(x{code="5"}[{window}])) / (sum(rate(x[{window}])) > 0)',
            "bad",
            'increase(x{code="5"}[1h])',
            "increase(x[1h])",
        ),
        (
            "1 - sum by (a) (rate(ok[{window}])) / sum by (a) (rate(x[{window}]))",
            "good",
            "increase(ok[1h])",
            "increase(x[1h])",
        ),
        (
            "(sum(rate(x[{window}])) - sum(rate(ok[{window}]))) / sum(rate(x[{window}]))",
            "good",
            "increase(ok[1h])",
            "increase(x[1h])",
        ),
        (
            "(sum(increase(a[{window}])) + (sum(increase(b[{window}])) or vector(0)))"
            " / sum(increase(x[{window}]))",
            "bad",
            '(label_replace(increase(a[1h]), "counter", "1: a", "", "")'
            ' or label_replace(increase(b[1h]), "counter", "2: b", "", ""))',
            "increase(x[1h])",
        ),
    ],
)
def test_a_quotient_of_sums_of_rates_is_broken_down(query: str, kind: str, some: str, total: str) -> None:
    assert explanation.increments(ErrorRatioQuery(query), HOUR) == (
        f'label_replace({some}, "figure", "{kind}:0", "", "")'
        f' or label_replace({total}, "figure", "total:0", "", "")'
    )


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(a[{window}])) * 2 / sum(rate(x[{window}]))",
        "avg(rate(a[{window}])) / sum(rate(x[{window}]))",
        "2 - sum(rate(a[{window}])) / sum(rate(x[{window}]))",
        "1 - (sum(rate(a[{window}])) + sum(rate(b[{window}]))) / sum(rate(x[{window}]))",
        "sum(rate(a[{window}])) /",
    ],
)
def test_other_queries_have_no_suspects(query: str) -> None:
    assert explanation.increments(ErrorRatioQuery(query), HOUR) is None


def test_why_there_are_no_suspects_depends_on_whose_query_it_is() -> None:
    own = ErrorRatioQuery("errors:ratio")
    assert "write it as `bad` and `total`" in explanation.no_increments(own)
    running = ErrorRatioQuery("x", shared=Shared("y", None, "sloth_id", "shop-orders"))
    assert "--catalog" in explanation.no_increments(running)
