"""The plan of an experiment: its variables, its figures, its hash."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.plans.chaos import variables
from sretool.core.plans.chaos.criteria import criteria, document, from_document
from sretool.core.plans.chaos.plan import HIDDEN, ChaosPlan, plan
from sretool.core.plans.chaos.plan import document as plan_document
from sretool.core.plans.chaos.read import read
from sretool.core.plans.chaos.spec import quantity, stop_condition, tolerance
from sretool.core.plans.chaos.targets import Answer, Target, answer
from sretool.errors import RunUnreadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = """\
title: slow
description: slow
configuration:
  delay: {type: env, key: DELAY, default: "200", env_var_type: int}
  who: api-1
secrets:
  login: {password: {type: env, key: WORD}}
steady-state-hypothesis:
  title: fine
  probes:
    - {name: delay, type: probe, tolerance: true, provider: {type: python, module: a, func: b}}
method:
  - name: slow it
    type: action
    pauses: {before: 2, after: 30}
    provider:
      type: python
      module: drv
      func: slow
      arguments: {who: "${who}", delay: "${delay}", text: "x ${who}", password: "${password}", api_key: abc}
  - {name: delay, type: probe, provider: {type: python, module: a, func: b}}
extensions:
  - name: sretool
    dose: {want: 200ms, tolerance: 10ms or 5%, probe: delay, measured: added}
    stop_when: [burn > 14.4, "burn shop/up > 3", budget > 2%, probe delay, after 10m, blind 20s]
    expected_alerts: [{name: Slow, within: 2m}]
    baseline: 10s
    objectives: {rto: 2m, rpo: 0s}
    budget_price: 5%
    blast_radius: {max_targets: 1}
