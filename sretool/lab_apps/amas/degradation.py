"""How much of its function the service gives up to stay alive.

| level | when | what |
| --- | --- | --- |
| 1 | 5xx > 5 % or p95 > 1 s | a fixed decision for everybody, no statistics |
| 2 | native model failing > 10 % | heuristic decisions |
| 3 | database slower than 2 s, or its breaker open | cached reads, no writes |
| 4 | more requests than capacity, or CPU > 90 % of its limit | few requests per user |

The highest level whose condition holds is in force. A level is left when its condition has not held for
`HOLD`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

ERRORS = 0.05
P95 = 1.0  # seconds
DATABASE = 2.0  # seconds
CPU = 0.90
SPAN = 30.0
MINIMUM = 20
"""Requests in the window before shares and quantiles mean anything."""
HOLD = 10.0
CROWDED_PER_MINUTE = 20
"""Requests a user may still make in level 4; a learner makes about four."""


class Durations:
    """Durations of the last `SPAN` seconds, bounded in number."""

    def __init__(self, capacity: int = 5000) -> None:
        self._items: deque[tuple[float, float, bool]] = deque(maxlen=capacity)

    def add(self, now: float, seconds: float, bad: bool = False) -> None:
        self._items.append((now, seconds, bad))

    def summary(self, now: float) -> tuple[int, float, float]:
        """How many, share of bad ones, 95th percentile."""
        while self._items and self._items[0][0] <= now - SPAN:
            self._items.popleft()
        count = len(self._items)
        if not count:
            return 0, 0.0, 0.0
        seconds = sorted(item[1] for item in self._items)
        return count, sum(item[2] for item in self._items) / count, seconds[min(int(count * 0.95), count - 1)]


@dataclass(frozen=True, slots=True)
class Signs:
    """What the levels are decided from."""

    requests: int
    """Requests in the window; those refused on purpose are left out, or a level would keep itself up."""
    error_ratio: float
    p95: float
    native_failing: bool
    database_queries: int
    database_p95: float
    database_open: bool
    """The database's breaker is not closed."""
    request_rate: float
    capacity: float
    cpu_share: float
    """Of the process's own limit."""

    def __str__(self) -> str:
        return (
            f"{self.error_ratio:.1%} of {self.requests} requests failed, p95 {self.p95 * 1000:.0f} ms; "
            f"database p95 {self.database_p95 * 1000:.0f} ms, "
            f"breaker {'open' if self.database_open else 'closed'}; "
            f"native model {'failing' if self.native_failing else 'well'}; "
            f"{self.request_rate:.0f} requests/s, CPU {self.cpu_share:.0%} of its limit"
        )


def demanded(signs: Signs) -> int:
    """The level that the signs call for, 0 to 4."""
    if signs.request_rate > signs.capacity or signs.cpu_share > CPU:
        return 4
    if signs.database_open or (signs.database_queries >= 5 and signs.database_p95 > DATABASE):
        return 3
    if signs.native_failing:
        return 2
    if signs.requests >= MINIMUM and (signs.error_ratio > ERRORS or signs.p95 > P95):
        return 1
    return 0


class Ladder:
    """The level in force: up at once, down after `HOLD` seconds without need."""

    def __init__(self) -> None:
        self._level = 0
        self._needed_at = float("-inf")

    @property
    def level(self) -> int:
        return self._level

    def tick(self, now: float, level: int) -> int:
        if level >= self._level or now - self._needed_at >= HOLD:
            self._level, self._needed_at = level, now
        return self._level
