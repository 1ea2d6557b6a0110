"""Who hears of an alert, and who next while nobody has acknowledged it: the timetable of a page.

It says who is due by the catalog. Whether a message was delivered only the program that sends it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sretool.core.alerting import oncall as calendar
from sretool.core.catalog.oncall import BACKUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from sretool.core.alerting.firings import Firing
    from sretool.core.catalog.oncall import Escalation, OnCall, Schedule, Step


class Due(StrEnum):
    PAST = "past"
    """Its time has come."""
    NEXT = "next"
    LATER = "later"
    STOPPED = "stopped"
    """An acknowledgement came before."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step of one alert."""

    number: int
    """From 1."""
    at: datetime
    due: Due
    who: tuple[Target, ...]
    how: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver of a step, resolved for its time."""

    id: str
    """As the catalog names it."""
    member: str | None
    """Who that is then; None: nobody has duty, or it is not a person."""
    text: str


def rule_for(oncall: OnCall, labels: Mapping[str, str], at: datetime) -> Escalation | None:
    """The first escalation whose labels and hours fit an alert that started at `at`."""
    for rule in oncall.escalations:
        if all(labels.get(name) == value for name, value in rule.labels.items()) and _in_hours(
            oncall, rule, at
        ):
            return rule
    return None


def _in_hours(oncall: OnCall, rule: Escalation, at: datetime) -> bool:
    during = oncall.named_hours(rule.during) if rule.during is not None else None
    if during is not None and not calendar.within(during, at):
        return False
    outside = oncall.named_hours(rule.outside) if rule.outside is not None else None
    return outside is None or not calendar.within(outside, at)


def timetable(
    oncall: OnCall, rule: Escalation, since: datetime, now: datetime, acked_at: datetime | None = None
) -> tuple[Row, ...]:
    """Every step of an alert that fires since `since`, with the people who have duty at its time."""
    rows: list[Row] = []
    waiting = Due.NEXT
    for number, step in enumerate(rule.steps, 1):
        at = since + step.after
        if acked_at is not None and at > acked_at:
            due = Due.STOPPED
        elif at <= now:
            due = Due.PAST
        else:
            due, waiting = waiting, Due.LATER
        rows.append(Row(number, at, due, _targets(oncall, step, at), step.how))
    return tuple(rows)


def escalates_in(rows: Iterable[Row], now: datetime) -> timedelta | None:
    """Time until the next step; None: there is none, or an ack has stopped it."""
    return next((row.at - now for row in rows if row.due is Due.NEXT), None)


def _targets(oncall: OnCall, step: Step, at: datetime) -> tuple[Target, ...]:
    return tuple(target(oncall, id_, at) for id_ in step.to)


def target(oncall: OnCall, id_: str, at: datetime) -> Target:
    """Who stands behind an id of an escalation step at a time."""
    name, _, role = id_.partition("/")
    schedule = oncall.schedule(name)
    if schedule is None:
        member = oncall.member(id_)
        title = member.title if member is not None else oncall.titles.get(id_, id_)
        return Target(id_, member.id if member is not None else None, title)
    who = _on_duty(oncall, schedule, role, at)
    person = oncall.member(who) if who is not None else None
    shown = person.title if person is not None else "NOBODY"
    return Target(id_, who, f"{shown} ({id_})")


def _on_duty(oncall: OnCall, schedule: Schedule, role: str, at: datetime) -> str | None:
    if role == "manager":
        return schedule.manager
    primary, backup = calendar.on_duty(oncall, schedule, at)
    return backup if role == BACKUP else primary


def schedules_paged(oncall: OnCall, labels: Mapping[str, str], at: datetime) -> tuple[str, ...]:
    """Ids of the schedules whose primary hears first of such an alert."""
    rule = rule_for(oncall, labels, at)
    if rule is None or not rule.steps:
        return ()
    return tuple(id_ for id_ in rule.steps[0].to if oncall.schedule(id_) is not None)


def pages_of(oncall: OnCall, schedule: Schedule, pages: Iterable[Firing]) -> tuple[Firing, ...]:
    """The pages among `pages` that reached this schedule first."""
    return tuple(page for page in pages if schedule.id in schedules_paged(oncall, page.labels, page.start))
