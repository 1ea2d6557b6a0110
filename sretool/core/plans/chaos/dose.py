"""Whether the fault was as strong as ordered: what its probe said before, during and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos import criteria as names
from sretool.core.runs.model import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.plans.chaos.criteria import DoseCriterion
    from sretool.core.plans.chaos.timeline import Step, Timeline

_ROUNDING: Final = 1e-9
"""Of what is exactly at its bound."""


@dataclass(frozen=True, slots=True)
class DoseFound:
    """In the unit of the dose; None: not measured."""

    before: float | None = None
    during: float | None = None
    """The last answer while the most faults were in at once: a ramp has reached its end, and what wore off is
    seen."""
    after: float | None = None
    asked_after: bool = False

    def strength(self, criterion: DoseCriterion) -> float | None:
        if self.during is None:
            return None
        if not criterion.added:
            return self.during
        return None if self.before is None else self.during - self.before

    def share(self, criterion: DoseCriterion) -> float | None:
        """Of what was ordered; 1: as ordered."""
        strength = self.strength(criterion)
        return None if strength is None or not criterion.want else strength / criterion.want


def measure(criterion: DoseCriterion, timeline: Timeline) -> DoseFound:
    """An answer counts where no fault came or went while the probe was asked."""
    answers = [each for each in timeline.steps if each.what == "probe" and each.name == criterion.probe]
    on, off = timeline.fault_on, timeline.all_off
    if on is None:
        return DoseFound(before=_last(answers))
    during = [(timeline.faults_in(each.began, each.ended) or 0, each) for each in answers]
    most = max((count for count, _ in during), default=0)
    after = [each for each in answers if off is not None and each.began >= off]
    return DoseFound(
        before=_last([each for each in answers if each.ended <= on]),
        during=_last([each for count, each in during if count and count == most]),
        after=_last(after),
        asked_after=bool(after),
    )


def checks(criterion: DoseCriterion, found: DoseFound) -> Iterator[Check]:
    strength = found.strength(criterion)
    yield Check(
        names.DOSE,
        want=criterion.want,
        got=strength,
        unit=criterion.unit,
        ok=None if strength is None else _is_there(criterion, strength),
    )
    # A figure that was the same without the fault proves nothing.
    if not criterion.added:
        there = None if found.before is None else _is_there(criterion, found.before)
        yield Check(
            names.DOSE_BEFORE,
            want="not there",
            got=found.before,
            unit=criterion.unit,
            ok=None if there is None else not there,
        )
    if found.asked_after:
        yield Check(
            names.DOSE_AFTER,
            want="gone",
            got=found.after,
            unit=criterion.unit,
            ok=_gone(criterion, found),
        )


def _gone(criterion: DoseCriterion, found: DoseFound) -> bool | None:
    if found.after is None:
        return None
    if not criterion.added:
        return not _is_there(criterion, found.after)
    # What the service itself adds while it recovers is no fault any more.
    return None if found.before is None else abs(found.after - found.before) < abs(criterion.want) / 2


def _is_there(criterion: DoseCriterion, strength: float) -> bool:
    allowed = criterion.tolerance + _ROUNDING * max(1.0, abs(criterion.want))
    return abs(strength - criterion.want) <= allowed


def _last(answers: list[Step]) -> float | None:
    """None also where the last one asked gave nothing."""
    return max(answers, key=lambda each: each.ended).value if answers else None
