"""How many requests a test may expect of a plan."""

from __future__ import annotations

from math import sqrt


def planned(arrivals: int) -> range:
    """Chance makes them a few more; a machine that is busy with something else makes them fewer in time."""
    return range(arrivals // 2, arrivals + max(6, round(4 * sqrt(arrivals))))
