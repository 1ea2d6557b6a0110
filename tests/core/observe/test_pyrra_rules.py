"""Pyrra's objectives are read from the rules it generated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sretool.core.observe.model import Rule, Sample
from sretool.core.observe.pyrra_rules import objectives
from sretool.core.observe.running import needs_rules, recognised
from sretool.core.slo.model import BooleanGauge, BucketRatio, EventRatio, NativeBucketRatio, Sli

BAD, ALL = 'rate(http_requests_total{code=~"5..",job="api"}[5m])', 'rate(http_requests_total{job="api"}[5m])'


def rules(expr: str, metric: str = "http_requests", **labels: str) -> list[Rule]:
    given = {"slo": "checkout", **labels}
    short, long = (f'{metric}:burnrate{window}{{slo="checkout"}}' for window in ("5m", "1h"))
    alert = f"{short} > (14 * (1 - 0.995)) and {long} > (14 * (1 - 0.995))"
    return [
        Rule(f"{metric}:increase4w", f"sum(increase({metric}_total[4w]))", given, False),
        Rule(f"{metric}:burnrate1h", expr.replace("5m", "1h"), given, False),
        Rule(f"{metric}:burnrate5m", expr, given, False),
        Rule("ErrorBudgetBurn", alert, {**given, "severity": "critical"}, True),
        Rule("Other", "up == 0", {}, True),
    ]


@pytest.mark.parametrize(
    ("expr", "sli", "group_by"),
    [
        (
            f"sum({BAD}) / sum({ALL})",
            EventRatio('http_requests_total{code=~"5..",job="api"}', 'http_requests_total{job="api"}'),
            (),
        ),
        (
            f"sum by (route) ({BAD}) / sum by (route) ({ALL})",
            EventRatio('http_requests_total{code=~"5..",job="api"}', 'http_requests_total{job="api"}'),
            ("route",),
        ),
        (
            '(sum(rate(t_count{job="a"}[5m])) - sum(rate(t_bucket{job="a",le="0.5"}[5m])))'
            ' / sum(rate(t_count{job="a"}[5m]))',
            BucketRatio("t", Decimal("0.5"), 'job="a"'),
            (),
        ),
        (
            "1 - histogram_fraction(0, 0.25, sum by (route) (rate(t[5m])))",
            NativeBucketRatio("t", Decimal("0.25")),
            ("route",),
        ),
        (
            '(sum by (job) (count_over_time(up{env="p"}[5m]))'
            ' - sum by (job) (sum_over_time(up{env="p"}[5m])))'
            ' / sum by (job) (count_over_time(up{env="p"}[5m]))',
            BooleanGauge('up{env="p"}'),
            ("job",),
        ),
    ],
)
def test_each_kind_of_indicator_is_read_from_its_burn_rate(
    expr: str, sli: Sli, group_by: tuple[str, ...]
) -> None:
    (found,) = objectives(rules(expr, team="web", job="api"))
    assert (found.name, found.target, found.window) == ("checkout", Decimal("0.995"), timedelta(weeks=4))
    assert found.measured.sli == sli
    assert found.measured.group_by == group_by
    assert found.labels["team"] == "web"
    assert ("job" in found.labels) == ("job=" not in expr)


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(a[5m])) * sum(rate(b[5m]))",
        "sum by (x) (rate(a[5m])) / sum(rate(b[5m]))",
        "(sum(rate(a[5m])) - sum(rate(b[5m]))) / sum(rate(c[5m]))",
        "2 - histogram_fraction(0, 0.25, sum(rate(t[5m])))",
        "sum(rate(a[5m])) /",
    ],
)
def test_what_is_no_share_is_no_objective(expr: str) -> None:
    assert objectives(rules(expr)) == ()


def test_without_target_or_window_there_is_no_objective() -> None:
    whole, *rest = rules(f"sum({BAD}) / sum({ALL})")
    assert objectives(rest) == ()
    assert objectives([whole, *rest[:2]]) == ()


def test_objectives_that_only_the_rules_know_are_shown() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    samples = [
        Sample({"__name__": "http_requests:burnrate5m", "slo": name}, at, 2) for name in ("checkout", "lost")
    ]
    assert needs_rules(samples)
    found = recognised(samples, rules(f"sum by (route) ({BAD}) / sum by (route) ({ALL})", service="shop"))
    (slo,) = found.slos
    assert (slo.id, slo.group_by, slo.is_template) == ("shop/checkout", ("route",), True)
    assert found.notes[0] == "1 objective is recorded by Pyrra"
    assert found.notes[1].startswith(
        "1 of Pyrra's objectives cannot be shown (lost): neither series nor rules"
    )
