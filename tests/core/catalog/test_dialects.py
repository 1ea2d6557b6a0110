"""Other tools' files: read as what they say, with nothing dropped in silence."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.catalog.read import read
from sretool.core.slo import rules
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    CalendarUnit,
    CalendarWindow,
    ErrorRatioQuery,
    EventRatio,
    NativeBucketRatio,
    Severity,
    Sli,
    Slo,
)
from sretool.core.slo.windows import default_alerts
from sretool.errors import CatalogError
from sretool.units import format_duration

if TYPE_CHECKING:
    import random

SLOTH = """\
version: "prometheus/v1"
service: shop
labels: {owner: web, tier: "2", region: eu}
slos:
  - name: availability
    objective: 99.9
    description: Orders go through.
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="shop",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="shop"}[{{.window}}]))
    alerting:
      annotations: {runbook: "https://example.org/orders"}
      ticket_alert: {disable: true}
"""

PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: checkout
  namespace: shop
  labels: {prometheus: k8s, pyrra.dev/team: web}
spec:
  target: "99.5"
  window: 4w
  indicator:
    INDICATOR
"""

OPENSLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability, displayName: Orders go through}
spec:
  service: shop
  indicatorRef: requests
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: requests}
spec:
  ratioMetric:
    counter: true
    bad: {metricSource: {type: Prometheus, spec: {query: 'errors_total{job="shop"}'}}}
    total: {metricSource: {type: Prometheus, spec: {query: 'requests_total{job="shop"}'}}}
"""

GENERATOR = """\
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata:
  name: shop-web-availability
  labels: {service_name: shop, feature_name: web, slo_name: availability}
spec:
  description: Orders go through
  backend: prometheus
  method: METHOD
  service_level_indicator:
    SLI
  goal: 0.999
"""

LATENCY = "latency: {success: {metric: 'h_bucket{MATCHERS}'}, total: {metric: 'h_count{a=\"b\"}'}}"
RATIO = "ratio: {errors: {metric: 'errors_total'}, total: {metric: 'requests_total'}}"


def slos(text: str, **more: str) -> list[Slo]:
    return list(read({"a.yaml": text, **{f"{name}.yaml": other for name, other in more.items()}}).slos)


def one(text: str, **more: str) -> Slo:
    (slo,) = slos(text, **more)
    return slo


def warnings(text: str) -> list[str]:
    return [str(each) for each in read({"a.yaml": text}).warnings]


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read({"a.yaml": text})
    return [str(each) for each in caught.value.problems]


def pyrra(indicator: str) -> str:
    return PYRRA.replace("INDICATOR", indicator)


def generator(method: str, sli: str) -> str:
    return GENERATOR.replace("METHOD", method).replace("SLI\n", sli.replace("\n", "\n    ") + "\n")


def openslo(
    metric: str, objective: str = "target: 0.99", method: str = "Occurrences", window: str = ""
) -> str:
    return f"""\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: lag}}
spec:
  service: queue
  indicator: {{metadata: {{name: lag}}, spec: {{{metric}}}}}
  timeWindow: [{{{window or "duration: 30d, isRolling: true"}}}]
  budgetingMethod: {method}
  objectives: [{{{objective}}}]
