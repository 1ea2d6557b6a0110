"""Circuit breakers: when to stop asking something that fails.

Both are machines without a clock: every call says what time it is.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum


class State(IntEnum):
    """The values of the `…_circuit_breaker_state` gauges."""

    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2


class Window:
    """Outcomes of the last `span` seconds."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._items: deque[tuple[float, bool]] = deque()
        self._bad = 0

    def add(self, now: float, bad: bool) -> None:
        self._items.append((now, bad))
        self._bad += bad
        self._expire(now)

    def counts(self, now: float) -> tuple[int, int]:
        """All outcomes and bad ones."""
        self._expire(now)
        return len(self._items), self._bad

    def clear(self) -> None:
        self._items.clear()
        self._bad = 0

    def _expire(self, now: float) -> None:
        while self._items and self._items[0][0] <= now - self._span:
            self._bad -= self._items.popleft()[1]


class CallBreaker:
    """For calls that have a fall-back: the native model.

    Closed until more than `FAILURES` of a minute's calls failed; open for `OPEN_FOR` seconds; then every
    tenth call is a trial, and `TRIALS` of them decide.
    """

    FAILURES = 0.10
    MINIMUM = 10
    """Calls in the window before a share means anything."""
    SPAN = 60.0
    OPEN_FOR = 60.0
    TRIAL_EVERY = 10
    TRIALS = 10

    def __init__(self) -> None:
        self._state = State.CLOSED
        self._window = Window(self.SPAN)
        self._opened_at = 0.0
        self._asked = 0
        self._trials = 0
        self._trials_bad = 0

    def state(self, now: float) -> State:
        if self._state is State.OPEN and now - self._opened_at >= self.OPEN_FOR:
            self._state = State.HALF_OPEN
            self._asked = self._trials = self._trials_bad = 0
        return self._state

    def allows(self, now: float) -> bool:
        """Whether this call may be made; a call that may has to report through `report`."""
        match self.state(now):
            case State.CLOSED:
                return True
            case State.OPEN:
                return False
            case State.HALF_OPEN:
                self._asked += 1
                return self._asked % self.TRIAL_EVERY == 1

    def report(self, now: float, failed: bool) -> None:
        match self.state(now):
            case State.CLOSED:
                self._window.add(now, failed)
                calls, bad = self._window.counts(now)
                if calls >= self.MINIMUM and bad / calls > self.FAILURES:
                    self._open(now)
            case State.HALF_OPEN:
                self._trial(now, failed)
            case State.OPEN:
                pass  # a call begun before it opened

    def failing(self, now: float) -> bool:
        """Whether calls are known to fail: not closed."""
        return self.state(now) is not State.CLOSED

    def _trial(self, now: float, failed: bool) -> None:
        self._trials += 1
        self._trials_bad += failed
        if self._trials_bad / self.TRIALS > self.FAILURES:
            self._open(now)
        elif self._trials >= self.TRIALS:
            if (self._trials - self._trials_bad) / self._trials > 1 - self.FAILURES:
                self._state = State.CLOSED
                self._window.clear()
            else:
                self._open(now)

    def _open(self, now: float) -> None:
        self._state = State.OPEN
        self._opened_at = now
        self._window.clear()


class DatabaseBreaker:
    """For the database: opens on signs of overload and makes the service read-only.

    Reads go on while it is open, so there is something to judge recovery by. Half-open is the minute without
    a sign of trouble that has to pass before writes are let through again.
    """

    SATURATED = 0.95
    SATURATED_FOR = 5.0
    """Seconds of a full pool before it counts; a burst fills a small pool for moments."""
    SLOW_PER_MINUTE = 20
    TIMEOUTS = 0.05
    MINIMUM = 20
    """Queries in the window before the share of time-outs means anything."""
    CALM_POOL = 0.70
    CALM_SLOW_PER_MINUTE = 5
    CALM_FOR = 60.0
    SPAN = 60.0

    def __init__(self) -> None:
        self._state = State.CLOSED
        self._slow = Window(self.SPAN)
        self._timeouts = Window(self.SPAN)
        self._saturated_since: float | None = None
        self._pool = 0.0
        self._calm_since = 0.0
        self._last_timeout = float("-inf")

    @property
    def state(self) -> State:
        return self._state

    @property
    def allows_writes(self) -> bool:
        return self._state is State.CLOSED

    def query(self, now: float, *, slow: bool, timed_out: bool) -> None:
        """A query has ended, or did not in time."""
        self._slow.add(now, slow)
        self._timeouts.add(now, timed_out)
        if timed_out:
            self._last_timeout = now

    def tick(self, now: float, pool_used: float) -> None:
        """To be called about once a second with the pool's used share."""
        self._pool = pool_used
        if pool_used <= self.SATURATED:
            self._saturated_since = None
        elif self._saturated_since is None:
            self._saturated_since = now
        if self.trouble(now):
            self._state = State.OPEN
        elif self._state is State.OPEN and self._calm(now):
            self._state, self._calm_since = State.HALF_OPEN, now
        elif self._state is State.HALF_OPEN and not self._calm(now):
            self._state = State.OPEN
        elif self._state is State.HALF_OPEN and now - self._calm_since >= self.CALM_FOR:
            self._state = State.CLOSED

    def trouble(self, now: float) -> str | None:
        """Why it should be open, in words; None: no reason."""
        _, slow = self._slow.counts(now)
        queries, timeouts = self._timeouts.counts(now)
        if self._saturated_since is not None and now - self._saturated_since >= self.SATURATED_FOR:
            return f"pool {self._pool:.0%} in use for {now - self._saturated_since:.0f} s"
        if slow > self.SLOW_PER_MINUTE:
            return f"{slow} slow queries in a minute"
        if queries >= self.MINIMUM and timeouts / queries > self.TIMEOUTS:
            return f"{timeouts} of {queries} queries timed out in a minute"
        return None

    def _calm(self, now: float) -> bool:
        _, slow = self._slow.counts(now)
        return (
            self._pool < self.CALM_POOL
            and slow < self.CALM_SLOW_PER_MINUTE
            and now - self._last_timeout > 1.0
        )
