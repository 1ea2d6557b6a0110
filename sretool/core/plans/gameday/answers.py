"""Answers that are given before a game day begins: one line for each step that asks somebody.

guess: about ten
noticed: "yes"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from sretool.core.catalog.document import Intake, compose, line_of, pairs
from sretool.core.plans.gameday.plan import AskStep, CheckStep
from sretool.core.plans.gameday.read import GameDayProblems
from sretool.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.plans.gameday.plan import Played, Shuffle


def read_answers(file: str, text: str, steps: Iterable[Played | Shuffle]) -> dict[str, str]:
    """Step → answer; GameDayProblems with everything that is no answer of any step."""
    intake = Intake()
    root = compose(file, text, intake)
    asking = {each.id: each for each in steps if isinstance(each, AskStep | CheckStep)}
    found: dict[str, str] = {}
    if isinstance(root, yaml.MappingNode):
        for id_, (key, value) in pairs(root, file, intake).items():
            problem = _problem(id_, value, asking)
            if problem:
                intake.problem(file, line_of(key), problem)
            else:
                found[id_] = " ".join(str(value.value).split())
    elif root is not None:
        intake.problem(file, line_of(root), "answers are a mapping: STEP: ANSWER")
    if intake.problems:
        raise GameDayProblems(tuple(sorted(intake.problems, key=lambda each: each.line)))
    return found


def _problem(id_: str, value: yaml.Node, asking: dict[str, AskStep | CheckStep]) -> str:
    """Why it is no answer; empty where it is one."""
    if id_ not in asking:
        return f"no step {id_!r} asks anybody{did_you_mean(id_, asking) if asking else '; none does'}"
    text = " ".join(value.value.split()) if isinstance(value, yaml.ScalarNode) else ""
    if not text:
        return f"{id_}: an answer is a text"
    allowed = asking[id_].answers
    if allowed and text not in allowed:
        return f"{id_}: {text!r} does not count; the answer is one of {', '.join(allowed)}"
    return ""
