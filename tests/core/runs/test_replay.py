"""Going to and fro in a run that is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.observe.replay import Player
from sretool.core.runs.events import AlertChange, FaultOff, FaultOn, RunEvent, Started, What
from sretool.core.runs.model import RunKind
from sretool.core.runs.replay import RunRecording
from sretool.errors import UsageError

BEGAN = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
TOLD: tuple[tuple[int, What], ...] = (
    (0, Started(RunKind.GAMEDAY, "surprise")),
    (10, FaultOn("one/f1", "kill app-2")),
    (20, AlertChange("ReplicaDown", "firing", "page", "a1")),
    (25, AlertChange("Slow", "firing", "ticket", "a2")),
    (30, FaultOff("one/f1")),
)


def at(second: int) -> datetime:
    return BEGAN + timedelta(seconds=second)


def recording() -> RunRecording:
    return RunRecording([RunEvent(at(second), float(second), what) for second, what in TOLD])


def test_the_story_is_that_of_any_moment_forth_and_back() -> None:
    played = recording()
    assert (played.start, played.end) == (at(0), at(30))
    assert played.at(at(5)).faults == {}
    assert [fault.text for fault in played.at(at(15)).open_faults] == ["kill app-2"]
    assert played.at(at(30)).open_faults == ()
    assert len(played.at(at(29)).open_faults) == 1
    assert played.at(at(0)).faults == {}


def test_changes_and_pages_are_gone_to() -> None:
    player = Player(recording(), at(0))
    assert player.step(1) is not None
    assert player.now == at(10)
    page = player.step(1, pages=True)
    assert page is not None
    assert (page.at, page.text) == (at(20), "ReplicaDown firing +10s")
    assert player.step(1, pages=True) is None
    player.go(at(99))
    assert player.now == at(30)
    assert player.step(-1) is not None
    assert player.now == at(25)


def test_a_clock_that_was_set_back_hides_nothing() -> None:
    events = [RunEvent(at(second), float(number), what) for number, (second, what) in enumerate(TOLD)]
    events[-1] = RunEvent(at(3), 4.0, TOLD[-1][1])
    played = RunRecording(events)
    assert played.end == at(25)
    assert played.at(at(25)).open_faults == ()
    assert len(played.at(at(24)).open_faults) == 1


def test_a_run_without_events_is_none() -> None:
    with pytest.raises(UsageError, match="nothing has happened"):
        RunRecording([])
