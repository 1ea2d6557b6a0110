"""What runs and servers say of a KPI, and when it is called met."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.core.catalog.kpis import FromRuns, Goal, Kpi, Quarter
from sretool.core.catalog.model import Bound, Target
from sretool.core.plans.kpis import RunsSay, ServerSays, from_runs, standing
from sretool.core.runs.model import (
    AlertMeasure,
    ChaosMeasures,
    Check,
    LoadMeasures,
    Measures,
    Outcome,
    RunKind,
    RunRecord,
    RunState,
    Verdict,
)

Q4 = Quarter(2026, 4)
AT = datetime(2026, 11, 1, tzinfo=UTC)
MADE = Check("fault made", want="yes", got="yes", ok=True)
EXPECTED = (AlertMeasure("Down", expected=True),)


def drill(
    mttr: float | None,
    mttd: float | None = None,
    *,
    outcome: Outcome = Outcome.PASSED,
    at: datetime = AT,
    made: bool = True,
    expected: bool = False,
    day: str | None = None,
) -> RunRecord:
    measured = ChaosMeasures(mttr_s=mttr, mttd_s=mttd, alerts=EXPECTED if expected else ())
    verdict = Verdict(outcome, "", (MADE,) if made else ())
    return RunRecord(
        "r",
        RunKind.CHAOS,
        "t",
        RunState.FINISHED,
        at,
        parent=day,
        verdict=verdict,
        measures=Measures(chaos=measured),
    )


def load(
    requests: int | None,
    failures: int | None,
    p95: float | None,
    *,
    outcome: Outcome = Outcome.PASSED,
    kind: RunKind = RunKind.LOAD,
    parent: str | None = None,
) -> RunRecord:
    measured = LoadMeasures(requests=requests, failures=failures, p95_s=p95)
    return RunRecord(
        "r",
        kind,
        "t",
        RunState.FINISHED,
        AT,
        parent=parent,
        verdict=Verdict(outcome, ""),
        measures=Measures(load=measured),
    )


def test_mttr_is_the_mean_of_those_that_recovered_and_the_others_are_counted() -> None:
    runs = [drill(10.0), drill(30.0, outcome=Outcome.FAILED), drill(None, outcome=Outcome.ABORTED)]
    assert from_runs(FromRuns.MTTR, Q4, runs) == RunsSay(20.0, 2, 1)


def test_runs_of_another_quarter_without_a_fault_or_without_an_end_say_nothing() -> None:
    running = RunRecord("r", RunKind.CHAOS, "t", RunState.RUNNING, AT)
    others = [drill(1.0, at=Q4.end), drill(1.0, at=Q4.start - timedelta(seconds=1)), drill(None, made=False)]
    assert from_runs(FromRuns.MTTR, Q4, [*others, running]) == RunsSay(None)
    assert from_runs(FromRuns.MTTR, Q4, [drill(1.0, at=Q4.start)]).runs == 1


def test_what_became_of_a_fault_whose_run_broke_off_is_missing() -> None:
    lost = RunRecord("r", RunKind.CHAOS, "t", RunState.LOST, AT)
    assert from_runs(FromRuns.MTTR, Q4, [drill(10.0), lost]) == RunsSay(10.0, 1, 1)
    assert from_runs(FromRuns.MTTD, Q4, [lost]) == RunsSay(None, 0, 1)


def test_a_game_day_counts_once_with_the_mean_over_its_experiments() -> None:
    runs = [drill(10.0), *(drill(each, day="d1") for each in (40.0, 60.0, None)), drill(30.0, day="d2")]
    assert from_runs(FromRuns.MTTR, Q4, runs) == RunsSay(30.0, 3, 1, 2)


def test_what_rounds_and_searches_measure_is_no_drill() -> None:
    rounds = RunRecord("s1", RunKind.GAMEDAY, "rounds", RunState.FINISHED, AT, parent="d1")
    lost = RunRecord("r", RunKind.CHAOS, "t", RunState.LOST, AT, parent="s2")
    runs = [rounds, drill(10.0, day="d1"), drill(30.0, day="s1"), drill(90.0, day="s2"), lost]
    assert from_runs(FromRuns.MTTR, Q4, runs, {"s1", "s2"}) == RunsSay(10.0, 1, 0, 1)
    assert from_runs(FromRuns.MTTR, Q4, runs[2:], {"s1", "s2"}) == RunsSay(None)


def test_a_step_of_a_step_is_of_the_same_game_day() -> None:
    inner = RunRecord("s1", RunKind.GAMEDAY, "t", RunState.FINISHED, AT, parent="d1")
    runs = [inner, drill(10.0, day="d1"), drill(30.0, day="s1")]
    assert from_runs(FromRuns.MTTR, Q4, runs) == RunsSay(20.0, 1, 0, 1)


def test_an_alert_that_was_expected_and_never_came_is_missing_from_mttd() -> None:
    runs = [drill(9.0, 4.0, expected=True), drill(9.0, None, expected=True), drill(9.0, None)]
    assert from_runs(FromRuns.MTTD, Q4, runs) == RunsSay(4.0, 1, 1)


def test_load_tests_give_shares_of_all_their_requests_and_the_slowest_p95() -> None:
    runs = [
        load(900, 0, 0.1),
        load(100, 10, 0.3, outcome=Outcome.FAILED),
        load(100, 100, 9.0, outcome=Outcome.ERROR),
        load(100, 100, 9.0, kind=RunKind.CAPACITY),
        load(100, 100, 9.0, parent="gameday"),
        load(0, 0, None),
    ]
    assert from_runs(FromRuns.ERRORS, Q4, runs) == RunsSay(0.01, 2)
    assert from_runs(FromRuns.AVAILABILITY, Q4, runs) == RunsSay(0.99, 2)
    assert from_runs(FromRuns.P95, Q4, runs) == RunsSay(0.3, 2)


@pytest.mark.parametrize("what", FromRuns)
def test_without_runs_there_is_no_value(what: FromRuns) -> None:
    assert from_runs(what, Q4, []) == RunsSay(None)


def goal(value: float, bound: Bound = Bound.BELOW, runs: FromRuns | None = FromRuns.MTTR) -> Kpi:
    return Kpi("k", "K", "s", "q[{window}]", runs, (Goal(Q4, Target(bound, value)),))


@pytest.mark.parametrize(
    ("target", "runs", "met"),
    [
        (20.0, [drill(20.0)], True),
        (19.0, [drill(20.0)], False),
        (20.0, [], None),
        (20.0, [drill(20.0), drill(None)], None),
        (19.0, [drill(20.0), drill(None)], False),
    ],
)
def test_a_goal_is_met_only_where_nothing_is_missing(
    target: float, runs: list[RunRecord], met: bool | None
) -> None:
    assert standing(goal(target), Q4, None, runs).met is met


def test_the_server_counts_before_the_runs_where_it_has_a_value() -> None:
    runs = [drill(20.0), drill(None)]
    found = standing(goal(10.0), Q4, ServerSays(5.0, 3, 30), runs)
    assert (found.source, found.value, found.met) == ("prometheus", 5.0, True)
    found = standing(goal(10.0), Q4, ServerSays(None), runs)
    assert (found.source, found.value, found.met) == ("runs", 20.0, False)
    found = standing(goal(10.0, runs=None), Q4, ServerSays(None), runs)
    assert (found.source, found.value, found.met) == (None, None, None)


def test_above_and_without_a_goal() -> None:
    above = goal(0.999, Bound.ABOVE, None)
    assert standing(above, Q4, ServerSays(0.999), ()).met is True
    assert standing(above, Q4, ServerSays(0.998), ()).met is False
    assert standing(above, Quarter(2026, 3), ServerSays(0.998), ()).met is None
