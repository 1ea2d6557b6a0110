"""A load and an experiment beside each other: whatever goes wrong, nothing of it is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sretool.core.runs.events import Note, RunEvent, StepRun
from sretool.core.runs.model import Outcome, Verdict
from sretool.services.chaos import Control
from sretool.services.gameday_together import Limits, Together
from tests.support.together import World, journal

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.services.gameday_together import Running

pytestmark = pytest.mark.looptime


async def test_a_listener_that_raises_is_called_no_more_and_everything_ends(tmp_path: Path) -> None:
    world, heard = World(), list[RunEvent]()

    def listen(event: RunEvent) -> None:
        heard.append(event)
        raise RuntimeError("the terminal is gone")

    with journal(tmp_path) as writer:
        beside = Together(writer, world.around, Control(), listen, Limits())
        for step in ("one", "two", "three"):
            await beside.start(step, "load", ())
        await asyncio.sleep(5)
        await beside.close()
        assert world.at_work == 0
        beside.finish(Verdict(Outcome.PASSED, "as it came"))
    assert len(heard) == 1
    written = (writer.folder / "events.jsonl").read_text()
    assert written.count("what shows this run has failed: RuntimeError: the terminal is gone") == 1
    assert written.count('"event":"step_run"') == 3


class _Broken(Together):
    """What one child tells cannot be taken in."""

    def _take(self, running: Running) -> None:
        if running.step == "two":
            raise RuntimeError("nobody understands it")
        super()._take(running)


async def test_whatever_goes_wrong_with_one_the_others_are_waited_for(tmp_path: Path) -> None:
    world, events = World(), list[RunEvent]()
    with journal(tmp_path) as writer:
        beside = _Broken(writer, world.around, Control(), events.append, Limits())
        running = [await beside.start(step, "load", ()) for step in ("one", "two", "three")]
        await asyncio.sleep(5)
        with pytest.raises(RuntimeError, match="nobody understands it"):
            await beside.close()
        assert all(each.ended for each in running)
        assert world.at_work == 0
        assert {each.what.step for each in events if isinstance(each.what, StepRun)} == {"one", "three"}
        assert not any(isinstance(each.what, Note) for each in events)
        beside.finish(Verdict(Outcome.ERROR, "as it came"))
