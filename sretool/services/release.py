"""What is looked at for a release on a game day: the gate before it begins, what is used up at its peak."""

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
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.analysis.release import Release
    from sretool.core.runs.events import What
    from sretool.core.slo.policy import Policy, Standing
    from sretool.ports import Clock
    from sretool.services.capacity import Resources

PATIENCE: Final = 10.0
"""Seconds for each question."""


class Budgets(Protocol):
    """What the objectives have left."""

    async def standings(self) -> Sequence[Standing]:
        """Raises SourceError."""
        ...


@dataclass
class Releasing:
    """Asks what a game day's own steps do not tell. Nothing is raised: silence is told."""

    release: Release
    clock: Clock
    resources: Resources | None = None
    """None: nobody watches any."""
    budgets: Budgets | None = None
    """None: nobody knows the objectives."""
    policy: Policy | None = None
    patience: float = PATIENCE

    def checks(self, happened: Sequence[RunEvent]) -> tuple[Checked, ...]:
        """What decides, as far as the events say."""
        judged = releases.judged(self.release, happened)
        return tuple(map(Checked, releases.checks(judged)))

    async def uses(self, happened: Sequence[RunEvent]) -> tuple[What, ...]:
        """What was used up at the peak, to be asked when that is over."""
        during = self.release.during
        if not during:
            return ()
        began = _at(happened, StepBegan, during)
        ended = _at(happened, StepEnded, during) or self.clock.now()
        if began is None:
            return _unknown(f"{during} did not begin")
        if self.resources is None:
            return _unknown("no catalog says what is watched")
        try:
            async with asyncio.timeout(self.patience):
                reached = await self.resources.reached(began, ended)
        except SourceError as error:
            return _unknown(error.message)
        except TimeoutError:
            return _unknown(f"no answer in {self.patience:g} s")
        return tuple(ResourceUsed(during, each.title, each.most, each.line) for each in reached)

    async def gate(self) -> tuple[What, ...]:
        """What the budgets allow, to be asked before the game day itself takes from them."""
        change = self.release.change
        if not change:
            return ()
        standings: Sequence[Standing] = ()
        why = None
        if self.budgets is None or self.policy is None:
            return (GateSaid(change, "unknown", "no catalog with objectives is known"),)
        try:
            async with asyncio.timeout(self.patience):
                standings = await self.budgets.standings()
        except SourceError as error:
            why = " ".join(error.message.split())
        except TimeoutError:
            why = f"no answer in {self.patience:g} s"
        decision = decide(self.policy, standings, change, why_unknown=why)
        state = decision.state
        return (
            GateSaid(
                change,
                decision.outcome.value,
                decision.reason,
                str(state.slo) if state is not None else "",
                state.left if state is not None else None,
                decision.needs or "",
            ),
        )


def _unknown(why: str) -> tuple[Note, ...]:
    return (Note(f"what is used up at the peak is not known: {why}"),)


def _at(happened: Sequence[RunEvent], kind: type[StepBegan | StepEnded], step: str) -> datetime | None:
    for event in happened:
        if isinstance(event.what, kind) and event.what.step == step:
            return event.at
    return None
