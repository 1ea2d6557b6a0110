"""The alerts that burn-rate pairs would have raised on a recorded past, and how good they would have been.

A rate over five minutes counts the events of just these minutes, so rates five minutes apart tile a window
that the rules read from counters; longer windows are added up as the rules do it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

import numpy as np

from sretool.core.analysis.recording import STEP
from sretool.core.slo.ledger import Kind
from sretool.core.slo.model import Severity
from sretool.core.slo.windows import RATE_WINDOW, default_alerts, reads_counters, threshold, usable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from numpy.typing import NDArray

    from sretool.core.analysis.recording import Recording
    from sretool.core.slo.ledger import Span
    from sretool.core.slo.model import BurnAlert, Slo

_TILE: Final = int(RATE_WINDOW.total_seconds()) // STEP

_NOTHING: Final = 1e-9
"""Sums of rates below it are what rounding left of no traffic at all."""

LEEWAY: Final = timedelta(minutes=5)
"""How much later than its first error people may have written down an incident's start."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One time a pair would have fired."""

    slo: Slo
    pair: BurnAlert
    start: datetime
    end: datetime | None
    """First evaluation at which it no longer fired; None: it still fires at the end of the data."""
    peak_burn: float
    """Highest burn rate over the pair's short window meanwhile."""
    eaten: float
    """Share of the window's budget that went while it fired."""
    eaten_before: float
    """Share that had gone within its long window when it began to fire: the price of the detection."""

    @property
    def severity(self) -> Severity:
        return self.pair.severity

    @property
    def looks_back(self) -> timedelta:
        """How long after the last bad event it may begin."""
        return self.pair.short


