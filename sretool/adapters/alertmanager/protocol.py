"""Alertmanager's HTTP API (v2) without I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from sretool.adapters.http import HttpRequest
from sretool.core.observe.model import Alert, AlertState
from sretool.core.slo.model import Severity, SloId
from sretool.errors import SourceReplyInvalid

ALERTS: Final = HttpRequest("/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true")


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


class _Failure(msgspec.Struct):
    message: str


def read_alerts(body: bytes, where: str) -> tuple[Alert, ...]:
    """Every alert of the answer; raises SourceReplyInvalid where it is none."""
    try:
        found = msgspec.json.decode(body, type=list[_Alert])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceReplyInvalid(
            f"{where} sent an answer that is not Alertmanager's: {' '.join(str(error).split())[:120]}",
            remedy="check that the address is Alertmanager's and not a login or proxy page",
        ) from error
    return tuple(_alert(each) for each in found)


def error_text(body: bytes) -> str | None:
    """What a failed request's answer says, a text or an object with a message; None where it is neither."""
    try:
        said = msgspec.json.decode(body, type=str | _Failure)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return said if isinstance(said, str) else said.message


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
