"""The smallest dose of a fault that breaks an objective: which dose is tried next, and what is known by then.

    search = Search(Aim(mild=20, harsh=400))
    while (dose := search.next()) is not None:
        …                                  # the experiment at `dose`
        search.take(Trial(dose, broke))
    search.result()

It begins with the mildest dose and halves what is left. The harshest one is tried only where everything
milder held, so that as little as possible is hurt. That a harsher dose breaks what a milder one broke is
expected and never taken for granted: both ends of what was found are tried again, and where answers
contradict each other, the zone between the last dose that never broke anything and the first that always did
is what is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from sretool.errors import UsageError

_DIGITS: Final = 4
"""Significant ones of a dose that need not be a whole number."""
_SPREAD: Final = 10.0
"""From this factor on between both ends steps are factors."""
_MOST_SPREAD: Final = 1e9
"""Up to this one: next to nothing is as good as nothing."""
_UNKNOWN: Final = 2
"""Trials one after the other that tell nothing, after which a search ends."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What is looked for; doses are in the unit of the experiment's variable."""

    mild: float
    harsh: float
    """May be the lower number: of a share of a CPU less is harsher."""
    precision: float = 0.05
    """How narrow the answer is to be, as a share of the way from mild to harsh."""
    confirm: int = 1
    """How often each end of the answer is tried again."""
    most: int = 14
    """Trials after which it ends with what is known."""
    whole: bool = False
    """Whether doses are whole numbers."""

    def __post_init__(self) -> None:
        """UsageError where nothing can be looked for."""
        if not (math.isfinite(self.mild) and math.isfinite(self.harsh)):
            raise UsageError("a dose is a finite number")
        if self.mild == self.harsh:
            raise UsageError(f"from {self.mild:g} to {self.harsh:g} there is nothing to look for")
        if not 0 < self.precision <= 0.5:
            raise UsageError(
                f"a precision of {self.precision:.3g} cannot be aimed at", remedy="give 1% to 50%, like 5%"
            )

    @property
    def factors(self) -> bool:
        """Whether steps are factors: from 1 to 1000 the half-way is 32."""
        ends = sorted((self.mild, self.harsh))
        return ends[0] > 0 and _SPREAD <= ends[1] / ends[0] <= _MOST_SPREAD

    def place(self, dose: float) -> float:
        """0 at the mild end, 1 at the harsh one."""
        if self.factors:
            return math.log(dose / self.mild) / math.log(self.harsh / self.mild)
        return (dose - self.mild) / (self.harsh - self.mild)

    def dose(self, place: float) -> float:
        if place <= 0 or place >= 1:
            return self.mild if place <= 0 else self.harsh
        if self.factors:
            found = self.mild * (self.harsh / self.mild) ** place
        else:
            found = self.mild + (self.harsh - self.mild) * place
        rounded = float(round(found)) if self.whole else float(f"{found:.{_DIGITS}g}")
        # Rounding must not lead beyond either end.
        return min(max(rounded, min(self.mild, self.harsh)), max(self.mild, self.harsh))


@dataclass(frozen=True, slots=True)
class Trial:
    dose: float
    broke: bool | None
    """None: it tells nothing."""
    why: str = ""
    """What was measured against what, or why it tells nothing."""


class Ending(StrEnum):
    FOUND = "found"
    NOTHING_BREAKS = "nothing breaks"
    """Not even the harshest dose."""
    ALL_BREAKS = "all breaks"
    """Even the mildest dose: the smallest that does is milder still."""
    TRIALS = "trials"
    """There were as many trials as there may be."""
    UNKNOWN = "unknown"
    """Trials tell nothing."""
    STOPPED = "stopped"
    """By a guard or by hand."""


@dataclass(frozen=True, slots=True)
class Result:
    ending: Ending
    holds: float | None
    """The harshest dose at which, as at every milder one that was tried, nothing ever broke."""
    breaks: float | None
    """The mildest dose at which, as at every harsher one that was tried, it always broke."""
    monotone: bool
    """Whether no milder dose broke what a harsher one, or the same another time, did not."""
    confirmed: bool
    """Whether both ends were tried again as often as was asked for."""
    trials: tuple[Trial, ...]
    why: str = ""
    """It was stopped."""


