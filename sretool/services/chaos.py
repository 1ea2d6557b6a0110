"""An experiment from its plan to its verdict.

What the runner tells, what is watched and what guards decide goes through one queue into the run's journal.
When something trips, what was done is undone first; only then the runner is asked to end. Afterwards
everything is watched until it is as before, and the verdict is made from the journal's events alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sretool.core.observe.model import Drill
from sretool.core.plans.chaos import criteria as criteria_of
from sretool.core.plans.chaos.guards import PROBE_EVERY, Guards, Tripped
from sretool.core.plans.chaos.verdict import judge
from sretool.core.runs.events import (
    AlertChange,
    FaultOff,
    FaultOn,
    GuardTripped,
    Note,
    PhaseBegan,
    PlannedPhase,
    RunEvent,
    RunnerEnded,
    Started,
    WatchEnded,
)
from sretool.core.runs.model import RunKind
from sretool.errors import ChaosError
from sretool.services.announcing import Announcing
from sretool.services.chaos_telling import Told, told
from sretool.services.chaos_watch import EVERY, Answered, SloReading, Sources, Watchers
from sretool.services.ending import Ending, undone_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.core.runs.events import What
    from sretool.core.runs.model import Measures, RunRecord, Verdict
    from sretool.ports import ChaosSession, Clock, ExperimentJournal, LoadChild
    from sretool.undo.heal import Healed

_BEAT: Final = 0.1
"""Seconds between two looks at what only time decides."""
_LOG_EVERY: Final = 0.5
"""Seconds between two looks at what the undo log says."""
_LOOKS: Final = 3
"""Looks at a source within the time after which it counts as silent."""
_CALM: Final = 2.0
"""Seconds that everything must be as before until it counts."""
_STOPPED: Final = 0.5
"""Seconds that a runner may stand still."""
INTERRUPTED: Final = "interrupted"
"""Guard of a run that somebody ended by hand."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done."""

    plan: ChaosPlan
    given: Mapping[str, Any]
    """For the runner: the experiment, its path, values for its variables."""
    environment: Mapping[str, str]
    """Of the runner."""
    by: str
    """Who runs it."""
    remarks: tuple[str, ...] = ()
    """For the record: approvals, gates that were opened by hand."""
    announced: str = ""
    """What others are told it is, where they are not to know what it does."""


