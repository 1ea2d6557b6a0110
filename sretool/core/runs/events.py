"""What happens during a run, in the words of `events.jsonl`.

The live screen, the verdict and the report all fold these and nothing else. An event says what happened and
carries its figures; it never says what the reader should think of them.
"""

from __future__ import annotations

# Types of fields are looked up when lines are read, so they are imported for good.
from collections.abc import Mapping  # noqa: TC003
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003
from typing import Any, Final, TypeAlias

from sretool.core.analysis.latency import Counts  # noqa: TC001
from sretool.core.runs.model import (
    ChaosMeasures,
    Check,
    LoadMeasures,
    Measures,
    Outcome,
    RunKind,
    Verdict,
)

WARM_UP: Final = "warm-up"
"""The phase whose load is shown and never counted."""


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    name: str
    seconds: float | None = None
    """None: as long as it takes."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a game day."""

    id: str
    kind: str
    """`load`, `capacity`, `experiment`, `rounds`, `dose`, `wait`, `wait for`, `ask`, `check`."""
    title: str
    role: str = ""
    """Whose answer it waits for."""
    hidden: bool = False
    """Whoever responds is not told what it is before it is over."""
    earliest_s: float | None = None
    """When it begins at the earliest, seconds after the game day's begin; None: not known."""
    latest_s: float | None = None
    """When it is over at the latest; None: not known."""
    noted: bool = False
    """What comes of it is only written down: that it failed alone makes no game day fail."""


@dataclass(frozen=True, slots=True)
class Started:
    kind: RunKind
    title: str
    seconds: float | None = None
    """How long the whole is planned to take; None: not known."""
    phases: tuple[PlannedPhase, ...] = ()
    checks: tuple[Check, ...] = ()
    """What is to hold, `got` and `ok` still None."""
    guards: tuple[str, ...] = ()
    """What ends it early, each in words: `budget use > 2%`."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Role → name: lead, scribe, on-call."""
    blast_radius: tuple[str, ...] = ()
    """What can be hurt, each in words."""
    users: int | None = None
    """The most users or the highest rate the load is planned to reach; None: no load, or not known."""
    criteria: Mapping[str, Any] = field(default_factory=dict)
    """What an experiment's verdict is made by, as `core.plans.chaos.criteria` writes it."""
    plan_hash: str = ""
    """Of the plan that was run; empty: there was none."""
    steps: tuple[PlannedStep, ...] = ()
    """Of a game day, in their order."""


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    name: str


@dataclass(frozen=True, slots=True)
class RequestTick:
    """One kind of request during one tick."""

    name: str
    """`POST /answer`."""
    requests: int
    """Failed ones included."""
    failures: int
    latency: Counts = ()
    """Of all of them, failed ones included: (number of a `core.analysis.latency` bucket, requests in it)."""
    bytes: int = 0
    """Of their bodies."""
    least: float | None = None
    """Exact lowest latency, seconds; None: no closer known than by its bucket."""
    most: float | None = None
    """Exact highest latency, seconds; None: no closer known than by its bucket."""
    total: float | None = None
    """Sum of the latencies, seconds; None: no closer known than by their buckets."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Why the failed ones failed, by the error's words."""


@dataclass(frozen=True, slots=True)
class WorkerTick:
    """One generator of load."""

    name: str
    cpu: float | None
    """Of one core, 0..1."""


@dataclass(frozen=True, slots=True)
class LoadTick:
    """The load of one short time: differences since the tick before, never running averages."""

    seconds: float
    """Length of this tick."""
    users: int | None
    """Users at work, or None where requests leave at a rate instead."""
    requests: tuple[RequestTick, ...]
    target_rate: float | None = None
    """Requests per second that were planned for this moment."""
    late_starts: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    """What failed beside what `requests` tell, by the error's words."""
    workers: tuple[WorkerTick, ...] = ()
    lag_s: float | None = None
    """The longest that a generator's event loop kept anything waiting in this tick; None: not measured."""
    in_flight: int | None = None
    """Requests without a reply at the end of this tick; None: not known."""


@dataclass(frozen=True, slots=True)
class ChaosStep:
    """An action or a probe of an experiment began or ended."""

    section: str
    """`hypothesis`, `method`, `rollbacks`."""
    name: str
    what: str
    """`action` or `probe`."""
    state: str
    """`started`, `ok`, `failed`."""
    text: str = ""
    value: float | None = None
    """What a probe answered, where that is a number; None: it is none, or not finite."""
    met: bool | None = None
    """Whether a probe of the method answered as wanted; None: nothing is wanted, or nobody knows."""


