"""What a game day keeps from whoever responds: hidden steps, until they are over.

A hidden step tells neither what it does nor that it goes on. What it did is told as soon as it has ended, or
when everything is undone, or when a fault of it could not be. A hidden pause is told with the step after it:
its end is where that one begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sretool.core.runs import events

if TYPE_CHECKING:
    from sretool.core.runs.events import RunEvent

STOPPING: Final = "stopping"
"""The phase in which everything is undone."""
_PAUSE: Final = "wait"


@dataclass(slots=True)
class Veil:
    """Takes the events of one run in their order."""

    open: bool = False
    """Nothing is kept back."""
    told: set[str] = field(default_factory=set)
    """Ids of hidden steps that may be told of."""
    lifted: bool = False
    """Something that was kept back may be told by now: the events are to be read again from the first."""
    _hidden: set[str] = field(default_factory=set)
    _pauses: set[str] = field(default_factory=set)
    _over: set[str] = field(default_factory=set)
    """Hidden pauses that are over and not told of yet."""
    _now: str = ""
    """The hidden step that goes on."""

    @property
    def keeps(self) -> bool:
        """Whether there is anything that is not told yet."""
        return bool(self._hidden)

    @property
    def kept(self) -> frozenset[str]:
        """Ids of the hidden steps that nobody is told of yet."""
        return frozenset() if self.open else frozenset(self._hidden - self.told)

    def again(self) -> Veil:
        """For the same events from the first on."""
        return Veil(self.open, set(self.told))

    def seen(self, event: RunEvent) -> RunEvent | None:
        """The event as it may be seen; None: not yet."""
        if self.open:
            return event
        match event.what:
            case events.Started() as what:
                self._hidden = {step.id for step in what.steps if step.hidden} - self.told
                self._pauses = {step.id for step in what.steps if step.kind == _PAUSE}
                steps = tuple(
                    _blank(step, place) if step.id in self._hidden else step
                    for place, step in enumerate(what.steps, 1)
                )
                return replace(event, what=replace(what, steps=steps))
            case events.PhaseBegan(name) if name == STOPPING:
                self._open()
            case events.Finished():
                self._open()
            case _ if self._hidden:
                return self._of_step(event)
        return event

    def _of_step(self, event: RunEvent) -> RunEvent | None:
        match event.what:
            case events.StepBegan(step) if step in self._hidden:
                self._now = step
                return None
            case events.StepEnded(step=step) if step in self._hidden:
                self._now = ""
                if step in self._pauses:
                    self._over.add(step)
                else:
                    self._tell(step)
                return None
            case events.StepRun(step=step) if step in self._hidden:
                return None
            case events.FaultOff(fault=fault, ok=False) if _step(fault) in self._hidden:
                self._tell(_step(fault))
                return None
            case events.FaultOn(fault=fault) | events.FaultOff(fault=fault) if _step(fault) in self._hidden:
                return None
            case events.GuardTripped(guard=guard) if guard.partition(": ")[0] in self._hidden:
                return None
            # One experiment goes on at a time: these are its own.
            case (
                events.SteadyState()
                | events.WritesFound()
                | events.ChaosStep()
                | events.ProcessChange()
                | events.TrafficTick()
                | events.RunnerEnded()
            ) if self._now:
                return None
        return event

    def _open(self) -> None:
        if self._hidden:
            self.open = self.lifted = True

    def _tell(self, step: str) -> None:
        self.told |= {step, *self._over}
        self.lifted = True


def _step(fault: str) -> str:
    """A fault is named after the step that makes it: `kill-primary/f1`."""
    return fault.partition("/")[0]


def _blank(step: events.PlannedStep, place: int) -> events.PlannedStep:
    """Its id would tell what it does: experiments give their names to their steps."""
    return replace(step, id=f"hidden {place}", title="", role="", earliest_s=None, latest_s=None)
