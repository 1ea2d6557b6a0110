"""Latencies on their way into Locust's statistics: appended at once, counted four times a second.

Counting goes into Locust's own entries, so its percentiles, CSV files, web page, workers and master show the
same figures, now to 0.1 % instead of two digits. Where anybody else listens to Locust's `request` event, each
request fires it as usual; failures always do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import WeakKeyDictionary

import gevent
import locust.stats
from locust.event import EventHook

from sretool.core.analysis.latency import Histogram, bucket, middle
from sretool.load.wire import Heads

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment
    from locust.stats import StatsEntry

_EVERY: Final = 0.25
_STATISTICS: Final = "locust.runners"
"""The module of the listener that counts requests."""
_NS_IN_MS: Final = 1e6
_MS_IN_S: Final = 1e3
_REPORTED: Final = "sretool"
"""Our part of what a worker reports to its master."""


def milliseconds(number: int) -> float:
    """The key of a bucket in Locust's `response_times`."""
    return middle(number) / _NS_IN_MS


def number_of(response_time: float) -> int:
    """The number of the bucket of a key of Locust's `response_times`."""
    return bucket(max(response_time, 0) * _NS_IN_MS)


def bucketed(response_time: float) -> float:
    """What Locust's own rounding is replaced by: fractions of a millisecond, 0.1 % apart."""
    return milliseconds(number_of(response_time))


class Slot:
    """Successful requests of one name and method that wait to be counted."""

    __slots__ = ("append", "latencies", "size")

    def __init__(self) -> None:
        self.latencies: list[int] = []
        """Nanoseconds from the intended start to the last byte."""
        self.append = self.latencies.append
        self.size = 0
        """Bytes of their bodies."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What was counted of one name and method since the time before."""

    name: str
    method: str
    n: int
    """Requests, failed ones included."""
    failures: int
    bytes: int
    buckets: dict[int, int]
    """Latencies of all of them, failed ones included."""
    total: float
    """Sum of the latencies, seconds."""
    least: float | None
    """Seconds, exact where it is the least so far, else to a bucket; None: no latency was told."""
    most: float | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What was counted since the time before."""

    requests: tuple[Requests, ...]
    late: int
    """Requests that began more than a millisecond after they should have."""
    errors: dict[tuple[str, str, str], int]
    """(Method, name, what happened) → how often."""


@dataclass(frozen=True, slots=True)
class _Before:
    """An entry of Locust's statistics as it was; times in milliseconds."""

    n: int
    failures: int
    bytes: int
    total: float
    least: float | None
    most: float | None
    times: dict[int, int]

    @classmethod
    def of(cls, entry: StatsEntry) -> _Before:
        return cls(
            entry.num_requests,
            entry.num_failures,
            entry.total_content_length,
            entry.total_response_time,
            entry.min_response_time,
            entry.max_response_time if entry.response_times else None,
            dict(entry.response_times),
        )


_NOTHING: Final = _Before(0, 0, 0, 0.0, None, None, {})


def _extreme(
    pick: Callable[..., float],
    buckets: dict[int, int],
    before: float | None,
    after: float | None,
) -> float | None:
    """Seconds. An entry knows the exact one of the whole test: that of this time, where it has changed."""
    if not buckets or after is None:
        return None
    if before is None or after != before:
        return after / _MS_IN_S
    # No further out than the exact one.
    within = max if pick is min else min
    return within(pick(milliseconds(number) for number in buckets), after) / _MS_IN_S


