"""Firings out of the samples of ALERTS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.alerting import firings
from sretool.core.alerting.silences import Matcher

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
STEP = timedelta(minutes=5)
LABELS = {"__name__": "ALERTS", "alertstate": "firing", "alertname": "ServiceDown", "instance": "app-1"}


def at(*steps: int) -> list[datetime]:
    return [NOW - STEP * step for step in steps]


def test_stretches_of_samples_are_firings() -> None:
    found = firings.firings([(LABELS, at(100, 99, 98, 50, 1, 0))], STEP, NOW)
    assert [(f.start, f.lasted, f.going_on) for f in found] == [
        (NOW - STEP, STEP, True),
        (NOW - 50 * STEP, timedelta(), False),
        (NOW - 100 * STEP, 2 * STEP, False),
    ]
    assert found[0].labels == {"alertname": "ServiceDown", "instance": "app-1"}


def test_no_sample_is_no_firing() -> None:
    assert firings.firings([(LABELS, [])], STEP, NOW) == ()


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (timedelta(days=30), timedelta(minutes=5)),
        (timedelta(days=7), timedelta(seconds=75)),
        (timedelta(hours=1), timedelta(seconds=15)),
    ],
)
def test_one_question_covers_the_span(span: timedelta, step: timedelta) -> None:
    assert firings.step_for(span) == step
    assert span / step <= 11_000


def test_labels_added_on_the_way_to_alertmanager_may_be_missing_in_prometheus() -> None:
    matchers = [Matcher("alertname", "A"), Matcher("env", "prod.eu")]
    assert firings.query(matchers, STEP, frozenset({"env"})) == (
        'max_over_time(ALERTS{alertstate="firing",alertname="A",env=~"prod\\\\.eu|"}[5m])'
    )
    assert 'env="prod.eu"' in firings.query(matchers, STEP)


def test_the_firings_of_an_alert_have_no_label_it_has_not() -> None:
    found = firings.firings([(LABELS, at(3)), ({**LABELS, "instance": "app-2"}, at(2))], STEP, NOW)
    mine = firings.of_alert(found, {"alertname": "ServiceDown", "instance": "app-1", "env": "prod"})
    assert [f.labels["instance"] for f in mine] == ["app-1"]


def test_labels_all_alerts_share() -> None:
    alerts = [{"alertname": "A", "env": "x", "i": "1"}, {"alertname": "A", "env": "x", "i": "2"}]
    assert firings.common_labels(alerts) == {"env"}
    assert firings.common_labels(alerts[:1]) == frozenset()
