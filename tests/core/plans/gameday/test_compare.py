"""Two game days against each other: what became worse, what nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.compare import Change
from sretool.core.plans.gameday.compare import Day, Relevant, Tried, compare
from sretool.core.runs.model import ChaosMeasures, Check, GameDayMeasures, Outcome

GOOD = Day(
    Outcome.PASSED,
    (Check("lost writes <= 0", 0.0, 0.0, ok=True),),
    GameDayMeasures(rto_s=40.0, mttd_s=30.0, mtta_s=60.0, lost_writes=0, budget_spent=0.1),
    {"crash": Tried(Outcome.PASSED, ChaosMeasures(rto_s=40.0, mttd_s=30.0))},
    {"learning": 90.0},
)


def worse(before: Day, after: Day) -> list[str]:
    return [" ".join(filter(None, (row.of, row.measure))) for row in compare(before, after).worse]


def measured(**words: Any) -> Day:
    assert GOOD.measures is not None
    return replace(GOOD, measures=replace(GOOD.measures, **words))


def test_a_day_is_no_worse_than_itself() -> None:
    found = compare(GOOD, GOOD)
    assert found.verdict is Change.SAME
    assert {row.verdict for row in found.rows} == {Change.SAME}


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (replace(GOOD, outcome=Outcome.FAILED), ["outcome"]),
        (replace(GOOD, claims=(Check("lost writes <= 0", 0.0, 2.0, ok=False),)), ["lost writes <= 0"]),
        (measured(lost_writes=1), ["lost writes"]),
        (measured(rto_s=49.0), ["RTO"]),
        (measured(rto_s=47.0), []),  # 17.5% more
        (measured(mttd_s=36.5), ["detected in"]),
        (measured(mttd_s=34.9), []),  # less than five seconds more
        (measured(budget_spent=0.13), ["budget spent"]),
        (measured(budget_spent=0.105), []),
        (replace(GOOD, experiments={"crash": Tried(Outcome.FAILED)}), ["crash outcome"]),
        (replace(GOOD, scores={"learning": 88.0}), ["learning score"]),
        (replace(GOOD, scores={"learning": 89.5}), []),
    ],
)
def test_what_is_worse_is_named_and_the_other_way_round_it_is_better(after: Day, what: list[str]) -> None:
    assert worse(GOOD, after) == what
    assert compare(after, GOOD).verdict is (Change.BETTER if what else Change.SAME)


@pytest.mark.parametrize("outcome", [None, Outcome.INCONCLUSIVE])
def test_a_day_that_says_nothing_is_unclear(outcome: Outcome | None) -> None:
    silent = replace(GOOD, outcome=outcome)
    assert compare(GOOD, silent).verdict is Change.UNCLEAR
    assert compare(silent, GOOD).verdict is Change.UNCLEAR
    # What was measured counts all the same.
    assert compare(GOOD, replace(silent, scores={"learning": 10.0})).verdict is Change.WORSE


def test_a_fault_that_stayed_in_is_worse_than_what_failed() -> None:
    failed = replace(GOOD, outcome=Outcome.FAILED)
    assert worse(failed, replace(GOOD, outcome=Outcome.ERROR)) == ["outcome"]


def test_what_was_measured_on_one_day_only_is_unclear_and_no_regression() -> None:
    assert GOOD.measures is not None
    found = compare(GOOD, replace(GOOD, measures=replace(GOOD.measures, rto_s=None)))
    (row,) = [each for each in found.rows if each.measure == "RTO" and not each.of]
    assert (row.verdict, found.verdict) == (Change.UNCLEAR, Change.SAME)


def test_what_was_done_on_one_day_only_is_told() -> None:
    other = replace(GOOD, experiments={"leak": Tried(Outcome.FAILED)}, claims=(Check("undone", ok=False),))
    assert compare(GOOD, other).notes == (
        "not tried again: crash",
        "not tried before: leak",
        "asked on one of the days only: lost writes <= 0, undone",
    )
    assert worse(GOOD, other) == []


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1), st.floats(0, 100))
def test_no_time_is_better_and_worse_at_once(
    one: float, other: float, relative: float, seconds: float
) -> None:
    relevant = Relevant(relative=relative, seconds=seconds)
    forth = compare(measured(rto_s=one), measured(rto_s=other), relevant)
    back = compare(measured(rto_s=other), measured(rto_s=one), relevant)
    both = {forth.verdict, back.verdict}
    assert both != {Change.WORSE}
    assert both != {Change.BETTER} or one == other
