"""Alertmanager's HTTP API (v2) without I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import msgspec

from sretool.adapters.http import HttpRequest
from sretool.core.alerting.silences import Matcher, Silence, SilenceState
from sretool.core.observe.model import Alert, AlertState
from sretool.core.slo.model import Severity, SloId
from sretool.errors import SourceReplyInvalid

if TYPE_CHECKING:
    from sretool.core.alerting.silences import NewSilence
    from sretool.core.observe.drills import Announcement

T = TypeVar("T")

ALERTS: Final = HttpRequest("/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true")
SILENCES: Final = HttpRequest("/api/v2/silences")
STATUS: Final = HttpRequest("/api/v2/status")


class _Receiver(msgspec.Struct):
    name: str


class _Status(msgspec.Struct):
    state: str
    silencedBy: list[str] = []
    inhibitedBy: list[str] = []


class _Alert(msgspec.Struct):
    fingerprint: str
    labels: dict[str, str]
    startsAt: datetime
    status: _Status
    annotations: dict[str, str] = {}
    receivers: list[_Receiver] = []


class _Matcher(msgspec.Struct):
    name: str
    value: str
    isRegex: bool
    isEqual: bool = True


class _SilenceStatus(msgspec.Struct):
    state: SilenceState


class _Silence(msgspec.Struct):
    id: str
    matchers: list[_Matcher]
    startsAt: datetime
    endsAt: datetime
    createdBy: str
    comment: str
    status: _SilenceStatus
    updatedAt: datetime | None = None


class _NewSilence(msgspec.Struct, omit_defaults=True):
    matchers: list[_Matcher]
    startsAt: datetime
    endsAt: datetime
    createdBy: str
    comment: str
    id: str = ""


class _PostedAlert(msgspec.Struct):
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: datetime
    endsAt: datetime


class _Created(msgspec.Struct):
    silenceID: str


class _AlertmanagerStatus(msgspec.Struct):
    config: dict[str, str]


class _Failure(msgspec.Struct):
    message: str


def read_alerts(body: bytes, where: str) -> tuple[Alert, ...]:
    """Every alert of the answer; raises SourceReplyInvalid where it is none."""
    return tuple(_alert(each) for each in _decoded(body, list[_Alert], where))


def read_silences(body: bytes, where: str) -> tuple[Silence, ...]:
    """Every silence Alertmanager still remembers, expired ones too."""
    return tuple(_silence(each) for each in _decoded(body, list[_Silence], where))


def create(silence: NewSilence) -> HttpRequest:
    """Creates a silence, or changes the one whose id it has."""
    wire = _NewSilence(
        matchers=[_Matcher(m.name, m.value, m.regex, m.equal) for m in silence.matchers],
        startsAt=silence.starts,
        endsAt=silence.ends,
        createdBy=silence.created_by,
        comment=silence.comment,
        id=silence.id or "",
    )
    return HttpRequest(SILENCES.path, json=msgspec.json.encode(wire))


def read_created(body: bytes, where: str) -> str:
    """The id of the silence that was created or changed; a changed one may have got another."""
    return _decoded(body, _Created, where).silenceID


def announce(alert: Announcement) -> HttpRequest:
    """Makes an alert known, renews it, or, with an end that is past, resolves it."""
    wire = _PostedAlert(dict(alert.labels), dict(alert.annotations), alert.starts, alert.ends)
    return HttpRequest("/api/v2/alerts", json=msgspec.json.encode([wire]))


def expire(silence: str) -> HttpRequest:
    return HttpRequest(f"/api/v2/silence/{quote(silence, safe='')}", delete=True)


def read_configuration(body: bytes, where: str) -> str:
    """The configuration Alertmanager runs with, as YAML; secrets are hidden by itself."""
    return _decoded(body, _AlertmanagerStatus, where).config.get("original", "")


def _decoded(body: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceReplyInvalid(
            f"{where} sent an answer that is not Alertmanager's: {' '.join(str(error).split())[:120]}",
            remedy="check that the address is Alertmanager's and not a login or proxy page",
        ) from error


def error_text(body: bytes) -> str | None:
    """What a failed request's answer says, a text or an object with a message; None where it is neither."""
    try:
        said = msgspec.json.decode(body, type=str | _Failure)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return said if isinstance(said, str) else said.message


def _silence(wire: _Silence) -> Silence:
    return Silence(
        id=wire.id,
        matchers=tuple(Matcher(m.name, m.value, m.isEqual, m.isRegex) for m in wire.matchers),
        starts=wire.startsAt.astimezone(UTC),
        ends=wire.endsAt.astimezone(UTC),
        created_by=wire.createdBy,
        comment=wire.comment,
        state=wire.status.state,
        updated=wire.updatedAt.astimezone(UTC) if wire.updatedAt is not None else None,
    )


def _alert(wire: _Alert) -> Alert:
    severity, slo = wire.labels.get("severity", ""), wire.labels.get("slo")
    return Alert(
        fingerprint=wire.fingerprint,
        name=wire.labels.get("alertname", "(no name)"),
        severity=Severity(severity) if severity in set(Severity) else None,
        state=_state(wire.status),
        since=wire.startsAt.astimezone(UTC),
        labels=wire.labels,
        annotations=wire.annotations,
        slo=SloId(slo) if slo else None,
        receivers=tuple(receiver.name for receiver in wire.receivers),
        silenced_by=tuple(wire.status.silencedBy),
    )


def _state(status: _Status) -> AlertState:
    """A silence is somebody's decision and outweighs an inhibition; what is not suppressed is firing."""
    if status.silencedBy:
        return AlertState.SILENCED
    if status.inhibitedBy:
        return AlertState.INHIBITED
    return AlertState.FIRING
