"""What is wrong with what is asked of a release: what it names, and what can never be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.plans.gameday.plan import CapacityStep, LoadStep, Otherwise
from sretool.core.runs.words import value_words
from sretool.errors import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sretool.core.plans.gameday.plan import GameDayPlan


def problems(
    plan: GameDayPlan, *, changes: Iterable[str] | None, resources: Iterable[str] | None
) -> Iterator[Problem]:
    """`changes`: kinds that the policy knows; `resources`: what is watched. None: no catalog is known."""
    release = plan.release
    if release is None:
        return
    searches = {each.id: each for each in plan.steps if isinstance(each, CapacityStep)}
    for stage in release.stages:
        search = searches.get(stage.search)
        if search is None:
            hint = did_you_mean(stage.search, searches) or "; there is none at all"
            yield Problem(
                plan.file, stage.line, f"stage {stage.id!r}: there is no search {stage.search!r}{hint}"
            )
        elif search.most is not None and search.most < stage.rate:
            yield Problem(
                plan.file,
                stage.line,
                f"stage {stage.id!r} needs {_rate(stage.rate)}, but the search {search.id!r} tries"
                f" {_rate(search.most)} at most: it can never be shown to be carried",
            )
    loads = [each.id for each in plan.steps if isinstance(each, LoadStep)]
    if release.during and release.during not in loads:
        hint = did_you_mean(release.during, loads) or "; there is none at all"
        yield Problem(
            plan.file, release.lines.get("during", 1), f"during: there is no load {release.during!r}{hint}"
        )
    if release.change and changes is not None and release.change not in set(changes):
        hint = did_you_mean(release.change, changes)
        yield Problem(
            plan.file,
            release.lines.get("change", 1),
            f"change: the error budget policy knows no {release.change!r} change{hint}",
        )
    for line in release.water_lines if resources is not None else ():
        assert resources is not None
        if not any(each.startswith(line.resource) for each in resources):
            hint = did_you_mean(line.resource, resources)
            yield Problem(plan.file, line.line, f"water line: the catalog watches no {line.resource!r}{hint}")


def warnings(plan: GameDayPlan) -> Iterator[Problem]:
    release = plan.release
    if release is None:
        return
    outlook = {each.search for each in release.stages} - {each.search for each in release.stages if each.must}
    for step in plan.steps:
        if isinstance(step, CapacityStep) and step.id in outlook and step.otherwise is not Otherwise.NOTE:
            yield Problem(
                plan.file,
                step.line,
                f"step {step.id!r} is an outlook, and fails the game day where it fails:"
                " write `otherwise: note`",
            )
    highest = max((each.rate for each in release.stages), default=None)
    if release.forecast is not None and highest is not None and release.forecast.rate > highest:
        yield Problem(
            plan.file,
            release.lines.get("forecast", 1),
            f"the forecast peak of {_rate(release.forecast.rate)} is above every stage;"
            f" it is compared with the traffic of {_rate(highest)}",
        )


def _rate(rate: float) -> str:
    return value_words(rate, "1/s")
