"""The same load with and without a fault, in pairs: in which order the rounds are made.

Of two pairs that follow each other one begins with the fault and the other without it, which one the seed
says: what a fault leaves behind, and what only time changes, weighs on both sides alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sretool.core.plans.gameday.timetable import drawn

WITH: Final = "with"
WITHOUT: Final = "without"
MEASURED: Final = "measured"
"""The phase whose load is compared; what is before and after it is `BETWEEN`."""
BETWEEN: Final = "between"

LOST: Final = 2
"""Pairs one after the other that do not count, after which no more are made."""


@dataclass(frozen=True, slots=True)
class Round:
    pair: int
    """From 1."""
    fault: bool

    @property
    def id(self) -> str:
        """`with-3`; names its step."""
        return f"{WITH if self.fault else WITHOUT}-{self.pair}"


def of(step: str) -> Round | None:
    """The round of an id; None: it is none."""
    side, _, pair = step.rpartition("-")
    if side not in (WITH, WITHOUT) or not pair.isdecimal():
        return None
    return Round(int(pair), side == WITH)


def most_pairs(pairs: int) -> int:
    """How many are begun at most so that so many count: one that does not is made again."""
    return pairs + max(pairs // 2, LOST)


def order(pairs: int, seed: int) -> tuple[Round, ...]:
    found: list[Round] = []
    first = False
    for pair in range(1, pairs + 1):
        # Every second one is as the seed says, the one after it the other way round.
        first = not first if pair % 2 == 0 else drawn(seed, "rounds", str(pair)) < 0.5
        found += [Round(pair, first), Round(pair, not first)]
    return tuple(found)
