from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.core.catalog.model import Bound, System
from sretool.core.observe import experience, infra, questions, service
from sretool.core.slo.model import BucketRatio, EventRatio
from tests.support.programs import run
from tests.systems.amas.exported import METRICS
from tests.systems.amas.promql import metrics

if TYPE_CHECKING:
    from pathlib import Path


def test_the_objectives_are_those_of_the_plan(amas: System) -> None:
    assert {slo.id: (slo.objective, slo.window, slo.tier) for slo in amas.slos} == {
        "amas/learning-availability": (Decimal("0.999"), timedelta(days=30), 1),
        "amas/learning-latency": (Decimal("0.95"), timedelta(days=7), 1),
        "amas/write-durability": (Decimal("0.99999"), timedelta(days=30), 1),
        "amas/forgetting-alert-delivery": (Decimal("0.9"), timedelta(days=1), 2),
        "amas/decision-confidence": (Decimal("0.5"), timedelta(days=7), 1),
        "amas/stats-availability": (Decimal("0.995"), timedelta(days=30), 2),
        "amas/admin-availability": (Decimal("0.99"), timedelta(days=30), 3),
    }


def test_availability_counts_learning_and_decision_routes_only(amas: System) -> None:
    sli = next(slo.sli for slo in amas.slos if slo.name == "learning-availability")
    assert sli == EventRatio(
        bad='http_request_5xx_total{job="danci-backend",route=~"/api/(learning|amas)/.*"}',
        total='http_request_total{job="danci-backend",route=~"/api/(learning|amas)/.*"}',
    )


def test_half_of_the_decisions_must_be_above_the_threshold(amas: System) -> None:
    sli = next(slo.sli for slo in amas.slos if slo.name == "decision-confidence")
    assert sli == BucketRatio("amas_decision_confidence", Decimal("0.5"), 'job="danci-backend"', good="above")


def test_availability_objectives_are_those_of_their_tier(amas: System) -> None:
    promised = {tier.number: tier.availability for tier in amas.tiers}
    availability = [slo for slo in amas.slos if slo.name.endswith("-availability")]
    assert {slo.tier: slo.objective for slo in availability} == promised


def test_every_tier_has_three_objectives(amas: System) -> None:
    assert [(t.number, t.availability, t.latency_p95, t.error_ratio) for t in amas.tiers] == [
        (1, Decimal("0.999"), timedelta(milliseconds=200), Decimal("0.001")),
        (2, Decimal("0.995"), timedelta(milliseconds=500), Decimal("0.005")),
        (3, Decimal("0.99"), timedelta(seconds=1), Decimal("0.01")),
    ]


def test_the_critical_path_spends_120_ms(amas: System) -> None:
    path = next(path for path in amas.critical_paths if path.id == "learning")
    assert path.budget == timedelta(milliseconds=120)
    decision = next(hop for hop in path.hops if hop.title == "Decision")
    assert sum((part.budget for part in decision.parts), timedelta()) == timedelta(milliseconds=100)


def test_every_dependency_can_be_reached_from_a_user(amas: System) -> None:
    needs = {dependency.id: dependency.needs for dependency in amas.dependencies}
    entrances = {"edge", "dns", "worker", "monitoring"}
    reached = set(entrances)
    while more := {need for id_ in reached for need in needs[id_]} - reached:
        reached |= more
    assert reached == set(needs)


@pytest.mark.parametrize(
    ("sli", "bound", "value"),
    [
        ("service-availability", Bound.ABOVE, 0.999),
        ("http-latency-p95", Bound.BELOW, 0.2),
        ("db-query-latency-p95", Bound.BELOW, 200),
        ("db-slow-query-rate", Bound.BELOW, 10),
        ("inference-latency-p95", Bound.BELOW, 200),
        ("http-4xx-rate", Bound.BELOW, 0.05),
        ("http-5xx-rate", Bound.BELOW, 0.001),
        ("cpu-usage", Bound.BELOW, 0.8),
        ("db-pool-saturation", Bound.BELOW, 0.85),
        ("disk-usage", Bound.BELOW, 0.8),
        ("retention-1d", Bound.ABOVE, 0.4),
        ("retention-7d", Bound.ABOVE, 0.2),
        ("retention-30d", Bound.ABOVE, 0.1),
        ("review-hit-rate", Bound.ABOVE, 0.6),
        ("session-dropout-rate", Bound.BELOW, 0.3),
        ("forgetting-prediction-accuracy", Bound.ABOVE, 0.7),
        ("flow-session-ratio", Bound.ABOVE, 0.2),
        ("decision-confidence-p50", Bound.ABOVE, 0.5),
    ],
)
def test_indicators_have_the_targets_of_the_plan(amas: System, sli: str, bound: Bound, value: float) -> None:
    target = next(entry.target for entry in amas.slis if entry.id == sli)
    assert target is not None
    assert (target.bound, target.value) == (bound, value)


