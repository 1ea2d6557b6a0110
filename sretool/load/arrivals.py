"""When arrivals of an open model are due: at a rate that may change, evenly or at random."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Kind = Literal["uniform", "poisson"]

STEP: Final = 0.01
"""Seconds in which the rate counts as a straight line."""


def arrivals(
    rate_at: Callable[[float], float], kind: Kind = "poisson", seed: int | None = None
) -> Iterator[list[float]]:
    """Seconds from the start at which arrivals are due, a list for each `STEP`, for ever.

    Arrival k is due when the rate's integral reaches k (uniform), or the sum of k exponential gaps of mean 1
    (poisson). The integral is exact for rates that are straight lines between multiples of `STEP`.
    """
    if kind not in ("uniform", "poisson"):
        raise ValueError(f"arrivals are uniform or poisson, not {kind}")
    gap = random.Random(seed).expovariate
    poisson = kind == "poisson"
    due = gap(1.0) if poisson else 1.0
    reached = 0.0
    step = 0
    before = _rate(rate_at, 0.0)
    while True:
        begin = step * STEP
        step += 1
        after = _rate(rate_at, step * STEP)
        end = reached + (before + after) / 2 * STEP
        found: list[float] = []
        slope = (after - before) / STEP
        while due <= end:
            area = due - reached
            if abs(slope) * STEP <= 1e-9 * before:
                offset = area / before
            else:
                # before·t + slope·t²/2 = area, in the form that loses no digits.
                root = max(before * before + 2 * slope * area, 0.0) ** 0.5
                offset = 2 * area / (before + root)
            found.append(begin + min(offset, STEP))
            due += gap(1.0) if poisson else 1.0
        # The same rest, without the digits that a growing sum would lose.
        due -= end
        reached = 0.0
        before = after
        yield found


def _rate(rate_at: Callable[[float], float], seconds: float) -> float:
    rate = rate_at(seconds)
    if not 0 <= rate < float("inf"):
        raise ValueError(f"the rate after {seconds:g} s is {rate}: a number from 0 on is needed")
    return rate
