"""The events of one experiment in the order of their time, and when its faults were in.

Events come from several programs and threads, so lines of a file may stand in another order. Times are `t`,
seconds since the run began, by a clock that nobody sets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from sretool.core.runs import events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.runs.events import RunEvent

_W = TypeVar("_W", bound=events.What)


@dataclass(frozen=True, slots=True)
class FaultSpan:
    fault: str
    text: str
    target: str
    on: float
    planned: float | None
    """Seconds it was to stay; None: until it is undone."""
    off: float | None
    """None: nobody says that it is gone."""
    undone: bool
    """False: it is still in, or its undo failed."""


@dataclass(frozen=True, slots=True)
class Step:
    """A probe or an action that ended."""

    section: str
    name: str
    what: str
    began: float
    """When it ended, where nobody said that it began."""
    ended: float
    ok: bool
    value: float | None
    """Finite, or None."""
    text: str
    met: bool | None = None
    """Whether a probe of the method answered as wanted."""


class Timeline:
    def __init__(self, criteria: Criteria, happened: Sequence[RunEvent]) -> None:
        timed = [each for each in happened if math.isfinite(each.t)]
        self.readable = len(timed) == len(happened)
        """Whether every event has a time."""
        self.events = sorted(timed, key=lambda each: each.t)
        self.faults = tuple(_faults(self.events))
        self.steps = tuple(_steps(self.events))
        self._criteria = criteria

    def of(self, kind: type[_W]) -> Iterator[tuple[float, _W]]:
        for each in self.events:
            if isinstance(each.what, kind):
                yield each.t, each.what

    def last(self, kind: type[_W]) -> tuple[float, _W] | None:
        found = list(self.of(kind))
        return found[-1] if found else None

    @property
    def fault_on(self) -> float | None:
        """When the first fault was made; None: none was."""
        told = [fault.on for fault in self.faults]
        # An action that does not say what it hurts tells no fault: it is one from its beginning.
        told += [
            step.began
            for step in self.steps
            if step.section == "method" and step.what == "action" and step.name in self._criteria.unknown
        ]
        return min(told, default=None)

    def faults_in(self, begin: float, end: float) -> int | None:
        """How many faults were in all the time from `begin` to `end`; None where one came or went then."""
        spans = [
            (fault.on, math.inf if fault.off is None or not fault.undone else fault.off)
            for fault in self.faults
        ]
        if not spans and self.fault_on is not None:
            spans = [(self.fault_on, math.inf if self.runner_ended is None else self.runner_ended)]
        if any(begin < edge < end for span in spans for edge in span):
            return None
        return sum(on <= begin and end <= off for on, off in spans)

    @property
    def all_off(self) -> float | None:
        """When the last fault was gone; None: not all are."""
        if not all(fault.undone for fault in self.faults):
            return None
        told = [fault.off for fault in self.faults if fault.off is not None]
        # Nobody says when the toolkit's own rollbacks have undone what no log knows.
        if self._criteria.unknown:
            told += [step.ended for step in self.steps if step.section == "rollbacks"]
        return max(told, default=None)

    @property
    def runner_ended(self) -> float | None:
        found = self.last(events.RunnerEnded)
        return found[0] if found else None

    @property
    def watch_ended(self) -> float | None:
        found = self.last(events.WatchEnded)
        return found[0] if found else None

    @property
    def to_be_over(self) -> float | None:
        """From when on the time for recovery counts: all faults are gone, or should be."""
        ends = [fault.on + fault.planned for fault in self.faults if fault.planned is not None]
        planned = max(ends) if ends and len(ends) == len(self.faults) else None
        tripped = next((t for t, _ in self.of(events.GuardTripped)), None)
        known = [each for each in (self.all_off, planned, tripped, self.runner_ended) if each is not None]
        return min(known, default=None)

    @property
    def complete(self) -> bool:
        """Whether nothing of what was written down is missing, double or added."""
        ended = self.last(events.WatchEnded)
        if ended is None or not self.readable:
            return False
        others = [
            each
            for each in self.events
            if each.t <= ended[0] and not isinstance(each.what, events.WatchEnded | events.Finished)
        ]
        starts = sum(isinstance(each.what, events.Started) for each in others)
        return len(others) == ended[1].events and starts == 1

    def at(self, t: float | None) -> datetime | None:
        """The date and time at `t`."""
        if t is None or not self.events:
            return None
        nearest = min(self.events, key=lambda each: abs(each.t - t))
        return nearest.at + timedelta(seconds=t - nearest.t)


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _faults(happened: Sequence[RunEvent]) -> Iterator[FaultSpan]:
    on: dict[str, tuple[float, events.FaultOn]] = {}
    off: dict[str, tuple[float, bool]] = {}
    for event in happened:
        match event.what:
            case events.FaultOn() as what:
                on.setdefault(what.fault, (event.t, what))
            case events.FaultOff() as what:
                # What is once undone stays so; another attempt may find nothing to undo.
                if not off.get(what.fault, (0.0, False))[1]:
                    off[what.fault] = (event.t, what.ok)
            case _:
                pass
    for fault, (t, what) in on.items():
        ended, undone = off.get(fault, (None, False))
        yield FaultSpan(
            fault=fault,
            text=what.text,
            target=what.target,
            on=t,
            planned=finite(what.seconds),
            off=ended if undone else None,
            undone=undone and ended is not None and ended >= t,
        )


def _steps(happened: Sequence[RunEvent]) -> Iterator[Step]:
    begun: dict[tuple[str, str], list[float]] = {}
    for event in happened:
        if not isinstance(event.what, events.ChaosStep):
            continue
        what = event.what
        key = (what.section, what.name)
        if what.state == "started":
            begun.setdefault(key, []).append(event.t)
            continue
        waiting = begun.get(key)
        began = waiting.pop(0) if waiting else event.t
        ok = what.state == "ok"
        value = finite(what.value) if ok else None
        yield Step(what.section, what.name, what.what, began, event.t, ok, value, what.text, what.met)
