"""A drill that everybody is told of, by an Alertmanager that is made up, in made-up time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.observe.model import Drill
from sretool.core.runs.model import Outcome, RunKind, RunRecord, RunState, Verdict
from sretool.errors import SourceUnreachable
from sretool.services.announcing import Announcing
from tests.support.made_up import T0, MadeUpClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.observe.drills import Announcement
    from sretool.core.runs.events import Note

pytestmark = pytest.mark.looptime

RUN = RunRecord("abc123", RunKind.CHAOS, "slow", RunState.RUNNING, T0, parent="day")


@dataclass
class MadeUpBoard:
    away_until: float = 0.0
    announced: list[tuple[float, Announcement]] = field(default_factory=list)

    async def alerts(self) -> Sequence[Any]:
        return ()

    async def silences(self) -> Sequence[Any]:
        return ()

    async def announce(self, alert: Announcement) -> None:
        now = asyncio.get_running_loop().time()
        if now < self.away_until:
            raise SourceUnreachable("nobody listens there")
        self.announced.append((now, alert))

    async def aclose(self) -> None:
        pass


def announcing(board: MadeUpBoard | None) -> Announcing:
    return Announcing(Drill("It is slow", T0, ("shop",)), RUN, "mia", board, MadeUpClock())


async def renewed(of: Announcing, seconds: float) -> list[Note]:
    notes: list[Note] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await of.renew(notes.append)
    return notes


async def test_it_is_renewed_before_it_ends() -> None:
    board = MadeUpBoard()
    assert await renewed(announcing(board), 50) == []
    assert [at for at, _ in board.announced] == pytest.approx([0, 20, 40], abs=0.1)
    times = [at for at, _ in board.announced] + [60]
    for (_, each), following in zip(board.announced, times[1:], strict=True):
        assert each.ends > T0 + timedelta(seconds=following)
        assert each.labels["run"] == "abc123"
        assert each.labels["parent"] == "day"


async def test_who_cannot_be_told_is_told_later_and_that_is_noted_once() -> None:
    board = MadeUpBoard(away_until=30)
    (note,) = await renewed(announcing(board), 50)
    assert note.text == "nobody is told that this is a drill: nobody listens there"
    assert [at for at, _ in board.announced] == pytest.approx([40], abs=0.1)


async def test_its_end_lies_in_the_past_and_never_before_its_begin() -> None:
    board = MadeUpBoard()
    verdict = Verdict(Outcome.FAILED, "it was slow")
    await announcing(board).end(verdict)
    await asyncio.sleep(10)
    await announcing(board).end(verdict)
    at_once, later = (each for _, each in board.announced)
    assert at_once.ends == T0
    assert later.ends == T0 + timedelta(seconds=9)
    assert later.annotations["summary"] == "DRILL It is slow has ended: failed, it was slow"


async def test_an_end_that_nobody_takes_is_no_error() -> None:
    await announcing(MadeUpBoard(away_until=9)).end(Verdict(Outcome.PASSED, "it was not slow"))
    nobody = announcing(None)
    assert await renewed(nobody, 50) == []
    await nobody.end(Verdict(Outcome.PASSED, "it was not slow"))
