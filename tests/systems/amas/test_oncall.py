"""The bundled system's rota and escalations, against what its routing and its rules say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.adapters.files import catalog
from sretool.core.alerting import escalation, oncall

if TYPE_CHECKING:
    from sretool.core.catalog.model import System

MONDAY_NOON = datetime(2026, 11, 16, 4, tzinfo=UTC)
"""12:00 in Shanghai."""


@pytest.fixture(scope="module")
def system() -> System:
    return catalog.load([Path("sretool/systems/amas")])


def _reached(system: System, labels: dict[str, str], at: datetime) -> list[tuple[timedelta, tuple[str, ...]]]:
    rule = escalation.rule_for(system.oncall, labels, at)
    assert rule is not None
    return [(step.after, step.to) for step in rule.steps]


@pytest.mark.parametrize(
    ("priority", "at", "expected"),
    [
        ("P0", MONDAY_NOON, [(0, ("oncall-sre", "oncall-backend")), (5, ("kim",))]),
        ("P1", MONDAY_NOON, [(0, ("sre-team", "backend-team")), (30, ("raj",))]),
        ("P1", MONDAY_NOON + timedelta(hours=8), [(0, ("oncall-sre",)), (30, ("raj",))]),
        ("P2", MONDAY_NOON, [(0, ("backend-team",))]),
        ("P3", MONDAY_NOON, [(0, ("platform-team",))]),
    ],
)
def test_who_hears_of_what(
    system: System, priority: str, at: datetime, expected: list[tuple[int, tuple[str, ...]]]
) -> None:
    assert _reached(system, {"priority": priority, "severity": "page"}, at) == [
        (timedelta(minutes=minutes), to) for minutes, to in expected
    ]


def test_every_alert_of_the_rules_reaches_somebody(system: System) -> None:
    seen = 0
    for text in system.rule_files.values():
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                labels = rule.get("labels", {})
                if "alert" in rule and labels.get("severity") != "none":
                    assert _reached(system, labels, MONDAY_NOON), rule["alert"]
                    seen += 1
    assert seen >= 15


def test_there_is_always_somebody_and_a_backup(system: System) -> None:
    assert len(system.oncall.schedules) == 2
    for schedule in system.oncall.schedules:
        assert not oncall.gaps(system.oncall, schedule, MONDAY_NOON, MONDAY_NOON + timedelta(days=90))
        shift, following = oncall.now_and_next(system.oncall, schedule, MONDAY_NOON)
        assert shift.start == datetime(2026, 11, 16, 1, tzinfo=UTC)
        assert shift.end - shift.start == timedelta(weeks=1)
        assert following is not None
        assert following.primary == shift.backup
