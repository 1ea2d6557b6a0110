"""The policy section of a catalog."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sretool.adapters.files import catalog
from sretool.core.catalog.read import read
from sretool.core.slo.policy import DEFAULT, ExceptionKind, GateStep, Mark
from sretool.errors import CatalogError

SLOS = """\
slos:
  - id: shop/checkout
    objective: 99.9%
    window: 30d
    sli: {bad: errors_total, total: requests_total}
"""


def problems(*texts: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read({"slos.yaml": SLOS} | {f"{number}.yaml": text for number, text in enumerate(texts)})
    return [str(problem) for problem in caught.value.problems]


def test_without_a_policy_the_standard_one_holds() -> None:
    assert read({"slos.yaml": SLOS}).policy == DEFAULT


def test_the_bundled_system_has_the_standard_gate_and_says_what_is_done() -> None:
    found = catalog.load([catalog.bundled("amas")]).policy
    assert (found.gate, found.exceptions) == (DEFAULT.gate, DEFAULT.exceptions)
    assert [level.mark for level in found.levels] == [level.mark for level in DEFAULT.levels]
    assert all(level.actions for level in found.levels)


def test_parts_of_a_policy_replace_the_standard_ones() -> None:
    written = """\
policy:
  gate:
    - {name: OPEN, allow: [deploy, fix]}
    - {below: 10%, name: FREEZE, allow: [fix], asks: a word with the team}
  exceptions:
    - {id: legal, title: The law}
"""
    found = read({"slos.yaml": SLOS, "policy.yaml": written}).policy
    assert found.gate == (
        GateStep("OPEN", ("deploy", "fix")),
        GateStep("FREEZE", ("fix",), Mark(Decimal("0.1"), inclusive=False), "a word with the team"),
    )
    assert found.exceptions == (ExceptionKind("legal", "The law"),)
    assert found.levels == DEFAULT.levels


def test_every_problem_of_a_policy_has_its_line() -> None:
    found = problems(
        """\
policy:
  levels:
    - {title: neither}
    - {below: 25%, upto: 30%, title: both}
  gate:
    - {below: 90%, name: OPEN, allow: [deploy]}
    - {name: FREEZE, allow: [deploi]}
  exeptions: []
"""
    )
    both = "a mark is either `below` a share of the budget or `upto` one (that share included)"
    assert found == [
        "0.yaml:2: the marks of `levels` go from a high share of the budget down to a low one",
        f"0.yaml:3: {both}",
        f"0.yaml:4: {both}",
        "0.yaml:5: the first step of a gate is that of a full budget: it has neither `below` nor `upto`",
        "0.yaml:5: step 'FREEZE' of the gate has neither `below` nor `upto`",
        "0.yaml:5: step 'FREEZE' allows 'deploi', which the first step does not know",
        "0.yaml:8: unknown key 'exeptions'; did you mean 'exceptions'?",
    ]


def test_marks_go_down() -> None:
    (found,) = problems("policy:\n  levels:\n    - {below: 25%, title: a}\n    - {below: 50%, title: b}\n")
    assert found == "0.yaml:2: the marks of `levels` go from a high share of the budget down to a low one"


def test_a_catalog_has_one_policy() -> None:
    (found,) = problems("policy: {}\n", "policy: {}\n")
    assert found.startswith("1.yaml:1: policy of the catalog is already declared at 0.yaml:1")
