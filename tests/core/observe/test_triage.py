"""What somebody who has to decide is told about an alert."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from sretool.core.alerting.acks import Ack
from sretool.core.catalog.model import Service, System
from sretool.core.catalog.oncall import Escalation, Member, OnCall, Schedule, Step
from sretool.core.observe import triage
from sretool.core.observe.model import AlertState, Change
from sretool.core.observe.triage import Stage
from sretool.core.slo.model import Level, Severity
from tests.support.dashboard import NOW, alert, slo, status

MINUTE = timedelta(minutes=1)
SRE = Schedule("sre", "SRE", "UTC", date(2026, 1, 5), time(9), 0, 7, ("mia", "bo"))
ONCALL = OnCall(
    members=(Member("mia", "Mia"), Member("bo", "Bo")),
    schedules=(SRE,),
    escalations=(
        Escalation(
            "p0", {"priority": "P0"}, (Step(timedelta(), ("sre",)), Step(10 * MINUTE, ("sre/backup",)))
        ),
    ),
)
SYSTEM = System(
    "amas", "AMAS", services=(Service("amas", "AMAS", "backend-team"),), slos=(slo(),), oncall=ONCALL
)


def test_an_open_page_counts_down_to_its_next_step() -> None:
    paged = alert(priority="P0", ago=3 * MINUTE)
    (found,) = triage.opened([paged], SYSTEM, NOW)
    assert (found.stage, found.escalates_in) == (Stage.NEW, 7 * MINUTE)
    assert [row.number for row in found.steps] == [1, 2]


def test_an_ack_stops_the_countdown() -> None:
    ack = Ack("s1", "mia", "", NOW - MINUTE, NOW + MINUTE, ours=True)
    paged = replace(alert(priority="P0"), state=AlertState.ACKNOWLEDGED, ack=ack)
    (found,) = triage.opened([paged], SYSTEM, NOW)
    assert (found.stage, found.escalates_in) == (Stage.ACKED, None)


def test_owners_come_from_the_alert_the_objective_or_the_service() -> None:
    named = alert(owner="dba")
    of_slo = replace(alert(of="amas/learning-availability"), labels={"alertname": "X"})
    of_service = replace(alert(), labels={"alertname": "X", "service": "amas"})
    of_nobody = replace(alert(), labels={"alertname": "X"})
    found = triage.opened([named, of_slo, of_service, of_nobody], SYSTEM, NOW)
    assert [each.owner for each in found] == ["dba", "learning", "backend-team", None]
    assert triage.opened([of_service], None, NOW)[0].owner is None


def test_what_is_mine() -> None:
    paged = alert(priority="P0", owner="dba")
    (found,) = triage.opened([paged], SYSTEM, NOW)
    reached = found.steps[0].who[0].member
    assert reached is not None
    assert triage.mine(found, reached, (), ONCALL)
    assert triage.mine(found, "zoe", ("dba",), ONCALL)
    assert not triage.mine(found, "zoe", (), ONCALL)
    assert not triage.mine(found, None, (), ONCALL)
    ack = Ack("s1", "zoe", "", NOW, NOW, ours=True)
    assert triage.mine(replace(found, alert=replace(paged, ack=ack)), "zoe", (), ONCALL)


def test_why_an_objective_pages_is_told_in_figures() -> None:
    burning = status(slo(), Level.PAGE, burn=20.0)
    told = alert("SLOBudgetBurn", of="amas/learning-availability", long="1h", short="5m")
    said = triage.why(told, burning)
    assert said is not None
    assert "both over 14.4x" in said
    assert "2% of the budget in 1h" in said
    assert triage.why(told, None) == "SLOBudgetBurn summary"
    assert triage.why(replace(told, annotations={}), None) is None


def test_changes_before_an_alert_are_causes_not_consequences() -> None:
    began = alert(ago=10 * MINUTE)
    changes = [
        Change(NOW - 36 * MINUTE, "deploy", "v412 by mia", {"service": "amas"}),
        Change(NOW - 20 * MINUTE, "deploy", "v9 of another", {"service": "shop"}),
        Change(NOW - 15 * MINUTE, "alert", "Other fires"),
        Change(NOW - 12 * MINUTE, "restart", "app-1 started"),
        Change(NOW - 5 * MINUTE, "deploy", "after it", {"service": "amas"}),
        Change(NOW - 90 * MINUTE, "deploy", "long before", {"service": "amas"}),
    ]
    found = triage.changes_before(began, changes)
    assert [(change.text, before) for change, before in found] == [
        ("app-1 started", 2 * MINUTE),
        ("v412 by mia", 26 * MINUTE),
    ]


def test_what_waits_for_somebody() -> None:
    alerts = [
        alert(priority="P0", ago=3 * MINUTE),
        alert("Old", ago=20 * MINUTE),
        alert("Ticket", Severity.TICKET, ago=40 * MINUTE),
        alert("Quiet", state=AlertState.SILENCED, ago=50 * MINUTE),
    ]
    found = triage.waiting(triage.opened(alerts, SYSTEM, NOW), NOW)
    assert (found.pages, found.oldest, found.escalates_in) == (2, 20 * MINUTE, 7 * MINUTE)
    assert triage.waiting((), datetime.now(UTC)) == triage.Waiting(0, None, None)
