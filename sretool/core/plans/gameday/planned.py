"""The steps of a game day as its record tells them, and the command line of each that is a program."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sretool.core.plans.gameday.plan import (
    AskStep,
    CapacityStep,
    CheckStep,
    DoseStep,
    ExperimentStep,
    LoadStep,
    Otherwise,
    RoundsStep,
    WaitForStep,
    WaitStep,
)
from sretool.core.runs.events import PlannedStep
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sretool.core.plans.gameday.plan import GameDayPlan, Played
    from sretool.core.plans.gameday.timetable import Slot

LOAD: Final = "load"
CAPACITY: Final = "capacity"
EXPERIMENT: Final = "experiment"
ROUNDS: Final = "rounds"
DOSE: Final = "dose"
_MARGIN: Final = 20.0
"""Seconds that a search is given to come to its own end before its step is over."""


def planned_steps(plan: GameDayPlan, slots: Iterable[Slot]) -> tuple[PlannedStep, ...]:
    return tuple(_planned(plan, each) for each in slots)


def _planned(plan: GameDayPlan, slot: Slot) -> PlannedStep:
    step = slot.step
    kind, title, role = _told(step)
    return PlannedStep(
        id=step.id,
        kind=kind,
        title=title,
        role=role,
        hidden=hidden(plan, step),
        earliest_s=slot.begin.least,
        latest_s=slot.end.most,
        noted=step.otherwise is Otherwise.NOTE,
    )


def hidden(plan: GameDayPlan, step: Played) -> bool:
    """Whether whoever responds is not told of it; what a seed has put there is hidden, pauses too."""
    return (isinstance(step, ExperimentStep) and step.hidden) or step not in plan.steps


def _told(step: Played) -> tuple[str, str, str]:
    """Kind, title, role."""
    match step:
        case LoadStep(profile=profile):
            return LOAD, f"load {profile}", ""
        case CapacityStep(profile=profile):
            return CAPACITY, f"highest rate of {profile}", ""
        case RoundsStep(experiment=experiment, profile=profile):
            return ROUNDS, f"{profile} with and without {experiment}", ""
        case DoseStep(experiment=experiment, variable=variable, slo=slo, check=check):
            return DOSE, f"smallest {variable} of {experiment} that breaks {slo or check}", ""
        case ExperimentStep(experiment=experiment):
            return EXPERIMENT, experiment, ""
        case WaitStep(seconds=seconds):
            return "wait", f"wait {format_duration(timedelta(seconds=round(seconds, 3)))}", ""
        case WaitForStep(condition=condition):
            return "wait for", f"wait for: {condition.text}", ""
        case AskStep(role=role, question=question):
            return "ask", question, role
        case CheckStep(role=role, that=that):
            return "check", that, role


def load_arguments(step: LoadStep) -> tuple[str, ...]:
    """Of `sretool`; where to, whoever starts it adds."""
    found = ["load", "run", step.profile]
    if step.rate is not None:
        found += ["--rate", f"{step.rate:g}"]
    if step.users is not None:
        found += ["--users", str(step.users)]
    if step.seconds is not None:
        found += ["--duration", _seconds(step.seconds)]
    return tuple(found)


def capacity_arguments(step: CapacityStep) -> tuple[str, ...]:
    found = ["load", "capacity", step.profile]
    if step.most is not None:
        found += ["--to", f"{step.most:g}"]
    within = max(step.within - _MARGIN, step.within * 0.8)
    return (*found, "--within", _seconds(within))


def opened_gates(plan: GameDayPlan, *, production: bool) -> tuple[str, ...]:
    """What the day answers for itself, so that no experiment is kept back by what those before it cost.

    Whether there is room for its price was asked before it began, and its price ends it. A page keeps an
    experiment back all the same, until somebody has taken it.
    """
    return () if production or plan.budget_price is None else ("budget", "freeze")


def experiment_arguments(step: ExperimentStep, file: str) -> tuple[str, ...]:
    if isinstance(step, RoundsStep):
        return _rounds(step, file)
    if isinstance(step, DoseStep):
        return _dose(step, file)
    return ("chaos", "run", file, "--yes", *variables(step.variables))


def _rounds(step: RoundsStep, file: str) -> tuple[str, ...]:
    found = ["gameday", "rounds", file, "--yes", "--load", step.profile, *variables(step.variables)]
    if step.capacity:
        found.append("--capacity")
    if step.rate is not None:
        found += ["--rate", f"{step.rate:g}"]
    if step.pairs is not None:
        found += ["--pairs", str(step.pairs)]
    if step.window is not None:
        found += ["--window", _seconds(step.window)]
    return tuple(found)


def _dose(step: DoseStep, file: str) -> tuple[str, ...]:
    given = {name: value for name, value in step.variables.items() if name != step.variable}
    found = ["gameday", "dose", file, "--yes", "--variable", step.variable]
    found += ["--from", step.mild, "--to", step.harsh, *variables(given)]
    found += ["--slo", step.slo] if step.slo else ["--check", step.check]
    if step.profile:
        found += ["--load", step.profile]
    if step.rate is not None:
        found += ["--rate", f"{step.rate:g}"]
    return tuple(found)


def variables(given: Mapping[str, Any]) -> tuple[str, ...]:
    """`--vars NAME:TYPE=VALUE` of each, so that a number stays one."""
    found: list[str] = []
    for name, value in given.items():
        found += [
            "--vars",
            f"{name}{_type(value)}={str(value).lower() if isinstance(value, bool) else value}",
        ]
    return tuple(found)


def _type(value: object) -> str:
    if isinstance(value, bool):
        return ":bool"
    if isinstance(value, int):
        return ":int"
    return ":float" if isinstance(value, float) else ""


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"
