"""A search for the smallest dose of a fault that breaks an objective: one experiment after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.experiment import Stop
from sretool.core.plans.gameday.dose import Ending as Ended
from sretool.core.plans.gameday.dose import Search, Trial
from sretool.core.plans.gameday.rounds import BETWEEN, MEASURED
from sretool.core.plans.load import objectives
from sretool.core.plans.load.objectives import Measure
from sretool.core.runs.events import Checked, Note, PhaseBegan, Started
from sretool.core.runs.load import Load
from sretool.core.runs.model import Check, Outcome, RunKind, Verdict
from sretool.core.runs.words import value_words
from sretool.services.gameday_together import Limits, Stopped, Together, no_fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from sretool.core.plans.gameday.dose import Aim, Result
    from sretool.core.plans.load.objectives import Objective
    from sretool.core.runs.events import RunEvent
    from sretool.ports import ExperimentJournal
    from sretool.services.chaos import Control
    from sretool.services.ending import Ending
    from sretool.services.gameday_together import Around, Running

_TAIL: Final = 5
"""Requests beyond a percentile that it takes to judge it."""
_LEAST: Final = 50
"""Requests that it takes to judge anything of them."""
_HARM: Final = tuple(each.value for each in (Stop.BURN, Stop.BUDGET, Stop.PROBE))
"""What the guards of an experiment begin with that stop what hurts; others say nothing of its fault."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """How strong the fault is to be by the experiment's own words, which its run measures."""

    want: float
    """In the unit of the measure."""
    tolerance: float
    each: float
    """So much of that unit is one of the variable's."""
    follows: bool = False
    """Whether each run wants what its own dose says, and not `want`."""

    def wrong(self, dose: float, share: float | None) -> str:
        """Why a trial does not count, by the measured share of what its run wanted; empty: it does."""
        if share is None:
            return "how strong the fault was is not known"
        wanted = dose * self.each
        got = share * (wanted if self.follows else self.want)
        # As much as is allowed of what the experiment says; of more, as large a part of it.
        if abs(got - wanted) <= self.tolerance * max(1.0, abs(wanted / self.want)):
            return ""
        return f"the fault was as strong as {figure(round(got / self.each, 6))}"


@dataclass(frozen=True, slots=True)
class Order:
    title: str
    aim: Aim
    variable: str
    what: str
    """Is not to break, in words."""
    check: Objective | None
    """As the load sees it; None: an objective of the catalog, by `server`."""
    server: Callable[[datetime, datetime, Load], Awaitable[Check]] | None
    """Judges a stretch of time by what the servers count."""
    load: tuple[str, ...]
    """Arguments of `sretool` for a load; empty: the traffic that is there."""
    chaos: tuple[str, ...]
    """Those of the experiment, without the dose."""
    longest: float
    """Seconds that an experiment may take at most."""
    people: Mapping[str, str]
    blast_radius: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    ordered: Ordered | None = None
    """None: the experiment does not say how its variable can be measured."""


@dataclass(frozen=True, slots=True)
class Made:
    ending: Ending
    result: Result
    checks: tuple[Check, ...]
    """One for each trial that told something, in their order."""


async def run(
    order: Order,
    around: Around,
    journal: ExperimentJournal,
    control: Control,
    on_event: Callable[[RunEvent], None],
) -> Made:
    return await _Doses(order, Together(journal, around, control, on_event, order.limits)).run()


