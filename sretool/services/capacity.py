"""The highest rate that holds, found by making load: the search decides, the generator does."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from sretool.core.analysis.capacity import Ending, Phase, Result, Search, Second
from sretool.core.analysis.totals import merged
from sretool.core.observe import saturation
from sretool.core.plans.load.objectives import Measure, Objective, judge_steps
from sretool.core.runs.events import (
    WARM_UP,
    CapacityFound,
    Checked,
    CurvePoint,
    Note,
    PhaseBegan,
    ProcessChange,
    Stage,
    Started,
)
from sretool.core.runs.load import Load
from sretool.core.runs.model import Check, LoadMeasures, Measures, Outcome, RunKind, Verdict
from sretool.core.runs.words import count_words, value_words
from sretool.errors import LoadFailed, SourceError
from sretool.services.load import under

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.core.analysis.capacity import Plan, Step
    from sretool.core.catalog.watched import Watched
    from sretool.core.observe.saturation import Reached
    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.plans.load.profile import LoadProfile
    from sretool.core.runs.events import LoadTick, RunEvent, What
    from sretool.core.runs.model import RunRecord
    from sretool.ports import Clock, LoadDriver, LoadSession, MetricsSource, RunJournal
    from sretool.services.load import Control

SOME_ERRORS: Final = Objective(Measure.ERRORS, 0.01)
"""Where a profile says nothing about errors: a rate at which more fail than this is not held."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be found."""

    profile: LoadProfile
    plan: LoadPlan
    """Its model an open one that lasts longer than the search may."""
    search: Plan
    stages: tuple[tuple[str, float], ...] = ()
    """(Name, requests per second) that the answer is compared with."""


@dataclass(frozen=True, slots=True)
class Answer:
    record: RunRecord
    result: Result
    stages: tuple[Stage, ...] = ()
    resources: tuple[Reached, ...] | None = None
    """The first to reach its line first; None: nobody was asked, or nobody answered."""
    notes: tuple[str, ...] = ()


class Resources(Protocol):
    """What the servers use up."""

    async def reached(self, begin: datetime, end: datetime) -> Sequence[Reached]:
        """Raises SourceError."""
        ...


class WatchedResources:
    """What a catalog watches, asked of a Prometheus."""

    def __init__(self, metrics: MetricsSource, watched: Watched) -> None:
        self._metrics, self._lines = metrics, saturation.lines(watched)

    async def reached(self, begin: datetime, end: datetime) -> Sequence[Reached]:
        step = timedelta(seconds=max(math.ceil((end - begin).total_seconds() / _POINTS), 1))
        found: list[saturation.Course] = []
        failed: SourceError | None = None
        for line in self._lines:
            # One expression that a server refuses must not hide the others.
            try:
                used = await self._metrics.range(line.expr, begin, end, step)
                limits = (
                    await self._metrics.range(line.limit, begin, end, step)
                    if isinstance(line.limit, str)
                    else ()
                )
            except SourceError as error:
                failed = error
                continue
            found += saturation.courses(line, used, limits)
        if failed is not None and not found:
            raise failed
        return saturation.reached(found)


_POINTS: Final = 120


def judged(profile: LoadProfile) -> tuple[Objective, ...]:
    """The objectives that a rate has to hold."""
    found = tuple(each for each in profile.objectives if each.measure not in (Measure.RATE, Measure.SLO))
    if any(each.measure is Measure.ERRORS and not each.request for each in found):
        return found
    return (*found, SOME_ERRORS)


async def run(
    order: Order,
    *,
    driver: LoadDriver,
    journal: RunJournal,
    clock: Clock,
    control: Control,
    on_event: Callable[[RunEvent], None] = lambda _: None,
    resources: Resources | None = None,
    log: Path | None = None,
) -> Answer:
    """Search, and write it down as it happens.

    What a locustfile or plan makes impossible is raised as UsageError; a generator that breaks off ends the
    run with the outcome `error`.
    """
    return await _Run(order, driver, journal, clock, control, on_event, resources, log).run()


