"""The judged part of a load test as slices of time, as its events tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sretool.core.runs import events
from sretool.core.runs.load import Load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.analysis.totals import Totals
    from sretool.core.runs.events import RunEvent


@dataclass(slots=True)
class Counted:
    slices: list[Totals] = field(default_factory=list)
    """One for each tick that counts, in their order."""
    load: Load = field(default_factory=Load)
    """All of them."""
    users: int | None = None
    """The most users at work."""


def counted(found: Iterable[RunEvent]) -> Counted:
    """Everything but the warm-up."""
    result, warming_up = Counted(), False
    for event in found:
        match event.what:
            case events.PhaseBegan(name):
                warming_up = name == events.WARM_UP
            case events.LoadTick() as tick if not warming_up and tick.seconds > 0:
                part = Load()
                part.take(tick)
                result.slices.append(part.totals)
                result.load.take(tick)
                if tick.users is not None:
                    result.users = max(tick.users, result.users or 0)
            case _:
                pass
    return result
