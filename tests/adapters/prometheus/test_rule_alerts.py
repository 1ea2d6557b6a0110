"""Alerts as the server that evaluates their rules has them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sretool.errors import SourceReplyInvalid
from tests.adapters.prometheus.test_source import answering
from tests.support.sources import reply


async def test_pending_and_firing_alerts_of_a_real_answer() -> None:
    found = await answering(reply("prometheus/alert_rules.json")).rule_alerts()
    assert [(each.name, each.firing, each.for_s, each.interval_s) for each in found] == [
        ("Watchdog", True, 0.0, 3.0),
        ("SLOBudgetBurn", True, 0.0, 60.0),
        ("SessionDropoutHigh", False, 1800.0, 30.0),
    ]
    burn = found[1]
    assert burn.labels["slo"] == "amas/learning-availability"
    assert "alertname" not in burn.labels
    assert burn.since is not None
    assert burn.since.tzinfo is not None
    assert burn.since < datetime(2026, 11, 21, 18, tzinfo=UTC)


async def test_no_rules_no_alerts() -> None:
    assert await answering(b'{"status":"success","data":{"groups":[]}}').rule_alerts() == ()


async def test_another_answer_is_told_as_such() -> None:
    with pytest.raises(SourceReplyInvalid):
        await answering(b'{"status":"success","data":{"groups":[{"rules":[{}]}]}}').rule_alerts()