"""
ANSWER = Answer((Target("api-1 (pid 8)", "slow", "fast", {"kind": "toxic_remove", "toxic": "x"}, of=2),))


def planned(
    text: str = TEXT,
    answered: Answer = ANSWER,
    overrides: Mapping[str, Any] | None = None,
    where: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    file: str = "x.yaml",
    production: bool = False,
) -> ChaosPlan:
    reading = read(file, text, {"WORD": "geheim", **(environment or {})}, overrides)
    assert reading.experiment is not None
    assert reading.problems == ()
    path = reading.experiment.actions[0].path
    return plan(reading.experiment, {path: answered}, where or {"lab": "x"}, production=production)


def test_variables_are_put_in_with_their_type_and_secrets_are_not() -> None:
    (action,) = planned().actions
    assert action.arguments == {
        "who": "api-1",
        "delay": 200,
        "text": "x api-1",
        "password": HIDDEN,
        "api_key": HIDDEN,
    }
    assert "geheim" not in str(plan_document(planned()))


def test_the_environment_comes_before_a_default_and_vars_before_all() -> None:
    assert planned(environment={"DELAY": "300"}).actions[0].arguments["delay"] == 300
    given = variables.given(["delay:int=5"])
    assert planned(environment={"DELAY": "300"}, overrides=given).actions[0].arguments["delay"] == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("delay", "not a variable", id="no value"),
        pytest.param("=5", "not a variable", id="no name"),
        pytest.param("a b=5", "not a variable", id="no word"),
        pytest.param("a:int=x", "'x' is no int", id="no int"),
        pytest.param("a:json={", "'{' is no json", id="no json"),
        pytest.param("a:date=5", "no type 'date'", id="no type"),
    ],
)
def test_a_variable_on_the_command_line_that_is_none_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        variables.given([text])


def test_an_approval_is_bound_to_what_would_be_done_and_to_nothing_else() -> None:
    hashes = [
        planned().hash,
        planned(overrides={"who": "api-2"}).hash,
        planned(TEXT.replace("after: 30", "after: 31")).hash,
        planned(answered=Answer((Target("api-1 (pid 9)", "slow", "fast", {"kind": "x"}),))).hash,
        planned(where={"lab": "y"}).hash,
        planned(production=True).hash,
    ]
    assert len(set(hashes)) == len(hashes)
    assert planned(file="y.yaml").hash == hashes[0]
    assert planned(environment={"OTHER": "1"}).hash == hashes[0]


def test_the_plan_says_how_long_it_takes() -> None:
    assert planned().least_seconds == 42.0
    assert planned().most_seconds == 600.0
    (slow,) = [each for each in planned().steps if each.name == "slow it"]
    assert slow.at == 2.0


def test_criteria_are_what_the_block_says_and_survive_the_journal() -> None:
    found = criteria(planned(where={"prometheus": "http://p", "alertmanager": "http://a"}))
    assert found.dose is not None
    assert (found.dose.want, found.dose.tolerance, found.dose.added) == (0.2, 0.01, True)
    assert found.actions == ("slow it",)
    assert found.probes == ("delay",)
    assert criteria(planned(answered=Answer(()))).helpers == ("slow it",)
    assert criteria(planned(answered=Answer(()))).actions == ()
    assert (found.rto_s, found.rpo_s, found.budget_price, found.max_targets) == (120, 0, 0.05, 1)
    assert found.received
    assert not criteria(planned()).received
    assert found.blind_s == 20
    assert from_document(document(found)) == found


def test_criteria_that_cannot_be_read_are_told() -> None:
    with pytest.raises(RunUnreadable, match="what the verdict is made by"):
        from_document({"actions": 3})


@pytest.mark.parametrize(
    ("written", "value", "unit"),
    [
        ("200ms", "0.2", "s"),
        ("50%", "0.5", "ratio"),
        ("150%", "1.5", "ratio"),
        ("3", "3", ""),
        ("0.5", "0.5", ""),
        ("12.5ms", "0.0125", "s"),
        ("8.0ms", "0.008", "s"),
        ("1e-05s", "0.00001", "s"),
        ("1.5m", "90", "s"),
    ],
)
def test_a_dose_has_its_unit(written: str, value: str, unit: str) -> None:
    assert quantity(written) == (Decimal(value), unit)


@pytest.mark.parametrize(
    ("written", "want", "unit", "allowed"),
    [
        ("10ms or 5%", "0.2", "s", "0.01"),
        ("10ms or 5%", "1", "s", "0.05"),
        ("5%", "0.5", "ratio", "0.05"),
        ("5%", "4", "", "0.2"),
        ("0", "1", "", "0"),
    ],
)
def test_a_tolerance_is_the_larger_of_both(written: str, want: str, unit: str, allowed: str) -> None:
    assert tolerance(written, Decimal(want), unit) == Decimal(allowed)


@pytest.mark.parametrize("written", ["5s", "-1%"])
def test_a_tolerance_that_does_not_fit_is_told(written: str) -> None:
    with pytest.raises(UsageError):
        tolerance(written, Decimal(3), "")


@pytest.mark.parametrize(
    "written", ["", "burn", "burn > -1", "burn > x", "budget > 200", "after", "after x", "x > 3"]
)
def test_what_is_no_stop_condition_is_told(written: str) -> None:
    with pytest.raises(UsageError):
        stop_condition(written)


def test_a_stop_condition_may_name_an_objective() -> None:
    found = stop_condition("burn shop/up > 3")
    assert (found.slo, found.bound) == ("shop/up", Decimal(3))
    assert stop_condition("blind 20s").after == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        pytest.param({"problem": "no lab"}, "no lab", id="it failed"),
        pytest.param({"targets": "all"}, "does not give a list", id="no list"),
        pytest.param({"targets": None}, "does not give a list", id="nothing"),
        pytest.param({"targets": [3]}, "does not give a list", id="no mapping"),
        pytest.param({"targets": [{"fault": "x"}]}, "without `target`", id="no target"),
        pytest.param({"targets": [{"target": "a", "undo": 3}]}, "how a is put back", id="no undo"),
        pytest.param(
            {"targets": [{"target": "a", "heals": "never"}]}, "how a is put back", id="no such class"
        ),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_problem(said: dict[str, Any], problem: str) -> None:
    found = answer(said)
    assert found.targets is None
    assert problem in found.problem


def test_an_answer_says_what_would_be_hurt() -> None:
    found = answer(
        {"targets": [{"target": "a", "undo": {"kind": "end"}, "heals": "restart", "ttl": 9, "of": 3}]}
    )
    assert found.targets == (Target("a", undo={"kind": "end"}, heals="restart", ttl=9.0, of=3),)
    assert answer({"targets": []}).targets == ()
    assert answer({}).targets is None