"""


def source(query: str, kind: str = "Prometheus") -> str:
    return f"{{metricSource: {{type: {kind}, spec: {{query: '{query}'}}}}}}"


# --- all together ---


def test_files_of_all_tools_and_native_ones_make_one_catalog() -> None:
    native = "slos:\n  - {id: shop/own, objective: 99%, window: 7d, sli: {bad: e, total: t}}\n"
    found = slos(
        native,
        b=SLOTH,
        c=pyrra(RATIO),
        d=OPENSLO.replace("availability", "orders"),
        e=generator("good_bad_ratio", "filter_good: good\nfilter_valid: total"),
    )
    assert [slo.id for slo in found] == [
        "shop/own",
        "shop/availability",
        "shop/checkout",
        "shop/orders",
        "shop/web-availability",
    ]


def test_one_file_can_hold_documents_of_several_tools() -> None:
    system = read({"a.yaml": f"{SLOTH}---\n{pyrra(RATIO)}---\n"})
    assert dict(system.places) == {"shop/availability": ("a.yaml", 5), "shop/checkout": ("a.yaml", 16)}


def test_an_id_is_given_once_whatever_the_tools() -> None:
    assert problems(SLOTH + "---\n" + OPENSLO) == [
        "a.yaml:18: SLO shop/availability is already declared at a.yaml:5"
    ]


def test_lists_of_documents_are_read() -> None:
    indented = "\n".join(f"  {line}" for line in pyrra(RATIO).splitlines())
    listed = f"-{indented[1:]}\n"
    assert one(listed).id == "shop/checkout"
    assert one(f"apiVersion: v1\nkind: List\nitems:\n{listed}").id == "shop/checkout"


def test_resources_that_are_no_slo_are_left_out_with_a_warning() -> None:
    text = SLOTH + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n"
    assert [w for w in warnings(text) if "Deployment" in w] == [
        "a.yaml:16: left out: apps/v1 Deployment is no SLO"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "apiVersion: openslo.com/v2alpha\nkind: SLO\n",
            "openslo.com/v2alpha SLO is a version that is not read",
        ),
        ("version: prometheus/v2\nservice: a\n", "version 'prometheus/v2' is not read; prometheus/v1 is"),
        ("apiVersion: openslo/v1\nkind: Thing\n", "kind: 'Thing' is not a kind of OpenSLO"),
    ],
)
def test_versions_that_are_not_read_are_refused(text: str, message: str) -> None:
    assert problems(text)[0] == f"a.yaml:{2 if 'Thing' in text else 1}: {message}"


def test_exclusions_of_the_catalog_count_for_foreign_slos_too() -> None:
    native = "exclusions:\n  - {start: 2026-01-01, end: 2026-01-02, reason: Move, slos: [shop/*]}\n"
    assert [each.reason for each in one(SLOTH, native=native).exclusions] == ["Move"]


# --- Sloth ---


def test_sloth_events_become_counters() -> None:
    slo = one(SLOTH)
    assert (slo.id, slo.objective, slo.window) == ("shop/availability", Decimal("0.999"), timedelta(days=30))
    assert slo.sli == EventRatio(
        'http_requests_total{job="shop",code=~"5.."}', 'http_requests_total{job="shop"}'
    )
    assert (slo.owner, slo.tier, slo.labels) == ("web", 2, {"region": "eu"})
    assert (slo.runbook, slo.annotations) == ("https://example.org/orders", {"about": "Orders go through."})
    pages = [a for a in default_alerts(slo.window, slo.budget) if a.severity is Severity.PAGE]
    assert list(slo.alerts) == pages
    assert warnings(SLOTH) == []


def test_the_kubernetes_resource_says_the_same_in_its_own_spelling() -> None:
    body = "\n".join(f"  {line}" for line in SLOTH.splitlines()[1:])
    text = (
        f"apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nmetadata: {{name: x}}\nspec:\n{body}\n"
    )
    for plain, spelled in [
        ("error_query", "errorQuery"),
        ("total_query", "totalQuery"),
        ("ticket_alert", "ticketAlert"),
    ]:
        text = text.replace(plain, spelled)
    assert one(text) == one(SLOTH)


@pytest.mark.parametrize(
    ("bad", "total", "sli"),
    [
        pytest.param(
            'sum(rate(h_count{a="b"}[W])) - sum(rate(h_bucket{le="0.4",a="b"}[W]))',
            'sum(rate(h_count{a="b"}[W]))',
            BucketRatio("h", Decimal("0.4"), 'a="b"'),
            id="slower than a bucket",
        ),
        pytest.param("sum(increase(e[W]))", "sum(increase(t[W]))", EventRatio("e", "t"), id="increase"),
        pytest.param(
            "sum(rate(t[W])) - sum(rate(g[W]))",
            "sum(rate(t[W]))",
            EventRatio(None, "t", "g"),
            id="all but good",
        ),
        pytest.param(
            "sum(increase(e[W])) or vector(0)",
            "sum(increase(t[W]))",
            ErrorRatioQuery(
                "(sum(increase(e[{window}])) or vector(0)) / (sum(increase(t[{window}])))",
                "sum(rate(t[{window}]))",
            ),
            id="other query",
        ),
        pytest.param(
            "sum(rate(e[W] offset 5m))",
            "sum(rate(t[W]))",
            ErrorRatioQuery(
                "(sum(rate(e[{window}] offset 5m))) / (sum(rate(t[{window}])))", "sum(rate(t[{window}]))"
            ),
            id="offset",
        ),
    ],
)
def test_sloth_queries_are_recognised_by_their_form(bad: str, total: str, sli: Sli) -> None:
    head, _, _ = SLOTH.partition("        error_query")
    for placeholder in ("{{.window}}", "{{ .window }}"):
        text = head + "".join(
            f"        {key}: '{query.replace('W', placeholder)}'\n"
            for key, query in (("error_query", bad), ("total_query", total))
        )
        assert one(text).sli == sli


def test_queries_that_keep_labels_make_groups() -> None:
    text = SLOTH.replace("sum(rate", "sum by (route) (rate")
    slo = one(text)
    assert slo.group_by == ("route",)
    assert isinstance(slo.sli, EventRatio)


def test_sloths_raw_ratio_is_kept_as_a_query() -> None:
    head, _, _ = SLOTH.partition("      events")
    slo = one(head + "      raw: {error_ratio_query: '1 - avg_over_time(ok[{{.window}}])'}\n")
    assert slo.sli == ErrorRatioQuery("1 - avg_over_time(ok[{window}])")


def test_sloths_alert_windows_replace_the_standard_ones() -> None:
    pair = "{errorBudgetPercent: 10, shortWindow: 5m, longWindow: 1h}"
    windows = (
        "apiVersion: sloth.slok.dev/v1\nkind: AlertWindows\nspec:\n  sloPeriod: 7d\n"
        f"  page: {{quick: {pair}, slow: {pair}}}\n  ticket: {{quick: {pair}, slow: {pair}}}\n"
    )
    slo = one(SLOTH, windows=windows)
    assert slo.window == timedelta(days=7)
    assert {(a.severity, a.spends, a.long) for a in slo.alerts} == {
        (Severity.PAGE, Decimal("0.1"), timedelta(hours=1))
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            ("objective: 99.9", "objective: 0.999"),
            "6: slos[0].objective: '0.999' is a ratio where a percentage is wanted; write 99.900",
            id="ratio",
        ),
        pytest.param(
            ("objective: 99.9", "objective: 100"),
            "6: slos[0].objective: '1' leaves no error budget",
            id="100",
        ),
        pytest.param((" job", " }job"), "", id="nothing changed"),
        pytest.param(
            ("sum(rate", "sum((rate"), "10: slos[0].sli.events.error_query: is not PromQL: ", id="promql"
        ),
        pytest.param(
            ("{{.window}}", "5m"), "10: slos[0].sli.events.error_query: has no window", id="no window"
        ),
        pytest.param(
            ("events:", "plugin: {id: x}\n      evnts:"), "9: slos[0].sli.plugin: a plugin is", id="plugin"
        ),
    ],
)
def test_what_makes_a_sloth_slo_impossible_is_a_problem(change: tuple[str, str], message: str) -> None:
    text = SLOTH.replace(*change)
    if text == SLOTH:
        assert not warnings(text)
    else:
        assert problems(text)[0].startswith(f"a.yaml:{message}")


def test_what_is_left_out_of_a_sloth_file_is_said() -> None:
    text = SLOTH.replace("alerting:", "aleerting: 1\n    plugins: {chain: []}\n    alerting:\n      name: X")
    assert warnings(text) == [
        "a.yaml:12: slos[0].aleerting: left out: no such key is known here; did you mean 'alerting'?",
        "a.yaml:13: slos[0].plugins: left out: plugins change the rules Sloth generates;"
        " these are sretool's own",
        "a.yaml:15: slos[0].alerting.name: left out: alerts are called SLOBudgetBurn and told apart"
        " by their labels",
    ]


def test_merged_mappings_count() -> None:
    text = """\
