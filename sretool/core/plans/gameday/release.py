"""What the events of a game day say about a release: the measured part, its checks, and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.analysis.release import (
    Decision,
    Found,
    Gate,
    Search,
    Use,
    judge,
)
from sretool.core.plans.gameday.planned import CAPACITY
from sretool.core.runs import events
from sretool.core.runs.model import Check, Outcome
from sretool.core.runs.words import value_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.analysis.release import Judged, Release, WaterLine
    from sretool.core.runs.events import RunEvent

PREFIX: Final = "release: "
"""Begins the name of each of its checks."""

_OUTCOMES: Final = {
    Decision.GO: Outcome.PASSED,
    Decision.NO_GO: Outcome.FAILED,
    Decision.OPEN: Outcome.INCONCLUSIVE,
}
_SAID: Final = {"go": True, "stop": False}


def judged(release: Release, day: Iterable[RunEvent]) -> Judged:
    """By the game day's own events."""
    return judge(release, found(release, day))


def found(release: Release, day: Iterable[RunEvent]) -> Found:
    kinds: dict[str, str] = {}
    searching = ""
    searches: dict[str, Search] = {}
    uses: list[Use] = []
    peak: float | None = None
    gate: Gate | None = None
    for event in day:
        match event.what:
            case events.Started(steps=steps):
                kinds = {each.id: each.kind for each in steps}
            case events.StepBegan(step) if kinds.get(step) == CAPACITY:
                # What a search finds does not name it; there is never more than one.
                searching = step
            case events.CapacityFound() as told:
                searches[searching] = Search(told.lower, told.upper, told.knee, told.why, told.resource)
            case events.StepEnded(step, load=load) if step == release.during and load is not None:
                peak = load.rate
            case events.ResourceUsed(step, resource, most) if step == release.during:
                uses.append(Use(resource, most))
            case events.GateSaid() as said:
                gate = Gate(_SAID.get(said.outcome), said.reason, said.slo, said.budget_left, said.needs)
            case _:
                pass
    return Found(searches, tuple(uses) or None, peak, gate)


def wanted(release: Release) -> tuple[Check, ...]:
    """The checks before anything was measured."""
    return checks(judge(release, Found()))


def checks(of: Judged) -> tuple[Check, ...]:
    """What decides, one by one; an outlook is none of it."""
    result = [
        Check(
            f"{PREFIX}{each.stage.id} is carried",
            each.stage.rate,
            each.search.lower if each.search is not None else None,
            "1/s",
            each.carries,
        )
        for each in of.stages
        if each.stage.must
    ]
    if of.headroom is not None:
        name = f"{PREFIX}reserve above the forecast peak of {value_words(of.headroom.rate, '1/s')}"
        result.append(Check(name, of.release.reserve, of.headroom.share, "ratio", of.headroom.ok))
    result += [
        Check(
            f"{PREFIX}{each.line.resource} at the peak",
            each.line.warn,
            each.most,
            unit(each.line),
            each.ok,
        )
        for each in of.lines
    ]
    if of.release.change:
        gate = of.gate
        said = None if gate is None else {True: "go", False: "stop", None: "unknown"}[gate.go]
        name = f"{PREFIX}error budgets let a {of.release.change} change through"
        result.append(Check(name, "go", said, "", gate.go if gate is not None else None))
    return tuple(result)


def unit(line: WaterLine) -> str:
    return "ratio" if line.warn <= 1 else ""


def outcome(of: Judged) -> Outcome:
    return _OUTCOMES[of.decision]


def reason(of: Judged) -> str:
    """One sentence: `no-go: launch is not carried`."""
    return ": ".join(filter(None, (of.decision.value, "; ".join(of.reasons))))
