"""What is wrong with a game day beyond its form: what it refers to, who takes part, its price."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sretool.core.plans.chaos.plan import percent
from sretool.core.plans.gameday import claims, lint_release
from sretool.core.plans.gameday.claims import Claims
from sretool.core.plans.gameday.plan import (
    AskStep,
    CapacityStep,
    CheckStep,
    DoseStep,
    ExperimentStep,
    LoadStep,
    RoundsStep,
    Shuffle,
)
from sretool.errors import Problem, UsageError, Wrong, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sretool.core.plans.gameday.claims import Claim
    from sretool.core.plans.gameday.plan import GameDayPlan
    from sretool.core.plans.gameday.timetable import Known


@dataclass(frozen=True, slots=True)
class Around:
    """What was found of what the plan refers to, besides `Known`."""

    lost: Mapping[str, str] = field(default_factory=dict)
    """Id of a step → why what it names cannot be used."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Id of a role → the person's name."""
    nobody: Mapping[str, str] = field(default_factory=dict)
    """Id of a role → why it has none."""
    slos: frozenset[str] | None = None
    """Ids of the catalog's objectives; None: no catalog is known."""
    changes: tuple[str, ...] | None = None
    """Kinds of changes that its error budget policy knows; None likewise."""
    resources: tuple[str, ...] | None = None
    """What it watches that can be used up; None likewise."""


@dataclass(frozen=True, slots=True)
class Price:
    """What the experiments may take of an error budget, each at most, 0..1."""

    worst: Decimal | None
    """Of the dearest one; None: none of them tells its price."""
    together: Decimal
    untold: tuple[str, ...] = ()
    """Ids of experiments that do not tell."""


def price(plan: GameDayPlan, known: Known) -> Price:
    """Of what is picked from, the dearest ones count."""
    found: list[Decimal] = []
    untold: list[str] = []
    for step in plan.steps:
        of = step.steps if isinstance(step, Shuffle) else (step,) if isinstance(step, ExperimentStep) else ()
        told = []
        for each in of:
            block = known.experiments[each.id].block if each.id in known.experiments else None
            if block is not None and block.budget_price is not None:
                told.append(block.budget_price)
            elif block is not None:
                untold.append(each.id)
        found += sorted(told, reverse=True)[: step.pick] if isinstance(step, Shuffle) else told
    return Price(max(found, default=None), sum(found, Decimal(0)), tuple(untold))


@dataclass(slots=True)
class Findings:
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def lint(plan: GameDayPlan, known: Known, around: Around) -> Findings:
    found = Findings()
    found.problems += sorted(_problems(plan, known, around), key=lambda each: each.line)
    found.warnings += sorted(_warnings(plan, known), key=lambda each: each.line)
    return found


def _problems(plan: GameDayPlan, known: Known, around: Around) -> Iterator[Problem]:
    yield from _people(plan, around)
    yield from _references(plan, known, around)
    yield from _claims(plan, around)
    yield from _dear(plan, known)
    yield from lint_release.problems(plan, changes=around.changes, resources=around.resources)


def _people(plan: GameDayPlan, around: Around) -> Iterator[Problem]:
    for role in plan.roles:
        if role.id not in around.people:
            why = around.nobody.get(role.id) or "has no person"
            remedy = f"write `person: NAME`, or give --role {role.id}=NAME"
            yield Problem(plan.file, role.line, f"role {role.id!r} {why}; {remedy}", Wrong.MISSING)
    ids = [each.id for each in plan.roles]
    for step in plan.steps:
        if isinstance(step, AskStep | CheckStep) and step.role not in ids:
            hint = did_you_mean(step.role, ids) or "; there are no roles"
            yield Problem(plan.file, step.line, f"step {step.id!r}: there is no role {step.role!r}{hint}")


def _references(plan: GameDayPlan, known: Known, around: Around) -> Iterator[Problem]:
    for step in (*plan.experiments, *plan.loads):
        if step.id in around.lost:
            yield Problem(plan.file, step.line, f"step {step.id!r}: {around.lost[step.id]}")
    for each in plan.experiments:
        found = known.experiments.get(each.id)
        for name in each.variables if found is not None else ():
            assert found is not None
            names = found.experiment.document.get("configuration") or {}
            if name not in names:
                hint = did_you_mean(name, names)
                yield Problem(
                    plan.file,
                    each.line,
                    f"step {each.id!r}: experiment {each.experiment!r} has no variable {name!r}{hint}",
                )
    for each in plan.beside:
        found = known.experiments.get(each.id)
        if found is not None and found.block.load is not None:
            yield Problem(
                plan.file,
                each.line,
                f"step {each.id!r}: experiment {each.experiment!r} brings the load"
                f" {found.block.load.profile!r} of its own, beside which nothing can be compared",
            )
    for each in plan.experiments:
        if isinstance(each, DoseStep):
            yield from _objective(plan, each.line, each.slo or None, around)
    for step in plan.loads:
        problem = _load(step, known)
        if problem:
            yield Problem(plan.file, step.line, f"step {step.id!r}: {problem}")


