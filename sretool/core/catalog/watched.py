"""What a system wants to have watched beside its objectives: resources, calls, headroom, journeys, figures.

Every expression is PromQL. What a system cannot measure has no expression but a `not_configured` text that
says what would have to be set up; nothing here is ever filled in by a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sretool.units import format_decimal

if TYPE_CHECKING:
    from datetime import timedelta
    from decimal import Decimal

    from sretool.core.catalog.model import Threshold
    from sretool.core.slo.model import SloId


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured."""

    title: str
    expr: str
    unit: str
    """One of `sretool.core.catalog.spec.Unit`."""
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of thing that can be used up: hosts, replicas. One row for each that is found."""

    id: str
    title: str
    by: tuple[str, ...] = ()
    """Labels of which each combination of values is a row of its own."""
    utilisation: tuple[Measure, ...] = ()
    """Shares 0..1 of what there is; the highest is shown."""
    saturation: tuple[Measure, ...] = ()
    """Work that has to wait."""
    errors: tuple[Measure, ...] = ()
    source: str | None = None
    not_configured: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Requests that a service answers or that it sends: rate, errors, duration."""

    id: str
    title: str
    service: str | None = None
    """The service that answers, or, where `to` is given, that asks."""
    to: str | None = None
    """Id of the dependency that is asked; None: requests from outside."""
    by: tuple[str, ...] = ()
    rate: Measure | None = None
    errors: Measure | None = None
    """A share 0..1."""
    duration: Measure | None = None
    source: str | None = None
    not_configured: str | None = None


@dataclass(frozen=True, slots=True)
class Headroom:
    """Something that can become full, or fall behind."""

    id: str
    title: str
    by: tuple[str, ...] = ()
    used: str | None = None
    limit: str | float | None = None
    """PromQL or a number, in the unit of `used`; None: there is no end to it, only its growth is shown."""
    unit: str = "count"
    over: timedelta | None = None
    """How much of the past its trend is read from."""
    thresholds: tuple[Threshold, ...] = ()
    """Of the share of the limit; without a limit of the value."""
    source: str | None = None
    not_configured: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    expr: str
    """Share 0..1 of those who come to this step and pass it."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What users come to do, step by step."""

    id: str
    title: str
    sli: str | None = None
    """Share 0..1 of journeys that go well."""
    steps: tuple[Step, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    service: str | None = None
    slo: SloId | None = None
    """The objective that promises it."""
    source: str | None = None
    not_configured: str | None = None


class FigureGroup(StrEnum):
    """Where a figure is shown."""

    BUSINESS = "business"
    VITALS = "vitals"
    MONEY = "money"


class Side(StrEnum):
    """On which side of what is usual a figure is bad."""

    BELOW = "below"
    ABOVE = "above"
    BOTH = "both"


class Cycle(StrEnum):
    """What a figure repeats with: its usual is that of the same hour of past weeks, or of past days."""

    WEEK = "week"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that the business lives by."""

    id: str
    title: str
    group: FigureGroup = FigureGroup.BUSINESS
    expr: str | None = None
    unit: str = "count"
    """One of `sretool.core.catalog.spec.FigureUnit`."""
    currency: str | None = None
    """Of money."""
    by: tuple[str, ...] = ()
    bad: Side = Side.BOTH
    cycle: Cycle = Cycle.WEEK
    thresholds: tuple[Threshold, ...] = ()
    source: str | None = None
    not_configured: str | None = None


@dataclass(frozen=True, slots=True)
class Apdex:
    """How content users are with the speed: satisfied count whole, tolerating half, the others not at all."""

    id: str
    title: str
    histogram: str | None = None
    satisfied: Decimal | None = None
    """In the histogram's unit; one of its bucket boundaries."""
    tolerating: Decimal | None = None
    """Four times `satisfied` by the definition."""
    matchers: str = ""
    thresholds: tuple[Threshold, ...] = ()
    source: str | None = None
    not_configured: str | None = None

    @property
    def expr(self) -> str | None:
        """PromQL of the score 0..1; absent without requests."""
        if self.histogram is None or self.satisfied is None or self.tolerating is None:
            return None
        satisfied, tolerating = (self._below(each) for each in (self.satisfied, self.tolerating))
        inner = f"{{{self.matchers}}}" if self.matchers else ""
        total = f"sum(rate({self.histogram}_count{inner}[5m]))"
        return f"({satisfied} + {tolerating}) / 2 / ({total} > 0)"

    def _below(self, threshold: Decimal) -> str:
        text = format_decimal(threshold)
        # Prometheus 3 writes le="1" as le="1.0".
        le = f'le="{text}"' if "." in text else f'le=~"{text}(\\\\.0)?"'
        inner = f"{self.matchers},{le}" if self.matchers else le
        return f"sum(rate({self.histogram}_bucket{{{inner}}}[5m]))"


@dataclass(frozen=True, slots=True)
class Probe:
    """A look from outside: 1 where it went well."""

    id: str
    title: str
    expr: str | None = None
    by: tuple[str, ...] = ()
    """Labels of the place it looks from."""
    source: str | None = None
    not_configured: str | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything of this module that a catalog says."""

    resources: tuple[Resource, ...] = ()
    calls: tuple[Call, ...] = ()
    headroom: tuple[Headroom, ...] = ()
    journeys: tuple[Journey, ...] = ()
    figures: tuple[Figure, ...] = ()
    apdex: tuple[Apdex, ...] = ()
    probes: tuple[Probe, ...] = ()
