"""A load and an experiment beside each other, as programs of their own, told in one run's events.

Rounds and searches for a dose are made of this: start one, then the other, wait for something that they tell,
and end them whatever happens. Guards that concern all of them together (an error budget, somebody's hand, a
full disk) end them at once; each experiment has its own guards besides.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from sretool.core.runs.events import (
    WARM_UP,
    AlertChange,
    CapacityFound,
    FaultOff,
    FaultOn,
    GuardTripped,
    LoadTick,
    Note,
    PhaseBegan,
    SloTick,
    StepBegan,
    StepEnded,
    StepRun,
)
from sretool.core.runs.load import Load
from sretool.core.runs.model import GameDayMeasures, Measures, Outcome, Verdict
from sretool.errors import ChaosError
from sretool.services.ending import Ending
from sretool.services.gameday_children import NOT_UNDONE, relayed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from datetime import datetime

    from sretool.core.runs.events import RunEvent, What
    from sretool.ports import Clock, ExperimentJournal
    from sretool.services.chaos import Control
    from sretool.services.gameday_children import Child, ChildEnd

BEAT: Final = 0.2
"""Seconds between two looks at what the children have written."""
_BEGINS: Final = 60.0
"""Seconds in which a load must have made its first request that counts, its warm-up left out."""
_CALM_EVERY: Final = 5.0
"""Seconds between two looks whether everything is as before."""


class Children(Protocol):
    def __call__(self, step: str, kind: str, arguments: Sequence[str]) -> Child:
        """A `sretool` with these arguments, not started yet; `kind`: `load`, `capacity`, `experiment`."""
        ...


@dataclass(frozen=True, slots=True)
class Around:
    children: Children
    calm: Callable[[], Awaitable[Sequence[str]]]
    """What keeps an experiment from beginning now, each in words; empty: nothing."""
    clock: Clock


@dataclass(frozen=True, slots=True)
class Limits:
    budget: float | None = None
    """Share of any error budget that all of it together may take, 0..1."""
    patience: float = 600.0
    """Seconds that everything may take to be as before."""

    @property
    def guards(self) -> tuple[str, ...]:
        """In words; empty: there is none."""
        return () if self.budget is None else (f"budget > {self.budget:.0%}",)


@dataclass(slots=True)
class Step:
    """One step, as its end tells it."""

    outcome: Outcome = Outcome.ABORTED
    why: str = "it was not over"


class Stopped(Exception):
    """Nothing more is begun."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why


@dataclass(slots=True)
class Running:
    """One child, as far as its events tell."""

    step: str
    kind: str
    """`load`, `capacity`, `experiment`."""
    child: Child
    at_work: asyncio.Task[ChildEnd]
    told: deque[RunEvent]
    """What it wrote and nobody has taken in yet."""
    run: str = ""
    """Name of its run folder, as far as that is on record."""
    warming_up: bool = False
    counting_since: datetime | None = None
    """Begin of the first tick after the warm-up."""
    open_faults: set[str] = field(default_factory=set)
    fault_on: datetime | None = None
    """The first."""
    fault_off: datetime | None = None
    """The last; None as well while one is in."""
    ticks: list[tuple[datetime, LoadTick]] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
    """Objective → share of its budget since this child began."""
    capacity: CapacityFound | None = None
    guard: str = ""
    """What ended it early, and with what figure."""

    @property
    def ended(self) -> bool:
        return self.at_work.done()

    @property
    def end(self) -> ChildEnd:
        """Once it has ended."""
        return self.at_work.result()

    @property
    def verdict(self) -> Verdict | None:
        """Once it has ended; None: it has none."""
        record = self.end.record
        return record.verdict if record is not None else None

    @property
    def why(self) -> str:
        """Of its verdict; else its last words."""
        return self.verdict.reason if self.verdict is not None else self.end.said

    def told_until(self, moment: datetime) -> bool:
        return bool(self.ticks) and self.ticks[-1][0] >= moment

    def load(self, begin: datetime, end: datetime) -> Load:
        """Of the ticks that lie wholly between."""
        found = Load()
        for at, tick in self.ticks:
            if tick.seconds > 0 and (at - begin).total_seconds() >= tick.seconds and at <= end:
                found.take(tick)
        return found


