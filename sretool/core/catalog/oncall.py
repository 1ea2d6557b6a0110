"""Who is on call, as a catalog says: people, schedules, and whom an alert goes to when nobody answers.

These are the data; `sretool.core.alerting` computes with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime, time, timedelta

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of `date.weekday()`."""

PRIMARY: Final = "primary"
BACKUP: Final = "backup"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who can be on call or be told."""

    id: str
    title: str
    contact: str | None = None
    """How to reach them, in words."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A stretch of the day on some days of the week."""

    id: str
    weekdays: frozenset[int]
    """0 is Monday."""
    start: time
    end: time
    """Later than `start`; 00:00 means the end of the day."""
    zone: str


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else, or nobody, for a while."""

    start: datetime
    end: datetime
    member: str | None
    """None: nobody has taken it."""
    role: str = PRIMARY


@dataclass(frozen=True, slots=True)
class Schedule:
    """One rotation: the members take turns; the backup is the next in line unless there is a list of them."""

    id: str
    title: str
    zone: str
    """Hand-overs are at a time of day there, also when its clocks change."""
    since: date
    """The first turn begins at the first hand-over from this day on."""
    at: time
    weekday: int | None
    """Of the hand-over, 0 is Monday; None where turns are not whole weeks."""
    turn_days: int
    members: tuple[str, ...]
    backups: tuple[str, ...] = ()
    manager: str | None = None
    hours: str | None = None
    """Id of the hours in which somebody is on call at all; None: always."""
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an escalation, counted from the start of the alert."""

    after: timedelta
    to: tuple[str, ...]
    """Ids of schedules (their primary), `schedule/backup`, `schedule/manager`, of members or owners."""
    how: str | None = None
    """By which channels, in words."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who hears of the alerts with these labels, and who next while nobody has acknowledged."""

    id: str
    labels: Mapping[str, str]
    steps: tuple[Step, ...]
    during: str | None = None
    """Only in these hours."""
    outside: str | None = None
    """Only outside these hours."""


@dataclass(frozen=True, slots=True)
class OnCall:
    """Everything a catalog says about being on call; empty where it says nothing."""

    members: tuple[Member, ...] = ()
    hours: tuple[Hours, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    """The first one that an alert's labels fit counts."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Of owners, so that an escalation may name them."""

    def __bool__(self) -> bool:
        return bool(self.schedules or self.escalations)

    def member(self, id_: str) -> Member | None:
        return next((member for member in self.members if member.id == id_), None)

    def schedule(self, id_: str) -> Schedule | None:
        return next((schedule for schedule in self.schedules if schedule.id == id_), None)

    def named_hours(self, id_: str) -> Hours | None:
        return next((hours for hours in self.hours if hours.id == id_), None)
