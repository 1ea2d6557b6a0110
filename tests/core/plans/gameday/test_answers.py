from __future__ import annotations

import pytest

from sretool.core.plans.gameday.answers import read_answers
from sretool.core.plans.gameday.read import GameDayProblems, read

PLAN = read(
    "day.yaml",
    """
name: day
title: A day
roles: [{id: lead, person: ann}]
steps:
  - {id: guess, ask: lead, question: How many?}
  - {id: which, ask: lead, question: Which?, answers: [app-1, app-2]}
  - {id: noticed, check: lead, that: nobody noticed}
""",
)


def answers(text: str) -> dict[str, str]:
    return read_answers("answers.yaml", text, PLAN.steps)


def test_answers_are_texts_whatever_yaml_would_make_of_them() -> None:
    found = answers("guess: 10\nwhich: app-1\nnoticed: yes\n")
    assert found == {"guess": "10", "which": "app-1", "noticed": "yes"}


def test_none_need_be_given() -> None:
    assert answers("# later\n") == {}
    assert answers("") == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "guess: ten\nnoticd: yes\n",
            "answers.yaml:2: no step 'noticd' asks anybody; did you mean 'noticed'?",
        ),
        ("x: y\n", "answers.yaml:1: no step 'x' asks anybody; known: guess, noticed, which"),
        (
            "which: app-3\n",
            "answers.yaml:1: which: 'app-3' does not count; the answer is one of app-1, app-2",
        ),
        (
            "noticed: perhaps\n",
            "answers.yaml:1: noticed: 'perhaps' does not count; the answer is one of yes, no",
        ),
        ("guess: [1, 2]\n", "answers.yaml:1: guess: an answer is a text"),
        ("guess: ''\n", "answers.yaml:1: guess: an answer is a text"),
        ("- guess\n", "answers.yaml:1: answers are a mapping: STEP: ANSWER"),
    ],
)
def test_what_is_no_answer_is_told_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(GameDayProblems) as told:
        answers(text)
    assert [str(each) for each in told.value.problems] == [problem]


def test_a_plan_that_asks_nobody() -> None:
    with pytest.raises(GameDayProblems) as told:
        read_answers("answers.yaml", "x: y", ())
    assert str(told.value.problems[0]) == "answers.yaml:1: no step 'x' asks anybody; none does"


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(GameDayProblems) as told:
        answers("noticed: perhaps\nx: y\nguess: ten\nguess: eleven\n")
    assert len(told.value.problems) == 3
