"""The samples of a system's past, computed from its history plan.

Every label set's day is drawn from a generator of its own, seeded by its name and the day, so a minute's
events are the same whichever stretch of time is asked for. A stretch is a `Segment`: its counters begin at
zero, which is what a restarted process does, or go on from where another segment ended.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sretool.core.plans.history_file import (
    Counter,
    Gauge,
    Growth,
    Histogram,
    Level,
    Meter,
    Mixture,
    Outcome,
    Started,
    Values,
    Volume,
    cells,
    matches,
    split_labels,
)
from sretool.core.slo.model import BucketRatio, EventRatio
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from sretool.core.plans.history_file import Family, HistoryPlan, Incident, Split, Stream
    from sretool.core.plans.traffic import DayPattern
    from sretool.core.slo.model import Slo

VERSION = 1
"""Part of what a stored history is known by: raised whenever the same plan gives other samples."""

STEP = 60
"""Seconds between samples, and between the evaluations of an SLO's recorded rates."""
DAY = 86400
RATE_WINDOW = 300
"""Seconds over which the recorded rates look back."""

Labels = tuple[tuple[str, str], ...]

_SUM_UNIT = 1 / 1024
"""Sums of observed values are multiples of this, which keeps them short in the block and exact in a float."""


@dataclass(frozen=True, slots=True)
class Track:
    """The samples of one series in one segment."""

    labels: Labels
    """Sorted by name, `__name__` among them."""
    times: NDArray[np.int64]
    """Seconds since the epoch, the same array for all tracks of a segment."""
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of history: samples at every whole minute and at its end."""

    start: int
    """Seconds since the epoch."""
    until: int
    carried: Sequence[float] | None = None
    """Every track's value at `start`, to go on from; None: the first sample is at `start`, counters at 0."""

    def times(self) -> NDArray[np.int64]:
        whole = np.arange(self.start // STEP * STEP + STEP, self.until + 1, STEP, dtype=np.int64)
        head = [] if self.carried is not None else [self.start]
        tail = [] if self.until % STEP == 0 or self.until == self.start else [self.until]
        return np.concatenate((np.array(head, dtype=np.int64), whole, np.array(tail, dtype=np.int64)))


@dataclass(frozen=True, slots=True)
class MachinePart:
    """A processor, a disk, …: something the machine has and the node exporter has series of."""

    labels: Mapping[str, str]
    numbers: Mapping[str, float]


Machine = dict[str, tuple[MachinePart, ...]]
"""By kind, as in `history_file.FACTS`."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An incident at its place in time, seconds since the epoch."""

    incident: Incident
    start: int
    end: int


def occurrences(plan: HistoryPlan, pattern: DayPattern, anchor: int) -> tuple[Occurrence, ...]:
    """When the plan's incidents happened, for a history made at `anchor`."""
    found = []
    for incident in plan.incidents:
        latest = anchor - round(incident.days_ago * DAY)
        if incident.at is None:
            start = latest
        else:
            hours, minutes = incident.at.split(":")
            of_day = int(hours) * 3600 + int(minutes) * 60 - round(pattern.utc_offset.total_seconds())
            start = latest - (latest - of_day) % DAY
        found.append(Occurrence(incident, start, start + incident.seconds))
    return tuple(found)


class _Grid:
    """The minutes of a segment's days, and what is the same for all series in them."""

    def __init__(self, segment: Segment, pattern: DayPattern, happened: Sequence[Occurrence]) -> None:
        self.segment = segment
        self.times = segment.times()
        first = (segment.start - RATE_WINDOW) // DAY
        last = -(-segment.until // DAY)
        self.minutes = np.arange(first * DAY, max(last, first + 1) * DAY, STEP, dtype=np.int64)
        """Beginning of each minute. Whole days, because what is drawn for a day is drawn for all of it."""
        self.rate = np.array([pattern.rate_at(int(minute) + STEP / 2) for minute in self.minutes])
        """The pattern's requests per second."""
        self._happened = happened

    def inside(self, happened: Occurrence) -> NDArray[np.float64] | None:
        """Share of each minute that lies in the incident; None where none does."""
        begin = np.maximum(self.minutes, happened.start)
        end = np.minimum(self.minutes + STEP, happened.end)
        overlap = np.maximum(end - begin, 0) / STEP
        return overlap if overlap.any() else None

    def effects(self) -> Iterator[tuple[object, NDArray[np.float64]]]:
        """Effects of incidents that touch this stretch."""
        for happened in self._happened:
            share = self.inside(happened)
            if share is not None:
                for effect in happened.incident.effects:
                    yield effect, share

    def days(self) -> Iterator[tuple[int, slice]]:
        """Each day's number since the epoch, and where its minutes are."""
        per_day = DAY // STEP
        for begin in range(0, len(self.minutes), per_day):
            yield int(self.minutes[begin]) // DAY, slice(begin, begin + per_day)

    def at(self, growth: NDArray[np.float64], times: NDArray[np.int64], unit: float) -> NDArray[np.float64]:
        """Growth added up from the grid's first minute until `times`, in whole units within a minute."""
        total = np.concatenate(([0.0], np.cumsum(growth)))
        minute, second = np.divmod(times - self.minutes[0], STEP)
        value = total[minute]
        if second.any():
            inside = growth[np.minimum(minute, len(growth) - 1)] * second / STEP
            value = value + np.floor(inside / unit) * unit
        return value


@dataclass(slots=True)
class _Recorded:
    """The two recorded rates of one SLO while they are being summed."""

    slo: Slo
    bad: NDArray[np.float64]
    total: NDArray[np.float64]
    seen: bool = False


class History:
    """What one system's past was."""

    def __init__(
        self,
        plan: HistoryPlan,
        pattern: DayPattern,
        slos: Sequence[Slo] = (),
        anchor: int = 0,
        machine: Machine | None = None,
    ) -> None:
        self.plan = plan
        self.pattern = pattern
        self.anchor = anchor
        """When the history was made; incidents lie before it."""
        self.occurrences = occurrences(plan, pattern, anchor)
        self._machine = machine or {}
        self._slos = [(slo, _Counted.of(slo)) for slo in slos]
        self._by_stream: dict[str, list[Counter | Histogram]] = defaultdict(list)
        for family in plan.families:
            if isinstance(family, Counter | Histogram):
                self._by_stream[family.stream].append(family)

    @property
    def begins(self) -> int:
        """The first whole minute of the past."""
        return (self.anchor - self.plan.days * DAY) // STEP * STEP

    def tracks(self, segment: Segment) -> Iterator[Track]:
        """Every series over the segment, always in the same order.

        UsageError where an SLO counts none of them.
        """
        grid = _Grid(segment, self.pattern, self.occurrences)
        empty = np.zeros(len(grid.times))
        recorded = [_Recorded(slo, empty.copy(), empty.copy()) for slo, _ in self._slos]
        number = 0
        for number, (labels, growth, unit) in enumerate(self._growing(grid), start=1):
            self._record(recorded, labels, growth, unit, grid)
            begin = grid.at(growth, np.array([segment.start]), unit)[0]
            value = grid.at(growth, grid.times, unit) - begin
            if segment.carried is not None:
                value += segment.carried[number - 1]
            yield Track(_sorted(labels), grid.times, value)
        for family in self.plan.families:
            for labels, part in self._label_sets(family):
                if isinstance(family, Gauge):
                    value = self._gauge(family, labels, part, grid)
                elif isinstance(family, Started):
                    begin = segment.start if segment.carried is None else segment.carried[number]
                    value = np.full(len(grid.times), float(begin))
                else:
                    continue
                number += 1
                yield Track(_sorted({"__name__": family.name, **labels}), grid.times, value)
        for sums in recorded:
            if not sums.seen:
                raise UsageError(f"the history has no series that {sums.slo.id} counts")
            identity = {"slo": str(sums.slo.id), "service": sums.slo.service}
            yield Track(
                _sorted({"__name__": "slo:bad:rate5m", **identity}), grid.times, sums.bad / RATE_WINDOW
            )
            yield Track(
                _sorted({"__name__": "slo:total:rate5m", **identity}), grid.times, sums.total / RATE_WINDOW
            )

    def _label_sets(self, family: Family) -> list[tuple[dict[str, str], MachinePart]]:
        """The label sets of a family that counts no stream, and the part of the machine each is about."""
        if isinstance(family, Counter | Histogram):
            return []
        parts: tuple[MachinePart, ...] = (MachinePart({}, {}),)
        if not isinstance(family, Started) and family.of is not None:
            parts = self._machine.get(family.of, ())
        return [({**family.labels, **own, **part.labels}, part) for own in family.series for part in parts]

    # --- counters

    def _growing(self, grid: _Grid) -> Iterator[tuple[dict[str, str], NDArray[np.float64], float]]:
        """Labels, growth in each minute and smallest step of every counter series."""
        for stream in self.plan.streams:
            for labels, weight in cells(stream) if self._by_stream[stream.name] else ():
                yield from self._cell(stream, labels, weight, grid)
        for family in self.plan.families:
            if isinstance(family, Meter):
                for labels, _ in self._label_sets(family):
                    growth = self._meter(family, labels, grid)
                    yield {"__name__": family.name, **labels}, growth, family.unit

    def _cell(
        self, stream: Stream, labels: dict[str, str], weight: float, grid: _Grid
    ) -> Iterator[tuple[dict[str, str], NDArray[np.float64], float]]:
        """All series that count one label set of a stream."""
        families = self._by_stream[stream.name]
        events = self._events(stream, labels, weight, grid)
        outcomes = {
            split.name: self._outcomes(stream, split, labels, events, grid)
            for split in stream.splits
            if any(isinstance(family, Counter) and family.split == split.name for family in families)
        }
        for family in families:
            if isinstance(family, Histogram):
                yield from self._histogram(family, labels, events, grid)
            elif family.split is None:
                named = {"__name__": family.name, **labels, **family.labels}
                yield named, events.astype(np.float64), 1.0
            else:
                split = next(split for split in stream.splits if split.name == family.split)
                yield from _counted(family, split, labels, outcomes[family.split])

    def _events(
        self, stream: Stream, labels: Mapping[str, str], weight: float, grid: _Grid
    ) -> NDArray[np.int64]:
        expected = (stream.per_second + stream.per_request * grid.rate) * STEP * weight
        for effect, share in grid.effects():
            if isinstance(effect, Volume) and effect.stream == stream.name and matches(effect.match, labels):
                expected = expected * (1 + share * (effect.factor - 1))
        drawn = [_random(stream.name, labels, day).poisson(expected[minutes]) for day, minutes in grid.days()]
        return np.concatenate(drawn)

    def _outcomes(
        self,
        stream: Stream,
        split: Split,
        labels: Mapping[str, str],
        events: NDArray[np.int64],
        grid: _Grid,
    ) -> NDArray[np.int64]:
        """Minutes x outcomes, the rest last."""
        usual = np.array([*split.shares.values(), 0.0])
        shares = np.broadcast_to(usual, (len(events), len(usual)))
        for effect, inside in grid.effects():
            if (
                isinstance(effect, Outcome)
                and (effect.stream, effect.split) == (stream.name, split.name)
                and matches(effect.match, labels)
            ):
                changed = np.array(
                    [effect.shares.get(name, share) for name, share in split.shares.items()] + [0.0]
                )
                shares = shares + inside[:, None] * (changed - usual)
        shares = np.array(shares)
        shares[:, -1] = 1 - shares[:, :-1].sum(axis=1)
        return _divided(events, shares, f"{stream.name}/{split.name}", labels, grid)

    def _histogram(
        self, family: Histogram, labels: dict[str, str], events: NDArray[np.int64], grid: _Grid
    ) -> Iterator[tuple[dict[str, str], NDArray[np.float64], float]]:
        bounds = [float(bound) for bound in family.le]
        mix = next((cell.mix for cell in family.by if matches(cell.match, labels)), family.mix)
        usual = np.array(family.shares) if family.shares else _shares(mix, bounds)
        shares = np.broadcast_to(usual, (len(events), len(usual)))
        for effect, inside in grid.effects():
            if isinstance(effect, Values) and effect.family == family.name and matches(effect.match, labels):
                taken = inside[:, None] * effect.mix.share
                shares = (1 - taken) * shares + taken * _shares(
                    [Mixture(median=effect.mix.median, sigma=effect.mix.sigma)], bounds
                )
        counts = _divided(events, shares, family.name, labels, grid)
        labels = {**labels, **family.labels}
        upto = np.cumsum(counts, axis=1).astype(np.float64)
        for column, bound in enumerate((*family.le, "+Inf")):
            yield {"__name__": f"{family.name}_bucket", **labels, "le": bound}, upto[:, column], 1.0
        yield {"__name__": f"{family.name}_count", **labels}, upto[:, -1], 1.0
        yield {"__name__": f"{family.name}_sum", **labels}, counts @ _means(bounds), _SUM_UNIT

    def _meter(self, family: Meter, labels: Mapping[str, str], grid: _Grid) -> NDArray[np.float64]:
        per_second = family.per_second + family.per_request * grid.rate
        for effect, inside in grid.effects():
            if isinstance(effect, Growth) and effect.family == family.name and matches(effect.match, labels):
                per_second = per_second + inside * effect.per_second
        growth = per_second * STEP * (1 + family.noise * _noise(family.name, labels, grid))
        whole = [
            np.diff(np.floor(np.cumsum(np.maximum(growth[minutes], 0)) / family.unit), prepend=0)
            for _, minutes in grid.days()
        ]
        return np.concatenate(whole) * family.unit

    # --- gauges

    def _gauge(
        self, family: Gauge, labels: Mapping[str, str], part: MachinePart, grid: _Grid
    ) -> NDArray[np.float64]:
        def number(written: float | str | None, otherwise: float) -> float:
            if isinstance(written, str):
                return part.numbers[written]
            return otherwise if written is None else written

        level = number(family.level, 0) + family.per_request * grid.rate
        level = level + family.per_day * (grid.minutes - self.anchor) / DAY
        if family.noise:
            level = level + family.noise * _noise(family.name, labels, grid)
        least, most = number(family.least, -np.inf), number(family.most, np.inf)
        level = np.clip(np.round(level / family.unit) * family.unit, least, most) + 0.0  # no -0
        for effect, inside in grid.effects():
            if isinstance(effect, Level) and effect.family == family.name and matches(effect.match, labels):
                level = np.where(inside > 0, effect.value, level)
        minute = np.minimum((grid.times - grid.minutes[0]) // STEP, len(level) - 1)
        return np.asarray(level[minute])

    # --- recorded rates

    def _record(
        self,
        recorded: Sequence[_Recorded],
        labels: Mapping[str, str],
        growth: NDArray[np.float64],
        unit: float,
        grid: _Grid,
    ) -> None:
        """Add one counter's growth over the rate window to the SLOs that count it."""
        wanted = [
            (sums, bad, total)
            for sums, (_, counted) in zip(recorded, self._slos, strict=True)
            for bad, total in [counted.signs(labels)]
            if bad or total
        ]
        if not wanted:
            return
        grown = grid.at(growth, grid.times, unit) - grid.at(growth, grid.times - RATE_WINDOW, unit)
        for sums, bad, total in wanted:
            sums.bad += bad * grown
            sums.total += total * grown
            sums.seen = sums.seen or total > 0


def _sorted(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _counted(
    family: Counter, split: Split, labels: dict[str, str], outcomes: NDArray[np.int64]
) -> Iterator[tuple[dict[str, str], NDArray[np.float64], float]]:
    """The series of a family that counts by a split's outcomes."""
    if family.only:
        columns = [split.outcomes.index(outcome) for outcome in family.only]
        together = outcomes[:, columns].sum(axis=1).astype(np.float64)
        yield {"__name__": family.name, **labels, **family.labels}, together, 1.0
        return
    for column, outcome in enumerate(split.outcomes):
        own = {"__name__": family.name, **labels, **family.labels, **split_labels(split, outcome)}
        yield own, outcomes[:, column].astype(np.float64), 1.0


def _random(what: str, labels: Mapping[str, str], day: int) -> np.random.Generator:
    """The generator of one thing on one day."""
    name = "\0".join((what, *(f"{label}={value}" for label, value in sorted(labels.items())), str(day)))
    seed = int.from_bytes(blake2b(name.encode(), digest_size=16).digest(), "big")
    return np.random.Generator(np.random.PCG64(seed))


def _noise(what: str, labels: Mapping[str, str], grid: _Grid) -> NDArray[np.float64]:
    """Standard normal, one number a minute."""
    drawn = [
        _random(what, labels, day).standard_normal(minutes.stop - minutes.start)
        for day, minutes in grid.days()
    ]
    return np.concatenate(drawn)


def _divided(
    events: NDArray[np.int64], shares: NDArray[np.float64], what: str, labels: Mapping[str, str], grid: _Grid
) -> NDArray[np.int64]:
    """Each minute's events dealt out to as many columns as there are shares."""
    dealt = [
        _random(what, labels, day).multinomial(events[minutes], shares[minutes])
        for day, minutes in grid.days()
    ]
    return np.concatenate(dealt)


def _shares(mix: Sequence[Mixture], bounds: Sequence[float]) -> NDArray[np.float64]:
    """Share of a mixture's values in each bucket, +Inf last."""
    upto = np.zeros(len(bounds))
    for part in mix:
        scores = [math.log(bound / part.median) / part.sigma for bound in bounds]
        upto += part.share * np.array([0.5 * (1 + math.erf(score / math.sqrt(2))) for score in scores])
    return np.diff(np.concatenate(([0.0], upto, [1.0])))


def _means(bounds: Sequence[float]) -> NDArray[np.float64]:
    """What one value in each bucket is taken to add to the sum: the geometric middle of the bucket."""
    middle = [math.sqrt(low * high) for low, high in pairwise(bounds)]
    means = np.array([bounds[0] * 0.6, *middle, bounds[-1] * 1.3])
    return np.asarray(np.maximum(np.round(means / _SUM_UNIT), 1) * _SUM_UNIT)


_MATCHER = re.compile(
    r"""([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"""
)


@dataclass(frozen=True, slots=True)
class _Selector:
    """A series selector of an SLO."""

    matchers: tuple[tuple[str, str, str], ...]

    @classmethod
    def parse(cls, text: str) -> _Selector:
        name, _, inside = text.partition("{")
        found = [(label, how, _unquoted(value)) for label, how, value in _MATCHER.findall(inside)]
        if name.strip():
            found.append(("__name__", "=", name.strip()))
        return cls(tuple(found))

    def selects(self, labels: Mapping[str, str]) -> bool:
        return all(_holds(labels.get(label, ""), how, value) for label, how, value in self.matchers)


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] == "`" else re.sub(r"\\(.)", r"\1", text[1:-1])


def _holds(value: str, how: str, wanted: str) -> bool:
    match how:
        case "=":
            return value == wanted
        case "!=":
            return value != wanted
        case "=~":
            return re.fullmatch(wanted, value) is not None
        case _:
            return re.fullmatch(wanted, value) is None


@dataclass(frozen=True, slots=True)
class _Counted:
    """Which counters an SLO's bad and total events are sums of."""

    terms: tuple[tuple[_Selector, float | None, int, int], ...]
    """Selector, the bucket bound it is limited to, sign in the bad events, sign in all events."""

    @classmethod
    def of(cls, slo: Slo) -> _Counted:
        sli = slo.sli
        match sli:
            case EventRatio(bad=str(bad)):
                return cls(((_Selector.parse(bad), None, 1, 0), (_Selector.parse(sli.total), None, 0, 1)))
            case EventRatio(good=str(good)):
                return cls(((_Selector.parse(good), None, -1, 0), (_Selector.parse(sli.total), None, 1, 1)))
            case BucketRatio():
                bucket = _Selector.parse(f"{sli.histogram}_bucket{{{sli.matchers}}}")
                count = _Selector.parse(f"{sli.histogram}_count{{{sli.matchers}}}")
                within, all_bad = (1, 0) if sli.good == "above" else (-1, 1)
                return cls(((bucket, float(sli.threshold), within, 0), (count, None, all_bad, 1)))
            case _:
                raise UsageError(f"{slo.id}: history can be made of counters and classic histograms only")

    def signs(self, labels: Mapping[str, str]) -> tuple[int, int]:
        bad = total = 0
        for selector, bound, in_bad, in_total in self.terms:
            if selector.selects(labels) and (bound is None or float(labels["le"]) == bound):
                bad += in_bad
                total += in_total
        return bad, total
