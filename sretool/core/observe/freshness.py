"""How far a source's answers can be trusted at one moment.

Two ages decide, because a server can answer well with old samples: the time since its last good answer, and
the age of the newest sample in it. A mark only ever describes; no value is dropped because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.observe.model import SourceHealth


class Freshness(StrEnum):
    """How old what a source said is, best first."""

    WAITING = "waiting"
    """Asked for the first time; neither an answer nor a failure yet."""
    REMEMBERED = "remembered"
    """Nothing has come yet; what is known is of an earlier session."""
    FRESH = "fresh"
    AGEING = "ageing"
    """Older than it should be, still usable; a countdown made from it must stop."""
    STALE = "stale"
    """The source answers, but with samples too old to act on."""
    LOST = "lost"
    """The source does not answer."""

    @property
    def usable(self) -> bool:
        """Whether what the source said may count as how things are now."""
        return self in (Freshness.FRESH, Freshness.AGEING)


SAMPLE_EVERY = timedelta(seconds=60)
"""How often the recording rules of the SLO groups write a sample."""

_SLOWEST_ANSWER = timedelta(seconds=60)
"""A source that has not answered for this long is lost, even where no request has failed yet."""


@dataclass(frozen=True, slots=True)
class SourceAge:
    """One source, judged."""

    name: str
    freshness: Freshness
    age: timedelta | None
    """Of the older of answer and samples, never negative; None before the first answer."""
    as_of: datetime | None
    """The time its values are true for; None before the first answer."""
    error: str | None
    """Why the last request failed; None where it did not."""
    cause: str | None = None
    """The error in a few words; None where the request did not fail."""


def judge(
    health: SourceHealth, now: datetime, refresh: timedelta, sample_every: timedelta | None = None
) -> SourceAge:
    """Mark one source; `sample_every` is how often its newest sample is renewed (None: with each answer)."""
    if health.good_at is None:
        freshness = Freshness.WAITING if health.ok or health.error is None else Freshness.LOST
        return SourceAge(health.name, freshness, None, None, health.error, health.cause)
    silent = max(now - health.good_at, timedelta())
    if not health.ok and health.error is None:
        return SourceAge(health.name, Freshness.REMEMBERED, silent, health.data_at or health.good_at, None)
    data_age = max(now - health.data_at, timedelta()) if health.data_at is not None else silent
    beat = sample_every if sample_every is not None else timedelta()
    freshness = _mark(silent, data_age, failing=not health.ok, refresh=refresh, beat=beat)
    # Samples that keep their rhythm are as new as they can be: then the answer's age is what matters.
    on_time = data_age <= _data_due(refresh, beat)
    age = silent if on_time else max(silent, data_age)
    as_of = health.data_at if health.data_at is not None and not on_time else health.good_at
    return SourceAge(health.name, freshness, age, as_of, health.error, health.cause)


def _data_due(refresh: timedelta, beat: timedelta) -> timedelta:
    return 1.5 * beat + 2 * refresh


def _mark(
    silent: timedelta, data_age: timedelta, *, failing: bool, refresh: timedelta, beat: timedelta
) -> Freshness:
    overdue = silent > 2 * refresh
    if (overdue and failing) or silent > max(3 * refresh, _SLOWEST_ANSWER):
        return Freshness.LOST
    if data_age > max(3 * beat, 3 * refresh, _SLOWEST_ANSWER):
        return Freshness.STALE
    if overdue or data_age > _data_due(refresh, beat):
        return Freshness.AGEING
    return Freshness.FRESH
