"""Every kind of SLI as promtool sees its rules: when it fires, when it keeps silent, what no data is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    CalendarUnit,
    CalendarWindow,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Exclusion,
    Freshness,
    NativeBucketRatio,
    Part,
    Severity,
)
from sretool.core.slo.rules import render, render_kubernetes
from tests.support.promtool import Rules
from tests.support.slos import slo

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.slo.model import Sli

GOOD_EVENTS = EventRatio(None, "requests_total", good="answers_total")
RATIO = ErrorRatioQuery(
    "sum(rate(errors_total[{window}])) / sum(rate(requests_total[{window}]))",
    "sum(rate(requests_total[{window}]))",
)
UP = BooleanGauge("probe_success")
FRESH = Freshness("time() - backup_timestamp_seconds", timedelta(minutes=30))
WEIGHTED = Composite((Part(EventRatio("errors_total", "requests_total"), Decimal(3)), Part(UP)))
WORST = Composite((Part(EventRatio("errors_total", "requests_total")), Part(UP)), "worst")
LATENCY = BucketRatio("latency_seconds", Decimal("0.2"))

HEALTHY = {
    "requests_total": "0+1000x60",
    "answers_total": "0+1000x60",
    "errors_total": "0+0x60",
    "probe_success": "1x60",
    "backup_timestamp_seconds": "0+60x60",
    'latency_seconds_bucket{le="0.2"}': "0+1000x60",
    "latency_seconds_count": "0+1000x60",
}
"""An hour without any fault."""

BROKEN = {
    "requests_total": "0+1000x60",
    "answers_total": "0+1000x30 30000+900x29",
    "errors_total": "0+0x30 100+100x29",
    "probe_success": "1x29 0x30",
    "backup_timestamp_seconds": "0+60x20 1200+0x39",
    'latency_seconds_bucket{le="0.2"}': "0+1000x30 30000+900x29",
    "latency_seconds_count": "0+1000x60",
}
"""After half an hour a tenth of the requests fails or is slow, the probe is down, no backup comes."""

PAGES = 'count(ALERTS{alertname="SLOBudgetBurn",severity="page",alertstate="firing"}) > bool 0'

KINDS: dict[str, tuple[Sli, float, float]] = {
    "good-events": (GOOD_EVENTS, 0.1, 16.667),
    "query-with-traffic": (RATIO, 0.1, 16.667),
    "query-without-traffic": (replace(RATIO, traffic=None), 0.1, 1),
    "gauge": (UP, 1, 1 / 60),
    "freshness": (FRESH, 1, 1 / 60),
    "weighted": (WEIGHTED, (300 + 1) / (3000 + 1), 50 + 1 / 60),
    "worst": (WORST, 1, 16.667 + 1 / 60),
    "classic-histogram": (LATENCY, 0.1, 16.667),
}
"""Kind → SLI, bad share where it is broken, events per second."""

OF_ALL_KINDS = render([slo(id=f"shop/{kind}", sli=sli) for kind, (sli, _, _) in KINDS.items()])

_FIRES = 'count(ALERTS{severity="page",slo="shop/%s"}) > bool 0'
_SHARE = 'sum(slo:error_ratio:rate{window="%s",slo="shop/%s"})'
_RATE = 'sum(slo:total:rate5m{slo="shop/%s"})'


@pytest.mark.slow
def test_every_kind_fires_where_it_is_broken(tmp_path: Path) -> None:
    rules = Rules(OF_ALL_KINDS, BROKEN)
    rules.check(tmp_path)
    asked = [(ask, 58) for kind in KINDS for ask in (_SHARE % ("5m", kind), _RATE % kind, _FIRES % kind)]
    wanted = [figure for _, share, rate in KINDS.values() for figure in (share, rate, 1.0)]
    assert rules.values(tmp_path, asked) == pytest.approx(wanted, rel=0.01)


@pytest.mark.slow
def test_every_kind_keeps_silent_where_all_is_well(tmp_path: Path) -> None:
    asked = [(ask, 58) for kind in KINDS for ask in (_SHARE % ("1h", kind), _RATE % kind)]
    found = Rules(OF_ALL_KINDS, HEALTHY).values(tmp_path, [("count(ALERTS)", 58), *asked])
    wanted = [figure for _, _, rate in KINDS.values() for figure in (0, rate)]
    assert found[0] is None
    assert found[1:] == pytest.approx(wanted, rel=0.01, abs=1e-9)


def test_no_data_is_no_figure_and_no_alert_of_any_kind(tmp_path: Path) -> None:
    asked = [("count(slo:error_ratio:rate)", 10), ("count(slo:total:rate5m)", 10), ("count(ALERTS)", 10)]
    found = Rules(OF_ALL_KINDS, {"something_else": "1x20"}).values(tmp_path, asked)
    assert found == [None, None, None]


def test_good_events_that_never_came_are_all_bad(tmp_path: Path) -> None:
    rules = Rules(render([slo(sli=GOOD_EVENTS)]), {"requests_total": "0+1000x20"})
    assert rules.values(tmp_path, [('sum(slo:error_ratio:rate{window="5m"})', 15)]) == [1]


@pytest.mark.parametrize("query", [RATIO, replace(RATIO, traffic=None)], ids=["traffic", "no traffic"])
def test_a_ratio_of_nothing_is_no_figure(tmp_path: Path, query: Sli) -> None:
    rules = Rules(render([slo(sli=query)]), {"requests_total": "5+0x20", "errors_total": "1+0x20"})
    found = rules.values(tmp_path, [("count(slo:error_ratio:rate)", 15), ("sum(slo:bad:rate5m)", 15)])
    assert found[0] is None
    assert found[1] in (None, 0)


def test_slices_are_counted_once_each(tmp_path: Path) -> None:
    """Two probes over an hour are 120 slices of a minute, of which one probe spoils ten."""
    series = {'probe_success{at="a"}': "1x80", 'probe_success{at="b"}': "1x29 0x9 1x60"}
    rules = Rules(render([slo(sli=UP, days=1)]), series)
    window = 'slo:error_ratio:rate{window="1h"}'
    ratio, bad = rules.values(tmp_path, [(f"sum({window})", 70), ("sum(slo:bad:sum)", 80)])
    assert ratio == pytest.approx(10 / 120)
    assert bad == pytest.approx(10)


def test_a_gauge_that_is_not_a_number_is_not_up(tmp_path: Path) -> None:
    odd = BooleanGauge("probe_success / probe_success")
    rules = Rules(render([slo(sli=odd)]), {"probe_success": "0x20"})
    assert rules.values(tmp_path, [('sum(slo:error_ratio:rate{window="5m"})', 15)]) == [1]


@pytest.mark.slow
def test_a_part_without_data_leaves_the_others(tmp_path: Path) -> None:
    series = {name: BROKEN[name] for name in ("requests_total", "errors_total")}
    for sli in (WEIGHTED, WORST):
        rules = Rules(render([slo(sli=sli)]), series)
        (ratio,) = rules.values(tmp_path, [('sum(slo:error_ratio:rate{window="5m"})', 58)])
        assert ratio == pytest.approx(0.1, rel=0.01)


ROUTES = {
    'requests_total{route="/a"}': "0+1000x60",
    'requests_total{route="/b"}': "0+1000x60",
    'requests_total{route="/quiet"}': "0+1x60",
    'errors_total{route="/b"}': "0+0x30 100+100x29",
    'errors_total{route="/quiet"}': "0+0x30 1+1x29",
}


@pytest.mark.slow
def test_every_group_has_an_alert_of_its_own(tmp_path: Path) -> None:
    grouped = slo(group_by=("route",))
    rules = Rules(render([grouped]), ROUTES)
    rules.check(tmp_path)
    fires = 'count(ALERTS{severity="page",route="%s"}) > bool 0'
    shares = 'sum(slo:error_ratio:rate{window="5m",route="%s"})'
    days = 'sum(slo:error_ratio:rate{window="1d",route="%s"})'
    asked = [(text % route, 58) for text in (fires, shares) for route in ("/a", "/b", "/quiet")]
    assert rules.values(tmp_path, asked) == [None, 1, 1, 0, pytest.approx(0.1), pytest.approx(1)]
    assert rules.values(tmp_path, [(days % "/a", 58), (days % "/b", 58)]) == [0, pytest.approx(0.05, rel=0.1)]


def test_a_group_named_like_a_label_of_the_rules_keeps_its_own_value(tmp_path: Path) -> None:
    series = {'requests_total{service="pay"}': "0+10x20", 'requests_total{service="cart"}': "0+10x20"}
    rules = Rules(render([slo(group_by=("service",))]), series)
    assert rules.values(tmp_path, [('count(slo:total:rate5m{service=~"pay|cart"})', 15)]) == [2]


def test_too_few_events_fire_nothing(tmp_path: Path) -> None:
    guarded = slo(group_by=("route",), min_events=100)
    rules = Rules(render([guarded]), ROUTES)
    rules.check(tmp_path)
    fires = 'count(ALERTS{severity="page",route="%s"}) > bool 0'
    asked = [(fires % "/b", 58), (fires % "/quiet", 58)]
    assert rules.values(tmp_path, asked) == [1, None]


def epoch(minute: int) -> datetime:
    """promtool's tests begin at the epoch."""
    return datetime.fromtimestamp(minute * 60, UTC)