def _load(step: LoadStep | CapacityStep, known: Known) -> str:
    profile = known.profiles.get(step.id)
    if profile is None:
        return ""
    try:
        if isinstance(step, CapacityStep):
            profile.adjusted(rate=step.most or 1.0)
        else:
            profile.adjusted(rate=step.rate, users=step.users, seconds=step.seconds)
    except UsageError as error:
        return error.message
    return ""


def _claims(plan: GameDayPlan, around: Around) -> Iterator[Problem]:
    judged: Iterable[tuple[str, tuple[Claim, ...]]]
    judged = (("hypotheses", plan.hypotheses), ("at_end", plan.at_end))
    for key, listed in judged:
        for number, each in enumerate(listed):
            line = plan.line(f"{key}.{number}")
            lacks = _lacks(plan, each)
            if lacks:
                yield Problem(plan.file, line, f"{each.text!r} is of {lacks}")
            yield from _objective(plan, line, each.slo, around)
    for number, guard in enumerate(plan.stop_when):
        yield from _objective(plan, plan.line(f"stop_when.{number}"), guard.slo, around)


def _lacks(plan: GameDayPlan, claim: Claim) -> str:
    """What would have to be there for the claim to be judged; empty: it is."""
    loads = [each for each in plan.loads if isinstance(each, LoadStep)]
    drills = [each for each in plan.experiments if not isinstance(each, RoundsStep | DoseStep)]
    if claim.kind in claims.OF_LOAD and not loads:
        return f"a load, and there is {'only a search for the highest rate' if plan.loads else 'none'}"
    if claim.kind is Claims.LOADS and not plan.loads:
        return "a load, and there is none"
    if claim.kind in claims.OF_FAULTS and not drills:
        measured = "only what is made to be measured: rounds, or a search for a dose"
        return f"an experiment, and there is {measured if plan.experiments else 'none'}"
    if claim.kind is Claims.CHECKS and not any(isinstance(each, CheckStep) for each in plan.steps):
        return "a check, and there is none"
    return ""


def _objective(plan: GameDayPlan, line: int, slo: str | None, around: Around) -> Iterator[Problem]:
    if slo is not None and around.slos is not None and slo not in around.slos:
        yield Problem(plan.file, line, f"there is no objective {slo!r}{did_you_mean(slo, around.slos)}")


def _dear(plan: GameDayPlan, known: Known) -> Iterator[Problem]:
    if plan.budget_price is None:
        return
    for each in plan.experiments:
        found = known.experiments.get(each.id)
        its = found.block.budget_price if found is not None else None
        if its is not None and its > plan.budget_price:
            yield Problem(
                plan.file,
                each.line,
                f"step {each.id!r}: experiment {each.experiment!r} may take {percent(its)} of an error"
                f" budget, the whole game day {percent(plan.budget_price)}",
            )


def _warnings(plan: GameDayPlan, known: Known) -> Iterator[Problem]:
    found = price(plan, known)
    line = plan.line("budget_price")
    if plan.budget_price is None and plan.experiments:
        yield Problem(plan.file, line, "there is no `budget_price`: nothing says what it may cost")
    elif plan.budget_price is not None and found.together > plan.budget_price:
        yield Problem(
            plan.file,
            line,
            f"the experiments may take {percent(found.together)} together;"
            f" the game day is stopped at {percent(plan.budget_price)}",
        )
    if plan.limit is None:
        yield Problem(
            plan.file, plan.line("stop_when"), "`stop_when` has no limit of time, as in `after 90m`"
        )
    for each in plan.experiments:
        yield from _of_experiment(plan, each, known, found)
    yield from lint_release.warnings(plan)


def _of_experiment(plan: GameDayPlan, step: ExperimentStep, known: Known, of: Price) -> Iterator[Problem]:
    if step.id in of.untold and plan.budget_price is not None:
        yield Problem(plan.file, step.line, f"experiment {step.experiment!r} does not tell its price")
    found = known.experiments.get(step.id)
    if found is not None and found.block.load is not None and plan.loads:
        yield Problem(
            plan.file,
            step.line,
            f"experiment {step.experiment!r} brings the load {found.block.load.profile!r} of its own,"
            " beside that of the game day",
        )


def too_dear(plan: GameDayPlan, budgets: Mapping[str, float | None]) -> Iterator[str]:
    """Objectives with less budget left than the game day may take; those of unknown budgets left out."""
    price = plan.budget_price
    for slo, left in budgets.items():
        if price is not None and left is not None and left < price:
            told = percent(price)
            yield f"{slo} has {left:.1%} of its budget left, the game day may take {told}"
