"""Rounds with and without a fault, with children made up, in made-up time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.plans.gameday import rounds as plans
from sretool.core.plans.gameday.rounds import MEASURED
from sretool.core.runs import rounds as seen
from sretool.core.runs.differences import words
from sretool.core.runs.events import (
    FaultOn,
    GuardTripped,
    Note,
    RunEvent,
    Started,
    StepBegan,
    StepEnded,
    StepRun,
)
from sretool.core.runs.model import Outcome
from sretool.errors import ChaosError
from sretool.services.chaos import Control
from sretool.services.gameday_rounds import Made, Order, run
from sretool.services.gameday_together import Limits
from tests.support import together
from tests.support.made_up import MadeUpClock
from tests.support.together import Played, World, journal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.looptime

LOAD = ("load", "run", "evening")


def order(**more: Any) -> Order:
    given: dict[str, Any] = {
        "title": "slow",
        "pairs": 3,
        "seed": 1,
        "window": 12.0,
        "lead": 5.0,
        "load": LOAD,
        "capacity": (),
        "chaos": ("chaos", "run", "slow"),
        "dosed": True,
        "longest": 300.0,
        "people": {"lead": "ann"},
    }
    return Order(**{**given, **more})


async def play(
    folder: Path, world: World, of: Order | None = None, *, interrupted_at: float | None = None
) -> Played[Made]:
    return await together.play(folder, world, partial(run, of or order()), interrupted_at)


def change(played: Played[Made], measure: str) -> float:
    return next(each.found.change for each in played.made.rounds.compared if each.measure.name == measure)


async def test_who_looks_on_changes_nothing(tmp_path: Path) -> None:
    def gone(_: RunEvent) -> None:
        raise RuntimeError("the terminal is gone")

    watched = await play(tmp_path / "watched", World())
    with journal(tmp_path / "alone") as writer:
        made = await run(order(), World().around, writer, Control(), gone)
    assert made.rounds.compared
    assert [words(each) for each in made.rounds.compared] == [
        words(each) for each in watched.made.rounds.compared
    ]


async def test_three_pairs_show_what_the_fault_changes(tmp_path: Path) -> None:
    world = World(
        # It becomes slower from pair to pair, which is not the fault's doing.
        latency=lambda dose, second: 0.1 if dose is None else 0.31 + second % 3 / 100,
        errors=lambda dose: 0 if dose is None else 2,
        fault_for=15,
    )
    played = await play(tmp_path, world)
    assert played.outcome is Outcome.PASSED
    assert played.made.rounds.pairs == 3
    assert change(played, "p95") == pytest.approx(2.3, abs=0.1)
    assert change(played, "errors") == pytest.approx(0.1)
    assert change(played, "throughput") == pytest.approx(-0.1)
    assert [each.step for each in played.of(StepBegan)] == [each.id for each in plans.order(3, 1)]
    assert all(each.outcome is Outcome.PASSED for each in played.of(StepEnded))
    assert world.most_at_work == 2


async def test_arrivals_are_the_same_within_a_pair_and_others_in_the_next(tmp_path: Path) -> None:
    world = World(fault_for=15)
    await play(tmp_path, world, order(pairs=2))
    seeds: dict[str, set[str]] = {}
    for step, kind, arguments in world.made:
        if kind == "load":
            seeds.setdefault(step[-1], set()).add(arguments[arguments.index("--seed") + 1])
    assert all(len(each) == 1 for each in seeds.values())
    assert seeds["1"] != seeds["2"]


async def test_the_same_comes_out_of_the_events_alone(tmp_path: Path) -> None:
    played = await play(tmp_path, World(fault_for=15))
    names = {each.id: (each.pair, each.fault) for each in plans.order(3, 1)}
    assert seen.rounds(played.events, names, MEASURED) == played.made.rounds


async def test_a_search_for_the_highest_rate_in_each_round(tmp_path: Path) -> None:
    played = await play(tmp_path, World(), order(load=(), capacity=("load", "capacity", "evening")))
    assert played.outcome is Outcome.PASSED
    assert change(played, "capacity") == pytest.approx(-0.38)
    assert words(played.made.rounds.compared[0]) == "capacity -38% ± 0%"


async def test_a_service_that_carries_nothing_with_the_fault_counts(tmp_path: Path) -> None:
    world = World(rate=lambda dose: 1000.0 if dose is None else 0.0)
    played = await play(tmp_path, world, order(load=(), capacity=("load", "capacity", "evening")))
    assert played.outcome is Outcome.PASSED
    assert change(played, "capacity") == -1000
    assert words(played.made.rounds.compared[0]) == "capacity -1,000/s ± 0/s"


async def test_a_search_that_outlasts_the_fault_does_not_count(tmp_path: Path) -> None:
    played = await play(
        tmp_path, World(fault_for=5), order(load=(), capacity=("load", "capacity", "evening"))
    )
    assert played.outcome is Outcome.INCONCLUSIVE
    assert "0 of 3 pairs count: the fault was over before the search was" in played.reason


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (World(refuses="refused (pages): HttpDown fires"), "no fault was made: refused (pages)"),
        (World(outcome=Outcome.INCONCLUSIVE), "the experiment was inconclusive"),
        (World(load_ends=12), "the load ended too early"),
        (World(load_ends=2), "the load did not begin"),
    ],
)
async def test_rounds_that_do_not_count(tmp_path: Path, world: World, why: str) -> None:
    played = await play(tmp_path, world)
    assert played.outcome is Outcome.INCONCLUSIVE
    assert "0 of 3 pairs count" in played.reason
    assert why in " ".join(each.why for each in played.made.rounds.rounds)


async def test_a_pair_that_does_not_count_is_made_again(tmp_path: Path) -> None:
    world = World(fault_for=15, refused=1)
    played = await play(tmp_path, world, order(pairs=2))
    assert (played.outcome, played.made.rounds.pairs) == (Outcome.PASSED, 2)
    lost = [each for each in played.made.rounds.rounds if each.why]
    assert [each.fault for each in lost] == [True]
    assert {each.pair for each in played.made.rounds.rounds} == {1, 2, 3}


async def test_it_is_not_made_again_for_ever(tmp_path: Path) -> None:
    world = World(refuses="no proxy")
    played = await play(tmp_path, world, order(pairs=6))
    assert played.outcome is Outcome.INCONCLUSIVE
    assert len({each.pair for each in played.made.rounds.rounds}) == 2


@pytest.mark.parametrize(("guard", "pairs"), [("", 3), ("blind 60s", 0)])
async def test_without_a_dose_a_fault_counts_that_stayed(tmp_path: Path, guard: str, pairs: int) -> None:
    world = World(outcome=Outcome.INCONCLUSIVE, fault_for=15, guard=guard)
    assert (await play(tmp_path, world, order(dosed=False))).made.rounds.pairs == pairs


async def test_an_interruption_ends_everything_and_tells_what_is_known(tmp_path: Path) -> None:
    played = await play(tmp_path, World(fault_for=15), interrupted_at=30)
    assert played.outcome is Outcome.ABORTED
    assert played.reason.startswith("interrupted by hand")
    assert played.made.ending.interrupted
    assert len(played.of(StepEnded)) == len(played.of(StepBegan)) < 6


@pytest.mark.parametrize(("after", "jump"), [(3.0, -3600.0), (-2.0, 3600.0)])
async def test_a_clock_that_is_set_makes_no_round_last_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float, jump: float
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    played = await play(tmp_path / "as it goes", World(fault_for=15))
    lasted = loop.time() - began
    fault = next(each.t for each in played.events if isinstance(each.what, FaultOn))
    loop.call_later(fault + after, monkeypatch.setattr, MadeUpClock, "jump", jump)
    disturbed = await play(tmp_path / "set anew", World(fault_for=15))
    assert loop.time() - began - lasted < 2 * lasted
    (lost,) = (each for each in disturbed.made.rounds.rounds if each.why)
    assert lost.why == "the clock was set meanwhile"


async def test_a_full_disk_ends_everything(tmp_path: Path) -> None:
    world, full = World(fault_for=15), list[Any]()
    writer = journal(tmp_path)
    writes = writer.record

    def record(what: Any, **when: Any) -> RunEvent:
        if full or world.dose is not None:
            full.append(what)
            raise OSError(28, "No space left on device")
        return writes(what, **when)

    writer.record = record  # type: ignore[method-assign]
    with pytest.raises(ChaosError, match=r"No space left on device.*verdict: error") as found:
        await run(order(), world.around, writer, Control(), lambda _: None)
    writer.close()
    assert "everything was undone" in (found.value.remedy or "")
    assert world.at_work == 0, "a child was left"
    assert world.dose is None, "a fault was left"


async def test_a_budget_ends_it(tmp_path: Path) -> None:
    played = await play(tmp_path, World(burns=0.2), order(limits=Limits(budget=0.3)))
    assert played.outcome is Outcome.ABORTED
    assert "budget > 30%: shop/api has spent 40.0%" in played.reason
    assert len(played.of(GuardTripped)) == 1
    assert len(played.of(FaultOn)) == 2
    measures = played.made.ending.record.measures.gameday
    assert measures is not None
    assert measures.budget_spent == pytest.approx(0.4)


async def test_a_fault_that_stays_ends_it_with_an_error(tmp_path: Path) -> None:
    played = await play(tmp_path, World(left=("latency on database",)))
    assert played.outcome is Outcome.ERROR
    assert played.reason == "not undone: latency on database"
    assert played.made.ending.left == ("latency on database",)
    assert played.of(StepEnded)[-1].undone is False


async def test_it_waits_until_everything_is_as_before(tmp_path: Path) -> None:
    played = await play(tmp_path, World(not_calm=["a page fires", "a page fires"], fault_for=15))
    assert [each.text for each in played.of(Note)] == ["waits: a page fires"]
    assert played.outcome is Outcome.PASSED


async def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    world = World(not_calm=["a page fires"] * 1000)
    played = await play(tmp_path, world, order(limits=Limits(patience=60)))
    assert played.outcome is Outcome.INCONCLUSIVE
    assert played.reason == "not as before in time: a page fires"
    assert world.made == []


async def test_each_child_is_on_record(tmp_path: Path) -> None:
    played = await play(tmp_path, World(fault_for=15), order(pairs=2))
    assert len(played.of(StepRun)) == 6
    assert len(played.of(Started)[0].steps) == 4


def test_one_of_two_pairs_begins_with_the_fault() -> None:
    firsts = []
    for seed in range(40):
        made = plans.order(4, seed)
        assert sorted(each.id for each in made) == sorted({each.id for each in made})
        assert [each.pair for each in made] == [1, 1, 2, 2, 3, 3, 4, 4]
        assert sum(each.fault for each in made[::2]) == 2
        firsts.append(made[0].fault)
        assert all(plans.of(each.id) == each for each in made)
    assert 10 < sum(firsts) < 30
    assert plans.of("trial-1") is None
    assert plans.of("with-x") is None
