"""What was carried out when, by the records of runs, and what is due again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sretool.core.plans import often

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sretool.core.plans.often import Every
    from sretool.core.runs.model import RunRecord


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is to be done again and again."""

    name: str
    title: str
    every: Every | None
    last: RunRecord | None
    """The newest run that counts."""
    tried: RunRecord | None
    """The newest of all, whatever came of it."""
    at: datetime | None
    """When it is due again; None: now where `now` says so, else never."""
    now: bool


def due(
    name: str, title: str, every: Every | None, file: str, runs: Iterable[RunRecord], now: datetime
) -> Due:
    """`runs`: those of its kind, newest first."""
    mine = [each for each in runs if _made_of(each, file)]
    last = next((each for each in mine if each.verdict and each.verdict.outcome.judged), None)
    done = last.started if last is not None else None
    return Due(
        name=name,
        title=title,
        every=every,
        last=last,
        tried=mine[0] if mine else None,
        at=often.due_at(every, done),
        now=often.is_due(every, done, now),
    )


def _made_of(record: RunRecord, file: str) -> bool:
    wanted = _place(file)
    return any(_place(each.path) == wanted for each in record.inputs)


def _place(path: str) -> tuple[str, ...]:
    """Below the folder `experiments`, wherever that lay when the run was made."""
    parts = tuple(path.replace("\\", "/").split("/"))
    at = max((number for number, part in enumerate(parts) if part == "experiments"), default=-1)
    return parts[at + 1 :] if at >= 0 else parts[-1:]