version: prometheus/v1
service: a
slos:
  - &base
    name: one
    objective: 99
    sli: {events: {error_query: 'sum(rate(e[{{.window}}]))', total_query: 'sum(rate(t[{{.window}}]))'}}
  - <<: *base
    name: two
    objective: 95
"""
    assert [(slo.name, slo.objective) for slo in slos(text)] == [
        ("one", Decimal("0.99")),
        ("two", Decimal("0.95")),
    ]


# --- Pyrra ---


@pytest.mark.parametrize(
    ("indicator", "sli", "groups"),
    [
        pytest.param(RATIO, EventRatio("errors_total", "requests_total"), (), id="ratio"),
        pytest.param(
            RATIO[:-1] + ", grouping: [route, host]}",
            EventRatio("errors_total", "requests_total"),
            ("route", "host"),
            id="grouping",
        ),
        pytest.param(
            'latency: {success: {metric: \'h_bucket{a="b",le="0.5"}\'}, total: {metric: \'h_count{a="b"}\'}}',
            BucketRatio("h", Decimal("0.5"), 'a="b"'),
            (),
            id="latency",
        ),
        pytest.param(
            LATENCY.replace("MATCHERS", 'le="0.5"'),
            EventRatio(None, 'h_count{a="b"}', 'h_bucket{le="0.5"}'),
            (),
            id="latency of two sets",
        ),
        pytest.param(
            "latencyNative: {latency: 200ms, total: {metric: 'h{a=\"b\"}'}}",
            NativeBucketRatio("h", Decimal("0.2"), 'a="b"'),
            (),
            id="native",
        ),
        pytest.param(
            "bool_gauge: {metric: probe_success, grouping: [target]}",
            BooleanGauge("probe_success"),
            ("target",),
            id="bool gauge",
        ),
    ],
)
def test_every_indicator_of_pyrra(indicator: str, sli: Sli, groups: tuple[str, ...]) -> None:
    slo = one(pyrra(indicator))
    assert (slo.id, slo.objective, slo.window) == ("shop/checkout", Decimal("0.995"), timedelta(days=28))
    assert (slo.sli, slo.group_by, slo.labels) == (sli, groups, {"team": "web"})
    assert slo.alerts == default_alerts(slo.window, slo.budget)
    assert warnings(pyrra(indicator)) == []


@pytest.mark.parametrize("off", ["disabled: true", "burnrates: false"])
def test_pyrras_alerts_can_be_off(off: str) -> None:
    assert one(pyrra(RATIO) + f"  alerting: {{{off}}}\n").alerts == ()


def test_what_is_left_out_of_a_pyrra_file_is_said() -> None:
    text = (
        pyrra(RATIO) + "  alerting: {name: X, absent: true}\n  performanceOverAccuracy: true\n  surprise: 1\n"
    )
    assert [w.split(": ")[1] for w in warnings(text)] == [
        "spec.alerting.absent",
        "spec.alerting.name",
        "spec.performanceOverAccuracy",
        "spec.surprise",
    ]


@pytest.mark.parametrize(
    ("indicator", "message"),
    [
        (
            "ratio: {errors: {metric: 'rate(e[5m])'}, total: {metric: t}}",
            "is an expression; a series selector",
        ),
        ("latency: {success: {metric: h_count}, total: {metric: h_count}}", "a bucket is wanted"),
        ("latencyNative: {latency: soon, total: {metric: h}}", "'soon' is not a duration"),
        ("{}", "an indicator has one of"),
        ("bool_gauge: {metric: up, grouping: [slo]}", "label 'slo' is one the rules need"),
    ],
)
def test_what_makes_a_pyrra_slo_impossible_is_a_problem(indicator: str, message: str) -> None:
    assert message in problems(pyrra(indicator))[0]


# --- OpenSLO ---


def test_openslo_documents_refer_to_each_other() -> None:
    slo = one(OPENSLO)
    assert (slo.id, slo.title, slo.window) == ("shop/availability", "Orders go through", timedelta(days=28))
    assert slo.sli == EventRatio('errors_total{job="shop"}', 'requests_total{job="shop"}')
    assert one(OPENSLO.replace("openslo/v1", "openslo/v1beta1")) == slo
    (first, second) = OPENSLO.split("---\n")
    assert one(second, other=first) == slo


def test_openslo_v1alpha_has_its_queries_in_the_objective() -> None:
    text = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: availability}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindows: [{count: 30, unit: Day}]
  objectives:
    - target: 0.999
      ratioMetrics:
        incremental: true
        good: {source: prometheus, queryType: promql, query: 'sum(rate(good[{{.window}}]))'}
        total: {source: prometheus, queryType: promql, query: 'sum(rate(total[{{.window}}]))'}
"""
    slo = one(text)
    assert (slo.sli, slo.window) == (EventRatio(None, "total", "good"), timedelta(days=30))
    assert warnings(text) == []


