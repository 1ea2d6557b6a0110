"""Every change to a factor, window or operator of the rules makes a proof fail, or changes nothing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from sretool.core.slo.proof import ProofSet, prove, write_tests
from sretool.core.slo.rules import group
from tests.support.mutants import Judge, mutants
from tests.support.promtool import Rules
from tests.support.slos import slo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sretool.core.slo.model import Slo
    from sretool.core.slo.rules import Rule
    from tests.support.mutants import Mutant

_RATIO: Final = r"slo:(bad:rate5m|error_ratio:rate) [^:]*: "
EQUIVALENT: Final = {
    rf"{_RATIO}(\* → /|sum → max|rate → increase|(\w+) → \w+) at (33|34|36|37|40|41|60|61)$": (
        "0 times anything is 0: of what fills in for absent errors only its being there counts, and a longer"
        " range is there at least as long"
    ),
    r"slo:error_ratio:rate [13]d: (\* → /|max → sum) at (110|112|113|115|286|289|290|293)$": (
        "slo:info is one series of value 1, and 0 times or through it is 0"
    ),
    r"SLOBudgetBurn .*: max → sum at \d+$": "one SLO has one series of each window",
    r"slo:coverage:ratio 30d: 1 → 1\.1 at": "a coverage is never above 1 by more than a sample",
}
"""Changes after which the rules still say the same, and why."""


def explained(mutant: Mutant) -> str | None:
    return next((reason for what, reason in EQUIVALENT.items() if re.match(what, mutant.what)), None)


@pytest.mark.slow
def test_every_change_is_noticed_or_changes_nothing() -> None:
    subject = slo()
    rules = group(subject).rules
    judge = Judge(rules, prove(subject).proofs)
    made, noticed, used = Counter[str](), Counter[str](), set()
    survivors = []
    for mutant in mutants(rules):
        made[mutant.kind] += 1
        if judge.noticed(mutant) is not None:
            noticed[mutant.kind] += 1
        elif (reason := explained(mutant)) is not None:
            used.add(reason)
        else:
            survivors.append(mutant.what)
    assert survivors == []
    assert used == set(EQUIVALENT.values())
    assert made.total() > 400
    assert noticed.total() / made.total() > 0.9
    for kind in ("rule", "label", "selected window", "dropped"):
        assert noticed[kind] == made[kind]


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(slo("0.95", days=7), id="a week"),
        pytest.param(slo(days=28), id="28 days"),
        pytest.param(slo(min_events=600), id="low-traffic guard"),
        pytest.param(
            slo(alerts=tuple(replace(pair, name=f"P{n}") for n, pair in enumerate(slo().alerts))),
            id="severities of its own",
        ),
    ],
)
def test_alerts_of_other_slos_are_as_closely_watched(subject: Slo) -> None:
    rules = group(subject).rules
    judge = Judge(rules, prove(subject).proofs)
    alerts = [mutant for mutant in mutants(rules) if rules[mutant.index].alert and mutant.kind != "function"]
    assert len(alerts) > 50
    assert [mutant.what for mutant in alerts if judge.noticed(mutant) is None] == []


def rule_file(rules: Sequence[Rule]) -> str:
    """As a rule file, without annotations."""
    written = [
        {
            **({"record": rule.record} if rule.record else {"alert": rule.alert}),
            "expr": rule.expr,
            "labels": dict(rule.labels),
        }
        for rule in rules
    ]
    text: str = yaml.safe_dump({"groups": [{"name": "slo", "interval": "1m", "rules": written}]})
    return text


@pytest.mark.lab
def test_promtool_notices_the_same_changes(tmp_path: Path) -> None:
    subject = slo(alerts=slo().alerts[:1])
    # The ratios of the other windows and the sums would only cost time.
    rules = [
        rule
        for rule in group(subject).rules
        if rule.labels.get("window") in (None, "5m", "1h") and rule.record not in ("slo:info", "slo:bad:sum")
    ]
    proofs = [
        replace(proof, checks=tuple(c for c in proof.checks if "ALERTS" in c.expr))
        for proof in prove(subject).proofs
        if proof.promtool and proof.minutes < 200
    ]
    assert proofs
    tests = write_tests([ProofSet(subject, tuple(proofs))])
    judge = Judge(rules, proofs)
    assert Rules(rule_file(rules), {}).passes(tmp_path, tests)
    kinds = ("operator", "number", "dropped")
    sample = [m for m in mutants(rules) if rules[m.index].alert is not None and m.kind in kinds]
    assert len(sample) > 10
    for mutant in sample:
        assert judge.noticed(mutant) is not None, mutant.what
        assert not Rules(rule_file(mutant.within(rules)), {}).passes(tmp_path, tests), mutant.what
