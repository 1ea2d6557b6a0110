"""Acknowledgements: somebody has seen an alert and works on it.

Alertmanager knows none, so an ack is a silence with a mark: everybody who looks at Alertmanager sees it, and
no second record can disagree with it. It matches exactly the labels of one alert, lasts a quarter of an hour
and is renewed by whichever sretool sees it near its end while the alert still fires. Where nobody runs one,
it expires and the page comes back: nothing stays hidden because somebody forgot it. It is dropped when its
alert has resolved, so that the next firing is new again.

The mark is the one karma and kthxbye use: a comment that begins with `ACK!`. Ours goes on with a note and a
record in brackets that programs read; acks of others are recognised without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.alerting.silences import NewSilence, Silence, SilenceState, exactly
from sretool.errors import UsageError
from sretool.units import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PREFIX: Final = "ACK!"
LENGTH: Final = timedelta(minutes=15)
RENEW_BELOW: Final = timedelta(minutes=5)
"""Renewed with less than this left: an outage of the network or of a laptop of minutes loses no ack."""

LATE_RESOLVE: Final = timedelta(minutes=1)
"""An alert that is gone for less may be back at the next evaluation."""

_RECORD: Final = re.compile(r"\s*\[sretool-ack v1 owner=(?P<owner>\S*) since=(?P<since>\S+)\]\s*$")
_PLAIN: Final = re.compile(r"[^\w.@+-]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Ack:
    """Who has taken an alert, as its silence says."""

    silence: str
    """Id of the silence that carries it."""
    owner: str
    note: str
    since: datetime
    """When it was taken; renewals do not change it."""
    ends: datetime
    """When it lapses unless it is renewed."""
    ours: bool
    """Made by a sretool; of other tools' acks the owner is their `createdBy`."""


def ack_of(silence: Silence) -> Ack | None:
    """The ack a silence carries; None: it is a plain silence."""
    if not silence.comment.startswith(PREFIX):
        return None
    said = silence.comment.removeprefix(PREFIX).strip()
    record = _RECORD.search(said)
    if record is None:
        return Ack(silence.id, silence.created_by, said, silence.starts, silence.ends, ours=False)
    try:
        since = parse_time(record["since"])
    except UsageError:
        since = silence.starts
    note = said[: record.start()].strip()
    return Ack(silence.id, record["owner"] or silence.created_by, note, since, silence.ends, ours=True)


def comment_of(owner: str, note: str, since: datetime) -> str:
    record = f"[sretool-ack v1 owner={_PLAIN.sub('_', owner)} since={format_time(since)}]"
    return " ".join(filter(None, (PREFIX, " ".join(note.split()), record)))


def take(labels: Mapping[str, str], owner: str, note: str, now: datetime) -> NewSilence:
    """An ack of the alert with these labels."""
    return NewSilence(exactly(labels), now, now + LENGTH, owner, comment_of(owner, note, now))


def held(silences: Iterable[Silence], labels: Mapping[str, str]) -> Ack | None:
    """The ack that is in force for an alert; of several the first."""
    found = [
        ack
        for silence in silences
        if silence.state is not SilenceState.EXPIRED and silence.matches(labels)
        for ack in [ack_of(silence)]
        if ack is not None
    ]
    return min(found, key=lambda ack: ack.since, default=None)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What has to be done about the acks now."""

    renew: tuple[NewSilence, ...] = ()
    drop: tuple[str, ...] = ()
    """Ids of silences whose alert has resolved."""

    def __bool__(self) -> bool:
        return bool(self.renew or self.drop)


def upkeep(
    silences: Sequence[Silence],
    firing: Sequence[Mapping[str, str]],
    now: datetime,
    gone_since: Mapping[str, datetime] | None = None,
) -> Upkeep:
    """Renew our acks whose alert fires and whose end is near; drop those whose alert has resolved.

    `firing` are the labels of all alerts that Alertmanager has, hidden ones too; `gone_since` says since when
    the alert of an ack (by the silence's id) is missing. Acks of other tools are left to those tools. Two
    sretools may renew the same ack at the same time: Alertmanager then keeps one changed silence, or two with
    the same matchers, which means the same.
    """
    renew: list[NewSilence] = []
    drop: list[str] = []
    for silence in silences:
        ack = ack_of(silence)
        if ack is None or not ack.ours or silence.state is not SilenceState.ACTIVE:
            continue
        if any(silence.matches(labels) for labels in firing):
            if silence.ends - now < RENEW_BELOW:
                renew.append(
                    NewSilence(
                        silence.matchers,
                        silence.starts,
                        now + LENGTH,
                        silence.created_by,
                        silence.comment,
                        silence.id,
                    )
                )
        elif gone_since is not None and now - gone_since.get(silence.id, now) >= LATE_RESOLVE:
            drop.append(silence.id)
    return Upkeep(tuple(renew), tuple(drop))


def missing(
    silences: Iterable[Silence],
    firing: Sequence[Mapping[str, str]],
    now: datetime,
    before: Mapping[str, datetime],
) -> dict[str, datetime]:
    """Since when the alert of each ack is missing, as `upkeep` wants it."""
    gone = (
        silence.id
        for silence in silences
        if ack_of(silence) is not None and not any(silence.matches(labels) for labels in firing)
    )
    return {id_: before.get(id_, now) for id_ in gone}