@pytest.mark.parametrize(
    ("window", "length", "calendar"),
    [
        ("duration: 90m, isRolling: true", "1h30m", None),
        ("duration: 4w, isRolling: true", "28d", None),
        ("duration: 1M, isRolling: true", "30d", None),
        ("unit: Week, count: 2, isRolling: true", "14d", None),
        (
            "duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}",
            "30d",
            CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"),
        ),
        (
            "duration: 1Q, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}",
            "90d",
            CalendarWindow(CalendarUnit.QUARTER),
        ),
        ("unit: Week, count: 1, isRolling: false", "7d", CalendarWindow(CalendarUnit.WEEK)),
    ],
)
def test_openslo_windows(window: str, length: str, calendar: CalendarWindow | None) -> None:
    ratio = f"ratioMetric: {{counter: true, bad: {source('e')}, total: {source('t')}}}"
    slo = one(openslo(ratio, window=window))
    assert (format_duration(slo.window), slo.calendar) == (length, calendar)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (
            "duration: 1m, isRolling: true",
            "a window of 1m is too short for a budget; did you mean 1M (months)?",
        ),
        (
            "duration: 1m, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}",
            "m is minutes, write 1M for a month",
        ),
        (
            "duration: 1Y, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}",
            "calendar periods are 1w, 1M or 1Q",
        ),
        ("duration: 5x, isRolling: true", "'5x' is not a duration"),
        ("duration: 1M, calendar: {timeZone: Europe/Nowhere}", "'Europe/Nowhere' is no time zone"),
    ],
)
def test_openslo_windows_that_cannot_be(window: str, message: str) -> None:
    ratio = f"ratioMetric: {{counter: true, bad: {source('e')}, total: {source('t')}}}"
    assert message in problems(openslo(ratio, window=window))[0]


