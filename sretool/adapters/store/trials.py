"""What all the experiments on record say about how much a system stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from sretool.adapters.store.runs import slug
from sretool.adapters.store.writer import EVENTS
from sretool.core.analysis.score import Trial
from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.trial import trial
from sretool.core.plans.gameday.recheck import planned
from sretool.core.runs import lines
from sretool.core.runs.events import Started
from sretool.core.runs.model import RunKind, RunState
from sretool.errors import RunUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sretool.adapters.store.runs import Damaged, RunStore
    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.runs.events import RunEvent

_FIRST: Final = 16
"""Among so many lines stands the event that says what was to hold."""


@dataclass(frozen=True, slots=True)
class Trials:
    found: tuple[Trial, ...]
    """Newest first, of runs that are over."""
    remarks: tuple[str, ...] = ()
    """What could not be read, each in words."""


def trials(store: RunStore) -> Trials:
    """A run whose folder is damaged counts as one that says nothing."""
    over = [each for each in store.newest(None, [RunKind.CHAOS]) if each.record.state is not RunState.RUNNING]
    found = [trial(each.record, criteria(each.folder)) for each in over]
    blank = list(_blank(store.damaged, found))
    remarks = [f"{each.folder}: {each.problem}" for each in store.damaged]
    nowhere = [each.run for each in found if not each.services]
    if nowhere:
        # What is made to be measured names none on purpose.
        measured = measuring(store)
        nowhere = [each.run for each in found if not each.services and each.parent not in measured]
    if nowhere:
        remarks.append(
            f"no service is named by {', '.join(nowhere)}: `blast_radius.services` of an experiment"
        )
    return Trials(tuple(sorted([*found, *blank], key=lambda each: each.at, reverse=True)), tuple(remarks))


def criteria(folder: Path) -> Criteria | None:
    """What was to hold in the experiment of this run; None where it cannot be read."""
    begun = _begun(folder)
    if begun is None or not isinstance(begun.what, Started):
        return None
    try:
        return holding.from_document(begun.what.criteria)
    except RunUnreadable:
        return None


def measuring(store: RunStore) -> frozenset[str]:
    """Ids of rounds and searches for a dose: what is in them is made to be measured, and is no drill."""
    days = store.newest(None, [RunKind.GAMEDAY])
    return frozenset(
        each.record.id for each in days if (begun := _begun(each.folder)) is not None and not planned([begun])
    )


def _begun(folder: Path) -> RunEvent | None:
    """The event that says what was to hold; None where it cannot be read."""
    try:
        with (folder / EVENTS).open("rb") as file:
            for line in islice(file, _FIRST):
                event = lines.decode(line)
                if event is not None and isinstance(event.what, Started):
                    return event
    except (OSError, RunUnreadable):
        return None
    return None


def _blank(damaged: Sequence[Damaged], others: Sequence[Trial]) -> Iterator[Trial]:
    """What their names say; the services are those of another run of the same experiment."""
    for each in damaged:
        began, _, rest = each.folder.name.partition("-")
        name, _, run = rest.partition("-")[2].rpartition("-")
        like = next((other for other in others if slug(other.experiment) == name), None)
        try:
            at = datetime.strptime(began, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            # There never was such a moment.
            continue
        if like is not None:
            yield Trial(run, like.experiment, at, like.services, {}, valid=False)