@dataclass(frozen=True, slots=True)
class SteadyState:
    """The hypothesis of an experiment was asked."""

    when: str
    """`before`, `during` or `after` the method."""
    met: bool | None
    """None: nobody knows, as a probe failed or there is none."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class FaultOn:
    """A fault is about to be made. A helper that is only put away afterwards (a ledger, a proxy) is none."""

    fault: str
    """Names it within this run."""
    text: str
    """`latency 200ms app-1 → pg-1`."""
    target: str = ""
    undo_ready: bool = False
    """Whether its undo was on the disk before it was applied."""
    seconds: float | None = None
    """How long it is planned to stay; None: not known."""


@dataclass(frozen=True, slots=True)
class FaultOff:
    fault: str
    how: str = "undone"
    """`ended`, `undone`, `expired`, `healed`."""
    ok: bool = True
    """False: it could not be undone; where a later attempt can, the fault is told off again."""


@dataclass(frozen=True, slots=True)
class SloTick:
    slo: str
    sli: float | None
    burn: float | None = None
    budget_spent: float | None = None
    """Share of the budget spent since the run began, 0..1."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    name: str
    state: str
    """`pending`, `firing`, `received` (by Alertmanager), `acknowledged`, `silenced`, `inhibited`,
    `resolved`."""
    severity: str | None = None
    fingerprint: str = ""
    expected: bool | None = None
    """Whether the plan said it would come; None: the plan says nothing about it."""
    by: str = ""
    """Who acknowledged."""
    since: datetime | None = None
    """Since when it is so by the clock of whoever says it; None: since it was seen, at the latest."""
    for_s: float | None = None
    """The rule's `for`; None: not known."""
    interval_s: float | None = None
    """From one evaluation of the rule to the next; None: not known."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """Whether somebody who is asked all the time answers.

    Told at the start, at every change, and a last time when watching ends: silence about alerts means
    something only where this says that they could be seen.
    """

    source: str
    """`prometheus`, `alertmanager`."""
    ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class ProcessChange:
    name: str
    state: str
    """`started`, `ended`, `killed`, `paused`, `promoted`, …"""
    pid: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ServerWrites:
    """Writes that one server acknowledged."""

    name: str
    acked_before: int = 0
    """Before the fault."""
    acked_after: int = 0
    """After it; of a server that was hurt: what was under way."""
    first_ack_after_t: float | None = None
    """Seconds from the fault to its first acknowledgement after it."""


@dataclass(frozen=True, slots=True)
class WritesFound:
    """What a client that kept a ledger of its writes found after recovery; None: not known."""

    acked: int | None = None
    lost: int | None = None
    """Acknowledged and not there."""
    duplicated: int | None = None
    """There more than once."""
    resurrected: int | None = None
    """Refused, and there all the same."""
    unknown: int | None = None
    """Without an answer: they may be there or not."""
    rto_s: float | None = None
    """From the fault until writes succeed again for good."""
    rpo_s: float | None = None
    """How long before the fault the oldest lost write was acknowledged; 0: none is lost."""
    first_failed_after_s: float | None = None
    """From the fault to the first write that failed; None: none did."""
    servers: tuple[ServerWrites, ...] = ()
    promoted: bool | None = None
    """Whether a server acknowledges that did not before the fault; None also where none was to."""
    split_brain: bool | None = None
    """Whether more than one server took writes at the same time."""
    redundant: bool | None = None
    """Whether every copy is back and receives what is written."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class TrafficTick:
    """How much of all requests one instance gets."""

    instance: str
    share: float | None
    """0..1; None: not known."""


