"""Latencies on their way into Locust's statistics: appended at once, counted four times a second.

Counting goes into Locust's own entries, so its percentiles, CSV files, web page, workers and master show the
same figures, now to 0.1 % instead of two digits. Where anybody else listens to Locust's `request` event, each
request fires it as usual; failures always do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import gevent
import locust.stats
from locust.stats import StatsEntry

from sretool.core.analysis.latency import Histogram, bucket, middle

if TYPE_CHECKING:
    from locust.env import Environment

_EVERY: Final = 0.25
_MOST_KEPT: Final = 100_000
"""Latencies of one slot that may wait to be counted; bounds memory at any rate."""
_NS_IN_MS: Final = 1e6


def milliseconds(number: int) -> float:
    """The key of a bucket in Locust's `response_times`."""
    return middle(number) / _NS_IN_MS


def bucketed(response_time: float) -> float:
    """What Locust's own rounding is replaced by: fractions of a millisecond, 0.1 % apart."""
    return milliseconds(bucket(max(response_time, 0) * _NS_IN_MS))


class Slot:
    """Successful requests of one name and method."""

    __slots__ = ("append", "histogram", "latencies", "size")

    def __init__(self) -> None:
        self.latencies: list[int] = []
        """Nanoseconds from the intended start to the last byte."""
        self.append = self.latencies.append
        self.size = 0
        """Bytes of their bodies."""
        self.histogram = Histogram()
        """Of all that were counted."""


class Recorder:
    """Of one Locust environment."""

    _of: WeakKeyDictionary[Environment, Recorder] = WeakKeyDictionary()

    @classmethod
    def of(cls, environment: Environment) -> Recorder:
        found = cls._of.get(environment)
        if found is None:
            found = cls._of[environment] = cls(environment)
        return found

    def __init__(self, environment: Environment) -> None:
        locust.stats.bucket_response_time = bucketed  # type: ignore[assignment]
        self._events = environment.events
        self._stats = environment.stats
        self._slots: dict[tuple[str, str], Slot] = {}
        self.late = 0
        """Requests that began more than `LATE_NS` after they should have."""
        self.batching = self._alone()
        self._counter = gevent.spawn(self._count_for_ever)
        # Before the listener that serialises the statistics of a worker.
        self._events.report_to_master._handlers.insert(0, self._on_report)
        for event in (self._events.test_stopping, self._events.test_stop, self._events.quitting):
            event._handlers.insert(0, self._on_end)
        self._events.reset_stats.add_listener(self._forget)

    def slot(self, method: str, name: str) -> Slot:
        found = self._slots.get((name, method))
        if found is None:
            found = self._slots[name, method] = Slot()
        return found

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
            slot.histogram.merge(counted)
            # Looked up again each time: a new test starts with new entries.
            for entry in (self._stats.entries[key], self._stats.total):
                _log(entry, counted, size, now, second)

    def _alone(self) -> bool:
        """Whether nobody but Locust's own statistics listens to requests."""
        return len(self._events.request._handlers) <= 1

    def _count_for_ever(self) -> None:
        while True:
            gevent.sleep(_EVERY)
            self.batching = self._alone()
            self.count()

    def _on_report(self, **_: Any) -> None:
        self.count()

    def _on_end(self, **_: Any) -> None:
        self.count()

    def _forget(self, **_: Any) -> None:
        for slot in self._slots.values():
            slot.latencies.clear()
            slot.size = 0
            slot.histogram = Histogram()


def _log(entry: StatsEntry, counted: Histogram, size: int, now: float, second: int) -> None:
    """As `StatsEntry.log` for each of them, at once."""
    if entry.use_response_times_cache and entry.last_request_timestamp:
        if second > int(entry.last_request_timestamp):
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
