"""The machine of a game day, as playbooks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.plans.gameday import machine
from sretool.core.plans.gameday.machine import AllStopped, Finish, Phase, StopAll
from sretool.core.runs.model import Outcome
from tests.core.plans.gameday.playbook import of_steps, play

STEPS = """
  - {id: traffic, load: evening, for: 10m}
  - {wait: 30s}
  - {id: crash, experiment: replica-crash, under: traffic, within: 3m}
  - {id: look, check: lead, that: nobody noticed, within: 1m}
"""


def test_a_whole_game_day() -> None:
    of = of_steps(STEPS, settle=60)
    play(
        of,
        """
        >> 100 begin
        << StartLoad traffic
        :: running
        >> 129 tick
        >> 130 tick
        << StartExperiment crash
        >> 180 done crash passed
        << Ask look lead nobody noticed [yes, no]
        >> 190 answer look perhaps
        >> 191 answer look yes
        << StopStep traffic
        :: ending
        >> 192 done traffic passed
        << Watch end
        :: settling
        >> 200 seen end
        << Finish passed
        :: finished
        >> 201 abort ann
        """,
    )
    assert of.outcomes == {
        "wait": Outcome.PASSED,
        "crash": Outcome.PASSED,
        "look": Outcome.PASSED,
        "traffic": Outcome.PASSED,
    }


def test_what_must_be_true_and_is_not_in_time_fails() -> None:
    play(
        of_steps("  - {wait: 5s}", settle=10),
        """
        >> 0 begin
        >> 5 tick
        << Watch end
        >> 14 tick
        >> 15 tick
        << Unwatch end
        << Finish failed what must be true at the end is not
        """,
    )


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("abort ann", "aborted aborted by ann"),
        ("tripped budget > 5%", "aborted budget > 5%"),
        ("blind", "inconclusive blind 30s"),
        ("done traffic error", "inconclusive the load traffic is lost"),
        ("done traffic passed", "inconclusive the load traffic is over"),
        ("stuck crash", "error crash: a fault is not undone"),
    ],
)
def test_whatever_stops_it_undoes_everything(event: str, why: str) -> None:
    outcome, _, words = why.partition(" ")
    play(
        of_steps(STEPS),
        f"""
        >> 0 begin
        << StartLoad traffic
        >> 30 tick
        << StartExperiment crash
        >> 40 {event}
        << StopAll {words}
        :: stopping
        >> 41 abort bo
        >> 41 tick
        >> 42 stopped
        << Finish {outcome} {words}
        """,
    )


def test_a_fault_that_is_not_undone_is_the_worst_that_can_come_of_it() -> None:
    play(
        of_steps(STEPS),
        """
        >> 0 begin
        << StartLoad traffic
        >> 30 tick
        << StartExperiment crash
        >> 40 abort ann
        << StopAll aborted by ann
        >> 41 done crash aborted
        >> 42 stopped not undone
        << Finish error aborted by ann; a fault is not undone
        """,
    )


def test_a_fault_found_in_after_the_stop_is_told_instead_of_the_stop() -> None:
    play(
        of_steps(STEPS),
        """
        >> 0 begin
        << StartLoad traffic
        >> 30 tick
        << StartExperiment crash
        >> 40 abort ann
        << StopAll aborted by ann
        >> 41 stuck crash
        >> 42 stopped
        << Finish error crash: a fault is not undone
        """,
    )


def test_an_experiment_that_takes_too_long_is_stopped_once_and_has_failed() -> None:
    play(
        of_steps(STEPS),
        """
        >> 0 begin
        << StartLoad traffic
        >> 30 tick
        << StartExperiment crash
        >> 210 tick
        << StopStep crash
        >> 211 tick
        >> 212 done crash aborted
        << Ask look lead nobody noticed [yes, no]
        >> 220 answer look yes
        << StopStep traffic
        >> 221 done traffic aborted
        << Finish failed crash was not over in time
        """,
    )


def test_an_experiment_stopped_by_its_own_guard_ends_the_day() -> None:
    play(
        of_steps(STEPS),
        """
        >> 0 begin
        << StartLoad traffic
        >> 30 tick
        << StartExperiment crash
        >> 40 done crash aborted
        << StopAll crash aborted
        >> 41 done traffic aborted
        >> 42 stopped
        << Finish aborted crash aborted
        """,
    )


def test_no_step_begins_while_it_is_held_and_no_time_passes() -> None:
    play(
        of_steps("  - {wait: 10s}\n  - {id: a, experiment: x}\n  - {at: 1m, id: b, experiment: x}"),
        """
        >> 0 begin
        >> 8 hold
        :: held
        >> 60 tick
        >> 60 go on
        >> 61 tick
        >> 62 tick
        << StartExperiment a
        >> 70 hold
        >> 75 done a passed
        >> 80 go on
        >> 121 tick
        >> 122 tick
        << StartExperiment b
        >> 130 done b failed
        << Finish failed b failed
        """,
    )


def test_an_experiment_must_be_over_in_time_while_it_is_held_too() -> None:
    play(
        of_steps("  - {id: e, experiment: x, within: 1m}\n  - {wait: 5s}"),
        """
        >> 0 begin
        << StartExperiment e
        >> 10 hold
        >> 59 tick
        >> 60 tick
        << StopStep e
        >> 61 done e aborted
        >> 70 go on
        >> 75 tick
        << Finish failed e was not over in time
        """,
    )


def test_answers_count_while_it_is_held() -> None:
    play(
        of_steps("  - {id: q, ask: lead, question: why, answers: [a, b], within: 5s}\n  - {wait: 1s}"),
        """
        >> 0 begin
        << Ask q lead why [a, b]
        >> 1 hold
        >> 100 answer q a
        >> 101 go on
        >> 102 tick
        << Finish passed
        """,
    )


def test_who_gives_no_answer_in_time() -> None:
    play(
        of_steps("  - {id: q, ask: lead, question: why, within: 5s}\n  - {id: c, check: lead, that: so}"),
        """
        >> 0 begin
        << Ask q lead why
        >> 5 tick
        << Withdraw q
        << Ask c lead so [yes, no]
        >> 6 answer q late
        >> 7 answer c no
        << Finish failed lead: not so: so
        """,
    )


def test_a_step_without_which_there_is_no_going_on() -> None:
    play(
        of_steps(
            "  - {id: calm, wait: no page, within: 5s, otherwise: stop}\n  - {id: crash, experiment: x}"
        ),
        """
        >> 0 begin
        << Watch calm
        >> 5 tick
        << Unwatch calm
        << StopAll no page: not in time
        >> 6 stopped
        << Finish failed no page: not in time
        """,
    )


def test_the_end_of_a_load_can_be_waited_for() -> None:
    play(
        of_steps("  - {id: l, load: smoke}\n  - {wait: load l ends}\n  - {id: w, wait: load l ends}"),
        """
        >> 0 begin
        << StartLoad l
        >> 5 tick
        >> 10 done l passed
        << Finish passed
        """,
    )


def test_a_load_without_which_there_is_no_going_on() -> None:
    play(
        of_steps("  - {id: l, load: smoke, otherwise: stop}\n  - {wait: load l ends}\n  - {capacity: c}"),
        """
        >> 0 begin
        << StartLoad l
        >> 10 done l failed
        << StopAll l failed
        >> 11 stopped
        << Finish failed l failed
        """,
    )


def test_a_load_that_is_gone_leaves_nothing_to_experiment_under() -> None:
    play(
        of_steps("  - {id: l, load: x}\n  - {wait: 9s}\n  - {id: e, experiment: x, under: l}"),
        """
        >> 0 begin
        << StartLoad l
        >> 5 done l failed
        >> 9 tick
        << Finish failed l failed
        """,
    )


def test_hidden_ones_are_marked_and_what_is_seen_goes_on() -> None:
    play(
        of_steps("  - {id: e, experiment: x, hidden: true}\n  - {id: a, wait: alert Down is over}"),
        """
        >> 0 begin
        << StartExperiment e hidden
        >> 1 done e inconclusive
        << Watch a
        >> 2 seen a
        << Finish inconclusive e inconclusive
        """,
    )


def test_a_search_is_over_when_its_time_is() -> None:
    play(
        of_steps("  - {id: c, capacity: stage-1, within: 60s}"),
        """
        >> 0 begin
        << StartCapacity c
        >> 60 tick
        << StopStep c
        >> 61 done c passed
        << Finish passed
        """,
    )


@pytest.mark.parametrize(
    ("outcome", "finish"),
    [
        ("aborted", "inconclusive c was not over in time"),
        ("failed", "failed c failed"),
        ("error", None),
    ],
)
def test_a_search_that_is_ended_has_told_nothing(outcome: str, finish: str | None) -> None:
    stops = "<< StopAll c error\n>> 62 stopped\n<< Finish error c error"
    play(
        of_steps("  - {id: c, capacity: stage-1, within: 60s}"),
        f"""
        >> 0 begin
        << StartCapacity c
        >> 60 tick
        << StopStep c
        >> 61 done c {outcome}
        {f"<< Finish {finish}" if finish else stops}
        """,
    )


@pytest.mark.parametrize("outcome", ["failed", "inconclusive"])
def test_what_is_only_noted_makes_nothing_fail(outcome: str) -> None:
    of = of_steps("  - {id: l, load: x, otherwise: note}\n  - {id: c, capacity: y, otherwise: note}")
    play(
        of,
        f"""
        >> 0 begin
        << StartLoad l
        << StartCapacity c
        >> 5 done l {outcome}
        >> 9 done c {outcome}
        << Finish passed
        """,
    )
    assert of.outcomes == {"l": Outcome(outcome), "c": Outcome(outcome)}


def test_what_is_only_noted_stops_it_all_the_same_where_it_breaks() -> None:
    play(
        of_steps("  - {id: c, capacity: y, otherwise: note}\n  - {wait: 5s}"),
        """
        >> 0 begin
        << StartCapacity c
        >> 9 done c error
        << StopAll c error
        >> 10 stopped
        << Finish error c error
        """,
    )


def test_a_clock_that_goes_back_makes_nothing_longer() -> None:
    play(
        of_steps("  - {wait: 10s}"),
        """
        >> 0 begin
        >> 9 tick
        >> 2 tick
        >> 10 tick
        << Finish passed
        """,
    )


WORDS = st.sampled_from(
    [
        machine.Begin(), machine.Tick(), machine.Hold(), machine.GoOn(), machine.Abort("ann"),
        machine.Tripped("budget > 5%"), machine.Observed(machine.END), machine.Observed("calm"),
        machine.Answered("look", "yes"), machine.Answered("look", "no"),
        machine.StepDone("traffic", Outcome.PASSED), machine.StepDone("traffic", Outcome.ERROR),
        machine.StepDone("crash", Outcome.PASSED), machine.StepDone("crash", Outcome.ABORTED),
        machine.StepDone("crash", Outcome.ERROR, undone=False),
    ]
)  # fmt: skip


@given(st.lists(st.tuples(st.floats(0, 400), WORDS), max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_is_told_it_ends_once_and_starts_nothing_after_a_stop(
    told: list[tuple[float, machine.Event]],
) -> None:
    of = of_steps(STEPS + "  - {id: calm, wait: no page}\n", settle=30)
    said: list[machine.Command] = []
    for t, event in [(0.0, machine.Begin()), *told]:
        said += of.take(t, event)
    if of.phase is not Phase.FINISHED:
        said += of.take(10_000, machine.Abort("the test"))
        said += of.take(10_000, AllStopped())
    assert of.phase is Phase.FINISHED
    assert [type(each) for each in said].count(Finish) == 1
    assert isinstance(said[-1], Finish)
    stops = [number for number, each in enumerate(said) if isinstance(each, StopAll)]
    assert len(stops) <= 1
    if stops:
        assert said[stops[0] + 1 :] == [said[-1]]
        assert said[-1].outcome is not Outcome.PASSED
