"""What services need from the outside, as protocols; adapters implement them, tests fake them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from sretool.core.alerting.silences import NewSilence, Silence
    from sretool.core.analysis.recording import Points
    from sretool.core.observe.drills import Announcement
    from sretool.core.observe.model import (
        Alert,
        Change,
        Drill,
        Rule,
        RuleAlert,
        Sample,
        Series,
        Snapshot,
    )
    from sretool.core.plans.load.messages import Ended
    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.runs.events import LoadTick, ProcessChange, RunEvent, What
    from sretool.core.runs.model import Measures, RunRecord, Verdict
    from sretool.undo.entry import Standing
    from sretool.undo.heal import Healed


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
    fallbacks: tuple[Endpoint, ...] = ()
    """Servers that hold the same, asked in this order where this one does not answer."""


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


class Served(Protocol):
    """Something that several servers may answer."""

    @property
    def address(self) -> str | None:
        """Of the server that answers now; None where there is only one."""
        ...

    def turn_away(self) -> bool:
        """Ask another server from now on; whether there is one."""
        ...

    def remarks(self) -> Sequence[str]:
        """What servers said beside their answers since this was last asked: parts are missing, a query is
        doubtful (`info: …`)."""
        ...


class WatchedMetrics(MetricsSource, Served, Protocol):
    """What a watch reads figures from."""


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


class Diary(Protocol):
    """What people and programs of the project wrote down. Never raises: what cannot be read is not there."""

    def changes(self) -> Sequence[Change]:
        """Every mark on hand, oldest first."""
        ...

    def drills(self) -> Sequence[Drill]:
        """Those that are running."""
        ...


class SnapshotKeeper(Protocol):
    """Where the last snapshot outlives the program. Never raises: what cannot be kept is not there."""

    def last(self) -> Snapshot | None: ...

    def keep(self, snapshot: Snapshot) -> None:
        """Called often; decides itself how often it writes."""
        ...

    def close(self) -> None: ...


class AlertSource(Protocol):
    """An Alertmanager. Every method raises a `SourceError` and nothing else."""

    async def alerts(self) -> Sequence[Alert]:
        """Active, silenced and inhibited ones."""
        ...

    async def silences(self) -> Sequence[Silence]:
        """All that are remembered: those to come, active ones, and expired ones for a while."""
        ...

    async def aclose(self) -> None: ...


class WatchedAlerts(AlertSource, Served, Protocol):
    """What a watch reads alerts from."""


class AlertDesk(AlertSource, Protocol):
    """An Alertmanager that is also told what to do. Every method raises a `SourceError` and nothing else."""

    async def silence(self, silence: NewSilence) -> str:
        """Create a silence, or change the one of its id; gives the id it has now."""
        ...

    async def expire(self, silence: str) -> None:
        """End a silence now."""
        ...

    async def configuration(self) -> str:
        """What it routes by, as YAML."""
        ...


class RuleAlertSource(Protocol):
    """A server that evaluates alert rules. Every method raises a `SourceError` and nothing else."""

    async def rule_alerts(self) -> Sequence[RuleAlert]:
        """Every alert that is pending or fires."""
        ...

    async def aclose(self) -> None: ...


class DrillBoard(AlertSource, Protocol):
    """An Alertmanager at which drills are announced. Every method raises a `SourceError` and nothing else."""

    async def announce(self, alert: Announcement) -> None: ...


@dataclass(frozen=True, slots=True)
class ProcessNow:
    """One process of the system that is disturbed, as whoever supervises it has it."""

    name: str
    pid: int | None
    state: str
    ready: bool
    restarts: int


class ProcessSource(Protocol):
    """Who supervises the processes of the system. Never raises: what cannot be read has no processes."""

    def processes(self) -> Sequence[ProcessNow]: ...


class ChaosSession(Protocol):
    """One experiment at work: `start`, read `events` to their end, then `finish`."""

    async def start(self, given: Mapping[str, Any], *, environment: Mapping[str, str]) -> None:
        """Raises ChaosError where it cannot begin; then nothing was hurt."""
        ...

    def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """What the program that plays it tells, until that ends."""
        ...

    @property
    def stands_still(self) -> bool:
        """Whether somebody has stopped the program that plays it."""
        ...

    async def warden_lost(self) -> None:
        """Returns when nobody but us would undo any more."""
        ...

    def standings(self) -> Sequence[Standing]:
        """What the undo log says of every fault."""
        ...

    async def heal(self) -> Healed:
        """Undo everything now; no further fault is made after that."""
        ...

    async def finish(self) -> Healed:
        """End whoever still makes faults, undo what is open, look once more, and let go."""
        ...


class LoadChild(Protocol):
    """Load that an experiment brings, made by a program of its own."""

    async def start(self) -> None:
        """ChaosError where it cannot be made."""
        ...

    async def lost(self) -> str:
        """Returns, with the reason, when it has ended without being told to."""
        ...

    async def stop(self) -> None: ...


class ChildProgram(Protocol):
    """A `sretool` of its own that carries out a step of a game day. It ends with us, however we end."""

    async def start(self) -> None:
        """ChaosError where it cannot be started."""
        ...

    async def wait(self) -> int:
        """Its return code, when it has ended."""
        ...

    def stop(self) -> None:
        """Ask it to end in order; what it does not heed long enough ends it at once."""
        ...

    def said(self) -> str:
        """Its last words, where something went wrong; may be empty."""
        ...


class ChildFolder(Protocol):
    """The run folder that such a program writes."""

    @property
    def name(self) -> str:
        """Empty as long as there is none."""
        ...

    def events(self) -> Sequence[RunEvent]:
        """What is new since this was last asked."""
        ...

    def record(self) -> RunRecord | None:
        """As it is on record now; None where there is none, or it cannot be read."""
        ...

    async def settle(self) -> Sequence[str]:
        """Its program has ended: undo what that has left in. What could not be undone, each in words."""
        ...


class LoadSession(Protocol):
    """Load that is being made."""

    @property
    def workers(self) -> Sequence[str]:
        """Of those that began."""
        ...

    @property
    def scenarios(self) -> Sequence[str]:
        """User classes that take part."""
        ...

    @property
    def versions(self) -> Mapping[str, str]: ...

    @property
    def ended(self) -> Ended | None:
        """How it ended; None before the last tick."""
        ...

    def ticks(self) -> AsyncIterator[LoadTick]:
        """One a second until it is over; the last one comes when nothing is under way any more.

        Raises LoadFailed where the load breaks off.
        """
        ...

    async def set_rate(self, rate: float) -> None:
        """Arrivals a second from now on. Only of an open model."""
        ...

    async def stop(self) -> None:
        """Nothing new begins; what is under way may end. `ticks` ends by itself then."""
        ...

    async def aclose(self) -> None:
        """At once, and nothing of it is left running."""
        ...


class LoadDriver(Protocol):
    """What makes load."""

    async def start(
        self, plan: LoadPlan, *, changed: Callable[[ProcessChange], None] = ..., log: Path | None = None
    ) -> LoadSession:
        """Begin. `changed` is told of workers that come, go or are lost; what the locustfile and Locust say
        goes to `log`.

        Raises UsageError where the plan or its locustfile is impossible, LoadFailed where it went wrong.
        """
        ...


class RunJournal(Protocol):
    """A run that is being written down."""

    @property
    def run(self) -> RunRecord:
        """As it is on record now."""
        ...

    def record(self, what: What) -> RunEvent:
        """One more event, of now."""
        ...

    def finish(self, verdict: Verdict, measures: Measures | None = None) -> None:
        """The run is over."""
        ...


class ExperimentJournal(RunJournal, Protocol):
    """Where an experiment is written down while it goes on; OSError where the disk takes nothing."""

    @property
    def folder(self) -> Path: ...

    def elapsed(self) -> float:
        """Seconds since the run began, by a clock that nobody sets."""
        ...

    def record(self, what: What, *, at: datetime | None = None, t: float | None = None) -> RunEvent: ...

    def look(self) -> object:
        """Whether what is recorded can be read; FileNotFoundError where somebody has deleted it."""
        ...
