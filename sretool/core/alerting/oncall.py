"""The on-call calendar: who has duty when, computed from the catalog's rotations.

Hand-overs are at a time of day of the schedule's zone, so that a turn over a change of clocks is an hour
shorter or longer. Where nobody has duty, that is a shift of nobody: a gap is found, never filled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.oncall import BACKUP, PRIMARY
from sretool.core.slo.model import time_zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sretool.core.catalog.oncall import Hours, OnCall, Schedule

AHEAD: Final = timedelta(days=60)
"""How far a shift's end, the next shift and gaps are looked for."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of time in which the same people have duty."""

    start: datetime
    end: datetime
    primary: str | None
    """Id of a member; None: nobody."""
    backup: str | None

    @property
    def gap(self) -> bool:
        return self.primary is None


def turn_start(schedule: Schedule, number: int) -> datetime:
    """When turn `number` begins, UTC; the first one is number 0."""
    day = schedule.since
    if schedule.weekday is not None:
        day += _DAY * ((schedule.weekday - day.weekday()) % 7)
    day += _DAY * schedule.turn_days * number
    return _utc(day, schedule.at, schedule.zone)


def _utc(day: date, at: time, zone: str) -> datetime:
    """A time of day as an instant; one that the clocks leave out is as far behind the last one that was."""
    return datetime.combine(day, at, tzinfo=time_zone(zone)).astimezone(UTC)


def turn_number(schedule: Schedule, moment: datetime) -> int:
    """Which turn it is; below 0 before the first one."""
    length = _DAY * schedule.turn_days
    number = (moment - turn_start(schedule, 0)) // length
    # A change of clocks shifts a hand-over by up to a few hours from where equal turns would put it.
    if turn_start(schedule, number + 1) <= moment:
        return number + 1
    return number - 1 if turn_start(schedule, number) > moment else number


def within(hours: Hours, moment: datetime) -> bool:
    local = moment.astimezone(time_zone(hours.zone))
    if local.weekday() not in hours.weekdays:
        return False
    return hours.start <= local.time() and (hours.end == time(0) or local.time() < hours.end)


def on_duty(oncall: OnCall, schedule: Schedule, moment: datetime) -> tuple[str | None, str | None]:
    """Primary and backup at one moment."""
    covered = oncall.named_hours(schedule.hours) if schedule.hours is not None else None
    if covered is not None and not within(covered, moment):
        return None, None
    number = turn_number(schedule, moment)
    if number < 0 or not schedule.members:
        return None, None
    line = schedule.members
    primary: str | None = line[number % len(line)]
    backup: str | None = None
    if schedule.backups:
        backup = schedule.backups[number % len(schedule.backups)]
    elif len(line) > 1:
        backup = line[(number + 1) % len(line)]
    regular = primary
    for override in schedule.overrides:
        if override.start <= moment < override.end:
            if override.role == PRIMARY:
                primary = override.member
            elif override.role == BACKUP:
                backup = override.member
    if backup is not None and backup == primary:
        # Nobody is their own backup: the next in line is, but not whom the override stands in for.
        others = [member for member in (*schedule.backups, *line) if member not in (primary, regular)]
        backup = others[0] if others else None
    return primary, backup


def shifts(oncall: OnCall, schedule: Schedule, start: datetime, end: datetime) -> Iterator[Shift]:
    """Who has duty from `start` to `end`, without a hole: gaps are shifts of nobody."""
    edges = sorted({start, end, *_edges(oncall, schedule, start, end)})
    current: Shift | None = None
    for begin, until in pairwise(edges):
        primary, backup = on_duty(oncall, schedule, begin)
        if current is not None and (current.primary, current.backup) == (primary, backup):
            current = replace(current, end=until)
            continue
        if current is not None:
            yield current
        current = Shift(begin, until, primary, backup)
    if current is not None:
        yield current


def _edges(oncall: OnCall, schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every instant between `start` and `end` at which duty may change."""
    number = max(turn_number(schedule, start), -1) + 1
    while (handover := turn_start(schedule, number)) < end:
        yield handover
        number += 1
    for override in schedule.overrides:
        yield from (edge for edge in (override.start, override.end) if start < edge < end)
    covered = oncall.named_hours(schedule.hours) if schedule.hours is not None else None
    if covered is not None:
        day = start.astimezone(time_zone(covered.zone)).date()
        while _utc(day, time(0), covered.zone) < end:
            last = day + _DAY if covered.end == time(0) else day
            later = _utc(last, covered.end, covered.zone)
            yield from (
                edge for edge in (_utc(day, covered.start, covered.zone), later) if start < edge < end
            )
            day += _DAY


def now_and_next(oncall: OnCall, schedule: Schedule, moment: datetime) -> tuple[Shift, Shift | None]:
    """The shift at `moment`, with its true start, and the next one with another primary.

    The end is at most `AHEAD` away, and the start at most one turn.
    """
    begin = moment - _DAY * schedule.turn_days
    found = list(shifts(oncall, schedule, begin, moment + AHEAD))
    at = next(number for number, shift in enumerate(found) if shift.start <= moment < shift.end)
    primary = found[at].primary
    first = last = at
    while first > 0 and found[first - 1].primary == primary:
        first -= 1
    while last + 1 < len(found) and found[last + 1].primary == primary:
        last += 1
    present = replace(found[at], start=found[first].start, end=found[last].end)
    return present, found[last + 1] if last + 1 < len(found) else None


def gaps(oncall: OnCall, schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """Stretches without a primary."""
    merged: list[Shift] = []
    for shift in shifts(oncall, schedule, start, end):
        if not shift.gap:
            continue
        if merged and merged[-1].end == shift.start:
            merged[-1] = replace(merged[-1], end=shift.end)
        else:
            merged.append(shift)
    return tuple(merged)


def unplanned(oncall: OnCall, schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """Gaps that nobody has planned: within the hours in which somebody should have duty."""
    covered = oncall.named_hours(schedule.hours) if schedule.hours is not None else None
    found = gaps(oncall, schedule, start, end)
    return found if covered is None else tuple(gap for gap in found if within(covered, gap.start))
