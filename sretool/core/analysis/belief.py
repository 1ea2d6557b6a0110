"""What counts tell of the share or the quantile behind them: confidence distributions, and how two compare.

A confidence distribution holds every confidence interval of a quantity at once: its quantiles are the
intervals' ends. Of a share it is the pair of Beta distributions whose quantiles are the bounds of Clopper
and Pearson (1934), half of each: the mid-p version, whose errors are about as frequent as they are said to
be, where those of the exact one are rarer. Of a quantile it is the binomial distribution of the rank of its
order statistic, read from the buckets.

Two of them are compared as if they were drawn from independently ("melded": Fay, Proschan, Brittain,
Combining one-sample confidence procedures for inference in the two-sample case, Biometrics 71, 2015). With
the exact bounds of both shares that is Fisher's exact test; so few counts are never taken for many.

Events count as independent of each other. Errors that come in bursts make it surer than it should be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_POINTS: Final = 8192
"""Of a Beta distribution; chances are exact to 0.0005 with them."""
_REACH: Final = 10.0
"""Standard deviations to each side that are looked at."""
_TAIL: Final = 20.0
"""And that many events more, because the distribution of a few events is not symmetric."""


@dataclass(frozen=True, slots=True)
class Belief:
    """A quantity, as likely values with their weights."""

    values: NDArray[np.float64]
    """Ascending. What is only known to be above the last bucket stands at that bucket's bound."""
    weights: NDArray[np.float64]
    """Of the values; they add up to 1."""
    most: NDArray[np.float64]
    """As `values`, but infinite where only a least value is known."""

    def quantile(self, share: float) -> float:
        """The smallest value that is not exceeded with this chance; infinite where only a least is known."""
        place = int(np.searchsorted(self.weights.cumsum(), share - 1e-12))
        return float(self.most[min(place, len(self.most) - 1)])


def lower(events: int, of: int) -> Belief:
    """The share of which `events` of `of` were seen, by its lower bounds."""
    return _beta(events, of - events + 1)


def upper(events: int, of: int) -> Belief:
    """The same by its upper bounds."""
    return _beta(events + 1, of - events)


def share(events: int, of: int) -> Belief:
    """The same, half by its lower and half by its upper bounds."""
    one, other = lower(events, of), upper(events, of)
    values = np.concatenate([one.values, other.values])
    order = np.argsort(values, kind="stable")
    weights = np.concatenate([one.weights, other.weights])[order] / 2
    return Belief(values[order], weights, values[order])


def _beta(a: int, b: int) -> Belief:
    """A Beta distribution of whole parameters on an even grid; of a parameter of 0 nothing but one end."""
    if not a or not b:
        end = np.array([0.0 if not a else 1.0])
        return Belief(end, np.ones(1), end)
    mean = a / (a + b)
    reach = _REACH * math.sqrt(mean * (1 - mean) / (a + b + 1)) + _TAIL / (a + b)
    low, high = max(mean - reach, 0.0), min(mean + reach, 1.0)
    # The middles of even steps: neither end is among them, where a logarithm has no value.
    values = np.linspace(low, high, 2 * _POINTS + 1)[1::2]
    logs = (a - 1) * np.log(values) + (b - 1) * np.log1p(-values)
    weights = np.exp(logs - logs.max())
    return Belief(values, weights / weights.sum(), values)


def quantile(bounds: Sequence[float], counts: Sequence[int], wanted: float) -> Belief:
    """The quantile `wanted` (0..1, ends excluded) of what was counted in buckets, at least one of them.

    `bounds` are the buckets' upper ends, ascending, the last one infinite. Within a bucket the values lie
    evenly, as PromQL's `histogram_quantile` has it; the first one begins at 0 where it ends above.
    """
    ranks, weights = _ranks(sum(counts), wanted)
    least, most = _at(bounds, counts, ranks)
    return Belief(least, weights, most)


def value_at(bounds: Sequence[float], counts: Sequence[int], rank: float) -> float:
    """What was counted as number `rank`; of what lies above the last bound that bound."""
    return float(_at(bounds, counts, np.array([rank]))[0][0])


def _at(
    bounds: Sequence[float], counts: Sequence[int], ranks: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of these ranks: at least, and at most."""
    held, ends = np.array(counts, dtype=np.float64), np.array(bounds, dtype=np.float64)
    below = np.cumsum(held)
    places = np.minimum(np.searchsorted(below, ranks), len(bounds) - 1)
    begins = np.concatenate([[min(0.0, bounds[0])], ends[:-1]])[places]
    open_ = np.isinf(ends[places])
    width = np.where(open_, 0.0, np.where(open_, 0.0, ends[places]) - begins)
    inside = (ranks - (below[places] - held[places])) / np.maximum(held[places], 1.0)
    values = begins + width * np.clip(inside, 0.0, 1.0)
    return values, np.where(open_, np.inf, values)


def _ranks(of: int, wanted: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Which ranks the quantile's order statistic may have, and how likely each is: binomial."""
    middle = of * wanted
    reach = _REACH * math.sqrt(middle * (1 - wanted)) + _TAIL
    first, last = max(math.floor(middle - reach), 0), min(math.ceil(middle + reach), of)
    ranks = np.arange(first, last + 1, dtype=np.float64)
    # From each rank to the next one, so that no factorial is needed.
    steps = np.log((of - ranks[:-1]) / (ranks[:-1] + 1)) + math.log(wanted / (1 - wanted))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    return ranks, weights / weights.sum()


def beyond(one: Belief, other: Belief | float, margin: float = 0.0) -> tuple[float, float]:
    """How likely `one` is above `other` by more than `margin`: at least, and at most.

    The two differ where one of them is only known to be above its last bucket. What is exactly as far apart
    as the margin counts half.
    """
    if isinstance(other, float):
        other = Belief(np.array([other]), np.ones(1), np.array([other]))
    least = _chance(one.values, one.weights, other.most, other.weights, margin)
    most = _chance(one.most, one.weights, other.values, other.weights, margin)
    return least, max(least, most)


def _chance(
    one: NDArray[np.float64],
    its: NDArray[np.float64],
    other: NDArray[np.float64],
    others: NDArray[np.float64],
    margin: float,
) -> float:
    summed = np.concatenate([[0.0], np.cumsum(others)])
    below = summed[np.searchsorted(other, one - margin, side="left")]
    upto = summed[np.searchsorted(other, one - margin, side="right")]
    # No dot product: numpy shares one of so many points out among cores, and waits longer for them.
    return float(min(max((its * (below + upto)).sum() / 2, 0.0), 1.0))


def difference(one: Belief, other: Belief, sure: float) -> tuple[float, float]:
    """Both ends of what `one` has more than `other`, at this confidence (two-sided)."""
    return _between(one, other, (1 - sure) / 2), _between(one, other, (1 + sure) / 2)


def _between(one: Belief, other: Belief, share_: float) -> float:
    """The difference that is not exceeded with this chance, by halving."""
    low = float(one.values[0] - other.values[-1])
    high = float(one.values[-1] - other.values[0])
    if math.isinf(one.most[-1]) and share_ > 0.5 and beyond(one, other, high)[1] > 1 - share_:
        return math.inf
    for _ in range(32):
        middle = (low + high) / 2
        if beyond(one, other, middle)[0] > 1 - share_:
            low = middle
        else:
            high = middle
    return (low + high) / 2