@pytest.mark.slow
def test_what_is_excluded_fires_nothing_and_is_not_counted(tmp_path: Path) -> None:
    """An outage of twenty minutes inside an announced maintenance, and what follows it."""
    outage = {"requests_total": "0+1000x240", "errors_total": "0+0x60 1000+1000x19 20000+0x160"}
    planned = Exclusion(epoch(60), epoch(80), "maintenance")
    ends = [("count(ALERTS)", minute) for minute in (62, 75, 82, 90, 120)]
    figures = [
        ("sum(slo:bad:sum)", 200),
        ("sum(slo:total:sum)", 200),
        ('sum(slo:error_ratio:rate{window="6h"})', 200),
    ]
    *alerts, bad, total, ratio = Rules(render([slo(exclusions=(planned,))]), outage).values(
        tmp_path, [*ends, *figures]
    )
    assert alerts == [None] * 5
    assert bad == 0
    # Twenty minutes less, and those in which rates still look back at them.
    assert total == pytest.approx((200 - 25) * 1000, rel=0.02)
    assert ratio == 0
    (paged,) = Rules(render([slo()]), outage).values(tmp_path, [(PAGES, 75)])
    assert paged == 1


@pytest.mark.slow
def test_an_error_after_maintenance_pages_at_once(tmp_path: Path) -> None:
    series = {"requests_total": "0+1000x240", "errors_total": "0+0x100 1000+1000x19"}
    planned = Exclusion(epoch(60), epoch(80), "maintenance")
    before, then = Rules(render([slo(exclusions=(planned,))]), series).values(
        tmp_path, [(PAGES, 100), (PAGES, 102)]
    )
    assert (before, then) == (None, 1)


