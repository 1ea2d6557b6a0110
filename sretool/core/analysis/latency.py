"""Latencies counted in buckets that are narrow everywhere: at most 0.1 % off from 1 µs to 1 h, and beyond.

A bucket is the sign, the exponent and the first nine bits of the fraction of a latency in nanoseconds,
written as an IEEE 754 double: 512 of them for each power of two, so that the middle of a bucket is at most
1/1024 away from anything in it. The number of a bucket depends on the latency alone. Histograms of several
processes therefore add up to exactly the one that a single process would have counted, and none can grow
beyond the buckets that exist (about 16 thousand from 1 µs to 1 h).
"""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Counts: TypeAlias = tuple[tuple[int, int], ...]
"""A histogram as it is written down: (bucket number, latencies in it), lowest first, no empty ones."""

_CUT: Final = 52 - 9
"""Bits of a double's fraction that a bucket does not tell apart."""
_HALF: Final = 1 << (_CUT - 1)
_DOUBLE: Final = struct.Struct("<d")
_BITS: Final = struct.Struct("<Q")

RELATIVE_ERROR: Final = 1 / 1024
"""At most this far is the middle of a bucket from any latency in it, in relation to that latency."""


def bucket(nanoseconds: float) -> int:
    """The number of the bucket of a latency that is not negative."""
    bits: int = _BITS.unpack(_DOUBLE.pack(nanoseconds))[0]
    return bits >> _CUT


def middle(number: int) -> float:
    """The latency in the middle of a bucket, in nanoseconds."""
    if number == 0:
        return 0.0
    value: float = _DOUBLE.unpack(_BITS.pack((number << _CUT) | _HALF))[0]
    return value


def counted(nanoseconds: Sequence[float]) -> Counter[int]:
    """How many of these latencies each bucket holds; the fast way for many at once."""
    bits = memoryview(array("d", nanoseconds)).cast("B").cast("Q")
    return Counter([each >> _CUT for each in bits])


@dataclass(slots=True)
class Histogram:
    """Latencies of one kind of request, in nanoseconds."""

    buckets: Counter[int] = field(default_factory=Counter)
    """Bucket number → latencies in it."""
    count: int = 0
    total: float = 0.0
    """Their sum; exact as long as it is below 2⁵³ ns, which is 104 days."""
    least: float = math.inf
    most: float = 0.0

    def add(self, nanoseconds: Sequence[float]) -> None:
        """Count latencies. A clock that went backwards counts as 0, never as a negative latency."""
        if not nanoseconds:
            return
        least = min(nanoseconds)
        if least < 0:
            nanoseconds = [max(each, 0) for each in nanoseconds]
            least = 0
        self.buckets.update(counted(nanoseconds))
        self.count += len(nanoseconds)
        self.total += sum(nanoseconds)
        self.least = min(self.least, least)
        self.most = max(self.most, max(nanoseconds))

    def add_counts(
        self,
        counts: Counts,
        *,
        total: float | None = None,
        least: float | None = None,
        most: float | None = None,
    ) -> None:
        """Add what was counted elsewhere. Where its sum or its extremes are not known, the middles of its
        buckets stand for them."""
        if not counts:
            return
        for number, count in counts:
            self.buckets[number] += count
            self.count += count
        self.total += sum(middle(number) * count for number, count in counts) if total is None else total
        self.least = min(self.least, middle(counts[0][0]) if least is None else least)
        self.most = max(self.most, middle(counts[-1][0]) if most is None else most)

    def counts(self) -> Counts:
        return tuple(sorted(self.buckets.items()))

    def merge(self, other: Histogram) -> None:
        self.buckets.update(other.buckets)
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)

    def quantile(self, share: float) -> float | None:
        """The latency in ns that `share` (0..1) of all do not exceed; None where nothing was counted.

        The smallest and the largest latency are kept exactly; between them the middle of a bucket answers.
        """
        return quantile(self.buckets, share, least=self.least, most=self.most)

    def quantiles(self, shares: Sequence[float]) -> list[float] | None:
        """As `quantile` of each share, in one pass; None where nothing was counted."""
        return quantiles(self.buckets, shares, least=self.least, most=self.most)

    def below(self, nanoseconds: float) -> float | None:
        """The share of latencies that are at most this; a bucket that holds the limit counts as within it."""
        if not self.count:
            return None
        limit = bucket(nanoseconds)
        return sum(count for number, count in self.buckets.items() if number <= limit) / self.count

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


def quantile(
    buckets: Mapping[int, int], share: float, *, least: float = 0.0, most: float = math.inf
) -> float | None:
    """As `Histogram.quantile`, of bare buckets."""
    found = quantiles(buckets, (share,), least=least, most=most)
    return None if found is None else found[0]


def quantiles(
    buckets: Mapping[int, int], shares: Sequence[float], *, least: float = 0.0, most: float = math.inf
) -> list[float] | None:
    """As `Histogram.quantiles`, of bare buckets."""
    for share in shares:
        if not 0 <= share <= 1:
            raise ValueError(f"a share is from 0 to 1, not {share}")
    numbers = sorted(buckets)
    upto = list(accumulate(map(buckets.__getitem__, numbers)))
    count = upto[-1] if upto else 0
    if not count:
        return None
    found: list[float] = []
    for share in shares:
        # Nearest rank; what rounding makes of 0.999 * 1000 must not cost a rank.
        rank = max(math.ceil(share * count - 1e-9 * count), 1)
        if rank >= count and most < math.inf:
            found.append(most)
        else:
            found.append(min(max(middle(numbers[bisect_left(upto, rank)]), least), most))
    return found


def merged(histograms: Iterable[Histogram]) -> Histogram:
    whole = Histogram()
    for each in histograms:
        whole.merge(each)
    return whole
