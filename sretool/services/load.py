"""A load test from its plan to its verdict: what happens goes into the run's journal as it happens."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from sretool.core.analysis.generator import KEEPS_UP, Keeping
from sretool.core.plans.load.objectives import LEAST, Measure, Watchdog, judge
from sretool.core.plans.load.profile import Closed, Open, OwnShape
from sretool.core.runs.events import (
    Checked,
    Explained,
    GuardTripped,
    LoadTick,
    Note,
    PhaseBegan,
    PlannedPhase,
    ProcessChange,
    Started,
)
from sretool.core.runs.load import LEAST_SHARE_S, Load
from sretool.core.runs.model import Check, Measures, Outcome, RunKind, Verdict
from sretool.core.runs.words import value_words
from sretool.errors import LoadFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.plans.load.profile import Abort, LoadProfile
    from sretool.core.runs.events import RunEvent, What
    from sretool.core.runs.model import RunRecord
    from sretool.ports import Clock, LoadDriver, LoadSession, RunJournal

_NEARLY: Final = 0.05
"""Seconds that a tick may begin before the warm-up is over and still count."""
_LOOK: Final = 5.0
"""Seconds between two looks at the objectives while they may still change."""
_FEW_UNSERVED: Final = 0.01
"""Arrivals that never began, of those that did; more of them might have changed what was measured."""


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a test that is judged."""

    begin: datetime
    end: datetime


class ServerSide(Protocol):
    """What the servers under load say themselves."""

    async def checks(self, span: Span, load: Load) -> Sequence[tuple[Check, str]]:
        """Each with how it differs from what the generator saw; empty text: nothing to say. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done."""

    profile: LoadProfile
    plan: LoadPlan
    abort: Abort | None = None
    """When a broken objective ends it early; None: it goes on to its end."""


@dataclass(slots=True)
class Control:
    """From outside, while it runs."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to end it in order."""
    session: LoadSession | None = None
    """Once it has begun."""
    stopped_by: str = "interrupted by hand"
    """Why, for the verdict."""


async def run(
    order: Order,
    *,
    driver: LoadDriver,
    journal: RunJournal,
    clock: Clock,
    control: Control,
    on_event: Callable[[RunEvent], None] = lambda _: None,
    server: ServerSide | None = None,
    log: Path | None = None,
) -> RunRecord:
    """The record of the finished run.

    What a locustfile or plan makes impossible is raised as UsageError; a generator that breaks off ends the
    run with the outcome `error`.
    """
    return await _Run(order, driver, journal, clock, control, on_event, server, log).run()


async def work(plan: LoadPlan, *, driver: LoadDriver, tell: Callable[[str], None], control: Control) -> None:
    """As a worker of a master elsewhere, until that has no more use for it."""
    session = await driver.start(plan)
    async with under(control, session):
        tell(f"works for {plan.join}; Ctrl-C ends it")
        async for _ in session.ticks():
            pass
    tell("done")


@contextlib.asynccontextmanager
async def under(
    control: Control, session: LoadSession, record: Callable[[What], None] = lambda _: None
) -> AsyncIterator[None]:
    """Load that ends in order when `control` says so, and is put away afterwards in any case."""

    async def stop() -> None:
        await control.stop.wait()
        try:
            record(Note(f"stops: {control.stopped_by}"))
        finally:
            # Whether that can be written down or not.
            await session.stop()

    control.session = session
    stopping = asyncio.create_task(stop())
    try:
        yield
    finally:
        stopping.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await stopping
        finally:
            await session.aclose()