def no_fault(chaos: Running) -> str:
    """Why an experiment that is over has made none."""
    start = "no fault was made"
    return f"{start}: {chaos.why.removeprefix(start).lstrip(': ')}".rstrip(": ")


class Together:
    def __init__(
        self,
        journal: ExperimentJournal,
        around: Around,
        control: Control,
        on_event: Callable[[RunEvent], None],
        limits: Limits,
    ) -> None:
        self._journal = journal
        self._around = around
        self._control = control
        self._on_event = on_event
        self._limits = limits
        self._running: list[Running] = []
        self._before: dict[str, float] = {}
        """Objective → share of its budget that experiments took which are over."""
        self.spent: dict[str, float] = {}
        """Objective → share that all of them took."""
        self.left: list[str] = []
        self.events: list[RunEvent] = []
        """What is on record."""
        self.experiments: list[Outcome] = []
        """How those came out that made a fault."""

    def now(self) -> datetime:
        return self._around.clock.now()

    def record(self, what: What, at: datetime | None = None) -> None:
        """Stopped where the disk takes nothing.

        A listener that raises is called no more, which is on record: what is undone never depends on who
        looks on.
        """
        with _written():
            event = self._journal.record(what, at=at)
        self.events.append(event)
        try:
            self._on_event(event)
        except Exception as error:
            self._on_event = lambda _: None
            self.record(Note(f"what shows this run has failed: {type(error).__name__}: {error}"))

    async def until(self, done: Callable[[], bool], seconds: float | None = None) -> bool:
        """Take in what the children tell until `done`; False: the time was over before.

        Stopped by a guard of the whole.
        """
        loop = asyncio.get_running_loop()
        ends = None if seconds is None else loop.time() + seconds
        while True:
            self._take_all()
            self._guard()
            if done():
                return True
            if ends is not None and loop.time() >= ends:
                return False
            await asyncio.sleep(BEAT)

    async def calm(self) -> None:
        """Until everything is as before; Stopped where it does not become so."""
        loop = asyncio.get_running_loop()
        began, told = loop.time(), ""
        while reasons := await self._around.calm():
            if loop.time() - began > self._limits.patience:
                raise Stopped(Outcome.INCONCLUSIVE, f"not as before in time: {reasons[0]}")
            if reasons[0] != told:
                told = reasons[0]
                self.record(Note(f"waits: {told}"))
            await self.until(lambda: False, _CALM_EVERY)

    @contextlib.asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Step]:
        """What is done within it begins once everything is as before; its end is on record in any case."""
        self.record(StepBegan(name))
        step = Step()
        try:
            await self.calm()
            yield step
        except Stopped as stopped:
            step.outcome, step.why = stopped.outcome, stopped.why
            await self.close()
            raise
        finally:
            self.record(StepEnded(name, step.outcome, step.why, not self.left))

    def need_undone(self) -> None:
        """Stopped where a fault is still in."""
        if self.left:
            raise Stopped(Outcome.ERROR, self.left[0])

    async def start(self, step: str, kind: str, arguments: Sequence[str]) -> Running:
        """Stopped where it cannot be started."""
        child = self._around.children(step, kind, arguments)
        try:
            await child.start()
        except ChaosError as error:
            raise Stopped(Outcome.ERROR, error.message) from error
        told: deque[RunEvent] = deque()
        running = Running(step, kind, child, asyncio.create_task(child.follow(told.extend)), told)
        self._running.append(running)
        return running

    async def end(self, running: Running) -> None:
        """In order, if it has not ended by itself. What it wrote is taken in, what it left is undone."""
        if running not in self._running:
            return
        running.child.stop()
        end = await running.at_work
        self.left += end.left
        if end.code == NOT_UNDONE and not end.left:
            self.left.append(f"{running.step}: a fault is not undone")
        try:
            self._take(running)
        finally:
            self._running.remove(running)
            for slo, spent in running.spent.items():
                self._before[slo] = self._before.get(slo, 0.0) + spent
            if running.fault_on is not None and running.verdict is not None:
                self.experiments.append(running.verdict.outcome)

    async def begun(self, load: Running, longest: float) -> str:
        """Empty once it has made its first request that counts; else why it has not, and it is ended.

        `longest`: seconds that its warm-up may take.
        """
        await self.until(lambda: load.counting_since is not None or load.ended, longest + _BEGINS)
        if load.counting_since is not None:
            return ""
        await self.end(load)
        return f"the load did not begin: {load.why}".rstrip(": ")

    async def close(self) -> None:
        """End whatever still runs, all at the same time.

        Whatever goes wrong with one, the others are waited for.
        """
        async with contextlib.AsyncExitStack() as ends:
            for each in tuple(self._running):
                ends.push_async_callback(self._ended, each)
                each.child.stop()

    async def _ended(self, running: Running) -> None:
        with contextlib.suppress(Stopped):
            await self.end(running)

    def finish(self, verdict: Verdict) -> Ending:
        """With this verdict, if everything is undone; ChaosError where the disk does not take it."""
        if self.left:
            verdict = Verdict(Outcome.ERROR, f"not undone: {self.left[0]}")
        measures = GameDayMeasures(
            experiments=len(self.experiments),
            experiments_passed=sum(each is Outcome.PASSED for each in self.experiments),
            budget_spent=max(self.spent.values(), default=None),
            undone=not self.left,
        )
        try:
            self._journal.finish(verdict, Measures(gameday=measures))
        except OSError as error:
            told = f"{verdict.outcome.value}, {verdict.reason}"
            raise ChaosError(
                f"the run cannot be written down ({error.strerror}); its verdict: {told}",
                remedy="undo what is left with `sretool chaos heal`"
                if self.left
                else f"everything was undone; {self._journal.folder} has to be there, with room in it",
            ) from error
        return Ending(self._journal.run, tuple(self.left), self._control.stop.is_set())

    # --- what the children tell -----------------------------------------------------------------------------

    def _guard(self) -> None:
        if self._control.stop.is_set():
            raise Stopped(Outcome.ABORTED, self._control.stopped_by)
        with _written():
            self._journal.look()
        limit = self._limits.budget
        over = [each for each in self.spent.items() if limit is not None and each[1] > limit]
        if over:
            (slo, spent), (guard,) = over[0], self._limits.guards
            self.record(GuardTripped(guard, f"{slo}: {spent:.1%}"))
            raise Stopped(Outcome.ABORTED, f"{guard}: {slo} has spent {spent:.1%}")

    def _take_all(self) -> None:
        for each in tuple(self._running):
            self._take(each)

    def _take(self, running: Running) -> None:
        if not running.run and running.child.run:
            running.run = running.child.run
            self.record(StepRun(running.step, running.run))
        while running.told:
            self._told(running, running.told.popleft())

    def _told(self, running: Running, event: RunEvent) -> None:
        match event.what:
            case PhaseBegan(name):
                running.warming_up = name == WARM_UP
            case LoadTick() as tick if not running.warming_up:
                running.ticks.append((event.at, tick))
                running.counting_since = running.counting_since or event.at
            case FaultOn(fault):
                running.open_faults.add(fault)
                running.fault_on, running.fault_off = running.fault_on or event.at, None
            case FaultOff(fault):
                running.open_faults.discard(fault)
                if not running.open_faults:
                    running.fault_off = event.at
            case CapacityFound() as found:
                running.capacity = found
            case GuardTripped(guard, text):
                running.guard = running.guard or f"{guard}: {text}"
            case SloTick() as tick:
                self._slo(running, tick, event.at)
            case AlertChange() as change:
                self.record(change, event.at)
            case _:
                pass
        # The phases of our own say which load counts.
        kept = relayed(running.step, running.kind, event.what)
        if kept is not None:
            self.record(kept, event.at)

    def _slo(self, running: Running, tick: SloTick, at: datetime) -> None:
        if tick.budget_spent is not None:
            running.spent[tick.slo] = max(tick.budget_spent, running.spent.get(tick.slo, 0.0))
            self.spent[tick.slo] = self._before.get(tick.slo, 0.0) + running.spent[tick.slo]
        self.record(replace(tick, budget_spent=self.spent.get(tick.slo)), at)


@contextlib.contextmanager
def _written() -> Iterator[None]:
    """Stopped where the disk takes nothing."""
    try:
        yield
    except OSError as error:
        raise Stopped(Outcome.ERROR, f"what happens cannot be written down: {error.strerror}") from error
