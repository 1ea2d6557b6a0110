"""Objectives as they are written, against what was measured."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.totals import Total, Totals
from sretool.core.plans.load import objectives
from sretool.core.plans.load.objectives import Measure, Objective, Watchdog, judge, parse, surely_broken
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

MS = 1e6


def measured(
    latencies_ms: Sequence[float], *, failures: int = 0, seconds: float = 10, name: str = "GET /"
) -> Totals:
    total = Total(len(latencies_ms), failures)
    total.latency.add([each * MS for each in latencies_ms])
    totals = Totals(seconds)
    totals.add(name, total)
    return totals


names = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1).map(
    lambda text: f"POST /{text}"
)
shares = st.decimals("0.1", "99.999", places=3).map(lambda share: float(share / 100))
times = st.floats(1e-6, 3600, allow_nan=False)


@st.composite
def written(draw: st.DrawFn) -> Objective:
    measure = draw(st.sampled_from([each for each in Measure if each is not Measure.SLO]))
    limit = {
        Measure.ERRORS: st.floats(1e-6, 1),
        Measure.RATE: st.floats(1e-3, 1e6),
    }.get(measure, times)
    return Objective(
        measure,
        draw(limit),
        draw(st.booleans()),
        draw(shares) if measure is Measure.QUANTILE else 0.0,
        draw(st.one_of(st.just(""), names)),
    )


@given(written())
def test_what_is_written_is_read_back(objective: Objective) -> None:
    assert parse(str(objective)) == objective


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p95 < 200ms", Objective(Measure.QUANTILE, 0.2, True, 0.95)),
        ("p99.9<=1s", Objective(Measure.QUANTILE, 1.0, False, 0.999)),
        (" errors < 0.1% ", Objective(Measure.ERRORS, 0.001)),
        ("errors <= 0", Objective(Measure.ERRORS, 0.0, False)),
        ("rate >= 30/m", Objective(Measure.RATE, 0.5, False)),
        ("max < 1.5s", Objective(Measure.MAX, 1.5)),
        ("mean < 800us", Objective(Measure.MEAN, 0.0008)),
        ("POST /answer: p95 < 300ms", Objective(Measure.QUANTILE, 0.3, True, 0.95, "POST /answer")),
        (
            "GET http://a:80/x?y<3: errors < 1%",
            Objective(Measure.ERRORS, 0.01, request="GET http://a:80/x?y<3"),
        ),
        ("slo: amas/learning-latency", Objective(Measure.SLO, slo="amas/learning-latency")),
    ],
)
def test_the_forms(text: str, expected: Objective) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("p95", "no objective"),
        ("", "no objective"),
        ("p95 < 200", "time with its unit"),
        ("p95 < 0ms", "can never hold"),
        ("p95 > 200ms", "upper limit"),
        ("p95 == 200ms", "upper limit"),
        ("p100 < 1s", "no percentile"),
        ("p0 < 1s", "no percentile"),
        ("median < 1s", "cannot be measured"),
        ("slo < 1s", "cannot be measured"),
        ("errors < 5", "not a ratio"),
        ("errors < 0%", "can never hold"),
        ("rate < 5/s", "lower limit"),
        ("rate > 5", "no rate"),
        ("rate > 0/s", "no rate"),
        ("p95 < 99999999999999s", "beyond"),
        ("slo: latency", "not an SLO's id"),
    ],
)
def test_what_cannot_be_one_is_refused_with_what_can(text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert says in f"{refused.value.message} {refused.value.remedy}"
    assert text.startswith("p95 < 999") or refused.value.remedy


@given(st.text())
def test_any_text_is_an_objective_or_refused(text: str) -> None:
    try:
        objective = parse(text)
    except UsageError:
        return
    assert parse(str(objective)) == objective


def test_one_kind_of_request_is_judged_apart_from_all() -> None:
    totals = measured([10] * 99 + [500])
    totals.merge(measured([900] * 10, failures=5, seconds=0, name="POST /slow"))
    assert judge(parse("GET /: p95 < 20ms"), totals).ok is True
    assert judge(parse("p95 < 20ms"), totals).ok is False
    assert judge(parse("POST /slow: errors < 40%"), totals).got == 0.5
    assert judge(parse("errors < 5%"), totals).got == pytest.approx(5 / 110)
    rate = judge(parse("POST /slow: rate >= 1/s"), totals)
    assert (rate.got, rate.ok, rate.unit, rate.name) == (1.0, True, "1/s", "POST /slow: rate >= 1/s")


def test_the_limit_itself_belongs_to_one_side() -> None:
    totals = measured([100.0])
    exactly = totals.whole.most
    assert exactly == 0.1
    assert judge(parse("max < 100ms"), totals).ok is False
    assert judge(parse("max <= 100ms"), totals).ok is True
    assert judge(parse("rate >= 100/m"), measured([1] * 10, seconds=6)).ok is True
    assert judge(parse("rate > 100/m"), measured([1] * 10, seconds=6)).ok is False


@pytest.mark.parametrize("text", ["p95 < 1s", "mean < 1s", "max < 1s", "errors < 1%", "x: rate > 1/s"])
def test_nothing_measured_is_not_kept(text: str) -> None:
    check = judge(parse(text), Totals(10))
    assert (check.got, check.ok) == (None, None)


def test_no_requests_at_all_are_a_rate_of_none() -> None:
    assert judge(parse("rate > 1/s"), Totals(10)).ok is False


def test_the_catalogs_objectives_are_not_judged_from_here() -> None:
    check = judge(parse("slo: a/b"), measured([1]))
    assert (check.name, check.ok, check.want) == ("slo: a/b", None, None)


@given(st.integers(0, 100), st.integers(1, 3000), st.floats(0.01, 0.999))
def test_surely_broken_is_broken(failures: int, requests: int, limit: float) -> None:
    totals = measured([1] * requests, failures=min(failures, requests))
    objective = Objective(Measure.ERRORS, limit)
    if surely_broken(objective, totals):
        assert judge(objective, totals).ok is False


@pytest.mark.slow
@pytest.mark.parametrize("text", ["p95 < 100ms", "errors < 5%"])
def test_chance_alone_ends_hardly_any_run(text: str) -> None:
    # At exactly the limit, looked at every second for two minutes.
    objective, ended = parse(text), 0
    for seed in range(200):
        dice, totals = random.Random(seed), Totals()
        for _ in range(120):
            bad = sum(dice.random() < 0.05 for _ in range(100))
            tick = [150.0] * bad + [10.0] * (100 - bad)
            totals.merge(measured(tick, failures=bad, seconds=1))
            if surely_broken(objective, totals):
                ended += 1
                break
    assert ended <= 4


def test_what_is_clearly_broken_is_seen_at_once() -> None:
    assert surely_broken(parse("p95 < 100ms"), measured([150.0] * 15 + [10.0] * 85))
    assert surely_broken(parse("errors < 1%"), measured([1] * 100, failures=10))
    assert surely_broken(parse("mean < 100ms"), measured([120.0, 130.0] * 50))
    assert not surely_broken(parse("mean < 100ms"), measured([1.0] * 99 + [30_000.0]))
    assert surely_broken(parse("max < 1s"), measured([1001.0]))
    assert surely_broken(parse("rate >= 100/s"), measured([1] * 900, seconds=10))
    assert not surely_broken(parse("rate >= 100/s"), measured([1] * 950, seconds=10))


def test_few_requests_break_nothing() -> None:
    assert not surely_broken(parse("errors < 1%"), measured([1] * 20, failures=20))
    assert surely_broken(parse("errors < 1%"), measured([1] * 20, failures=20), least=10)


def test_a_watchdog_waits_for_its_time_and_its_delay() -> None:
    dog = Watchdog([parse("p95 < 1s"), parse("errors < 1%")], after=5, delay=3)
    totals, barked = Totals(), []
    for second in range(1, 12):
        totals.merge(measured([1] * 100, failures=50, seconds=1))
        check = dog.look(totals)
        if check is not None:
            barked.append((second, check.name))
    assert barked[0] == (8, "errors < 1%")


def test_a_dip_that_the_run_makes_good_starts_the_delay_anew() -> None:
    dog = Watchdog([parse("errors < 10%")], delay=5)
    totals = Totals()
    for failures in (40, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0):
        totals.merge(measured([1] * 100, failures=failures, seconds=1))
        assert dog.look(totals) is None
    # Of 12 s a twentieth failed; it is broken again only when more does, and then for its time.
    for _ in range(6):
        totals.merge(measured([1] * 100, failures=100, seconds=1))
        assert dog.look(totals) is None
    totals.merge(measured([1] * 100, failures=100, seconds=1))
    assert dog.look(totals) is not None


def test_limits_are_shown_in_the_unit_that_reads_best() -> None:
    assert [str(parse(text)) for text in ("p50 < 0.0005s", "p50 < 1500ms", "p50 < 0.2s", "max <= 0s")] == [
        "p50 < 500us",
        "p50 < 1.5s",
        "p50 < 200ms",
        "max <= 0s",
    ]
    assert objectives.ALLOWED.count("p95 < 200ms") == 1


def test_a_few_seconds_of_a_search_are_judged_by_what_they_can_tell() -> None:
    judged = objectives.judge_steps(
        [parse(text) for text in ("p99 < 100ms", "errors < 1%", "x: p95 < 10ms", "rate > 5/s", "slo: a/b")]
    )
    calm = judged(measured([50.0] * 200, failures=1))
    assert calm.broken == ()
    assert calm.pressure == pytest.approx(0.5, rel=0.01)
    slow = judged(measured([150.0] * 200, failures=20))
    assert slow.broken == ("p99 < 100ms was 150ms", "errors < 1% was 10%")
    assert slow.pressure == pytest.approx(1.5, rel=0.01)
    assert judged(measured([1.0], failures=1)).broken == ("errors < 1% was 100%",)
    few = judged(measured([150.0] * 20, failures=1))
    assert (few.broken, few.pressure) == ((), None)
    assert judged(measured([50.0] * 100, name="x")).broken == ("x: p95 < 10ms was 50ms",)
