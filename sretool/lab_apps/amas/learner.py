"""How the people behind the traffic behave; used for the seeded rows and for live traffic alike.

The figures are chosen so that the learning metrics settle in the healthy range: review hits 68 %, drop-out 22
%, right predictions 76 %, flow sessions 27 %, sessions of about 15 minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sretool.lab_apps.amas.decision import Difficulty, Hint
from sretool.lab_apps.amas.memory_model import FORGOTTEN_RECALL

if TYPE_CHECKING:
    from random import Random

ABANDONS = 0.22
"""Sessions left without saying so."""
SKIPS = 0.20
"""Words of a list the learner passes over, besides those left unanswered when the session ends."""
FOCUSED = 0.44
"""Sessions answered at an even pace."""
RIGHT_IF_REMEMBERED = 0.76
RIGHT_IF_FORGOTTEN = 0.28
RIGHT_IF_NEW = 0.74
MEAN_REQUESTS = 40.0
MEAN_THINK = 22.0


@dataclass(frozen=True, slots=True)
class Habit:
    """What one session of one learner is like."""

    requests: int
    """Requests the session is planned for, 20 to 50."""
    leaves_after: int | None
    """Requests after which it is abandoned; None: it is ended properly."""
    typical_ms: float
    """Median answering time."""
    spread: float
    """Sigma of the logarithm of the answering time."""

    def answer_ms(self, random: Random) -> int:
        return int(min(max(random.lognormvariate(math.log(self.typical_ms), self.spread), 300), 60_000))


def habit(random: Random) -> Habit:
    requests = round(random.triangular(20, 50, 50))
    leaves = random.randint(2, requests - 2) if random.random() < ABANDONS else None
    focused = random.random() < FOCUSED
    return Habit(requests, leaves, random.uniform(3500, 8000), 0.28 if focused else 0.75)


def think_seconds(random: Random) -> float:
    """Time between two requests, 10 to 30 s."""
    return random.triangular(10, 30, 26)


def answers_right(
    predicted_recall: float | None,
    random: Random,
    difficulty: Difficulty = Difficulty.NORMAL,
    hint: Hint = Hint.NONE,
) -> bool:
    """Whether the learner knows the word; None: a word never seen before."""
    if predicted_recall is None:
        chance = RIGHT_IF_NEW
    elif predicted_recall >= FORGOTTEN_RECALL:
        chance = RIGHT_IF_REMEMBERED
    else:
        chance = RIGHT_IF_FORGOTTEN
    return random.random() < chance + _EASIER[difficulty] + _HELPED[hint]


_EASIER = {Difficulty.EASY: 0.06, Difficulty.NORMAL: 0.0, Difficulty.HARD: -0.08}
_HELPED = {Hint.NONE: 0.0, Hint.LIGHT: 0.02, Hint.FULL: 0.05}