class _Doses:
    def __init__(self, order: Order, beside: Together) -> None:
        self._order = order
        self._beside = beside
        self._search = Search(order.aim)
        self._checks: list[Check] = []

    async def run(self) -> Made:
        failed: Stopped | None = None
        try:
            self._beside.record(self._started())
            while (dose := self._search.next()) is not None:
                await self._trial(dose)
        except Stopped as stopped:
            failed = stopped
            self._search.stop(stopped.why)
        finally:
            await self._beside.close()
        result = self._search.result()
        ending = self._beside.finish(self._verdict(failed, result))
        return Made(ending, result, tuple(self._checks))

    def _started(self) -> Started:
        order = self._order
        return Started(
            RunKind.GAMEDAY,
            order.title,
            guards=order.limits.guards,
            people=order.people,
            blast_radius=order.blast_radius,
        )

    def _name(self, dose: float) -> str:
        return f"{self._order.variable}={figure(dose)}"

    async def _trial(self, dose: float) -> None:
        name = f"trial-{len(self._search.trials) + 1}"
        async with self._beside.step(name) as step:
            trial = await self._tried(name, dose)
            step.outcome = Outcome.INCONCLUSIVE if trial.broke is None else Outcome.PASSED
            step.why = trial.why if trial.broke is None else ""
        told = {True: "breaks", False: "holds", None: "tells nothing"}[trial.broke]
        self._beside.record(Note(f"{self._name(dose)} {told}: {trial.why}"))
        self._search.take(trial)
        self._beside.need_undone()

    async def _tried(self, step: str, dose: float) -> Trial:
        if not self._order.load:
            return await self._under(step, dose, None)
        load = await self._beside.start(step, "load", self._order.load)
        try:
            if why := await self._beside.begun(load, self._order.longest):
                return Trial(dose, None, why)
            return await self._under(step, dose, load)
        finally:
            await self._beside.end(load)

    async def _under(self, step: str, dose: float, load: Running | None) -> Trial:
        kind = "int" if self._order.aim.whole else "float"
        given = f"{self._order.variable}:{kind}={figure(dose)}"
        chaos = await self._beside.start(step, "experiment", (*self._order.chaos, "--vars", given))

        def lost() -> bool:
            return load is not None and load.ended

        try:
            await self._beside.until(
                lambda: chaos.fault_on is not None or chaos.ended or lost(), self._order.longest
            )
            if chaos.fault_on is not None:
                self._beside.record(PhaseBegan(MEASURED), chaos.fault_on)
                await self._beside.until(
                    lambda: chaos.fault_off is not None or chaos.ended or lost(), self._order.longest
                )
                self._beside.record(PhaseBegan(BETWEEN), chaos.fault_off)
                await self._beside.until(lambda: chaos.ended or lost(), self._order.longest)
        finally:
            await self._beside.end(chaos)
        if lost():
            return Trial(dose, None, "the load ended too early")
        return await self._judged(step, dose, chaos, load)

    async def _judged(self, step: str, dose: float, chaos: Running, load: Running | None) -> Trial:
        verdict, begin, end = chaos.verdict, chaos.fault_on, chaos.fault_off
        if begin is None or end is None:
            return Trial(dose, None, no_fault(chaos))
        if verdict is None or verdict.outcome is Outcome.ERROR:
            return Trial(dose, None, verdict.reason if verdict is not None else "it has no verdict")
        measured = chaos.end.record.measures.chaos if chaos.end.record is not None else None
        ordered = self._order.ordered
        wrong = ordered.wrong(dose, measured.dose if measured is not None else None) if ordered else ""
        if wrong:
            return Trial(dose, None, wrong)
        if verdict.outcome is Outcome.ABORTED and chaos.guard.startswith(_HARM):
            # Its own guards stop what burns: a harsher dose would not burn less.
            self._tell(Check(f"{step}: {self._name(dose)}", self._order.what, verdict.reason, ok=False))
            return Trial(dose, True, verdict.reason)
        if verdict.outcome is Outcome.ABORTED or chaos.guard:
            # No sign of harm: nobody could see any more, it took too long, somebody ended it.
            return Trial(dose, None, verdict.reason)
        check = await self._check(begin, end, load)
        kept = Check(f"{step}: {self._name(dose)}", check.want, check.got, check.unit, check.ok)
        self._tell(kept)
        if check.ok is None:
            return Trial(dose, None, f"too little is known of {self._order.what}")
        return Trial(dose, not check.ok, f"{self._order.what}: {value_words(check.got, check.unit, 4)}")

    def _tell(self, check: Check) -> None:
        self._beside.record(Checked(check))
        self._checks.append(check)

    async def _check(self, begin: datetime, end: datetime, load: Running | None) -> Check:
        order = self._order
        if load is not None:
            # The last of it is told a moment later.
            await self._beside.until(lambda: load.ended or load.told_until(end), 3.0)
        counted = load.load(begin, end) if load is not None else Load()
        if order.server is not None:
            return await order.server(begin, end, counted)
        assert order.check is not None
        check = objectives.judge(order.check, counted.totals)
        return check if _enough(order.check, counted) else Check(check.name, check.want, None, check.unit)

    def _verdict(self, failed: Stopped | None, result: Result) -> Verdict:
        told = words(result, self._order.variable, self._order.what)
        if failed is not None:
            return Verdict(failed.outcome, f"{failed.why}; {told}")
        good = result.ending in (Ended.FOUND, Ended.NOTHING_BREAKS, Ended.ALL_BREAKS)
        return Verdict(Outcome.PASSED if good else Outcome.INCONCLUSIVE, told)


def _enough(of: Objective, counted: Load) -> bool:
    total = counted.totals.of(of.request)
    if total is None or total.requests < _LEAST:
        return False
    return of.measure is not Measure.QUANTILE or total.latency.count * (1 - of.share) >= _TAIL


def figure(dose: float) -> str:
    return f"{dose:.12g}"


def words(result: Result, variable: str, what: str) -> str:
    """`latency between 62 and 75 breaks p95 < 200ms (never up to 62, always from 75 on)`."""
    holds, breaks = result.holds, result.breaks
    low = None if holds is None else figure(holds)
    high = None if breaks is None else figure(breaks)
    if low is None and high is None:
        return f"no {variable} was found that breaks {what}"
    if high is None:
        return f"{variable} up to {low} does not break {what}; nothing is sure beyond"
    if low is None:
        return f"{variable} of {high} breaks {what} always; nothing is sure below"
    doubt = "" if result.monotone else "; in between it did and did not"
    return f"{what} holds up to {variable} {low} and breaks from {high} on{doubt}"