class Recorder:
    """Of one Locust environment, be it that of a single process, of a worker or of a master."""

    _of: ClassVar[WeakKeyDictionary[Environment, Recorder]] = WeakKeyDictionary()

    @classmethod
    def of(cls, environment: Environment) -> Recorder:
        found = cls._of.get(environment)
        if found is None:
            found = cls._of[environment] = cls(environment)
        return found

    def __init__(self, environment: Environment) -> None:
        locust.stats.bucket_response_time = bucketed  # type: ignore[assignment]
        self._events: Any = environment.events
        self._stats = environment.stats
        self._slots: dict[tuple[str, str], Slot] = {}
        self.listeners: list[Any] = self._events.request._handlers
        """To every request."""
        self.own_listeners = 0 if environment.runner is None else 1
        """So many of them are Locust's statistics; where there are more, requests are not counted in bulk."""
        self._others = EventHook()
        self._heard: list[Any] = []
        self.heads = Heads()
        """Of answers to all users of this process: most of them begin alike."""
        self.late = 0
        """Requests of this process, on a master of all workers, that began more than `LATE_NS` late."""
        self._late_told = self._late_taken = 0
        self._entries_taken: dict[tuple[str, str], _Before] = {}
        self._errors_taken: dict[Any, int] = {}
        self._counter = gevent.spawn(self._count_for_ever)
        # Before the listener that serialises the statistics of a worker.
        self._events.report_to_master._handlers.insert(0, self._report)
        self._events.worker_report.add_listener(self._reported)
        # Before Locust sets its statistics back, and before it prints or writes the last of them.
        ends = ("spawning_complete", "reset_stats", "test_stopping", "test_stop", "quitting")
        for event in ends:
            getattr(self._events, event)._handlers.insert(0, self._on_end)

    def slot(self, method: str, name: str) -> Slot:
        found = self._slots.get((name, method))
        if found is None:
            found = self._slots[name, method] = Slot()
        return found

    def others(self) -> EventHook:
        """Locust's `request` event for all that listen but its own statistics."""
        if self._heard != self.listeners:
            self._heard = self.listeners.copy()
            self._others._handlers = [
                each for each in self._heard if getattr(each, "__module__", "") != _STATISTICS
            ]
        return self._others

    def count(self) -> None:
        """Everything appended so far becomes part of Locust's statistics."""
        now = time.time()
        second = int(now)
        for key, slot in self._slots.items():
            if not slot.latencies:
                continue
            # The list stays the same one: its `append` is in the hands of sessions.
            latencies = slot.latencies[:]
            slot.latencies.clear()
            size, slot.size = slot.size, 0
            counted = Histogram()
            counted.add(latencies)
            # Looked up again each time: a new test starts with new entries.
            for entry in (self._stats.entries[key], self._stats.total):
                _log(entry, counted, size, now, second)

    def take(self) -> Taken:
        """What was counted since the call before: the differences of Locust's own counters.

        Statistics that were set back in between count from zero again.
        """
        self.count()
        requests: list[Requests] = []
        entries = self._entries_taken
        for key in entries.keys() - self._stats.entries.keys():
            del entries[key]
        for key, entry in self._stats.entries.items():
            past = entries.get(key, _NOTHING)
            if entry.num_requests == past.n and entry.num_failures == past.failures:
                continue
            if entry.num_requests < past.n or entry.num_failures < past.failures:
                past = _NOTHING
            buckets: dict[int, int] = {}
            for time_, count in entry.response_times.items():
                if more := count - past.times.get(time_, 0):
                    number = number_of(time_)
                    buckets[number] = buckets.get(number, 0) + more
            after = entries[key] = _Before.of(entry)
            requests.append(
                Requests(
                    name=entry.name,
                    method=entry.method or "",
                    n=after.n - past.n,
                    failures=after.failures - past.failures,
                    bytes=after.bytes - past.bytes,
                    buckets=buckets,
                    total=(after.total - past.total) / _MS_IN_S,
                    least=_extreme(min, buckets, past.least, after.least),
                    most=_extreme(max, buckets, past.most, after.most),
                )
            )
        errors: dict[tuple[str, str, str], int] = {}
        seen: dict[Any, int] = {}
        for error_key, error in self._stats.errors.items():
            before = self._errors_taken.get(error_key, 0)
            seen[error_key] = error.occurrences
            more = error.occurrences - before if error.occurrences >= before else error.occurrences
            if more:
                what = error.method, error.name, error.parse_error(error.error)
                errors[what] = errors.get(what, 0) + more
        self._errors_taken = seen
        late, self._late_taken = self.late - self._late_taken, self.late
        return Taken(tuple(requests), late, errors)

    def _count_for_ever(self) -> None:
        while True:
            gevent.sleep(_EVERY)
            self.count()

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        self.count()
        data[_REPORTED] = {"late": self.late - self._late_told}
        self._late_told = self.late

    def _reported(self, data: dict[str, Any], **_: Any) -> None:
        self.late += data.get(_REPORTED, {}).get("late", 0)

    def _on_end(self, **_: Any) -> None:
        self.count()


def _log(entry: StatsEntry, counted: Histogram, size: int, now: float, second: int) -> None:
    """As `StatsEntry.log` for each of them, at once."""
    last = entry.last_request_timestamp
    if entry.use_response_times_cache and last and second > int(last):
        entry._cache_response_times(second - 1)
    entry.num_requests += counted.count
    entry.num_reqs_per_sec[second] += counted.count
    entry.last_request_timestamp = now
    entry.total_response_time += counted.total / _NS_IN_MS  # type: ignore[assignment]
    least, most = counted.least / _NS_IN_MS, counted.most / _NS_IN_MS
    entry.min_response_time = (
        least if entry.min_response_time is None else min(entry.min_response_time, least)  # type: ignore[assignment]
    )
    entry.max_response_time = max(entry.max_response_time, most)  # type: ignore[assignment]
    times = entry.response_times
    for number, count in counted.buckets.items():
        times[milliseconds(number)] += count  # type: ignore[index]
    entry.total_content_length += size
