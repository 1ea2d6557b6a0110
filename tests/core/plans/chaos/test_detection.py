"""When alerts saw a fault, held against what their rules promise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.criteria import AlertCriterion, Criteria
from sretool.core.plans.chaos.detection import checks, detect, measures, mttd_s
from sretool.core.plans.chaos.recovery import recovered_at
from sretool.core.plans.chaos.timeline import Timeline
from sretool.core.runs.events import (
    AlertChange,
    FaultOff,
    FaultOn,
    RunnerEnded,
    SourceState,
    WatchEnded,
    What,
)
from sretool.core.runs.model import AlertMeasure, Check
from tests.support.drills import BEGAN, event

CRITERIA = Criteria(
    actions=("break",),
    expected_alerts=(AlertCriterion("Slow", 60.0),),
    received=True,
    recovery_deadline_s=60.0,
)
FAULT_AT, OFF_AT, END = 100.0, 200.0, 230.0


def seen(
    *alerts: tuple[float, AlertChange], of: Criteria = CRITERIA, **rest: Any
) -> tuple[list[Check], Timeline]:
    happened: list[tuple[float, What]] = [
        (1.0, SourceState("prometheus", ok=True)),
        (1.0, SourceState("alertmanager", ok=True)),
        (FAULT_AT, FaultOn("f", "break", undo_ready=True)),
        (OFF_AT, FaultOff("f")),
        (OFF_AT + 1, RunnerEnded("completed")),
        (END - 1, SourceState("prometheus", ok=True)),
        (END - 1, SourceState("alertmanager", ok=True)),
        *alerts,
        *rest.get("also", []),
    ]
    happened.append((END, WatchEnded(len(happened))))
    timeline = Timeline(of, [event(t, what) for t, what in happened])
    return list(checks(of, detect(of, timeline), timeline)), timeline


def change(state: str, name: str = "Slow", key: str = "a", **words: Any) -> AlertChange:
    return AlertChange(name, state, "page", key, **words)


def check(found: list[Check], name: str) -> Check:
    return next(each for each in found if each.name == name)


def alert(timeline: Timeline, of: Criteria = CRITERIA) -> AlertMeasure:
    return measures(of, detect(of, timeline), timeline)[0]


WELL = (
    (112.0, change("pending", since=BEGAN + timedelta(seconds=110), for_s=20.0, interval_s=5.0)),
    (131.0, change("firing")),
    (131.5, change("received")),
    (205.0, change("resolved")),
)


def test_an_alert_is_detected_as_its_rule_promises() -> None:
    found, timeline = seen(*WELL)
    assert all(each.ok for each in found), found
    measured = alert(timeline)
    assert measured.detected_s == 31.0
    assert measured.theory_s == 30.0
    assert measured.took_s == 21.0
    assert measured.pending_at == BEGAN + timedelta(seconds=110)
    assert measured.received_at == BEGAN + timedelta(seconds=131.5)
    assert measured.resolved_at == BEGAN + timedelta(seconds=205)
    assert mttd_s(CRITERIA, detect(CRITERIA, timeline)) == 31.0


def test_what_took_longer_than_the_rule_promises_shows() -> None:
    _, timeline = seen(WELL[0], (155.0, change("firing")), (156.0, change("received")), WELL[3])
    measured = alert(timeline)
    assert measured.took_s is not None
    assert measured.theory_s is not None
    assert measured.took_s > measured.theory_s


def test_its_own_clock_counts_and_never_makes_it_later() -> None:
    later = change("pending", since=BEGAN + timedelta(seconds=140))
    _, timeline = seen((112.0, later), *WELL[1:])
    assert alert(timeline).pending_at == BEGAN + timedelta(seconds=112)


def test_an_alert_that_alertmanager_alone_has_fired() -> None:
    found, _ = seen((131.5, change("received")), (205.0, change("resolved")))
    assert check(found, "alert Slow").got == 31.5
    assert check(found, names.received_check("Slow")).ok


def test_alertmanager_may_speak_of_what_is_over() -> None:
    found, timeline = seen(WELL[0], WELL[1], (205.0, change("resolved")), (206.0, change("received")))
    assert check(found, names.RESOLVED).ok
    assert len(measures(CRITERIA, detect(CRITERIA, timeline), timeline)) == 1


def test_a_flapping_alert_counts_from_its_first_time() -> None:
    again = [(140.0, change("resolved")), (150.0, change("pending")), (160.0, change("firing"))]
    found, timeline = seen(*WELL[:3], *again, (161.0, change("received")), WELL[3])
    assert check(found, "alert Slow").got == 31.0
    assert len(measures(CRITERIA, detect(CRITERIA, timeline), timeline)) == 2


def test_another_instance_that_fired_before_hides_none_that_fires_now() -> None:
    before = [(5.0, change("firing", key="b")), (6.0, change("received", key="b"))]
    found, timeline = seen(*before, *WELL, (210.0, change("resolved", key="b")))
    assert check(found, "alert Slow").ok
    assert [each.before for each in measures(CRITERIA, detect(CRITERIA, timeline), timeline)] == [True, False]


@pytest.mark.parametrize("state", ["silenced", "inhibited"])
def test_an_alert_that_nobody_is_told_of_is_not_received(state: str) -> None:
    found, timeline = seen(WELL[0], WELL[1], (131.4, change(state)), WELL[2], WELL[3])
    assert check(found, names.received_check("Slow")) == Check(
        "alert Slow received", want="yes", got="silenced", ok=False
    )
    assert alert(timeline).silenced


def test_a_silence_from_before_the_fault_counts() -> None:
    found, _ = seen((3.0, change("silenced")), *WELL)
    assert check(found, names.received_check("Slow")).ok is False


def test_without_an_alertmanager_nothing_must_be_received() -> None:
    of = Criteria(expected_alerts=CRITERIA.expected_alerts, recovery_deadline_s=60.0)
    found, _ = seen(WELL[0], WELL[1], WELL[3], of=of)
    assert [each.name for each in found] == [
        names.WATCHED, "alert Slow", names.RESOLVED, names.UNEXPECTED,
    ]  # fmt: skip
    assert all(each.ok for each in found)


def test_unexpected_alerts_are_named_and_may_be_allowed() -> None:
    other = [(120.0, change("firing", "Full", "z")), (190.0, change("resolved", "Full", "z"))]
    found, _ = seen(*WELL, *other)
    assert check(found, names.UNEXPECTED).got == "Full"
    allowed = Criteria(expected_alerts=CRITERIA.expected_alerts, unexpected_fail=False)
    found, timeline = seen(*WELL, *other, of=allowed)
    assert names.UNEXPECTED not in {each.name for each in found}
    assert {each.name for each in measures(allowed, detect(allowed, timeline), timeline)} == {"Slow", "Full"}


def test_an_alert_that_is_allowed_may_remember_the_fault_for_hours() -> None:
    burn = (120.0, change("firing", "BudgetBurn", "z"))
    allowed = Criteria(
        expected_alerts=CRITERIA.expected_alerts, unexpected_fail=False, recovery_deadline_s=10.0
    )
    found, timeline = seen(*WELL, burn, of=allowed)
    assert check(found, names.RESOLVED).ok
    assert recovered_at(allowed, detect(allowed, timeline), timeline) == 205.0
    found, _ = seen(*WELL[:3], burn, of=allowed)
    assert check(found, names.RESOLVED).got == "still firing: Slow"


def test_an_unexpected_alert_that_was_only_pending_is_none() -> None:
    other = [(120.0, change("pending", "Full", "z")), (130.0, change("resolved", "Full", "z"))]
    found, _ = seen(*WELL, *other)
    assert check(found, names.UNEXPECTED).ok


def test_an_alert_pending_before_the_fault_that_fires_after_it_is_unexpected_all_the_same() -> None:
    other = [(90.0, change("pending", "Full", "z")), (130.0, change("firing", "Full", "z"))]
    found, _ = seen(*WELL, *other, (180.0, change("resolved", "Full", "z")))
    assert check(found, names.UNEXPECTED).ok is False


def test_an_expected_alert_that_never_came_is_in_the_measures() -> None:
    found, timeline = seen()
    assert check(found, "alert Slow") == Check("alert Slow", want=60.0, got="never", unit="s", ok=False)
    assert alert(timeline) == AlertMeasure("Slow", expected=True)
    assert mttd_s(CRITERIA, detect(CRITERIA, timeline)) is None


@pytest.mark.parametrize(
    ("begin", "end", "watched"),
    [
        pytest.param(110.0, 135.0, True, id="a moment"),
        pytest.param(110.0, 145.0, False, id="too long"),
        pytest.param(90.0, 115.0, False, id="over the fault's beginning"),
        pytest.param(40.0, 90.0, True, id="before the fault"),
    ],
)
def test_silence_of_a_source_counts_while_the_fault_is_in(begin: float, end: float, watched: bool) -> None:
    silence = [
        (begin, SourceState("prometheus", ok=False)),
        (end, SourceState("prometheus", ok=True)),
    ]
    found, _ = seen(*WELL, also=silence)
    assert check(found, names.WATCHED).ok is (True if watched else None)
    assert check(found, names.UNEXPECTED).ok is (True if watched else None)


def test_a_source_that_is_said_to_be_silent_again_and_again_is_silent_all_the_time() -> None:
    silence = [(110.0 + 10 * number, SourceState("prometheus", ok=False)) for number in range(5)]
    found, _ = seen(*WELL, also=[*silence, (165.0, SourceState("prometheus", ok=True))])
    assert check(found, names.WATCHED).ok is None