class Raised(Protocol):
    """What can be right or wrong about an incident."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime | None: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def looks_back(self) -> timedelta: ...


R = TypeVar("R", bound=Raised)


def what_if(slo: Slo, objective: Decimal | None, window: timedelta | None) -> Slo:
    """The SLO with another target or another rolling window, and the pairs that belong to these.

    Pairs of its own stay, as far as they can work.
    """
    length = window or slo.window
    target = objective if objective is not None else slo.objective
    if slo.alerts == default_alerts(slo.window, slo.budget):
        alerts = default_alerts(length, 1 - target)
    else:
        alerts = usable((pair for pair in slo.alerts if pair.long <= length), length, 1 - target)
    return replace(
        slo,
        objective=target,
        window=length,
        calendar=slo.calendar if window is None else None,
        alerts=alerts,
    )


def warm_up(slos: Iterable[Slo]) -> timedelta:
    """How much past the first evaluation needs."""
    longest = (pair.long for slo in slos for pair in slo.alerts)
    return max(longest, default=timedelta()) + RATE_WINDOW


def replay(recording: Recording, since: datetime, hold: timedelta = timedelta()) -> tuple[Alarm, ...]:
    """Every time a pair of the SLO fired at or after `since`, in order of their starts.

    `hold` is how long a pair must be above its limits before it fires (`for` of an alerting rule).
    """
    slo = recording.slo
    sums = _Sums(recording)
    found = [alarm for pair in slo.alerts for alarm in _alarms(pair, sums, since, hold)]
    return tuple(sorted(found, key=lambda alarm: (alarm.start, alarm.pair.long)))


def inexact(recording: Recording) -> tuple[timedelta, ...]:
    """Windows of its pairs that are no multiple of five minutes and of which nothing more was read."""
    windows = {window for pair in recording.slo.alerts for window in (pair.long, pair.short)}
    return tuple(
        sorted(
            window
            for window in windows
            if window % RATE_WINDOW
            and reads_counters(recording.slo, window)
            and _TILE + _places(window) % _TILE not in recording.longer
        )
    )


class _Sums:
    """Ratios and events of one recording over any window."""

    def __init__(self, recording: Recording) -> None:
        self.slo = recording.slo
        self.start = recording.start
        self.length = len(recording.total)
        self._bad, self._total = np.nan_to_num(recording.bad), np.nan_to_num(recording.total)
        self.bad_before = np.concatenate(([0.0], np.cumsum(self._bad)))
        """Sum of the values before each place."""
        self.total_before = np.concatenate(([0.0], np.cumsum(self._total)))
        known = np.flatnonzero(np.isfinite(recording.total))
        self.first = int(known[0]) if len(known) else self.length
        """Place of the first value."""
        self._longer = recording.longer
        self._ratios: dict[timedelta, NDArray[np.float64]] = {}

    def ratio(self, window: timedelta) -> NDArray[np.float64]:
        """Bad share over the window that ends at each place; NaN: no events."""
        if window not in self._ratios:
            summed = self._tiled if reads_counters(self.slo, window) else self._added
            bad, total = (summed(values, window) for values in (self._bad, self._total))
            some = total > _NOTHING
            self._ratios[window] = np.divide(bad, total, out=np.full(self.length, np.nan), where=some)
        return self._ratios[window]

    def events(self, before: NDArray[np.float64], window: timedelta) -> NDArray[np.float64]:
        """Events over the window that ends at each place."""
        return _windowed(before, _places(window)) * STEP

    def whole(self, place: int) -> float:
        """Events of an SLO window that ends at this place; of data that begins later, scaled up."""
        wanted = _places(self.slo.window)
        begin = max(place + 1 - wanted, self.first, 0)
        known = place + 1 - begin
        if known <= 0:
            return 0.0
        return float(self.total_before[place + 1] - self.total_before[begin]) * STEP * wanted / known

    def _tiled(self, values: NDArray[np.float64], window: timedelta) -> NDArray[np.float64]:
        """Sum of the rates five minutes apart; of a part of five minutes its share of an older one.

        Of a window that is no multiple of five minutes the oldest piece is 6 to 9 minutes long. Where that
        was not read, its older part is taken as even, and what it saw may leave it up to four minutes early
        or late.
        """
        tiles, rest = divmod(_places(window), _TILE)
        out = np.zeros(self.length)
        for tile in range(tiles + (rest > 0)):
            back = tile * _TILE
            if back >= self.length:
                break
            weight = 1.0 if tile < tiles else rest / _TILE
            out[back:] += weight * values[: self.length - back]
        if not rest or _TILE + rest not in self._longer:
            return out
        back = (tiles - 1) * _TILE
        oldest = np.full(self.length, np.nan)
        read = self._longer[_TILE + rest][0 if values is self._bad else 1]
        oldest[back:] = read[: max(self.length - back, 0)] * (_TILE + rest) / _TILE
        newer = self._tiled(values, window - timedelta(seconds=(_TILE + rest) * STEP)) if back else 0.0
        return np.where(np.isfinite(oldest), newer + oldest, out)

    def _added(self, values: NDArray[np.float64], window: timedelta) -> NDArray[np.float64]:
        """Sum over time, and the newest value twice for what is not wholly in the sum yet."""
        before = self.bad_before if values is self._bad else self.total_before
        return _windowed(before, _places(window)) + 2 * values


def _places(window: timedelta) -> int:
    return max(round(window.total_seconds() / STEP), 1)


def _windowed(before: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Sums of the last `length` values out of the sums before each place."""
    ends = before[1:]
    begins = np.concatenate((np.zeros(min(length, len(ends))), before[1 : max(len(ends) - length + 1, 1)]))
    return np.clip(ends - begins[: len(ends)], 0, None)


