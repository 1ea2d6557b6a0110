"""What may be served again: profiles, statistics and word lists; in Redis where there is one.

A cache that does not answer is an empty cache.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from sretool.lab_apps.amas.redis_client import RedisAway

if TYPE_CHECKING:
    from sretool.lab_apps.amas.redis_client import Redis
    from sretool.lab_apps.logs import Sparse


class Cache(Protocol):
    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes, seconds: int) -> None: ...


class LocalCache:
    def __init__(self, capacity: int = 2000) -> None:
        self._capacity = capacity
        self._items: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        until, value = self._items.get(key, (0.0, b""))
        return value if time.monotonic() < until else None

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        self._items.pop(key, None)
        self._items[key] = (time.monotonic() + seconds, value)
        if len(self._items) > self._capacity:
            self._items.popitem(last=False)


class RedisCache:
    RETRY_AFTER = 5.0
    """Seconds that Redis is left alone after a failure."""

    def __init__(self, redis: Redis, log: Sparse) -> None:
        self._redis = redis
        self._log = log
        self._away_until = float("-inf")

    async def get(self, key: str) -> bytes | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            (value,) = await self._redis.execute(("GET", f"cache:{key}"))
        except RedisAway as error:
            self._failed(error)
            return None
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        if time.monotonic() < self._away_until:
            return
        try:
            await self._redis.execute(("SET", f"cache:{key}", value, "EX", seconds))
        except RedisAway as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._away_until = time.monotonic() + self.RETRY_AFTER
        self._log.warning("redis", f"the cache is empty, Redis does not answer: {error}")
