"""What a dashboard knows at one moment: whole, immutable, with the age of every part."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from sretool.core.alerting.acks import Ack
    from sretool.core.catalog.model import Dependency
    from sretool.core.slo.model import BurnAlert, Level, Severity, Slo, SloId
    from sretool.core.slo.policy import GateState


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series. NaN and ±Inf of the wire are kept out: no data is no Sample."""

    labels: Mapping[str, str]
    """With `__name__` where the series has a name."""
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series over a range; `points` in time order, gaps simply absent."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as a server lists it."""

    name: str
    """Of the series it records, or of the alert."""
    expr: str
    labels: Mapping[str, str]
    alert: bool


@dataclass(frozen=True, slots=True)
class RuleAlert:
    """One alert as the server that evaluates its rule has it."""

    name: str
    labels: Mapping[str, str]
    """Without `alertname`."""
    firing: bool
    """False: pending."""
    since: datetime | None
    """When its expression became true."""
    for_s: float
    """The rule's `for` in seconds."""
    interval_s: float | None
    """Seconds from one evaluation to the next; None: not told."""


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as Alertmanager knows it."""

    fingerprint: str
    name: str
    severity: Severity | None
    """None where the alert carries no `severity` label that is page or ticket."""
    state: AlertState
    since: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    slo: SloId | None = None
    """The SLO it belongs to, by its `slo` label."""
    receivers: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    """Ids of the silences that hide it."""
    ack: Ack | None = None
    """Who has taken it, where nothing but an acknowledgement hides it."""


_INFO = "info: "
"""What a remark begins with that only informs."""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How one source did in this refresh."""

    name: str
    """`"prometheus"`, `"alertmanager"`."""
    ok: bool
    checked_at: datetime
    latency: timedelta | None
    """None where no answer came."""
    error: str | None
    """One line; None where ok."""
    good_at: datetime | None
    """When this source last answered; None: never."""
    data_at: datetime | None
    """Time of its newest sample: an answer with old samples is old data. None: no samples, or not known."""
    remedy: str | None = None
    """What can be done about the error; None where ok or nothing is known."""
    cause: str | None = None
    """The error in a few words, without the server's name and address; None where ok."""
    endpoint: str | None = None
    """Which of several servers answered last; None: there is only one, or none has answered."""
    remarks: tuple[str, ...] = ()
    """What the server said beside its last answer: parts are missing, a query is doubtful."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks without those that only inform."""
        return tuple(each for each in self.remarks if not each.startswith(_INFO))


@dataclass(frozen=True, slots=True)
class Drill:
    """A game day, fault or load test that is running now: caused by us on purpose."""

    name: str
    started: datetime
    services: tuple[str, ...] = ()
    """What it may hurt; empty: anything."""
    ends: datetime | None = None
    runs: tuple[str, ...] = ()
    """Ids of the runs that it is: its own, those that are its steps, the one that it is a step of."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What looks at the system from outside and saw it answer, or not."""

    name: str
    up: bool
    at: datetime
    dependency: str | None = None
    """Id of the dependency it looks at; None: at the system itself."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What a server scrapes under one `job` label."""

    job: str
    up: int
    """Those that answered a scrape of the last minute."""
    of: int


@dataclass(frozen=True, slots=True)
class Down:
    """A dependency that its own measure says does not work."""

    dependency: str
    """Its id."""
    since: datetime
    """When that was first seen."""


@dataclass(frozen=True, slots=True)
class DeadMan:
    """The alert that always fires, so that its absence shows that alerting is broken."""

    name: str
    """As last seen, or as the catalog's rules call it."""
    seen_at: datetime | None
    """None: not once since the watch began."""
    missing_since: datetime | None
    """None: it is there."""


@dataclass(frozen=True, slots=True)
class SloStatus:
    """One SLO at one moment. None always means "no data", never 0."""

    slo: Slo
    at: datetime
    """Time of the newest sample behind these figures."""
    sli: float | None
    """Good share over the SLO's window."""
    sli_1h: float | None
    good: float | None
    """Good events in the window."""
    total: float | None
    """All events in the window."""
    budget_left: float | None
    """1 untouched, below 0 overspent; never clamped."""
    burns: Mapping[timedelta, float | None]
    """Burn rate by window length: 1 spends the budget exactly in the SLO's window."""
    firing: tuple[BurnAlert, ...]
    level: Level
    coverage: float | None
    """Share of the SLO's window that has data, 0..1."""
    exhausts_in: timedelta | None = None
    """When the budget reaches 0 at the present burn, old errors expiring meanwhile; None: it does not."""
    recovers_in: timedelta | None = None
    """When an overspent budget is above 0 again; None: it does not, or it is not overspent."""
    problem: str | None = None
    """Why the figures over the window cannot be right and are left out; None: nothing is wrong."""
    unmatched: tuple[str, ...] = ()
    """Selectors that match no series on the server; known only of SLOs without data."""
    blind: Targets | None = None
    """What counts its events, where nothing of that answers: what users meet now is in no figure of these."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One refresh: made also when half the sources are down."""

    seq: int
    at: datetime
    took: timedelta
    statuses: tuple[SloStatus, ...]
    """One per SLO of the catalog, worst first (page, spent, ticket, no data, ok by budget left)."""
    alerts: tuple[Alert, ...]
    """Firing ones first, pages before tickets, oldest first; of the last time Alertmanager answered."""
    sources: tuple[SourceHealth, ...]
    changes: tuple[Change, ...] = ()
    marks: tuple[Change, ...] = ()
    """Every change that somebody wrote down, oldest first: for charts that go further back than `changes`."""
    gate: GateState | None = None
    """What the error budget policy lets pass now; None: no budget is known, or nobody asked."""
    drills: tuple[Drill, ...] = ()
    """Those that are running."""
    probes: tuple[Probe, ...] = ()
    targets: tuple[Targets, ...] = ()
    """By job."""
    dead_man: DeadMan | None = None
    """None: none is expected, or alerts are not known."""
    dependencies: tuple[Dependency, ...] = ()
    """What the system stands on, as its catalog says."""
    down: tuple[Down, ...] = ()
    """Those of `dependencies` whose measure says so, in the order of ids."""

    def source(self, name: str) -> SourceHealth | None:
        return next((source for source in self.sources if source.name == name), None)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened and may explain a burn: a restart, an alert's start, a deploy."""

    at: datetime
    kind: str
    """`"restart"`, `"alert"`, `"resolved"`, `"source"`; of marks `"deploy"`, `"flag"`, `"scale"`,
    `"note"`."""
    text: str
    labels: Mapping[str, str] = field(default_factory=dict)
    pattern: str = field(default="", compare=False)
    """Where the text is ours and nobody else's: with `{name}` for each of `values`, for other languages."""
    values: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def told(
        cls, at: datetime, kind: str, pattern: str, labels: Mapping[str, str] | None = None, **values: str
    ) -> Change:
        """One in words of our own."""
        return cls(at, kind, pattern.format(**values), labels or {}, pattern, values)


@dataclass(frozen=True, slots=True)
class SloHistory:
    """Where the budget of one SLO went."""

    slo: SloId
    at: datetime
    budget_left: tuple[tuple[datetime, float], ...]
    """Over the SLO's window, `budget_step` apart: what was left of today's window budget at that time."""
    budget_step: timedelta
    used: Mapping[timedelta, float | None]
    """Share of the budget that the last 1 h, 6 h, 1 d, 3 d and the whole window took; None: no data."""