@pytest.mark.parametrize(
    ("metric", "objective", "method", "sli"),
    [
        pytest.param(
            f"thresholdMetric: {source('lag_seconds')}",
            "target: 0.99, op: lt, value: 5",
            "Occurrences",
            BooleanGauge("(lag_seconds) < bool 5"),
            id="threshold",
        ),
        pytest.param(
            f"thresholdMetric: {source('lag_seconds')}",
            "target: 0.99, op: lte, value: 0.5, timeSliceTarget: 0.9, timeSliceWindow: 5m",
            "Timeslices",
            BooleanGauge(
                "avg_over_time(((lag_seconds) <= bool 0.5)[5m:1m]) >= bool 0.9", timedelta(minutes=5)
            ),
            id="threshold in slices",
        ),
        pytest.param(
            f"ratioMetric: {{counter: true, bad: {source('e')}, total: {source('t')}}}",
            "targetPercent: 99, timeSliceTarget: 0.95, timeSliceWindow: 1",
            "Timeslices",
            BooleanGauge(
                "(1 - (sum(rate(e[1m])) or 0 * sum(rate(t[1m]))) / (sum(rate(t[1m])) > 0)) >= bool 0.95"
            ),
            id="ratio in slices",
        ),
        pytest.param(
            f"ratioMetric: {{counter: true, bad: {source('e')}, total: {source('t')}}}",
            "target: 0.99, timeSliceWindow: 1m",
            "RatioTimeslices",
            ErrorRatioQuery(
                "avg_over_time(((sum(rate(e[1m])) or 0 * sum(rate(t[1m])))"
                " / (sum(rate(t[1m])) > 0))[{window}:1m])"
            ),
            id="mean of slices",
        ),
        pytest.param(
            f"ratioMetric: {{counter: false, bad: {source('slow')}, total: {source('every')}}}",
            "target: 0.99",
            "Occurrences",
            ErrorRatioQuery(
                "(sum_over_time((slow)[{window}:1m])) / (sum_over_time((every)[{window}:1m]))",
                "avg_over_time((every)[{window}:1m])",
            ),
            id="gauges",
        ),
        pytest.param(
            f"ratioMetric: {{rawType: success, raw: {source('satisfaction')}}}",
            "target: 0.99",
            "Occurrences",
            ErrorRatioQuery("1 - (avg_over_time((satisfaction)[{window}:1m]))"),
            id="raw",
        ),
        pytest.param(
            f"ratioMetric: {{counter: true, good: {source('sum(rate(g[5m]))')},"
            f" total: {source('sum(rate(t[5m]))')}}}",
            "target: 0.99",
            "Occurrences",
            EventRatio(None, "t", "g"),
            id="ranges written out",
        ),
    ],
)
def test_openslo_indicators_and_budgeting_methods(metric: str, objective: str, method: str, sli: Sli) -> None:
    assert one(openslo(metric, objective, method)).sli == sli


