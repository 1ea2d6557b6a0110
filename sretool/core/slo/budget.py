"""The error budget: how much is left, how fast it goes, when it is gone and when it comes back.

Ratios are 0..1, counts are events. A budget left of 1 is untouched, 0 used up, below 0 overspent; it is never
clamped, because how far an SLO is overspent decides how long it stays so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from sretool.core.slo.windows import RULE_INTERVAL, threshold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from sretool.core.slo.model import BurnAlert


@dataclass(frozen=True, slots=True)
class Count:
    """Events of one span of time."""

    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Past:
    """What happened in an SLO's window, in equal steps, oldest first; the last step ends at `until`."""

    until: datetime
    step: timedelta
    counts: tuple[Count | None, ...]
    """None where there is no data; `Count(0, 0)` where nobody came."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of a budget if the present burn goes on."""

    exhausts_in: timedelta | None = None
    """None: it does not within one window, or it is overspent already."""
    recovers_in: timedelta | None = None
    """None: it does not within one window, or it is not overspent."""


NOTHING_AHEAD: Final = Outlook()


def burn(error_ratio: float, budget: Decimal) -> float:
    """How many times faster than the budget allows events go bad."""
    return error_ratio / float(budget)


def budget_left(bad: float, total: float, budget: Decimal) -> float | None:
    """Share of the budget that is left; None where there were no events, so that no budget exists."""
    return 1 - bad / (float(budget) * total) if total > 0 else None


def events_left(bad: float, total: float, budget: Decimal) -> float:
    """Bad events that may still happen at the window's present traffic; below 0: that many too many."""
    return float(budget) * total - bad


def time_to_detect(
    pair: BurnAlert, window: timedelta, budget: Decimal, error_ratio: float, every: timedelta = RULE_INTERVAL
) -> timedelta | None:
    """How long a sudden, lasting `error_ratio` burns until the pair fires, at even traffic and a clean past.

    Rounded up to the evaluation that sees it, `every` apart; None: the pair never fires at that ratio.
    """
    limit, ratio = threshold(pair, window, budget), Fraction(repr(error_ratio))
    if ratio <= limit:
        return None
    return math.ceil(limit * Fraction(pair.long / every) / ratio) * every


def time_to_clear(
    pair: BurnAlert, window: timedelta, budget: Decimal, error_ratio: float, every: timedelta = RULE_INTERVAL
) -> timedelta | None:
    """How long the pair goes on firing once a sudden `error_ratio` that it fires at has ended.

    Its windows are no longer above the limit when all but limit / ratio of their length is clean again, the
    short one first. None: the pair never fires at that ratio.
    """
    limit, ratio = threshold(pair, window, budget), Fraction(repr(error_ratio))
    if ratio <= limit:
        return None
    return math.ceil(Fraction(pair.short / every) * (1 - limit / ratio)) * every


def never_exhausts(left: float, present_burn: float) -> bool:
    """Whether a budget outlasts the present burn whatever its past was: even if no old error expired."""
    return left >= 0 and present_burn <= left


def outlook(left: float, total: float, budget: Decimal, present_burn: float, past: Past) -> Outlook:
    """Let the window roll on for its own length at the present burn, old errors expiring at its far end.

    `left` and `total` are of now. Traffic ahead is what it was one window earlier, step by step, so that a
    night's trickle is not taken for the day's traffic; where the past has no data it is the mean of the rest.
    """
    known = [count.total for count in past.counts if count is not None]
    if total <= 0 or not known or never_exhausts(left, present_burn):
        return NOTHING_AHEAD
    mean = sum(known) / len(known)
    allowed = float(budget)
    overspent = left < 0
    # Events that may still go bad: linear within a step, so that its crossing of 0 is exact.
    spare = left * allowed * total
    for number, expiring in enumerate(past.counts):
        gone = expiring or Count(0, 0)
        arriving = expiring.total if expiring is not None else mean
        after = spare + allowed * (arriving - gone.total) + gone.bad - present_burn * allowed * arriving
        if (after >= 0) if overspent else (after < 0):
            return _crossed((number + spare / (spare - after)) * past.step, overspent)
        spare = after
    return NOTHING_AHEAD


def period_outlook(
    left: float, total: float, budget: Decimal, present_burn: float, rate: float, over_in: timedelta
) -> Outlook:
    """What becomes of a calendar window's budget, that of its events so far, until it is over in `over_in`.

    Nothing expires; at `rate` events per second every one adds 1 - `present_burn` of what it is allowed. With
    the period an overspent budget begins anew.
    """
    # Events of allowed badness: left · budget · total now, and so many more (or fewer) every second.
    spare, per_second = left * float(budget) * total, (1 - present_burn) * float(budget) * rate
    seconds = -spare / per_second if per_second else math.inf
    crosses = timedelta(seconds=seconds) if 0 <= seconds < over_in.total_seconds() else None
    if left < 0:
        return Outlook(recovers_in=over_in if crosses is None else crosses)
    return Outlook(exhausts_in=crosses) if per_second < 0 else NOTHING_AHEAD


def _crossed(when: timedelta, overspent: bool) -> Outlook:
    return Outlook(recovers_in=when) if overspent else Outlook(exhausts_in=when)


def burn_down(past: Past, budget: Decimal) -> tuple[tuple[datetime, float], ...]:
    """Share of today's budget that was left at the end of each step; the last point is the present.

    The budget is that of all the window's events. Steps without data have no point.
    """
    total = sum(count.total for count in past.counts if count is not None)
    if total <= 0:
        return ()
    spent = accumulate(count.bad if count is not None else 0.0 for count in past.counts)
    whole = float(budget) * total
    first_end = past.until - (len(past.counts) - 1) * past.step
    return tuple(
        (first_end + number * past.step, 1 - bad / whole)
        for number, (count, bad) in enumerate(zip(past.counts, spent, strict=True))
        if count is not None
    )


def buckets(
    bad: Sequence[tuple[datetime, float]],
    total: Sequence[tuple[datetime, float]],
    until: datetime,
    step: timedelta,
    window: timedelta,
) -> Past:
    """Sums per step, each at the end of its step, as the Past of a window that ends at `until`."""
    number = max(round(window / step), 1)
    bad_at = {round((until - at) / step): value for at, value in bad}
    total_at = {round((until - at) / step): value for at, value in total}
    counts = (
        Count(max(bad_at.get(back, 0.0), 0.0), total_at[back]) if back in total_at else None
        for back in range(number - 1, -1, -1)
    )
    return Past(until, step, tuple(counts))
