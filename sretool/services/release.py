"""What is looked at for a release at the end of a game day: what was used up at the peak, and the gate."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sretool.core.plans.gameday import release as releases
from sretool.core.runs.events import (
    Checked,
    GateSaid,
    Note,
    ResourceUsed,
    RunEvent,
    StepBegan,
    StepEnded,
)
from sretool.core.slo.policy import decide
from sretool.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sretool.core.analysis.release import Release
    from sretool.core.runs.events import What
    from sretool.core.slo.policy import Policy, Standing
    from sretool.ports import Clock
    from sretool.services.capacity import Resources

PATIENCE: Final = 10.0
"""Seconds for each question: the game day is over, and somebody waits for its verdict."""


class Budgets(Protocol):
    """What the objectives have left."""

    async def standings(self) -> Sequence[Standing]:
        """Raises SourceError."""
        ...


@dataclass
class Releasing:
    """Takes what the steps' runs tell; asks the rest when they are over."""

    release: Release
    clock: Clock
    resources: Resources | None = None
    """None: nobody watches any."""
    budgets: Budgets | None = None
    """None: nobody knows the objectives."""
    policy: Policy | None = None
    patience: float = PATIENCE

    async def settle(self, happened: Sequence[RunEvent]) -> tuple[What, ...]:
        """What is to be written down, by what happened so far; that a server is silent is among it."""
        found: list[What] = []
        for each in await asyncio.gather(self._uses(happened), self._gate()):
            found += each
        now = self.clock.now()
        told = [*happened, *(RunEvent(now, 0.0, each) for each in found)]
        return (*found, *map(Checked, releases.checks(releases.judged(self.release, told))))

    async def _uses(self, happened: Sequence[RunEvent]) -> list[What]:
        during = self.release.during
        if not during:
            return []
        began = _at(happened, StepBegan, during)
        ended = _at(happened, StepEnded, during) or self.clock.now()
        if began is None:
            return [Note(f"what is used up at the peak is not known: {during} did not begin")]
        if self.resources is None:
            return [Note("what is used up at the peak is not known: no catalog says what is watched")]
        try:
            async with asyncio.timeout(self.patience):
                reached = await self.resources.reached(began, ended)
        except SourceError as error:
            return [Note(f"what is used up at the peak is not known: {error.message}")]
        except TimeoutError:
            return [Note(f"what is used up at the peak is not known: no answer in {self.patience:g} s")]
        return [ResourceUsed(during, each.title, each.most, each.line) for each in reached]

    async def _gate(self) -> list[What]:
        change = self.release.change
        if not change:
            return []
        standings: Sequence[Standing] = ()
        why = None
        if self.budgets is None or self.policy is None:
            return [GateSaid(change, "unknown", "no catalog with objectives is known")]
        try:
            async with asyncio.timeout(self.patience):
                standings = await self.budgets.standings()
        except SourceError as error:
            why = " ".join(error.message.split())
        except TimeoutError:
            why = f"no answer in {self.patience:g} s"
        return list(self._said(self.policy, standings, why))

    def _said(self, policy: Policy, standings: Sequence[Standing], why: str | None) -> Iterator[What]:
        decision = decide(policy, standings, self.release.change, why_unknown=why)
        state = decision.state
        yield GateSaid(
            self.release.change,
            decision.outcome.value,
            decision.reason,
            str(state.slo) if state is not None else "",
            state.left if state is not None else None,
            decision.needs or "",
        )


def _at(happened: Sequence[RunEvent], kind: type[StepBegan | StepEnded], step: str) -> datetime | None:
    for event in happened:
        if isinstance(event.what, kind) and event.what.step == step:
            return event.at
    return None
