"""What keeps an experiment from beginning: looked at before anything is hurt, outside Chaos Toolkit.

A gate that cannot look counts as closed. Some may be waived by name where it is not production; that is on
record with the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sretool.core.plans.chaos.plan import ChaosPlan

WAIVABLE: Final = ("sources", "page", "budget", "freeze", "hypothesis", "load")
"""Gates that a person may open outside production."""

APPROVED_FOR: Final = timedelta(hours=24)
"""How long an approval holds."""
LEAST_OF_HASH: Final = 12
"""Digits of a plan's hash that name it."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word for one plan."""

    by: str
    hash: str
    """Of the plan, or its first digits."""
    at: datetime | None = None
    """None: given just now."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gates look at, as found just before."""

    now: datetime
    me: str
    """Who asks for the run."""
    stop_file: str = ""
    """A global stop file that exists."""
    running: str = ""
    """What holds the machine's lock, in words."""
    left_over: tuple[str, ...] = ()
    """Faults of earlier experiments that are still in."""
    sources: tuple[str, ...] = ()
    """What is wrong with Prometheus and Alertmanager, each in words."""
    pages: tuple[str, ...] = ()
    """Pages that fire."""
    budgets: Mapping[str, float | None] = field(default_factory=dict)
    """Objective → share of its budget that is left."""
    frozen: str = ""
    """Why the budget policy lets no change out."""
    load: str = ""
    """Why the load that the experiment brings cannot be made."""
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    gate: str
    text: str
    remedy: str = ""


def refusals(plan: ChaosPlan, facts: Facts, waived: frozenset[str] = frozenset()) -> tuple[Refusal, ...]:
    """Every gate that is closed; `waived` counts only outside production."""
    open_by_hand = frozenset() if plan.production else waived & frozenset(WAIVABLE)
    return tuple(each for each in _closed(plan, facts) if each.gate not in open_by_hand)


def _closed(plan: ChaosPlan, facts: Facts) -> Iterator[Refusal]:
    if facts.stop_file:
        yield Refusal("stop", f"{facts.stop_file} says that no experiment may run", "remove it")
    if facts.running:
        yield Refusal("lock", f"another experiment runs: {facts.running}", "wait for its end")
    for fault in facts.left_over:
        yield Refusal("faults", f"a fault is still in: {fault}", "undo it with `sretool chaos heal`")
    for problem in facts.sources:
        yield Refusal("sources", problem, "an experiment that nobody watches is not run")
    if facts.pages:
        yield Refusal("page", f"a page fires: {', '.join(facts.pages)}", "mend that first")
    yield from _budget(plan, facts)
    if facts.frozen:
        yield Refusal("freeze", facts.frozen, "experiments wait until the budget has recovered")
    if not (plan.experiment.hypothesis and plan.experiment.asked_before):
        yield Refusal(
            "hypothesis",
            "no steady state is asked for before the fault",
            "write a steady-state-hypothesis that is asked before the method",
        )
    if facts.load:
        yield Refusal("load", facts.load, "give its `target`, or run it on a lab")
    if plan.production:
        yield from _production(plan, facts)


def _budget(plan: ChaosPlan, facts: Facts) -> Iterator[Refusal]:
    price = plan.block.budget_price
    for slo, left in facts.budgets.items():
        if left is None:
            continue
        if left <= 0:
            yield Refusal("budget", f"the budget of {slo} is spent", "wait until it has recovered")
        elif price is not None and left < price:
            yield Refusal(
                "budget", f"{slo} has {left:.1%} of its budget left, the experiment may take {price:.1%}"
            )


def _production(plan: ChaosPlan, facts: Facts) -> Iterator[Refusal]:
    for action in plan.unknown:
        yield Refusal(
            "targets",
            f"it is not known what {action.name!r} hurts",
            "in production every action needs a planning function",
        )
    if any(_holds(plan, each, facts) for each in facts.approvals):
        return
    digits = plan.hash[:LEAST_OF_HASH]
    remedy = f"a second person looks at the plan and gives you `--approve NAME:{digits}`"
    if not facts.approvals:
        yield Refusal("approval", "this is production, and nobody has approved this plan", remedy)
    for each in facts.approvals:
        yield Refusal("approval", _why_not(plan, each, facts), remedy)


def _holds(plan: ChaosPlan, approval: Approval, facts: Facts) -> bool:
    return not _why_not(plan, approval, facts)


def _why_not(plan: ChaosPlan, approval: Approval, facts: Facts) -> str:
    """Why an approval is none; empty where it holds."""
    if not approval.by or approval.by.casefold() == facts.me.casefold():
        return f"{approval.by or 'nobody'} cannot approve their own experiment"
    if len(approval.hash) < LEAST_OF_HASH or not plan.hash.startswith(approval.hash.lower()):
        return f"{approval.by} approved another plan ({approval.hash[:LEAST_OF_HASH]})"
    if approval.at is not None and facts.now - approval.at > APPROVED_FOR:
        return f"the approval of {approval.by} is older than {format_duration(APPROVED_FOR)}"
    return ""
