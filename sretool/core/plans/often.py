"""How often something is to be done again, and whether it is due."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime


class Every(StrEnum):
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def span(self) -> timedelta:
        """The longest time of its kind: what is done on the same date each time is never late."""
        return _SPANS[self]


_SPANS: Final = {
    Every.WEEK: timedelta(days=7),
    Every.MONTH: timedelta(days=31),
    Every.QUARTER: timedelta(days=92),
    Every.YEAR: timedelta(days=366),
}


def due_at(every: Every | None, last: datetime | None) -> datetime | None:
    """When it is to be done again; None: at once where it was never done, else never."""
    return None if every is None or last is None else last + every.span


def is_due(every: Every | None, last: datetime | None, now: datetime) -> bool:
    """What has no frequency is never due."""
    if every is None:
        return False
    at = due_at(every, last)
    return at is None or at <= now
