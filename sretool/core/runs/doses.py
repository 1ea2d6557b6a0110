"""The trials of a search for a dose, as the events of their run tell them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sretool.core.runs import events
from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import Check

_NAME: Final = re.compile(r"(?P<step>trial-\d+): (?P<variable>\w+)=(?P<dose>\S+)")
"""Of the check of a trial."""


def of_trials(checks: Iterable[Check]) -> bool:
    """Whether they are what the trials of a search told, and nothing else."""
    found = [_NAME.fullmatch(each.name) is not None for each in checks]
    return bool(found) and all(found)


def trials(found: Iterable[RunEvent]) -> tuple[tuple[float | None, bool | None], ...]:
    """Of each trial that came to its end: the dose, and whether it broke what was not to break.

    Both None: it told nothing.
    """
    told: dict[str, tuple[float | None, bool | None]] = {}
    for event in found:
        match event.what:
            case events.Checked(check) if (name := _NAME.fullmatch(check.name)) is not None:
                broke = None if check.ok is None else not check.ok
                told[name["step"]] = (float(name["dose"]), broke)
            case events.StepEnded(step, Outcome.INCONCLUSIVE | Outcome.PASSED):
                told.setdefault(step, (None, None))
            case _:
                pass
    return tuple(told.values())
