"""A run as its events tell it so far: what the live screen, the text and the report show.

One object takes events in their order; it computes nothing that depends on when it is asked, so that the
story of a finished run is the same tomorrow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, assert_never

from sretool.core.analysis.totals import NANO
from sretool.core.runs import events
from sretool.core.runs.load import Counting, together
from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.load import Load
    from sretool.core.runs.model import Check, LoadMeasures

Source = Literal["run", "act", "probe", "sig", "hum", "proc", "guard", "check"]
"""Who speaks in a line of the log: the run itself, an action, a probe, a signal, a human, a process, …"""

_GOOD: Final = {Outcome.PASSED: True, Outcome.FAILED: False, Outcome.ERROR: False}
_TREND: Final = 120
"""Ticks that are remembered of each kind of request, for its trend."""


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    t: float
    source: Source
    text: str
    result: str = ""
    """`ok`, `+58s`, `unexpected`; empty where there is nothing to say."""
    good: bool | None = None
    """None: neither good nor bad."""


@dataclass(slots=True)
class PhaseSpan:
    name: str
    planned: float | None
    """Seconds."""
    begin: float | None = None
    """`t`; None: not begun."""
    end: float | None = None


@dataclass(slots=True)
class FaultSpan:
    fault: str
    text: str
    target: str
    undo_ready: bool
    planned: float | None
    begin: float
    on_at: datetime
    end: float | None = None
    """`t`; None: it is still in."""
    off_at: datetime | None = None
    how: str = ""
    ok: bool = True
    """False: its undo failed."""


@dataclass(slots=True)
class AlertSpan:
    name: str
    severity: str | None
    expected: bool | None
    state: str
    pending_at: datetime | None = None
    firing_at: datetime | None = None
    received_at: datetime | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(slots=True)
class Firing:
    """One alert from the moment it fires until it is resolved; it may fire again."""

    key: str
    name: str
    severity: str | None
    expected: bool | None
    at: datetime
    taken_at: datetime | None = None
    """When somebody took it, by acknowledging or silencing it."""
    taken_by: str = ""
    resolved_at: datetime | None = None


@dataclass(slots=True)
class StepSpan:
    """One step of a game day; times are `t`, None where that has not come yet."""

    plan: events.PlannedStep
    begin: float | None = None
    end: float | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    run: str = ""
    """Name of the run folder it writes."""
    ended: events.StepEnded | None = None
    asked: events.Asked | None = None
    """What somebody is, or was, to answer."""
    asked_at: datetime | None = None
    answer: events.Answer | None = None
    waiting: bool = False
    """For an answer."""


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One tick, all requests together."""

    at: datetime
    rate: float
    """Requests per second."""
    error_share: float | None
    """0..1; None: no requests."""
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    users: int | None
    target_rate: float | None
    late_starts: int
    in_flight: int | None
    lag_s: float | None
    cpu: float | None
    """Of one core, the busiest generator, 0..1."""


@dataclass(frozen=True, slots=True)
class SloPoint:
    at: datetime
    sli: float | None
    burn: float | None
    budget_spent: float | None


