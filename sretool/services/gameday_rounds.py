"""Rounds of the same load with and without a fault, one after the other, and what the fault changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.plans.gameday import rounds as plans
from sretool.core.plans.gameday.rounds import BETWEEN, LOST, MEASURED
from sretool.core.runs import rounds as seen
from sretool.core.runs.differences import words
from sretool.core.runs.events import PhaseBegan, PlannedStep, Started
from sretool.core.runs.model import Outcome, RunKind, Verdict
from sretool.services.gameday_together import Limits, Stopped, Together, no_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sretool.core.plans.gameday.rounds import Round
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.rounds import Rounds
    from sretool.ports import ExperimentJournal
    from sretool.services.chaos import Control
    from sretool.services.ending import Ending
    from sretool.services.gameday_together import Around, Running

LEAST_PAIRS: Final = 2
"""Of which both rounds count; fewer show no interval."""


@dataclass(frozen=True, slots=True)
class Order:
    title: str
    pairs: int
    seed: int
    window: float
    """Seconds that are compared, from the fault on; without one the same stretch of the load."""
    lead: float
    """Seconds from the load's first requests to the fault, until a round has shown how many they are."""
    load: tuple[str, ...]
    """Arguments of `sretool` for a load, `--seed` left out. Empty: a search for the highest rate instead."""
    capacity: tuple[str, ...]
    """Those of such a search; empty: none is made."""
    chaos: tuple[str, ...]
    """Those of the experiment."""
    dosed: bool
    """Whether the experiment says how strong its fault is to be, so that its verdict tells if it was."""
    longest: float
    """Seconds that an experiment may take at most."""
    people: Mapping[str, str]
    blast_radius: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Made:
    ending: Ending
    rounds: Rounds


async def run(
    order: Order,
    around: Around,
    journal: ExperimentJournal,
    control: Control,
    on_event: Callable[[RunEvent], None],
) -> Made:
    return await _Rounds(order, Together(journal, around, control, on_event, order.limits)).run()


