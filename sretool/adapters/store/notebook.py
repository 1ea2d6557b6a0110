"""What a project's people and programs wrote down: runs, marks, ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.adapters.store.marks import MarkFile
from sretool.adapters.store.runs import RunStore
from sretool.adapters.store.ticks import TickFile
from sretool.core.observe.marks import Mark
from sretool.core.observe.model import Drill
from sretool.core.runs.model import RunKind, RunState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.core.observe.model import Change
    from sretool.core.runs.model import RunRecord

_RECENT: Final = 20
"""Runs that are looked at for one that is still running."""


class Notebook:
    """The files of one state folder. One of these to a thread."""

    def __init__(self, state: Path, who: str = "") -> None:
        self.state = state
        self.who = who
        """Who writes here; empty where that is not known."""
        self.runs = RunStore(state)
        self.marks = MarkFile(state)
        self.ticks = TickFile(state)

    def note(self, text: str, at: datetime, service: str | None = None) -> None:
        """Write a mark of kind note; OSError where it cannot be kept."""
        self.marks.append(Mark(at, "note", text, service, self.who))

    def changes(self) -> Sequence[Change]:
        """Every mark, oldest first."""
        return self.marks.changes()

    def drills(self) -> Sequence[Drill]:
        """The runs that are going on and may hurt something; none where the folder cannot be read."""
        try:
            runs = self.runs.newest(_RECENT)
        except OSError:
            return ()
        going = [run.record for run in runs if run.record.state is RunState.RUNNING]
        known = {record.id for record in going}
        # A game day stands for its steps: what they are called may be kept from whoever responds.
        alone = (record for record in going if record.parent not in known)
        return tuple(drill for record in alone if (drill := _drill(record, going)) is not None)


def _drill(record: RunRecord, going: Sequence[RunRecord]) -> Drill | None:
    services = tuple(target for target in record.targets if "://" not in target)
    if record.kind not in (RunKind.CHAOS, RunKind.GAMEDAY) and not services:
        # Load on an address alone explains nobody's pages.
        return None
    return Drill(record.title, record.started, services, runs=(record.id, *_steps(record.id, going)))


def _steps(run: str, going: Sequence[RunRecord]) -> Iterator[str]:
    """Ids of those that are its steps, and of theirs."""
    for each in going:
        if each.parent == run:
            yield each.id
            yield from _steps(each.id, going)
