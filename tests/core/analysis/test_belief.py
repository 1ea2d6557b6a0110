from __future__ import annotations

import math
from math import comb

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sretool.core.analysis import belief

NOMINAL = 0.05
ROUNDS = 1500


def fisher(x1: int, n1: int, x2: int, n2: int) -> float:
    """One-sided p-value of Fisher's exact test that the first share is no smaller."""
    together = x1 + x2
    ways = (comb(n1, k) * comb(n2, together - k) for k in range(max(0, together - n2), x1 + 1))
    return sum(ways) / comb(n1 + n2, together)


@st.composite
def seen(draw: st.DrawFn) -> tuple[int, int]:
    of = draw(st.integers(1, 400))
    return draw(st.integers(0, of)), of


@given(seen(), seen())
@example((395, 396), (395, 395))
@example((158, 348), (160, 348))
@settings(max_examples=60, deadline=None)
def test_exact_bounds_melded_are_fishers_test(one: tuple[int, int], other: tuple[int, int]) -> None:
    found = belief.beyond(belief.upper(*one), belief.lower(*other))[0]
    assert found == pytest.approx(fisher(*one, *other), abs=6e-4)


@pytest.mark.parametrize(
    ("events", "of", "low", "high"),
    [
        # Bounds of Clopper and Pearson at 95 %, as tables have them.
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 20, 0.0866, 0.4910),
        (3, 30, 0.0211, 0.2653),
        (50, 100, 0.3983, 0.6017),
        (10, 10, 0.6915, 1.0),
        (10, 10_000, 0.00048, 0.00184),
    ],
)
def test_bounds_of_a_share_are_those_of_the_tables(events: int, of: int, low: float, high: float) -> None:
    assert belief.lower(events, of).quantile(0.025) == pytest.approx(low, rel=5e-3, abs=1e-4)
    assert belief.upper(events, of).quantile(0.975) == pytest.approx(high, rel=5e-3)


@given(seen(), seen(), st.floats(-0.5, 0.5))
@settings(max_examples=60, deadline=None)
def test_one_of_two_is_above_the_other(one: tuple[int, int], other: tuple[int, int], margin: float) -> None:
    a, b = belief.share(*one), belief.share(*other)
    assert belief.beyond(a, b, margin)[0] + belief.beyond(b, a, -margin)[0] == pytest.approx(1, abs=1e-9)


@given(seen(), st.integers(0, 400), st.floats(0, 0.2))
@settings(max_examples=60, deadline=None)
def test_more_failures_never_look_better(one: tuple[int, int], other: int, margin: float) -> None:
    events, of = one
    baseline = belief.share(min(other, 400), 400)
    fewer = belief.beyond(belief.share(max(events - 1, 0), of), baseline, margin)[0]
    assert belief.beyond(belief.share(events, of), baseline, margin)[0] >= fewer - 1e-3


@pytest.mark.parametrize(
    ("canary", "baseline", "share"),
    [
        pytest.param(100, 1900, 0.01, id="one failure in the canary"),
        pytest.param(1000, 19_000, 0.001, id="one failure in the canary, more traffic"),
        pytest.param(1000, 3000, 0.01, id="a quarter of the traffic"),
        pytest.param(300, 300, 0.05, id="halves"),
    ],
)
def test_equal_shares_are_taken_for_worse_about_as_often_as_is_said(
    canary: int, baseline: int, share: float
) -> None:
    dice = np.random.default_rng(7)
    draws = list(
        zip(dice.binomial(canary, share, ROUNDS), dice.binomial(baseline, share, ROUNDS), strict=True)
    )
    chances = {
        (x, y): belief.beyond(belief.share(int(x), canary), belief.share(int(y), baseline))[0]
        for x, y in set(draws)
    }
    wrong = sum(chances[each] >= 1 - NOMINAL for each in draws) / ROUNDS
    assert 0.02 <= wrong <= NOMINAL + 0.02


def test_equal_latencies_are_taken_for_worse_about_as_often_as_is_said() -> None:
    bounds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, math.inf)
    dice = np.random.default_rng(8)

    def seen_in(requests: int) -> belief.Belief:
        taken = dice.lognormal(math.log(0.05), 0.8, requests)
        upto = [int((taken <= bound).sum()) for bound in bounds]
        return belief.quantile(bounds, [b - a for a, b in zip([0, *upto], upto, strict=False)], 0.95)

    rounds = 600
    wrong = sum(belief.beyond(seen_in(400), seen_in(4000))[0] >= 1 - NOMINAL for _ in range(rounds))
    assert 0.02 <= wrong / rounds <= NOMINAL + 0.03


def test_the_interval_of_a_difference_holds_it_as_often_as_is_said() -> None:
    dice = np.random.default_rng(9)
    held = 0
    for x, y in zip(dice.binomial(200, 0.04, 300), dice.binomial(2000, 0.01, 300), strict=True):
        low, high = belief.difference(belief.share(int(x), 200), belief.share(int(y), 2000), 0.95)
        held += low <= 0.03 <= high
    assert held / 300 >= 0.92


@given(st.lists(st.integers(0, 300), min_size=4, max_size=4).filter(any), st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_the_middle_of_a_quantile_is_promqls(counts: list[int], wanted: float) -> None:
    bounds = (0.1, 0.2, 0.5, math.inf)
    found = belief.quantile(bounds, counts, wanted)
    middle = belief.value_at(bounds, counts, sum(counts) * wanted)
    assert found.values[0] - 1e-12 <= middle <= found.values[-1] + 1e-12
    assert found.quantile(0.5) >= belief.value_at(bounds, counts, sum(counts) * wanted - 1) - 1e-12


def test_a_value_lies_evenly_within_its_bucket() -> None:
    assert belief.value_at((0.1, 0.2, math.inf), (90, 10, 0), 95) == pytest.approx(0.15)
    assert belief.value_at((0.1, 0.2, math.inf), (90, 10, 0), 45) == pytest.approx(0.05)
    assert belief.value_at((0.1, 0.2, math.inf), (0, 0, 5), 3) == 0.2


def test_above_the_last_bucket_nothing_is_sure() -> None:
    slow = belief.quantile((0.1, math.inf), (10, 90), 0.95)
    assert slow.quantile(0.5) == math.inf
    assert belief.beyond(slow, slow) == pytest.approx((0.0, 1.0))
    assert belief.beyond(slow, 0.05)[0] == pytest.approx(1.0)
    assert belief.beyond(slow, 0.5) == pytest.approx((0.0, 1.0))


def test_few_requests_say_little_and_many_say_more() -> None:
    few = belief.quantile((0.1, 0.2, 0.5, math.inf), (8, 1, 1, 0), 0.95)
    many = belief.quantile((0.1, 0.2, 0.5, math.inf), (8000, 1000, 1000, 0), 0.95)
    assert few.quantile(0.975) - few.quantile(0.025) > 10 * (many.quantile(0.975) - many.quantile(0.025))


@pytest.mark.parametrize("of", [10**7, 10**9])
def test_very_many_events_are_no_trouble(of: int) -> None:
    share = belief.share(of // 1000, of)
    assert share.quantile(0.5) == pytest.approx(0.001, rel=1e-3)
    assert 0 < share.quantile(0.975) - share.quantile(0.025) < 1e-4
