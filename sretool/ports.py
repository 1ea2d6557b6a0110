"""What services need from the outside, as protocols; adapters implement them, tests fake them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from sretool.core.analysis.recording import Points
    from sretool.core.observe.model import Alert, Rule, Sample, Series


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server answers and how to identify ourselves there. Secrets stay out of its repr."""

    url: str
    """`http(s)://host[:port]` and, where the server has one, its path prefix; no slash at the end."""
    token: str | None = field(default=None, repr=False)
    """Sent as `Authorization: Bearer …`."""
    basic: tuple[str, str] | None = field(default=None, repr=False)
    """User name and password; never set together with `token`."""
    ca_file: str | None = None
    """PEM file of the authorities to trust instead of the system's."""
    client_cert: tuple[str, str | None] | None = None
    """PEM files of the client certificate and its key; no key file where the certificate's file has it."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request: the tenant of a multi-tenant store."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...


class MetricsSource(Protocol):
    """A Prometheus-compatible server. Every method raises a `SourceError` and nothing else."""

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        """Vector or scalar at `at` (None: the server's now); NaN and ±Inf left out."""
        ...

    async def range(
        self, query: str, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[Series]: ...

    async def aclose(self) -> None: ...


class RulesSource(MetricsSource, Protocol):
    """A server that evaluates rules itself. Every method raises a `SourceError` and nothing else."""

    async def rules(self) -> Sequence[Rule]:
        """All it has loaded."""
        ...


class SurveySource(MetricsSource, Protocol):
    """A server asked what it has at all. Every method raises a `SourceError` and nothing else."""

    async def metric_names(self) -> frozenset[str]:
        """Of everything it holds."""
        ...

    async def metric_types(self) -> Mapping[str, str]:
        """Metric → type as its targets say; a histogram by its base name."""
        ...

    async def label_names(self, metric: str, start: datetime, end: datetime) -> frozenset[str]:
        """Of all labels that series of this metric had in this time."""
        ...

    async def retention(self) -> timedelta | None:
        """How long samples are kept; None where only their size is limited."""
        ...


class HistorySource(Protocol):
    """A Prometheus-compatible server, asked for long ranges. Every method raises a `SourceError` only."""

    def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Points]:
        """SourceTooMuch where a shorter range may be answered."""
        ...

    def close(self) -> None: ...


class AlertSource(Protocol):
    """An Alertmanager. Every method raises a `SourceError` and nothing else."""

    async def alerts(self) -> Sequence[Alert]:
        """Active, silenced and inhibited ones."""
        ...

    async def aclose(self) -> None: ...