def test_several_objectives_of_openslo_are_several_slos() -> None:
    text = OPENSLO.replace("[{target: 0.999}]", "[{displayName: Contract, target: 0.99}, {target: 0.999}]")
    assert [(slo.name, slo.objective) for slo in slos(text)] == [
        ("availability-contract", Decimal("0.99")),
        ("availability-2", Decimal("0.999")),
    ]


POLICY = """\
  alertPolicies: [{alertPolicyRef: fast}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: fast}
spec:
  alertWhenBreaching: true
  conditions:
    - kind: AlertCondition
      metadata: {name: fast}
      spec:
        severity: page
        condition: {kind: burnrate, op: gt, threshold: 14, lookbackWindow: 1h, alertAfter: 5m}
  notificationTargets: [{targetRef: somebody}]
---
"""


def test_openslo_alert_policies_become_pairs() -> None:
    text = OPENSLO.replace("---\n", POLICY, 1)
    slo = one(text)
    (pair,) = slo.alerts
    assert (pair.severity, pair.long, pair.short) == (Severity.PAGE, timedelta(hours=1), timedelta(minutes=5))
    assert abs(pair.factor(slo.window) - 14) < Decimal("1e-18")
    assert one(OPENSLO).alerts == default_alerts(slo.window, slo.budget)
    assert [w.split(": ")[1] for w in warnings(text)] == ["spec.conditions[0].spec.condition.alertAfter"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("type: Prometheus", "type: Datadog"), "metrics of Datadog are not read"),
        (
            ("indicatorRef: requests", "indicatorRef: reqests"),
            "no SLI 'reqests' is in the catalog; known: requests",
        ),
        (("target: 0.999", "target: 99.9"), "did you mean 99.9%?"),
        (("Occurrences", "Often"), "'Often' is not possible"),
        (("errors_total{", "errors_total{{"), "is not PromQL"),
        (("counter: true", "counter: maybe"), "'maybe' is neither true nor false"),
        (("query: 'errors_total{job=\"shop\"}'", "query: 'sum(a) + sum(b)'"), "a counter needs a range"),
    ],
)
def test_what_makes_an_openslo_slo_impossible_is_a_problem(change: tuple[str, str], message: str) -> None:
    assert any(message in problem for problem in problems(OPENSLO.replace(*change)))


# --- slo-generator ---

GOOD = "(sum(rate(g[{window}])) or 0 * sum(rate(b[{window}])))"
BAD = "(sum(rate(b[{window}])) or 0 * sum(rate(g[{window}])))"


