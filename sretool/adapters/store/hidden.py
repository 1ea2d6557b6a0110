"""Which runs are hidden steps of a game day that goes on, by the game day's own events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.adapters.store.tail import EventTail
from sretool.core.runs.events import StepRun
from sretool.core.runs.veil import Veil

if TYPE_CHECKING:
    from pathlib import Path


class HiddenSteps:
    """Of one game day; what was read once is not read again."""

    def __init__(self, events: Path) -> None:
        self._tail = EventTail(events)
        self._veil = Veil()
        self._steps: dict[str, str] = {}
        """Folder of a run → the step that it carries out."""

    def any(self) -> bool:
        """Whether something is kept back; OSError where nobody can tell."""
        self._look()
        return bool(self._veil.kept)

    def keep(self, folder: str) -> bool:
        """Whether the run in the folder of this name is kept back; OSError where nobody can tell.

        One whose step is not on record (it has just begun, or belongs to an experiment) is kept back as long
        as anything is.
        """
        self._look()
        step = self._steps.get(folder)
        return bool(self._veil.kept) if step is None else step in self._veil.kept

    def _look(self) -> None:
        for event in self._tail.rest():
            self._veil.seen(event)
            if isinstance(event.what, StepRun):
                self._steps[event.what.run] = event.what.step
