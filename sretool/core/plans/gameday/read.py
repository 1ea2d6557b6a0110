"""YAML text → game day. Every problem of a file is found in one go, with its line.

name: first-game-day
title: Your first game day
roles:
  - {id: lead, person: me, does: decides when to stop}
steps:
  - {id: traffic, load: evening, for: 5m}
  - {wait: 30s}
  - {experiment: replica-crash, under: traffic}
  - {check: lead, that: nobody noticed anything}
at_end: [undone, no page]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from sretool.core.catalog.document import Intake, compose, decode, line_of
from sretool.core.plans.gameday.plan import (
    AskStep,
    CapacityStep,
    CheckStep,
    Condition,
    DoseStep,
    ExperimentStep,
    GameDayPlan,
    LoadStep,
    Otherwise,
    Role,
    RoundsStep,
    Shuffle,
    WaitForStep,
    WaitStep,
)
from sretool.core.plans.gameday.spec import PlanSpec
from sretool.core.plans.often import Every
from sretool.errors import CatalogError

if TYPE_CHECKING:
    from datetime import timedelta

    from sretool.core.plans.gameday.plan import Played
    from sretool.core.plans.gameday.spec import InjectedSpec, StepSpec

PATIENCE: Final = 300.0
"""Seconds for an answer, or for what is waited for, where the step does not say."""
CAPACITY: Final = 300.0
"""Seconds of a search for the highest rate, likewise."""

BESIDE: Final = 1800.0
"""Seconds of rounds and of searches for a dose, likewise."""


class GameDayProblems(CatalogError):
    """Files of a game day that cannot be used."""

    of = "the game day"


def read(file: str, text: str) -> GameDayPlan:
    """The plan of a file of this name; GameDayProblems with every problem in it."""
    intake = Intake()
    root = compose(file, text, intake)
    if root is None and not intake.problems:
        intake.problem(file, 1, "is empty; a game day has `name`, `title` and `steps`")
    written = decode(root, PlanSpec, file, intake) if root is not None else None
    found = _plan(written, file, root) if written is not None else None
    if found is not None:
        _ids(found, intake)
    if intake.problems or found is None:
        raise GameDayProblems(tuple(sorted(intake.problems, key=lambda each: each.line)))
    return found


def _plan(written: PlanSpec, file: str, root: yaml.Node | None) -> GameDayPlan:
    names = _Names()
    steps = [_step(each, names) for each in written.steps]
    return GameDayPlan(
        name=written.name,
        title=written.title,
        about=written.about,
        every=Every(written.every) if written.every else None,
        roles=tuple(Role(each.id, each.person, each.does, each.place.line) for each in written.roles),
        hypotheses=written.hypotheses,
        at_end=written.at_end,
        settle=_seconds(written.settle) or 0.0,
        steps=tuple(each for each in steps if each is not None),
        stop_when=written.stop_when,
        budget_price=written.budget_price,
        release=written.release.release if written.release is not None else None,
        file=file,
        lines=_lines(root),
    )


class _Names:
    """Ids for steps that have none: `db-failover`, `wait`, `wait-2`."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        self._used[wanted] = self._used.get(wanted, 0) + 1
        return wanted if self._used[wanted] == 1 else f"{wanted}-{self._used[wanted]}"


