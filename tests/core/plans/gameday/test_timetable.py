"""When steps begin and end, and what is impossible about that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.core.plans.chaos import plan as chaos_plan
from sretool.core.plans.chaos.read import read as read_experiment
from sretool.core.plans.gameday.plan import ExperimentStep, WaitStep
from sretool.core.plans.gameday.read import read
from sretool.core.plans.gameday.timetable import Known, Span, arranged, timetable

if TYPE_CHECKING:
    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.core.plans.gameday.plan import GameDayPlan
    from sretool.core.plans.gameday.timetable import Timetable


def plan(steps: str, rest: str = "") -> GameDayPlan:
    return read("plan.yaml", f"name: p\ntitle: P\nsteps:\n{steps}\n{rest}")


def experiment(*, pause: int = 20, stop: str = "[after 1m]", price: str = "5%", more: str = "") -> ChaosPlan:
    """20 s at least and 1 min 40 s at most, as it stands: baseline 10 s, recovery 30 s."""
    text = f"""\
title: Slow
description: Slow.
configuration: {{who: api-1}}
method:
  - {{name: slow, type: action, pauses: {{after: {pause}}}, provider: {{type: python, module: m, func: f}}}}
extensions:
  - name: sretool
    stop_when: {stop}
    budget_price: {price}
    baseline: 10s
    recovery_deadline: 30s
    {more}
"""
    found = read_experiment("slow.yaml", text, {}).experiment
    assert found is not None
    return chaos_plan.plan(found, {}, {})


def table(of: GameDayPlan, *, seed: int = 0, slow: ChaosPlan | None = None) -> Timetable:
    known = {each.id: slow or experiment() for each in of.experiments}
    return timetable(of, Known(known), seed)


def messages(found: Timetable) -> tuple[list[str], list[str]]:
    return [str(each) for each in found.problems], [str(each) for each in found.warnings]


def test_each_step_begins_when_the_one_before_is_over() -> None:
    found = table(
        plan(
            "  - {id: l, load: x, for: 10m}\n  - {wait: 30s}\n  - {id: e, experiment: slow, under: l}\n"
            "  - {check: a, that: b, within: 1m}",
            "settle: 1m\nstop_when: [after 5m]",
        )
    )
    assert [(each.step.id, each.begin, each.end) for each in found.slots] == [
        ("l", Span(0, 0), Span(60, 190)),
        ("wait", Span(0, 0), Span(30, 30)),
        ("e", Span(30, 30), Span(60, 130)),
        ("check", Span(60, 130), Span(60, 190)),
    ]
    assert (found.steps_end, found.whole) == (Span(60, 190), Span(60, 250))
    assert messages(found) == ([], [])


def test_a_load_without_known_length_ends_with_the_last_step() -> None:
    found = table(plan("  - {id: l, load: x}\n  - {wait: 30s}"))
    assert found.slots[0].end == Span(0, 30)


def test_a_step_at_a_time() -> None:
    found = table(
        plan("  - {wait: 30s}\n  - {id: e, at: 1m, experiment: slow}\n  - {id: w, at: 2m, wait: 1s}")
    )
    assert [each.begin for each in found.slots] == [Span(0, 0), Span(60, 60), Span(120, 160)]
    assert messages(found) == (
        [],
        [
            "plan.yaml:6: step 'w' may begin later than 2m after the begin: those before it may take 2m40s",
        ],
    )


def test_a_step_at_a_time_that_is_over_by_then() -> None:
    assert messages(table(plan("  - {wait: 2m}\n  - {id: w, at: 1m, wait: 1s}"))) == (
        ["plan.yaml:5: step 'w' is to begin 1m after the begin, but those before it take 2m at least"],
        [],
    )


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            "  - {id: l, load: x, for: 30s}\n  - {wait: 30s}\n  - {id: e, experiment: slow, under: l}",
            "plan.yaml:6: load 'l' ends after 30s, but experiment 'slow' is over 1m after the load's begin"
            " at the earliest",
        ),
        (
            "  - {id: e, experiment: slow, under: l}\n  - {id: l, load: x, for: 30s}",
            "plan.yaml:4: no load 'l' has begun by then",
        ),
        (
            "  - {id: e, experiment: slow, within: 15s}",
            "plan.yaml:4: experiment 'slow' takes 30s at least, but is to be over within 15s",
        ),
        (
            "  - {id: l, load: x, for: 10m}\n  - {wait: load l ends, within: 1m}",
            "plan.yaml:5: load 'l' goes on for 10m more at least, but only 1m are waited",
        ),
        ("  - {wait: load l ends}", "plan.yaml:4: no load 'l' has begun by then"),
    ],
)
def test_what_is_impossible(steps: str, problem: str) -> None:
    assert messages(table(plan(steps)))[0] == [problem]


def test_an_experiment_that_may_outlast_its_load() -> None:
    steps = "  - {id: l, load: x, for: 90s}\n  - {id: e, experiment: slow, under: l}"
    assert messages(table(plan(steps))) == (
        [],
        [
            "plan.yaml:5: load 'l' ends after 1m30s; experiment 'slow' may be over 1m40s after the load's"
            " begin only"
        ],
    )


def test_a_load_is_as_old_as_the_time_since_its_begin_even_after_a_wait_for_a_moment() -> None:
    steps = (
        "  - {check: a, that: b, within: 1m}\n  - {id: l, load: x, for: 75s}\n  - {at: 65s, wait: 1s}\n"
        "  - {wait: load l ends, within: 2m}"
    )
    found = table(plan(steps))
    # Begun from 0 to 60 s: at 66 s it is 6 to 66 s old, so that 9 to 69 s are left.
    assert found.slots[-1].end == Span(75, 135)


def test_an_experiment_that_nothing_ends() -> None:
    found = table(plan("  - {id: e, experiment: slow}\n  - {wait: 1s}"), slow=experiment(stop="[]"))
    assert messages(found)[0] == [
        "plan.yaml:4: nothing ends experiment 'slow': give it a limit in `stop_when`, or `within` here"
    ]
    assert found.whole == Span(31, None)


def test_more_than_the_guard_on_time_allows() -> None:
    assert messages(table(plan("  - {wait: 10m}", "stop_when: [after 5m]")))[0] == [
        "plan.yaml:5: the steps take 10m at least, but the game day is stopped after 5m"
    ]
    found = table(plan("  - {experiment: slow}", "stop_when: [after 1m]"))
    assert messages(found) == (
        [],
        ["plan.yaml:5: the steps may take 1m40s; the game day is stopped after 1m"],
    )
    assert found.whole == Span(30, 60)


SHUFFLED = (
    "  - id: s\n    shuffle: [{experiment: a}, {experiment: b}, {experiment: c}, {experiment: d}]\n"
    "    pick: 3\n    pause: [10s, 1m]"
)


def test_a_seed_picks_and_shuffles_always_alike() -> None:
    of = plan(SHUFFLED)
    orders = {
        tuple(each.id for each in arranged(of, seed) if isinstance(each, ExperimentStep))
        for seed in range(200)
    }
    # All 24 ways to pick 3 of 4 in an order.
    assert len(orders) == 24
    assert arranged(of, 7) == arranged(of, 7)
    pauses = [
        each.seconds for seed in range(200) for each in arranged(of, seed) if isinstance(each, WaitStep)
    ]
    assert 10 <= min(pauses) < 12
    assert 58 < max(pauses) <= 60
    assert [each.id for each in arranged(of, 7)][::2] == ["s-1", "s-2", "s-3"]
