"""The verdict on a game day worked out again from its events, and held against the recorded one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.plans.chaos.recheck import Rechecked, against
from sretool.core.plans.gameday.judge import judge
from sretool.core.runs import events
from sretool.core.runs.model import Measures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord


def planned(happened: Sequence[RunEvent]) -> bool:
    """Whether it was carried out by a plan; rounds and searches for a dose are not, and have no claims."""
    return any(isinstance(each.what, events.Started) and bool(each.what.plan_hash) for each in happened)


def recheck(record: RunRecord, happened: Sequence[RunEvent]) -> Rechecked:
    """`happened`: every event of its folder, in the order they were written."""
    if not any(isinstance(each.what, events.Started) for each in happened):
        return Rechecked(None, record.verdict, ("no event says what was to hold",))
    verdict, measures = judge(happened)
    return against(record, happened, verdict, Measures(gameday=measures))
