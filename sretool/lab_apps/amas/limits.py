"""Rate limits: one token bucket for all, and sliding windows per user and per address.

The windows live in Redis, so that all replicas count together; while Redis is away each replica counts for
itself.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sretool.lab_apps.amas.redis_client import RedisAway

if TYPE_CHECKING:
    from sretool.lab_apps.amas.redis_client import Redis
    from sretool.lab_apps.logs import Sparse

WINDOW = 60
"""Seconds that the per-minute limits look back."""


class TokenBucket:
    """`rate` requests a second on average, `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def take(self, now: float) -> bool:
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Kind(StrEnum):
    """What a request counts as; each kind has a window of its own per user."""

    ANSWERS = "answers"
    QUERIES = "queries"
    OTHER = "other"
    ANONYMOUS = "anonymous"
    """No user known: counted per address."""


PER_MINUTE = {Kind.ANSWERS: 60, Kind.QUERIES: 200, Kind.OTHER: 100, Kind.ANONYMOUS: 20}


def estimate(previous: int, current: int, now: float) -> float:
    """Requests in the last minute, from the counts of the last whole minute and the one begun.

    The last whole minute counts with the share of it that the window still covers.
    """
    return previous * (1 - now % WINDOW / WINDOW) + current


class Windows(Protocol):
    async def hit(self, kind: Kind, key: str, now: float) -> float:
        """Count one request; how many there were in the last minute, this one included."""
        ...


class LocalWindows:
    """Windows of this process alone; the keys that were quiet longest go first when there are too many."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._counts: OrderedDict[tuple[Kind, str], tuple[int, int, int]] = OrderedDict()

    async def hit(self, kind: Kind, key: str, now: float) -> float:
        return self.count(kind, key, now)

    def count(self, kind: Kind, key: str, now: float) -> float:
        minute = int(now // WINDOW)
        last, previous, current = self._counts.pop((kind, key), (minute, 0, 0))
        if last == minute - 1:
            previous, current = current, 0
        elif last != minute:
            previous, current = 0, 0
        current += 1
        self._counts[kind, key] = (minute, previous, current)
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
        return estimate(previous, current, now)


class RedisWindows:
    """Windows shared by all replicas.

    Only write commands are used: the previous minute is read by adding 0, since reads of missing keys would
    count as misses of the cache that shares the server.
    """

    RETRY_AFTER = 5.0
    """Seconds that Redis is left alone after a failure."""

    def __init__(self, redis: Redis, log: Sparse) -> None:
        self._redis = redis
        self._log = log
        self._local = LocalWindows()
        self._away_until = float("-inf")

    async def hit(self, kind: Kind, key: str, now: float) -> float:
        local = self._local.count(kind, key, now)
        if time.monotonic() < self._away_until:
            return local
        minute = int(now // WINDOW)
        name = f"limit:{kind}:{key}:"
        try:
            current, _, previous, _ = await self._redis.execute(
                ("INCRBY", f"{name}{minute}", 1),
                ("EXPIRE", f"{name}{minute}", 2 * WINDOW),
                ("INCRBY", f"{name}{minute - 1}", 0),
                ("EXPIRE", f"{name}{minute - 1}", WINDOW),
            )
        except RedisAway as error:
            self._away_until = time.monotonic() + self.RETRY_AFTER
            self._log.warning("redis", f"rate limits count locally, Redis does not answer: {error}")
            return local
        assert isinstance(current, int)  # as INCRBY answers
        assert isinstance(previous, int)
        return estimate(previous, current, now)
