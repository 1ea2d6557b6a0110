"""What the load of a run adds up to: counts and histograms of its ticks, never averages of averages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from sretool.core.analysis.latency import Histogram, merged
from sretool.core.analysis.totals import NANO, Total, Totals
from sretool.core.runs.events import WARM_UP
from sretool.core.runs.model import LoadMeasures

if TYPE_CHECKING:
    from sretool.core.runs.events import LoadTick, RequestTick


NEAR_ITS_LIMIT: Final = 0.9
"""Of one core: from here on a generator's own delays show in the figures."""
WORTH_TELLING_S: Final = 0.05
"""Seconds that a generator's event loop stands still from which on its reader should know."""


def total(tick: RequestTick) -> Total:
    """One kind of request during one tick."""
    counted = Histogram()
    counted.add_counts(tick.latency, total=_nano(tick.total), least=_nano(tick.least), most=_nano(tick.most))
    return Total(tick.requests, tick.failures, counted)


def together(tick: LoadTick) -> Total:
    """All requests of one tick."""
    each = [total(one) for one in tick.requests]
    return Total(
        sum(one.requests for one in each),
        sum(one.failures for one in each),
        merged(one.latency for one in each),
    )


def _nano(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * NANO


class Failure(NamedTuple):
    """What went wrong, and how often."""

    text: str
    request: str
    """Kind of request; empty: of none."""
    times: int


LEAST_SHARE_S: Final = 0.5
"""Seconds of a tick whose share of a core tells something: the last one is mostly the end itself."""


@dataclass(slots=True)
class Load:
    """The load of a stretch of a run: what was asked, what failed, and whether the generators kept up."""

    totals: Totals = field(default_factory=Totals)
    bytes: Counter[str] = field(default_factory=Counter)
    """Of bodies, by kind of request."""
    failed: dict[str, Counter[str]] = field(default_factory=dict)
    """Why requests failed: kind of request → words of the error → how often."""
    errors: Counter[str] = field(default_factory=Counter)
    """Every failure by its words, those of no kind of request included."""
    planned: float = 0.0
    """Requests that were planned in `planned_seconds`."""
    planned_seconds: float = 0.0
    late_starts: int = 0
    busiest: float | None = None
    """Of one core, the busiest generator at its busiest, 0..1."""
    lag_s: float | None = None
    """The longest that any generator's event loop kept anything waiting."""

    def take(self, tick: LoadTick) -> None:
        self.totals.seconds += tick.seconds
        if tick.target_rate is not None:
            self.planned += tick.target_rate * tick.seconds
            self.planned_seconds += tick.seconds
        self.late_starts += tick.late_starts
        self.errors.update(tick.errors)
        for one in tick.requests:
            self.totals.add(one.name, total(one))
            self.bytes[one.name] += one.bytes
            if one.errors:
                self.failed.setdefault(one.name, Counter()).update(one.errors)
                self.errors.update(one.errors)
        for worker in tick.workers:
            if worker.cpu is not None and (tick.seconds >= LEAST_SHARE_S or self.busiest is None):
                self.busiest = max(worker.cpu, self.busiest or 0.0)
        if tick.lag_s is not None:
            self.lag_s = max(tick.lag_s, self.lag_s or 0.0)

    @property
    def planned_rate(self) -> float | None:
        """Requests per second; None where no rate was planned."""
        return self.planned / self.planned_seconds if self.planned_seconds else None

    def failures(self) -> list[Failure]:
        """The most frequent first."""
        found = [Failure(text, name, n) for name, texts in self.failed.items() for text, n in texts.items()]
        rest = Counter(self.errors)
        for each in found:
            rest[each.text] -= each.times
        found += [Failure(text, "", n) for text, n in rest.items() if n > 0]
        return sorted(found, key=lambda each: -each.times)

    def measures(self) -> LoadMeasures | None:
        """None where there was no load at all."""
        if not self.totals.seconds:
            return None
        whole = self.totals.whole
        return LoadMeasures(
            requests=whole.requests,
            failures=whole.failures,
            rate=self.totals.rate(),
            p50_s=whole.quantile(0.5),
            p90_s=whole.quantile(0.9),
            p95_s=whole.quantile(0.95),
            p99_s=whole.quantile(0.99),
            p999_s=whole.quantile(0.999),
            max_s=whole.most,
            late_starts=self.late_starts,
            generator_cpu=self.busiest,
        )


class Counting:
    """The load of a run without its warm-up; as long as that goes on, the warm-up itself."""

    def __init__(self) -> None:
        self.load = Load()
        self._warming_up = False

    def begin(self, phase: str) -> None:
        if self._warming_up:
            self.load = Load()
        self._warming_up = phase == WARM_UP

    def take(self, tick: LoadTick) -> None:
        self.load.take(tick)
