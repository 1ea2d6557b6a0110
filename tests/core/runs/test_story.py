"""What the events of a run add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.runs import events
from sretool.core.runs.events import (
    AlertChange,
    Checked,
    FaultOff,
    FaultOn,
    Finished,
    GuardTripped,
    LoadTick,
    PhaseBegan,
    PlannedPhase,
    RunEvent,
    Started,
    What,
    WorkerTick,
)
from sretool.core.runs.model import Check, Outcome, RunKind, Verdict
from sretool.core.runs.story import Story
from tests.support.runs import request_tick

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN = datetime(2026, 11, 20, 3, tzinfo=UTC)


def told(*happened: tuple[float, What]) -> Story:
    story = Story()
    story.take_all(RunEvent(BEGAN + timedelta(seconds=t), t, what) for t, what in happened)
    return story


def test_a_phase_ends_where_the_next_begins() -> None:
    plan = Started(RunKind.GAMEDAY, "x", phases=(PlannedPhase("baseline", 60), PlannedPhase("fault", 120)))
    story = told((0, plan), (1, PhaseBegan("baseline")), (61, PhaseBegan("fault")))
    assert [(phase.name, phase.begin, phase.end) for phase in story.phases] == [
        ("baseline", 1, 61),
        ("fault", 61, None),
    ]


def test_a_phase_nobody_planned_is_shown_too() -> None:
    story = told((0, Started(RunKind.GAMEDAY, "x")), (5, PhaseBegan("hold")))
    assert [phase.name for phase in story.phases] == ["hold"]


def test_a_fault_is_open_until_it_is_undone() -> None:
    story = told((1, FaultOn("f1", "kill pg-1")), (2, FaultOn("f2", "latency")), (9, FaultOff("f1")))
    assert [fault.fault for fault in story.open_faults] == ["f2"]
    assert story.faults["f1"].end == 9


def test_a_fault_whose_undo_failed_stays_open() -> None:
    story = told((1, FaultOn("f1", "kill pg-1")), (9, FaultOff("f1", ok=False)))
    assert [fault.fault for fault in story.open_faults] == ["f1"]
    assert story.log[-1].result == "could not be undone"
    assert story.log[-1].good is False


def test_detection_counts_from_the_first_fault_to_the_first_alert_that_was_not_unexpected() -> None:
    story = told(
        (0, AlertChange("Old", "firing", fingerprint="o")),
        (10, FaultOn("f1", "kill pg-1")),
        (20, AlertChange("Noise", "firing", fingerprint="n", expected=False)),
        (68, AlertChange("Down", "firing", fingerprint="d", expected=True)),
    )
    assert story.detected_in() == timedelta(seconds=58)
    assert [(line.text, line.result) for line in story.log[-2:]] == [
        ("Noise firing", "unexpected"),
        ("Down firing", "+58s"),
    ]


def test_nothing_is_detected_without_a_fault() -> None:
    assert told((0, AlertChange("Old", "firing"))).detected_in() is None


def test_an_acknowledgement_is_timed_from_the_alert() -> None:
    story = told((10, AlertChange("A", "firing")), (62, AlertChange("A", "acknowledged", by="mia")))
    assert (story.log[-1].text, story.log[-1].result) == ("A acknowledged by mia", "+52s")


def test_the_last_measurement_of_a_check_counts_and_only_decisions_are_news() -> None:
    def check(got: float, ok: bool | None) -> Checked:
        return Checked(Check("p99", 0.5, got, "s", ok))

    story = told((1, check(0.3, None)), (2, check(0.4, True)), (3, check(0.45, True)), (4, check(0.6, False)))
    assert story.checks["p99"].got == 0.6
    assert [line.result for line in story.log] == ["holds", "broken"]


def tick(latencies: Sequence[float], failures: int = 0, *, seconds: float = 1.0) -> LoadTick:
    return LoadTick(seconds, None, (request_tick("GET /", latencies, failures, "503"),))


def test_load_adds_up_counts_and_not_averages() -> None:
    story = told((1, tick([0.01] * 90)), (3, tick([1.0] * 9 + [1.5], 5, seconds=2.0)))
    measures = story.load_measures()
    assert measures is not None
    assert (measures.requests, measures.failures) == (100, 5)
    assert measures.rate == pytest.approx(100 / 3)
    assert measures.p50_s == pytest.approx(0.01, rel=0.001)
    assert measures.p90_s == pytest.approx(0.01, rel=0.001)
    assert measures.p95_s == pytest.approx(1.0, rel=0.001)
    assert measures.max_s == 1.5
    assert [point.error_share for point in story.load] == [0.0, 0.5]
    assert story.counted.errors == {"503": 5}


def test_a_warm_up_is_shown_while_it_lasts_and_never_counted() -> None:
    warming: list[tuple[float, What]] = [(0, PhaseBegan("warm-up")), (1, tick([2.0] * 10, 10))]
    story = told(*warming)
    assert story.counted.totals.whole.requests == 10
    story = told(
        *warming, (2, PhaseBegan("hold")), (3, tick([0.1] * 4)), (4, PhaseBegan("x")), (5, tick([0.2]))
    )
    measures = story.load_measures()
    assert measures is not None
    assert (measures.requests, measures.failures, measures.max_s, measures.rate) == (5, 0, 0.2, 2.5)
    assert not story.counted.errors
    assert [point.rate for point in story.load] == [10, 4, 1]


def test_a_generator_that_is_gone_is_not_shown_and_its_worst_stays() -> None:
    def at_work(*workers: tuple[str, float], lag: float) -> LoadTick:
        return LoadTick(
            1.0, 5, (), late_starts=2, workers=tuple(WorkerTick(*each) for each in workers), lag_s=lag
        )

    story = told((1, at_work(("w1", 0.5), ("w2", 0.95), lag=0.2)), (2, at_work(("w1", 0.6), lag=0.01)))
    assert story.workers == {"w1": 0.6}
    assert (story.counted.busiest, story.counted.lag_s, story.counted.late_starts) == (0.95, 0.2, 4)
    assert [(point.cpu, point.lag_s) for point in story.load] == [(0.95, 0.2), (0.6, 0.01)]


def test_a_tick_without_requests_has_no_error_share_and_no_latency() -> None:
    point = told((1, tick([]))).load[0]
    assert (point.rate, point.error_share, point.p99_s) == (0.0, None, None)


def test_a_tick_of_no_length_is_left_out() -> None:
    assert told((1, tick([0.1] * 5, seconds=0.0))).load == []


def test_the_end_brings_the_verdict_and_measures_what_the_writer_left_out() -> None:
    story = told((1, tick([0.1] * 4)), (2, Finished(Verdict(Outcome.PASSED, "all held"))))
    assert story.finished is not None
    assert story.finished.measures.load == story.load_measures()
    assert story.log[-1].good is True


def test_a_guard_is_bad_news() -> None:
    line = told((1, GuardTripped("budget use > 2%", "2.3%"))).log[-1]
    assert (line.source, line.good) == ("guard", False)


def test_a_game_days_steps_are_told_as_far_as_they_are() -> None:
    plan = (
        events.PlannedStep("guess", "ask", "How many fail?", role="lead"),
        events.PlannedStep("crash", "experiment", "replica-crash", hidden=True),
    )
    story = Story()
    for t, what in (
        (0.0, events.Started(RunKind.GAMEDAY, "first", steps=plan)),
        (1.0, events.StepBegan("guess")),
        (1.0, events.Asked("guess", "lead", "How many fail?", seconds=30)),
        (5.0, events.Answer("guess", "none", "ann")),
        (5.0, events.StepEnded("guess", Outcome.PASSED)),
        (6.0, events.StepBegan("crash")),
        (6.5, events.StepRun("crash", "folder")),
        (7.0, events.Held("ann")),
    ):
        story.take(RunEvent(BEGAN + timedelta(seconds=t), t, what))
    guess, crash = story.steps.values()
    assert (guess.begin, guess.end, guess.waiting) == (1.0, 5.0, False)
    assert guess.answer == events.Answer("guess", "none", "ann")
    assert (crash.begin, crash.end, crash.run) == (6.0, None, "folder")
    assert story.held
    # Whoever responds reads this log: what is hidden is not in it before it is over.
    assert not any("replica-crash" in line.text for line in story.log)
    story.take(RunEvent(BEGAN + timedelta(seconds=9), 9.0, events.StepEnded("crash", Outcome.FAILED, "slow")))
    assert (story.log[-1].text, story.log[-1].good) == ("step replica-crash: slow", False)


def test_what_fires_again_is_taken_anew() -> None:
    story = told(
        (0.0, AlertChange("Slow", "firing")),
        (9.0, AlertChange("Slow", "acknowledged", by="bo")),
        (20.0, AlertChange("Slow", "resolved")),
        (100.0, AlertChange("Slow", "firing")),
        (104.0, AlertChange("Slow", "acknowledged", by="bo")),
    )
    assert [line.result for line in story.log if line.source == "hum"] == ["+9s", "+4s"]
