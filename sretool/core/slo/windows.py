"""Which windows are looked at: the multi-window burn-rate pairs as data, fitted to an SLO's own window.

The table is for a window of 30 days and is used unchanged from 28 days up, where a factor follows from the
share (14.4 for 30 d, 13.44 for 28 d). Shorter SLOs get the same pairs in proportion.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol

from sretool.core.slo.model import BurnAlert, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.slo.model import Slo

_MINUTE = timedelta(minutes=1)

CANONICAL: Final = (
    BurnAlert(Severity.PAGE, Decimal("0.02"), timedelta(hours=1), timedelta(minutes=5)),
    BurnAlert(Severity.PAGE, Decimal("0.05"), timedelta(hours=6), timedelta(minutes=30)),
    BurnAlert(Severity.TICKET, Decimal("0.10"), timedelta(days=1), timedelta(hours=2)),
    BurnAlert(Severity.TICKET, Decimal("0.10"), timedelta(days=3), timedelta(hours=6)),
)
"""Severity, share of the budget, long and short window for an SLO over 30 days."""

STANDARD_WINDOWS: Final = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=3),
)
"""Windows whose burn is always known, whatever the pairs are, so that SLOs can be compared."""

LONGEST_RAW: Final = timedelta(hours=6)
"""Up to here a ratio is read from the raw counters; longer ones add up recorded 5-minute rates."""

RATE_WINDOW: Final = timedelta(minutes=5)
"""Range of the recorded rates."""

RULE_INTERVAL: Final = timedelta(minutes=1)
"""How often SLO groups are evaluated; the same everywhere, as sums over time weigh by sample density."""

SHORTEST: Final = timedelta(minutes=5)
"""No window is shorter: a rate needs several scrapes, and RATE_WINDOW is what history has."""

_REFERENCE = timedelta(days=30)
_UNSCALED_FROM = timedelta(days=28)


def default_alerts(window: timedelta, budget: Decimal) -> tuple[BurnAlert, ...]:
    """The pairs for an SLO over `window` whose bad share may be `budget` (0..1), fastest first.

    Left out are pairs that cannot work: those whose threshold no error ratio can exceed (factor · budget ≥ 1)
    and those whose long window is not at least twice the short one after scaling.
    """
    return usable(
        (
            replace(pair, long=long, short=short)
            for pair in CANONICAL
            for long, short in [fitted(pair, window)]
        ),
        window,
        budget,
    )


def usable(pairs: Iterable[BurnAlert], window: timedelta, budget: Decimal) -> tuple[BurnAlert, ...]:
    """Those of some pairs, already fitted to an SLO over `window`, that can work for it."""
    return tuple(
        pair for pair in pairs if pair.long >= 2 * pair.short and threshold(pair, window, budget) < 1
    )


class _Windows(Protocol):
    @property
    def long(self) -> timedelta: ...
    @property
    def short(self) -> timedelta: ...


def fitted(pair: _Windows, window: timedelta) -> tuple[timedelta, timedelta]:
    """Long and short window, meant for an SLO over 30 days, for one over `window`."""
    if window >= _UNSCALED_FROM:
        return pair.long, pair.short
    scale = window / _REFERENCE
    long = round(pair.long * scale / _MINUTE) * _MINUTE
    short = max(round(pair.short * scale / _MINUTE) * _MINUTE, SHORTEST)
    return long, short


def threshold(pair: BurnAlert, window: timedelta, budget: Decimal) -> Fraction:
    """Error ratio above which the pair fires: factor · budget, exact even without a finite decimal."""
    second = timedelta(seconds=1)
    return Fraction(pair.spends) * Fraction(budget) * Fraction(window // second, pair.long // second)


def burn_windows(slo: Slo) -> tuple[timedelta, ...]:
    """Every window whose burn is known for this SLO, short to long: the standard ones and its pairs' own."""
    own = {window for pair in slo.alerts for window in (pair.long, pair.short)}
    return tuple(sorted(own.union(STANDARD_WINDOWS)))


def reads_counters(slo: Slo, window: timedelta) -> bool:
    """Whether the ratio over `window` is read from the SLI itself and not from recorded rates.

    Of an SLO with exclusions only that over the shortest is: recorded rates lack what is excluded, while a
    longer range of counters would contain it long after.
    """
    return window <= (RATE_WINDOW if slo.exclusions else LONGEST_RAW)
