"""A drill that everybody is told of, as long as it runs: whoever is paged meanwhile is not to be misled."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.observe.drills import LASTS, RENEWED, announcement
from sretool.core.runs.events import Note
from sretool.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sretool.core.observe.drills import Announcement
    from sretool.core.observe.model import Drill
    from sretool.core.runs.model import RunRecord, Verdict
    from sretool.ports import Clock, DrillBoard


@dataclass(frozen=True, slots=True)
class Announcing:
    """Of one run."""

    drill: Drill
    run: RunRecord
    by: str
    """Who runs it."""
    board: DrillBoard | None
    """None: nobody can be told."""
    clock: Clock

    async def renew(self, note: Callable[[Note], None]) -> None:
        """For as long as it runs; `note` gets, once, why nobody is told."""
        if self.board is None:
            return
        failed = False
        while True:
            try:
                await self.board.announce(self._alert(self.clock.now() + LASTS))
            except SourceError as error:
                if not failed:
                    note(Note(f"nobody is told that this is a drill: {error.message}"))
                failed = True
            await asyncio.sleep(RENEWED.total_seconds())

    async def end(self, verdict: Verdict) -> None:
        if self.board is None:
            return
        words = f"{verdict.outcome.value}, {verdict.reason}"
        # An end that lies in the past resolves it.
        ended = self.clock.now() - timedelta(seconds=1)
        with contextlib.suppress(SourceError):
            await self.board.announce(self._alert(max(ended, self.drill.started), words))

    def _alert(self, ends: datetime, verdict: str = "") -> Announcement:
        return announcement(
            self.drill, run=self.run.id, by=self.by, ends=ends, verdict=verdict, parent=self.run.parent
        )
