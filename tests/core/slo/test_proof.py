"""Proofs of the rules: of every kind of SLI, by counting, judged without Prometheus."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.slo.budget import time_to_clear, time_to_detect
from sretool.core.slo.feed import CannotProve, Phase, feed_of
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    BurnAlert,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Freshness,
    NativeBucketRatio,
    Part,
    Severity,
    Sli,
    Slo,
)
from sretool.core.slo.proof import ANY_RANGES, CLOSED, MINUTE, episodes, failures, prove, write_tests
from sretool.core.slo.rules import group, render
from sretool.core.slo.windows import threshold
from tests.support.promtool import Rules
from tests.support.slos import slo

if TYPE_CHECKING:
    from pathlib import Path

QUERY = "sum(rate(errors_total[{window}])) / sum(rate(requests_total[{window}]))"
KINDS = [
    pytest.param(EventRatio(bad='h{code=~"5..|429"}', total="h"), id="one metric"),
    pytest.param(EventRatio(bad=None, good='h{code!~"5.."}', total="h"), id="good events"),
    pytest.param(BucketRatio("l", Decimal(1), 'route=~"/a/.*|/b"'), id="histogram"),
    pytest.param(BucketRatio("l", Decimal("0.5"), good="above"), id="above is good"),
    pytest.param(ErrorRatioQuery(QUERY), id="query"),
    pytest.param(ErrorRatioQuery(QUERY, "sum(rate(requests_total[{window}]))"), id="query with traffic"),
    pytest.param(BooleanGauge('up{job="x"}'), id="gauge"),
    pytest.param(Freshness("time() - last_success", timedelta(minutes=5)), id="freshness"),
    pytest.param(BooleanGauge('up{job="x"}', timedelta(seconds=20)), id="gauge every 20 seconds"),
    pytest.param(BooleanGauge("up", timedelta(minutes=2)), id="gauge every 2 minutes"),
    pytest.param(Freshness("time() - last_success", MINUTE, 5 * MINUTE), id="freshness every 5 minutes"),
    pytest.param(
        Composite((Part(BooleanGauge("a", MINUTE / 2)), Part(BooleanGauge("b", MINUTE / 3))), "worst"),
        id="worst of unlike short slices",
    ),
    pytest.param(
        Composite((Part(EventRatio("e", "r")), Part(BucketRatio("l", Decimal(1)), Decimal(2)))),
        id="composite",
    ),
    pytest.param(
        Composite((Part(EventRatio("e", "r")), Part(BucketRatio("l", Decimal(1)))), "worst"), id="worst of"
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("sli", KINDS)
@pytest.mark.parametrize("ranges", [CLOSED, ANY_RANGES], ids=["Prometheus 2", "2 and 3"])
def test_the_rules_of_every_kind_hold_their_proofs(sli: Sli, ranges: tuple[bool, ...]) -> None:
    subject = slo("0.99", days=7, sli=sli)
    proven = prove(subject, ranges=ranges)
    assert proven.missing is None
    assert len(proven.proofs) >= 4
    rules = group(subject).rules
    for proof in proven.proofs:
        for left_open in ranges:
            assert failures(rules, proof, left_open=left_open) == (), proof.name


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(slo(), id="30 days"),
        pytest.param(slo(days=28), id="28 days"),
        pytest.param(slo("0.9", days=1), id="a day"),
        pytest.param(slo("0.99999"), id="five nines"),
        pytest.param(slo(group_by=("route",)), id="groups"),
        pytest.param(slo(min_events=600), id="low-traffic guard"),
        pytest.param(slo(alerts=()), id="no alerts"),
    ],
)
def test_every_alert_is_proven_to_fire_and_to_clear(subject: Slo) -> None:
    proven = prove(subject)
    rules = group(subject).rules
    for proof in proven.proofs:
        assert failures(rules, proof) == (), proof.name
    said = {check.why for proof in proven.proofs for check in proof.checks if "ALERTS" in check.expr}
    for rule in rules:
        if rule.alert is not None:
            pair = f"{rule.labels['severity']} {rule.labels['long']}/{rule.labels['short']}"
            assert {f"{pair} fires", f"{pair} is silent"} <= said


def test_what_cannot_be_fed_is_said() -> None:
    native = slo(sli=NativeBucketRatio("latency", Decimal("0.3")))
    with pytest.raises(CannotProve):
        feed_of(native)
    proven = prove(native)
    assert proven.missing is not None
    assert len(proven.proofs) == 1
    assert f"{native.id}: nothing more" in write_tests([proven])


@pytest.mark.parametrize(
    "lengths", [(90,), (60, 300), (30, 120)], ids=["no whole minutes", "1m and 5m", "30s and 2m"]
)
def test_slices_that_do_not_fit_are_said(lengths: tuple[int, ...]) -> None:
    parts = tuple(Part(BooleanGauge(f"up{each}", timedelta(seconds=each))) for each in lengths)
    proven = prove(slo(sli=Composite(parts)))
    assert proven.missing is not None
    assert "slices" in proven.missing


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [10, 15, 20, 30, 60, 120, 300])
@pytest.mark.parametrize("factor", ["0.5", "1.6"])
def test_other_limits_do_not_hold_whatever_the_slices(seconds: int, factor: str) -> None:
    # Of twelve slices of 5m in an hour two must be bad: limits that are nearer mean as many.
    gauge = BooleanGauge("up", timedelta(seconds=seconds))
    subject = slo("0.99", sli=gauge)
    proofs = prove(subject, ranges=ANY_RANGES).proofs
    pairs = tuple(replace(pair, spends=pair.spends * Decimal(factor)) for pair in subject.alerts)
    rules = group(replace(subject, alerts=pairs)).rules
    for left_open in ANY_RANGES:
        wrong = [check for proof in proofs for check in failures(rules, proof, left_open=left_open)]
        assert {check.expr for check in wrong if check.expr.startswith("count(ALERTS{")} >= {
            check.expr
            for proof in proofs
            for check in proof.checks
            if check.there and check.expr.startswith("count(ALERTS{")
        }


@pytest.mark.lab
@pytest.mark.parametrize("seconds", [30, 300])
def test_promtool_says_the_same_of_other_slices(seconds: int, tmp_path: Path) -> None:
    pair = BurnAlert(Severity.PAGE, Decimal("0.05"), timedelta(hours=6), timedelta(minutes=30))
    subject = slo("0.99", days=7, sli=BooleanGauge('up{job="x"}', timedelta(seconds=seconds)), alerts=(pair,))
    tests = write_tests([prove(subject, ranges=ANY_RANGES)])
    assert Rules(render([subject]), {}).passes(tmp_path, tests)
    less = replace(subject, alerts=(replace(pair, spends=Decimal("0.04")),))
    assert not Rules(render([less]), {}).passes(tmp_path, tests)


def test_slos_that_read_other_series_share_a_test() -> None:
    apart = [
        slo(id=f"shop/{name}", alerts=slo().alerts[:1], sli=EventRatio(f"{name}_bad", f"{name}_all"))
        for name in ("a", "b", "c")
    ]
    alike = [slo(id=f"shop/{name}", alerts=slo().alerts[:1]) for name in ("a", "b")]
    alone, together, meeting = (
        len(yaml.safe_load(write_tests([prove(each) for each in slos]))["tests"])
        for slos in (apart[:1], apart, alike)
    )
    assert together == alone
    assert meeting > alone


@settings(max_examples=40)
@given(bad=st.integers(1, 1000), lasts=st.integers(1, 400))
def test_counting_agrees_with_the_closed_form(bad: int, lasts: int) -> None:
    subject = slo()
    pair = subject.alerts[0]
    limit = threshold(pair, subject.window, subject.budget)
    phases = (Phase(60, 1000), Phase(lasts, 1000, bad), Phase(70, 1000))
    found = episodes(limit, pair.long // MINUTE, pair.short // MINUTE, phases)
    begins = time_to_detect(pair, subject.window, subject.budget, bad / 1000)
    if begins is None or begins > lasts * MINUTE:
        assert found == ()
        return
    edge = (limit * 60 / Fraction(bad, 1000)).denominator == 1
    start = begins // MINUTE + edge
    if start > lasts:
        assert found == ()
        return
    ends = time_to_clear(pair, subject.window, subject.budget, bad / 1000)
    assert ends is not None
    (episode,) = found
    assert episode.start == 60 + start
    # A fault shorter than the short window leaves it sooner than a lasting one.
    assert episode.end is not None
    assert episode.end <= 60 + lasts + ends // MINUTE
    if lasts >= 5:
        assert episode.end == 60 + lasts + ends // MINUTE