class _Rounds:
    def __init__(self, order: Order, beside: Together) -> None:
        self._order = order
        self._beside = beside
        self._lead = order.lead

    async def run(self) -> Made:
        made = plans.order(plans.most_pairs(self._order.pairs), self._order.seed)
        outcome, why = Outcome.PASSED, ""
        try:
            self._beside.record(self._started(made[: 2 * self._order.pairs]))
            await self._pairs(made)
        except Stopped as stopped:
            outcome, why = stopped.outcome, stopped.why
        finally:
            await self._beside.close()
        names = {each.id: (each.pair, each.fault) for each in made}
        found = seen.rounds(self._beside.events, names, MEASURED)
        return Made(self._beside.finish(self._verdict(outcome, why, found)), found)

    def _started(self, made: tuple[Round, ...]) -> Started:
        order = self._order
        takes = order.lead + order.window
        return Started(
            RunKind.GAMEDAY,
            order.title,
            seconds=len(made) * takes,
            guards=order.limits.guards,
            people=order.people,
            blast_radius=order.blast_radius,
            steps=tuple(
                PlannedStep(
                    each.id,
                    "experiment" if each.fault else "load",
                    f"pair {each.pair}, {'with' if each.fault else 'without'} the fault",
                )
                for each in made
            ),
        )

    async def _pairs(self, made: Sequence[Round]) -> None:
        """As many as were asked for that count; one that does not is made again."""
        counted = lost = 0
        for one, other in zip(made[::2], made[1::2], strict=True):
            # Where the first round does not count, there is nothing to compare the second one with.
            good = await self._round(one) and await self._round(other)
            counted, lost = counted + good, 0 if good else lost + 1
            if counted == self._order.pairs or lost == LOST:
                return

    async def _round(self, which: Round) -> bool:
        """Whether it counts."""
        async with self._beside.step(which.id) as step:
            step.outcome, step.why = await (
                self._search(which) if self._order.capacity else self._load(which)
            )
        self._beside.need_undone()
        return step.outcome is Outcome.PASSED

    # --- the same load ------------------------------------------------------------------------------------

    async def _load(self, which: Round) -> tuple[Outcome, str]:
        # The same arrivals within a pair.
        seed = ("--seed", str(self._order.seed * 1000 + which.pair))
        load = await self._beside.start(which.id, "load", (*self._order.load, *seed))
        try:
            if why := await self._beside.begun(load, self._order.longest):
                return Outcome.INCONCLUSIVE, why
            outcome, why = await (self._faulty(which, load) if which.fault else self._plain(load))
            if not why and load.ended:
                return Outcome.INCONCLUSIVE, "the load ended too early"
            return outcome, why
        finally:
            await self._beside.end(load)

    async def _plain(self, load: Running) -> tuple[Outcome, str]:
        await self._beside.until(lambda: load.ended, self._lead)
        self._beside.record(PhaseBegan(MEASURED))
        await self._beside.until(lambda: load.ended, self._order.window)
        self._beside.record(PhaseBegan(BETWEEN))
        return Outcome.PASSED, ""

    async def _faulty(self, which: Round, load: Running) -> tuple[Outcome, str]:
        chaos = await self._beside.start(which.id, "experiment", self._order.chaos)
        try:
            begin = await self._fault(chaos, load)
            if begin is not None:
                assert load.counting_since is not None
                lead = (begin - load.counting_since).total_seconds()
                if 0 <= lead <= self._order.longest:
                    # Else somebody has set the clock meanwhile.
                    self._lead = lead
                end = begin + timedelta(seconds=self._order.window)
                self._beside.record(PhaseBegan(MEASURED), begin)
                # Should somebody set the clock back, that makes it no longer.
                await self._beside.until(lambda: load.ended or self._beside.now() >= end, self._order.window)
                self._beside.record(PhaseBegan(BETWEEN))
                await self._beside.until(lambda: chaos.ended, self._order.longest)
        finally:
            await self._beside.end(chaos)
        return self._came_out(chaos)

    async def _fault(self, chaos: Running, beside: Running | None = None) -> datetime | None:
        """When it was made; None: it was not."""
        await self._beside.until(
            lambda: chaos.fault_on is not None or chaos.ended or (beside is not None and beside.ended),
            self._order.longest,
        )
        return chaos.fault_on

    # --- a search for the highest rate --------------------------------------------------------------------

    async def _search(self, which: Round) -> tuple[Outcome, str]:
        if not which.fault:
            return await self._searched(which)
        chaos = await self._beside.start(which.id, "experiment", self._order.chaos)
        try:
            if await self._fault(chaos) is None:
                return self._came_out(chaos)
            outcome, why = await self._searched(which)
            if not why and chaos.fault_off is not None:
                # A search that went on without the fault has found something between both.
                outcome, why = Outcome.INCONCLUSIVE, "the fault was over before the search was"
            await self._beside.until(lambda: chaos.ended, self._order.longest)
        finally:
            await self._beside.end(chaos)
        return (outcome, why) if why else self._came_out(chaos)

    async def _searched(self, which: Round) -> tuple[Outcome, str]:
        search = await self._beside.start(which.id, "capacity", self._order.capacity)
        try:
            await self._beside.until(lambda: search.ended, self._order.longest)
        finally:
            await self._beside.end(search)
        if search.capacity is None or search.capacity.lower is None:
            return Outcome.INCONCLUSIVE, f"no rate was found: {search.why}".rstrip(": ")
        return Outcome.PASSED, ""

    # --- what came of it ----------------------------------------------------------------------------------

    def _came_out(self, chaos: Running) -> tuple[Outcome, str]:
        verdict = chaos.verdict
        if chaos.fault_on is None:
            return Outcome.INCONCLUSIVE, no_fault(chaos)
        if verdict is None:
            return Outcome.ERROR, "the experiment has no verdict"
        # Without a dose nobody knows whether the fault was in as ordered.
        unknown = verdict.outcome is Outcome.INCONCLUSIVE and not (self._order.dosed or chaos.guard)
        if verdict.outcome.judged or unknown:
            return Outcome.PASSED, ""
        return verdict.outcome, f"the experiment was {verdict.outcome.value}: {verdict.reason}"

    def _verdict(self, outcome: Outcome, why: str, found: Rounds) -> Verdict:
        told = "; ".join(words(each) for each in found.compared)
        if why:
            return Verdict(outcome, f"{why}; {told}" if told else why)
        if found.pairs < LEAST_PAIRS:
            reasons = [each.why for each in found.rounds if each.why]
            because = f": {reasons[0]}" if reasons else ""
            return Verdict(Outcome.INCONCLUSIVE, f"{found.pairs} of {self._order.pairs} pairs count{because}")
        return Verdict(Outcome.PASSED, told)
