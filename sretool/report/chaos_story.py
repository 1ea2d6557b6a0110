"""An experiment as its events tell it: when what was in, what was measured, who noticed and when.

Beside `core.runs.story.Story`, which tells every kind of run, this keeps what pictures over time need: spans
and readings by the run's own clock, in seconds since it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.criteria import Criteria
from sretool.core.runs import events
from sretool.errors import RunUnreadable
from sretool.report.run import RunReport

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import ChaosMeasures, RunRecord

Point = tuple[float, float | None]
"""Seconds since the run began, and a reading."""


@dataclass(slots=True)
class Fault:
    """One fault, with the tag it has in pictures and tables."""

    tag: str
    fault: str
    text: str
    target: str
    undo_ready: bool
    begin: float
    end: float | None = None
    """None: it is still in, as far as anybody knows."""
    how: str = ""
    ok: bool = True
    """False: its undo failed."""


@dataclass(slots=True)
class Moment:
    """A state of an alert, for as long as it lasted."""

    state: str
    begin: float
    end: float | None = None


@dataclass(slots=True)
class Alert:
    """One alert through the run, all that its rule fired for together; None: it never was in a state."""

    tag: str
    name: str
    severity: str | None
    expected: bool | None
    instances: dict[str, list[Moment]] = field(default_factory=dict)
    """What tells them apart → `pending` and `firing`, in their order."""
    pending: float | None = None
    firing: float | None = None
    received: float | None = None
    resolved: float | None = None
    """The last time; None also where some of it still fires."""
    others: list[tuple[float, str]] = field(default_factory=list)
    """Acknowledged, silenced, inhibited: when, and in words."""
    theory: float | None = None
    """Seconds from pending to firing at most: the rule's `for` and two evaluations; None: not known."""
    took: float | None = None
    """Seconds from pending to firing, of what fired first."""

    @property
    def spans(self) -> list[Moment]:
        return sorted((each for found in self.instances.values() for each in found), key=lambda m: m.begin)

    @property
    def many(self) -> int:
        """How many things fired."""
        fired = [any(each.state == "firing" for each in found) for found in self.instances.values()]
        return sum(fired)

    def take(self, t: float, what: events.AlertChange) -> None:
        if what.expected is not None:
            self.expected = what.expected
        if what.for_s is not None and what.interval_s is not None:
            self.theory = what.for_s + 2 * what.interval_s
        spans = self.instances.setdefault(what.fingerprint, [])
        match what.state:
            case "pending":
                _close(spans, t)
                spans.append(Moment("pending", t))
                self.pending = t if self.pending is None else min(self.pending, t)
                self.resolved = None
            case "firing":
                if self.firing is None:
                    self.firing = t
                    waited = spans and spans[-1].state == "pending" and spans[-1].end is None
                    self.took = t - spans[-1].begin if waited else None
                _close(spans, t)
                spans.append(Moment("firing", t))
                self.resolved = None
            case "received":
                self.received = t if self.received is None else self.received
            case "resolved":
                _close(spans, t)
                self.resolved = None if any(each.end is None for each in self.spans) else t
            case other:
                self.others.append((t, f"{other} by {what.by}" if what.by else other))


def _close(spans: list[Moment], t: float) -> None:
    if spans and spans[-1].end is None:
        spans[-1].end = t


@dataclass(frozen=True, slots=True)
class SloReading:
    t: float
    sli: float | None
    burn: float | None
    budget_spent: float | None


@dataclass(frozen=True, slots=True)
class LoadReading:
    t: float
    rate: float
    error_share: float | None
    p50_s: float | None
    p99_s: float | None


