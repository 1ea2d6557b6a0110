"""What ends an experiment early: stop conditions, looked at whenever something was measured or time passed.

A condition that cannot be measured does not let an experiment go on for ever: after `blind` without an answer
of Prometheus, or without a figure that a condition is about, it ends; a probe that fails or gives no answer
counts as one that says stop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.experiment import Stop
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from sretool.core.plans.chaos.experiment import Block, StopCondition

PROBE_EVERY: Final = 1.0
"""Seconds between two times that a probe of a stop condition is asked."""
PROBE_PATIENCE: Final = 1.0
"""Seconds beyond that in which it must have answered."""


@dataclass(frozen=True, slots=True)
class Tripped:
    guard: str
    """The condition as written."""
    text: str
    """What was measured against what."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One objective now; None: no data."""

    slo: str
    burn: float | None
    spent: float | None
    """Share of its budget since the run began."""
    left: float | None = None
    """Share of its budget that is left at all; below 0 where it is overspent."""


class Guards:
    """The stop conditions of one experiment. Instants are seconds of the run's own clock."""

    def __init__(self, block: Block, *, watched: bool) -> None:
        """`watched`: whether there is a Prometheus that could be silent."""
        self._of: Mapping[Stop, tuple[StopCondition, ...]] = {
            kind: tuple(each for each in block.stop_when if each.kind is kind) for kind in Stop
        }
        self._blind_after: timedelta | None = block.blind_after if watched else None
        self._began: float | None = None
        self._answered = 0.0
        self._probed: dict[str, float] = {}
        self._now = 0.0
        self._measured: dict[str, float] = {}
        """Condition → when there last was a figure for it."""

    @property
    def probes(self) -> tuple[str, ...]:
        """Names of the probes that are to be asked all the time."""
        return tuple(dict.fromkeys(each.probe for each in self._of[Stop.PROBE] if each.probe))

    def begin(self, t: float) -> None:
        """The experiment itself begins; the baseline is over."""
        self._began = t

    def answered(self, t: float) -> None:
        """Prometheus gave an answer."""
        self._answered = t

    def figures(self, found: Iterable[Figures]) -> Tripped | None:
        for each in found:
            for condition in (*self._of[Stop.BURN], *self._of[Stop.BUDGET]):
                if condition.slo not in (None, each.slo) or condition.bound is None:
                    continue
                got = each.burn if condition.kind is Stop.BURN else each.spent
                if got is None or math.isnan(got):
                    continue
                self._measured[condition.text] = self._now
                if got > float(condition.bound):
                    return Tripped(condition.text, _above(condition, each.slo, got))
        return None

    def probe(self, name: str, t: float, *, met: bool | None, text: str = "") -> Tripped | None:
        """A probe answered; `met` None: it failed itself."""
        self._probed[name] = t
        if met is True:
            return None
        said = f": {text}" if text else ""
        why = "gave no answer" if met is None else "is outside its tolerance"
        return next(
            (
                Tripped(each.text, f"probe {name} {why}{said}")
                for each in self._of[Stop.PROBE]
                if each.probe == name
            ),
            None,
        )

    def asked(self, name: str, t: float) -> None:
        """A probe is asked from now on."""
        self._probed.setdefault(name, t)

    def tick(self, t: float) -> Tripped | None:
        """Time passed."""
        self._now = t
        if self._blind_after is not None and t - self._answered > self._blind_after.total_seconds():
            span = format_duration(self._blind_after)
            return Tripped(f"blind {span}", f"Prometheus has given no answer for {span}")
        if self._began is None:
            return None
        unmeasured = self._unmeasured(t, self._began)
        if unmeasured is not None:
            return unmeasured
        for condition in self._of[Stop.AFTER]:
            if condition.after is not None and t - self._began > condition.after.total_seconds():
                return Tripped(condition.text, f"it has run for {format_duration(condition.after)}")
        for condition in self._of[Stop.PROBE]:
            at = self._probed.get(condition.probe or "")
            if at is not None and t - at > PROBE_EVERY + PROBE_PATIENCE:
                return Tripped(condition.text, f"probe {condition.probe} has not answered for {t - at:.1f} s")
        return None

    def _unmeasured(self, t: float, began: float) -> Tripped | None:
        """A condition that nobody can look at guards nothing."""
        for condition in (*self._of[Stop.BURN], *self._of[Stop.BUDGET]):
            if self._blind_after is None:
                return Tripped(condition.text, "there is no Prometheus that could tell")
            # What was measured in the baseline counts only from there on.
            since = max(self._measured.get(condition.text, began), began)
            if t - since > self._blind_after.total_seconds():
                span, what = format_duration(self._blind_after), condition.slo or "any objective"
                return Tripped(f"blind {span}", f"no {condition.kind.value} of {what} is known for {span}")
        return None

    @property
    def words(self) -> tuple[str, ...]:
        """For the event `Started`."""
        told = tuple(each.text for conditions in self._of.values() for each in conditions)
        blind = self._blind_after is not None and not self._of[Stop.BLIND]
        return (*told, f"blind {format_duration(self._blind_after)}") if blind and self._blind_after else told


def _above(condition: StopCondition, slo: str, got: float) -> str:
    assert condition.bound is not None
    if condition.kind is Stop.BURN:
        return f"{slo} burns {got:.1f}, at most {format_decimal(condition.bound)}"
    return f"{slo} has spent {got:.2%} of its budget, at most {format_decimal(condition.bound * 100)}%"
