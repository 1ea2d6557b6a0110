from __future__ import annotations

from decimal import Decimal

import pytest

from sretool.core.plans.chaos.variables import given
from sretool.core.plans.gameday import planned
from sretool.core.plans.gameday.plan import CapacityStep, ExperimentStep, GameDayPlan, LoadStep
from sretool.core.plans.gameday.planned import planned_steps
from sretool.core.plans.gameday.read import read
from sretool.core.plans.gameday.timetable import Known, timetable

PLAN = read(
    "day.yaml",
    """
name: day
title: A day
roles: [{id: lead, person: ann}]
steps:
  - {id: traffic, load: evening, rate: 20/s, for: 90s}
  - {wait: 30s}
  - {id: calm, wait: no page, within: 1m}
  - {id: drill, experiment: replica-crash, within: 2m}
  - id: faults
    shuffle: [{experiment: cache-loss}, {experiment: memory-leak}]
    pick: 1
    pause: [10s, 10s]
  - {id: noticed, check: lead, that: nobody noticed, within: 20s}
""",
)


def test_steps_as_they_are_told() -> None:
    steps = planned_steps(PLAN, timetable(PLAN, Known(), 3).slots)
    assert [(each.id, each.kind) for each in steps[:4]] == [
        ("traffic", "load"),
        ("wait", "wait"),
        ("calm", "wait for"),
        ("drill", "experiment"),
    ]
    assert [each.title for each in steps[:4]] == [
        "load evening",
        "wait 30s",
        "wait for: no page",
        "replica-crash",
    ]
    assert (steps[-1].kind, steps[-1].role) == ("check", "lead")
    assert (steps[1].earliest_s, steps[1].latest_s) == (0, 30)


def test_what_a_seed_has_put_there_is_hidden_pauses_too() -> None:
    steps = planned_steps(PLAN, timetable(PLAN, Known(), 3).slots)
    assert [each.kind for each in steps if each.hidden] == ["wait", "experiment"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            planned.load_arguments(LoadStep(id="a", profile="evening", rate=20.0, seconds=5400.0)),
            "load run evening --rate 20 --duration 5400s",
        ),
        (planned.load_arguments(LoadStep(id="a", profile="x.py", users=3)), "load run x.py --users 3"),
        (
            planned.capacity_arguments(CapacityStep(id="a", profile="stage-1", most=60.0, within=300.0)),
            "load capacity stage-1 --to 60 --within 280s",
        ),
        (
            planned.experiment_arguments(ExperimentStep(id="a", experiment="x"), "/e/x.yaml"),
            "chaos run /e/x.yaml --yes",
        ),
    ],
)
def test_the_command_line_of_a_step(arguments: tuple[str, ...], expected: str) -> None:
    assert " ".join(arguments) == expected


def test_variables_keep_their_types() -> None:
    wanted = {"rate": 10, "share": 0.5, "fast": True, "replica": "app-2"}
    texts = planned.variables(wanted)
    assert given(texts[1::2]) == wanted


@pytest.mark.parametrize(
    ("price", "production", "opened"),
    [(Decimal("0.5"), False, ("budget", "freeze")), (Decimal("0.5"), True, ()), (None, False, ())],
)
def test_what_the_day_may_cost_is_asked_once(
    price: Decimal | None, production: bool, opened: tuple[str, ...]
) -> None:
    plan = GameDayPlan("day", "A day", (), budget_price=price)
    assert planned.opened_gates(plan, production=production) == opened
