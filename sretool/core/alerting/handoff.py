"""What whoever takes over must know: the last hours of alerts, what is open, what is about to change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.alerting.acks import ack_of
from sretool.core.alerting.silences import SilenceState
from sretool.core.slo.model import time_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from sretool.core.alerting.firings import Firing
    from sretool.core.alerting.silences import Silence

BACK: Final = timedelta(hours=12)
NOISY: Final = 3
"""Firings in a week that each ended by themselves make an alert noise."""
_SELF_HEALED: Final = timedelta(minutes=15)
_NIGHT: Final = (22, 7)


@dataclass(frozen=True, slots=True)
class Handoff:
    """The last `BACK` and the next."""

    pages: tuple[Firing, ...]
    tickets: tuple[Firing, ...]
    silences_ending: tuple[Silence, ...]
    """Plain silences that end within the next `BACK`."""
    noise: tuple[tuple[str, int], ...]
    """Alert and how often it fired in the week, each time over within a quarter of an hour; worst first."""


def handoff(week: Sequence[Firing], silences: Iterable[Silence], now: datetime) -> Handoff:
    """`week` are the firings of the last seven days."""
    lately = [firing for firing in week if firing.end > now - BACK]
    return Handoff(
        pages=tuple(f for f in lately if is_page(f)),
        tickets=tuple(f for f in lately if f.labels.get("severity") == "ticket"),
        silences_ending=tuple(
            sorted(
                (
                    silence
                    for silence in silences
                    if silence.state is SilenceState.ACTIVE
                    and ack_of(silence) is None
                    and silence.ends <= now + BACK
                ),
                key=lambda silence: silence.ends,
            )
        ),
        noise=_noise(week),
    )


def is_page(firing: Firing) -> bool:
    return firing.labels.get("severity") == "page"


def _noise(week: Iterable[Firing]) -> tuple[tuple[str, int], ...]:
    by_name: dict[str, list[Firing]] = {}
    for firing in week:
        by_name.setdefault(name_of(firing), []).append(firing)
    counts = Counter(
        {
            name: len(found)
            for name, found in by_name.items()
            if len(found) >= NOISY and all(f.lasted <= _SELF_HEALED and not f.going_on for f in found)
        }
    )
    return tuple(counts.most_common())


def name_of(firing: Firing) -> str:
    """`ServiceDown app-1`: the alert and what it is about."""
    labels = firing.labels
    about = labels.get("slo") or labels.get("instance") or labels.get("service") or ""
    return f"{labels.get('alertname', 'alert')} {about}".rstrip()


@dataclass(frozen=True, slots=True)
class Load:
    """What a week of pages did to the people of one schedule."""

    pages: int
    nights: int
    """Nights, of seven, in which a page came between 22:00 and 07:00 in the schedule's zone."""


def load(pages: Sequence[Firing], zone: str) -> Load:
    return Load(len(pages), len({night for page in pages if (night := _night(page.start, zone))}))


def _night(moment: datetime, zone: str) -> date | None:
    """The day on which the night began that `moment` lies in; None by day."""
    local = moment.astimezone(time_zone(zone))
    begin, end = _NIGHT
    if local.hour >= begin:
        return local.date()
    return local.date() - timedelta(days=1) if local.hour < end else None
