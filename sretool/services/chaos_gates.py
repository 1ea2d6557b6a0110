"""Looking, just before an experiment, at everything that may keep it from beginning."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from sretool.core.observe.drills import is_drill
from sretool.core.observe.model import AlertState
from sretool.core.plans.chaos.gates import Page
from sretool.core.slo.model import Severity
from sretool.errors import SourceError, SretoolError
from sretool.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import timedelta

    from sretool.core.observe.model import Alert, Snapshot
    from sretool.core.plans.chaos.gates import Facts
    from sretool.services.chaos_watch import Sources

_T = TypeVar("_T")

_TRIES: Final = 3
"""How often a server that gives no answer is asked: one that is slow for a moment is no blind one."""
_KINDS: Final = ("experiment", "chaos", "normal")
"""Kinds of changes of a budget policy that an experiment may be, the first one that the policy knows."""


async def look(known: Facts, sources: Sources) -> Facts:
    """`known` with what Prometheus and Alertmanager say; a silent source is told, not raised."""
    snapshot, pages = await asyncio.gather(_answer(_snapshot, sources), _answer(_pages, sources))
    problems = list(dict.fromkeys(each for each in (snapshot, pages) if isinstance(each, str)))
    if sources.rules is None:
        problems.insert(0, "no Prometheus is known")
    found = replace(known, sources=tuple(problems))
    if isinstance(pages, tuple):
        found = replace(found, pages=pages)
    if snapshot is None or isinstance(snapshot, str):
        return found
    budgets = {str(each.slo.id): each.budget_left for each in snapshot.statuses}
    return replace(found, budgets=budgets, frozen=_frozen(snapshot))


async def _answer(ask: Callable[[Sources], Awaitable[_T | str]], sources: Sources) -> _T | str:
    """What it says; a text says why there is no answer."""
    for _ in range(_TRIES):
        found = await ask(sources)
        if not isinstance(found, str):
            break
    return found


async def _snapshot(sources: Sources) -> Snapshot | str | None:
    """None: there are no objectives."""
    if sources.watch is None:
        if sources.rules is None:
            return None
        try:
            await sources.rules.rule_alerts()
        except SourceError as error:
            return error.message
        return None
    snapshot = await sources.watch.poll_metrics(changes=False)
    problem = next((each.error for each in snapshot.sources if not each.ok and each.error), None)
    return problem or snapshot


async def _pages(sources: Sources) -> tuple[Page, ...] | str:
    """Pages that fire; by their rules where there is no Alertmanager, which knows of silences."""
    try:
        if sources.board is not None:
            return tuple(
                Page(_words(each), each.since, _remembers(each.labels))
                for each in await sources.board.alerts()
                if each.severity is Severity.PAGE and each.state is AlertState.FIRING and not is_drill(each)
            )
        if sources.rules is not None:
            found = await sources.rules.rule_alerts()
            return tuple(
                Page(each.name, each.since, _remembers(each.labels))
                for each in found
                if each.firing and each.labels.get("severity") == Severity.PAGE
            )
    except SourceError as error:
        return error.message
    return ()


def _remembers(labels: Mapping[str, str]) -> timedelta | None:
    """The short window of an alert on a burn rate."""
    try:
        return parse_duration(labels["short"])
    except (KeyError, SretoolError):
        return None


def _words(alert: Alert) -> str:
    return f"{alert.name} ({alert.slo})" if alert.slo else alert.name


def _frozen(snapshot: Snapshot) -> str:
    gate = snapshot.gate
    if gate is None:
        return ""
    known = {*gate.step.allows, *gate.frozen}
    kind = next((each for each in _KINDS if each in known), None)
    if kind is None or kind not in gate.frozen:
        return ""
    return f"the budget policy is at {gate.step.name}: {gate.slo} has {gate.left:.1%} of its budget left"