def _alarms(pair: BurnAlert, sums: _Sums, since: datetime, hold: timedelta) -> Iterable[Alarm]:
    slo, budget = sums.slo, float(sums.slo.budget)
    limit = float(threshold(pair, slo.window, slo.budget))
    long, short = sums.ratio(pair.long), sums.ratio(pair.short)
    with np.errstate(invalid="ignore"):
        above = (long > limit) & (short > limit)
    if slo.min_events is not None:
        above &= sums.events(sums.total_before, pair.long) >= slo.min_events
    edges = np.flatnonzero(np.diff(above.astype(np.int8), prepend=0, append=0))
    held = math.ceil(hold.total_seconds() / STEP)
    price = sums.events(sums.bad_before, pair.long)
    earliest = since.timestamp()
    for begin, end in zip((edges[::2] + held).tolist(), edges[1::2].tolist(), strict=True):
        if begin >= end or sums.start + (end - 1) * STEP < earliest:
            continue
        whole = budget * sums.whole(end - 1)
        spent = float(sums.bad_before[end] - sums.bad_before[begin]) * STEP
        yield Alarm(
            slo,
            pair,
            _moment(sums.start + begin * STEP),
            _moment(sums.start + end * STEP) if end < sums.length else None,
            peak_burn=float(np.nanmax(short[begin:end])) / budget,
            eaten=spent / whole if whole else 0.0,
            eaten_before=float(price[begin]) / whole if whole else 0.0,
        )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Detection(Generic[R]):
    """What the alerts made of one known incident."""

    incident: Span
    page: R | None
    """The first page that belongs to it."""
    ticket: R | None

    @property
    def first(self) -> R | None:
        found = [alarm for alarm in (self.page, self.ticket) if alarm is not None]
        return min(found, key=lambda alarm: alarm.start, default=None)

    def delay(self, alarm: R | None) -> timedelta | None:
        """From the incident's start until the alarm; none at all where it was firing already."""
        return max(alarm.start - self.incident.start, timedelta()) if alarm is not None else None


@dataclass(frozen=True, slots=True)
class Score(Generic[R]):
    """How the alerts fared against what is known to have happened."""

    detections: tuple[Detection[R], ...]
    """One for each incident or chaos run within the span that was replayed."""
    false: tuple[R, ...]
    """Alarms that belong to nothing known."""
    alarms: int
    """Those that count: maintenance may cause some, which are neither right nor wrong."""
    outside: int
    """Incidents before or after the span."""
    known: tuple[Span, ...]
    """Everything that is known of the span, maintenance too."""

    def explain(self, alarm: R) -> tuple[Span, ...]:
        """What is known that the alarm belongs to."""
        return tuple(span for span in self.known if belongs(alarm, span))

    @property
    def precision(self) -> float | None:
        """Share of the alarms that belong to an incident; None: there were none."""
        return 1 - len(self.false) / self.alarms if self.alarms else None

    @property
    def recall(self) -> float | None:
        """Share of the incidents that raised an alarm; None: there were none."""
        return self._found([each.first for each in self.detections])

    @property
    def page_recall(self) -> float | None:
        """Share of the incidents that raised a page."""
        return self._found([each.page for each in self.detections])

    @staticmethod
    def _found(firsts: Sequence[Raised | None]) -> float | None:
        return sum(first is not None for first in firsts) / len(firsts) if firsts else None


def score(alarms: Sequence[R], known: Sequence[Span], since: datetime, until: datetime) -> Score[R]:
    """Compare alarms with what is known to have happened between `since` and `until`."""
    within = [span for span in known if span.start <= until and span.end >= since]
    incidents = [span for span in within if span.kind is not Kind.MAINTENANCE]
    excused = [span for span in within if span.kind is Kind.MAINTENANCE]
    counting, false = 0, []
    for alarm in alarms:
        if any(belongs(alarm, span) for span in incidents):
            counting += 1
        elif not any(belongs(alarm, span) for span in excused):
            counting += 1
            false.append(alarm)
    detections = tuple(
        Detection(
            incident,
            _first(alarms, incident, Severity.PAGE),
            _first(alarms, incident, Severity.TICKET),
        )
        for incident in sorted(incidents, key=lambda span: span.start)
    )
    return Score(detections, tuple(false), counting, len(known) - len(within), tuple(within))


def belongs(alarm: Raised, span: Span) -> bool:
    """Whether the span explains the alarm: it still looks at its bad events when it begins."""
    begins_in_time = alarm.start <= span.end + alarm.looks_back
    return begins_in_time and (alarm.end is None or alarm.end > span.start - LEEWAY)


def _first(alarms: Iterable[R], span: Span, severity: Severity) -> R | None:
    """The earliest alarm of the span that began in it; one that fired already where there is no other."""
    found = [alarm for alarm in alarms if alarm.severity is severity and belongs(alarm, span)]
    own = [alarm for alarm in found if alarm.start >= span.start - LEEWAY]
    return min(own or found, key=lambda alarm: alarm.start, default=None)
