from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.lab_apps.amas.memory_model import DUE_RECALL, LONGEST, SHORTEST, WordState, after, first

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.booleans(), st.lists(st.tuples(st.booleans(), st.floats(0, 2000)), max_size=30))
def test_a_word_is_due_when_recall_has_fallen(start: bool, reviews: list[tuple[bool, float]]) -> None:
    state, now = first(start, NOW), NOW
    for correct, hours in reviews:
        now += timedelta(hours=hours)
        state = after(state, correct, now)
    assert state.recall(state.due_at) == pytest.approx(DUE_RECALL, abs=1e-3)
    assert SHORTEST <= state.half_life <= LONGEST
    assert state.reviews == len(reviews) + 1


def test_reviewing_late_and_right_stretches_more_than_reviewing_at_once() -> None:
    state = first(True, NOW)
    at_once = after(state, True, NOW + timedelta(minutes=1))
    late = after(state, True, state.due_at)
    assert state.half_life == pytest.approx(at_once.half_life, rel=0.01)
    assert late.half_life > 2 * state.half_life


def test_a_wrong_answer_shortens() -> None:
    state = first(True, NOW)
    assert after(state, False, state.due_at).half_life < state.half_life


def test_an_answer_that_arrives_late_counts_but_does_not_turn_time_back() -> None:
    state = first(True, NOW)
    again = after(state, False, NOW - timedelta(hours=1))
    assert again == WordState(state.half_life, 2, 1, state.answered_at, state.due_at)
