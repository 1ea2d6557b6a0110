"""Which difficulty and how much of a hint the next question gets.

The "native" model is a linear bandit with one ridge regression per arm (LinUCB): it takes the arm with the
largest upper bound and is as confident as that arm's lower bound says. The heuristic needs no model; it is
what the circuit breaker falls back to. Rewards arrive later, through the queue; the worker folds them in with
`Model.learn`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Difficulty(StrEnum):
    EASY = "easy"
    NORMAL = "normal"
    HARD = "hard"


class Hint(StrEnum):
    NONE = "none"
    LIGHT = "light"
    FULL = "full"


class Strategy(StrEnum):
    NATIVE = "native"
    HEURISTIC = "heuristic"
    FIXED = "fixed"


ARMS: tuple[tuple[Difficulty, Hint], ...] = tuple(itertools.product(Difficulty, Hint))
DIMENSIONS = 5
COLD = timedelta(days=1)
"""A user registered for less than this is a cold start."""

_ALPHA = 0.35  # how many standard widths optimism and pessimism reach
_RIDGE = 1.0
_MEMORY = 2000.0  # rewards per arm after which older ones count half


class ModelError(Exception):
    """The native model could not decide."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about the user when a decision is asked for."""

    answers: int
    """Answers of the last days, at most 50."""
    accuracy: float | None
    """Share of right ones among them; None: there are none."""
    mean_ms: float | None
    due_words: int
    """At most 50."""
    registered_for: timedelta

    @property
    def cold(self) -> bool:
        return self.registered_for < COLD

    def features(self) -> tuple[float, ...]:
        """DIMENSIONS numbers, each about between 0 and 1."""
        return (
            1.0,
            self.accuracy if self.accuracy is not None else 0.7,
            min((self.mean_ms if self.mean_ms is not None else 6000.0) / 20_000, 1.0),
            min(self.due_words, 50) / 50,
            min(self.answers, 50) / 50,
        )


UNKNOWN = Context(answers=0, accuracy=None, mean_ms=None, due_words=0, registered_for=timedelta(0))
"""Nobody knows anything: a new user, or no database to ask."""


@dataclass(frozen=True, slots=True)
class Decision:
    difficulty: Difficulty
    hint: Hint
    strategy: Strategy
    confidence: float | None
    """0 to 1; None where no model was asked."""
    features: tuple[float, ...]


FIXED = Decision(Difficulty.NORMAL, Hint.NONE, Strategy.FIXED, None, UNKNOWN.features())
"""What everybody gets when decisions are switched off."""


def heuristic(context: Context) -> Decision:
    """Rules of thumb: aim at three right answers of four."""
    accuracy = context.accuracy
    if accuracy is None or context.cold:
        choice = Difficulty.EASY, Hint.LIGHT
    elif accuracy > 0.85:
        choice = Difficulty.HARD, Hint.NONE
    elif accuracy < 0.6:
        choice = Difficulty.EASY, Hint.FULL
    else:
        choice = Difficulty.NORMAL, Hint.NONE
    return Decision(*choice, Strategy.HEURISTIC, None, context.features())


def reward(difficulty: Difficulty, hint: Hint, correct: bool, response_ms: int) -> float:
    """What an answer was worth for learning, 0 to 1: harder, unaided and quick ones more."""
    quick = 0.1 * (1 - min(response_ms, 20_000) / 20_000)
    if not correct:
        return 0.15 + quick
    worth = {Difficulty.EASY: 0.68, Difficulty.NORMAL: 0.785, Difficulty.HARD: 0.825}[difficulty]
    aided = {Hint.NONE: 1.0, Hint.LIGHT: 0.96, Hint.FULL: 0.9}[hint]
    return worth * aided + quick


class ArmParameters(msgspec.Struct):
    """One arm's sums over its rewards: of x·xᵀ and of r·x."""

    outer: list[list[float]]
    weighted: list[float]


class Parameters(msgspec.Struct):
    """The model as it is stored."""

    arms: list[ArmParameters]


@dataclass(slots=True)
class _Solved:
    inverse: list[list[float]]
    theta: list[float]


