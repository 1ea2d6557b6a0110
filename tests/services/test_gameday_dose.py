"""Searches for a dose, with children made up, in made-up time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.plans.gameday.dose import Aim, Ending
from sretool.core.plans.load import objectives
from sretool.core.runs.doses import trials
from sretool.core.runs.events import Checked, Note, StepEnded
from sretool.core.runs.model import Check, Outcome
from sretool.services.gameday_dose import Made, Order, Ordered, run
from sretool.services.gameday_together import Limits
from tests.support import together
from tests.support.together import Played, World

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sretool.core.runs.load import Load

pytestmark = pytest.mark.looptime


def order(**more: Any) -> Order:
    given: dict[str, Any] = {
        "title": "slow",
        "aim": Aim(0, 400, precision=0.05, whole=True),
        "variable": "dose",
        "what": "p95 < 200ms",
        "check": objectives.parse("p95 < 200ms"),
        "server": None,
        "load": ("load", "run", "evening"),
        "chaos": ("chaos", "run", "slow"),
        "longest": 300.0,
        "people": {"lead": "ann"},
    }
    return Order(**{**given, **more})


def of_dose(dose: float | None, _: int) -> float:
    """A round trip that takes `dose` milliseconds longer."""
    return 0.045 + (dose or 0) / 1000


async def play(
    folder: Path, world: World, of: Order | None = None, *, interrupted_at: float | None = None
) -> Played[Made]:
    return await together.play(folder, world, partial(run, of or order()), interrupted_at)


async def test_the_smallest_latency_that_breaks_is_found(tmp_path: Path) -> None:
    played = await play(tmp_path, World(latency=of_dose))
    result = played.made.result
    assert (played.outcome, result.ending) == (Outcome.PASSED, Ending.FOUND)
    assert result.holds is not None
    assert result.breaks is not None
    assert result.holds < 155 <= result.breaks
    assert result.breaks - result.holds <= 20
    assert result.confirmed
    told = f"p95 < 200ms holds up to dose {result.holds:g} and breaks from {result.breaks:g} on"
    assert played.reason == told
    assert all(each.outcome is Outcome.PASSED for each in played.of(StepEnded))


async def test_each_trial_is_on_record_with_what_was_measured(tmp_path: Path) -> None:
    played = await play(tmp_path, World(latency=of_dose))
    checks = [each.check for each in played.of(Checked)]
    assert tuple(checks) == played.made.checks
    assert checks[0].name == "trial-1: dose=0"
    assert checks[0].got == pytest.approx(0.045, rel=0.02)
    assert checks[0].ok
    assert played.of(Note)[0].text.startswith("dose=0 holds: p95 < 200ms: ")


async def test_an_objective_of_the_catalog_is_asked_for_the_time_of_the_fault(tmp_path: Path) -> None:
    asked = []

    async def server(begin: datetime, end: datetime, load: Load) -> Check:
        asked.append((end - begin).total_seconds())
        assert not load.totals.seconds
        assert doses.made
        dose = float(doses.made[-1][2][-1].partition("=")[2])
        return Check("shop/api", 0.999, 1 - dose / 1e5, "ratio", dose <= 100)

    doses = World()
    played = await play(tmp_path, doses, order(load=(), check=None, server=server))
    assert played.made.result.breaks is not None
    assert 100 < played.made.result.breaks <= 120
    assert asked == [pytest.approx(20, abs=0.2)] * len(asked)


async def test_too_few_requests_tell_nothing(tmp_path: Path) -> None:
    played = await play(tmp_path, World(latency=of_dose, fault_for=3), order())
    assert (played.outcome, played.made.result.ending) == (Outcome.INCONCLUSIVE, Ending.UNKNOWN)
    assert len(played.made.result.trials) == 2


async def test_what_an_experiments_own_guard_stops_is_too_much(tmp_path: Path) -> None:
    world = World(latency=of_dose, outcome=Outcome.ABORTED, guard="burn > 100")
    played = await play(tmp_path, world)
    assert played.made.result.ending is Ending.ALL_BREAKS


@pytest.mark.parametrize("guard", ["blind 60s", "after 10m", "stop file", "interrupted", ""])
async def test_what_ended_for_another_reason_broke_nothing(tmp_path: Path, guard: str) -> None:
    played = await play(tmp_path, World(latency=of_dose, outcome=Outcome.ABORTED, guard=guard))
    assert (played.outcome, played.made.result.ending) == (Outcome.INCONCLUSIVE, Ending.UNKNOWN)
    assert played.of(Checked) == []


async def test_a_fault_of_another_strength_tells_nothing(tmp_path: Path) -> None:
    ordered = Ordered(want=0.2, tolerance=0.01, each=0.001)
    wanted = order(aim=Aim(60, 400, precision=0.05, whole=True), ordered=ordered)
    played = await play(tmp_path, World(latency=of_dose, strength=lambda dose: (dose or 0) / 200), wanted)
    assert played.made.result.ending is Ending.FOUND
    # Whatever is ordered, it is half of it.
    half = await play(
        tmp_path / "half", World(latency=of_dose, strength=lambda dose: (dose or 0) / 400), wanted
    )
    assert (half.outcome, half.made.result.ending) == (Outcome.INCONCLUSIVE, Ending.UNKNOWN)
    assert half.made.result.trials[0].why == "the fault was as strong as 30"
    assert trials(half.events) == ((None, None), (None, None))
    unknown = await play(tmp_path / "unknown", World(latency=of_dose), wanted)
    assert unknown.made.result.trials[0].why == "how strong the fault was is not known"


@pytest.mark.parametrize(
    ("dose", "measured", "counts"),
    [(200, 0.209, True), (200, 0.211, False), (20, 0.029, True), (20, 0.031, False), (400, 0.419, True)],
)
async def test_how_far_a_fault_may_be_from_what_was_ordered(
    dose: float, measured: float, counts: bool
) -> None:
    ordered = Ordered(want=0.2, tolerance=0.01, each=0.001)
    assert (ordered.wrong(dose, measured / 0.2) == "") is counts
    # The same where each run wants what its own dose says.
    follows = Ordered(want=0.2, tolerance=0.01, each=0.001, follows=True)
    assert (follows.wrong(dose, measured / (dose / 1000)) == "") is counts


@pytest.mark.parametrize(
    ("world", "outcome", "why"),
    [
        (World(refuses="refused (pages): x"), Outcome.INCONCLUSIVE, "that breaks"),
        (World(outcome=Outcome.INCONCLUSIVE, guard="blind 60s"), Outcome.INCONCLUSIVE, "that breaks"),
        (World(load_ends=15), Outcome.INCONCLUSIVE, "that breaks"),
        (World(left=("latency",)), Outcome.ERROR, "not undone: latency"),
        (World(burns=0.2), Outcome.ABORTED, "budget > 30%"),
    ],
)
async def test_what_ends_it(tmp_path: Path, world: World, outcome: Outcome, why: str) -> None:
    played = await play(tmp_path, world, order(limits=Limits(budget=0.3)))
    assert played.outcome is outcome
    assert why in played.reason


async def test_an_interruption_keeps_what_is_known(tmp_path: Path) -> None:
    played = await play(tmp_path, World(latency=of_dose), interrupted_at=100)
    assert played.outcome is Outcome.ABORTED
    assert played.made.result.ending is Ending.STOPPED
    assert (played.made.result.holds, played.made.result.breaks) == (100, 200)
    assert "interrupted by hand" in played.reason
