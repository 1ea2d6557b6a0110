"""How a word is remembered and when it is due: a half-life per user and word.

Recall after t hours is 2^(−t/half-life). A right answer stretches the half-life, a wrong one shortens it; the
word is due when recall has fallen to `DUE_RECALL`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

DUE_RECALL = 0.7
FORGOTTEN_RECALL = 0.5
"""Below this the product predicts that the word is forgotten."""
FIRST_RIGHT = 200.0  # hours
FIRST_WRONG = 120.0
STRETCH = 4.0
"""A right answer multiplies the half-life by 1 + STRETCH·(1 − recall): reviewing at once teaches little."""
SHRINK = 0.85
LONGEST = 60 * 24.0
SHORTEST = 100.0
_HOURS_TO_DUE = -math.log2(DUE_RECALL)


@dataclass(frozen=True, slots=True)
class WordState:
    """What is known about one user's memory of one word."""

    half_life: float
    """Hours."""
    reviews: int
    lapses: int
    answered_at: datetime
    due_at: datetime

    def recall(self, now: datetime) -> float:
        """Predicted probability that the word is remembered."""
        hours = max((now - self.answered_at).total_seconds(), 0.0) / 3600
        return float(2.0 ** (-hours / self.half_life))


def first(correct: bool, at: datetime) -> WordState:
    """The state after a word's first answer."""
    return _scheduled(FIRST_RIGHT if correct else FIRST_WRONG, 1, 0 if correct else 1, at)


def after(state: WordState | None, correct: bool, at: datetime) -> WordState:
    """The state after another answer; an answer older than the newest known changes the counts only."""
    if state is None:
        return first(correct, at)
    reviews, lapses = state.reviews + 1, state.lapses + (not correct)
    if at < state.answered_at:
        return replace(state, reviews=reviews, lapses=lapses)
    stretch = 1 + STRETCH * (1 - state.recall(at))
    half_life = state.half_life * (stretch if correct else SHRINK)
    return _scheduled(min(max(half_life, SHORTEST), LONGEST), reviews, lapses, at)


def _scheduled(half_life: float, reviews: int, lapses: int, at: datetime) -> WordState:
    return WordState(half_life, reviews, lapses, at, at + timedelta(hours=half_life * _HOURS_TO_DUE))
