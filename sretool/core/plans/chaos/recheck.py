"""The verdict on a run that is over, worked out again from its events and held against what was recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.verdict import judge
from sretool.core.runs import events
from sretool.errors import RunUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import Measures, RunRecord, Verdict

_CLOSE: Final = 1e-5
"""Times are written with six places; a figure made of a few of them is off by no more than this."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    verdict: Verdict | None
    """As the events say; None: they don't say what was to hold."""
    recorded: Verdict | None
    """As the last event says; None: the run has no end."""
    problems: tuple[str, ...]
    """What of the record the events don't say, each in words."""


def recheck(record: RunRecord, happened: Sequence[RunEvent]) -> Rechecked:
    """`happened`: every event of its folder."""
    started = [each.what for each in happened if isinstance(each.what, events.Started)]
    if not started:
        return Rechecked(None, _recorded(happened), ("no event says what was to hold",))
    try:
        criteria = holding.from_document(started[0].criteria)
    except RunUnreadable as error:
        return Rechecked(None, _recorded(happened), (error.message,))
    verdict, measures = judge(criteria, [e for e in happened if not isinstance(e.what, events.Finished)])
    return against(record, happened, verdict, measures)


def _recorded(happened: Sequence[RunEvent]) -> Verdict | None:
    ended = [each.what for each in happened if isinstance(each.what, events.Finished)]
    return ended[-1].verdict if ended else None


def against(
    record: RunRecord, happened: Sequence[RunEvent], verdict: Verdict, measures: Measures
) -> Rechecked:
    """What run.json and the last event say, held against what was worked out of the other events."""
    ended = [each.what for each in happened if isinstance(each.what, events.Finished)]
    if not ended:
        return Rechecked(verdict, None, ())
    finished = ended[-1]
    problems = [f"{len(ended)} events say that the run is over"] if len(ended) > 1 else []
    problems += _differences("run.json", record.verdict, record.measures, finished.verdict, finished.measures)
    problems += _differences("the last event", finished.verdict, finished.measures, verdict, measures)
    return Rechecked(verdict, finished.verdict, tuple(problems))


def _differences(
    who: str, verdict: Verdict | None, measured: Measures, then: Verdict, figures: Measures
) -> Iterator[str]:
    """What `who` says and the other does not."""
    if verdict is None:
        yield f"{who} has no verdict, the events say {then.outcome.value}"
        return
    if verdict.outcome is not then.outcome:
        yield f"{who} says {verdict.outcome.value}, the events say {then.outcome.value}: {then.reason}"
    elif verdict.reason != then.reason:
        yield f"{who} gives the reason {verdict.reason!r}, the events give {then.reason!r}"
    ours = {check.name: msgspec.to_builtins(check) for check in verdict.checks}
    theirs = {check.name: msgspec.to_builtins(check) for check in then.checks}
    yield from _compared(who, "check ", ours, theirs)
    yield from _compared(who, "", _figures(measured), _figures(figures))


def _figures(measures: Measures) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in (measures.load, measures.chaos, measures.gameday):
        if part is not None:
            found |= msgspec.to_builtins(part, builtin_types=(datetime,))
    return found


def _compared(who: str, of: str, ours: Any, theirs: Any) -> Iterator[str]:
    """Each leaf that differs; names are those of the keys above it."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in dict.fromkeys((*ours, *theirs)):
            yield from _compared(who, f"{of}{name} ", ours.get(name), theirs.get(name))
    elif isinstance(ours, list | tuple) and isinstance(theirs, list | tuple) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True), start=1):
            yield from _compared(who, f"{of}{number} ", one, other)
    elif not _same(ours, theirs):
        yield f"{who} has {of.strip()} {_words(ours)}, the events say {_words(theirs)}"


def _same(one: Any, other: Any) -> bool:
    numbers = isinstance(one, float | int) and isinstance(other, float | int)
    if numbers and not isinstance(one, bool) and not isinstance(other, bool):
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) <= timedelta(milliseconds=1)
    return bool(one == other)


def _words(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return "nothing" if value is None else str(value)