class _Run:
    def __init__(
        self,
        order: Order,
        driver: LoadDriver,
        journal: RunJournal,
        clock: Clock,
        control: Control,
        on_event: Callable[[RunEvent], None],
        server: ServerSide | None,
        log: Path | None,
    ) -> None:
        self._order, self._driver, self._journal, self._clock = order, driver, journal, clock
        self._control, self._on_event, self._server, self._log = control, on_event, server, log
        profile = order.profile
        self._phases = list(profile.phases)
        self._begin_of_next = 0.0
        self._passed = 0.0
        self._whole, self._judged = Load(), Load()
        self._keeping = Keeping()
        self._judged_from: datetime | None = None
        watched = order.abort
        self._watchdog = (
            Watchdog(
                [each for each in profile.objectives if each.measure is not Measure.SLO],
                after=watched.after,
                delay=watched.delay,
            )
            if watched is not None
            else None
        )
        self._since_look = _LOOK
        self._broken: Check | None = None
        self._failed: LoadFailed | None = None

    async def run(self) -> RunRecord:
        self._record(self._started())
        session = await self._begin()
        if session is None:
            verdict = Verdict(Outcome.ABORTED, f"{self._control.stopped_by} before it began")
            self._journal.finish(verdict)
            return self._journal.run
        async with under(self._control, session, self._record):
            try:
                for name in session.workers:
                    self._record(ProcessChange(name, "started"))
                self._next_phase()
                async for tick in session.ticks():
                    await self._take(tick, session)
            except LoadFailed as error:
                self._failed = error
        return await self._finish(session)

    async def _begin(self) -> LoadSession | None:
        """Load that is being made; None where it was stopped before: awaited workers may never come."""
        starting = asyncio.ensure_future(
            self._driver.start(self._order.plan, changed=self._record, log=self._log)
        )
        stopping = asyncio.ensure_future(self._control.stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return starting.result() if starting.done() else None
        finally:
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await starting

    def _record(self, what: What) -> None:
        self._on_event(self._journal.record(what))

    def _started(self) -> Started:
        profile, plan, abort = self._order.profile, self._order.plan, self._order.abort
        phases = tuple(PlannedPhase(name, seconds) for name, seconds in self._phases)
        guards: tuple[str, ...] = ()
        if abort is not None:
            for_ = f" for {abort.delay:g} s" if abort.delay else ""
            guards = tuple(f"broken{for_}: {each}" for each in profile.objectives)
        match plan.model:
            case Open(rate=shape) | Closed(users=shape):
                highest: int | None = round(shape.highest)
            case OwnShape():
                highest = None
        return Started(
            kind=RunKind.LOAD,
            title=profile.title,
            seconds=plan.seconds,
            phases=phases,
            checks=tuple(each.check(None) for each in profile.objectives),
            guards=guards,
            blast_radius=(plan.target,),
            users=highest,
        )

    def _next_phase(self) -> None:
        """Begin the phases that are due."""
        while self._phases:
            name, seconds = self._phases[0]
            begin = self._begin_of_next
            if self._passed < begin - _NEARLY:
                return
            self._phases.pop(0)
            self._begin_of_next = begin + seconds
            self._record(PhaseBegan(name))

    async def _take(self, tick: LoadTick, session: LoadSession) -> None:
        judged = self._passed >= self._order.profile.warm_up - _NEARLY
        if judged and self._judged_from is None:
            self._judged_from = self._clock.now()
        self._passed += tick.seconds
        self._record(tick)
        self._whole.take(tick)
        if judged:
            self._judged.take(tick)
            # What a short rest tells of its core is mostly the end itself.
            told = tick.workers if tick.seconds >= LEAST_SHARE_S else ()
            self._keeping.take(
                cpu=max((each.cpu for each in told if each.cpu is not None), default=None),
                lag=tick.lag_s,
                requests=sum(each.requests for each in tick.requests),
                late=tick.late_starts,
            )
        self._next_phase()
        if judged:
            self._look_at_objectives(tick.seconds)
        if judged and self._watchdog is not None and self._broken is None:
            self._broken = self._watchdog.look(self._judged.totals)
            if self._broken is not None:
                self._record(Checked(self._broken))
                self._record(GuardTripped(self._broken.name, _against(self._broken)))
                await session.stop()

    def _look_at_objectives(self, seconds: float) -> None:
        """How they stand so far, for whoever watches: now and then, and once there is something to judge."""
        self._since_look += seconds
        if self._since_look < _LOOK or self._judged.totals.whole.requests < LEAST:
            return
        self._since_look = 0.0
        for each in self._order.profile.objectives:
            if each.measure is not Measure.SLO:
                self._record(Checked(judge(each, self._judged.totals)))

    async def _finish(self, session: LoadSession) -> RunRecord:
        own = [each for each in self._order.profile.objectives if each.measure is not Measure.SLO]
        checks = [judge(each, self._judged.totals) for each in own]
        errors = any(
            check.ok is False and each.measure is Measure.ERRORS
            for each, check in zip(own, checks, strict=True)
        )
        checks += await self._ask_server()
        saturated = self._saturated(checks, session, errors=errors)
        tardiness = self._keeping.tardiness()
        got = "; ".join(saturated) or (f"yes; {tardiness}, which latencies include" if tardiness else "yes")
        checks.append(Check(KEEPS_UP, "yes", got, ok=None if saturated else True))
        for check in checks:
            self._record(Checked(check))
        verdict = self._verdict(tuple(checks), saturated, session)
        self._journal.finish(verdict, Measures(load=self._judged.measures() or self._whole.measures()))
        return self._journal.run

    def _saturated(self, checks: Sequence[Check], session: LoadSession, *, errors: bool) -> tuple[str, ...]:
        """Why the checks mean nothing; `errors`: there are more of them than may be.

        Requests that begin late look slower than the server was: objectives that hold all the same do hold,
        unless something never began at all. And nothing fails because it began late.
        """
        overload, tardiness = self._keeping.overload(), self._keeping.tardiness()
        if not tardiness:
            return overload
        unserved = session.ended.unserved if session.ended is not None else 0
        few = unserved <= _FEW_UNSERVED * self._whole.totals.whole.requests
        if errors or (few and checks and all(check.ok for check in checks)):
            return overload
        return (*overload, f"{tardiness}: the generator is too slow, or max_users too low")

    async def _ask_server(self) -> list[Check]:
        if self._server is None or self._judged_from is None:
            return []
        checks = []
        for check, text in await self._server.checks(
            Span(self._judged_from, self._clock.now()), self._judged
        ):
            checks.append(check)
            if text:
                self._record(Explained(check.name, text))
        return checks

    def _verdict(self, checks: tuple[Check, ...], saturated: Sequence[str], session: LoadSession) -> Verdict:
        broken = [check for check in checks if check.ok is False]
        open_ = [check for check in checks if check.ok is None and check.name != KEEPS_UP]
        whole = self._whole.totals.whole

        def told(outcome: Outcome, reason: str) -> Verdict:
            return Verdict(outcome, reason, checks)

        if self._failed is not None:
            return told(Outcome.ERROR, self._failed.message)
        if self._control.stop.is_set():
            return told(Outcome.ABORTED, self._control.stopped_by)
        if self._broken is not None:
            return told(
                Outcome.ABORTED, f"ended early, {self._broken.name} was broken: {_against(self._broken)}"
            )
        ended = session.ended
        if ended is not None and ended.why not in ("done", "stopped"):
            return told(Outcome.ERROR, ended.why)
        if not whole.requests:
            return told(Outcome.INCONCLUSIVE, "not one request was made")
        if saturated:
            return told(Outcome.INCONCLUSIVE, saturated[0])
        if broken:
            names = ", ".join(check.name for check in broken)
            return told(Outcome.FAILED, f"{len(broken)} of {len(checks) - 1} objectives broken: {names}")
        if open_:
            return told(
                Outcome.INCONCLUSIVE, f"nothing was measured of {', '.join(check.name for check in open_)}"
            )
        failed = whole.failures
        if failed == whole.requests:
            return told(Outcome.FAILED, f"every one of {whole.requests} requests failed")
        if len(checks) == 1:
            some = f", {failed} failed" if failed else ""
            return told(
                Outcome.PASSED, f"{whole.requests} requests made{some}; the profile has no objectives"
            )
        every = "the objective holds" if len(checks) == 2 else f"all {len(checks) - 1} objectives hold"
        return told(Outcome.PASSED, every)


def _against(check: Check) -> str:
    got, want = value_words(check.got, check.unit, 3), value_words(check.want, check.unit, 3)
    return f"{got} against {want}"