def watched_expressions(amas: System) -> list[str]:
    """Of infrastructure, journeys, figures, dependencies and latency budgets."""
    asked = infra.wanted(amas.watched) | experience.wanted(amas.watched)
    for one in amas.services:
        asked |= service.wanted(amas, one)
    return [*asked.now]


def test_what_is_watched_needs_few_requests_a_refresh(amas: System) -> None:
    for asked in (infra.wanted(amas.watched), experience.wanted(amas.watched)):
        live = {span for _, span in asked.past if span.live}
        assert len(questions.portions(asked.now)) + len(live) <= 6


def test_the_infrastructure_of_the_plan_is_watched(amas: System) -> None:
    found = amas.watched
    assert {each.id for each in found.resources} == {
        "host", "replica", "worker", "postgres", "redis", "balancer", "pods",
    }  # fmt: skip
    assert {each.id for each in found.headroom} >= {"disk", "pool", "connections", "memory", "queue", "lag"}
    assert {each.to for each in found.calls if each.to} == {
        "postgres-primary", "native-engine", "redis", "object-storage",
    }  # fmt: skip


def test_journeys_and_figures_are_those_of_learning(amas: System) -> None:
    journey = next(each for each in amas.watched.journeys if each.id == "learn")
    assert [step.title for step in journey.steps] == ["start", "words", "decide", "answer"]
    assert {"sessions", "answers", "decisions", "confidence", "flow", "back-tomorrow"} <= {
        figure.id for figure in amas.watched.figures
    }
    assert {apdex.satisfied for apdex in amas.watched.apdex} == {Decimal("0.05"), Decimal("0.5")}


def test_prometheus_accepts_every_expression_and_knows_its_metrics(amas: System, tmp_path: Path) -> None:
    expressions = [sli.query for sli in amas.slis]
    panels = [panel for board in amas.dashboards for panel in board.panels]
    expressions += [query.expr for panel in panels for query in panel.queries]
    expressions += watched_expressions(amas)
    rules = [{"record": f"check:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    file = tmp_path / "expressions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}))
    run("promtool", "check", "rules", file)
    unknown = {expr: names for expr in expressions if (names := metrics(expr) - METRICS)}
    assert unknown == {}


def test_the_four_dashboards_have_their_panels(amas: System) -> None:
    assert {board.id: len(board.panels) for board in amas.dashboards} == {
        "overview": 15,
        "learning-engine": 11,
        "user-experience": 9,
        "infrastructure": 14,
    }


def test_a_panel_without_figures_says_how_to_get_them(amas: System) -> None:
    dark = [panel for board in amas.dashboards for panel in board.panels if not panel.queries]
    assert {panel.title for panel in dark} == {
        "Actions by batch size",
        "Mood of user feedback",
        "Pods pending or failed",
    }
    assert all(panel.not_configured and ";" in panel.not_configured for panel in dark)


def test_the_budget_panel_divides_by_the_budgets_of_the_objectives(amas: System) -> None:
    overview = next(board for board in amas.dashboards if board.id == "overview")
    queries = next(panel.queries for panel in overview.panels if panel.kind == "budget")
    divided = {query.legend: Decimal(query.expr.rpartition("/")[2].strip()) for query in queries}
    assert divided == {slo.name: slo.budget for slo in amas.slos}
    for slo, query in zip(amas.slos, queries, strict=True):
        assert f'slo="{slo.id}"' in query.expr
        assert f'window="{slo.window.days}d"' in query.expr
