"""A running load test as Prometheus reads it: counters since it began, and how things stand.

Histograms are classic ones: a request whose bucket holds a bound counts as within it, which is at most 0.1 %
from the truth.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.latency import bucket
from sretool.core.analysis.totals import NANO
from sretool.core.runs.events import Checked, Finished, LoadTick, PhaseBegan, Started
from sretool.core.runs.load import total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sretool.core.runs.events import RequestTick, RunEvent

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

BOUNDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Of the histograms, seconds."""
_NUMBERS: Final = tuple(bucket(bound * NANO) for bound in BOUNDS)
_ERRORS: Final = 100
"""Kinds of errors that have a series of their own; what comes beyond is `other`."""

_Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Request:
    requests: int = 0
    failures: int = 0
    bytes: int = 0
    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    """Within each bound and above the one before."""

    def take(self, tick: RequestTick) -> None:
        counted = total(tick).latency
        self.requests += tick.requests
        self.failures += tick.failures
        self.bytes += tick.bytes
        self.seconds += counted.total / NANO
        for number, count in tick.latency:
            place = bisect_left(_NUMBERS, number)
            if place < len(BOUNDS):
                self.counts[place] += count


class Exposition:
    """What the events of one run taken so far say, for Prometheus to scrape."""

    def __init__(self, run: str, profile: str, target: str) -> None:
        self._info: _Labels = (("profile", profile), ("run", run), ("target", target))
        self._requests: dict[str, _Request] = {}
        self._errors: Counter[tuple[str, str]] = Counter()
        """(Kind of request, words)."""
        self._late = 0
        self._tick: LoadTick | None = None
        self._phases: dict[str, int] = {}
        self._objectives: dict[str, bool] = {}

    def take(self, event: RunEvent) -> None:
        match event.what:
            case Started() as started:
                self._phases |= {phase.name: 0 for phase in started.phases}
            case PhaseBegan(name):
                self._phases = {**dict.fromkeys(self._phases, 0), name: 1}
            case LoadTick() as tick:
                self._load(tick)
            case Checked(check) if check.ok is not None:
                self._objectives[check.name] = check.ok
            case Finished(verdict):
                self._objectives |= {each.name: each.ok for each in verdict.checks if each.ok is not None}
            case _:
                pass

    def _load(self, tick: LoadTick) -> None:
        self._tick = tick
        self._late += tick.late_starts
        for one in tick.requests:
            self._requests.setdefault(one.name, _Request()).take(one)
            for words, count in one.errors.items():
                self._errors[self._error(one.name, words)] += count
        for words, count in tick.errors.items():
            self._errors[self._error("", words)] += count

    def _error(self, request: str, words: str) -> tuple[str, str]:
        known = (request, words) in self._errors or len(self._errors) < _ERRORS
        return (request, words) if known else (request, "other")

    def text(self) -> str:
        """In the text format, version 0.0.4."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _family("sretool_load_info", "gauge", "The run that is told of here.", [(self._info, 1)])
        yield from self._counters()
        yield from self._histograms()
        yield from self._gauges()

    def _counters(self) -> Iterator[str]:
        for family, about, of in (
            ("requests", "Requests that ended, failed ones included.", attrgetter("requests")),
            ("failures", "Requests that failed.", attrgetter("failures")),
            ("received_bytes", "Bodies of the replies, in bytes.", attrgetter("bytes")),
        ):
            values = [((("request", name),), of(each)) for name, each in self._requests.items()]
            yield from _family(f"sretool_load_{family}_total", "counter", about, values)
        yield from _family(
            "sretool_load_errors_total",
            "counter",
            "What failed, by the words of the error.",
            [((("error", words), ("request", name)), n) for (name, words), n in self._errors.items()],
        )
        late = "Requests that left later than planned."
        yield from _family("sretool_load_late_starts_total", "counter", late, [((), self._late)])

    def _histograms(self) -> Iterator[str]:
        name = "sretool_load_request_duration_seconds"
        about = "From the moment a request was planned to leave to its last byte, failed ones included."
        yield f"# HELP {name} {about}"
        yield f"# TYPE {name} histogram"
        for request, each in self._requests.items():
            labels = (("request", request),)
            below = 0
            for bound, count in zip(BOUNDS, each.counts, strict=True):
                below += count
                yield _sample(f"{name}_bucket", (*labels, ("le", f"{bound:g}")), below)
            yield _sample(f"{name}_bucket", (*labels, ("le", "+Inf")), each.requests)
            yield _sample(f"{name}_sum", labels, each.seconds)
            yield _sample(f"{name}_count", labels, each.requests)

    def _gauges(self) -> Iterator[str]:
        tick = self._tick
        alone: Sequence[tuple[str, str, float | None]] = (
            ("users", "Users at work.", tick.users if tick else None),
            ("in_flight", "Requests without a reply.", tick.in_flight if tick else None),
            ("planned_rate", "Requests a second planned for now.", tick.target_rate if tick else None),
            (
                "event_loop_lag_seconds",
                "The longest that a generator kept anything waiting, lately.",
                tick.lag_s if tick else None,
            ),
        )
        for family, about, value in alone:
            if value is not None:
                yield from _family(f"sretool_load_{family}", "gauge", about, [((), value)])
        cpus = [((("generator", each.name),), each.cpu) for each in tick.workers] if tick else []
        yield from _family(
            "sretool_load_generator_cpu_ratio",
            "gauge",
            "Of one core.",
            [(labels, cpu) for labels, cpu in cpus if cpu is not None],
        )
        yield from _family(
            "sretool_load_phase", "gauge", "1: the run is in it.", _named("phase", self._phases)
        )
        holds = {name: int(ok) for name, ok in self._objectives.items()}
        yield from _family(
            "sretool_load_objective_holds", "gauge", "0: it is broken.", _named("objective", holds)
        )


def _named(label: str, values: Mapping[str, int]) -> list[tuple[_Labels, float]]:
    return [(((label, name),), value) for name, value in values.items()]


def _family(name: str, kind: str, about: str, values: Sequence[tuple[_Labels, float]]) -> Iterator[str]:
    if not values:
        return
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values:
        yield _sample(name, labels, value)


def _sample(name: str, labels: _Labels, value: float) -> str:
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{f'{{{said}}}' if said else ''} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
