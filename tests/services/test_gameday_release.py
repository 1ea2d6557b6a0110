"""A game day before a release, its programs made up: what decides, and what is only noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.core.observe.saturation import Reached
from sretool.core.plans.gameday.judge import judge
from sretool.core.plans.gameday.read import read
from sretool.core.plans.gameday.release import PREFIX
from sretool.core.runs.events import CapacityFound, Checked, GateSaid, Note, ResourceUsed, Started, StepEnded
from sretool.core.runs.model import LoadMeasures, Measures, Outcome, RunKind, Verdict
from sretool.core.slo.policy import DEFAULT
from sretool.services.release import Releasing
from tests.services.test_gameday import Day, Played_
from tests.services.test_release import SILENT, Left, Used
from tests.support.gameday_children import MadeUpProgram, load
from tests.support.made_up import MadeUpClock, MadeUpRules

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.looptime

PLAN = """
name: pre
title: Before a release
roles: [{id: lead, person: ann}]
steps:
  - {id: peak, load: stage-1, for: 20s}
  - {wait: load peak ends, within: 1m}
  - {id: launch, capacity: stage-1, within: 1m}
  - {id: growth, capacity: stage-2, within: 1m, otherwise: note}
  - {id: back, check: lead, that: the way back was rehearsed, within: 20s}
at_end: [loads pass, checks pass]
stop_when: [blind 5s, after 10m]
release:
  change: normal
  reserve: 20%
  forecast: {peak: 12/s, weekend: 1.5}
  stages:
    - {id: launch, rate: 20/s, search: launch, must: true}
    - {id: growth, rate: 200/s, search: growth}
  water_lines:
    during: peak
    lines: [{resource: Replica cpu, safe: 60%, warn: 80%}]
"""
USED = (Reached("Replica cpu app-1", 0.6, 0.5, None),)


def search(lower: float, upper: float | None, outcome: Outcome = Outcome.PASSED) -> MadeUpProgram:
    found = CapacityFound(lower, upper, upper, 2, ("p95 250ms",) if upper else (), "Replica cpu app-1")
    return MadeUpProgram(
        f"x{lower:g}", RunKind.CAPACITY, [(9.0, found)], 10.0, Verdict(outcome, f"holds {lower:g}/s")
    )


async def play(
    folder: Path,
    *,
    launch: MadeUpProgram | None = None,
    used: Used | None = None,
    left: float | Exception = 0.97,
    text: str = PLAN,
    answer: str = "yes",
    day: Day | None = None,
) -> Played_:
    of = read("pre.yaml", text).release
    assert of is not None
    clock = MadeUpClock()
    day = day or Day(folder)
    day.text, day.clock, day.answers = text, clock, {"back": answer}
    day.programs = {
        "peak": load(20.0, measures=Measures(load=LoadMeasures(rate=18.5))),
        "launch": launch or search(60, None),
        "growth": search(80, 84, Outcome.FAILED),
    }
    day.releasing = Releasing(of, clock, used or Used(USED), Left(left), DEFAULT, 5.0)
    return await day.play()


def release_checks(played: Played_) -> dict[str, bool | None]:
    return {
        each.name.removeprefix(PREFIX).split(" ")[0]: each.ok
        for each in played.verdict.checks
        if each.name.startswith(PREFIX)
    }


async def test_a_release_that_may_go(tmp_path: Path) -> None:
    used = Used(USED)
    played = await play(tmp_path, used=used)
    assert played.verdict.outcome is Outcome.PASSED, played.verdict
    assert release_checks(played) == {"launch": True, "reserve": True, "Replica": True, "error": True}
    # The outlook is on record, and does not count.
    assert played.ended("growth").outcome is Outcome.FAILED
    ((began, ended),) = used.asked
    assert 19 <= (ended - began).total_seconds() <= 21
    assert played.of(ResourceUsed) == [ResourceUsed("peak", "Replica cpu app-1", 0.5, 0.6)]
    (gate,) = played.of(GateSaid)
    assert (gate.outcome, gate.slo) == ("go", "shop/api")
    wanted = [each.name for each in played.of(Started)[0].checks]
    assert wanted == [each.name for each in played.verdict.checks]


async def test_the_verdict_is_made_of_events_alone(tmp_path: Path) -> None:
    played = await play(tmp_path)
    assert judge(played.events)[0] == played.verdict
    assert {each.check.name for each in played.of(Checked)} == {each.name for each in played.verdict.checks}


@pytest.mark.parametrize(
    ("changed", "check", "got"),
    [
        ({"launch": search(12, 13)}, "launch", 12),
        ({"used": Used([Reached("Replica cpu app-2", 0.6, 0.91, None)])}, "Replica", 0.91),
        ({"left": 0.1}, "error", "stop"),
    ],
)
async def test_a_release_that_must_wait(
    tmp_path: Path, changed: dict[str, object], check: str, got: float | str
) -> None:
    played = await play(tmp_path, **changed)  # type: ignore[arg-type]
    assert played.verdict.outcome is Outcome.FAILED
    assert release_checks(played)[check] is False
    broken = [each for each in played.verdict.checks if each.ok is False]
    assert broken[0].got == got
    assert broken[0].name in played.verdict.reason


async def test_the_gate_is_asked_before_the_day_takes_from_the_budgets(tmp_path: Path) -> None:
    played = await play(tmp_path)
    assert played.t(GateSaid) < 1
    # As soon as the peak is over, whatever becomes of the rest.
    assert played.t(ResourceUsed) < played.t(CapacityFound)


async def test_what_nobody_can_tell_leaves_it_open(tmp_path: Path) -> None:
    played = await play(tmp_path, used=Used(SILENT), left=SILENT)
    assert played.verdict.outcome is Outcome.INCONCLUSIVE
    assert release_checks(played) == {"launch": True, "reserve": True, "Replica": None, "error": None}
    assert [each.text for each in played.of(Note) if "peak" in each.text] == [
        "what is used up at the peak is not known: http://127.0.0.1:9 does not answer"
    ]


async def test_a_manual_check_counts_beside_it(tmp_path: Path) -> None:
    played = await play(tmp_path, answer="no")
    assert played.verdict.outcome is Outcome.FAILED
    assert set(release_checks(played).values()) == {True}
    assert played.verdict.reason.startswith("step back failed")


async def test_a_day_that_was_ended_early_keeps_what_was_known_by_then(tmp_path: Path) -> None:
    used = Used(USED)
    played = await play(
        tmp_path, used=used, day=Day(tmp_path, disturb={10.0: lambda session: session.abort("ann")})
    )
    assert played.verdict.outcome is Outcome.ABORTED
    assert used.asked == []
    assert release_checks(played) == {"launch": None, "reserve": None, "Replica": None, "error": True}


async def test_a_prometheus_that_is_lost_half_way(tmp_path: Path) -> None:
    played = await play(tmp_path, day=Day(tmp_path, rules=MadeUpRules(hangs_from=25.0)))
    assert played.verdict.outcome is Outcome.INCONCLUSIVE
    assert played.ending.undone
    assert played.verdict.reason.startswith("blind 5s")
    assert release_checks(played)["Replica"] is True


async def test_without_the_word_a_failed_outlook_fails_the_day(tmp_path: Path) -> None:
    played = await play(tmp_path, text=PLAN.replace(", otherwise: note", ""))
    assert played.verdict.outcome is Outcome.FAILED
    ended: list[StepEnded] = played.of(StepEnded)
    assert [each.step for each in ended if each.outcome is Outcome.FAILED] == ["growth"]