def _step(written: StepSpec, names: _Names) -> Played | Shuffle | None:
    """None where it is no step; that is on record already."""
    within = _seconds(written.within)
    common: dict[str, Any] = {
        "line": written.place.line,
        "at": _seconds(written.at),
        "otherwise": Otherwise(written.otherwise or Otherwise.GO_ON),
    }

    def called(name: str) -> dict[str, Any]:
        return {"id": written.id or names.take(name), **common}

    match written.kind:
        case "load" if written.load:
            return LoadStep(
                **called(_stem(written.load)),
                profile=written.load,
                rate=written.rate,
                users=written.users,
                seconds=_seconds(written.for_),
            )
        case "capacity" if written.capacity:
            return CapacityStep(
                **called(_stem(written.capacity)),
                profile=written.capacity,
                most=written.most,
                within=within or CAPACITY,
            )
        case "experiment" if written.experiment:
            return ExperimentStep(
                **called(_stem(written.experiment)),
                experiment=written.experiment,
                variables=_typed(written.vars),
                hidden=written.hidden == "true",
                under=written.under or "",
                within=within,
            )
        case "rounds" if written.rounds and (written.load or written.capacity):
            return RoundsStep(
                **called("rounds"),
                experiment=written.rounds,
                variables=_typed(written.vars),
                within=within or BESIDE,
                profile=written.load or written.capacity or "",
                rate=written.rate,
                pairs=written.pairs,
                window=_seconds(written.window),
                capacity=written.load is None,
            )
        case "dose" if written.dose and written.variable and written.from_ and written.to:
            return DoseStep(
                **called("dose"),
                experiment=written.dose,
                # What it hurts is looked at with the harshest dose.
                variables={**_typed(written.vars), **_typed({written.variable: written.to})},
                within=within or BESIDE,
                profile=written.load or "",
                rate=written.rate,
                variable=written.variable,
                mild=written.from_,
                harsh=written.to,
                slo=written.slo or "",
                check=written.check or "",
            )
        case "wait" if isinstance(written.wait, Condition):
            return WaitForStep(**called("wait"), condition=written.wait, within=within or PATIENCE)
        case "wait" if isinstance(written.wait, float):
            return WaitStep(**called("wait"), seconds=written.wait)
        case "ask" if written.ask and written.question:
            return AskStep(
                **called("ask"),
                role=written.ask,
                question=written.question,
                answers=written.answers,
                within=within or PATIENCE,
            )
        case "check" if written.check and written.that:
            return CheckStep(
                **called("check"), role=written.check, that=written.that, within=within or PATIENCE
            )
        case "shuffle" if written.shuffle:
            pause = [each.total_seconds() for each in written.pause] or [0.0]
            return Shuffle(
                **called("shuffle"),
                steps=tuple(_injected(each, written, names) for each in written.shuffle),
                pick=written.pick or len(written.shuffle),
                pause=(pause[0], pause[-1]),
            )
        case _:
            return None


def _injected(written: InjectedSpec, of: StepSpec, names: _Names) -> ExperimentStep:
    return ExperimentStep(
        id=names.take(_stem(written.experiment)),
        line=written.place.line,
        otherwise=Otherwise(of.otherwise or Otherwise.GO_ON),
        experiment=written.experiment,
        variables=_typed(written.vars),
        hidden=True,
        under=of.under or "",
        within=_seconds(written.within) or _seconds(of.within),
    )


def _ids(plan: GameDayPlan, intake: Intake) -> None:
    seen: dict[str, int] = {}
    listed: list[Played | Shuffle] = []
    for each in plan.steps:
        listed += [each, *(each.steps if isinstance(each, Shuffle) else ())]
    for step in listed:
        if step.id in seen:
            intake.problem(
                plan.file, step.line, f"step {step.id!r} is there already, in line {seen[step.id]}"
            )
        seen.setdefault(step.id, step.line)


def _typed(written: dict[str, str]) -> dict[str, Any]:
    """As YAML would read them: `3` is a number, `true` is true."""
    found = {}
    for name, raw in written.items():
        try:
            value = yaml.safe_load(raw) if raw.strip() else raw
        except yaml.YAMLError:
            value = raw
        found[name] = value if isinstance(value, bool | int | float) else raw
    return found


def _stem(name: str) -> str:
    """`experiments/kubernetes/x.yaml` → `x`."""
    last = name.rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    return stem if dot and suffix in ("yaml", "yml", "json") else last


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _lines(root: yaml.Node | None) -> dict[str, int]:
    if not isinstance(root, yaml.MappingNode):
        return {}
    found = {key.value: line_of(key) for key, _ in root.value}
    for key, value in root.value:
        if isinstance(value, yaml.SequenceNode):
            found |= {f"{key.value}.{number}": line_of(each) for number, each in enumerate(value.value)}
    return found