@dataclass(slots=True)
class Model:
    """The bandit. `decide` is pure arithmetic of some ten microseconds; ModelError where the figures are
    broken.
    """

    parameters: Parameters
    _solved: list[_Solved] = field(default_factory=list)

    @classmethod
    def untrained(cls) -> Model:
        empty = [[0.0] * DIMENSIONS for _ in range(DIMENSIONS)]
        return cls(Parameters([ArmParameters([row[:] for row in empty], [0.0] * DIMENSIONS) for _ in ARMS]))

    @classmethod
    def decode(cls, text: str) -> Model:
        """ModelError where `text` is no model of this shape."""
        try:
            parameters = msgspec.json.decode(text, type=Parameters)
        except msgspec.DecodeError as error:
            raise ModelError(f"stored model is unreadable: {error}") from error
        shapes = {(len(arm.outer), *map(len, arm.outer), len(arm.weighted)) for arm in parameters.arms}
        if len(parameters.arms) != len(ARMS) or shapes != {(DIMENSIONS,) * (DIMENSIONS + 2)}:
            raise ModelError("stored model has another shape")
        return cls(parameters)

    def encode(self) -> str:
        return msgspec.json.encode(self.parameters).decode()

    def decide(self, context: Context) -> Decision:
        x = context.features()
        best, best_upper, best_lower = -1, -math.inf, 0.0
        for index, (mean, width) in enumerate(self.bounds(x)):
            if mean + width > best_upper:
                best, best_upper, best_lower = index, mean + width, mean - width
        if best < 0 or not math.isfinite(best_upper):
            raise ModelError("the model's scores are not finite")
        difficulty, hint = ARMS[best]
        return Decision(difficulty, hint, Strategy.NATIVE, min(max(best_lower, 0.0), 1.0), x)

    def bounds(self, x: Sequence[float]) -> list[tuple[float, float]]:
        """Expected reward and half width per arm."""
        if not self._solved:
            self._solved = [_solve(arm) for arm in self.parameters.arms]
        result = []
        for arm in self._solved:
            mean = sum(t * v for t, v in zip(arm.theta, x, strict=True))
            variance = sum(
                v * sum(i * w for i, w in zip(row, x, strict=True))
                for v, row in zip(x, arm.inverse, strict=True)
            )
            result.append((mean, _ALPHA * math.sqrt(max(variance, 0.0))))
        return result

    def learn(self, arm: tuple[Difficulty, Hint], x: Sequence[float], value: float) -> None:
        """Fold one reward in."""
        sums = self.parameters.arms[ARMS.index(arm)]
        if sums.outer[0][0] > _MEMORY:  # the first feature is 1: this counts the rewards
            sums.outer = [[cell / 2 for cell in row] for row in sums.outer]
            sums.weighted = [cell / 2 for cell in sums.weighted]
        for i, left in enumerate(x):
            sums.weighted[i] += value * left
            row = sums.outer[i]
            for j, right in enumerate(x):
                row[j] += left * right
        self._solved = []

    def distance(self, other: Model) -> float:
        """Mean difference of the expected rewards over typical contexts: how far two models are apart."""
        differences = [
            abs(mine[0] - theirs[0])
            for x in _PROBES
            for mine, theirs in zip(self.bounds(x), other.bounds(x), strict=True)
        ]
        return sum(differences) / len(differences)


_PROBES = tuple(
    Context(40, accuracy, ms, due, timedelta(days=9)).features()
    for accuracy in (0.6, 0.75, 0.9)
    for ms in (4000.0, 8000.0)
    for due in (2, 20)
)


def _solve(arm: ArmParameters) -> _Solved:
    """(outer + ridge)⁻¹ by Gauss-Jordan elimination; positive definite, so no pivoting is needed."""
    size = DIMENSIONS
    work = [
        [arm.outer[i][j] + (_RIDGE if i == j else 0.0) for j in range(size)]
        + [1.0 if i == j else 0.0 for j in range(size)]
        for i in range(size)
    ]
    for column in range(size):
        pivot = work[column][column]
        if not math.isfinite(pivot) or pivot <= 0:
            raise ModelError("the model's parameters are broken")
        work[column] = [cell / pivot for cell in work[column]]
        for row in range(size):
            factor = work[row][column]
            if row != column and factor:
                work[row] = [a - factor * b for a, b in zip(work[row], work[column], strict=True)]
    inverse = [row[size:] for row in work]
    theta = [sum(a * b for a, b in zip(row, arm.weighted, strict=True)) for row in inverse]
    return _Solved(inverse, theta)
