"""The load of a run cut into equal slices of time: few enough to draw, each counted and not averaged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from sretool.core.analysis.totals import Total
from sretool.core.runs.load import together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.runs.events import LoadTick

T = TypeVar("T", int, float)

MOST: Final = 300
"""Slices of one run; where there would be more, they become twice as long."""


@dataclass(slots=True)
class Slice:
    """What ended within a stretch of time."""

    begin: float
    """Seconds since the run began."""
    end: float
    seconds: float = 0.0
    """Of its ticks together."""
    whole: Total = field(default_factory=Total)
    planned: float = 0.0
    """Requests that were planned in `planned_seconds`."""
    planned_seconds: float = 0.0
    late_starts: int = 0
    users: int | None = None
    """The most."""
    in_flight: int | None = None
    """The most."""
    cpu: float | None = None
    """Of one core, the busiest generator at its busiest, 0..1."""
    lag_s: float | None = None
    """The longest."""

    @property
    def rate(self) -> float | None:
        return self.whole.requests / self.seconds if self.seconds else None

    @property
    def planned_rate(self) -> float | None:
        return self.planned / self.planned_seconds if self.planned_seconds else None

    def take(self, tick: LoadTick) -> None:
        self.seconds += tick.seconds
        self.whole.add(together(tick))
        if tick.target_rate is not None:
            self.planned += tick.target_rate * tick.seconds
            self.planned_seconds += tick.seconds
        self.late_starts += tick.late_starts
        self.users = _most(self.users, tick.users)
        self.in_flight = _most(self.in_flight, tick.in_flight)
        for worker in tick.workers:
            self.cpu = _most(self.cpu, worker.cpu)
        self.lag_s = _most(self.lag_s, tick.lag_s)

    def join(self, later: Slice) -> None:
        """Count what the other one counted."""
        self.seconds += later.seconds
        self.whole.add(later.whole)
        self.planned += later.planned
        self.planned_seconds += later.planned_seconds
        self.late_starts += later.late_starts
        self.users = _most(self.users, later.users)
        self.in_flight = _most(self.in_flight, later.in_flight)
        self.cpu = _most(self.cpu, later.cpu)
        self.lag_s = _most(self.lag_s, later.lag_s)


class Slices:
    """At most `most` slices, in the order of time; those without any load are left out."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.width = 1.0
        """Seconds of each."""
        self._found: dict[int, Slice] = {}

    def __iter__(self) -> Iterator[Slice]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def take(self, t: float, tick: LoadTick) -> None:
        """A tick that ended at `t`, seconds since the run began."""
        if tick.seconds <= 0:
            return
        middle = max(t - tick.seconds / 2, 0.0)
        self._at(int(middle / self.width)).take(tick)
        while len(self._found) > self._most:
            self._halve()

    def _at(self, number: int) -> Slice:
        found = self._found.get(number)
        if found is None:
            found = self._found[number] = Slice(number * self.width, (number + 1) * self.width)
        return found

    def _halve(self) -> None:
        slices = list(self)
        self.width *= 2
        self._found = {}
        for each in slices:
            number = int(each.begin / self.width)
            before = self._found.get(number)
            if before is not None:
                before.join(each)
                continue
            each.begin = number * self.width
            each.end = each.begin + self.width
            self._found[number] = each


def _most(one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)