def test_a_calendar_window_has_no_recorded_sums_but_all_alerts(tmp_path: Path) -> None:
    month = slo(calendar=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))
    rules = Rules(render([month]), BROKEN)
    rules.check(tmp_path)
    asked = [
        ("count(slo:total:sum)", 58),
        (PAGES, 58),
        ('count(slo:info{calendar="month (Europe/Berlin)"})', 58),
    ]
    assert rules.values(tmp_path, asked) == [None, 1, 1]


def test_promtool_accepts_native_histograms(tmp_path: Path) -> None:
    for good in ("below", "above"):
        native = NativeBucketRatio("latency_seconds", Decimal("0.2"), 'job="x"', good)
        Rules(render([slo(sli=native), slo(id="shop/b", sli=native, group_by=("route",))]), {}).check(
            tmp_path
        )


def test_severities_are_called_what_the_team_calls_them() -> None:
    text = render([slo()], severities={Severity.PAGE: "critical"})
    found = [
        rule["labels"]["severity"] for rule in yaml.safe_load(text)["groups"][0]["rules"] if "alert" in rule
    ]
    assert found == ["critical", "critical", "ticket", "ticket"]


def test_annotations_of_the_slo_go_into_its_alerts() -> None:
    owned = slo(
        annotations={"owner": "pay@example.org"},
        dashboard="https://g.example/d/1?a={{b}}",
        labels={"team": "x"},
    )
    last = yaml.safe_load(render([owned]))["groups"][0]["rules"][-1]
    assert last["annotations"]["owner"] == "pay@example.org"
    assert last["annotations"]["dashboard"] == 'https://g.example/d/1?a={{ "{{" }}b}}'
    assert last["labels"]["team"] == "x"


def test_kubernetes_resources_hold_the_same_groups() -> None:
    slos = [slo(id="shop/a"), slo(id="Shop_2/b"), slo(id="shop/c")]
    text = render_kubernetes(slos, namespace="monitoring", labels={"release": "prom"})
    documents = list(yaml.safe_load_all(text))
    assert [each["metadata"] for each in documents] == [
        {"name": "slo-shop", "namespace": "monitoring", "labels": {"release": "prom"}},
        {"name": "slo-shop-2", "namespace": "monitoring", "labels": {"release": "prom"}},
    ]
    assert {each["kind"] for each in documents} == {"PrometheusRule"}
    groups = sorted(group["name"] for each in documents for group in each["spec"]["groups"])
    assert groups == ["slo:Shop_2/b", "slo:shop/a", "slo:shop/c"]
    assert documents[0]["spec"]["groups"][0] == yaml.safe_load(render([slos[0]]))["groups"][0]
