from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sretool.core.alerting.scale import scale_rules
from sretool.core.slo import rules as slo_rules
from sretool.units import parse_duration
from tests.support.programs import run
from tests.systems.amas.exported import METRICS
from tests.systems.amas.promql import metrics

if TYPE_CHECKING:
    from sretool.core.catalog.model import System

LAB_SCALE = 10
PROMTOOL_TESTS = sorted(Path(__file__).parent.glob("*.test.yml"))
PAGES = {
    "P0": {"HttpP95LatencyHigh", "DbSlowQueriesHigh", "ServiceDown", "DatabasePrimaryDown"},
    "P1": {
        "Http5xxRateHigh",
        "Http5xxRateRising",
        "DecisionConfidenceLow",
        "NativeFailureRateHigh",
        "MemoryUsageHigh",
        "CpuUsageHigh",
        "DbPoolSaturated",
        "WorkerFailureRateHigh",
    },
}
TICKETS = {
    "P2": {"RetentionDropped", "SessionDropoutHigh", "ModelDriftHigh"},
    "P3": {"DiskUsageHigh"},
}


def rules_of(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def alerts_of(amas: System) -> list[dict[str, Any]]:
    return [rule for text in amas.rule_files.values() for rule in rules_of(text) if "alert" in rule]


@pytest.mark.slow
@pytest.mark.parametrize("test_file", PROMTOOL_TESTS, ids=lambda path: path.name.removesuffix(".test.yml"))
def test_promtool_unit_tests_pass(test_file: Path) -> None:
    run("promtool", "test", "rules", test_file.name, cwd=test_file.parent)


@pytest.mark.parametrize("scale", [1, LAB_SCALE])
def test_promtool_accepts_the_symptom_rules(amas: System, tmp_path: Path, scale: int) -> None:
    for name, text in amas.rule_files.items():
        (tmp_path / name).write_text(scale_rules(text, scale))
    files = sorted(tmp_path.iterdir())
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *files)


def test_promtool_accepts_the_rules_of_the_objectives(amas: System, tmp_path: Path) -> None:
    file = tmp_path / "slo.yml"
    file.write_text(slo_rules.render(amas.slos))
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", file)


def test_every_alert_has_its_priority_and_what_follows_from_it(amas: System) -> None:
    found: dict[str, set[str]] = {}
    for rule in alerts_of(amas):
        found.setdefault(rule["labels"].get("priority", "none"), set()).add(rule["alert"])
        severity = rule["labels"]["severity"]
        wanted = {"P0": "page", "P1": "page", "P2": "ticket", "P3": "ticket", "none": "none"}
        assert severity == wanted[rule["labels"].get("priority", "none")], rule["alert"]
    assert found == {**PAGES, **TICKETS, "none": {"Watchdog"}}


def test_every_alert_carries_the_labels_and_annotations_people_need(amas: System) -> None:
    for rule in alerts_of(amas):
        assert rule["labels"].keys() >= {"severity", "service", "component", "signal"}, rule["alert"]
        assert rule["labels"]["service"] == "amas"
        assert rule["annotations"].keys() == {"summary", "description", "impact", "runbook"}, rule["alert"]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(amas: System) -> None:
    alerts = {rule["alert"] for rule in alerts_of(amas)}
    assert {rule["annotations"]["runbook"] for rule in alerts_of(amas)} == alerts
    assert set(amas.runbooks) == alerts | {"SLOBudgetBurn"}
    assert all(slo.runbook in amas.runbooks for slo in amas.slos)


def test_runbooks_say_what_it_means_what_to_check_and_how_to_undo(amas: System) -> None:
    for name, text in amas.runbooks.items():
        headings = re.findall(r"^#+ .*$", text, re.M)
        wanted = [f"# {name}", "## What it means", "## Check", "## Mitigate", "## Undo and close"]
        assert headings == wanted, name
        assert "owner:" in text.splitlines()[2], name


