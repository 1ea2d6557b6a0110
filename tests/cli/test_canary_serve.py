from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from sretool.cli.canary_serve import answer
from sretool.cli.context import Sources
from sretool.core.catalog import canary
from sretool.errors import SourceError, UsageError
from sretool.ports import Endpoint
from tests.cli.test_canary import NOBODY, POLICY, answers, sliced
from tests.cli.test_slo import prometheus

if TYPE_CHECKING:
    from collections.abc import Mapping

QUESTION = {"stage": "1", "canary": 'version="v2"', "baseline": '{version="v1"}'}


def ask(url: str, path: str, parameters: Mapping[str, str]) -> tuple[int, str]:
    sources = Sources(Endpoint(url), None, (), None, 1)
    found = asyncio.run(answer(path, parameters, canary.read("canary.yaml", POLICY), sources))
    return found.status, json.loads(found.body)["outcome"]


@pytest.mark.parametrize(
    ("bad", "of", "outcome", "gates"),
    [
        pytest.param(4, 4000, "promote", (200, 200, 409), id="promote"),
        pytest.param(0, 90, "hold", (409, 200, 409), id="hold"),
        pytest.param(120, 4000, "rollback", (409, 409, 200), id="rollback"),
    ],
)
def test_gates_say_yes_or_no_by_their_status(bad: int, of: int, outcome: str, gates: tuple[int, ...]) -> None:
    with prometheus(sliced(answers(bad, of, of * 0.99))) as (url, _):
        found = [
            ask(url, path, QUESTION) for path in ("gate/promote", "gate/continue", "gate/rollback", "judge")
        ]
    assert found == [(status, outcome) for status in (*gates, 200)]


@pytest.mark.parametrize(
    ("path", "parameters", "said"),
    [
        ("gate", QUESTION, "there is no /gate"),
        ("judge", {**QUESTION, "sinse": "30m"}, "unknown parameter 'sinse'; did you mean 'since'?"),
        ("judge", {}, "stage is missing or no number"),
        ("judge", {**QUESTION, "stage": "0"}, "there is no stage 0"),
        ("judge", {**QUESTION, "stage": "one"}, "stage is missing or no number"),
        ("judge", {**QUESTION, "stage": "1" * 5000}, "stage is missing or no number"),
        ("judge", {**QUESTION, "since": "9999999d"}, "is more than 60 days ago"),
        ("judge", {**QUESTION, "canary": "v2"}, "'v2' are not label matchers"),
    ],
)
def test_a_wrong_question_is_one_clear_error(path: str, parameters: Mapping[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(NOBODY, path, parameters)
    assert said in caught.value.message


def test_a_server_that_is_away_is_no_verdict() -> None:
    with pytest.raises(SourceError):
        ask(NOBODY, "gate/rollback", QUESTION)
