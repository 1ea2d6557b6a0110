"""What sretool knows about a system: its parts, what they promise, how it is watched and who looks after it.

A catalog may be one file of SLOs or the whole folder of a bundled system; what a file leaves out is an empty
tuple, mapping or text here. How the files spell it is the business of `sretool.core.catalog.spec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sretool.core.catalog.oncall import OnCall
from sretool.core.catalog.watched import Watched
from sretool.core.slo import policy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from decimal import Decimal

    from sretool.core.catalog.kpis import Kpi
    from sretool.core.slo.model import Severity, Slo, SloId
    from sretool.errors import Problem

RECEIVER_URL = "RECEIVER_URL"
"""Stands in an Alertmanager configuration where the base address of the webhook receiver belongs."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A team or a duty that answers for something."""

    id: str
    title: str
    contact: str | None = None
    duties: str | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """What services of one importance promise."""

    number: int
    """1 is the most important."""
    title: str
    availability: Decimal
    """Share of requests that must succeed."""
    latency_p95: timedelta
    error_ratio: Decimal
    """Share of requests that may fail."""


@dataclass(frozen=True, slots=True)
class Service:
    """Something with objectives of its own; the part of an SLO's id before the slash."""

    id: str
    title: str
    owner: str | None = None
    tier: int | None = None
    job: str | None = None
    """Its `job` label in Prometheus."""
    parts: tuple[str, ...] = ()
    """Ids of the dependencies it is made of."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A node of the topology: a part of the system, or something it buys."""

    id: str
    title: str
    needs: tuple[str, ...] = ()
    """Ids of the dependencies it calls."""
    provider: str | None = None
    """None: run by ourselves."""
    sla: Decimal | None = None
    """What the provider promises, as a ratio; None where nothing is promised."""
    breaks: str | None = None
    """What users lose while it is down."""
    fallback: str | None = None
    up: str | None = None
    """PromQL: above 0 while it works; None: nobody looks."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a critical path; `parts` are what its own budget is spent on."""

    title: str
    budget: timedelta
    parts: tuple[Hop, ...] = ()
    measured: str | None = None
    """PromQL of the time it takes, in `unit`; None: it is not measured."""
    unit: str = "s"
    """`"s"` or `"ms"`."""


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """What happens, in order, between a user's action and the answer."""

    id: str
    title: str
    hops: tuple[Hop, ...] = ()
    guarantees: tuple[str, ...] = ()
    service: str | None = None
    """Whose path it is; None: of every service."""

    @property
    def budget(self) -> timedelta | None:
        """Sum over the hops; None where the path has no latency budget."""
        if not self.hops:
            return None
        first, *rest = (hop.budget for hop in self.hops)
        return sum(rest, first)


@dataclass(frozen=True, slots=True)
class Impact:
    """What an outage of one module does to the users."""

    module: str
    tier: int
    breaks: str
    users: str


@dataclass(frozen=True, slots=True)
class DegradationLevel:
    """One step of giving up features in order to keep the rest alive."""

    level: int
    title: str
    trigger: str
    measures: tuple[str, ...]
    effect: str


@dataclass(frozen=True, slots=True)
class RecoveryObjective:
    """How fast one kind of failure must be over, and how much data it may cost."""

    failure: str
    rto: timedelta
    rpo: timedelta
    strategy: str


class Bound(StrEnum):
    """Which side of a target's value is good."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Target:
    bound: Bound
    value: float
    """In the unit of the indicator."""


@dataclass(frozen=True, slots=True)
class Sli:
    """One indicator: a PromQL query that yields one value, or one per group."""

    id: str
    title: str
    group: str
    """`"availability"`, `"latency"`, `"learning"`, …: where a list of indicators puts it."""
    query: str
    unit: str
    """One of `sretool.core.catalog.spec.Unit`: `"ratio"`, `"s"`, `"ms"`, `"per_s"`, …"""
    target: Target | None = None
    meaning: str | None = None


@dataclass(frozen=True, slots=True)
class PanelQuery:
    expr: str
    """PromQL."""
    legend: str | None = None
    """Text with `{{label}}`; None: the series' labels."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From `value` on (upwards, or downwards where `bound` is below) a panel is in `state`."""

    bound: Bound
    value: float
    state: str
    """`"warn"`, `"bad"` or `"emergency"`."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. Either it has queries or `not_configured` says what would have to be set up."""

    title: str
    kind: str
    unit: str
    row: str | None
    """Heading it stands under."""
    queries: tuple[PanelQuery, ...]
    thresholds: tuple[Threshold, ...] = ()
    source: str | None = None
    """Which exporter or program the figures are from."""
    not_configured: str | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    id: str
    title: str
    refresh: timedelta
    range: timedelta
    """How much of the past its charts show."""
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class System:
    """Everything a set of catalog files says."""

    name: str
    title: str
    services: tuple[Service, ...] = ()
    tiers: tuple[Tier, ...] = ()
    owners: tuple[Owner, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    slis: tuple[Sli, ...] = ()
    slos: tuple[Slo, ...] = ()
    places: Mapping[SloId, tuple[str, int]] = field(default_factory=dict)
    """File and line where each SLO is declared."""
    warnings: tuple[Problem, ...] = ()
    """What other tools' files say that is left out or read in another way."""
    severities: Mapping[Severity, str] = field(default_factory=dict)
    """What the `severity` labels of alerts are called where not page and ticket."""
    dashboards: tuple[Dashboard, ...] = ()
    rule_files: Mapping[str, str] = field(default_factory=dict)
    """Prometheus rule files by file name, as written (never scaled)."""
    alertmanager: str = ""
    """Alertmanager configuration with `RECEIVER_URL` in it; empty where the catalog has none."""
    runbooks: Mapping[str, str] = field(default_factory=dict)
    """Markdown by the name that rules and SLOs refer to."""
    critical_paths: tuple[CriticalPath, ...] = ()
    impacts: tuple[Impact, ...] = ()
    degradation: tuple[DegradationLevel, ...] = ()
    recovery: tuple[RecoveryObjective, ...] = ()
    policy: policy.Policy = policy.DEFAULT
    """The standard one where the catalog has none."""
    oncall: OnCall = field(default_factory=OnCall)
    """Empty where the catalog says nothing of it."""
    watched: Watched = field(default_factory=Watched)
    """What is watched beside the objectives."""
    load_targets: tuple[str, ...] = ()
    """Hosts or addresses that may be put under load."""
    kpis: tuple[Kpi, ...] = ()
    """Those of `sretool.core.catalog.kpis` where the catalog names none."""

    def slo(self, slo_id: SloId) -> Slo | None:
        return next((slo for slo in self.slos if slo.id == slo_id), None)
