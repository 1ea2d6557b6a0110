"""What a game day keeps from whoever responds, and when it may be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.runs.events import (
    FaultOff,
    FaultOn,
    Finished,
    GuardTripped,
    Note,
    PhaseBegan,
    PlannedStep,
    ProcessChange,
    RunEvent,
    Started,
    SteadyState,
    StepBegan,
    StepEnded,
    StepRun,
    What,
)
from sretool.core.runs.model import Outcome, RunKind, Verdict
from sretool.core.runs.veil import Veil

BEGAN = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
STEPS = (
    PlannedStep("open", "experiment", "experiment replica-crash", earliest_s=0, latest_s=60),
    PlannedStep("pause", "wait", "wait 20s", hidden=True, earliest_s=60, latest_s=80),
    PlannedStep("one", "experiment", "experiment cache-loss", hidden=True, earliest_s=80, latest_s=90),
    PlannedStep("two", "experiment", "experiment memory-leak", hidden=True, earliest_s=90, latest_s=99),
)
BEGIN = Started(RunKind.GAMEDAY, "surprise", steps=STEPS)


def shown(veil: Veil, *told: What) -> list[What]:
    events = (RunEvent(BEGAN + timedelta(seconds=t), float(t), what) for t, what in enumerate(told))
    return [seen.what for event in events if (seen := veil.seen(event)) is not None]


def titles(found: list[What]) -> list[str]:
    return [step.title for what in found if isinstance(what, Started) for step in what.steps]


def test_a_hidden_step_has_neither_name_nor_time() -> None:
    (seen,) = shown(Veil(), BEGIN)
    assert isinstance(seen, Started)
    assert seen.steps[0] == STEPS[0]
    assert {(step.title, step.earliest_s, step.latest_s) for step in seen.steps[1:]} == {("", None, None)}
    assert [step.id for step in seen.steps[1:]] == ["hidden 2", "hidden 3", "hidden 4"]


OF_ONE = (
    StepBegan("one"),
    StepRun("one", "20261120T190000Z-chaos-cache-loss-a12345"),
    SteadyState("before", met=True),
    FaultOn("one/f1", "blackhole cache-1"),
    ProcessChange("cache-1", "ended"),
    GuardTripped("one: burn > 100", "120 against 100"),
    FaultOff("one/f1"),
)


def test_nothing_that_a_hidden_step_does_is_told_while_it_goes_on() -> None:
    veil = Veil()
    assert shown(veil, BEGIN, *OF_ONE, Note("odd")) == [*shown(Veil(), BEGIN), Note("odd")]
    assert veil.keeps
    assert not veil.lifted


def test_once_it_is_over_everything_of_it_is_told_and_nothing_of_the_next() -> None:
    veil = Veil()
    shown(veil, BEGIN, *OF_ONE, StepEnded("one", Outcome.PASSED), StepBegan("two"))
    assert veil.lifted
    again = shown(veil.again(), BEGIN, *OF_ONE, StepEnded("one", Outcome.PASSED), StepBegan("two"))
    assert again[1:] == [*OF_ONE, StepEnded("one", Outcome.PASSED)]
    assert titles(again) == ["experiment replica-crash", "", "experiment cache-loss", ""]


def test_the_end_of_a_hidden_pause_does_not_tell_that_the_next_step_begins() -> None:
    pause = (StepBegan("pause"), StepEnded("pause", Outcome.PASSED))
    veil = Veil()
    assert shown(veil, BEGIN, *pause)[1:] == []
    assert not veil.lifted
    shown(veil, StepBegan("one"), StepEnded("one", Outcome.FAILED))
    assert shown(veil.again(), BEGIN, *pause)[1:] == list(pause)


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(PhaseBegan("stopping"), id="undoing everything"),
        pytest.param(Finished(Verdict(Outcome.PASSED, "")), id="the end"),
        pytest.param(FaultOff("one/f1", ok=False), id="a fault that could not be undone"),
    ],
)
def test_what_must_be_known_is_told(last: What) -> None:
    veil = Veil()
    shown(veil, BEGIN, *OF_ONE[:5], last)
    assert veil.lifted
    assert FaultOn("one/f1", "blackhole cache-1") in shown(veil.again(), BEGIN, *OF_ONE[:5], last)


def test_what_is_not_hidden_is_told_at_once() -> None:
    seen = (StepBegan("open"), SteadyState("before", met=True), FaultOn("open/f1", "kill app-2"))
    assert shown(Veil(), BEGIN, *seen)[1:] == list(seen)


def test_without_hidden_steps_nothing_is_kept() -> None:
    veil = Veil()
    shown(veil, Started(RunKind.CHAOS, "cache-loss"), *OF_ONE)
    assert not veil.keeps
    assert not veil.lifted
