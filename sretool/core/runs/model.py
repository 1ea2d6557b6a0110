"""What is written down about one run (a load test, an experiment, a game day), and how it ended.

The words of this module are those of `run.json`; times are aware UTC, spans seconds, shares 0..1. None is
"not measured", never 0.
"""

from __future__ import annotations

# Types of fields are looked up when files are read, so they are imported for good.
from collections.abc import Mapping  # noqa: TC003
from dataclasses import dataclass, field
from datetime import datetime, timedelta  # noqa: TC003
from enum import StrEnum

SCHEMA = 1


class RunKind(StrEnum):
    LOAD = "load"
    CHAOS = "chaos"
    GAMEDAY = "gameday"
    CAPACITY = "capacity"
    CANARY = "canary"
    SESSION = "session"
    """What somebody saw on the dashboard; it has no verdict."""


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    LOST = "lost"
    """Written as running, and nobody writes any more: its program was killed or the machine went down."""


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ABORTED = "aborted"
    """By a guard or by hand, and undone."""
    INCONCLUSIVE = "inconclusive"
    """No data, or a fault without effect: neither good nor bad."""
    ERROR = "error"
    """The run itself failed."""

    @property
    def judged(self) -> bool:
        """Whether it says something of what was tried: it was carried out to its end, and had an effect."""
        return self in (Outcome.PASSED, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was to hold."""

    name: str
    want: float | str | None = None
    """The bound as a number in `unit`, or in words."""
    got: float | str | None = None
    """None: not measured (yet)."""
    unit: str = ""
    """`"ratio"`, `"s"`, `"1/s"`; empty for words and plain counts."""
    ok: bool | None = None
    """None: not decided (yet), or could not be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    reason: str
    """One sentence."""
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadMeasures:
    """What a load test saw as a whole."""

    requests: int | None = None
    failures: int | None = None
    rate: float | None = None
    """Requests per second from the first to the last tick."""
    p50_s: float | None = None
    p90_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    p999_s: float | None = None
    max_s: float | None = None
    late_starts: int | None = None
    """Requests that left later than planned: where there are many, the figures are the generator's."""
    generator_cpu: float | None = None
    """Of one core, the busiest generator at its busiest, 0..1."""


@dataclass(frozen=True, slots=True)
class AlertMeasure:
    """One alert during a drill; a time that never came is None."""

    name: str
    pending_at: datetime | None = None
    firing_at: datetime | None = None
    received_at: datetime | None = None
    resolved_at: datetime | None = None
    expected: bool = False
    silenced: bool = False
    """Silenced or inhibited: it fired, and nobody was told."""
    before: bool = False
    """It fired before the fault already."""
    detected_s: float | None = None
    """From the fault to firing."""
    theory_s: float | None = None
    """From pending to firing at most: the rule's `for` and two evaluations."""
    took_s: float | None = None
    """From pending to firing."""


@dataclass(frozen=True, slots=True)
class TrafficMeasure:
    """The share of all requests that one instance got, 0..1, and seconds from the fault."""

    instance: str
    before: float | None = None
    least: float | None = None
    after: float | None = None
    gone_s: float | None = None
    """Until it got none; None: it always got some."""
    back_s: float | None = None
    """Until it got at least half of what it had before again."""


@dataclass(frozen=True, slots=True)
class ServerMeasure:
    """What one server acknowledged, and when it first did after the fault."""

    name: str
    acked_before: int = 0
    acked_after: int = 0
    first_ack_s: float | None = None


@dataclass(frozen=True, slots=True)
class ChaosMeasures:
    """What a drill cost and how fast it was noticed and mended."""

    rto_s: float | None = None
    rpo_s: float | None = None
    lost_writes: int | None = None
    acked_writes: int | None = None
    duplicated_writes: int | None = None
    resurrected_writes: int | None = None
    unknown_writes: int | None = None
    servers: tuple[ServerMeasure, ...] = ()
    mttd_s: float | None = None
    mttr_s: float | None = None
    dose: float | None = None
    """Measured strength of the fault as a share of what was ordered; 1 is as ordered."""
    dose_before: float | None = None
    """What the dose's probe said before, during and after the fault, in the unit of the dose."""
    dose_during: float | None = None
    dose_after: float | None = None
    budget_spent: float | None = None
    """Share of the error budget that the drill took, 0..1."""
    alerts: tuple[AlertMeasure, ...] = ()
    traffic: tuple[TrafficMeasure, ...] = ()


@dataclass(frozen=True, slots=True)
class GameDayMeasures:
    """A game day as a whole; RTO and RPO are the worst of its faults."""

    experiments: int | None = None
    """Those that were carried out."""
    experiments_passed: int | None = None
    rto_s: float | None = None
    rpo_s: float | None = None
    lost_writes: int | None = None
    acked_writes: int | None = None
    mttd_s: float | None = None
    """Mean from a fault to the first alert that tells of it."""
    mtta_s: float | None = None
    """Mean from a page to the first who takes it, by acknowledging or silencing it."""
    mttr_s: float | None = None
    """Mean from a fault until users are served as before."""
    pages: int | None = None
    pages_acked: int | None = None
    budget_spent: float | None = None
    """Share of an error budget, the worst one's, 0..1."""
    held_s: float | None = None
    undone: bool | None = None
    """Whether every fault is taken back."""


@dataclass(frozen=True, slots=True)
class Measures:
    """In `run.json` the fields of the parts stand side by side; a run has one part."""

    load: LoadMeasures | None = None
    chaos: ChaosMeasures | None = None
    gameday: GameDayMeasures | None = None


@dataclass(frozen=True, slots=True)
class RunInput:
    """A file the run was made from; its copy is in the folder's `input/`."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """`run.json`."""

    id: str
    """Short, unique, begins with a letter."""
    kind: RunKind
    title: str
    state: RunState
    started: datetime
    ended: datetime | None = None
    inputs: tuple[RunInput, ...] = ()
    targets: tuple[str, ...] = ()
    """What was loaded or disturbed: addresses, services, processes."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the programs that took part, sretool among them."""
    parent: str | None = None
    """Id of the game day this run was a step of."""
    production: bool = False
    verdict: Verdict | None = None
    """None until it is over; a lost run has none."""
    measures: Measures = field(default_factory=Measures)

    def took(self, now: datetime) -> timedelta:
        """From start to end, or to `now`."""
        return (self.ended or now) - self.started
