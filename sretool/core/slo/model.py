"""What a service level objective is, apart from how a file spells it and where its numbers come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NewType

from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

SloId = NewType("SloId", str)
"""`"service/name"`."""


class Severity(StrEnum):
    """How fast somebody has to look."""

    PAGE = "page"
    TICKET = "ticket"


class Level(StrEnum):
    """The state of one SLO, worst first."""

    PAGE = "page"
    SPENT = "spent"
    TICKET = "ticket"
    NO_DATA = "no_data"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class EventRatio:
    """Bad events over all events, both counters."""

    bad: str
    """Series selector of the bad events' counters, without a range: `http_request_5xx_total{tier="1"}`."""
    total: str
    """Series selector of all events' counters; the bad ones are among them."""

    def bad_rate(self, window: timedelta) -> str:
        """PromQL of bad events per second; 0 (not absent) while there are events but no bad series."""
        return f"(sum(rate({self.bad}[{format_duration(window)}])) or 0 * {self.total_rate(window)})"

    def total_rate(self, window: timedelta) -> str:
        """PromQL of all events per second; absent where no series exists."""
        return f"sum(rate({self.total}[{format_duration(window)}]))"


@dataclass(frozen=True, slots=True)
class BucketRatio:
    """Events on the wrong side of a bucket boundary of a classic histogram: too slow, or too unsure."""

    histogram: str
    """Base name without `_bucket`/`_count`: `http_request_duration_seconds`."""
    threshold: Decimal
    """An existing `le` of the histogram, in the histogram's own unit."""
    matchers: str = ""
    """Label matchers without braces: `route=~"/api/learning/.*"`."""
    good: Literal["below", "above"] = "below"
    """Which side of the threshold is good; a value equal to it counts as below."""

    def _bucket_rate(self, window: timedelta) -> str:
        threshold = format_decimal(self.threshold)
        # Prometheus 3 writes le="1" as le="1.0".
        le = f'le=~"{threshold}(\\\\.0)?"' if "." not in threshold else f'le="{threshold}"'
        inner = f"{self.matchers},{le}" if self.matchers else le
        return f"sum(rate({self.histogram}_bucket{{{inner}}}[{format_duration(window)}]))"

    def bad_rate(self, window: timedelta) -> str:
        """PromQL of bad events per second."""
        bucket = self._bucket_rate(window)
        return bucket if self.good == "above" else f"({self.total_rate(window)} - {bucket})"

    def total_rate(self, window: timedelta) -> str:
        """PromQL of all events per second; absent where no series exists."""
        inner = f"{{{self.matchers}}}" if self.matchers else ""
        return f"sum(rate({self.histogram}_count{inner}[{format_duration(window)}]))"


Sli = EventRatio | BucketRatio


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """One multi-window pair: fires while burn(long) and burn(short) are both above the factor."""

    severity: Severity
    spends: Decimal
    """Share of the window's budget gone when `long` has burnt at the factor: 0.02 for the fastest page."""
    long: timedelta
    short: timedelta

    def factor(self, window: timedelta) -> Decimal:
        """Burn rate above which the pair fires, for an SLO over `window`: share · window / long."""
        second = timedelta(seconds=1)
        return self.spends * Decimal(window // second) / Decimal(self.long // second)


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective for one service."""

    id: SloId
    title: str
    """For people: "Learning API availability"."""
    objective: Decimal
    """Share of events that must be good, 0 < objective < 1, exactly as the file has it."""
    window: timedelta
    """Rolling window over which the objective holds."""
    sli: Sli
    alerts: tuple[BurnAlert, ...]
    tier: int | None = None
    owner: str | None = None
    runbook: str | None = None
    """Name of the runbook in the system's folder (without `.md`) or an address; None where there is none."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def budget(self) -> Decimal:
        """Share of events that may be bad: 1 - objective, exact."""
        return 1 - self.objective

    @property
    def service(self) -> str:
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        return self.id.partition("/")[2]
