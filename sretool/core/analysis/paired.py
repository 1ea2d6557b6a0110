"""The same thing measured twice in each of a few pairs, once with a fault and once without: what differs.

Only differences within a pair count, so that whatever drifts from pair to pair (a warmer cache, a busier
machine, the hour) drops out. Figures that cannot be negative (latencies, rates) differ by a factor: their
logarithms are compared, and the change is told in relation to what it was without. Shares differ in points.

**How sure it is.** The interval is Student's, from the differences of the pairs: with so few of them no other
keeps its promise. Resampling 3 or 5 differences (bootstrap) gives intervals that miss far more often than
they say, and permutations alone give none at all below 6 pairs. It takes the mean of the differences for
normal, which logarithms of latencies and rates nearly are; with 2 pairs it is as wide as ignorance is.

**Whether it is chance.** Beside it stands a test that takes nothing for granted: if the fault changed
nothing, each difference could as well have the other sign. The chance is the share of all ways to sign them
whose mean is at least as far from nothing. Of 3 pairs it is 25 % at best, of 6 pairs 3 %: `least_chance`
says so, and a reader sees when more pairs are needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SURE: Final = 0.95
"""How often an interval holds the truth."""
LEAST: Final = 2
"""Pairs that it takes for an interval."""
_EXACT: Final = 14
"""Pairs of which every way to sign their differences is looked at; of more, some at random."""
_DRAWN: Final = 20_000
_STEPS: Final = 200


@dataclass(frozen=True, slots=True)
class Pair:
    without: float
    with_: float


@dataclass(frozen=True, slots=True)
class Difference:
    """What the fault changes, by all pairs together."""

    pairs: int
    without: float
    """Mean of all; of factors the geometric one. `with_` likewise."""
    with_: float
    relative: bool
    """Whether `change` is in relation to `without` (0.5: half as much again); else it is their difference."""
    change: float
    low: float | None
    """Both ends of what the change may be; None: there are too few pairs."""
    high: float | None
    chance: float
    """How probable a mean at least as far from nothing is where the fault changes nothing, 0..1."""
    least_chance: float
    """The least that so many pairs can show."""

    @property
    def clear(self) -> bool | None:
        """Whether nothing at all is outside of what it may be; None: there are too few pairs."""
        if self.low is None or self.high is None:
            return None
        return self.low > 0 or self.high < 0

    @property
    def margin(self) -> float | None:
        """Half the interval's width, for `38 % ± 5 %`."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def difference(
    pairs: Sequence[Pair], *, relative: bool = True, sure: float = SURE, seed: int = 1
) -> Difference | None:
    """None without any pair.

    `relative` needs figures above 0: where one is not, the plain difference is told instead.
    """
    if not pairs:
        return None
    without = np.array([each.without for each in pairs], dtype=np.float64)
    with_ = np.array([each.with_ for each in pairs], dtype=np.float64)
    factors = relative and bool((without > 0).all()) and bool((with_ > 0).all())
    if factors:
        without, with_ = np.log(without), np.log(with_)
    differences = with_ - without
    middle = float(differences.mean())
    ends = _interval(differences, sure)
    told = math.expm1 if factors else float
    scale = math.exp if factors else float
    return Difference(
        pairs=len(pairs),
        without=scale(float(without.mean())),
        with_=scale(float(with_.mean())),
        relative=factors,
        change=told(middle),
        low=None if ends is None else told(ends[0]),
        high=None if ends is None else told(ends[1]),
        chance=chance(differences, seed),
        least_chance=2.0 ** (1 - len(pairs)),
    )


def _interval(differences: NDArray[np.float64], sure: float) -> tuple[float, float] | None:
    count = len(differences)
    if count < LEAST:
        return None
    middle = float(differences.mean())
    reach = t_quantile(sure, count - 1) * float(differences.std(ddof=1)) / math.sqrt(count)
    return middle - reach, middle + reach


def chance(differences: NDArray[np.float64], seed: int = 1) -> float:
    """Of all ways to sign the differences, the share whose sum is at least as far from 0 as theirs."""
    count = len(differences)
    seen = abs(float(differences.sum()))
    # What is equal but for rounding counts as equal.
    seen -= 1e-12 * float(np.abs(differences).sum())
    if count <= _EXACT:
        ways = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        return float((np.abs((1 - 2 * ways) @ differences) >= seen).mean())
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(_DRAWN, count))
    # The one that was seen is one of them: nothing is ever impossible.
    return float(((np.abs(signs @ differences) >= seen).sum() + 1) / (_DRAWN + 1))


def t_quantile(sure: float, freedom: int) -> float:
    """How far from 0 Student's t of so many degrees of freedom stays with this chance, to both sides."""
    low, high = 0.0, 1.0
    while within(high, freedom) < sure:
        low, high = high, high * 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if within(middle, freedom) < sure:
            low = middle
        else:
            high = middle
    return high


def within(t: float, freedom: int) -> float:
    """How likely Student's t is between −t and t: the finite sums for whole degrees of freedom."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for number in range(freedom // 2):
        total += term
        least = 2 * number + 1 + odd
        term *= square * least / (least + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
