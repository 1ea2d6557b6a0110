"""A calendar month of every SLO: attainment, ledger, alerts and weeks, whatever the SLO's own window is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sretool.core.observe.explanation import with_exclusions
from sretool.core.slo.budget import burn_down
from sretool.core.slo.ledger import ledger
from sretool.core.slo.model import CalendarUnit, CalendarWindow, time_zone
from sretool.core.slo.windows import RATE_WINDOW
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sretool.core.observe.model import SloStatus
    from sretool.core.slo.budget import Past
    from sretool.core.slo.firing import Firing
    from sretool.core.slo.ledger import Ledger, Span
    from sretool.core.slo.model import Slo

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY: Final = timedelta(days=1)
_BURN_DOWN_POINTS: Final = 360


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar month, from midnight to midnight of one time zone."""

    name: str
    """`"2026-11"`."""
    start: datetime
    """UTC, as all instants are."""
    end: datetime
    until: datetime
    """What is reported on ends here: the end, or now where the month is not over."""
    zone: str = "UTC"
    """Name in the time zone database."""

    @property
    def complete(self) -> bool:
        return self.until >= self.end

    def local(self, at: datetime) -> datetime:
        """The same instant by the clocks of the zone."""
        return at.astimezone(time_zone(self.zone))

    @property
    def midnights(self) -> tuple[datetime, ...]:
        """The first instant of each of its days; a day has 23 or 25 hours where the clocks are changed."""
        noon = self.local(self.start).replace(hour=12)
        days = (noon + number * _DAY for number in range(31))
        found = (each.replace(hour=0, minute=0, fold=0).astimezone(UTC) for each in days)
        return tuple(each for each in found if each < self.end)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A day or a week of the month, or the part of it that lies in it."""

    start: datetime
    end: datetime
    bad: float
    total: float

    @property
    def sli(self) -> float | None:
        """None where there were no events."""
        return 1 - self.bad / self.total if self.total > 0 else None


@dataclass(frozen=True, slots=True)
class MonthOfSlo:
    """One SLO's month."""

    status: SloStatus
    """At the end of what is reported on, over the SLO's own window."""
    ledger: Ledger | None
    """None where the month has no events."""
    coverage: float
    """Share of the time reported on that has data, 0..1."""
    days: tuple[Stretch, ...]
    weeks: tuple[Stretch, ...]
    """From Monday to Monday."""
    burn_down: tuple[tuple[datetime, float], ...]
    """Share of the month's budget that was left at that time."""
    alerts: tuple[Firing, ...]
    """Transitions, oldest first."""
    alerts_replayed: bool
    """Some began before the rules were loaded: they are what these would have said, to five minutes."""
    period: Period
    """The month by the clocks that count for it: its calendar's, unless a zone was asked for."""

    @property
    def slo(self) -> Slo:
        return self.status.slo

    @property
    def sli(self) -> float | None:
        if self.ledger is None:
            return None
        return float(1 - self.ledger.bad / self.ledger.total)

    @property
    def budget_left(self) -> float | None:
        """Of the budget that the events reported on allow."""
        return float(1 - self.ledger.spent) if self.ledger is not None else None

    @property
    def met(self) -> bool | None:
        """Whether the objective was kept; None where nothing is known."""
        return self.ledger.spent <= 1 if self.ledger is not None else None


@dataclass(frozen=True, slots=True)
class Month:
    """The report's content."""

    period: Period
    slos: tuple[MonthOfSlo, ...]
    """In catalog order."""
    other_alerts: tuple[tuple[Mapping[str, str], Firing], ...]
    """Pages and tickets that belong to none of these SLOs, with their labels; oldest first."""

    @property
    def name(self) -> str:
        return self.period.name

    @property
    def start(self) -> datetime:
        return self.period.start

    @property
    def end(self) -> datetime:
        return self.period.end

    @property
    def until(self) -> datetime:
        return self.period.until

    @property
    def complete(self) -> bool:
        return self.period.complete


def period(text: str, now: datetime, zone: str = "UTC") -> Period:
    """`"2026-11"` → that month in a time zone, up to `now`; UsageError where it is none or has not begun."""
    found = _MONTH.fullmatch(text.strip())
    try:
        inside = datetime(int(found[1]), int(found[2]), 15, tzinfo=UTC) if found else None
    except ValueError:
        inside = None
    if inside is None:
        raise UsageError(f"{text!r} is not a month", remedy=f"write it like {now:%Y-%m}")
    where = "" if zone == "UTC" else f" in {zone}"
    calendar = CalendarWindow(CalendarUnit.MONTH, zone)
    try:
        start, end = calendar.start(inside), calendar.end(inside)
    except OverflowError:
        raise UsageError(f"{text!r} is not a month", remedy=f"write it like {now:%Y-%m}") from None
    if start >= now:
        raise UsageError(f"{text} has not begun yet{where}")
    # In whole steps of what is counted, so that days and weeks are cut at midnight.
    so_far = (now - start) // RATE_WINDOW * RATE_WINDOW
    if not so_far:
        raise UsageError(f"{text} has only just begun{where}")
    return Period(f"{inside:%Y-%m}", start, end, min(end, start + so_far), zone)


def period_of(slo: Slo, text: str, now: datetime, zone: str | None) -> Period:
    """The month as it counts for one SLO: in the zone asked for, else in that of its own calendar."""
    return period(text, now, zone or (slo.calendar.zone if slo.calendar is not None else "UTC"))


def of_slo(
    status: SloStatus,
    past: Past,
    alerts: tuple[tuple[Firing, ...], bool],
    known: Iterable[Span],
    asked: Period,
    left_out: Past | None = None,
) -> MonthOfSlo:
    """One SLO's month out of what happened in it, less what is excluded: that is `left_out`."""
    slo = status.slo
    with_data = sum(count is not None for count in past.counts)
    midnights = asked.midnights
    return MonthOfSlo(
        status=status,
        ledger=ledger(past, slo.budget, with_exclusions(slo, known), alerts[0], left_out=left_out),
        coverage=with_data / max(len(past.counts), 1),
        days=tuple(_stretches(past, midnights)),
        weeks=tuple(_stretches(past, [each for each in midnights if asked.local(each).weekday() == 0])),
        burn_down=_thinned(burn_down(past, slo.budget)),
        alerts=alerts[0],
        alerts_replayed=alerts[1],
        period=asked,
    )


def _stretches(past: Past, cuts: Iterable[datetime]) -> Iterator[Stretch]:
    """The past cut at some instants, each to the step that ends at it or first after it."""
    number = len(past.counts)
    since = past.until - number * past.step
    places = sorted({min(max(-((since - cut) // past.step), 0), number) for cut in cuts} | {0, number})
    for first, last in pairwise(places):
        known = [each for each in past.counts[first:last] if each is not None]
        yield Stretch(
            since + first * past.step,
            since + last * past.step,
            sum(each.bad for each in known),
            sum(each.total for each in known),
        )


def _thinned(points: tuple[tuple[datetime, float], ...]) -> tuple[tuple[datetime, float], ...]:
    every = max(len(points) // _BURN_DOWN_POINTS, 1)
    return tuple(points[len(points) % every :: every][:-1]) + points[-1:]
