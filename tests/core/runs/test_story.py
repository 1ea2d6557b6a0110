"""What the events of a run add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    RequestTick,
    RunEvent,
    Started,
    What,
)
from sretool.core.runs.histogram import merged, quantile
from sretool.core.runs.model import Check, Outcome, RunKind, Verdict
from sretool.core.runs.story import Story

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


def tick(requests: int, failures: int, *latency: tuple[float, int], seconds: float = 1.0) -> LoadTick:
    return LoadTick(seconds, None, (RequestTick("GET /", requests, failures, latency),))


def test_load_adds_up_counts_and_not_averages() -> None:
    story = told((1, tick(90, 0, (0.01, 90))), (3, tick(10, 5, (1.0, 10), seconds=2.0)))
    measures = story.load_measures()
    assert measures is not None
    assert (measures.requests, measures.failures) == (100, 5)
    assert measures.rate == pytest.approx(100 / 3)
    assert (measures.p50_s, measures.p90_s, measures.p95_s, measures.max_s) == (0.01, 0.01, 1.0, 1.0)
    assert [point.error_share for point in story.load] == [0.0, 0.5]


def test_a_tick_without_requests_has_no_error_share_and_no_latency() -> None:
    point = told((1, tick(0, 0))).load[0]
    assert (point.rate, point.error_share, point.p99_s) == (0.0, None, None)


def test_a_tick_of_no_length_is_left_out() -> None:
    assert told((1, tick(5, 0, seconds=0.0))).load == []


def test_the_end_brings_the_verdict_and_measures_what_the_writer_left_out() -> None:
    story = told((1, tick(4, 0, (0.1, 4))), (2, Finished(Verdict(Outcome.PASSED, "all held"))))
    assert story.finished is not None
    assert story.finished.measures.load == story.load_measures()
    assert story.log[-1].good is True


def test_a_guard_is_bad_news() -> None:
    line = told((1, GuardTripped("budget use > 2%", "2.3%"))).log[-1]
    assert (line.source, line.good) == ("guard", False)


_buckets = st.lists(st.tuples(st.floats(0.001, 60), st.integers(1, 1000)), max_size=20).map(
    lambda pairs: merged([tuple(pairs)])
)


@given(_buckets, _buckets)
def test_merging_keeps_every_request(
    one: tuple[tuple[float, int], ...], two: tuple[tuple[float, int], ...]
) -> None:
    both = merged([one, two])
    assert sum(count for _, count in both) == sum(count for _, count in (*one, *two))
    assert list(both) == sorted(both)


@given(_buckets, st.floats(0, 1))
def test_a_quantile_has_its_share_of_requests_below_it(
    histogram: tuple[tuple[float, int], ...], share: float
) -> None:
    bound = quantile(histogram, share)
    total = sum(count for _, count in histogram)
    if not total:
        assert bound is None
        return
    assert bound is not None
    assert sum(count for upper, count in histogram if upper <= bound) >= share * total * (1 - 1e-9)
    assert sum(count for upper, count in histogram if upper < bound) <= share * total
