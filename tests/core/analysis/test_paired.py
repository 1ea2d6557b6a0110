"""Differences within pairs: Student's intervals against tables and by coverage, signs against counting."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.paired import Pair, chance, difference, t_quantile, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FIGURES = st.lists(
    st.tuples(st.floats(0.001, 1e6), st.floats(0.001, 1e6)).map(lambda both: Pair(*both)),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706205), (2, 4.302653), (3, 3.182446), (4, 2.776445), (5, 2.570582), (9, 2.262157),
     (10, 2.228139), (29, 2.045230), (120, 1.979930)],
)  # fmt: skip
def test_students_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(0.95, freedom) == pytest.approx(quantile, abs=1e-6)
    assert within(quantile, freedom) == pytest.approx(0.95, abs=1e-6)


def test_a_quantile_of_99_per_cent() -> None:
    assert t_quantile(0.99, 4) == pytest.approx(4.604095, abs=1e-6)


def test_a_known_case_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, standard error 1/√3, t of two degrees of freedom 4.302653.
    found = difference([Pair(10, 11), Pair(10, 12), Pair(10, 13)], relative=False)
    assert found is not None
    assert (found.without, found.with_, found.change) == (10, 12, 2)
    assert found.margin == pytest.approx(4.302653 / math.sqrt(3), abs=1e-5)
    assert found.low == pytest.approx(-0.484142, abs=1e-5)
    assert found.clear is False
    assert found.chance == 0.25 == found.least_chance


def test_factors_are_told_in_relation_to_without() -> None:
    found = difference([Pair(100, 62), Pair(200, 124), Pair(50, 31)])
    assert found is not None
    assert found.relative
    assert found.change == pytest.approx(-0.38)
    assert found.low == pytest.approx(-0.38)
    assert found.clear is True


def test_what_drifts_from_pair_to_pair_drops_out() -> None:
    steady = difference([Pair(10, 20), Pair(1000, 2010), Pair(100_000, 199_000)])
    assert steady is not None
    assert steady.clear
    assert steady.change == pytest.approx(1.0, abs=0.01)


def test_where_nothing_is_left_the_plain_difference_is_told() -> None:
    found = difference([Pair(20, 0), Pair(22, 0)])
    assert found is not None
    assert not found.relative
    assert found.change == -21


def test_one_pair_shows_a_change_and_no_interval() -> None:
    found = difference([Pair(10, 20)])
    assert found is not None
    assert found.change == pytest.approx(1)
    assert (found.low, found.high, found.clear, found.margin) == (None, None, None, None)
    assert found.chance == 1


def test_no_pair_shows_nothing() -> None:
    assert difference([]) is None


@given(FIGURES, st.booleans())
def test_turning_every_pair_round_turns_the_difference_round(pairs: list[Pair], relative: bool) -> None:
    one = difference(pairs, relative=relative)
    other = difference([Pair(each.with_, each.without) for each in pairs], relative=relative)
    assert one is not None
    assert other is not None
    if one.relative:
        assert (1 + one.change) * (1 + other.change) == pytest.approx(1)
    else:
        assert one.change == pytest.approx(-other.change, abs=1e-6)
    assert one.chance == other.chance
    assert one.least_chance <= one.chance <= 1 or one.chance == pytest.approx(one.least_chance)


@given(FIGURES, st.floats(0.01, 100))
def test_another_unit_changes_no_factor(pairs: list[Pair], unit: float) -> None:
    one = difference(pairs)
    other = difference([Pair(each.without * unit, each.with_ * unit) for each in pairs])
    assert one is not None
    assert other is not None
    assert other.change == pytest.approx(one.change, rel=1e-6, abs=1e-9)
    assert other.without == pytest.approx(one.without * unit)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=7))
def test_the_chance_is_that_of_counting_every_way(whole: list[int]) -> None:
    seen = abs(sum(whole))
    ways = [abs(sum(s * d for s, d in zip(signs, whole, strict=True)))
            for signs in itertools.product((1, -1), repeat=len(whole))]  # fmt: skip
    counted = sum(each >= seen for each in ways) / len(ways)
    assert chance(np.array(whole, dtype=np.float64)) == pytest.approx(counted)


@pytest.mark.parametrize("pairs", [2, 3, 5, 8])
@pytest.mark.parametrize("shape", ["normal", "laplace", "uniform"])
def test_the_interval_holds_the_truth_as_often_as_it_says(pairs: int, shape: str) -> None:
    """Latencies that scatter by a factor; a fault makes them 1.5 times as long."""
    dice = np.random.default_rng(7)
    shapes: dict[str, Callable[..., NDArray[np.float64]]]
    shapes = {"normal": dice.normal, "laplace": dice.laplace, "uniform": dice.uniform}
    ends = (-0.3, 0.3) if shape == "uniform" else (0.0, 0.2)
    held, times = 0, 1000
    for _ in range(times):
        level = dice.normal(0, 1, pairs)
        noise = shapes[shape](*ends, size=(2, pairs))
        without, with_ = np.exp(level + noise[0]), np.exp(level + noise[1]) * 1.5
        found = difference([Pair(*each) for each in zip(without, with_, strict=True)])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.5 <= found.high
    # 0.95 of 1000 scatter by 0.007.
    assert 0.925 <= held / times <= 0.985


@pytest.mark.parametrize("pairs", [6, 8])
def test_chance_cries_wolf_no_oftener_than_it_says(pairs: int) -> None:
    """Differences of two heavy tails, and no fault at all."""
    dice = np.random.default_rng(11)
    cries = sum(chance(dice.standard_t(2, size=pairs)) <= 0.05 for _ in range(2000))
    assert cries / 2000 <= 0.05 + 3 * 0.005


def test_many_pairs_are_drawn_from_and_agree_with_counting() -> None:
    differences = np.random.default_rng(3).normal(0.3, 1, 14)
    exact = chance(differences)
    drawn = chance(np.concatenate([differences, [0.0]]))
    # A difference of nothing has no sign: the share stays as it is.
    assert drawn == pytest.approx(exact, abs=0.012)
    assert chance(np.full(20, 1.0)) == pytest.approx(1 / 20_001, abs=1e-4)
