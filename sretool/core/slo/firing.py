"""When burn-rate pairs fired and when they will stop: the rules played on recorded rates.

A rate over five minutes counts the events of just these minutes, so rates five minutes apart tile a longer
window without gap or overlap: their sum is what the rules see, to the minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sretool.core.slo.windows import RATE_WINDOW, threshold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sretool.core.slo.model import BurnAlert, Severity, Slo

_DAY = timedelta(days=1)

_NOTHING = 1e-9
"""Sums of rates below it are what rounding left of no traffic at all."""

_UNFOLDED = 12
"""Rate windows that are taken apart to see when exactly the newest errors happened."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One time an alert fired, from one transition to the next."""

    alert: str
    severity: Severity | None
    start: datetime
    end: datetime | None
    """None: it still fired at the end of what was looked at."""
    long: timedelta | None = None
    """Windows of the pair; None where the alert is no burn-rate pair."""
    short: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """Five-minute rates, evenly spaced, oldest first; the last one is at `until`."""

    until: datetime
    step: timedelta
    """A divisor of RATE_WINDOW."""
    bad: tuple[float, ...]
    """Events per second; 0 where there is no data, as a sum over time counts it."""
    total: tuple[float, ...]

    def at(self, number: int) -> datetime:
        return self.until - (len(self.bad) - 1 - number) * self.step


@dataclass(frozen=True, slots=True)
class Since:
    """How long a pair has been firing."""

    at: datetime
    earlier: bool
    """It fired at the beginning of the data already, so it began before `at`."""


def rates(
    bad: Iterable[tuple[datetime, float]],
    total: Iterable[tuple[datetime, float]],
    start: datetime,
    until: datetime,
    step: timedelta,
) -> Rates:
    """Points of two series as Rates from `start` to `until`."""
    number = (until - start) // step + 1

    def placed(points: Iterable[tuple[datetime, float]]) -> tuple[float, ...]:
        values = [0.0] * number
        for at, value in points:
            place = round((at - start) / step)
            if 0 <= place < number:
                values[place] = max(value, 0.0)
        return tuple(values)

    return Rates(start + (number - 1) * step, step, placed(bad), placed(total))


def firing_since(slo: Slo, pair: BurnAlert, seen: Rates) -> Since | None:
    """Since when the pair has been firing without a break; None where it does not fire at the end."""
    fires = _fires(slo, pair, seen.step, seen.bad, seen.total)
    number = len(fires)
    while number and fires[number - 1]:
        number -= 1
    return Since(seen.at(number), number == 0) if number < len(fires) else None


def firings(slo: Slo, pair: BurnAlert, seen: Rates, alert: str) -> Iterator[Firing]:
    """Every time the pair fired."""
    fires = _fires(slo, pair, seen.step, seen.bad, seen.total)
    start: int | None = None
    for number, now in enumerate((*fires, False)):
        if now and start is None:
            start = number
        elif not now and start is not None:
            end = seen.at(number) if number < len(fires) else None
            yield Firing(alert, pair.severity, seen.at(start), end, pair.long, pair.short)
            start = None


def clears_in(slo: Slo, pair: BurnAlert, seen: Rates) -> timedelta | None:
    """How long the pair goes on firing if from now on nothing goes bad; None where it does not fire.

    Traffic ahead is what it was a day before, or stays as it is where that is not known.
    """
    fires = _fires(slo, pair, seen.step, seen.bad, seen.total)
    if not fires or not fires[-1]:
        return None
    ahead = (pair.long + 2 * RATE_WINDOW) // seen.step
    bad = (*seen.bad, *_fading(seen), *(0.0 for _ in range(ahead)))[: len(seen.bad) + ahead]
    total = (*seen.total, *_traffic_ahead(seen, ahead))
    later = _fires(slo, pair, seen.step, bad, total)[len(fires) :]
    return (later.index(False) + 1) * seen.step if False in later else None


def _fading(seen: Rates) -> list[float]:
    """The rates of the next five minutes if nothing goes bad in them: what went bad lately leaves one by one.

    How much that is in each step follows from how the rates changed from step to step, going back to a time
    when it made no difference.
    """
    width = RATE_WINDOW // seen.step
    lately = seen.bad[-_UNFOLDED * width :]
    parts = [rate / width for rate in lately[:1]] * width
    for before, rate in pairwise(lately):
        parts.append(max(parts[-width] + rate - before, 0.0))
    last = parts[-width:]
    whole = sum(last)
    scale = seen.bad[-1] / whole if whole > 0 else 0.0
    return [scale * sum(last[step:]) for step in range(1, width + 1)]


def _traffic_ahead(seen: Rates, steps: int) -> Iterator[float]:
    day = _DAY // seen.step
    present = seen.total[-1]
    for step in range(1, steps + 1):
        place = len(seen.total) - 1 + (step - 1) % day + 1 - day
        yield (seen.total[place] or present) if place >= 0 else present


def _fires(
    slo: Slo, pair: BurnAlert, step: timedelta, bad: Sequence[float], total: Sequence[float]
) -> list[bool]:
    limit = float(threshold(pair, slo.window, slo.budget))
    long, short = (_above(bad, total, window, step, limit) for window in (pair.long, pair.short))
    least = (slo.min_events or 0) / RATE_WINDOW.total_seconds()
    enough = (tiles >= least for tiles in _sums(total, pair.long, step))
    return [all(each) for each in zip(long, short, enough, strict=True)]


def _above(
    bad: Sequence[float], total: Sequence[float], window: timedelta, step: timedelta, limit: float
) -> list[bool]:
    return [
        of_all > _NOTHING and of_bad > limit * of_all
        for of_bad, of_all in zip(_sums(bad, window, step), _sums(total, window, step), strict=True)
    ]


def _sums(values: Sequence[float], window: timedelta, step: timedelta) -> list[float]:
    """Sum over the `window` before each value, in rates times RATE_WINDOW."""
    stride = RATE_WINDOW // step
    whole, rest = divmod(window, RATE_WINDOW)
    back, part = whole * stride, rest / RATE_WINDOW
    tiled: list[float] = []
    for number, value in enumerate(values):
        tiled.append(value + (tiled[number - stride] if number >= stride else 0.0))
    return [
        of_all
        - (tiled[number - back] if number >= back else 0.0)
        # What the tiles do not reach: a part of the next one.
        + (part * values[number - back] if part and number >= back else 0.0)
        for number, of_all in enumerate(tiled)
    ]
