"""Whether whoever made the load kept up: where it did not, the figures are its own and not the server's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KEEPS_UP: Final = "the generator keeps up"
"""Name of the check that decides whether the other ones of a test mean anything."""
BUSY: Final = 0.9
"""Of a core: a generator that uses more has no time left to be on time."""
LAG: Final = 0.1
"""Seconds that an event loop may keep things waiting."""
OFTEN: Final = 0.1
"""Share of the ticks in which that may be."""
SOME: Final = 2
"""Ticks in which it is, however few there are: once is an accident."""
LATE: Final = 0.2
"""Share of the requests that may begin more than a millisecond late."""
LEAST_LATE: Final = 50
"""Late ones that are never too many."""


@dataclass(slots=True)
class Keeping:
    """What was seen of the generators, tick by tick."""

    ticks: int = 0
    busy: int = 0
    """Ticks in which one used more of its core than `BUSY`."""
    busiest: float = 0.0
    lagging: int = 0
    """Ticks in which one's event loop kept something waiting for longer than `LAG`."""
    longest_lag: float = 0.0
    requests: int = 0
    late: int = 0

    def take(self, *, cpu: float | None, lag: float | None, requests: int, late: int) -> None:
        """`cpu`: of the busiest generator; `lag` in seconds."""
        self.ticks += 1
        if cpu is not None:
            self.busy += cpu > BUSY
            self.busiest = max(self.busiest, cpu)
        if lag is not None:
            self.lagging += lag > LAG
            self.longest_lag = max(self.longest_lag, lag)
        self.requests += requests
        self.late += late

    def overload(self) -> tuple[str, ...]:
        """Why the figures cannot be trusted; empty: nothing of the kind."""
        if not self.ticks:
            return ()
        found = []
        if self.busy / self.ticks > OFTEN and self.busy >= SOME:
            found.append(
                f"a generator used more than {BUSY:.0%} of its core in {self.busy} of {self.ticks} seconds"
            )
        if self.lagging / self.ticks > OFTEN and self.lagging >= SOME:
            found.append(
                f"a generator's event loop kept things waiting for more than {LAG * 1000:.0f} ms "
                f"in {self.lagging} of {self.ticks} seconds (at worst {self.longest_lag * 1000:.0f} ms)"
            )
        return tuple(found)

    def tardiness(self) -> str:
        """How many began late, where they are too many; latencies include it, so it can only worsen them."""
        begun = max(self.requests, self.late)
        if self.late <= LEAST_LATE or self.late / begun <= LATE:
            return ""
        return f"{self.late} of {begun} requests began late"
