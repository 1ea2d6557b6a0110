"""Firings out of the samples of ALERTS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.alerting import firings
from sretool.core.alerting.silences import Matcher
from tests.support.promtool import Rules

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
STEP = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
LABELS = {"__name__": "ALERTS", "alertstate": "firing", "alertname": "ServiceDown", "instance": "app-1"}


def at(*steps: int, began: float = 1.0) -> list[tuple[datetime, float]]:
    return [(NOW - STEP * step, began) for step in steps]


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
    assert firings.ever(matchers, STEP, frozenset({"env"})) == (
        'max_over_time(ALERTS{alertstate="firing",alertname="A",env=~"prod\\\\.eu|"}[5m])'
    )
    assert firings.query(matchers, STEP, frozenset({"env"})).count('env=~"prod\\\\.eu|"') == 6
    assert 'env="prod.eu"' in firings.query(matchers, STEP)


def test_the_firings_of_an_alert_have_no_label_it_has_not() -> None:
    found = firings.firings([(LABELS, at(3)), ({**LABELS, "instance": "app-2"}, at(2))], STEP, NOW)
    mine = firings.of_alert(found, {"alertname": "ServiceDown", "instance": "app-1", "env": "prod"})
    assert [f.labels["instance"] for f in mine] == ["app-1"]


def test_labels_all_alerts_share() -> None:
    alerts = [{"alertname": "A", "env": "x", "i": "1"}, {"alertname": "A", "env": "x", "i": "2"}]
    assert firings.common_labels(alerts) == {"env"}
    assert firings.common_labels(alerts[:1]) == frozenset()


def test_an_alert_that_began_anew_between_two_samples_is_another_firing() -> None:
    points = [*at(5, 4, began=100.0), *at(3, began=400.0), *at(2, 1, 0, began=900.0)]
    found = firings.firings([(LABELS, points)], STEP, NOW)
    assert [(f.start, f.end, f.going_on) for f in found] == [
        (NOW - 2 * STEP, NOW, True),
        (NOW - 3 * STEP, NOW - 3 * STEP, False),
        (NOW - 5 * STEP, NOW - 4 * STEP, False),
    ]


def test_two_series_of_one_alert_are_one_past() -> None:
    bare = {name: value for name, value in LABELS.items() if name not in ("__name__", "alertstate")}
    found = firings.firings([(LABELS, at(9, 8)), (bare, at(8, 7, began=50.0))], STEP, NOW)
    assert [(f.start, f.end) for f in found] == [
        (NOW - 8 * STEP, NOW - 7 * STEP),
        (NOW - 9 * STEP, NOW - 9 * STEP),
    ]


def test_prometheus_tells_flaps_apart_that_its_steps_do_not(tmp_path: Path) -> None:
    """Fires from minute 1 to 3, from 4 to 6, and at 7."""
    rules = "groups: [{name: g, rules: [{alert: Flap, expr: broken > 0, labels: {service: shop}}]}]"
    query = firings.query([Matcher("alertname", "Flap")], timedelta(minutes=1))
    values = Rules(rules, {"broken": "0 1 1 0 1 1 0 1 0x20"}).values(
        tmp_path, [(query, minute) for minute in range(12)]
    )
    points = [(NOW + minute * MINUTE, value) for minute, value in enumerate(values) if value is not None]
    assert list(dict.fromkeys(value for _, value in points)) == [60, 240, 420]
    found = firings.firings([(LABELS, points)], MINUTE, NOW + 60 * MINUTE)
    assert [(f.start - NOW) / MINUTE for f in found] == [7, 4, 1]
