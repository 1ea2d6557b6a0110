"""Rounds and searches for a dose as steps of a game day: read, linted, timed, played; their commands."""

from __future__ import annotations

import pytest

from sretool.core.plans.gameday import planned
from sretool.core.plans.gameday.lint import Around, lint
from sretool.core.plans.gameday.plan import DoseStep, GameDayPlan, RoundsStep
from sretool.core.plans.gameday.read import GameDayProblems, read
from sretool.core.plans.gameday.timetable import Known, Span, timetable
from tests.core.plans.gameday.playbook import of_steps, play
from tests.core.plans.gameday.test_timetable import experiment

ROUNDS = "  - {rounds: db-failover, load: evening, rate: 20/s, pairs: 3, window: 45s, vars: {rate: 5}}\n"
DOSE = (
    "  - {id: far, dose: dose/latency, load: evening, variable: latency, from: 10, to: 400,"
    " check: p95 < 200ms, within: 20m}\n"
)


def plan(steps: str, rest: str = "") -> GameDayPlan:
    return read("plan.yaml", f"name: p\ntitle: P\nsteps:\n{steps}{rest}")


def test_both_are_read() -> None:
    rounds, dose = plan(ROUNDS + DOSE).steps
    assert isinstance(rounds, RoundsStep)
    assert isinstance(dose, DoseStep)
    assert (rounds.id, rounds.experiment, rounds.profile, rounds.rate, rounds.pairs, rounds.window) == (
        "rounds", "db-failover", "evening", 20.0, 3, 45.0,
    )  # fmt: skip
    assert (rounds.variables, rounds.capacity, rounds.within) == ({"rate": 5}, False, 1800.0)
    assert (dose.mild, dose.harsh, dose.check, dose.slo, dose.within) == (
        "10", "400", "p95 < 200ms", "", 1200.0,
    )  # fmt: skip
    # What it hurts is asked with the harshest dose.
    assert dose.variables == {"latency": 400}


def test_rounds_of_the_highest_rate() -> None:
    (step,) = plan("  - {rounds: dose/latency, capacity: evening}\n").steps
    assert isinstance(step, RoundsStep)
    assert (step.profile, step.capacity) == ("evening", True)
    assert "--capacity" in planned.experiment_arguments(step, "x.yaml")


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("{rounds: x}", "of what load? give `load` or `capacity`"),
        ("{rounds: x, load: a, capacity: b}", "of what load? give `load` or `capacity`"),
        ("{rounds: x, capacity: b, window: 3s}", "window: a search for the highest rate decides that"),
        ("{rounds: x, load: a, under: b}", "under: does not belong to a rounds"),
        ("{rounds: x, load: a, wait: 3s}", "it has rounds and wait"),
        ("{dose: x, from: 1, to: 2, slo: a/b}", "`variable` is missing"),
        ("{dose: x, variable: v, from: 1, to: 1, slo: a/b}", "there is nothing to look for"),
        ("{dose: x, variable: v, from: 1, to: far, slo: a/b}", "'far' is no number"),
        ("{dose: x, variable: v, from: 1, to: 2}", "what is not to break?"),
        ("{dose: x, variable: v, from: 1, to: 2, slo: a/b, check: p95 < 1s}", "what is not to break?"),
        ("{dose: x, variable: v, from: 1, to: 2, check: p95 < 1s}", "check: of what load?"),
        ("{dose: x, variable: v, from: 1, to: 2, load: a, check: p95 is fine}", "is no objective"),
        ("{dose: x, variable: v, from: 1, to: 2, load: a, check: 'slo: a/b'}", "write `slo: a/b`"),
        ("{dose: x, variable: v, from: 1, to: 2, slo: a/b, vars: {v: 3}}", "v is the dose"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(step: str, says: str) -> None:
    with pytest.raises(GameDayProblems) as error:
        plan(f"  - {step}\n")
    assert any(says in each.message and each.line == 4 for each in error.value.problems), error.value.problems


def test_references_are_linted() -> None:
    of = plan(ROUNDS + DOSE.replace("check: p95 < 200ms", "slo: shop/api"))
    known = Known({"rounds": experiment(more="load: {profile: smoke}"), "far": experiment()})
    around = Around(lost={"far": "there is no load profile 'evening'"}, slos=frozenset({"shop/web"}))
    found = [f"{each.line}: {each.message}" for each in lint(of, known, around).problems]
    brings = "4: step 'rounds': experiment 'db-failover' brings the load 'smoke' of its own, beside"
    assert any(each.startswith(brings) for each in found)
    assert "5: step 'far': there is no load profile 'evening'" in found
    assert any("experiment 'dose/latency' has no variable 'latency'" in each for each in found)
    assert any("there is no objective 'shop/api'" in each for each in found)


def test_their_command_lines() -> None:
    rounds, dose = plan(ROUNDS + DOSE).steps
    assert isinstance(rounds, RoundsStep)
    assert isinstance(dose, DoseStep)
    assert " ".join(planned.experiment_arguments(rounds, "f.yaml")) == (
        "gameday rounds f.yaml --yes --load evening --vars rate:int=5 --rate 20 --pairs 3 --window 45s"
    )
    assert " ".join(planned.experiment_arguments(dose, "f.yaml")) == (
        "gameday dose f.yaml --yes --variable latency --from 10 --to 400 --check p95 < 200ms --load evening"
    )


def test_they_take_as_long_as_they_may() -> None:
    of = plan(DOSE)
    found = timetable(of, Known({"far": experiment()}))
    assert found.whole == Span(0.0, 1200.0)
    told = planned.planned_steps(of, found.slots)
    assert (told[0].kind, told[0].title) == (
        "dose",
        "smallest latency of dose/latency that breaks p95 < 200ms",
    )


def test_they_are_played_as_an_experiment_is() -> None:
    play(
        of_steps(DOSE.replace("20m", "60s") + "  - {wait: 5s}"),
        """
        >> 0 begin
        << StartExperiment far
        >> 59 tick
        >> 60 tick
        << StopStep far
        >> 62 done far aborted
        >> 67 tick
        << Finish failed far was not over in time
        """,
    )
