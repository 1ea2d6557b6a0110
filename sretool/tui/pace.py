"""When to ask a source again: on a fixed beat while it answers, soon and unevenly while it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_RETRY = 2.0
"""Seconds. One small request costs nothing; a longer pause would be felt after the source is back."""


class Pace:
    """Deadlines `refresh` seconds apart that neither drift nor pile up; times are monotonic seconds."""

    def __init__(self, refresh: float, jitter: Callable[[], float]) -> None:
        self._refresh = refresh
        self._jitter = jitter
        """Gives 0..1."""
        self._deadline: float | None = None
        self._failures = 0

    def pause(self, now: float, *, ok: bool) -> float:
        """Seconds to wait at `now`, after an attempt that went well or did not."""
        if not ok:
            self._failures += 1
            self._deadline = None
            longest: float = min(0.5 * 2 ** min(self._failures, 8), _LONGEST_RETRY, self._refresh)
            return longest * (0.5 + 0.5 * self._jitter())
        self._failures = 0
        due = now if self._deadline is None else self._deadline
        missed = max(0, int((now - due) // self._refresh))
        self._deadline = due + (missed + 1) * self._refresh
        return max(self._deadline - now, 0.0)
