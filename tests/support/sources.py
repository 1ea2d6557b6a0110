"""Servers that are not there: recorded answers behind a mock transport, and sources told what to say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx

from sretool.core.alerting.silences import Silence, SilenceState
from sretool.core.observe.model import Alert, AlertState, Sample, Series
from sretool.core.slo.model import Severity, SloId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sretool.core.alerting.silences import NewSilence
    from sretool.errors import SourceError

DATA = Path(__file__).parent.parent / "data"

RECORDED_AT = datetime.fromtimestamp(1795246394.225, UTC)
"""When the answers in tests/data/prometheus were given."""


def reply(name: str) -> bytes:
    return (DATA / name).read_bytes()


def serving(
    answers: Mapping[str, bytes], status: int = 200, asked: list[dict[str, str]] | None = None
) -> httpx.MockTransport:
    """Answers a request whose path or query contains a key of `answers` with its bytes."""

    def handle(request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if asked is not None:
            asked.append({"path": request.url.path, **form, **dict(request.headers)})
        said = f"{request.url.path} {form.get('query', '')}"
        body = next((body for key, body in answers.items() if key in said), None)
        return httpx.Response(404) if body is None else httpx.Response(status, content=body)

    return httpx.MockTransport(handle)


def failing(error: Exception) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error

    return httpx.MockTransport(handle)


@dataclass
class FakeMetrics:
    """A MetricsSource that answers from a function and remembers what it was asked."""

    answer: Callable[[str], Iterable[Sample]]
    ranges: Callable[[str], Iterable[Series]] = lambda _query: ()
    error: SourceError | None = None
    """Raised instead of any answer."""
    asked: list[str] = field(default_factory=list)
    closed: bool = False
    address: str | None = None
    said: tuple[str, ...] = ()
    """Remarks beside every answer."""
    turned_away: int = 0

    def turn_away(self) -> bool:
        self.turned_away += 1
        return self.address is not None

    def remarks(self) -> Sequence[str]:
        return self.said

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        return tuple(self.answer(query))

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Series]:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        return tuple(self.ranges(query))

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class FakeAlerts:
    """An AlertDesk that holds what it is given; what it is told appears in what it holds."""

    held: Sequence[Alert] = ()
    error: SourceError | None = None
    closed: bool = False
    kept: dict[str, Silence] = field(default_factory=dict)
    """Silences by id."""
    written_error: SourceError | None = None
    """Raised by everything that would change something."""
    routing: str = ""
    address: str | None = None

    def turn_away(self) -> bool:
        return False

    def remarks(self) -> Sequence[str]:
        return ()

    async def alerts(self) -> Sequence[Alert]:
        if self.error is not None:
            raise self.error
        return self.held

    async def silences(self) -> Sequence[Silence]:
        if self.error is not None:
            raise self.error
        return tuple(self.kept.values())

    async def silence(self, silence: NewSilence) -> str:
        if self.written_error is not None:
            raise self.written_error
        id_ = silence.id or f"s{len(self.kept) + 1}"
        self.kept[id_] = Silence(
            id_, silence.matchers, silence.starts, silence.ends, silence.created_by, silence.comment,
            SilenceState.ACTIVE,
        )  # fmt: skip
        return id_

    async def expire(self, silence: str) -> None:
        if self.written_error is not None:
            raise self.written_error
        self.kept[silence] = replace(self.kept[silence], state=SilenceState.EXPIRED)

    async def configuration(self) -> str:
        return self.routing

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class FakeClock:
    time: datetime = RECORDED_AT

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by


def alert(
    name: str = "SLOBudgetBurn",
    *,
    severity: Severity | None = Severity.PAGE,
    state: AlertState = AlertState.FIRING,
    since: datetime = RECORDED_AT,
    slo: str | None = None,
) -> Alert:
    return Alert(
        fingerprint=f"{name}-{slo}-{since.timestamp()}",
        name=name,
        severity=severity,
        state=state,
        since=since,
        labels={"alertname": name},
        annotations={},
        slo=SloId(slo) if slo is not None else None,
    )
