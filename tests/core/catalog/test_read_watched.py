"""What a catalog may say of resources, calls, headroom, journeys and figures, and what is wrong about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sretool.core.catalog.model import Bound, Threshold
from sretool.core.catalog.read import read
from sretool.core.catalog.watched import Cycle, FigureGroup, Side
from tests.core.catalog.test_read import GOOD, only
from tests.support import watched


def test_a_shop_on_kubernetes_can_say_all_it_watches() -> None:
    found = watched.system().watched
    node, pod, gpu = found.resources
    assert node.by == ("zone", "node")
    assert node.utilisation[0].thresholds == (
        Threshold(Bound.ABOVE, 0.7, "warn"),
        Threshold(Bound.ABOVE, 0.9, "bad"),
        Threshold(Bound.ABOVE, 0.98, "emergency"),
    )
    assert {measure.unit for measure in node.utilisation} == {"ratio"}
    assert pod.errors[0].unit == "per_min"
    assert gpu.not_configured is not None
    pay = next(call for call in found.calls if call.id == "pay")
    assert (pay.service, pay.to) == ("amas", "pay")
    assert pay.duration is not None
    assert (pay.duration.title, pay.duration.unit) == ("p99", "ms")
    lag = next(each for each in found.headroom if each.id == "lag")
    assert (lag.limit, lag.unit, lag.over) == (30.0, "s", timedelta(hours=1))
    assert next(each for each in found.headroom if each.id == "disk").over == timedelta(hours=6)
    paid = next(figure for figure in found.figures if figure.id == "paid")
    assert (paid.by, paid.bad, paid.cycle) == (("channel",), Side.BELOW, Cycle.WEEK)
    revenue = next(figure for figure in found.figures if figure.id == "revenue")
    assert (revenue.group, revenue.unit, revenue.currency) == (FigureGroup.MONEY, "money", "EUR")
    assert [step.title for step in found.journeys[0].steps] == ["cart", "address", "pay"]


def test_apdex_counts_the_satisfied_whole_and_the_tolerating_half() -> None:
    (apdex,) = watched.system().watched.apdex
    assert apdex.expr == (
        '(sum(rate(http_request_seconds_bucket{le="0.5"}[5m]))'
        ' + sum(rate(http_request_seconds_bucket{le=~"2(\\\\.0)?"}[5m])))'
        " / 2 / (sum(rate(http_request_seconds_count[5m])) > 0)"
    )


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        pytest.param(
            "figures:\n  - {id: a, title: A, source: x, expr: x, cycl: day}",
            "unknown key 'cycl'; did you mean 'cycle'?",
            id="a key that is not there",
        ),
        pytest.param(
            "resources:\n  - {id: a, title: A, source: x}",
            "a resource has `utilisation`, `saturation` or `errors`, or `not_configured` that says what is",
            id="a resource without anything",
        ),
        pytest.param(
            "calls:\n  - {id: a, title: A}",
            "`rate`, or `not_configured` that says what would have to be set up, is missing",
            id="a call without a rate",
        ),
        pytest.param(
            "calls:\n  - {id: a, title: A, rate: {expr: x}}",
            "`source` is missing: what is measured says where its figures come from",
            id="no source",
        ),
        pytest.param(
            "headroom:\n  - {id: a, title: A, source: x, used: x, over: 5m}",
            "a trend is read over 10m at least and 7d at most",
            id="too short a look back",
        ),
        pytest.param(
            "headroom:\n  - {id: a, title: A, used: x, not_configured: y}",
            "either `used`, or `not_configured` that says what is missing",
            id="both",
        ),
        pytest.param(
            "journeys:\n  - {id: a, title: A, source: x, sli: x, slo: shop/availabilty}",
            "no SLO 'shop/availabilty' is declared; did you mean 'shop/availability'?",
            id="an SLO that is not there",
        ),
        pytest.param(
            "figures:\n  - {id: a, title: A, source: x, expr: x, unit: money}",
            "`unit: money` and `currency` go together",
            id="money of no currency",
        ),
        pytest.param(
            "figures:\n  - {id: a, title: A, source: x, expr: x, group: busines}",
            "group: 'busines' is not possible; did you mean 'business'?",
            id="a group that is not there",
        ),
        pytest.param(
            "apdex:\n  - {id: a, title: A, source: x, histogram: h, satisfied: 2, tolerating: 1}",
            "what is tolerated is longer than what satisfies",
            id="apdex the wrong way round",
        ),
        pytest.param(
            "probes:\n  - {id: a, title: A, source: x, expr: 'up{'}",
            "expr: has a '{' that nothing closes",
            id="PromQL that is not closed",
        ),
        pytest.param(
            "resources:\n  - {id: a, title: A, not_configured: x}\n  - {id: a, title: B, not_configured: x}",
            "slos.yaml:10: resource a is already declared at slos.yaml:9",
            id="an id given twice",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(section: str, problem: str) -> None:
    found = only(f"{GOOD}{section}\n")
    assert found.startswith("slos.yaml:9: " if "already" not in problem else "slos.yaml:10: ")
    assert problem in found


def test_a_limit_is_a_number_or_a_query() -> None:
    def limit(written: str) -> str | float | None:
        text = f"{GOOD}headroom:\n  - {{id: a, title: A, source: x, used: x, limit: {written}}}\n"
        return read({"a.yaml": text}).watched.headroom[0].limit

    assert limit("60") == 60.0
    assert limit("max(limit)") == "max(limit)"