@dataclass(frozen=True, slots=True)
class RunnerEnded:
    """The program that plays the experiment is gone."""

    status: str
    """In Chaos Toolkit's words (`completed`, `interrupted`, `aborted`, `failed`), or `crashed`."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class WatchEnded:
    """Nobody looks any more: everything is as before, or the deadline has come."""

    events: int
    """How many were written down before this one."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A check was measured again; the last one of a name counts."""

    check: Check


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a check came out as it did, or how two views of it differ; the last one of a name counts."""

    check: str
    """Its name, or that of the objective that several checks are about."""
    text: str


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Some seconds of a search for the highest rate, all at one rate; rates are per second."""

    phase: str
    """`grow`, `hold`, `confirm`."""
    asked: float
    """Arrivals."""
    seconds: float
    rate: float
    """Requests that left."""
    done: float
    """Requests that were answered."""
    good: float
    """Requests that were answered well."""
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    held: bool | None = None
    """Whether the objectives held; None: the generator was at its end, so nobody can tell."""
    why: tuple[str, ...] = ()
    """What did not hold."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Whether a stage of growth can be carried."""

    name: str
    rate: float
    """Requests per second."""
    carries: bool | None
    """None: it lies between what was confirmed and what was refuted, or nobody knows."""
    headroom: float | None
    """What is left beyond it as a share of it; below 0 where it is too much."""


@dataclass(frozen=True, slots=True)
class CapacityFound:
    """The highest rate that holds the objectives; rates are requests per second."""

    lower: float | None
    """Confirmed to hold."""
    upper: float | None
    """Refuted."""
    knee: float | None
    """From where on answers do not follow any more."""
    rounds: int = 0
    """Times that the lower rate held."""
    why: tuple[str, ...] = ()
    """What broke first above it."""
    resource: str = ""
    """What of the servers rose to its line first; empty: not known."""
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardTripped:
    guard: str
    text: str
    """What was measured against what."""


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class StepBegan:
    """A step of a game day began."""

    step: str


@dataclass(frozen=True, slots=True)
class StepRun:
    """The run folder that a step writes; its `parent` is the game day."""

    step: str
    run: str
    """Name of the folder, beside the game day's own."""


@dataclass(frozen=True, slots=True)
class StepEnded:
    step: str
    outcome: Outcome
    why: str = ""
    """Empty where it came out as it should."""
    undone: bool = True
    """False: a fault of it is still in."""
    chaos: ChaosMeasures | None = None
    """Of its run, where that is an experiment; `load` likewise."""
    load: LoadMeasures | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody is to answer."""

    step: str
    role: str
    question: str
    answers: tuple[str, ...] = ()
    """Empty: any text."""
    seconds: float | None = None
    """How long the answer is waited for."""


@dataclass(frozen=True, slots=True)
class Answer:
    step: str
    answer: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The answer is no longer waited for."""

    step: str


@dataclass(frozen=True, slots=True)
class Held:
    """No step begins until `WentOn`."""

    by: str = ""


@dataclass(frozen=True, slots=True)
class WentOn:
    by: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth finding again."""

    by: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ResourceUsed:
    """How much of something was used up at most while a step of a game day went on."""

    step: str
    resource: str
    """As the catalog calls it: `Replica cpu app-1`."""
    most: float
    """A share 0..1, or in the unit of `line`."""
    line: float | None = None
    """From where on the catalog calls it used up; None: it does not say."""


@dataclass(frozen=True, slots=True)
class GateSaid:
    """What the error budget policy says to a change."""

    change: str
    """Its kind, in the policy's words."""
    outcome: str
    """`go`, `stop`, `unknown`."""
    reason: str
    slo: str = ""
    """The objective that decides; empty: none does."""
    budget_left: float | None = None
    """Share of its budget, 0..1, below 0 where more than all is spent."""
    needs: str = ""
    """What the change needs besides; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Finished:
    verdict: Verdict
    measures: Measures = field(default_factory=Measures)


What: TypeAlias = (
    Started | PhaseBegan | LoadTick | ChaosStep | SteadyState | FaultOn | FaultOff | SloTick | AlertChange
    | SourceState | ProcessChange | WritesFound | TrafficTick | RunnerEnded | WatchEnded | Checked | Explained
    | CurvePoint | CapacityFound | GuardTripped | Note | StepBegan | StepRun | StepEnded | Asked | Answer
    | Withdrawn | Held | WentOn | Mark | ResourceUsed | GateSaid | Finished
)  # fmt: skip

DECISIVE: tuple[type, ...] = (
    Started, PhaseBegan, SteadyState, FaultOn, FaultOff, WritesFound, RunnerEnded, WatchEnded, GuardTripped,
    Note, StepBegan, StepRun, StepEnded, Answer, Held, WentOn, Mark, GateSaid, Finished,
)  # fmt: skip
"""Those a heal or a verdict depends on: they are on the disk before the program goes on."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of `events.jsonl`."""

    at: datetime
    t: float
    """Seconds since the run began, by a clock that nobody sets."""
    what: What
