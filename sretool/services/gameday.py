"""A game day from its plan to its verdict.

The machine decides what comes next; steps are carried out by programs of their own, whose events are told
again in the game day's own record as they happen. When a guard trips, or somebody ends it, every program is
asked to undo what it did before anything else is done. The verdict is made of the record's events alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sretool.core.observe.model import Drill
from sretool.core.plans.chaos.guards import Guards, Tripped
from sretool.core.plans.gameday import claims as claim_forms
from sretool.core.plans.gameday import machine as machines
from sretool.core.plans.gameday import release as releases
from sretool.core.plans.gameday.judge import BLIND, INTERRUPTED, LOAD, Judging
from sretool.core.plans.gameday.plan import ExperimentStep, LoadStep, WaitForStep
from sretool.core.runs.events import (
    AlertChange,
    Answer,
    Asked,
    Checked,
    FaultOff,
    GuardTripped,
    Held,
    Mark,
    Note,
    PhaseBegan,
    RunEvent,
    SourceState,
    Started,
    StepBegan,
    StepEnded,
    StepRun,
    WatchEnded,
    WentOn,
    Withdrawn,
)
from sretool.core.runs.model import Check, Measures, Outcome, RunKind
from sretool.core.runs.words import value_words
from sretool.errors import ChaosError
from sretool.services.announcing import Announcing
from sretool.services.chaos_watch import Answered, SloReading
from sretool.services.ending import Ending, undone_words
from sretool.services.gameday_children import Came, ChildEnd, Moments, came, relayed
from sretool.services.gameday_watch import GameDayWatchers, Seen, Since, stop_block

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.core.plans.gameday.claims import Claim
    from sretool.core.plans.gameday.machine import Machine
    from sretool.core.plans.gameday.plan import GameDayPlan, Played
    from sretool.core.runs.events import PlannedStep, What
    from sretool.core.slo.model import Slo
    from sretool.ports import Clock, ExperimentJournal, MetricsSource
    from sretool.services.chaos_watch import Sources
    from sretool.services.gameday_children import Child
    from sretool.services.release import Releasing

_BEAT: Final = 0.1
"""Seconds between two looks at what only time decides."""
_EVERY: Final = 1.0
"""Seconds between two questions to one source."""
_LOOKS: Final = 3
"""Looks at a source within the time after which it counts as silent."""
_FIRST_LOOK: Final = 3.0
"""Seconds that the first look at all sources may take: what fires by then fired before."""
_SHOWN_EVERY: Final = 5.0
"""Seconds between two records of every objective."""
_CHECKED_EVERY: Final = 2.0
"""Seconds between two records of a claim whose figure changes; what it decides is told at once."""
_SINCE_EVERY: Final = 5.0
"""Seconds between two questions for the share of good events since the begin."""
_CLOCK_MAY_DIFFER: Final = 2.0
"""Seconds that the clock may go wrong before that is told."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done."""

    plan: GameDayPlan
    steps: tuple[Played, ...]
    """In the order they are carried out."""
    planned: tuple[PlannedStep, ...]
    """The same as they are told."""
    people: Mapping[str, str]
    """Role → name."""
    by: str
    """Who runs it."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Step → what is answered there, given before it begins."""
    remarks: tuple[str, ...] = ()
    """For the record: approvals, gates that were opened by hand."""
    expected_alerts: frozenset[str] = frozenset()
    """Names of alerts that an experiment says will come."""
    seconds: float | None = None
    """How long it takes at most; None: not known."""
    blast_radius: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """What may feel it, for whoever is told of the drill."""
    plan_hash: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """Everything outside that takes part."""

    child: Callable[[Played], Child]
    """A program for a step, not started yet. ChaosError where there can be none."""
    sources: Sources
    clock: Clock
    stop_file: Callable[[], str] = lambda: ""
    """Gives the name of a stop file that exists, or an empty text."""
    metrics: MetricsSource | None = None
    """Who knows of all events since the begin; None: nobody."""
    slos: tuple[Slo, ...] = ()
    """Objectives of the catalog."""
    releasing: Releasing | None = None
    """Who looks at what is asked of a release; None: the plan asks nothing of one."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a step's program wrote."""

    step: str
    kind: str
    events: Sequence[RunEvent]


