"""Claims, figures and verdict of a game day, by made-up events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from sretool.core.plans.gameday.judge import Judging, judge
from sretool.core.runs.events import (
    AlertChange,
    Checked,
    FaultOff,
    FaultOn,
    GuardTripped,
    Held,
    LoadTick,
    PhaseBegan,
    PlannedStep,
    RunEvent,
    SloTick,
    SourceState,
    Started,
    StepBegan,
    StepEnded,
    WentOn,
)
from sretool.core.runs.model import AlertMeasure, ChaosMeasures, Check, Outcome, RunKind
from tests.support.runs import request_tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.runs.events import What

T0: Final = datetime(2026, 11, 21, 10, tzinfo=UTC)
STEPS: Final = (
    PlannedStep("traffic", "load", "load evening"),
    PlannedStep("drill", "experiment", "replica-crash"),
    PlannedStep("noticed", "check", "nobody noticed", "lead"),
)
WELL: Final = ChaosMeasures(
    mttd_s=3.0, mttr_s=8.0, lost_writes=0, alerts=(AlertMeasure("AppDown", expected=True),)
)


def at(t: float, what: What) -> RunEvent:
    return RunEvent(T0 + timedelta(seconds=t), t, what)


def day(
    claims: Sequence[str],
    *between: tuple[float, What],
    chaos: ChaosMeasures | None = WELL,
    outcome: Outcome = Outcome.PASSED,
    steps: tuple[PlannedStep, ...] = STEPS,
) -> list[RunEvent]:
    """An experiment from the second 10 to 40, its fault from 12 to 30."""
    told: list[tuple[float, What]] = [
        (0, Started(RunKind.GAMEDAY, "day", checks=tuple(Check(each) for each in claims), steps=steps)),
        (0.1, SourceState("prometheus", ok=True)),
        (0.1, SourceState("alertmanager", ok=True)),
        (1, PhaseBegan("steps")),
        (1, StepBegan("traffic")),
        (10, StepBegan("drill")),
        (12, FaultOn("drill/f1", "kill app-1", "app-1", undo_ready=True)),
        (30, FaultOff("drill/f1")),
        (40, StepEnded("drill", outcome, "" if outcome is Outcome.PASSED else "because", chaos=chaos)),
        (41, StepBegan("noticed")),
        (45, StepEnded("noticed", Outcome.PASSED)),
        (46, StepEnded("traffic", Outcome.PASSED)),
        *between,
    ]
    return [at(t, what) for t, what in sorted(told, key=lambda each: each[0])]


def only(happened: Sequence[RunEvent]) -> Check:
    verdict, _ = judge(happened)
    assert len(verdict.checks) == 1
    return verdict.checks[0]


@pytest.mark.parametrize(
    ("claim", "got", "ok"),
    [
        ("detected <= 2m", 3.0, True),
        ("detected <= 2s", 3.0, False),
        ("recovered <= 8s", 8.0, True),
        ("recovered <= 7s", 8.0, False),
        ("lost writes <= 0", 0.0, True),
        ("experiments pass", "all", True),
        ("checks pass", "all", True),
        ("loads pass", "all", True),
        ("undone", "all", True),
        ("no page", "none", True),
        ("acked <= 5m", None, None),
        ("p95 <= 500ms", None, None),
        ("spent <= 5%", None, None),
        ("sli a/b >= 99%", None, None),
    ],
)
def test_a_claim_by_what_the_steps_measured(claim: str, got: object, ok: bool | None) -> None:
    check = only(day([claim]))
    assert (check.got, check.ok) == (got, ok)


def test_an_expected_alert_that_never_came_is_no_detection() -> None:
    missed = ChaosMeasures(mttr_s=8.0, alerts=(AlertMeasure("AppDown", expected=True),))
    check = only(day(["detected <= 2m"], chaos=missed))
    assert check.ok is False


def test_an_experiment_that_nobody_is_to_notice_has_no_detection() -> None:
    silent = ChaosMeasures(mttr_s=8.0, alerts=())
    assert only(day(["detected <= 2m"], chaos=silent)).ok is None


def test_the_worst_of_several_counts() -> None:
    steps = (*STEPS, PlannedStep("second", "experiment", "cache-loss"))
    happened = day(
        ["recovered <= 20s", "lost writes <= 0"],
        (50, StepBegan("second")),
        (51, FaultOn("second/f1", "flush", "redis", undo_ready=True)),
        (52, FaultOff("second/f1")),
        (60, StepEnded("second", Outcome.PASSED, chaos=ChaosMeasures(mttr_s=25.0, lost_writes=2))),
        steps=steps,
    )
    verdict, measures = judge(happened)
    assert [(each.got, each.ok) for each in verdict.checks] == [(25.0, False), (2.0, False)]
    assert (measures.mttr_s, measures.lost_writes, measures.experiments) == (16.5, 2, 2)


def test_one_that_was_not_measured_leaves_the_claim_open() -> None:
    steps = (*STEPS, PlannedStep("second", "experiment", "cache-loss"))
    happened = day(
        ["recovered <= 20s"],
        (50, StepBegan("second")),
        (51, FaultOn("second/f1", "flush", "redis", undo_ready=True)),
        (52, FaultOff("second/f1")),
        (60, StepEnded("second", Outcome.PASSED, chaos=ChaosMeasures())),
        steps=steps,
    )
    check = only(happened)
    assert (check.got, check.ok) == (8.0, None)
    assert judge(happened)[0].outcome is Outcome.INCONCLUSIVE


def page(t: float, state: str, *, by: str = "", since: float | None = None) -> tuple[float, What]:
    moment = None if since is None else T0 + timedelta(seconds=since)
    return t, AlertChange("AppDown", state, "page", "k1", by=by, since=moment)


@pytest.mark.parametrize(
    ("told", "got", "ok"),
    [
        ([page(15, "firing"), page(20, "acknowledged", by="bo", since=18.5)], 3.5, True),
        ([page(15, "firing"), page(33, "silenced", by="bo", since=33)], 18.0, False),
        # Over before anybody had to take it.
        ([page(15, "firing"), page(20, "resolved")], None, None),
        # Over, and nobody had taken it in time.
        ([page(15, "firing"), page(35, "resolved")], 20.0, False),
        # Nobody ever took it.
        ([page(15, "firing")], 31.0, False),
        # It had been silenced before: nobody was paged.
        ([page(2, "silenced", by="bo", since=2), page(15, "firing"), page(40, "resolved")], None, None),
        ([page(15, "firing"), page(16, "silenced", by="bo", since=3)], None, None),
        # It fired before the first step.
        ([page(0.5, "firing")], None, None),
        # A ticket is no page.
        ([(15.0, AlertChange("Slow", "firing", "ticket", "k2"))], None, None),
        # The second time nobody took it.
        (
            [
                page(13, "firing"),
                page(14, "acknowledged", since=14),
                page(16, "resolved"),
                page(20, "firing"),
            ],
            26.0,
            False,
        ),
    ],
)
def test_pages_and_who_takes_them(told: list[tuple[float, What]], got: float | None, ok: bool | None) -> None:
    check = only(day(["acked <= 10s"], *told))
    assert check.got == (None if got is None else pytest.approx(got))
    assert check.ok is ok


def test_mean_time_to_acknowledge_counts_those_that_were_taken() -> None:
    _, measures = judge(day([], page(15, "firing"), page(20, "acknowledged", since=18.0)))
    assert (measures.pages, measures.pages_acked, measures.mtta_s) == (1, 1, 3.0)


def test_a_page_that_fires_at_the_end() -> None:
    verdict, _ = judge(day(["no page"], page(42, "firing")))
    assert verdict.outcome is Outcome.FAILED
    assert judge(day(["no page"], page(42, "firing"), page(44, "resolved")))[0].outcome is Outcome.PASSED


def test_nobody_who_could_see_pages_at_the_end() -> None:
    check = only(day(["no page"], (44, SourceState("prometheus", ok=False))))
    assert check.ok is None


def test_what_only_the_objectives_tell_is_held_against_the_bound_again() -> None:
    told = Checked(Check("sli a/b >= 99%", 0.99, 0.98, "ratio", ok=True))
    check = only(day(["sli a/b >= 99%"], (43, told)))
    assert (check.got, check.ok) == (0.98, False)


def test_the_load_as_a_whole() -> None:
    good = LoadTick(1.0, None, (request_tick("a", [0.1] * 95),))
    bad = LoadTick(1.0, None, (request_tick("a", [0.4] * 5, 5, "500"),))
    verdict, _ = judge(day(["errors <= 5%", "p95 <= 200ms", "p99 <= 200ms"], (20, good), (21, bad)))
    assert [each.ok for each in verdict.checks] == [True, True, False]


def test_the_dearest_objective_counts() -> None:
    told = [(20.0, SloTick("a/b", 0.99, 1, 0.01)), (21.0, SloTick("a/c", 0.99, 1, 0.04))]
    verdict, measures = judge(day(["spent <= 3%", "spent a/b <= 3%"], *told))
    assert [each.ok for each in verdict.checks] == [False, True]
    assert measures.budget_spent == 0.04


def test_how_long_it_was_held() -> None:
    _, measures = judge(day([], (20, Held("ann")), (25, WentOn("ann")), (42, Held("ann"))))
    assert measures.held_s == 5 + (46 - 42)


@pytest.mark.parametrize(
    ("between", "outcome", "reason"),
    [
        ((GuardTripped("interrupted", "aborted by ann"),), Outcome.ABORTED, "aborted by ann"),
        ((GuardTripped("burn > 10", "a/b burns 12"),), Outcome.ABORTED, "burn > 10: a/b burns 12"),
        (
            (GuardTripped("blind 30s", "no answer for 30s"),),
            Outcome.INCONCLUSIVE,
            "blind 30s: no answer for 30s",
        ),
        (
            (GuardTripped("load", "the load traffic is lost"),),
            Outcome.INCONCLUSIVE,
            "load: the load traffic is lost",
        ),
        # What ended the experiment ended no more than that.
        ((GuardTripped("drill: burn > 10", "it burns"),), Outcome.PASSED, "every step"),
    ],
)
def test_what_ended_it_early(between: tuple[What, ...], outcome: Outcome, reason: str) -> None:
    verdict, _ = judge(day(["undone"], *((35.0, each) for each in between)))
    assert verdict.outcome is outcome
    assert verdict.reason.startswith(reason)


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        (Outcome.FAILED, Outcome.FAILED),
        (Outcome.ABORTED, Outcome.ABORTED),
        (Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE),
        (Outcome.ERROR, Outcome.ERROR),
    ],
)
def test_a_step_that_did_not_come_out_as_it_should(came: Outcome, outcome: Outcome) -> None:
    verdict, _ = judge(day(["undone"], outcome=came))
    assert verdict.outcome is outcome
    assert "drill" in verdict.reason
    assert "because" in verdict.reason


def test_steps_that_ended_because_everything_did_are_no_reason() -> None:
    happened = day(
        ["undone"],
        (44, StepEnded("traffic", Outcome.FAILED, "too slow")),
        (44.1, PhaseBegan("stopping")),
        (44.2, StepEnded("noticed", Outcome.ABORTED, "everything was ended")),
    )
    late = [each for each in happened if each.t < 44.5]
    verdict, _ = judge(late)
    assert verdict.outcome is Outcome.FAILED
    assert "too slow" in verdict.reason


def test_a_fault_that_is_still_in_is_worse_than_anything() -> None:
    happened = [each for each in day(["undone"]) if not isinstance(each.what, FaultOff)]
    verdict, measures = judge([*happened, at(50, GuardTripped("interrupted", "aborted by ann"))])
    assert verdict.outcome is Outcome.ERROR
    assert "kill app-1" in verdict.reason
    assert measures.undone is False


def test_a_step_that_left_a_fault_in() -> None:
    ended = at(60, StepEnded("drill", Outcome.ERROR, "not undone", undone=False))
    verdict, measures = judge([*day(["undone"]), ended])
    assert verdict.outcome is Outcome.ERROR
    assert measures.undone is False


def test_steps_that_never_came() -> None:
    happened = [each for each in day(["undone"]) if each.t < 41]
    verdict, _ = judge(happened)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "noticed" in verdict.reason


def test_as_long_as_it_goes_on_the_end_is_not_known() -> None:
    judging = Judging()
    for event in day(["undone", "no page", "experiments pass", "detected <= 2m"]):
        if event.t < 20:
            judging.take(event)
    judging.take(at(15, AlertChange("AppDown", "firing", "page", "k1")))
    checks = {each.name: each for each in judging.checks(over=False)}
    assert [checks[each].ok for each in ("undone", "no page", "experiments pass")] == [None] * 3
    assert (checks["detected <= 2m"].got, checks["detected <= 2m"].ok) == (3.0, True)
    assert not judging.holds(["undone"])


def test_claims_of_a_newer_program_are_not_known_to_hold() -> None:
    verdict, _ = judge(day(["undone", "nobody weeps <= 3"]))
    assert [(each.name, each.ok) for each in verdict.checks] == [
        ("undone", True),
        ("nobody weeps <= 3", None),
    ]
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_an_objective_whose_budget_nobody_knows_leaves_all_of_them_open() -> None:
    told = [(20.0, SloTick("a/b", 0.99, 1, 0.01)), (20.0, SloTick("a/c", None, None, None))]
    verdict, measures = judge(day(["spent <= 3%", "spent a/b <= 3%"], *told))
    assert [each.ok for each in verdict.checks] == [None, True]
    assert measures.budget_spent == 0.01
    # What was known once stays known.
    late = (30.0, SloTick("a/c", 0.9, 1, 0.02)), (31.0, SloTick("a/c", None, None, None))
    assert [each.ok for each in judge(day(["spent <= 3%"], *told, *late))[0].checks] == [True]


def test_a_fault_without_measures_may_have_lost_writes() -> None:
    steps = (*STEPS, PlannedStep("other", "experiment", "db-failover", noted=True))
    other = (
        (41.0, StepBegan("other")),
        (42.0, FaultOn("other/f1", "kill db-1", "db-1", undo_ready=True)),
        (43.0, FaultOff("other/f1")),
        (44.0, StepEnded("other", Outcome.INCONCLUSIVE)),
    )
    check = only(day(["lost writes <= 0"], *other, steps=steps))
    assert (check.got, check.ok) == (0.0, None)


@pytest.mark.parametrize(("since", "mtta", "paged"), [(3615.0, 5.0, 1), (14.0, 0.0, 1), (-3600.0, None, 0)])
def test_a_clock_that_is_set_makes_nobody_slower_nor_faster(
    since: float, mtta: float | None, paged: int
) -> None:
    """An hour on; seen a moment late; long before it fired, as one who took an earlier one."""
    _, measures = judge(day([], page(15, "firing"), page(20, "acknowledged", since=since)))
    assert (measures.mtta_s, measures.pages) == (mtta, paged)