class Search:
    def __init__(self, aim: Aim) -> None:
        self._aim = aim
        self._trials: list[Trial] = []
        self._stopped = ""

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(self._trials)

    def take(self, trial: Trial) -> None:
        self._trials.append(trial)

    def stop(self, why: str) -> None:
        """Nothing is tried any more."""
        self._stopped = self._stopped or why

    def next(self) -> float | None:
        """The dose to try; None: it is over."""
        if self._stopped or len(self._trials) >= self._aim.most or self._lost():
            return None
        known = _Known(self._aim, self._trials)
        return known.halving() if known.gap() else known.again()

    def result(self) -> Result:
        known = _Known(self._aim, self._trials)
        return Result(
            self._ending(known),
            known.holds,
            known.breaks,
            known.monotone,
            not known.gap() and known.again() is None,
            tuple(self._trials),
            self._stopped,
        )

    def _lost(self) -> bool:
        last = self._trials[-_UNKNOWN:]
        return len(last) == _UNKNOWN and all(each.broke is None for each in last)

    def _ending(self, known: _Known) -> Ending:
        if known.gap() or known.again() is not None:
            if self._stopped:
                return Ending.STOPPED
            return Ending.UNKNOWN if self._lost() else Ending.TRIALS
        if not known.broke:
            return Ending.NOTHING_BREAKS
        return Ending.FOUND if known.held else Ending.ALL_BREAKS


class _Known:
    """What the trials so far tell."""

    def __init__(self, aim: Aim, trials: list[Trial]) -> None:
        self._aim = aim
        self._told = [each for each in trials if each.broke is not None]
        self._held = [aim.place(each.dose) for each in self._told if not each.broke]
        self._broke = [aim.place(each.dose) for each in self._told if each.broke]
        first, last = min(self._broke, default=math.inf), max(self._held, default=-math.inf)
        self._holds = max((each for each in self._held if each < first), default=None)
        self._breaks = min((each for each in self._broke if each > last), default=None)
        self.monotone = last < first
        self.held, self.broke = bool(self._held), bool(self._broke)

    @property
    def holds(self) -> float | None:
        return self._dose(self._holds)

    @property
    def breaks(self) -> float | None:
        return self._dose(self._breaks)

    def _dose(self, place: float | None) -> float | None:
        if place is None:
            return None
        return min((each.dose for each in self._told), key=lambda each: abs(self._aim.place(each) - place))

    def gap(self) -> tuple[float, float] | None:
        """Two places between which something is left to try: next to the doses that are sure."""
        if not self._told:
            return (0.0, 0.0)
        places = sorted({*self._held, *self._broke})
        for one, other in pairwise(places):
            if (one == self._holds or other == self._breaks) and self._wide(one, other):
                return (one, other)
        if self._breaks is None and places[-1] < 1:
            # Nothing is sure to break yet. Close to the harshest dose, that itself is what is left.
            return (places[-1], 1.0) if self._wide(places[-1], 1.0) else (1.0, 1.0)
        return None

    def _wide(self, one: float, other: float) -> bool:
        # A hair's breadth above what was aimed at is what rounding a dose made of it.
        if other - one <= self._aim.precision * 1.001:
            return False
        return self._aim.dose((one + other) / 2) not in (self._aim.dose(one), self._aim.dose(other))

    def halving(self) -> float:
        gap = self.gap()
        assert gap is not None
        return self._aim.dose(sum(gap) / 2)

    def again(self) -> float | None:
        """The end of the answer that was tried less often, while there is one that is to be tried again."""
        ends = [each for each in (self._holds, self._breaks) if each is not None]
        counts = {each: (*self._held, *self._broke).count(each) for each in ends}
        few = [each for each in ends if counts[each] <= self._aim.confirm]
        return self._dose(min(few, key=lambda each: (counts[each], each))) if few else None
