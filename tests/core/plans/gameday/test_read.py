"""YAML → game day: everything that is wrong with its form, with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.plans.gameday.claims import Claims
from sretool.core.plans.gameday.plan import (
    AskStep,
    CapacityStep,
    CheckStep,
    ExperimentStep,
    LoadStep,
    Otherwise,
    Shuffle,
    Until,
    WaitForStep,
    WaitStep,
)
from sretool.core.plans.gameday.read import GameDayProblems, read
from sretool.core.plans.often import Every

if TYPE_CHECKING:
    from sretool.errors import Problem

WHOLE = """\
name: night
title: A night
every: quarter
roles:
  - {id: lead, person: me, does: leads}
  - {id: scribe}
hypotheses: [recovered <= 2m, "sli shop/api >= 99%"]
steps:
  - {id: traffic, load: evening, rate: 3000/min, for: 10m}
  - {wait: 30s}
  - {wait: alert Down is over, within: 1m, otherwise: stop}
  - {experiment: k8s/crash, under: traffic, vars: {replica: app-2, rate: 3, sure: "true"}, hidden: true}
  - {ask: scribe, question: "why?", answers: [a, b]}
  - {check: lead, that: it is so, at: 5m}
  - {capacity: stage-1, most: 60}
  - {shuffle: [{experiment: crash}, {experiment: crash, within: 1m}], pick: 1, pause: 5s, within: 2m}
at_end: [undone]
settle: 1m
stop_when: [budget > 5%, after 30m]
budget_price: 5%
"""


def problems(text: str) -> list[str]:
    with pytest.raises(GameDayProblems) as caught:
        read("plan.yaml", text)
    return [str(each) for each in caught.value.problems]


def test_a_whole_plan() -> None:
    plan = read("plan.yaml", WHOLE)
    assert (plan.name, plan.every, plan.settle, plan.limit) == ("night", Every.QUARTER, 60.0, 1800.0)
    assert [(each.id, each.person, each.line) for each in plan.roles] == [
        ("lead", "me", 5),
        ("scribe", "", 6),
    ]
    assert [(each.kind, each.bound) for each in plan.hypotheses] == [
        (Claims.RECOVERED, 120.0),
        (Claims.SLI, 0.99),
    ]
    load, pause, wait, crash, ask, check, search, more = plan.steps
    assert isinstance(load, LoadStep)
    assert (load.id, load.rate, load.seconds, load.line) == ("traffic", 50.0, 600.0, 9)
    assert isinstance(pause, WaitStep)
    assert (pause.id, pause.seconds) == ("wait", 30.0)
    assert isinstance(wait, WaitForStep)
    assert (wait.id, wait.condition.kind, wait.condition.name) == ("wait-2", Until.RESOLVED, "Down")
    assert (wait.within, wait.otherwise) == (60.0, Otherwise.STOP)
    assert isinstance(crash, ExperimentStep)
    assert (crash.id, crash.hidden, crash.under) == ("crash", True, "traffic")
    assert crash.variables == {"replica": "app-2", "rate": 3, "sure": True}
    assert isinstance(ask, AskStep)
    assert (ask.role, ask.answers, ask.within) == ("scribe", ("a", "b"), 300.0)
    assert isinstance(check, CheckStep)
    assert (check.at, check.answers) == (300.0, ("yes", "no"))
    assert isinstance(search, CapacityStep)
    assert search.most == 60.0
    assert isinstance(more, Shuffle)
    assert [(each.id, each.hidden, each.within) for each in more.steps] == [
        ("crash-2", True, 120.0),
        ("crash-3", True, 60.0),
    ]
    assert (more.pick, more.pause) == (1, (5.0, 5.0))
    assert [each.id for each in plan.experiments] == ["crash", "crash-2", "crash-3"]
    assert [each.id for each in plan.loads] == ["traffic", "stage-1"]


def test_everything_is_told_at_once_with_its_line() -> None:
    assert problems(
        """\
name: Night
title: A night
rolls: []
roles: [{id: lead}, {id: lead}]
hypotheses:
  - undone
  - p95 < 5ms
steps:
  - {wait: 5s, load: x}
  - {}
  - {wait: a while}
  - {ask: lead}
  - {id: a, experiment: x, rate: 5}
  - {id: a, experiment: y}
  - {shuffle: [{experiment: x}], pick: 2, pause: [2m, 1m]}
  - {load: x, users: 5, rate: 5}
  - {wait: 5s, within: 2s}
stop_when: [probe x]
"""
    ) == [
        "plan.yaml:1: name: 'Night' is not an id; use small letters, digits, dots, dashes and underscores",
        "plan.yaml:3: unknown key 'rolls'; did you mean 'roles'?",
        "plan.yaml:4: role lead is already declared at plan.yaml:4",
        "plan.yaml:6: hypotheses: 'undone' is true at the end only; write it under `at_end`",
        "plan.yaml:7: hypotheses: 'p95 < 5ms' compares with <; write p95 <= …",
        "plan.yaml:9: a step is one of rounds, dose, load, capacity, experiment, wait, ask, check, shuffle;"
        " it has load and wait",
        "plan.yaml:10: a step is one of rounds, dose, load, capacity, experiment, wait, ask, check, shuffle",
        "plan.yaml:11: wait: 'a while' is nothing to wait for; write 2m, `no page`, `alert NAME fires`,"
        " `alert NAME is over` or `load ID ends`",
        "plan.yaml:12: `question` is missing: what is asked?",
        "plan.yaml:13: rate: does not belong to an experiment; it may have"
        " id, at, otherwise, experiment, vars, hidden, under, within",
        "plan.yaml:15: pick: 2 of 1 cannot be picked",
        "plan.yaml:15: pause: one time, or the least and the most: pause: [30s, 2m]",
        "plan.yaml:16: give either `rate` or `users`",
        "plan.yaml:17: within: belongs to something that is waited for, not to a time",
        "plan.yaml:18: stop_when: a game day has no probes of its own; let the experiment stop by it",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "plan.yaml:1: is empty; a game day has `name`, `title` and `steps`"),
        ("- a", "plan.yaml:1: a mapping with `name` and `title` and `steps` is wanted here"),
        ("name: a\ntitle: A\nsteps: []", "plan.yaml:3: steps: nothing happens"),
        (
            "name: a\ntitle: A\nsteps:\n - {id: x, wait: 1s}\n - {id: x, wait: 2s}",
            "plan.yaml:5: step 'x' is there already, in line 4",
        ),
        (
            "name: a\ntitle: A\nsteps: [{wait: 1s}]\nat_end: [undone, undone]",
            "plan.yaml:4: at_end: 'undone' is given twice",
        ),
    ],
)
def test_files_that_are_none(text: str, problem: str) -> None:
    assert problems(text) == [problem]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_changed_in_a_file_it_is_a_plan_or_its_problems_are_told(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(begin, min(begin + 30, len(WHOLE))))
    put = data.draw(
        st.sampled_from(["", "[", "{}", ": ", "null", "-1", "\n", "9e999", "&a", "*a", "'", "\x00", "[[1]]"])
    )
    found: tuple[Problem, ...] = ()
    try:
        plan = read("plan.yaml", WHOLE[:begin] + put + WHOLE[end:])
    except GameDayProblems as error:
        found = error.problems
    else:
        assert plan.steps
        return
    assert found
    assert all(each.line >= 1 and each.message for each in found)
