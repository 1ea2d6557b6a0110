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
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sretool.core.plans.chaos.plan import ChaosPlan

WAIVABLE: Final = ("sources", "page", "budget", "freeze", "hypothesis", "load")
"""Gates that a person may open outside production."""

APPROVED_FOR: Final = timedelta(hours=24)
"""How long an approval holds."""
_LATE: Final = timedelta(minutes=2)
"""How long after its window has forgotten a page may take to end."""
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
class Page:
    """One that fires."""

    text: str
    since: datetime | None = None
    remembers: timedelta | None = None
    """Of a page on a budget: its short window, after which it forgets what is over; None: it is about now."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An experiment that is over."""

    run: str
    title: str
    began: datetime
    ended: datetime


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
    pages: tuple[Page, ...] = ()
    """Pages that fire."""
    earlier: tuple[Earlier, ...] = ()
    """Experiments before this one, newest first."""
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
    yield from _page(plan, facts)
    yield from _budget(plan, facts)
    if facts.frozen:
        remedy = f"experiments wait until the budget has recovered{_or_waive('freeze', plan)}"
        yield Refusal("freeze", facts.frozen, remedy)
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


def _page(plan: ChaosPlan, facts: Facts) -> Iterator[Refusal]:
    """A page is either about something that is wrong, or the tail of drills that we made ourselves."""
    tails = [(page, _tail_of(page, facts)) for page in facts.pages]
    others = [page for page, drill in tails if drill is None]
    if others:
        yield Refusal("page", f"a page fires: {_told(others, facts)}", "mend that first")
        return
    ours = [
        (drill, page.remembers) for page, drill in tails if drill is not None and page.remembers is not None
    ]
    if not ours:
        return
    last = max((drill for drill, _ in ours), key=lambda drill: drill.ended)
    over, window = max((drill.ended + remembers, remembers) for drill, remembers in ours)
    ago = format_duration(_whole(facts.now - last.ended))
    yield Refusal(
        "page",
        f"a page fires: {_told(facts.pages, facts)}: "
        f"the tail of {last.title!r} (run {last.run}), which ended {ago} ago",
        f"wait until about {over:%H:%M} UTC, when the window of {format_duration(window)} has forgotten it"
        f"{_or_waive('page', plan)}",
    )


def _tail_of(page: Page, facts: Facts) -> Earlier | None:
    """The last of the drills that keep it firing; None: it is about something else."""
    since, window = page.since, page.remembers
    if since is None or window is None:
        return None
    if not any(each.began <= since <= each.ended + window for each in facts.earlier):
        return None
    last = max((each for each in facts.earlier if each.ended + window >= since), key=lambda each: each.ended)
    # What still fires when it should have forgotten the last of them is about something else.
    return last if facts.now <= last.ended + window + _LATE else None


def _told(pages: Iterable[Page], facts: Facts) -> str:
    """Each once, though several pairs of windows fire for one objective, with the longest time."""
    spans: dict[str, timedelta | None] = {}
    for page in pages:
        span = None if page.since is None else max(facts.now - page.since, timedelta())
        spans[page.text] = max(
            (each for each in (spans.get(page.text), span) if each is not None), default=None
        )
    told = sorted(spans.items())
    return ", ".join(
        text if span is None else f"{text} since {format_duration(_whole(span))}" for text, span in told
    )


def _whole(span: timedelta) -> timedelta:
    """To the minute, or to the second where it is less."""
    unit = timedelta(minutes=1) if span >= timedelta(minutes=1) else timedelta(seconds=1)
    return span // unit * unit


def _or_waive(gate: str, plan: ChaosPlan) -> str:
    return "" if plan.production else f", or go on with `--waive {gate}`"


def _budget(plan: ChaosPlan, facts: Facts) -> Iterator[Refusal]:
    price = plan.block.budget_price
    remedy = f"wait until it has recovered{_or_waive('budget', plan)}"
    for slo, left in facts.budgets.items():
        if left is None:
            continue
        if left <= 0:
            yield Refusal("budget", f"the budget of {slo} is spent", remedy)
        elif price is not None and left < price:
            text = f"{slo} has {left:.1%} of its budget left, the experiment may take {price:.1%}"
            yield Refusal("budget", text, remedy)


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
