"""What must be true before a game day begins, looked at now: what the gates of its experiments look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.gates import Refusal, refusals
from sretool.core.plans.gameday.lint import too_dear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.cli.gameday_prepare import Prepared
    from sretool.core.plans.chaos.gates import Approval

_LATER: Final = ("approval", "sources")
"""Gates that are none of now: approvals are asked for at the run, and silent servers are told apart."""


@dataclass(frozen=True, slots=True)
class Ready:
    looked: bool
    refusals: tuple[Refusal, ...] = ()
    silent: tuple[str, ...] = ()
    """Servers that gave no answer, in words."""
    budgets: Mapping[str, float | None] | None = None
    """Objective → share of its budget that is left; None: not known."""


NOT_LOOKED: Final = Ready(looked=False)


async def look(
    prepared: Prepared, approvals: tuple[Approval, ...] | None = None, waived: frozenset[str] = frozenset()
) -> Ready:
    """`approvals`: of a run that is about to begin; None: it is none. `waived`: gates opened by hand."""
    if prepared.sources is None:
        return NOT_LOOKED
    from sretool import wiring
    from sretool.cli import chaos_run

    asked = wiring.chaos_sources(
        chaos_run.endpoints_of(prepared.sources, prepared.system),
        prepared.lab.name if prepared.lab is not None else None,
    )
    try:
        facts = await wiring.chaos_facts(
            prepared.project, prepared.environment, prepared.me, approvals or (), asked
        )
    finally:
        await asked.aclose()
    found = [Refusal("budget", each) for each in too_dear(prepared.plan, facts.budgets)]
    # An experiment's price is no more than that of the whole day, so that room for the day is room for it.
    told = set(_LATER) if approvals is None else set()
    if prepared.plan.budget_price is not None:
        told.add("budget")
    for plan in prepared.known.experiments.values():
        found += [each for each in refusals(plan, facts, waived) if each.gate not in told]
    return Ready(True, tuple(dict.fromkeys(found)), facts.sources, facts.budgets)