@dataclass
class _Run:
    order: Order
    driver: LoadDriver
    journal: RunJournal
    clock: Clock
    control: Control
    on_event: Callable[[RunEvent], None]
    resources: Resources | None
    log: Path | None
    load: Load = field(default_factory=Load)
    failed: LoadFailed | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objectives = judged(self.order.profile)
        self.search = Search(judge_steps(self.objectives), self.order.search)
        self._phase: tuple[Phase, float] | None = None
        self._told = 0

    async def run(self) -> Answer:
        profile = self.order.profile
        self._record(
            Started(
                kind=RunKind.CAPACITY,
                title=profile.title,
                checks=tuple(each.check(None) for each in self._wanted_rates()),
                blast_radius=(self.order.plan.target,),
            )
        )
        began = self.clock.now()
        session = await self.driver.start(self.order.plan, changed=self._record, log=self.log)
        async with under(self.control, session, self._record):
            try:
                for name in session.workers:
                    self._record(ProcessChange(name, "started"))
                self._enter()
                async for tick in session.ticks():
                    await self._take(tick, session)
            except LoadFailed as error:
                self.failed = error
        return await self._finish(began, session)

    def _record(self, what: What) -> None:
        self.on_event(self.journal.record(what))

    def _wanted_rates(self) -> list[Objective]:
        return [each for each in self.order.profile.objectives if each.measure is Measure.RATE]

    def _enter(self) -> None:
        """Tell of a phase that begins with the next second."""
        now = self.search.phase, self.search.rate
        if now == self._phase:
            return
        self._phase = now
        name = WARM_UP if now[0] is Phase.WARM_UP else f"{now[0].value} {value_words(now[1], '1/s')}"
        self._record(PhaseBegan(name))

    async def _take(self, tick: LoadTick, session: LoadSession) -> None:
        self._record(tick)
        if self.search.done or tick.seconds <= 0:
            return
        counted = Load()
        counted.take(tick)
        self.load.take(tick)
        self.search.take(
            Second(
                counted.totals,
                tick.in_flight,
                max((each.cpu for each in tick.workers if each.cpu is not None), default=None),
                tick.lag_s,
            )
        )
        if self.search.done:
            await session.stop()
        elif self._phase is None or self.search.rate != self._phase[1]:
            await session.set_rate(self.search.rate)
        for step in self.search.steps[self._told :]:
            self._record(_point(step))
        self._told = len(self.search.steps)
        if not self.search.done:
            self._enter()

    async def _finish(self, began: datetime, session: LoadSession) -> Answer:
        result = self.search.result()
        self.notes += result.notes
        reached = await self._resources(began)
        first = next((each for each in reached or () if each.at is not None and not each.before), None)
        stages = tuple(stage(name, rate, result) for name, rate in self.order.stages)
        self._record(
            CapacityFound(
                result.lower,
                result.upper,
                result.knee,
                result.rounds,
                result.why,
                first.title if first is not None else "",
                stages,
            )
        )
        checks = tuple(_rate_check(each, result) for each in self._wanted_rates())
        for check in checks:
            self._record(Checked(check))
        for note in self.notes:
            self._record(Note(note))
        verdict = self._verdict(result, checks, session)
        self.journal.finish(verdict, Measures(load=self._measures(result)))
        return Answer(self.journal.run, result, stages, reached, tuple(self.notes))

    async def _resources(self, began: datetime) -> tuple[Reached, ...] | None:
        if self.resources is None:
            return None
        try:
            return tuple(await self.resources.reached(began, self.clock.now()))
        except SourceError as error:
            self.notes.append(f"resources are not known: {error.message}")
            return None

    def _measures(self, result: Result) -> LoadMeasures | None:
        """Of the seconds in which the confirmed rate held; of all of them where none did."""
        at = [step.totals for step in result.steps if step.held and step.asked == result.asked]
        return (replace(self.load, totals=merged(at)) if at else self.load).measures()

    def _verdict(self, result: Result, checks: tuple[Check, ...], session: LoadSession) -> Verdict:
        def told(outcome: Outcome, reason: str) -> Verdict:
            return Verdict(outcome, reason, checks)

        if self.failed is not None:
            return told(Outcome.ERROR, self.failed.message)
        if self.control.stop.is_set():
            return told(Outcome.ABORTED, self.control.stopped_by)
        ended = session.ended
        if not self.search.done:
            return told(Outcome.ERROR, ended.why if ended is not None else "the load ended before the search")
        broken = [check.name for check in checks if check.ok is False]
        match result.ending:
            case Ending.LEAST:
                # So low a rate that nothing came of it says less than the one before.
                answered = [step for step in result.steps if step.why and step.totals.whole.requests]
                lowest = min(answered or result.steps, key=lambda step: step.asked)
                return told(Outcome.FAILED, f"not even {lowest.asked:.3g}/s holds: {lowest.why[0]}")
            case Ending.GENERATOR:
                reached = f" at {_rate(result.lower)}, which holds" if result.lower is not None else ""
                return told(Outcome.INCONCLUSIVE, f"the generator was at its end before the server{reached}")
            case Ending.TIME:
                return told(Outcome.INCONCLUSIVE, f"after {result.seconds:.0f} s {_interval(result)}")
            case Ending.MOST:
                text = f"holds {_rate(result.lower)}, the highest rate allowed"
            case Ending.FOUND:
                text = f"holds {_rate(result.lower)}, breaks at {_rate(result.upper)}"
        if broken:
            return told(Outcome.FAILED, f"{text}; wanted: {', '.join(broken)}")
        return told(Outcome.PASSED, text)


def stage(name: str, rate: float, result: Result) -> Stage:
    """Whether a rate is carried, by what was confirmed and refuted."""
    lower, upper = result.lower, result.upper
    carries = None
    if lower is not None and rate <= lower:
        carries = True
    elif upper is not None and rate >= upper:
        carries = False
    return Stage(name, rate, carries, lower / rate - 1 if lower is not None and rate > 0 else None)


def _rate_check(objective: Objective, result: Result) -> Check:
    """A minimum of the rate against the capacity."""
    check = objective.check(result.lower)
    if check.ok is False and (result.upper is None or objective.holds(result.upper)):
        # Above what was confirmed, and not refuted either.
        return replace(check, ok=None)
    return check


def _point(step: Step) -> CurvePoint:
    p50, p95, p99 = (step.totals.whole.quantile(share) for share in (0.5, 0.95, 0.99))
    return CurvePoint(
        phase=step.phase.value,
        asked=step.asked,
        seconds=step.seconds,
        rate=step.rate,
        done=step.done,
        good=step.good,
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        held=step.held,
        why=step.why,
    )


def _rate(rate: float | None) -> str:
    return f"{count_words(rate) if rate >= 100 else f'{rate:.3g}'}/s" if rate is not None else "nothing"


def _interval(result: Result) -> str:
    if result.lower is None:
        highest = f" below {_rate(result.upper)}" if result.upper is not None else ""
        return f"no rate{highest} was confirmed"
    above = f" and {_rate(result.upper)} breaks" if result.upper is not None else ""
    return f"{_rate(result.lower)} held {result.rounds} times{above}"
