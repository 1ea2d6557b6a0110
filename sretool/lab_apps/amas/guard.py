"""What stands before every request: token bucket, limits per user and address, degradation level."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sretool.lab_apps.amas.breaker import DatabaseBreaker, State
from sretool.lab_apps.amas.degradation import CROWDED_PER_MINUTE, Durations, Ladder, Signs, demanded
from sretool.lab_apps.amas.limits import PER_MINUTE, Kind, LocalWindows, TokenBucket
from sretool.lab_apps.amas.usage import read_usage

if TYPE_CHECKING:
    import logging

    from sretool.lab_apps.amas.limits import Windows
    from sretool.lab_apps.amas.metrics import Metrics

RATE = 1000.0
BURST = 1500.0
_SPAN = 5.0  # seconds over which request rate and CPU use are taken


class Guard:
    def __init__(self, metrics: Metrics, windows: Windows, log: logging.Logger) -> None:
        self._metrics = metrics
        self._windows = windows
        self._log = log
        self._bucket = TokenBucket(RATE, BURST)
        self._crowded = LocalWindows()
        self._ladder = Ladder()
        self._requests = Durations()
        self._queries = Durations()
        self._offered = 0
        self._marks: list[tuple[float, int, float]] = []
        self.database = DatabaseBreaker()

    @property
    def level(self) -> int:
        return self._ladder.level

    @property
    def read_only(self) -> bool:
        return self.level >= 3 or not self.database.allows_writes

    async def refuse(self, kind: Kind, user: int | None, address: str) -> str | None:
        """The scope of the limit that the request is over; None: let it through."""
        self._offered += 1
        if not self._bucket.take(time.monotonic()):
            return self._rejected("global")
        now = time.time()
        if user is None:
            hits = await self._windows.hit(Kind.ANONYMOUS, address, now)
            return self._rejected("ip") if hits > PER_MINUTE[Kind.ANONYMOUS] else None
        if self.level == 4 and self._crowded.count(Kind.OTHER, str(user), now) > CROWDED_PER_MINUTE:
            return self._rejected("user")
        hits = await self._windows.hit(kind, str(user), now)
        return self._rejected("user") if hits > PER_MINUTE[kind] else None

    def request(self, seconds: float, failed: bool) -> None:
        """A request that was not refused on purpose has been answered."""
        self._requests.add(time.monotonic(), seconds, failed)

    def query(self, seconds: float, timed_out: bool) -> None:
        """A database operation has ended."""
        now = time.monotonic()
        self._queries.add(now, seconds)
        self.database.query(now, slow=seconds > 0.2, timed_out=timed_out)

    def tick(self, now: float, pool_used: float, native_failing: bool) -> None:
        """Judge anew; about once a second."""
        before = self.database.state
        self.database.tick(now, pool_used)
        if self.database.state is not before:
            reason = self.database.trouble(now)
            self._log.warning(
                "database breaker %s%s", self.database.state.name.lower(), f": {reason}" if reason else ""
            )
        signs = self._signs(now, native_failing)
        level = self._ladder.level
        self._ladder.tick(now, demanded(signs))
        if self._ladder.level != level:
            self._log.warning("degradation level %d → %d: %s", level, self._ladder.level, signs)
        self._metrics.degradation.set(self._ladder.level)
        self._metrics.db_breaker.set(self.database.state)

    def _signs(self, now: float, native_failing: bool) -> Signs:
        requests, error_ratio, p95 = self._requests.summary(now)
        queries, _, database_p95 = self._queries.summary(now)
        rate, cpu = self._rates(now)
        return Signs(
            requests=requests,
            error_ratio=error_ratio,
            p95=p95,
            native_failing=native_failing,
            database_queries=queries,
            database_p95=database_p95,
            database_open=self.database.state is not State.CLOSED,
            request_rate=rate,
            capacity=RATE,
            cpu_share=cpu / self._metrics.process.limits().cpu_cores,
        )

    def _rates(self, now: float) -> tuple[float, float]:
        """Requests offered and CPU seconds used per second, over the last `_SPAN`."""
        self._marks.append((now, self._offered, read_usage().cpu))
        while len(self._marks) > 2 and self._marks[1][0] <= now - _SPAN:
            self._marks.pop(0)
        first, last = self._marks[0], self._marks[-1]
        elapsed = last[0] - first[0]
        if elapsed < _SPAN * 0.8:  # right after the start: imports and first connections
            return 0.0, 0.0
        return (last[1] - first[1]) / elapsed, (last[2] - first[2]) / elapsed

    def _rejected(self, scope: str) -> str:
        self._metrics.rejected[scope].inc()
        return scope
