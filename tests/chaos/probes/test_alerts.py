from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.probes import alerts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.probes.conftest import Server


def test_pending_is_not_firing(server: Server) -> None:
    server.alerts(("Slow", "pending", {}))
    assert alerts.pending("Slow", prometheus=server.url)
    assert not alerts.firing("Slow", prometheus=server.url)
    assert not alerts.resolved("Slow", prometheus=server.url)


def test_firing_of_one_instance_is_not_that_of_another(server: Server) -> None:
    server.alerts(("Slow", "firing", {"instance": "a"}))
    assert alerts.firing("Slow", labels={"instance": "a"}, prometheus=server.url)
    assert not alerts.firing("Slow", labels={"instance": "b"}, prometheus=server.url)


def test_an_alert_that_is_silenced_is_not_received(server: Server) -> None:
    told = {"labels": {"alertname": "Slow"}, "status": {"state": "suppressed"}}
    server.answers["/api/v2/alerts"] = (200, [told])
    assert not alerts.received("Slow", alertmanager=server.url)
    told["status"] = {"state": "active"}
    server.answers["/api/v2/alerts"] = (200, [told])
    assert alerts.received("Slow", alertmanager=server.url)


def test_quiet_and_loud(server: Server) -> None:
    server.alerts(
        ("Slow", "firing", {"severity": "page"}),
        ("Disk", "firing", {"severity": "ticket"}),
        ("Later", "pending", {"severity": "page"}),
    )
    assert alerts.loud(prometheus=server.url) == ["Slow"]
    assert alerts.loud(severity="", prometheus=server.url) == ["Disk", "Slow"]
    assert not alerts.quiet(prometheus=server.url)
    assert alerts.quiet(besides=["Slow"], prometheus=server.url)


def test_none_of_several(server: Server) -> None:
    server.alerts(("Slow", "pending", {}), ("Disk", "firing", {}))
    assert not alerts.resolved(["Errors", "Slow"], prometheus=server.url)
    assert alerts.resolved(["Errors", "Down"], prometheus=server.url)
    with pytest.raises(ActivityFailed, match="no alert is named"):
        alerts.resolved([], prometheus=server.url)


def test_waiting_for_quiet(server: Server) -> None:
    loud = {"state": "firing", "labels": {"alertname": "Slow", "severity": "page"}}
    answers: Iterator[list[object]] = iter([[loud], [loud]])
    server.answers["/api/v1/alerts"] = lambda _: (200, {"data": {"alerts": next(answers, [])}})
    assert not alerts.quiet(prometheus=server.url)
    assert alerts.quiet(wait=5, prometheus=server.url)


def test_something_that_is_no_prometheus(server: Server) -> None:
    server.answers["/api/v1/alerts"] = (200, ["what?"])
    with pytest.raises(ActivityFailed, match="not answer like a Prometheus"):
        alerts.resolved("Slow", prometheus=server.url)


@pytest.mark.parametrize("probe", [alerts.pending, alerts.firing, alerts.resolved])
def test_without_a_server_nothing_is_known(probe: object) -> None:
    assert callable(probe)
    with pytest.raises(ActivityFailed, match="gave no answer"):
        probe("Slow", prometheus="http://127.0.0.1:1")


def test_a_server_that_comes_back_in_time_is_heard(server: Server) -> None:
    answers: Iterator[tuple[int, object]] = iter([(500, {}), (500, {})])
    firing = {"data": {"alerts": [{"state": "firing", "labels": {"alertname": "Slow"}}]}}
    server.answers["/api/v1/alerts"] = lambda _: next(answers, (200, firing))
    assert alerts.firing("Slow", within=5, prometheus=server.url)
