"""What the reports of every kind of run have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.runs.model import Outcome, RunState
from sretool.core.runs.story import Story
from sretool.core.runs.words import NONE, clock_words, count_words, seconds_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sretool.core.runs.model import RunRecord, Verdict

DIGITS: Final = 4
"""Significant ones of figures that are compared with a limit."""
TOLD: Final = ("run", "guard", "proc", "hum", "act", "sig")
"""Sources of the log that are worth knowing beside the figures."""
RESULTS: Final = {True: "holds", False: "broken", None: "not measured"}
"""How a check came out, in words."""
LOOKS: Final = {True: "good", False: "bad", None: "warn"}
"""How a yes or no looks that should have been a yes."""


class RunReport:
    """A run as far as its events were taken."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.story = Story()

    @property
    def verdict(self) -> Verdict | None:
        finished = self.story.finished
        return finished.verdict if finished is not None else self.record.verdict


@dataclass(frozen=True, slots=True)
class Figure:
    """One number to be seen first."""

    title: str
    text: str
    beside: str = ""
    """What it is to be compared with."""
    kind: str = ""
    """`bad`, `warn`, or empty."""


def word(report: RunReport) -> str:
    """`passed`, `running`, `lost`."""
    verdict = report.verdict
    return verdict.outcome.value if verdict is not None else report.record.state.value


def kind(report: RunReport) -> str:
    """How the verdict looks: `good`, `bad`, `warn`."""
    verdict = report.verdict
    return look(verdict.outcome if verdict is not None else None)


def look(outcome: Outcome | None) -> str:
    return _OUTCOMES.get(outcome, "warn")


_OUTCOMES: Final[dict[Outcome | None, str]] = {
    Outcome.PASSED: "good",
    Outcome.FAILED: "bad",
    Outcome.ERROR: "bad",
}


def reason(report: RunReport, lost: str, running: str) -> str:
    """The run in one sentence; `lost`, `running`: what there is to see of one without a verdict."""
    verdict = report.verdict
    if verdict is not None:
        return verdict.reason
    if report.record.state is RunState.LOST:
        return f"its program ended without a word; {lost}"
    return f"it is not over; {running}"


def count(value: float | None) -> str:
    return NONE if value is None else count_words(value)


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%b %Y %H:%M:%S} UTC"


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "seconds": lambda value: seconds_words(value, DIGITS),
    "brief": lambda value: seconds_words(value, 3),
    "clock": clock_words,
    "moment": _moment,
}
"""Of templates."""
