"""What a stretch of load adds up to: requests, failures and latencies of each kind of request and of all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.latency import Histogram, bucket, middle

if TYPE_CHECKING:
    from collections.abc import Iterable

NANO: Final = 1e9
"""Nanoseconds of a second: histograms count in the one, everything that is shown in the other."""


@dataclass(slots=True)
class Total:
    """One kind of request."""

    requests: int = 0
    failures: int = 0
    latency: Histogram = field(default_factory=Histogram)
    """Nanoseconds, failed requests included."""

    @property
    def error_share(self) -> float | None:
        """0..1; None without requests."""
        return self.failures / self.requests if self.requests else None

    def quantile(self, share: float) -> float | None:
        """Seconds; None where no latency was measured."""
        found = self.latency.quantile(share)
        return found / NANO if found is not None else None

    @property
    def mean(self) -> float | None:
        """Seconds."""
        return self.latency.total / self.latency.count / NANO if self.latency.count else None

    @property
    def deviation(self) -> float:
        """Standard deviation of the latencies, in seconds, as exactly as the buckets tell."""
        count, mean = self.latency.count, self.latency.mean
        if not count or mean is None:
            return 0.0
        squares = sum((middle(number) - mean) ** 2 * many for number, many in self.latency.buckets.items())
        return math.sqrt(squares / count) / NANO

    @property
    def most(self) -> float | None:
        """Seconds."""
        return self.latency.most / NANO if self.latency.count else None

    def slower(self, seconds: float) -> int:
        """Requests that took longer than this, as exactly as the buckets tell."""
        limit = bucket(seconds * NANO)
        return sum(count for number, count in self.latency.buckets.items() if number > limit)

    def add(self, other: Total) -> None:
        self.requests += other.requests
        self.failures += other.failures
        self.latency.merge(other.latency)


@dataclass(slots=True)
class Totals:
    """All kinds of requests of a stretch of time."""

    seconds: float = 0.0
    """Its length."""
    whole: Total = field(default_factory=Total)
    names: dict[str, Total] = field(default_factory=dict)

    def add(self, name: str, total: Total) -> None:
        """More requests of one kind within the time that `seconds` says."""
        self.whole.add(total)
        self.names.setdefault(name, Total()).add(total)

    def of(self, name: str) -> Total | None:
        """`""` is all of them; None: nothing of this name was asked."""
        return self.names.get(name) if name else self.whole

    def rate(self, name: str = "") -> float | None:
        """Requests per second; None where no time has passed."""
        total = self.of(name)
        return total.requests / self.seconds if total is not None and self.seconds > 0 else None

    def merge(self, other: Totals) -> None:
        """As if the stretch had been longer by the other one."""
        self.seconds += other.seconds
        for name, total in other.names.items():
            self.add(name, total)


def merged(parts: Iterable[Totals]) -> Totals:
    whole = Totals()
    for part in parts:
        whole.merge(part)
    return whole
