"""Comparisons of load tests that never happened, of which is known what became worse."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis import bootstrap
from sretool.core.analysis.compare import Change, Comparison, Row, Settings, compare
from sretool.core.analysis.totals import Total, Totals
from tests.support.runs_of_load import seconds

FEW = Settings(rounds=300)


def row(found: Comparison, measure: str, request: str = "") -> Row:
    return next(row for row in found.rows if (row.request, row.measure) == (request, measure))


def test_the_same_run_twice_is_the_same() -> None:
    one = seconds(1)
    found = compare(one, one, FEW)
    assert found.verdict is Change.SAME
    assert all(row.change == 0 for row in found.rows)
    assert all(row.verdict is Change.SAME for row in found.rows)
    assert [row.request for row in found.rows[::5]] == ["", "GET /", "POST /answer"]


@pytest.mark.slow
def test_noise_is_no_regression() -> None:
    # Runs of one and the same system; the bench has a thousand of them.
    found = Counter(
        compare(seconds(2 * seed, unrest=0.1), seconds(2 * seed + 1, unrest=0.1), FEW).verdict
        for seed in range(15)
    )
    assert found[Change.WORSE] <= 1
    assert found[Change.UNCLEAR] == 0


@pytest.mark.slow
def test_a_tenth_slower_is_found() -> None:
    found = [
        compare(
            seconds(2 * seed, unrest=0.02, rate=400), seconds(2 * seed + 1, unrest=0.02, rate=400, slower=1.1)
        )
        for seed in range(5)
    ]
    assert [each.verdict for each in found] == [Change.WORSE] * 5
    p95 = row(found[0], "p95")
    assert p95.verdict is Change.WORSE
    assert p95.low is not None
    assert p95.high is not None
    assert p95.low < 0.1 < p95.high
    assert p95.chance is not None
    assert p95.chance < 0.01


def test_a_tenth_faster_is_better() -> None:
    found = compare(seconds(1, unrest=0.02, rate=400), seconds(2, unrest=0.02, rate=400, slower=0.9), FEW)
    assert found.verdict is Change.BETTER


@pytest.mark.slow
def test_what_is_slower_by_less_than_matters_is_the_same() -> None:
    before, after = (
        seconds(1, unrest=0.01, rate=1000),
        seconds(2, unrest=0.01, rate=1000, slower=1.03),
    )
    assert compare(before, after, FEW).verdict is Change.SAME
    assert compare(before, after, Settings(relative=0.01, rounds=300)).verdict is Change.WORSE


@pytest.mark.slow
def test_less_than_a_millisecond_does_not_matter_by_itself() -> None:
    before, after = (
        seconds(1, median_s=0.001, unrest=0.01, rate=1000),
        seconds(2, median_s=0.001, unrest=0.01, rate=1000, slower=1.2),
    )
    assert row(compare(before, after, FEW), "p50").verdict is Change.SAME
    assert row(compare(before, after, Settings(seconds=0.0001, rounds=300)), "p50").verdict is Change.WORSE


@pytest.mark.slow
def test_more_failures_are_worse_and_fewer_better() -> None:
    few, many = seconds(1, failing=0.001), seconds(2, failing=0.02)
    errors = row(compare(few, many, FEW), "errors")
    assert errors.verdict is Change.WORSE
    assert errors.change == pytest.approx(0.019, abs=0.004)
    assert row(compare(many, few, FEW), "errors").verdict is Change.BETTER
    assert row(compare(few, seconds(2, failing=0.0012), FEW), "errors").verdict is Change.SAME


def test_a_lower_rate_is_worse() -> None:
    found = compare(seconds(1, rate=400), seconds(2, rate=300), FEW)
    rate = row(found, "rate")
    assert rate.verdict is Change.WORSE
    assert rate.change == pytest.approx(-0.25, abs=0.03)


def test_only_one_kind_of_request_is_worse() -> None:
    names = ("GET /", "POST /answer")
    before = seconds(1, names=names, unrest=0.02)
    slow = seconds(2, names=("POST /answer",), rate=100, slower=1.5, unrest=0.02)
    after = seconds(3, names=("GET /",), rate=100, unrest=0.02)
    for one, other in zip(after, slow, strict=True):
        one.add("POST /answer", other.names["POST /answer"])
    found = compare(before, after, FEW)
    assert {row.request for row in found.worse} <= {"", "POST /answer"}
    assert row(found, "p95", "POST /answer").verdict is Change.WORSE


def test_requests_that_are_missing_on_one_side_are_told() -> None:
    found = compare(seconds(1), seconds(2, names=("GET /",)), FEW)
    assert any("POST /answer was asked" in note for note in found.notes)
    assert row(found, "p50", "POST /answer").verdict is Change.UNCLEAR


@pytest.mark.parametrize(("length", "rate"), [(5, 200), (60, 0.5)])
def test_too_little_data_is_no_verdict(length: int, rate: float) -> None:
    found = compare(seconds(1, length=length, rate=rate), seconds(2, length=length, rate=rate), FEW)
    assert found.verdict is Change.UNCLEAR
    assert "needed" in row(found, "p95").why


def test_nothing_at_all_is_no_verdict() -> None:
    assert compare([], [], FEW).verdict is Change.UNCLEAR
    assert compare([Totals(1.0)] * 20, [Totals(1.0)] * 20, FEW).verdict is Change.UNCLEAR


def test_long_runs_are_cut_into_longer_slices() -> None:
    part = seconds(1, length=1, rate=20)
    found = compare(part * 1000, part * 1000, FEW)
    rate = row(found, "rate")
    assert rate.verdict is Change.SAME
    assert rate.before == rate.after


def test_a_verdict_is_the_same_every_time() -> None:
    one, other = seconds(1, unrest=0.2), seconds(2, unrest=0.2, slower=1.05)
    assert compare(one, other, FEW) == compare(one, other, FEW)


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 50), st.integers(0, 50), st.floats(1e3, 1e10)), max_size=30
    ),
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 50), st.integers(0, 50), st.floats(1e3, 1e10)), max_size=30
    ),
)
def test_whatever_was_counted_gets_a_verdict(
    one: list[tuple[float, int, int, float]], other: list[tuple[float, int, int, float]]
) -> None:
    def parts(found: list[tuple[float, int, int, float]]) -> list[Totals]:
        slices = []
        for length, requests, failures, latency in found:
            total = Total(requests, min(failures, requests))
            total.latency.add([latency] * requests)
            part = Totals(length)
            part.add("x", total)
            slices.append(part)
        return slices

    found = compare(parts(one), parts(other), Settings(rounds=50))
    for each in found.rows:
        assert each.chance is None or 0 <= each.chance <= 1
        assert (each.verdict is Change.UNCLEAR) == (each.chance is None)


def test_a_resampling_draws_neighbours() -> None:
    drawn = bootstrap.weights(60, 500, 7)
    assert (drawn.sum(axis=1) == 60).all()
    assert drawn.mean() == pytest.approx(1, abs=0.01)
    beside = np.mean([np.corrcoef(drawn[:, place], drawn[:, place + 1])[0, 1] for place in range(50)])
    apart = np.mean([np.corrcoef(drawn[:, place], drawn[:, place + 9])[0, 1] for place in range(50)])
    assert beside > 0.6
    assert abs(apart) < 0.15


def test_the_scatter_of_a_mean_of_what_remembers_is_found() -> None:
    # An autoregressive series: its mean scatters by sigma * sqrt((1 + r) / (1 - r) / n).
    dice = np.random.default_rng(3)
    errors = []
    for _ in range(40):
        series = [dice.normal()]
        for _ in range(119):
            series.append(0.5 * series[-1] + math.sqrt(0.75) * dice.normal())
        drawn = bootstrap.weights(120, 300, 1) @ np.array(series) / 120
        errors.append(float(np.std(drawn)))
    truth = math.sqrt(3 / 120)
    assert np.mean(errors) == pytest.approx(truth, rel=0.2)


@pytest.mark.parametrize(
    ("t", "blocks", "expected"), [(0.0, 5, 0.5), (2.132, 5, 0.05), (3.747, 5, 0.01), (1.96, 10_000, 0.025)]
)
def test_chance_is_that_of_students_t(t: float, blocks: int, expected: float) -> None:
    assert bootstrap.chance(t, 1.0, blocks) == pytest.approx(expected, rel=0.05)
    assert bootstrap.chance(-t, 1.0, blocks) == pytest.approx(1 - expected, rel=0.05)
    assert bootstrap.chance(1.0, 0.0, blocks) == 0.0


def test_quantiles_are_nearest_rank() -> None:
    counts = np.array([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
    found, last = bootstrap.quantiles(counts, np.array([1.0, 2.0, 3.0]), [0.5, 1.0])
    assert last[0] == 3.0
    assert found[0] == 2.0
    assert math.isnan(found[1])
    assert found[2] == 1.0
