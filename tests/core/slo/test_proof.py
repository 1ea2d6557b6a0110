"""Proofs of the rules: of every kind of SLI, by counting, judged without Prometheus."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.slo.budget import time_to_clear, time_to_detect
from sretool.core.slo.feed import CannotProve, Phase, feed_of
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Freshness,
    NativeBucketRatio,
    Part,
    Sli,
    Slo,
)
from sretool.core.slo.proof import ANY_RANGES, CLOSED, MINUTE, episodes, failures, prove, write_tests
from sretool.core.slo.rules import group
from sretool.core.slo.windows import threshold
from tests.support.slos import slo

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
    pytest.param(
        Composite((Part(EventRatio("e", "r")), Part(BucketRatio("l", Decimal(1)), Decimal(2)))),
        id="composite",
    ),
    pytest.param(
        Composite((Part(EventRatio("e", "r")), Part(BucketRatio("l", Decimal(1)))), "worst"), id="worst of"
    ),
]


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