@pytest.mark.parametrize(
    ("method", "written", "sli"),
    [
        pytest.param(
            "good_bad_ratio",
            "filter_good: 't{code=\"200\"}[window]'\nfilter_valid: t",
            EventRatio(None, "t", 't{code="200"}'),
            id="good of valid",
        ),
        pytest.param(
            "good_bad_ratio",
            "filter_good: g\nfilter_bad: b",
            ErrorRatioQuery(
                f"{BAD} / ({GOOD} + {BAD})",
                f"({GOOD} + {BAD})",
            ),
            id="good and bad",
        ),
        pytest.param(
            "query_sli",
            "expression: sum(rate(g[window])) / sum(rate(t[window]))",
            EventRatio(None, "t", "g"),
            id="query",
        ),
        pytest.param(
            "distribution_cut",
            "expression: 'h_bucket{path=\"/\"}'\nthreshold_bucket: 0.25",
            BucketRatio("h", Decimal("0.25"), 'path="/"'),
            id="distribution",
        ),
    ],
)
def test_methods_of_slo_generator(method: str, written: str, sli: Sli) -> None:
    slo = one(generator(method, written))
    assert (slo.id, slo.sli, slo.window) == ("shop/web-availability", sli, timedelta(days=28))


def test_the_error_budget_policy_of_slo_generator_gives_window_and_alerts() -> None:
    config = """\
backends: {prometheus: {url: "http://localhost:9090"}}
exporters: {}
error_budget_policies:
  default:
    steps:
      - {name: 1 hour, burn_rate_threshold: 9, alert: true, message_alert: Page!, window: 3600}
      - {name: 7 days, burn_rate_threshold: 1.5, alert: false, message_alert: Plan, window: 604800}
"""
    slo = one(generator("good_bad_ratio", "filter_good: g\nfilter_valid: t"), config=config)
    assert slo.window == timedelta(days=7)
    (pair,) = slo.alerts
    assert (pair.severity, pair.long) == (Severity.PAGE, timedelta(hours=1))
    assert abs(pair.factor(slo.window) - 9) < Decimal("1e-18")


def test_other_backends_of_slo_generator_are_refused() -> None:
    text = generator("good_bad_ratio", "filter_good: g\nfilter_valid: t").replace(
        "backend: prometheus", "backend: datadog"
    )
    assert problems(text) == [
        "a.yaml:8: spec.backend: 'datadog' is not read; SLOs of the backend prometheus are"
    ]


# --- bad input ---

WHOLE = [
    SLOTH,
    pyrra(RATIO),
    OPENSLO.replace("---\n", POLICY, 1),
    generator("good_bad_ratio", "filter_good: g\nfilter_bad: t"),
    openslo(
        f"thresholdMetric: {source('lag')}",
        "target: 0.99, op: lt, value: 5, timeSliceTarget: 0.9, timeSliceWindow: 1m",
        "Timeslices",
    ),
]
JUNK = [
    None,
    "",
    0,
    -1,
    1e300,
    "NaN",
    [],
    {},
    [[1]],
    {"a": 1},
    True,
    "sum(",
    "1",
    "x" * 300,
    "9" * 20 + "d",
    "é",
]


@pytest.mark.parametrize("query", ["1", "NaN", "vector", 'sum(x) + "a"', "x[5m]"])
def test_a_query_without_series_is_a_problem(query: str) -> None:
    ratio = f"ratioMetric: {{bad: {source(query)}, total: {source('sum(rate(t[5m]))')}}}"
    text = openslo(ratio)
    if query == "vector":
        assert one(text)
    else:
        assert "spec.indicator.spec.ratioMetric.bad.metricSource.spec.query" in problems(text)[0]


@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_anywhere_is_read_or_refused(text: str, chance: random.Random, changes: int) -> None:
    documents = list(yaml.safe_load_all(text))
    for _ in range(changes):
        holder = chance.choice(documents)
        while True:
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            key = chance.choice(keys)
            if not isinstance(holder[key], dict | list) or not holder[key] or chance.random() < 0.2:
                break
            holder = holder[key]
        # A copy: the next change may be made inside of it.
        holder[key] = deepcopy(chance.choice(JUNK))
        if not all(documents):
            return
    with contextlib.suppress(CatalogError):
        rules.render(read({"a.yaml": yaml.safe_dump_all(documents)}).slos)