def test_queries_in_runbooks_are_promql_over_metrics_that_exist(amas: System, tmp_path: Path) -> None:
    spans = [
        " ".join(span.split()) for text in amas.runbooks.values() for span in re.findall(r"`([^`]+)`", text)
    ]
    queries = [
        span for span in spans if any(re.search(rf"(?<![\w:]){name}(?![\w:])", span) for name in METRICS)
    ]
    assert len(queries) > 50
    rules = [{"record": f"check:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    run("promtool", "check", "rules", file)
    assert {query: names for query in queries if (names := metrics(query) - METRICS)} == {}


def test_links_between_runbooks_lead_somewhere(amas: System) -> None:
    links = {link for text in amas.runbooks.values() for link in re.findall(r"\]\(([^)]+)\)", text)}
    assert {link.removesuffix(".md") for link in links} <= set(amas.runbooks)


def test_every_alert_is_proven_by_a_promtool_test(amas: System) -> None:
    tests = [test for file in PROMTOOL_TESTS for test in yaml.safe_load(file.read_text())["tests"]]
    fires = {
        case["alertname"] for test in tests for case in test.get("alert_rule_test", ()) if case["exp_alerts"]
    }
    for case in (case for test in tests for case in test.get("promql_expr_test", ()) if case["exp_samples"]):
        fires.update(re.findall(r'alertname="(\w+)"', case["expr"]))
    assert {rule["alert"] for rule in alerts_of(amas)} <= fires


def test_rules_read_only_metrics_that_are_exported(amas: System) -> None:
    read = {
        name for text in amas.rule_files.values() for rule in rules_of(text) for name in metrics(rule["expr"])
    }
    assert read - METRICS == set()


def test_scaled_windows_hold_at_least_four_scrapes_of_a_lab(amas: System) -> None:
    scaled = "\n".join(scale_rules(text, LAB_SCALE) for text in amas.rule_files.values())
    windows = [parse_duration(window) for window in re.findall(r"\[(\w+)\]", scaled)]
    assert len(windows) > 20
    assert min(windows) >= timedelta(seconds=4)


LAB = """
rule_files: [http.yml]
evaluation_interval: 3s
tests:
  - interval: 1s
    name: two requests a second, all well; then a replica dies and takes some requests with it
    input_series:
      - {series: 'up{job="danci-backend",instance="app-1"}', values: 1x120 0x60}
      - {series: 'up{job="danci-backend",instance="app-2"}', values: 1x180}
      - {series: 'http_request_total{job="danci-backend",instance="app-1"}', values: 0+1x120 stale}
      - {series: 'http_request_total{job="danci-backend",instance="app-2"}', values: 0+1x120 122+2x59}
      - {series: 'http_request_5xx_total{job="danci-backend",instance="app-1"}', values: 0x120 stale}
      - {series: 'http_request_5xx_total{job="danci-backend",instance="app-2"}', values: 0x120 1+1x5 6x60}
      - {series: 'http_request_duration_seconds_bucket{job="danci-backend",le="1.0"}', values: 0+2x180}
      - {series: 'http_request_duration_seconds_bucket{job="danci-backend",le="+Inf"}', values: 0+2x180}
      - {series: 'http_request_duration_seconds_count{job="danci-backend"}', values: 0+2x180}
    promql_expr_test:
      - {eval_time: 30s, expr: count(ALERTS), exp_samples: []}
      - {eval_time: 2m, expr: count(ALERTS), exp_samples: []}
      - eval_time: 2m12s
        expr: count by (alertname) (ALERTS{alertname="ServiceDown",alertstate="firing"})
        exp_samples: [{labels: '{alertname="ServiceDown"}', value: 1}]
      - eval_time: 2m21s
        expr: count by (alertname) (ALERTS{alertname="Http5xxRateHigh",alertstate="firing"})
        exp_samples: [{labels: '{alertname="Http5xxRateHigh"}', value: 1}]
"""


def test_scaled_rules_are_quiet_on_a_slow_healthy_lab_and_quick_when_a_replica_dies(
    amas: System, tmp_path: Path
) -> None:
    (tmp_path / "http.yml").write_text(scale_rules(amas.rule_files["http.yml"], LAB_SCALE))
    (tmp_path / "lab.test.yml").write_text(LAB)
    run("promtool", "test", "rules", "lab.test.yml", cwd=tmp_path)
