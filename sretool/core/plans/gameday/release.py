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
from sretool.core.runs import events
from sretool.core.runs.model import Check, Outcome
from sretool.core.runs.words import value_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def judged(release: Release, day: Iterable[RunEvent], children: Mapping[str, Iterable[RunEvent]]) -> Judged:
    """By the game day's own events and those of its steps' runs, by the id of the step."""
    return judge(release, found(release, day, children))


def found(release: Release, day: Iterable[RunEvent], children: Mapping[str, Iterable[RunEvent]]) -> Found:
    uses: list[Use] = []
    gate: Gate | None = None
    for event in day:
        match event.what:
            case events.ResourceUsed(step, resource, most) if step == release.during:
                uses.append(Use(resource, most))
            case events.GateSaid() as said:
                gate = Gate(_SAID.get(said.outcome), said.reason, said.slo, said.budget_left, said.needs)
            case _:
                pass
    searches = {each.search: _search(children.get(each.search, ())) for each in release.stages}
    return Found(
        searches={step: search for step, search in searches.items() if search is not None},
        uses=tuple(uses) or None,
        peak=_rate(children.get(release.during, ())),
        gate=gate,
    )


def _search(child: Iterable[RunEvent]) -> Search | None:
    told = [each.what for each in child if isinstance(each.what, events.CapacityFound)]
    if not told:
        return None
    last = told[-1]
    return Search(last.lower, last.upper, last.knee, last.why, last.resource)


def _rate(child: Iterable[RunEvent]) -> float | None:
    for event in child:
        if isinstance(event.what, events.Finished):
            load = event.what.measures.load
            return load.rate if load is not None else None
    return None


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
