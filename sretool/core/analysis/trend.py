"""Which way a curve goes, and when it will reach a limit: robust against peaks, silent where nothing is sure.

The slope is Theil and Sen's, the median of the slopes between all pairs of points, with Sen's interval
around it. A trend is told only where the whole look-back and its second half agree on it, so that something
that has stopped growing does not become full, and not where most of the change came in a single step, as
with a restart or a release.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

Points = tuple[tuple["datetime", float], ...]

LEAST_POINTS: Final = 12
"""Below, nothing is said: the interval of so few points is wider than what it is about."""

LEAST_SHARE: Final = 0.25
"""Of the look-back that must have data."""

FURTHEST: Final = 10
"""A limit is told up to so many times the span that the trend was read from."""

_QUANTILE: Final = 2.576
"""Of the normal distribution: the slope's interval holds the true one in 99 of 100 cases."""

_SMOOTHED: Final = 5
"""Points of the running median that takes single peaks away."""

_MOST_POINTS: Final = 90
"""Pairs grow with the square; every n-th point is as good."""


class Direction(StrEnum):
    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"
    UNKNOWN = "unknown"
    """Too little is known."""


@dataclass(frozen=True, slots=True)
class Trend:
    direction: Direction
    per_second: float | None = None
    """Slope of the second half; None where the direction is not known or the curve is steady."""
    known_for: timedelta = timedelta()
    """From the first to the last point."""


UNKNOWN: Final = Trend(Direction.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Slope:
    """Change of value for each second, with the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 and -1 where the whole interval is on one side of 0."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


def slope(points: Sequence[tuple[float, float]]) -> Slope:
    """Theil-Sen slope of (seconds, value); at least two points at different times."""
    slopes = sorted(
        (later - value) / (then - at)
        for number, (at, value) in enumerate(points)
        for then, later in points[number + 1 :]
        if then != at
    )
    count, pairs = len(points), len(slopes)
    spread = _QUANTILE * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(int((pairs - spread) / 2), 0)
    high = min(int((pairs + spread) / 2) + 1, pairs - 1)
    return Slope(median(slopes), slopes[low], slopes[high])


@lru_cache(maxsize=512)
def trend(points: Points, over: timedelta) -> Trend:
    """Where a curve goes that was looked at for `over`; points in time order."""
    if len(points) < LEAST_POINTS:
        return Trend(Direction.UNKNOWN, known_for=_length(points))
    known_for = _length(points)
    if known_for < over * LEAST_SHARE:
        return Trend(Direction.UNKNOWN, known_for=known_for)
    every = -(-len(points) // _MOST_POINTS)
    start = points[0][0]
    seconds = [((at - start).total_seconds(), value) for at, value in points[::every]]
    whole, late = slope(seconds), slope(seconds[len(seconds) // 2 :])
    if not whole.sign or whole.sign != late.sign or _is_one_step([value for _, value in seconds]):
        return Trend(Direction.STEADY, known_for=known_for)
    direction = Direction.RISING if whole.sign > 0 else Direction.FALLING
    return Trend(direction, late.value, known_for)


def reaches(found: Trend, value: float, limit: float) -> timedelta | None:
    """How long until `value` is at `limit`; None: not on this trend, or too far ahead to say."""
    if found.direction is not Direction.RISING or not found.per_second:
        return None
    if value >= limit:
        return timedelta()
    seconds = (limit - value) / found.per_second
    if seconds > FURTHEST * found.known_for.total_seconds():
        return None
    return timedelta(seconds=seconds)


def _is_one_step(values: Sequence[float]) -> bool:
    """Whether more than half of the whole change came at once; single peaks do not count."""
    reach = _SMOOTHED // 2
    smooth = [median(values[max(at - reach, 0) : at + reach + 1]) for at in range(len(values))]
    jump = max(abs(later - value) for value, later in pairwise(smooth))
    return jump > abs(smooth[-1] - smooth[0]) / 2


def _length(points: Points) -> timedelta:
    return points[-1][0] - points[0][0] if points else timedelta()
