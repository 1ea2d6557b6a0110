"""What a figure usually is at this hour: the middle and the edges of what it was in the same hour before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_PERIODS: Final = 3
"""Weeks or days that must be known; what happened once or twice is no custom."""

LEAST_SAMPLES: Final = 20
"""Below, a twentieth of them would be less than one."""


@dataclass(frozen=True, slots=True)
class Usual:
    low: float
    """The 5th percentile."""
    middle: float
    high: float
    """The 95th percentile."""
    periods: int
    """Weeks or days it is made of."""


def usual(periods: Sequence[Sequence[float]]) -> Usual | None:
    """Of the values of the same hour in each of several weeks or days; None where too few are known."""
    known = [period for period in periods if period]
    values = sorted(value for period in known for value in period)
    if len(known) < LEAST_PERIODS or len(values) < LEAST_SAMPLES:
        return None
    low, middle, high = (percentile(values, share) for share in (0.05, 0.5, 0.95))
    return Usual(low, middle, high, len(known))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of values in ascending order, between two of them in proportion; at least one value."""
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
