"""Latencies as counts per bucket: what can be added up over ticks and names without losing the tail."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Histogram: TypeAlias = tuple[tuple[float, int], ...]
"""(highest latency of the bucket in seconds, requests in it), lowest first; empty buckets left out."""


def merged(histograms: Iterable[Histogram]) -> Histogram:
    counts: dict[float, int] = {}
    for histogram in histograms:
        for bound, count in histogram:
            counts[bound] = counts.get(bound, 0) + count
    return tuple(sorted(counts.items()))


def quantile(histogram: Histogram, share: float) -> float | None:
    """The bound below which `share` (0..1) of the requests stayed, seconds; None without requests.

    Never below the truth: it is the upper bound of the bucket the request of that rank fell into.
    """
    total = sum(count for _, count in histogram)
    if not total:
        return None
    rank, below = share * total, 0
    for bound, count in histogram:
        below += count
        if below >= rank:
            return bound
    return histogram[-1][0]
