"""A run that is over as something to go to and fro in: its story at any of its moments."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from sretool.core.observe.replay import Moment
from sretool.core.runs import events
from sretool.core.runs.story import Story
from sretool.core.slo.model import Severity
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.runs.events import RunEvent


class RunRecording:
    """All events of one run."""

    def __init__(self, found: Sequence[RunEvent], problem: str | None = None) -> None:
        """UsageError where there are none. `problem`: why they are not all."""
        if not found:
            raise UsageError(
                "nothing has happened in this run", remedy="sretool runs show tells what there is"
            )
        self._events = list(found)
        # A clock that was set back must not hide what came after it.
        self._times = [event.at for event in found]
        for place in range(1, len(self._times)):
            self._times[place] = max(self._times[place], self._times[place - 1])
        self.start, self.end = self._times[0], self._times[-1]
        self.problem = problem
        self._story, self._place = Story(), 0
        self._moments: tuple[Moment, ...] | None = None

    def at(self, moment: datetime) -> Story:
        wanted = bisect_right(self._times, max(moment, self.start))
        if wanted < self._place:
            self._story, self._place = Story(), 0
        self._story.take_all(self._events[self._place : wanted])
        self._place = wanted
        return self._story

    def following(self, moment: datetime, *, pages: bool = False) -> Moment | None:
        return next((each for each in self._all() if each.at > moment and (each.page or not pages)), None)

    def preceding(self, moment: datetime, *, pages: bool = False) -> Moment | None:
        earlier = [each for each in self._all() if each.at < moment and (each.page or not pages)]
        return earlier[-1] if earlier else None

    def _all(self) -> tuple[Moment, ...]:
        if self._moments is None:
            self._moments = tuple(self._changes())
        return self._moments

    def _changes(self) -> Iterable[Moment]:
        """Every line of its log."""
        story, told = Story(), 0
        for at, event in zip(self._times, self._events, strict=True):
            story.take(event)
            what = event.what
            fires = (
                isinstance(what, events.AlertChange)
                and what.state == "firing"
                and what.severity == Severity.PAGE
            )
            for line in story.log[told:]:
                yield Moment(at, " ".join(filter(None, (line.text, line.result))), fires)
            told = len(story.log)
