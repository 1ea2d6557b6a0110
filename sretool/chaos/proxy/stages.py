"""What each toxic does to one stream of one connection.

Stages stand one behind the other. `put` takes a piece of data with the moment it was born, which for the
first stage is when it arrived; `end` says that nothing more comes. Each hands on to `next` what it lets
through, in the order it came.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from sretool.chaos.proxy import toxics
    from sretool.chaos.proxy.toxics import Toxic

_TIMER_TOLERANCE: Final = 0.0005
"""Seconds that a timer may fire early: event loops count in whole milliseconds."""
_SHORT: Final = 64 * 1024
_LONG: Final = 32 * 1024 * 1024
"""Bytes a stage holds back before the sender is made to wait. A line that is merely slow takes in little; one
that is long holds what is under way on it."""
_SLICE: Final = 0.1
"""Seconds of data that a narrow line hands on at once."""


class Exit(Protocol):
    """What stages hand on to."""

    def put(self, data: bytes, born: float) -> None: ...

    def end(self) -> None: ...


class Traffic(Protocol):
    """The stream that stages belong to."""

    @property
    def blocked(self) -> bool:
        """Whether the receiver takes nothing at the moment."""
        ...

    def flow(self) -> None:
        """Something was held back or let go: the sender may have to wait, or may go on."""
        ...

    def reset(self) -> None:
        """Break the connection off, both ways."""
        ...


class Stage:
    """Passes everything on, as a toxic does to the connections it is not applied to."""

    limit = _SHORT

    def __init__(self, toxic: Toxic, traffic: Traffic) -> None:
        self.toxic = toxic
        self.next: Exit
        self.held = 0
        """Bytes held back."""
        self.over = False
        """Whether the end was handed on."""
        self._traffic = traffic

    @property
    def full(self) -> bool:
        return self.held > self.limit

    def put(self, data: bytes, born: float) -> None:
        if not self.over:
            self.next.put(data, born)

    def end(self) -> None:
        if not self.over:
            self.over = True
            self.next.end()

    def turn(self) -> None:
        """Hand on what is due."""

    def changed(self) -> None:
        """The toxic has other attributes by now."""

    def leave(self) -> None:
        """The toxic is taken away: hand on what is held."""

    def drop(self) -> None:
        """The connection is gone."""
        self.over = True


class _Holding(Stage):
    """Hands things on at their time."""

    def __init__(self, toxic: Toxic, traffic: Traffic) -> None:
        super().__init__(toxic, traffic)
        self._queue: deque[tuple[float, bytes | None, float]] = deque()
        """When it is due, what (None: the end), and when it was born; the earliest first."""
        self._timer: asyncio.TimerHandle | None = None

    def _later(self, due: float, data: bytes | None, born: float) -> None:
        """Nothing overtakes what came before it."""
        if self._queue:
            due = max(due, self._queue[-1][0])
        self._queue.append((due, data, born))
        if data is not None:
            self.held += len(data)
            if self.full:
                self._traffic.flow()
        self._arm()

    def end(self) -> None:
        # An end is no data: it waits for what is before it, and for nothing else.
        if self._queue:
            self._later(0.0, None, 0.0)
        else:
            super().end()

    def turn(self) -> None:
        now = time.monotonic() + _TIMER_TOLERANCE
        queue = self._queue
        was_full = self.full
        while queue and self._due() <= now and not self._traffic.blocked and not self.over:
            due, data, born = queue.popleft()
            if data is None:
                super().end()
            else:
                self.held -= len(data)
                self.next.put(data, self._born(due, born))
                self._passed(now)
        if was_full and not self.full:
            self._traffic.flow()
        self._arm()

    def _due(self) -> float:
        """When the first of what is held may go."""
        return self._queue[0][0]

    def _passed(self, now: float) -> None:
        """A piece of data went."""

    def _born(self, due: float, born: float) -> float:
        """What the next stage counts from."""
        return born

    def changed(self) -> None:
        for data, born in self._emptied():
            if data is None:
                self.end()
            else:
                self.put(data, born)
        self._traffic.flow()

    def leave(self) -> None:
        for data, born in self._emptied():
            if data is None:
                super().end()
            else:
                self.next.put(data, born)
        self._traffic.flow()

    def drop(self) -> None:
        super().drop()
        self._emptied()

    def _emptied(self) -> list[tuple[bytes | None, float]]:
        pieces = [(data, born) for _, data, born in self._queue]
        self._queue.clear()
        self.held = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return pieces

    def _arm(self) -> None:
        if self._timer is not None or not self._queue or self._traffic.blocked:
            return
        due = self._due()
        if due != float("inf"):
            wait = max(0.0, due - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self.turn()


class _LatencyStage(_Holding):
    limit = _LONG

    def put(self, data: bytes, born: float) -> None:
        if self.over:
            return
        attributes = cast("toxics.Latency", self.toxic.attributes)
        delay = attributes.latency
        if attributes.jitter > 0:
            delay += random.randrange(-attributes.jitter, attributes.jitter)
        self._later(born + delay / 1000, data, born)

    def _born(self, due: float, born: float) -> float:
        # Delays one behind the other add up.
        return due


class _BandwidthStage(_Holding):
    def __init__(self, toxic: Toxic, traffic: Traffic) -> None:
        super().__init__(toxic, traffic)
        self._free_at = 0.0
        """When the line has delivered what it was given."""

    def put(self, data: bytes, born: float) -> None:
        if self.over:
            return
        rate = cast("toxics.Bandwidth", self.toxic.attributes).rate * 1000
        if rate <= 0:
            self._later(float("inf"), data, born)
            return
        size = max(1, int(rate * _SLICE))
        self._free_at = max(self._free_at, time.monotonic())
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._free_at += len(piece) / rate
            self._later(self._free_at, piece, born)

    def changed(self) -> None:
        self._free_at = 0.0
        super().changed()


class _SlicerStage(_Holding):
    def __init__(self, toxic: Toxic, traffic: Traffic) -> None:
        super().__init__(toxic, traffic)
        self._free_at = 0.0
        """When the next piece may go."""

    def put(self, data: bytes, born: float) -> None:
        if self.over:
            return
        attributes = cast("toxics.Slicer", self.toxic.attributes)
        for start, stop in slices(len(data), attributes.average_size, attributes.size_variation):
            self._later(0.0, data[start:stop], born)
        self.turn()

    def _due(self) -> float:
        return self._free_at

    def _passed(self, now: float) -> None:
        # From when it went, however late: two pieces never go together.
        self._free_at = now + cast("toxics.Slicer", self.toxic.attributes).delay / 1e6

    def changed(self) -> None:
        self._free_at = 0.0
        super().changed()


def slices(length: int, average: int, variation: int) -> list[tuple[int, int]]:
    """Where to cut `length` bytes: halves of halves, until none is more than `variation` above `average`.

    Bounds in order, each piece at least one byte.
    """
    cut: list[tuple[int, int]] = []
    waiting = [(0, length)]
    while waiting:
        start, stop = waiting.pop()
        if stop - start <= max(1, average + variation):
            cut.append((start, stop))
            continue
        middle = start + (stop - start) // 2
        if variation > 0:
            middle += random.randrange(-variation, variation)
        middle = min(max(middle, start + 1), stop - 1)
        waiting += [(middle, stop), (start, middle)]
    return cut


class _SlowCloseStage(_Holding):
    def put(self, data: bytes, born: float) -> None:
        if not self._queue:
            super().put(data, born)

    def end(self) -> None:
        delay = cast("toxics.SlowClose", self.toxic.attributes).delay
        self._later(time.monotonic() + delay / 1000, None, 0.0)


class _TimeoutStage(Stage):
    """Counts from its beginning, and anew from each piece of data that it loses."""

    def __init__(self, toxic: Toxic, traffic: Traffic) -> None:
        super().__init__(toxic, traffic)
        self._timer: asyncio.TimerHandle | None = None
        self.changed()

    def put(self, data: bytes, born: float) -> None:
        self.changed()

    def changed(self) -> None:
        self._stop()
        timeout = cast("toxics.Timeout", self.toxic.attributes).timeout
        if timeout > 0 and not self.over:
            self._timer = asyncio.get_running_loop().call_later(timeout / 1000, self.end)

    def end(self) -> None:
        self._stop()
        super().end()

    def leave(self) -> None:
        # Data was lost: nothing that follows would make sense to the receiver.
        self.end()

    def drop(self) -> None:
        super().drop()
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _ResetStage(Stage):
    def __init__(self, toxic: Toxic, traffic: Traffic) -> None:
        super().__init__(toxic, traffic)
        self._timer: asyncio.TimerHandle | None = None

    def put(self, data: bytes, born: float) -> None:
        self.end()

    def end(self) -> None:
        if self.over or self._timer is not None:
            return
        wait = cast("toxics.ResetPeer", self.toxic.attributes).timeout / 1000
        self._timer = asyncio.get_running_loop().call_later(wait, self._traffic.reset)

    def leave(self) -> None:
        if self._timer is not None and not self.over:
            self._traffic.reset()

    def drop(self) -> None:
        super().drop()
        if self._timer is not None:
            self._timer.cancel()


class _LimitStage(Stage):
    def __init__(self, toxic: Toxic, traffic: Traffic) -> None:
        super().__init__(toxic, traffic)
        self._passed = 0

    def put(self, data: bytes, born: float) -> None:
        if self.over:
            return
        left = max(0, cast("toxics.LimitData", self.toxic.attributes).bytes - self._passed)
        if left:
            piece = data[:left]
            self._passed += len(piece)
            self.next.put(piece, born)
        if len(data) >= left:
            self.end()


_STAGES: Final[dict[str, type[Stage]]] = {
    "noop": Stage,
    "latency": _LatencyStage,
    "bandwidth": _BandwidthStage,
    "slow_close": _SlowCloseStage,
    "timeout": _TimeoutStage,
    "reset_peer": _ResetStage,
    "slicer": _SlicerStage,
    "limit_data": _LimitStage,
}


def stage(toxic: Toxic, traffic: Traffic) -> Stage:
    """The toxic on one stream: applied by chance, with the probability `toxicity`."""
    kind = _STAGES[toxic.type] if random.random() < toxic.toxicity else Stage
    return kind(toxic, traffic)
