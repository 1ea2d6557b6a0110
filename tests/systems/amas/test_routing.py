from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sretool.core.alerting.scale import scale_routing
from sretool.core.catalog.model import RECEIVER_URL, System
from tests.support.programs import run

if TYPE_CHECKING:
    from pathlib import Path

ONCALL = "oncall-sre,oncall-backend"


def configuration(amas: System, folder: Path, scale: int = 1) -> Path:
    file = folder / "alertmanager.yml"
    text = scale_routing(amas.alertmanager, scale)
    file.write_text(text.replace(RECEIVER_URL, "http://127.0.0.1:9999"))
    return file


@pytest.mark.parametrize("scale", [1, 10])
def test_amtool_accepts_the_configuration(amas: System, tmp_path: Path, scale: int) -> None:
    output = run("amtool", "check-config", configuration(amas, tmp_path, scale))
    assert "6 receivers" in output


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param("alertname=ServiceDown priority=P0 severity=page", ONCALL, id="P0"),
        pytest.param("alertname=HttpP95LatencyHigh priority=P0 severity=page", ONCALL, id="P0 latency"),
        pytest.param(
            "alertname=Http5xxRateHigh priority=P1 severity=page", "sre-team,backend-team,oncall-sre", id="P1"
        ),
        pytest.param(
            "alertname=CpuUsageHigh priority=P1 severity=page",
            "sre-team,backend-team,oncall-sre",
            id="P1 slow",
        ),
        pytest.param("alertname=SessionDropoutHigh priority=P2 severity=ticket", "backend-team", id="P2"),
        pytest.param("alertname=ModelDriftHigh priority=P2 severity=ticket", "backend-team", id="P2 drift"),
        pytest.param("alertname=DiskUsageHigh priority=P3 severity=ticket", "platform-team", id="P3"),
        pytest.param("alertname=SLOBudgetBurn slo=amas/x severity=page", ONCALL, id="budget page"),
        pytest.param("alertname=SLOBudgetBurn slo=amas/x severity=ticket", "sre-team", id="budget ticket"),
        pytest.param("alertname=Watchdog severity=none", "deadman", id="heartbeat"),
        pytest.param("alertname=Unheard severity=page", "sre-team", id="anything else"),
    ],
)
def test_alerts_reach_their_receivers(amas: System, tmp_path: Path, labels: str, receivers: str) -> None:
    file = configuration(amas, tmp_path)
    wanted = f"--verify.receivers={receivers}"
    run("amtool", "config", "routes", "test", f"--config.file={file}", wanted, *labels.split())


def routes(amas: System) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = yaml.safe_load(amas.alertmanager)["route"]["routes"]
    return routes


def hours(route: dict[str, Any]) -> tuple[Any, Any]:
    return route.get("active_time_intervals"), route.get("mute_time_intervals")


def test_a_child_route_has_the_hours_of_its_parent(amas: System) -> None:
    """Alertmanager does not inherit them: a child without hours would notify at any hour."""
    for route in routes(amas):
        for child in route.get("routes", ()):
            assert hours(child) == hours(route), child["matchers"]


def test_p1_has_a_receiver_at_every_hour(amas: System) -> None:
    p1 = [route for route in routes(amas) if route["matchers"] == ['priority="P1"']]
    assert {route["receiver"]: hours(route) for route in p1} == {
        "sre-team": (["working-hours"], None),
        "backend-team": (["working-hours"], None),
        "oncall-sre": (None, ["working-hours"]),
    }


def test_pages_are_sent_within_seconds_at_every_hour(amas: System) -> None:
    p0 = [route for route in routes(amas) if route["matchers"] == ['priority="P0"']]
    assert [(route["group_wait"], hours(route)) for route in p0] == [("1s", (None, None))] * 2


def test_cool_downs_are_those_of_the_plan(amas: System) -> None:
    """Minutes between two notifications of one alert."""
    found: dict[str, set[str]] = {}
    for route in routes(amas):
        for part in (route, *route.get("routes", ())):
            found.setdefault(part["matchers"][0], set()).add(part.get("repeat_interval"))
    assert found['priority="P0"'] == {"5m"}
    assert found['alertname="ServiceDown"'] == {"1m"}
    assert found['alertname="DatabasePrimaryDown"'] == {"3m"}
    assert found['priority="P1"'] == {"5m"}
    assert found['alertname=~"Http5xxRateHigh|DecisionConfidenceLow"'] == {"3m"}
    assert found['alertname=~"MemoryUsageHigh|CpuUsageHigh|WorkerFailureRateHigh"'] == {"10m"}
    assert found['alertname="SessionDropoutHigh"'] == {"6h"}
    assert found['priority="P2"'] == {"1d"}
    assert found['priority="P3"'] == {"1d"}
