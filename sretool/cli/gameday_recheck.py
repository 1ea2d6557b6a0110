"""Whether the result of rounds, or of a search for a dose, follows from the events of its run."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sretool.core.runs.events import RunEvent

RESULTS: Final = ("rounds", "dose")
"""What such a run is called in its plan, and its result in its folder."""
_SAME: Final = 1e-9


def wrong(folder: Path, happened: Sequence[RunEvent]) -> tuple[str, list[str]] | None:
    """The result's file and what is wrong with it; None where there is none, as of any other run."""
    plan = _document(folder / "input" / "plan.json")
    kind = plan.get("kind") if plan is not None else None
    if plan is None or kind not in RESULTS:
        return None
    name = f"{kind}.json"
    result = _document(folder / name)
    if result is None:
        return name, ["is missing, or no JSON"]
    found = _rounds(plan, result, happened) if kind == "rounds" else _dose(plan, result, happened)
    try:
        return name, list(found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, UsageError) as error:
        return name, [f"is no result of {kind}: {type(error).__name__} {error}"]


def _document(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _rounds(
    plan: Mapping[str, Any], result: Mapping[str, Any], happened: Sequence[RunEvent]
) -> Iterator[str]:
    from sretool.core.plans.gameday import rounds as plans
    from sretool.core.runs.events import StepBegan
    from sretool.core.runs.rounds import rounds

    most = plans.most_pairs(int(plan["pairs"]))
    # Not those that were planned: whoever wrote the plan may have written any number.
    begun = {each.what.step for each in happened if isinstance(each.what, StepBegan)}
    made = {step: one for step in begun if (one := plans.of(step)) is not None and one.pair <= most}
    names = {step: (one.pair, one.fault) for step, one in made.items()}
    found = rounds(happened, names, plans.MEASURED)
    if found.pairs != result["pairs_that_count"]:
        yield f"{result['pairs_that_count']} pairs count; by the events {found.pairs} do"
    told = {each["measure"]: each for each in result["differences"]}
    for each in found.compared:
        other = told.pop(each.measure.name, {})
        for key, value in (
            ("change", each.found.change), ("low", each.found.low), ("high", each.found.high),
        ):  # fmt: skip
            if not _same(value, other.get(key)):
                yield f"{each.measure.name}: {key} {other.get(key)}; by the events {value}"
    for name in told:
        yield f"{name} is told, and no event tells of it"


def _dose(plan: Mapping[str, Any], result: Mapping[str, Any], happened: Sequence[RunEvent]) -> Iterator[str]:
    from sretool.core.plans.gameday.dose import Aim, Search, Trial
    from sretool.core.runs.doses import trials

    search = Search(Aim(plan["from"], plan["to"], plan["precision"], plan["confirm"], most=10**6))
    found = trials(happened)
    told = [each["broke"] for each in result["trials"]]
    if told != [broke for _, broke in found]:
        yield f"{len(told)} trials are told otherwise than the events tell {len(found)}"
    for dose, broke in found:
        search.take(Trial(math.nan if dose is None else dose, broke))
    judged = search.result()
    for key, value in (("holds", judged.holds), ("breaks", judged.breaks)):
        if not _same(value, result[key]):
            yield f"{key} {result[key]}; by the events {value}"


def _same(one: float | None, other: object) -> bool:
    if one is None or not isinstance(other, int | float):
        return one is other
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)
