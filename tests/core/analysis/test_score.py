"""The resiliency score: what it is made of, and that nothing which is missing can raise it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sretool.core.analysis.score import Aspect, ServiceScore, Trial, scores

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
ALL = {each: (True,) for each in Aspect}


def trial(
    number: int = 0,
    experiment: str = "failover",
    services: tuple[str, ...] = ("learning",),
    **answers: object,
) -> Trial:
    """Everything held, but for `answers`."""
    given_ = {Aspect(name): each for name, each in answers.items()}
    at = BEGAN + timedelta(days=number)
    return Trial(f"r{number}", experiment, at, services, ALL | given_)  # type: ignore[arg-type]


def one(*trials: Trial, known: tuple[str, ...] = (), since: datetime | None = None) -> ServiceScore:
    (found,) = scores(trials, {"learning": known}, since)
    return found


def test_everything_that_was_asked_and_held_is_100() -> None:
    assert one(trial()).score == 100
    assert one(trial()).part(Aspect.UNDO) == 1


def test_each_aspect_is_a_quarter_and_shares_of_it_count() -> None:
    assert one(trial(detection=(False,))).score == 75
    assert one(trial(recovery=(True, False, True, True))).score == pytest.approx(93.75)


def test_what_nobody_knows_counts_as_no_and_what_was_not_asked_as_nothing() -> None:
    assert one(trial(detection=(None, True))).score == one(trial(detection=(False, True))).score == 87.5
    assert one(trial(detection=())).score == 75


def test_a_run_that_says_nothing_about_its_fault_has_its_undo_only() -> None:
    assert one(replace(trial(), valid=False)).score == 25
    assert one(replace(trial(undo=(False,)), valid=False)).score == 0


def test_the_newest_run_of_each_experiment_counts_and_those_untried_are_0() -> None:
    found = one(trial(0, undo=(False,)), trial(1), trial(2, "latency", hypotheses=(False,)), known=("leak",))
    assert [(each.experiment, each.score) for each in found.experiments] == [
        ("failover", 100),
        ("latency", 75),
        ("leak", 0),
    ]
    assert found.score == pytest.approx(175 / 3)
    assert found.part(Aspect.HYPOTHESES) == pytest.approx(1 / 3)


def test_the_trend_is_the_score_after_each_run_over_what_is_known_at_the_end() -> None:
    found = one(trial(2, "latency"), trial(0, undo=(False,)), trial(1))
    assert [(each.run, each.score) for each in found.trend] == [("r0", 37.5), ("r1", 50), ("r2", 100)]
    assert found.trend[-1].score == found.score
    assert found.change == 50


def test_runs_of_before_count_no_more_but_are_known() -> None:
    found = one(trial(0), trial(5, "latency"), since=BEGAN + timedelta(days=3))
    assert found.score == 50
    assert [each.newest is None for each in found.experiments] == [True, False]


def test_each_service_has_its_own() -> None:
    found = scores([trial(0, services=("a", "b")), trial(1, "leak", ("b",), undo=(False,))])
    assert [(each.service, each.score) for each in found] == [("a", 100), ("b", 87.5)]


# --- whatever is missing, it never rises ----------------------------------------------------------------

answer = st.sampled_from([True, False, None])
trials = st.lists(
    st.builds(
        Trial,
        run=st.uuids().map(str),
        experiment=st.sampled_from(["failover", "latency", "leak"]),
        at=st.integers(0, 9).map(lambda day: BEGAN + timedelta(days=day)),
        services=st.just(("learning",)),
        answers=st.fixed_dictionaries({each: st.lists(answer, max_size=4).map(tuple) for each in Aspect}),
        valid=st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
known = st.sets(st.sampled_from(["failover", "latency", "leak", "disk"])).map(tuple)


@given(trials, known, st.data())
def test_an_answer_that_is_lost_never_raises_it(
    tried: list[Trial], known: tuple[str, ...], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(tried) - 1))
    aspect = data.draw(st.sampled_from(Aspect))
    asked = tried[number].answers[aspect]
    assume(asked)
    place = data.draw(st.integers(0, len(asked) - 1))
    lost = {**tried[number].answers, aspect: (*asked[:place], None, *asked[place + 1 :])}
    less = [*tried[:number], replace(tried[number], answers=lost), *tried[number + 1 :]]
    before, after = one(*tried, known=known), one(*less, known=known)
    assert after.score <= before.score
    for was, now in zip(before.trend, after.trend, strict=True):
        assert now.score <= was.score


@given(trials, known, st.data())
def test_a_run_whose_record_or_premises_are_lost_never_raises_it(
    tried: list[Trial], known: tuple[str, ...], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(tried) - 1))
    whole = tried[number]
    for lost in (replace(whole, valid=False), replace(whole, answers={})):
        less = [*tried[:number], lost, *tried[number + 1 :]]
        assert one(*less, known=known).score <= one(*tried, known=known).score


@given(trials, known, st.integers(0, 10))
def test_a_shorter_time_or_another_experiment_that_is_known_never_raises_an_experiment(
    tried: list[Trial], known: tuple[str, ...], day: int
) -> None:
    whole, late = one(*tried, known=known), one(*tried, known=known, since=BEGAN + timedelta(days=day))
    assert late.score <= whole.score
    assert one(*tried, known=(*known, "other")).score <= whole.score


@given(trials, known)
def test_it_lies_between_0_and_100_and_100_means_that_all_held(
    tried: list[Trial], known: tuple[str, ...]
) -> None:
    found = one(*tried, known=known)
    assert 0 <= found.score <= 100
    if found.score == 100:
        assert all(
            each.newest is not None
            and each.newest.valid
            and all(answers and set(answers) == {True} for answers in each.newest.answers.values())
            for each in found.experiments
        )


def test_the_score_after_each_game_day_is_that_of_its_last_run() -> None:
    first = [replace(trial(0, undo=(False,)), parent="d1"), replace(trial(1, "latency"), parent="d1")]
    alone = [trial(2, "latency", hypotheses=(False,))]
    second = [replace(trial(3), parent="d2")]
    found = one(*first, *alone, *second)
    assert [(each.parent, each.score) for each in found.days] == [("d1", 87.5), ("d2", 87.5)]
    assert one(*alone).days == ()
