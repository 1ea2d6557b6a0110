"""What ends an experiment early, with a clock that the test holds."""

from __future__ import annotations

import math
import random

import pytest

from sretool.core.plans.chaos.experiment import Block
from sretool.core.plans.chaos.guards import PROBE_EVERY, PROBE_PATIENCE, Figures, Guards, Tripped
from sretool.core.plans.chaos.spec import stop_condition


def guards(*conditions: str, watched: bool = True) -> Guards:
    made = Guards(Block(stop_when=tuple(map(stop_condition, conditions))), watched=watched)
    made.answered(0.0)
    made.begin(0.0)
    return made


def figures(burn: float | None = None, spent: float | None = None, slo: str = "shop/up") -> list[Figures]:
    return [Figures(slo, burn, spent)]


def test_a_burn_above_its_bound_trips_and_says_what_was_measured() -> None:
    made = guards("burn > 14.4")
    assert made.figures(figures(burn=14.4)) is None
    assert made.figures(figures(burn=14.5)) == Tripped("burn > 14.4", "shop/up burns 14.5, at most 14.4")
    assert made.figures(figures(burn=math.inf)) is not None


def test_a_condition_on_one_objective_looks_at_no_other() -> None:
    made = guards("burn shop/up > 3")
    assert made.figures(figures(burn=9, slo="shop/slow")) is None
    assert made.figures(figures(burn=9)) is not None


def test_a_budget_that_is_overspent_trips() -> None:
    made = guards("budget > 2%")
    assert made.figures(figures(spent=0.02)) is None
    tripped = made.figures(figures(spent=0.021))
    assert tripped == Tripped("budget > 2%", "shop/up has spent 2.10% of its budget, at most 2%")


def test_time_counts_from_the_end_of_the_baseline() -> None:
    made = Guards(Block(stop_when=(stop_condition("after 1m"),)), watched=False)
    assert made.tick(500.0) is None
    made.begin(500.0)
    assert made.tick(560.0) is None
    assert made.tick(560.1) == Tripped("after 1m", "it has run for 1m")


def test_a_prometheus_that_is_silent_trips_without_anybody_asking_for_it() -> None:
    made = guards()
    made.answered(10.0)
    assert made.tick(40.0) is None
    assert made.tick(40.1) == Tripped("blind 30s", "Prometheus has given no answer for 30s")
    assert made.words == ("blind 30s",)


def test_how_long_it_may_be_silent_can_be_said() -> None:
    made = guards("blind 5s")
    assert made.tick(5.1) is not None
    assert made.words == ("blind 5s",)


@pytest.mark.parametrize("burn", [None, math.nan])
def test_a_figure_that_is_none_guards_nothing_and_trips_in_the_end(burn: float | None) -> None:
    made = guards("burn shop/up > 3")
    for second in range(31):
        made.answered(second)
        assert made.tick(second) is None
        assert made.figures(figures(burn=burn)) is None
    made.answered(31.0)
    tripped = made.tick(31.0)
    assert tripped == Tripped("blind 30s", "no burn of shop/up is known for 30s")


def test_an_objective_that_nobody_knows_trips_in_the_end() -> None:
    made = guards("budget shop/upp > 3%")
    made.answered(31.0)
    made.figures(figures(spent=0.0))
    assert made.tick(31.0) == Tripped("blind 30s", "no budget of shop/upp is known for 30s")


def test_figures_keep_a_guard_seeing() -> None:
    made = guards("burn > 3")
    for second in range(200):
        made.answered(second)
        assert made.tick(second) is None
        assert made.figures(figures(burn=1.0)) is None


def test_a_burn_that_nobody_can_measure_trips_at_once() -> None:
    assert guards("burn > 3", watched=False).tick(0.1) == Tripped(
        "burn > 3", "there is no Prometheus that could tell"
    )


@pytest.mark.parametrize(
    ("met", "said"),
    [(False, "is outside its tolerance"), (None, "gave no answer")],
    ids=["not met", "failed"],
)
def test_a_probe_that_is_not_met_or_fails_trips(met: bool | None, said: str) -> None:
    made = guards("probe api answers")
    assert made.probes == ("api answers",)
    assert made.probe("api answers", 1.0, met=True) is None
    assert made.probe("another", 1.0, met=met) is None
    assert made.probe("api answers", 2.0, met=met, text="503") == Tripped(
        "probe api answers", f"probe api answers {said}: 503"
    )


def test_a_probe_that_hangs_trips_an_interval_and_a_second_later() -> None:
    made = guards("probe api answers", watched=False)
    made.probe("api answers", 1.0, met=True)
    limit = 1.0 + PROBE_EVERY + PROBE_PATIENCE
    assert made.tick(limit) is None
    assert made.tick(limit + 0.1) is not None


@pytest.mark.parametrize("seed", range(30))
def test_no_order_of_events_lets_a_condition_be_missed(seed: int) -> None:
    """Whatever else is told in between, what is above its bound trips when it is told."""
    dice = random.Random(seed)
    made = guards("burn > 10", "budget > 5%", "after 10m")
    t = 0.0
    for _ in range(200):
        t += dice.uniform(0.1, 3.0)
        burn = dice.choice([None, math.nan, dice.uniform(0, 12)])
        spent = dice.choice([None, math.nan, dice.uniform(0, 0.06)])
        made.answered(t)
        due = (burn is not None and burn > 10) or (spent is not None and spent > 0.05)
        ticked = made.tick(t)
        if ticked is not None:
            assert t > 600 or ticked.guard.startswith("blind")
            return
        assert (made.figures(figures(burn, spent)) is not None) is due
        if due:
            return
