from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.model import SloId
from sretool.core.slo.policy import DEFAULT, Outcome, Standing, decide, state

A, B = SloId("shop/checkout"), SloId("shop/search")


@pytest.mark.parametrize(
    ("left", "name", "level"),
    [
        (1.0, "OPEN", 0),
        (0.81, "OPEN", 0),
        (0.8, "REVIEW", 0),
        (0.5, "REVIEW", 0),
        (0.499, "FREEZE FEATURES", 1),
        (0.25, "FREEZE FEATURES", 1),
        (0.249, "FREEZE", 2),
        (0.001, "FREEZE", 2),
        (0.0, "EMERGENCY ONLY", 3),
        (-0.4, "EMERGENCY ONLY", 3),
    ],
)
def test_the_steps_and_levels_begin_at_their_marks(left: float, name: str, level: int) -> None:
    assert (DEFAULT.step(left).name, DEFAULT.level(left)) == (name, level)


@pytest.mark.parametrize(
    ("change", "passes_from"),
    [
        ("normal", 0.25),
        ("non-critical", 0.5),
        ("hotfix", 0.0001),
        ("emergency-fix", -1.0),
        ("rollback", -1.0),
    ],
)
def test_each_kind_of_change_waits_below_its_mark(change: str, passes_from: float) -> None:
    for left in (0.9, 0.6, 0.5, 0.3, 0.25, 0.1, 0.0001, 0.0, -1.0):
        decision = decide(DEFAULT, [Standing(A, left)], change)
        assert decision.outcome is (Outcome.GO if left >= passes_from else Outcome.STOP), left


def test_the_lowest_budget_decides_and_is_named() -> None:
    decision = decide(DEFAULT, [Standing(A, 0.9), Standing(B, 0.123)], "normal")
    assert decision.outcome is Outcome.STOP
    assert decision.reason == (
        "FREEZE, shop/search has 12.3% of its budget left:"
        " normal changes wait, hotfix, emergency-fix, rollback go"
    )


def test_a_step_may_ask_for_more() -> None:
    decision = decide(DEFAULT, [Standing(A, 0.7)], "normal")
    assert decision.outcome is Outcome.GO
    assert decision.reason.endswith("normal changes go; needs a second reviewer")
    assert decision.needs == "a second reviewer"
    assert decide(DEFAULT, [Standing(A, 0.7)], "rollback").needs is None


def test_an_unknown_budget_is_not_taken_for_a_full_one() -> None:
    standings = [Standing(A, 0.9), Standing(B, None)]
    decision = decide(DEFAULT, standings, "normal", why_unknown="Prometheus is down")
    assert decision.outcome is Outcome.UNKNOWN
    assert decision.reason == "cannot decide: the budget of shop/search is unknown: Prometheus is down"
    assert decide(DEFAULT, standings, "normal", allow_unknown=True).outcome is Outcome.GO


def test_a_known_budget_stops_even_where_others_are_unknown() -> None:
    standings = [Standing(A, 0.1), Standing(B, None)]
    assert decide(DEFAULT, standings, "normal", allow_unknown=True).outcome is Outcome.STOP


@pytest.mark.parametrize("change", DEFAULT.changes)
def test_an_unknown_budget_holds_up_every_change_until_somebody_allows_it(change: str) -> None:
    held = decide(DEFAULT, [Standing(A, None)], change)
    assert (held.outcome, held.recorded) == (Outcome.UNKNOWN, False)
    allowed = decide(DEFAULT, [Standing(A, None)], change, allow_unknown=True)
    assert (allowed.outcome, allowed.recorded) == (Outcome.GO, True)


def test_no_objectives_is_unknown() -> None:
    assert decide(DEFAULT, [], "normal").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("left", [0.9, 0.0, -3.0, None])
def test_an_exception_always_passes(left: float | None) -> None:
    decision = decide(DEFAULT, [Standing(A, left)], "non-critical", exception="security-fix")
    assert (decision.outcome, decision.recorded) == (Outcome.GO, True)


def test_the_state_says_what_is_frozen() -> None:
    found = state(DEFAULT, [Standing(A, 0.4), Standing(B, None)])
    assert found is not None
    assert (found.slo, found.level, found.frozen) == (A, 1, ("non-critical",))
    assert state(DEFAULT, [Standing(B, None)]) is None


@given(st.floats(-2, 1), st.floats(-2, 1))
def test_less_budget_never_lets_more_pass(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert set(DEFAULT.step(low).allows) <= set(DEFAULT.step(high).allows)
    assert DEFAULT.level(low) >= DEFAULT.level(high)