class Story:
    """What the events taken so far say."""

    def __init__(self) -> None:
        self.started: events.Started | None = None
        self.began_at: datetime | None = None
        self.last: RunEvent | None = None
        """The newest event."""
        self.phases: list[PhaseSpan] = []
        self.faults: dict[str, FaultSpan] = {}
        self.checks: dict[str, Check] = {}
        self.explained: dict[str, str] = {}
        """Name of a check or of its objective → why it came out as it did."""
        self.alerts: dict[str, AlertSpan] = {}
        self.firings: list[Firing] = []
        """Each time that one fired, in their order."""
        self.slos: dict[str, list[SloPoint]] = {}
        self.sources: dict[str, bool] = {}
        """Source → whether it answers."""
        self.traffic: dict[str, list[tuple[datetime, float | None]]] = {}
        """Instance → its share of all requests, 0..1."""
        self.writes: events.WritesFound | None = None
        self.load: list[LoadPoint] = []
        """All ticks, those of the warm-up included."""
        self.rates: dict[str, list[tuple[datetime, float]]] = {}
        """Kind of request → its requests per second of the last ticks, newest last."""
        self.workers: dict[str, float | None] = {}
        """Generator → share of one core in its last tick."""
        self.curve: list[events.CurvePoint] = []
        """Of a search for the highest rate, in its order."""
        self.capacity: events.CapacityFound | None = None
        self.steps: dict[str, StepSpan] = {}
        """Of a game day: id → how far it is, in their order."""
        self.held = False
        self.marks: list[tuple[float, events.Mark]] = []
        """`t` of each."""
        self.log: list[LogLine] = []
        self.finished: events.Finished | None = None
        self._counting = Counting()

    def take_all(self, found: Iterable[RunEvent]) -> None:
        for event in found:
            self.take(event)

    def take(self, event: RunEvent) -> None:
        self.last = event
        match event.what:
            case events.Started() as what:
                self._start(event, what)
            case events.PhaseBegan(name):
                self._phase(event, name)
            case events.LoadTick() as what:
                self._tick(event, what)
            case events.ChaosStep() as what:
                self._step(event, what)
            case events.SteadyState() as what:
                self._steady(event, what)
            case events.FaultOn() as what:
                self._fault_on(event, what)
            case events.FaultOff() as what:
                self._fault_off(event, what)
            case events.SloTick() as what:
                point = SloPoint(event.at, what.sli, what.burn, what.budget_spent)
                self.slos.setdefault(what.slo, []).append(point)
            case events.AlertChange() as what:
                self._alert(event, what)
            case events.SourceState() as what:
                self._source(event, what)
            case events.ProcessChange() as what:
                self._say(event, "proc", " ".join(filter(None, (what.name, what.state, what.text))))
            case events.WritesFound() as what:
                self._writes(event, what)
            case events.TrafficTick() as what:
                self.traffic.setdefault(what.instance, []).append((event.at, what.share))
            case events.RunnerEnded() as what:
                good = None if what.status == "completed" else False
                self._say(event, "run", f"experiment {what.status}", what.text, good=good)
            case events.WatchEnded() as what:
                self._say(event, "run", " ".join(filter(None, ("watching ends", what.text))))
            case events.Checked(check):
                self._check(event, check)
            case events.Explained(check, text):
                self.explained[check] = text
            case events.CurvePoint() as what:
                self.curve.append(what)
                good = what.held
                result = {True: "holds", False: "broken", None: "generator at its end"}[good]
                text = f"{what.phase} {what.rate:,.0f}/s"
                self._say(
                    event, "probe", ": ".join((text, ", ".join(what.why))).rstrip(": "), result, good=good
                )
            case events.CapacityFound() as what:
                self.capacity = what
            case events.GuardTripped() as what:
                self._say(event, "guard", f"{what.guard}: {what.text}", "tripped", good=False)
            case events.Note() as what:
                self._say(event, "hum", what.text, what.author)
            case events.Mark() as what:
                self.marks.append((event.t, what))
                self._say(event, "hum", " ".join(filter(None, ("mark", what.text))), what.by)
            case events.Held(by):
                self.held = True
                self._say(event, "hum", "held: no step begins", by)
            case events.WentOn(by):
                self.held = False
                self._say(event, "hum", "goes on", by)
            case events.StepBegan(step):
                span = self._span(step)
                span.begin, span.began_at = event.t, event.at
                if not span.plan.hidden:
                    self._say(event, "run", f"step {span.plan.title}")
            case events.StepRun(step, run):
                self._span(step).run = run
            case events.StepEnded() as what:
                self._step_ended(event, what)
            case events.Asked() as what:
                span = self._span(what.step)
                span.asked, span.asked_at, span.waiting = what, event.at, True
                self._say(event, "hum", f"{what.role}: {what.question}", "asked")
            case events.Answer() as what:
                span = self._span(what.step)
                span.answer, span.waiting = what, False
                self._say(event, "hum", f"{what.step}: {what.answer}", what.by)
            case events.Withdrawn(step):
                self._span(step).waiting = False
                self._say(event, "hum", step, "no answer")
            case events.ResourceUsed():
                pass  # A figure of the release, shown with it.
            case events.GateSaid() as what:
                good = {"go": True, "stop": False}.get(what.outcome)
                self._say(event, "check", f"gate: {what.reason}", what.outcome, good=good)
            case events.Finished() as what:
                self._finish(event, what)
            case _ as never:
                assert_never(never)

    @property
    def open_faults(self) -> tuple[FaultSpan, ...]:
        return tuple(fault for fault in self.faults.values() if fault.end is None)

    @property
    def warm_ups(self) -> tuple[PhaseSpan, ...]:
        """Phases whose load does not count, as far as they began."""
        return tuple(
            phase for phase in self.phases if phase.name == events.WARM_UP and phase.begin is not None
        )

    @property
    def first_fault_at(self) -> datetime | None:
        return min((fault.on_at for fault in self.faults.values()), default=None)

    def detected_in(self) -> timedelta | None:
        """From the first fault to the first alert that fired after it and was not unexpected."""
        begin = self.first_fault_at
        if begin is None:
            return None
        fired = [
            alert.firing_at
            for alert in self.alerts.values()
            if alert.firing_at is not None and alert.firing_at >= begin and alert.expected is not False
        ]
        return min(fired) - begin if fired else None

    @property
    def counted(self) -> Load:
        """What counts: everything but the warm-up; as long as that goes on, the warm-up itself."""
        return self._counting.load

    def load_measures(self) -> LoadMeasures | None:
        """What the load ticks add up to, without those of a warm-up; None without any."""
        return self.counted.measures()

    def _start(self, event: RunEvent, what: events.Started) -> None:
        self.started, self.began_at = what, event.at
        self.phases = [PhaseSpan(phase.name, phase.seconds) for phase in what.phases]
        self.checks = {check.name: check for check in what.checks}
        self.steps = {step.id: StepSpan(step) for step in what.steps}
        self._say(event, "run", f"{what.kind.value} {what.title} starts")

    def _phase(self, event: RunEvent, name: str) -> None:
        for phase in self.phases:
            if phase.begin is not None and phase.end is None:
                phase.end = event.t
        waiting = (phase for phase in self.phases if phase.name == name and phase.begin is None)
        entered = next(waiting, None)
        if entered is None:
            entered = PhaseSpan(name, None)
            self.phases.append(entered)
        entered.begin = event.t
        self._counting.begin(name)
        self._say(event, "run", f"phase {name}")

    def _span(self, step: str) -> StepSpan:
        # What a plan does not know is shown all the same.
        return self.steps.setdefault(step, StepSpan(events.PlannedStep(step, "", step)))

    def _step_ended(self, event: RunEvent, what: events.StepEnded) -> None:
        span = self._span(what.step)
        span.end, span.ended_at, span.ended, span.waiting = event.t, event.at, what, False
        good = False if not what.undone else _GOOD.get(what.outcome)
        text = ": ".join(filter(None, (f"step {span.plan.title}", what.why)))
        self._say(event, "run", text, what.outcome.value, good=good)

    def _tick(self, event: RunEvent, what: events.LoadTick) -> None:
        if what.seconds <= 0:
            return
        whole = together(what)
        found = whole.latency.quantiles((0.5, 0.95, 0.99))
        p50, p95, p99 = (each / NANO for each in found) if found is not None else (None, None, None)
        self.load.append(
            LoadPoint(
                at=event.at,
                rate=whole.requests / what.seconds,
                error_share=whole.error_share,
                p50_s=p50,
                p95_s=p95,
                p99_s=p99,
                users=what.users,
                target_rate=what.target_rate,
                late_starts=what.late_starts,
                in_flight=what.in_flight,
                lag_s=what.lag_s,
                cpu=max((worker.cpu for worker in what.workers if worker.cpu is not None), default=None),
            )
        )
        self._counting.take(what)
        for tick in what.requests:
            rates = self.rates.setdefault(tick.name, [])
            rates.append((event.at, tick.requests / what.seconds))
            del rates[:-_TREND]
        self.workers = {worker.name: worker.cpu for worker in what.workers} or self.workers

    def _step(self, event: RunEvent, what: events.ChaosStep) -> None:
        source: Source = "probe" if what.what == "probe" else "act"
        good = {"ok": True, "failed": False}.get(what.state)
        result = what.state
        if what.met is False:
            good, result = False, "not as wanted"
        self._say(event, source, " ".join(filter(None, (what.name, what.text))), result, good=good)

    def _steady(self, event: RunEvent, what: events.SteadyState) -> None:
        result = {True: "met", False: "not met", None: "not known"}[what.met]
        text = " ".join(filter(None, (f"steady state {what.when}", what.text)))
        self._say(event, "probe", text, result, good=what.met)

    def _source(self, event: RunEvent, what: events.SourceState) -> None:
        before = self.sources.get(what.source)
        self.sources[what.source] = what.ok
        if before != what.ok and not (before is None and what.ok):
            text = " ".join(filter(None, (what.source, "answers" if what.ok else "is silent", what.text)))
            self._say(event, "sig", text, good=None if what.ok else False)

    def _writes(self, event: RunEvent, what: events.WritesFound) -> None:
        self.writes = what
        counted = (
            (what.acked, "acknowledged"),
            (what.lost, "lost"),
            (what.duplicated, "duplicated"),
            (what.resurrected, "resurrected"),
        )
        told = ", ".join(f"{'?' if count is None else count} {word}" for count, word in counted)
        harm = [what.lost, what.duplicated, what.resurrected]
        good = False if any(harm) else None if None in harm else True
        self._say(event, "sig", f"writes: {told}", what.text, good=good)

    def _fault_on(self, event: RunEvent, what: events.FaultOn) -> None:
        self.faults[what.fault] = FaultSpan(
            what.fault, what.text, what.target, what.undo_ready, what.seconds, event.t, event.at
        )
        ready = "undo ready" if what.undo_ready else "no undo"
        self._say(event, "act", f"{what.text} on", ready, good=None if what.undo_ready else False)

    def _fault_off(self, event: RunEvent, what: events.FaultOff) -> None:
        fault = self.faults.get(what.fault)
        if fault is None:
            self._say(event, "act", f"fault {what.fault}, never seen to begin, {what.how}", good=what.ok)
            return
        if what.ok:
            fault.end, fault.off_at = event.t, event.at
        fault.how, fault.ok = what.how, what.ok
        result = what.how if what.ok else "could not be undone"
        self._say(event, "act", f"{fault.text} off", result, good=what.ok)

    def _alert(self, event: RunEvent, what: events.AlertChange) -> None:
        key = what.fingerprint or what.name
        alert = self.alerts.setdefault(key, AlertSpan(what.name, what.severity, what.expected, what.state))
        alert.state = what.state
        if what.expected is not None:
            alert.expected = what.expected
        firing = self._firing(event, what, key)
        result, good = "", None
        match what.state:
            case "pending":
                alert.pending_at = event.at
            case "firing":
                alert.firing_at = alert.firing_at or event.at
                result, good = self._since_fault(event.at), None if what.expected is None else what.expected
                result = "unexpected" if what.expected is False else result
            case "received":
                alert.received_at = alert.received_at or event.at
            case "acknowledged":
                alert.acknowledged_at = event.at
                if firing is not None:
                    result = f"+{_seconds(event.at - firing.at)}"
            case "resolved":
                alert.resolved_at = event.at
        source: Source = "hum" if what.state == "acknowledged" else "sig"
        by = f" by {what.by}" if what.by else ""
        self._say(event, source, f"{what.name} {what.state}{by}", result, good=good)

    def _firing(self, event: RunEvent, what: events.AlertChange, key: str) -> Firing | None:
        """The time it fires, of which this is told."""
        of_it = (each for each in reversed(self.firings) if each.key == key and each.resolved_at is None)
        firing = next(of_it, None)
        if firing is None:
            if what.state == "firing":
                self.firings.append(Firing(key, what.name, what.severity, what.expected, event.at))
            return None
        if what.state == "resolved":
            firing.resolved_at = event.at
        elif what.state in ("acknowledged", "silenced") and firing.taken_at is None:
            firing.taken_at, firing.taken_by = what.since or event.at, what.by
        return firing

    def _since_fault(self, at: datetime) -> str:
        begin = self.first_fault_at
        if self.steps:
            # Of several experiments, one after the other: what is in now.
            begin = max((fault.on_at for fault in self.open_faults), default=None)
        return f"+{_seconds(at - begin)}" if begin is not None and at >= begin else ""

    def _check(self, event: RunEvent, check: Check) -> None:
        before = self.checks.get(check.name)
        self.checks[check.name] = check
        # A live check is measured every second; only what it decides is news.
        if check.ok is not None and (before is None or before.ok != check.ok):
            self._say(event, "check", check.name, "holds" if check.ok else "broken", good=check.ok)

    def _finish(self, event: RunEvent, what: events.Finished) -> None:
        self.finished = what
        for phase in self.phases:
            if phase.begin is not None and phase.end is None:
                phase.end = event.t
        self.checks |= {check.name: check for check in what.verdict.checks}
        measured = what.measures.load or self.load_measures()
        self.finished = replace(what, measures=replace(what.measures, load=measured))
        good = _GOOD.get(what.verdict.outcome)
        self._say(event, "run", what.verdict.reason, what.verdict.outcome.value, good=good)

    def _say(
        self, event: RunEvent, source: Source, text: str, result: str = "", *, good: bool | None = None
    ) -> None:
        self.log.append(LogLine(event.at, event.t, source, text, result, good))


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f}s"
