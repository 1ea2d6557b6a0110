"""When plain alerting rules would have fired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sretool.core.analysis.recording import Points
from sretool.core.analysis.symptoms import SymptomRule, read, replay
from sretool.core.slo.model import Severity
from sretool.errors import CatalogError

START = datetime(2026, 11, 20, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def rule(hold: timedelta = timedelta(), keep: timedelta = timedelta()) -> SymptomRule:
    return SymptomRule("Down", "up == 0", hold, keep, MINUTE, {"severity": "page"}, "rules.yml", 3)


def active(*minutes: int, **labels: str) -> Points:
    times = np.array([int(START.timestamp()) + 60 * minute for minute in minutes], dtype=np.int64)
    return Points({"__name__": "up", **labels}, times, np.zeros(len(times)))


def fired(rule: SymptomRule, *answers: Points, last: int = 60) -> list[tuple[int, int | None]]:
    found = replay(rule, answers, START, START + last * MINUTE)
    return [
        ((each.start - START) // MINUTE, (each.end - START) // MINUTE if each.end is not None else None)
        for each in found
    ]


def test_it_fires_from_the_first_evaluation_to_the_first_without() -> None:
    assert fired(rule(), active(3, 4, 5, 9)) == [(3, 6), (9, 10)]


@pytest.mark.parametrize(
    ("hold", "expected"),
    [(2 * MINUTE, [(5, 7)]), (90 * SECOND, [(5, 7)]), (3 * MINUTE, [(6, 7)]), (4 * MINUTE, [])],
)
def test_for_is_waited_without_a_gap(hold: timedelta, expected: list[tuple[int, int]]) -> None:
    assert fired(rule(hold), active(3, 4, 5, 6, 10, 11)) == expected


def test_keep_firing_for_bridges_gaps_and_ends_later() -> None:
    kept = rule(MINUTE, 3 * MINUTE)
    # Gone at 6 it would end at 9, but is there again; gone at 10 it ends at 13, before 20.
    assert fired(kept, active(3, 4, 5, 9, 20)) == [(4, 13)]
    assert fired(kept, active(3, 4, 5, 10)) == [(4, 9)]


def test_what_fires_at_the_end_has_no_end() -> None:
    assert fired(rule(), active(58, 59, 60)) == [(58, None)]
    assert fired(rule(), active(58, 59)) == [(58, 60)]


def test_each_series_fires_alone_however_its_answer_came() -> None:
    answers = [active(3, 4, job="a"), active(5, job="a"), active(4, job="b")]
    found = replay(rule(), answers, START, START + 60 * MINUTE)
    assert [dict(each.labels) for each in found] == [{"job": "a"}, {"job": "b"}]
    assert fired(rule(), *answers) == [(3, 6), (4, 5)]


def test_what_was_over_before_the_span_is_left_out() -> None:
    assert replay(rule(), [active(1, 2)], START + 10 * MINUTE, START + 20 * MINUTE) == ()


RULES = """\
groups:
  - name: a
    interval: 30s
    labels: {team: web}
    rules:
      - {record: x, expr: up}
      - alert: Slow
        expr: rate(slow_total[10m]) > 1
        for: 2m
        keep_firing_for: 1m
        labels: {severity: critical}
      - {alert: Burn, expr: up > 1, labels: {slo: a/b, long: 1h, short: 5m}}
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
"""


def test_rule_files_are_read() -> None:
    (found,) = read("rules.yml", RULES)
    assert (found.name, found.hold, found.keep, found.interval, found.line) == (
        "Slow",
        2 * MINUTE,
        MINUTE,
        30 * SECOND,
        7,
    )
    assert found.labels == {"team": "web", "severity": "critical"}
    assert found.severity is Severity.PAGE
    assert found.looks_back == 12 * MINUTE


def test_a_prometheus_rule_holds_groups_in_its_spec() -> None:
    inside = "".join(f"  {line}\n" for line in RULES.splitlines())
    assert len(read("k8s.yml", f"kind: PrometheusRule\nspec:\n{inside}")) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("a: 1\n", "`groups` is missing"),
        ("groups:\n  - rules:\n      - {alert: A}\n", "expr` is missing"),
        ("groups:\n  - rules:\n      - {alert: A, expr: up, for: soon}\n", "'soon'"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, said: str) -> None:
    with pytest.raises(CatalogError) as caught:
        read("rules.yml", text)
    assert any(said in problem.message for problem in caught.value.problems)
