"""What services need from the outside, as protocols; adapters implement them, tests fake them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sretool.core.observe.model import Alert, Sample, Series


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


class AlertSource(Protocol):
    """An Alertmanager. Every method raises a `SourceError` and nothing else."""

    async def alerts(self) -> Sequence[Alert]:
        """Active, silenced and inhibited ones."""
        ...

    async def aclose(self) -> None: ...
