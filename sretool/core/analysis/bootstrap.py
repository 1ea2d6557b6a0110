"""How sure a figure of a stretch of time is, where neighbouring moments resemble each other.

A load test's seconds are no independent samples: what was slow stays slow for a while. Resampled are
therefore blocks of neighbouring slices, round the end to the beginning, so that what holds together stays so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROUNDS: Final = 1000


def block_length(slices: int) -> int:
    """Slices of a block: the cube root of their number, the usual growth for sums of short memory, rounded
    up generously, as a load test remembers longer than that."""
    return max(1, math.ceil(1.5 * math.cbrt(slices)))


def weights(slices: int, rounds: int, seed: int) -> NDArray[np.float64]:
    """How often each slice is drawn in each round, rounds × slices; each row adds up to `slices`."""
    length = block_length(slices)
    blocks = math.ceil(slices / length)
    dice = np.random.default_rng(seed)
    begins = dice.integers(0, slices, size=(rounds, blocks))
    drawn = (begins[:, :, None] + np.arange(length)[None, None, :]).reshape(rounds, -1)[:, :slices] % slices
    found = np.zeros((rounds, slices))
    np.add.at(found, (np.arange(rounds)[:, None], drawn), 1.0)
    return found


def quantiles(
    counts: NDArray[np.float64], values: NDArray[np.float64], shares: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Nearest-rank quantiles of each row of `counts` (rounds × values, values ascending), one array for each
    share; NaN where a row is empty."""
    below = counts.cumsum(axis=1)
    totals = below[:, -1]
    found = []
    for share in shares:
        rank = np.maximum(np.ceil(share * totals - 1e-9 * totals), 1.0)
        places = (below < rank[:, None]).sum(axis=1)
        found.append(np.where(totals > 0, values[np.minimum(places, len(values) - 1)], np.nan))
    return found


def chance(difference: float, error: float, blocks: int) -> float:
    """How probable a difference at least this far above nothing is by chance alone, 0..1.

    `error` is the standard error from so many blocks; few of them make it uncertain itself (Student's t, in
    Wallace's approximation to three digits).
    """
    if error <= 0:
        return 0.0 if difference > 0 else 1.0
    t, freedom = difference / error, max(blocks - 1, 1)
    like = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return 0.5 * math.erfc(math.copysign(like, t) / math.sqrt(2))