@dataclass(slots=True)
class Control:
    """From outside, while it runs."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    stopped_by: str = "by hand"
    """For the verdict."""


@dataclass(frozen=True, slots=True)
class Around:
    """Everything outside that takes part."""

    session: ChaosSession
    sources: Sources
    clock: Clock
    stop_file: Callable[[], str]
    """Gives the name of a stop file that exists, or an empty text."""
    load: LoadChild | None = None


async def run(
    order: Order,
    around: Around,
    journal: ExperimentJournal,
    control: Control,
    on_event: Callable[[RunEvent], None] = lambda _: None,
) -> Ending:
    """Carry it out. Whatever happens, everything is undone, or told, before this returns."""
    return await _Run(order, around, journal, control, on_event).run()


@dataclass(frozen=True, slots=True)
class _Gone:
    """Something that takes part has ended by itself."""

    who: str
    text: str = ""


class _Run:
    def __init__(
        self,
        order: Order,
        around: Around,
        journal: ExperimentJournal,
        control: Control,
        on_event: Callable[[RunEvent], None],
    ) -> None:
        self._order, self._plan, self._around = order, order.plan, around
        self._journal, self._control, self._on_event = journal, control, on_event
        block = self._plan.block
        self._criteria = criteria_of.criteria(self._plan)
        watched = around.sources.rules is not None or around.sources.watch is not None
        self._guards = Guards(block, watched=watched)
        self._queue: asyncio.Queue[What | SloReading | Told | _Gone] = asyncio.Queue()
        expected = frozenset(each.name for each in block.expected_alerts)
        every = min(EVERY, block.blind_after.total_seconds() / _LOOKS)
        self._watchers = Watchers(around.sources, self._emit, expected, every)
        self._events: list[RunEvent] = []
        self._unwritten: list[tuple[What, datetime, float]] = []
        """What the disk did not take yet."""
        self._tripped: Tripped | None = None
        self._fired: set[str] = set()
        self._faults: dict[str, float] = {}
        """Faults → when they were first told to be in."""
        self._off: set[str] = set()
        """Those that are told to be undone."""
        self._closed: set[str] = set()
        """Those that the undo log had as undone when it was last looked at."""
        self._runner_gone = False
        self._runner_ended = False
        self._still_since: float | None = None
        self._log_read = 0.0
        self._begun = False
        self._tasks: list[asyncio.Task[None]] = []
        self._healed: Healed | None = None
        services = () if order.announced else block.blast_radius.services
        drill = Drill(order.announced or self._plan.title, around.clock.now(), services)
        self._announcing = Announcing(drill, journal.run, order.by, around.sources.board, around.clock)

    # --- the whole ----------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        self._record(self._started())
        for remark in self._order.remarks:
            self._record(Note(remark))
        self._watchers.start()
        announcing = asyncio.create_task(self._announcing.renew(self._queue.put_nowait))
        try:
            await self._carry_out()
            if self._begun and not self._control.stop.is_set():
                await self._recover()
        finally:
            await self._put_away()
            announcing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await announcing
        return await self._finish()

    def _started(self) -> Started:
        block, plan = self._plan.block, self._plan
        baseline = block.baseline.total_seconds()
        phases = [PlannedPhase("baseline", baseline)] if baseline else []
        names = ["hypothesis before", "method", "hypothesis after", "rollbacks"]
        least = plan.least_seconds - baseline
        phases += [PlannedPhase(each, least if each == "method" else None) for each in names]
        phases.append(PlannedPhase("recovery"))
        return Started(
            RunKind.CHAOS,
            plan.title,
            seconds=plan.least_seconds,
            phases=tuple(phases),
            checks=criteria_of.to_hold(self._criteria),
            guards=self._guards.words,
            people={"by": self._order.by},
            blast_radius=block.blast_radius.services or tuple(each.target for each in plan.targets),
            criteria=criteria_of.document(self._criteria),
            plan_hash=plan.hash,
        )

    async def _carry_out(self) -> None:
        try:
            await self._prepare()
            if self._tripped is None:
                await self._begin()
                await self._until(lambda: self._runner_gone)
        except ChaosError as error:
            self._record(RunnerEnded("failed", error.message))
            self._runner_ended = True
        finally:
            await self._undo()

    async def _prepare(self) -> None:
        """Load, and the time before the fault."""
        if self._around.load is not None:
            await self._around.load.start()
            self._watch(self._lost_load())
        seconds = self._plan.block.baseline.total_seconds()
        if seconds:
            self._record(PhaseBegan("baseline"))
            end = self._journal.elapsed() + seconds
            await self._until(lambda: self._journal.elapsed() >= end)

    async def _begin(self) -> None:
        self._begun = True
        guards = {"guards": list(self._guards.probes), "guards_every": PROBE_EVERY}
        await self._around.session.start({**self._order.given, **guards}, environment=self._order.environment)
        self._guards.begin(self._journal.elapsed())
        self._watch(self._read())
        self._watch(self._lost_warden())

    async def _undo(self) -> None:
        """What tripped is healed first; then, in any case, nothing is left running that makes faults."""
        session, tripped = self._around.session, self._tripped
        t, at = self._journal.elapsed(), self._around.clock.now()
        if self._begun and tripped is not None:
            self._note_healed(await session.heal())
        if tripped is not None:
            self._record(GuardTripped(tripped.guard, tripped.text), at=at, t=t)
        if self._begun:
            self._healed = await session.finish()
            self._drain()
            self._note_healed(self._healed)
            self._note_log(last=True)
        if not self._runner_ended:
            by_hand = tripped is not None and tripped.guard == INTERRUPTED
            status = "interrupted" if by_hand else "aborted" if tripped is not None else "crashed"
            self._record(RunnerEnded(status))

    async def _recover(self) -> None:
        self._record(PhaseBegan("recovery"))
        began = self._journal.elapsed()
        deadline = began + self._plan.block.recovery_deadline.total_seconds()
        calm_since: float | None = None

        def as_before() -> bool:
            nonlocal calm_since
            now = self._journal.elapsed()
            if self._waits_for():
                calm_since = None
                return now >= deadline
            if calm_since is None:
                calm_since = now
            return now - calm_since >= self._calm

        self._tripped = None
        await self._until(as_before, guarded=False)

    @property
    def _calm(self) -> float:
        sources = self._around.sources
        return _CALM if sources.rules or sources.watch or sources.processes else 0.0

    def _waits_for(self) -> tuple[str, ...]:
        """What is not as before, or still to come."""
        expected = {each.name for each in self._plan.block.expected_alerts}
        # Alerts that are allowed may remember a fault for hours, as those of budgets do.
        alerts = (
            name for name in self._watchers.open_alerts if self._criteria.unexpected_fail or name in expected
        )
        return (*alerts, *self._watchers.away, *self._to_come())

    def _to_come(self) -> tuple[str, ...]:
        if not self._faults or self._around.sources.rules is None:
            return ()
        since = self._journal.elapsed() - min(self._faults.values())
        return tuple(
            each.name
            for each in self._plan.block.expected_alerts
            if each.name not in self._fired and since < each.within.total_seconds()
        )

    async def _put_away(self) -> None:
        await self._watchers.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._around.load is not None:
            await self._around.load.stop()
        self._drain()

    async def _finish(self) -> Ending:
        left = self._left()
        self._record(WatchEnded(len(self._events) + len(self._unwritten), ", ".join(self._waits_for())))
        happened = [*self._events, *(RunEvent(at, t, what) for what, at, t in self._unwritten)]
        verdict, measures = judge(self._criteria, happened)
        await self._announcing.end(verdict)
        record = self._write_verdict(verdict, measures, left)
        return Ending(record, left, self._control.stop.is_set())

    def _write_verdict(self, verdict: Verdict, measures: Measures, left: Sequence[str]) -> RunRecord:
        try:
            self._write_rest()
            self._journal.finish(verdict, measures)
        except OSError as error:
            raise ChaosError(
                f"the run cannot be written down ({error.strerror}); its verdict: "
                f"{verdict.outcome.value}, {verdict.reason}",
                remedy=f"{undone_words(left)}; {self._journal.folder} has to be there, with room in it",
            ) from error
        return self._journal.run

    def _left(self) -> tuple[str, ...]:
        healed = self._healed
        if healed is None or healed.complete:
            return ()
        failed = tuple(f"{each.fault}: {each.text}" for each in healed.results if not each.ok)
        return failed or (healed.problem,)

    # --- one thing after another --------------------------------------------------------------------------

    async def _until(self, done: Callable[[], bool], *, guarded: bool = True) -> None:
        """Deal with what comes until `done`, a trip or an interruption."""
        while not done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BEAT):
                    self._deal(await self._queue.get())
            self._drain()
            if self._control.stop.is_set():
                self._trip(Tripped(INTERRUPTED, self._control.stopped_by))
            elif guarded:
                self._look()
            if self._tripped is not None and (guarded or self._control.stop.is_set()):
                return

    def _look(self) -> None:
        """What only time decides."""
        now = self._journal.elapsed()
        self._trip(self._guards.tick(now))
        self._trip_unwritten(self._journal.look)
        if self._still_in and now - self._log_read > _LOG_EVERY:
            self._log_read = now
            self._note_log()
        file = self._around.stop_file()
        if file:
            self._trip(Tripped("stop file", f"{file} says that no experiment may run"))
        if not self._begun or not self._around.session.stands_still:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = now
        elif now - self._still_since > _STOPPED:
            self._trip(Tripped("runner", "the program that plays the experiment was stopped"))

    def _emit(self, item: What | Answered | SloReading) -> None:
        # How long a source has been silent does not depend on how much waits to be written down.
        if isinstance(item, Answered):
            self._guards.answered(self._journal.elapsed())
        else:
            self._queue.put_nowait(item)

    def _trip(self, tripped: Tripped | None) -> None:
        if tripped is not None and self._tripped is None:
            self._tripped = tripped

    def _drain(self) -> None:
        while not self._queue.empty():
            self._deal(self._queue.get_nowait())

    def _deal(self, item: What | SloReading | Told | _Gone) -> None:
        match item:
            case SloReading():
                for tick in item.ticks:
                    self._record(tick)
                self._trip(self._guards.figures(item.figures))
            case Told():
                self._deal_with_told(item)
            case _Gone("runner"):
                self._runner_gone = True
            case _Gone(who, text):
                self._trip(Tripped(who, text))
            case _:
                self._record(item)

    def _deal_with_told(self, item: Told) -> None:
        t = self._journal.elapsed()
        age = max(0.0, (self._around.clock.now() - item.at).total_seconds()) if item.at else 0.0
        for what in item.whats:
            if isinstance(what, FaultOff) and what.ok and what.fault in self._off:
                continue
            self._record(what, at=item.at, t=max(0.0, t - age))
        if item.asked:
            self._guards.asked(item.asked, t)
        if item.guard is not None:
            name, met, text = item.guard
            self._trip(self._guards.probe(name, t, met=met, text=text))

    def _record(self, what: What, *, at: datetime | None = None, t: float | None = None) -> None:
        self._take_note(what)
        moment = at or self._around.clock.now()
        elapsed = self._journal.elapsed() if t is None else t
        self._unwritten.append((what, moment, elapsed))
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
            self._on_event(event)

    def _take_note(self, what: What) -> None:
        match what:
            case FaultOn(fault):
                self._faults.setdefault(fault, self._journal.elapsed())
            case FaultOff(fault, ok=True):
                self._off.add(fault)
            case AlertChange(name, "firing"):
                self._fired.add(name)
            case RunnerEnded():
                self._runner_ended = True
            case _:
                pass

    @property
    def _still_in(self) -> set[str]:
        return self._faults.keys() - self._off

    def _note_log(self, *, last: bool = False) -> None:
        """Faults that were undone without the runner telling: their time was over, or it was killed.

        While it lives its word may still be on the way, so that the log counts from the second look on.
        """
        still_in = self._still_in
        for standing in self._around.session.standings():
            entry, how = standing.entry, standing.closed
            if entry.id not in still_in or how is None:
                continue
            if last or entry.id in self._closed:
                self._record(FaultOff(entry.id, "expired" if entry.ttl else how))
            self._closed.add(entry.id)

    def _note_healed(self, healed: Healed) -> None:
        for each in healed.results:
            if each.id in self._still_in:
                self._record(FaultOff(each.id, "healed" if each.ok else each.text, ok=each.ok))
            elif not each.ok:
                self._record(Note(f"{each.fault} could not be undone: {each.text}"))
        if healed.problem:
            self._record(Note(f"the undo log: {healed.problem}"))

    # --- what runs beside ---------------------------------------------------------------------------------

    def _watch(self, coroutine: Any) -> None:
        self._tasks.append(asyncio.create_task(coroutine))

    async def _read(self) -> None:
        try:
            async for line in self._around.session.events():
                self._queue.put_nowait(told(line))
        finally:
            self._queue.put_nowait(_Gone("runner"))

    async def _lost_warden(self) -> None:
        await self._around.session.warden_lost()
        self._queue.put_nowait(_Gone("warden", "the program that undoes in our place was lost"))

    async def _lost_load(self) -> None:
        assert self._around.load is not None
        text = await self._around.load.lost()
        self._queue.put_nowait(_Gone("load", text))
