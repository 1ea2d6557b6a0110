"""A game day's verdict, worked out again from its own events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.plans.gameday.recheck import planned, recheck
from sretool.core.runs import events
from sretool.core.runs.model import Outcome
from tests.support import gameday_runs as days

if TYPE_CHECKING:
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, list[RunEvent]]:
    run = days.judged(days.gameday(tmp_path_factory.mktemp("state")))
    return run.run, days.read(run.folder)


def changed(happened: list[RunEvent], kind: type, **words: Any) -> list[RunEvent]:
    """The last event of a kind, changed."""
    place = max(number for number, each in enumerate(happened) if isinstance(each.what, kind))
    found = list(happened)
    found[place] = replace(found[place], what=replace(found[place].what, **words))
    return found


def test_the_same_events_give_the_same_verdict(day: tuple[RunRecord, list[RunEvent]]) -> None:
    found = recheck(*day)
    assert found.problems == ()
    assert found.verdict == found.recorded == day[0].verdict
    assert planned(day[1])


def test_what_was_changed_in_the_events_is_told(day: tuple[RunRecord, list[RunEvent]]) -> None:
    record, happened = day
    found = recheck(record, changed(happened, events.WritesFound, lost=0))
    assert found.problems == ()  # what counts is what its step measured
    ended = changed(happened, events.Answer, answer="other")
    assert recheck(record, ended).problems == ()
    steps = [each for each in happened if not isinstance(each.what, events.StepEnded)]
    assert any("the events say" in each for each in recheck(record, steps).problems)


def test_what_was_changed_in_the_record_is_told(day: tuple[RunRecord, list[RunEvent]]) -> None:
    record, happened = day
    assert record.verdict is not None
    assert record.measures.gameday is not None
    better = replace(record, verdict=replace(record.verdict, outcome=Outcome.PASSED))
    assert any(each.startswith("run.json says passed") for each in recheck(better, happened).problems)
    cheap = replace(
        record, measures=replace(record.measures, gameday=replace(record.measures.gameday, lost_writes=0))
    )
    assert recheck(cheap, happened).problems == ("run.json has lost_writes 0, the events say 2",)


def test_one_that_broke_off_has_no_recorded_verdict(day: tuple[RunRecord, list[RunEvent]]) -> None:
    record, happened = day
    half = [each for each in happened if each.t < 400]
    found = recheck(replace(record, verdict=None), half)
    assert found.recorded is None
    assert found.verdict is not None


def test_without_a_beginning_nothing_is_known(day: tuple[RunRecord, list[RunEvent]]) -> None:
    record, happened = day
    rest = [each for each in happened if not isinstance(each.what, events.Started)]
    assert recheck(record, rest).problems == ("no event says what was to hold",)
    assert not planned(rest)
