"""From the numbers a server gave to the state of an SLO."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from sretool.core.slo.budget import (
    NOTHING_AHEAD,
    Past,
    budget_left,
    burn,
    never_exhausts,
    outlook,
    period_outlook,
)
from sretool.core.slo.model import Level, Severity
from sretool.core.slo.windows import burn_windows, threshold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from sretool.core.slo.model import BurnAlert, Slo

_HOUR = timedelta(hours=1)

_OVERSHOOT = 1e-3
"""How far bad events may exceed all events before the SLI is called wrong: extrapolation at the edges of a
range treats two counters that are scraped together a little differently."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is known of one SLO at one time; None and missing windows: no data."""

    at: datetime
    bad: float | None = None
    """Events over the SLO's window."""
    total: float | None = None
    error_ratios: Mapping[timedelta, float] = field(default_factory=dict)
    """Bad share by window; a window without traffic is missing."""
    total_rate: float | None = None
    """Events per second now; 0: nobody comes; None: nothing measures it, so that the present is unknown."""
    coverage: float | None = None
    events: Mapping[timedelta, float] = field(default_factory=dict)
    """All events by window, known where alerts need a number of them."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The state of one SLO, without the SLO: what `SloStatus` shows."""

    sli: float | None
    sli_1h: float | None
    good: float | None
    total: float | None
    budget_left: float | None
    burns: Mapping[timedelta, float | None]
    firing: tuple[BurnAlert, ...]
    level: Level
    coverage: float | None
    exhausts_in: timedelta | None
    recovers_in: timedelta | None
    problem: str | None
    """Why the figures over the window cannot be right; None: they can."""


def evaluate(slo: Slo, numbers: Numbers, past: Past | None = None) -> Evaluation:
    """Judge one SLO; without its `past` it is not known when the budget ends or recovers."""
    problem = _problem(numbers)
    total = numbers.total
    bad = max(numbers.bad, 0) if numbers.bad is not None and problem is None else None
    good = max(total - bad, 0) if bad is not None and total is not None else None
    left = budget_left(bad, total, slo.budget) if bad is not None and total is not None else None
    burns = _burns(slo, numbers)
    firing = tuple(pair for pair in slo.alerts if _fires(slo, pair, numbers))
    hour = numbers.error_ratios.get(_HOUR)
    ahead = NOTHING_AHEAD
    present_burn = burns.get(_HOUR)
    if past is not None and left is not None and total is not None and present_burn is not None:
        ahead = outlook(left, total, slo.budget, present_burn, past)
    elif slo.calendar is not None and left is not None and total is not None and present_burn is not None:
        over_in = slo.calendar.end(numbers.at) - numbers.at
        ahead = period_outlook(left, total, slo.budget, present_burn, numbers.total_rate or 0, over_in)
    return Evaluation(
        sli=good / total if good is not None and total else None,
        sli_1h=1 - hour if hour is not None else None,
        good=good,
        total=total,
        budget_left=left,
        burns=burns,
        firing=firing,
        level=_level(firing, left, numbers),
        coverage=numbers.coverage,
        exhausts_in=ahead.exhausts_in,
        recovers_in=ahead.recovers_in,
        problem=problem,
    )


def needs_past(slo: Slo, numbers: Numbers) -> bool:
    """Whether only the window's past tells when the budget ends or recovers; a quiet SLO can do without."""
    hour = numbers.error_ratios.get(_HOUR)
    if slo.calendar is not None or hour is None or numbers.bad is None or not numbers.total:
        return False
    left = budget_left(numbers.bad, numbers.total, slo.budget)
    return left is not None and not never_exhausts(left, burn(hour, slo.budget))


def _problem(numbers: Numbers) -> str | None:
    if numbers.bad is None or not numbers.total:
        return None
    if numbers.bad > numbers.total * (1 + _OVERSHOOT):
        return "more bad events than events: the bad ones are not a part of the total"
    if numbers.bad < -numbers.total * _OVERSHOOT:
        return "more good events than events: the good ones are not a part of the total"
    return None


def _burns(slo: Slo, numbers: Numbers) -> dict[timedelta, float | None]:
    ratios, budget = numbers.error_ratios, slo.budget
    return {w: burn(ratios[w], budget) if w in ratios else None for w in burn_windows(slo)}


def _fires(slo: Slo, pair: BurnAlert, numbers: Numbers) -> bool:
    long, short = numbers.error_ratios.get(pair.long), numbers.error_ratios.get(pair.short)
    if long is None or short is None:
        return False
    if slo.min_events is not None and numbers.events.get(pair.long, 0) < slo.min_events:
        return False
    limit = _limit(pair, slo.window, slo.budget)
    return long > limit and short > limit


@lru_cache(maxsize=4096)
def _limit(pair: BurnAlert, window: timedelta, budget: Decimal) -> float:
    return float(threshold(pair, window, budget))


def _level(firing: tuple[BurnAlert, ...], left: float | None, numbers: Numbers) -> Level:
    severities = {pair.severity for pair in firing}
    if Severity.PAGE in severities:
        return Level.PAGE
    if left is not None and left < 0:
        return Level.SPENT
    if Severity.TICKET in severities:
        return Level.TICKET
    if left is None or numbers.total_rate is None:
        return Level.NO_DATA
    return Level.OK