class ChaosReport(RunReport):
    """A run as far as its events were taken."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__(record)
        self.faults: list[Fault] = []
        self.alerts: dict[str, Alert] = {}
        self.slos: dict[str, list[SloReading]] = {}
        self.probes: dict[str, list[Point]] = {}
        """Name → its answers that are numbers, None where it failed."""
        self.traffic: dict[str, list[Point]] = {}
        """Instance → its share of all requests, 0..1."""
        self.steady: list[tuple[float, bool | None, str]] = []
        """When the hypothesis was asked, how it stood, and in words."""
        self.silent: list[Moment] = []
        """When a source that everything is read from gave no answer; `state` is its name."""
        self.marks: list[tuple[float, str, str]] = []
        """When, of what sort (`guard`, `process`, `note`), in words."""
        self.load: list[LoadReading] = []
        self.end = 0.0
        """Time of the last event."""
        self.unreadable = ""
        """Which lines are no events, in words; empty: all are."""

    def take_all(self, found: Iterable[RunEvent]) -> None:
        for event in found:
            self.take(event)

    def take(self, event: RunEvent) -> None:
        ticks = len(self.story.load)
        self.story.take(event)
        self.end = max(self.end, event.t)
        if len(self.story.load) > ticks:
            point = self.story.load[-1]
            self.load.append(LoadReading(event.t, point.rate, point.error_share, point.p50_s, point.p99_s))
        self._take(event.t, event.what)

    def _take(self, t: float, what: events.What) -> None:
        match what:
            case events.FaultOn():
                tag = f"F{len(self.faults) + 1}"
                self.faults.append(Fault(tag, what.fault, what.text, what.target, what.undo_ready, t))
            case events.FaultOff():
                self._off(t, what)
            case events.AlertChange():
                if what.name not in self.alerts:
                    tag = f"A{len(self.alerts) + 1}"
                    self.alerts[what.name] = Alert(tag, what.name, what.severity, what.expected)
                since = self.seconds_of(what.since)
                self.alerts[what.name].take(t if since is None else min(t, since), what)
            case events.SloTick():
                reading = SloReading(t, what.sli, what.burn, what.budget_spent)
                self.slos.setdefault(what.slo, []).append(reading)
            case events.ChaosStep() if what.what == "probe" and what.state != "started":
                self.probes.setdefault(what.name, []).append((t, what.value))
            case events.SteadyState():
                self.steady.append((t, what.met, " ".join(filter(None, (what.when, what.text)))))
            case events.TrafficTick():
                self.traffic.setdefault(what.instance, []).append((t, what.share))
            case events.SourceState():
                self._source(t, what)
            case events.GuardTripped():
                self.marks.append((t, "guard", f"{what.guard}: {what.text}"))
            case events.ProcessChange():
                words = " ".join(filter(None, (what.name, what.state, what.text)))
                self.marks.append((t, "process", words))
            case events.Note():
                self.marks.append((t, "note", f"{what.author}: {what.text}" if what.author else what.text))
            case _:
                pass

    def _off(self, t: float, what: events.FaultOff) -> None:
        for fault in self.faults:
            if fault.fault == what.fault and fault.end is None:
                fault.end = t if what.ok else None
                fault.how, fault.ok = what.how, what.ok

    def _source(self, t: float, what: events.SourceState) -> None:
        for moment in self.silent:
            if moment.state == what.source and moment.end is None:
                if what.ok:
                    moment.end = t
                return
        if not what.ok:
            self.silent.append(Moment(what.source, t))

    @property
    def criteria(self) -> Criteria:
        """What the verdict is made by; without any promise where the events do not say."""
        started = self.story.started
        try:
            return holding.from_document(started.criteria) if started is not None else Criteria()
        except RunUnreadable:
            return Criteria()

    @property
    def measures(self) -> ChaosMeasures | None:
        finished = self.story.finished
        return finished.measures.chaos if finished is not None else self.record.measures.chaos

    @property
    def first_fault(self) -> float | None:
        return min((fault.begin for fault in self.faults), default=None)

    @property
    def fired(self) -> list[tuple[float, Alert]]:
        """When which alert fired, in the order of their first time."""
        return [(each.firing, each) for each in self.alerts.values() if each.firing is not None]

    def since_fault(self, t: float | None) -> float | None:
        """Seconds after the first fault; None where either never was."""
        begin = self.first_fault
        return None if t is None or begin is None else t - begin

    def dose(self) -> list[Point]:
        """Readings of the fault's strength; empty where nobody measured it.

        Where the probe gives a figure that the fault adds to, what it was before is taken off.
        """
        dose = self.criteria.dose
        points = self.probes.get(dose.probe, []) if dose is not None else []
        if dose is None or not dose.added:
            return points
        begin = self.first_fault
        before = sorted(value for t, value in points if value is not None and (begin is None or t < begin))
        usual = before[len(before) // 2] if before else None
        return [(t, None if value is None or usual is None else value - usual) for t, value in points]

    def seconds_of(self, at: datetime | None) -> float | None:
        """A time of the calendar by the run's clock."""
        began = self.story.began_at
        return None if at is None or began is None else (at - began).total_seconds()
