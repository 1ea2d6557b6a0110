"""What is looked at for a release, with servers that answer, are silent, or hang."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.observe.saturation import Reached
from sretool.core.plans.gameday.read import read
from sretool.core.runs.events import (
    CapacityFound,
    GateSaid,
    Note,
    PlannedStep,
    ResourceUsed,
    RunEvent,
    Started,
    StepBegan,
    StepEnded,
)
from sretool.core.runs.model import LoadMeasures, Outcome, RunKind
from sretool.core.slo.model import SloId
from sretool.core.slo.policy import DEFAULT, Standing
from sretool.errors import SourceUnreachable
from sretool.services.release import Releasing
from tests.core.plans.gameday.test_release import PLAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.runs.events import What
    from sretool.services.capacity import Resources
    from sretool.services.release import Budgets

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
SILENT = SourceUnreachable("http://127.0.0.1:9 does not answer")


class Clock:
    def now(self) -> datetime:
        return BEGAN + timedelta(hours=1)


class Used:
    """What was used up, as a list or as an error."""

    def __init__(self, answer: Sequence[Reached] | Exception | None) -> None:
        self.answer = answer
        self.asked: list[tuple[datetime, datetime]] = []

    async def reached(self, begin: datetime, end: datetime) -> Sequence[Reached]:
        self.asked.append((begin, end))
        if self.answer is None:
            await asyncio.sleep(3600)
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer


class Left:
    """What budgets have left."""

    def __init__(self, left: float | Exception | None) -> None:
        self.left = left

    async def standings(self) -> Sequence[Standing]:
        if isinstance(self.left, Exception):
            raise self.left
        return (Standing(SloId("shop/api"), self.left),)


USED = (
    Reached("Replica cpu app-1", 0.6, 0.5, None),
    Reached("Balancer queue", 1, 2, BEGAN),
)


def happened(*steps: str) -> list[RunEvent]:
    """A peak from 0:10 to 1:10, and a search that found 60/s; only these steps began."""
    told: tuple[tuple[str, float, What], ...] = (
        ("peak", 10, StepBegan("peak")),
        ("peak", 70, StepEnded("peak", Outcome.PASSED, load=LoadMeasures(rate=18.0))),
        ("launch", 80, StepBegan("launch")),
        ("launch", 140, CapacityFound(60.0, None, None, 2)),
        ("launch", 141, StepEnded("launch", Outcome.PASSED)),
    )
    planned = (PlannedStep("peak", "load", "peak"), PlannedStep("launch", "capacity", "launch"))
    began = RunEvent(BEGAN, 0.0, Started(RunKind.GAMEDAY, "P", steps=planned))
    return [
        began,
        *(RunEvent(BEGAN + timedelta(seconds=t), t, what) for step, t, what in told if step in steps),
    ]


def releasing(resources: Resources | None, budgets: Budgets | None, *, patience: float = 5.0) -> Releasing:
    of = read("plan.yaml", PLAN).release
    assert of is not None
    return Releasing(of, Clock(), resources, budgets, DEFAULT, patience)


def settled(of: Releasing, *steps: str) -> tuple[list[What], dict[str, bool | None]]:
    """What is told beside the checks, and the checks without the words they begin with."""
    before = happened(*(steps or ("peak", "launch")))
    told = [*asyncio.run(of.uses(before)), *asyncio.run(of.gate())]
    checks = of.checks([*before, *(RunEvent(BEGAN, 0.0, each) for each in told)])
    return told, {each.check.name.split(": ", 1)[1].split(" ")[0]: each.check.ok for each in checks}


def test_what_was_used_up_at_the_peak_and_the_gate_are_asked() -> None:
    used = Used(USED)
    told, checks = settled(releasing(used, Left(0.97)))
    assert used.asked == [(BEGAN + timedelta(seconds=10), BEGAN + timedelta(seconds=70))]
    assert told[:2] == [
        ResourceUsed("peak", "Replica cpu app-1", 0.5, 0.6),
        ResourceUsed("peak", "Balancer queue", 2, 1),
    ]
    gate = told[2]
    assert isinstance(gate, GateSaid)
    assert (gate.change, gate.outcome, gate.slo, gate.budget_left) == ("normal", "go", "shop/api", 0.97)
    assert checks == {"launch": True, "reserve": True, "Replica": True, "Balancer": True, "error": True}


def test_a_frozen_budget_stops_it() -> None:
    told, checks = settled(releasing(Used(USED), Left(0.1)))
    gate = told[2]
    assert isinstance(gate, GateSaid)
    assert (gate.outcome, checks["error"]) == ("stop", False)
    assert "FREEZE" in gate.reason


@pytest.mark.parametrize("answer", [SILENT, None])
def test_silence_is_told_and_leaves_it_open(answer: Exception | None) -> None:
    told, checks = settled(releasing(Used(answer), Left(SILENT), patience=0.05))
    note, gate = told
    assert isinstance(note, Note)
    assert note.text.startswith("what is used up at the peak is not known: ")
    assert isinstance(gate, GateSaid)
    assert gate.outcome == "unknown"
    assert "does not answer" in gate.reason
    assert checks == {"launch": True, "reserve": True, "Replica": None, "Balancer": None, "error": None}


def test_without_a_catalog_nobody_is_asked() -> None:
    told, checks = settled(releasing(None, None))
    assert [type(each) for each in told] == [Note, GateSaid]
    assert checks["error"] is checks["Replica"] is None


def test_a_load_that_never_began_used_nothing_up() -> None:
    used = Used(USED)
    told, checks = settled(releasing(used, Left(0.97)), "none")
    assert used.asked == []
    assert told[0] == Note("what is used up at the peak is not known: peak did not begin")
    assert checks == {"launch": None, "reserve": None, "Replica": None, "Balancer": None, "error": True}