@dataclass(frozen=True, slots=True)
class _Gone:
    """A step's program is over."""

    step: str
    end: ChildEnd | None
    """None: it could not be started."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Stopped:
    """Everything was asked to end, and has."""


@dataclass(slots=True)
class _Running:
    """A step whose program is at work."""

    child: Child
    task: asyncio.Task[None]
    asked: bool = False
    """To end because everything else is over."""
    told: bool = False
    """Whether its run is on record."""


class GameDaySession:
    """One game day at work. `run` it once; everything else may be called from any thread."""

    def __init__(
        self,
        order: Order,
        around: Around,
        journal: ExperimentJournal,
        on_event: Callable[[RunEvent], None] = lambda _: None,
    ) -> None:
        self._order, self._plan, self._around, self._journal = order, order.plan, around, journal
        self._listeners: list[Callable[[RunEvent], None]] = [on_event]
        self.machine: Machine = machines.Machine(order.steps, settle=order.plan.settle)
        """To be read only."""
        self.asked: dict[str, Asked] = {}
        """Step → what somebody is asked now. To be read only."""
        self._steps: dict[str, Played] = {each.id: each for each in order.steps}
        self._kinds = {each.id: each.kind for each in order.planned}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._queue: asyncio.Queue[What | Answered | SloReading | _Told | _Gone | _Stopped] = asyncio.Queue()
        watched = around.sources.rules is not None or around.sources.watch is not None
        block = stop_block(order.plan)
        self._guards = Guards(block, watched=watched)
        every = min(_EVERY, block.blind_after.total_seconds() / _LOOKS)
        self._watchers = GameDayWatchers(around.sources, self._emit, order.expected_alerts, every)
        self._judging = Judging()
        self._seen = Seen()
        self._events: list[RunEvent] = []
        self._unwritten: list[tuple[What, datetime, float]] = []
        """What the disk did not take yet."""
        self._running: dict[str, _Running] = {}
        self._moments: dict[str, Moments] = {}
        self._results: dict[str, tuple[Came, ChildEnd | None]] = {}
        self._begun: set[str] = set()
        self._over: set[str] = set()
        self._watching: set[str] = set()
        self._phase = machines.Phase.READY
        self._told_checks: dict[str, Check] = {}
        self._checked_at = 0.0
        self._shown_at = 0.0
        self._left: dict[str, float | None] = {}
        """Objective → share of its budget that is left."""
        self._good: dict[str, float] = {}
        """Objective → share of good events since the begin."""
        self._interrupted = False
        self._tripped = False
        self._closed = False
        """Everything is put away: nothing begins any more."""
        self._clock_off = 0.0
        self._began_at = around.clock.now()
        self._beside: list[asyncio.Task[None]] = []
        self._looking: list[asyncio.Task[None]] = []
        """Who looks at what is asked of a release."""
        drill = Drill(order.plan.title, self._began_at, order.services)
        self._announcing = Announcing(drill, journal.run, order.by, around.sources.board, around.clock)

    # --- from outside ---------------------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        return self._journal.run.id

    @property
    def folder(self) -> Path:
        return self._journal.folder

    def listen(self, on_event: Callable[[RunEvent], None]) -> None:
        """`on_event` is called with every further event, in the game day's own loop.

        One that raises is called no more, which is on record: what is undone never depends on who looks on.
        """
        self._inbox.put(lambda: self._listeners.append(on_event))

    def hold(self, by: str) -> None:
        """No step begins until `go_on`; what goes on goes on."""
        self._inbox.put(lambda: self._hold(by))

    def go_on(self, by: str) -> None:
        self._inbox.put(lambda: self._go_on(by))

    def note(self, text: str, by: str) -> None:
        self._inbox.put(lambda: self._record(Note(text, by)))

    def mark(self, by: str, text: str = "") -> None:
        """Now is a moment worth finding again."""
        self._inbox.put(lambda: self._record(Mark(by, text)))

    def answer(self, step: str, text: str, by: str) -> str:
        """Empty; or why that is no answer, and then nothing has happened."""
        asked = self.asked.get(step)
        text = " ".join(text.split())
        if asked is None:
            return "nobody is asked that now"
        if not text:
            return "an answer has at least one word"
        if asked.answers and text not in asked.answers:
            return f"the answer is one of {', '.join(asked.answers)}"
        self._inbox.put(lambda: self._answer(step, text, by))
        return ""

    def abort(self, by: str) -> None:
        """Undo everything, and end."""
        self._inbox.put(lambda: self._abort(f"aborted by {by}"))

    def interrupt(self, how: str) -> None:
        """The same because this program is asked to end; `how` says by what."""

        def end() -> None:
            self._interrupted = True
            self._abort(how)

        self._inbox.put(end)

    # --- the whole ------------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Carry it out. Whatever happens, everything is undone, or told, before this returns."""
        self._clock_off = self._off(self._journal.elapsed())
        self._record(self._started())
        for remark in self._order.remarks:
            self._record(Note(remark))
        self._watchers.start()
        self._aside(self._announcing.renew(self._queue.put_nowait))
        try:
            await self._look_first()
            self._heed()
            self._guards.begin(self._journal.elapsed())
            self._aside(self._ask_since())
            self._look(lambda releasing: releasing.gate())
            self._take(machines.Begin())
            while self.machine.phase is not machines.Phase.FINISHED:
                await self._beat()
            if self._looking and not self._tripped:
                await asyncio.wait(self._looking)
        finally:
            await self._put_away()
        return await self._finish()

    def _started(self) -> Started:
        order, plan = self._order, self._plan
        return Started(
            RunKind.GAMEDAY,
            plan.title,
            seconds=order.seconds,
            checks=(
                *(_to_hold(each) for each in plan.claims),
                *(releases.wanted(plan.release) if plan.release is not None else ()),
            ),
            guards=self._guards.words,
            people=order.people,
            blast_radius=order.blast_radius,
            plan_hash=order.plan_hash,
            steps=order.planned,
        )

    async def _look_first(self) -> None:
        """What fires already is known before the first step begins."""
        wanted = sum(each is not None for each in (self._around.sources.rules, self._around.sources.board))
        until = self._journal.elapsed() + _FIRST_LOOK
        while len(self._seen.sources) < wanted and self._journal.elapsed() < until:
            await self._next()
            if not self._inbox.empty() or self._tripped:
                return

    async def _beat(self) -> None:
        await self._next()
        self._heed()
        now = self._journal.elapsed()
        self._trip(self._guards.tick(now))
        file = self._around.stop_file()
        if file:
            self._trip(Tripped("stop file", f"{file} says that no experiment may run"))
        self._trip_unwritten(self._journal.look)
        self._look_at_clock(now)
        self._look_at_conditions()
        self._look_beside()
        self._take(machines.Tick())
        if now - self._checked_at >= _CHECKED_EVERY:
            self._checked_at = now
            self._tell_checks()

    def _heed(self) -> None:
        """What was asked for from outside."""
        while not self._inbox.empty():
            self._inbox.get_nowait()()

    async def _next(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BEAT):
                self._deal(await self._queue.get())
        while not self._queue.empty():
            self._deal(self._queue.get_nowait())

    async def _put_away(self) -> None:
        """Nothing of ours runs after this, however it came to it."""
        self._closed = True
        for running in self._running.values():
            running.child.stop()
        tasks = [each.task for each in self._running.values()]
        if tasks:
            await asyncio.wait(tasks)
        for each in self._beside:
            each.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self._watchers.stop()
        while not self._queue.empty():
            self._deal(self._queue.get_nowait())

    async def _finish(self) -> Ending:
        for step in [each for each in self._steps if each in self._begun - self._over]:
            self._record(StepEnded(step, Outcome.ABORTED, _ENDED))
        if self._around.releasing is not None:
            for told in self._around.releasing.checks(self._events):
                self._tell_check(told.check)
        self._tell_checks(over=True)
        self._record(WatchEnded(len(self._events) + len(self._unwritten)))
        verdict, measures = self._judging.verdict(), self._judging.measures()
        left = tuple(text for _, end in self._results.values() if end is not None for text in end.left)
        await self._announcing.end(verdict)
        try:
            self._write_rest()
            self._journal.finish(verdict, Measures(gameday=measures))
        except OSError as error:
            raise ChaosError(
                f"the game day cannot be written down ({error.strerror}); its verdict: "
                f"{verdict.outcome.value}, {verdict.reason}",
                remedy=f"{undone_words(left)}; {self._journal.folder} has to be there, with room in it",
            ) from error
        return Ending(self._journal.run, left, self._interrupted)

    def _look(self, at: Callable[[Releasing], Coroutine[Any, Any, tuple[What, ...]]]) -> None:
        """At something that is asked of a release, while the game day goes on."""
        releasing = self._around.releasing
        if releasing is None or self._tripped:
            return

        async def look() -> None:
            for what in await at(releasing):
                self._queue.put_nowait(what)

        self._looking.append(asyncio.create_task(look()))
        self._beside.append(self._looking[-1])

    # --- the machine ----------------------------------------------------------------------------------------

    def _take(self, event: machines.Event) -> None:
        now = self.machine.step
        commands = self.machine.take(self._journal.elapsed(), event)
        # Undoing comes before anything is written down.
        for command in commands:
            if isinstance(command, machines.StopAll):
                self._stop_all()
        if _load_gone(event, now, commands):
            self._record(GuardTripped(LOAD, self.machine.why))
        self._tell_steps()
        self._tell_phase()
        for command in commands:
            self._carry_out(command)
        step = self.machine.step
        if step is not None:
            self._tell_begin(step.id)

    def _carry_out(self, command: machines.Command) -> None:
        match command:
            case machines.Ask(step, role, question, answers):
                self._tell_begin(step)
                self._ask(step, role, question, answers)
            case machines.Withdraw(step):
                self.asked.pop(step, None)
                self._record(Withdrawn(step))
            case machines.Watch(step):
                self._watching.add(step)
            case machines.Unwatch(step):
                self._watching.discard(step)
            case machines.StopStep(step):
                running = self._running.get(step)
                if running is not None:
                    running.asked = isinstance(self._steps.get(step), LoadStep)
                    running.child.stop()
            case machines.StopAll() | machines.Finish():
                pass
            case _:
                self._start(command.step)

    def _tell_begin(self, step: str) -> None:
        if step in self._steps and step not in self._begun:
            self._begun.add(step)
            self._record(StepBegan(step))

    def _tell_steps(self) -> None:
        """Steps that came out since this was last looked at."""
        for step, outcome in tuple(self.machine.outcomes.items()):
            if step in self._over or step not in self._steps:
                continue
            self._tell_begin(step)
            self._over.add(step)
            self._watching.discard(step)
            self.asked.pop(step, None)
            result, end = self._results.get(step, (None, None))
            why = self.machine.reasons.get(step, "")
            if result is not None and result.why:
                why = result.why
            measures = end.record.measures if end is not None and end.record is not None else Measures()
            undone = end is None or not end.left
            if outcome is Outcome.PASSED:
                why = ""
            elif outcome is Outcome.ABORTED and self._phase is machines.Phase.STOPPING:
                why = _ENDED
            self._record(StepEnded(step, outcome, why, undone, measures.chaos, measures.load))
            if self._plan.release is not None and self._plan.release.during == step:
                self._look(lambda releasing: releasing.uses(tuple(self._events)))

    def _tell_phase(self) -> None:
        phase = self.machine.phase
        if phase is self._phase:
            return
        before, self._phase = self._phase, phase
        held = machines.Phase.HELD in (before, phase)
        name = {machines.Phase.RUNNING: "steps"}.get(phase, phase.value)
        if phase is not machines.Phase.FINISHED and not (held and phase in _GOES_ON):
            self._record(PhaseBegan(name))

    # --- steps ----------------------------------------------------------------------------------------------

    def _start(self, step: str) -> None:
        if self.machine.phase in _LAST or self._closed:
            # Something has tripped since it was decided.
            return
        self._tell_begin(step)
        try:
            child = self._around.child(self._steps[step])
        except ChaosError as error:
            self._queue.put_nowait(_Gone(step, None, error.message))
            return
        self._moments[step] = Moments()
        self._running[step] = _Running(child, asyncio.create_task(self._follow(step, child)))

    async def _follow(self, step: str, child: Child) -> None:
        kind = self._kinds.get(step, "")
        # Whatever goes wrong, somebody waits for this end.
        try:
            await child.start()
        except Exception as error:
            why = error.message if isinstance(error, ChaosError) else f"it cannot be started: {error}"
            self._queue.put_nowait(_Gone(step, None, why))
            return
        try:
            end = await child.follow(lambda found: self._queue.put_nowait(_Told(step, kind, found)))
        except Exception as error:
            child.stop()
            end = ChildEnd(1, None, str(error), (f"nobody knows what {step} has left in: {error}",))
        self._queue.put_nowait(_Gone(step, end))

    def _stop_all(self) -> None:
        """Signals are on their way when this returns."""
        tasks = []
        for each in self._running.values():
            each.child.stop()
            tasks.append(each.task)

        async def wait() -> None:
            if tasks:
                await asyncio.wait(tasks)
            self._queue.put_nowait(_Stopped())

        self._aside(wait())

    def _gone(self, item: _Gone) -> None:
        running = self._running.pop(item.step, None)
        asked = running is not None and running.asked
        result = Came(Outcome.ERROR, item.why) if item.end is None else came(item.end, asked=asked)
        self._results[item.step] = result, item.end
        if running is not None:
            self._tell_run(item.step, running)
        undone = item.end is None or not item.end.left
        if undone:
            self._tell_undone(item.step)
        self._take(machines.StepDone(item.step, result.outcome, undone))

    def _relay(self, item: _Told) -> None:
        running = self._running.get(item.step)
        if running is not None:
            self._tell_run(item.step, running)
        now = self._journal.elapsed()
        moments = self._moments[item.step]
        for event in item.events:
            what = relayed(item.step, item.kind, event.what)
            t = moments.ours(event.t, now)
            if what is not None:
                self._record(what, at=event.at, t=t)

    def _tell_undone(self, step: str) -> None:
        """Its program was killed before it could tell: whoever undid its faults tells nobody."""
        for fault in self._judging.open_faults(step):
            self._record(FaultOff(fault, "healed"))

    def _tell_run(self, step: str, running: _Running) -> None:
        name = running.child.run
        if name and not running.told:
            running.told = True
            self._record(StepRun(step, name))

    # --- people ---------------------------------------------------------------------------------------------

    def _ask(self, step: str, role: str, question: str, answers: tuple[str, ...]) -> None:
        within = getattr(self._steps[step], "within", None)
        asked = Asked(step, role, question, answers, within)
        self.asked[step] = asked
        self._record(asked)
        given = self._order.answers.get(step)
        if given is not None:
            self._inbox.put(lambda: self._answer(step, given, self._order.people.get(role, role)))

    def _answer(self, step: str, text: str, by: str) -> None:
        if step in self.asked:
            del self.asked[step]
            self._record(Answer(step, text, by))
            self._take(machines.Answered(step, text))

    def _hold(self, by: str) -> None:
        if self.machine.phase is machines.Phase.RUNNING:
            self._record(Held(by))
            self._take(machines.Hold())

    def _go_on(self, by: str) -> None:
        if self.machine.phase is machines.Phase.HELD:
            self._record(WentOn(by))
            self._take(machines.GoOn())

    def _abort(self, how: str) -> None:
        if self._tripped or self.machine.phase in _LAST:
            # Why it ends is on record already.
            return
        self._tripped = True
        self._take(machines.Abort(how))
        self._record(GuardTripped(INTERRUPTED, how))

    # --- guards ---------------------------------------------------------------------------------------------

    def _trip(self, tripped: Tripped | None) -> None:
        """The first one ends it."""
        if tripped is None or self._tripped or self.machine.phase in _LAST:
            return
        self._tripped = True
        text = f"{tripped.guard}: {tripped.text}"
        self._take(machines.Tripped(text, blind=tripped.guard.startswith(BLIND)))
        self._record(GuardTripped(tripped.guard, tripped.text))

    def _look_at_clock(self, now: float) -> None:
        """Spans are measured by a clock that nobody sets; instants are not."""
        off = self._off(now)
        if abs(off - self._clock_off) > _CLOCK_MAY_DIFFER:
            self._record(Note(f"the clock was set by {off - self._clock_off:+.1f} s"))
            self._clock_off = off

    def _off(self, now: float) -> float:
        return (self._around.clock.now() - self._began_at).total_seconds() - now

    def _look_beside(self) -> None:
        """What was to be asked all the time and is asked no more must not stand as it was asked last."""
        for each in self._beside:
            if each.done() and not each.cancelled() and (error := each.exception()) is not None:
                raise error

    def _look_at_conditions(self) -> None:
        for step in tuple(self._watching):
            if step == machines.END:
                met = self._judging.holds(each.text for each in self._plan.at_end)
            else:
                waiting = self._steps[step]
                met = isinstance(waiting, WaitForStep) and self._seen.holds(waiting.condition)
            if met:
                self._watching.discard(step)
                self._take(machines.Observed(step))

    # --- what is seen ---------------------------------------------------------------------------------------

    def _emit(self, item: What | Answered | SloReading) -> None:
        # How long a source has been silent does not depend on how much waits to be written down.
        if isinstance(item, Answered):
            self._guards.answered(self._journal.elapsed())
        else:
            self._queue.put_nowait(item)

    def _deal(self, item: What | Answered | SloReading | _Told | _Gone | _Stopped) -> None:
        match item:
            case SloReading():
                self._take_reading(item)
            case _Told():
                self._relay(item)
            case _Gone():
                self._gone(item)
            case _Stopped():
                undone = all(end is None or not end.left for _, end in self._results.values())
                self._take(machines.AllStopped(undone))
            case Answered():
                pass
            case AlertChange() | SourceState():
                self._seen.take(item)
                self._record(item)
            case _:
                self._record(item)

    def _take_reading(self, item: SloReading) -> None:
        tripped = self._guards.figures(item.figures)
        now = self._journal.elapsed()
        if tripped is not None or now - self._shown_at >= _SHOWN_EVERY or not self._left:
            self._shown_at = now
            for tick in item.ticks:
                self._record(tick)
        self._left = {each.slo: each.left for each in item.figures}
        if self._phase is not machines.Phase.READY:
            self._trip(tripped)

    async def _ask_since(self) -> None:
        """Shares of good events since the begin, of the objectives that a claim is about."""
        wanted = {each.slo for each in self._plan.claims if each.kind is claim_forms.Claims.SLI}
        slos = [each for each in self._around.slos if str(each.id) in wanted]
        since = Since(slos, self._around.metrics)
        while slos:
            self._good |= await since.good(self._journal.elapsed(), self._around.clock.now())
            await asyncio.sleep(_SINCE_EVERY)

    def _tell_checks(self, *, over: bool = False) -> None:
        """What a claim's figure is now, where that has changed."""
        settling = over or self.machine.phase is machines.Phase.SETTLING
        for claim in self._plan.claims:
            got = self._measured(claim)
            if got is not None:
                self._tell_check(Check(claim.text, claim.bound, got, claim.unit, claim.holds(got)))
        for check in self._judging.checks(over=settling):
            self._tell_check(check)

    def _tell_check(self, check: Check) -> None:
        before = self._told_checks.get(check.name)
        if before is None and check.got is None and check.ok is None:
            return
        if before is not None and before.ok == check.ok and _words(before) == _words(check):
            return
        self._told_checks[check.name] = check
        self._record(Checked(check))

    def _measured(self, claim: Claim) -> float | None:
        """What only the objectives' own figures tell."""
        match claim.kind:
            case claim_forms.Claims.SLI:
                return self._good.get(claim.slo or "")
            case claim_forms.Claims.LEFT:
                wanted = [left for slo, left in self._left.items() if claim.slo in (None, slo)]
                known = [each for each in wanted if each is not None]
                return min(known) if known and len(known) == len(wanted) else None
            case _:
                return None

    # --- the record -----------------------------------------------------------------------------------------

    def _record(self, what: What, *, at: datetime | None = None, t: float | None = None) -> None:
        moment = at or self._around.clock.now()
        elapsed = self._journal.elapsed() if t is None else t
        self._unwritten.append((what, moment, elapsed))
        self._judging.take(RunEvent(moment, elapsed, what))
        self._trip_unwritten(self._write_rest)

    def _trip_unwritten(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            self._trip(Tripped("journal", f"what happens cannot be written down: {error.strerror}"))

    def _write_rest(self) -> None:
        while self._unwritten:
            what, at, t = self._unwritten[0]
            event = self._journal.record(what, at=at, t=t)
            self._unwritten.pop(0)
            self._events.append(event)
            for tell in tuple(self._listeners):
                try:
                    tell(event)
                except Exception as error:
                    self._listeners.remove(tell)
                    self._record(Note(f"what shows the game day has failed: {type(error).__name__}: {error}"))

    # --- what goes on beside --------------------------------------------------------------------------------

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        self._beside.append(asyncio.create_task(work))


_ENDED: Final = "ended with the game day"
_LAST: Final = (machines.Phase.STOPPING, machines.Phase.FINISHED)
_GOES_ON: Final = (machines.Phase.RUNNING, machines.Phase.HELD)


def _load_gone(event: machines.Event, step: Played | None, commands: Sequence[machines.Command]) -> bool:
    """Whether everything ends because an experiment has lost the load it needs."""
    return (
        isinstance(event, machines.StepDone)
        and isinstance(step, ExperimentStep)
        and step.under == event.step
        and any(isinstance(each, machines.StopAll) for each in commands)
    )


def _to_hold(claim: Claim) -> Check:
    want: float | str | None = claim.bound
    if want is None:
        want = "none" if claim.kind is claim_forms.Claims.NO_PAGE else "all"
    return Check(claim.text, want, None, claim.unit)


def _words(check: Check) -> str:
    return value_words(check.got, check.unit)
