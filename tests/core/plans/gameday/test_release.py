"""A release by the events of a game day, and what is wrong with what is asked of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.analysis.release import Decision
from sretool.core.plans.gameday import release
from sretool.core.plans.gameday.lint import Around, lint
from sretool.core.plans.gameday.read import read
from sretool.core.plans.gameday.timetable import Known
from sretool.core.runs import events
from sretool.core.runs.events import RunEvent, What
from sretool.core.runs.model import Check, LoadMeasures, Outcome, RunKind

if TYPE_CHECKING:
    from sretool.core.plans.gameday.plan import GameDayPlan

PLAN = """\
name: p
title: P
stop_when: [after 1h]
steps:
  - {id: peak, load: x, for: 1m}
  - {wait: load peak ends, within: 2m}
  - {id: launch, capacity: x, most: 60/s}
  - {id: growth, capacity: x, most: 600/s, otherwise: note}
release:
  change: normal
  reserve: 20%
  forecast: {peak: 12/s, weekend: 1.5}
  stages:
    - {id: launch, rate: 20/s, search: launch, must: true}
    - {id: growth, rate: 200/s, search: growth}
  water_lines:
    during: peak
    lines:
      - {resource: Replica cpu, warn: 80%}
      - {resource: Balancer queue, warn: 20}
"""
BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)


def plan(old: str = "", new: str = "") -> GameDayPlan:
    assert old in PLAN
    return read("plan.yaml", PLAN.replace(old, new) if old else PLAN)


LAUNCH = events.CapacityFound(60, None, None, 2)
GATE = events.GateSaid("normal", "go", "OPEN", "shop/api", 0.9)
USED = (
    events.ResourceUsed("peak", "Replica cpu app-1", 0.4, 0.6),
    events.ResourceUsed("peak", "Replica cpu app-2", 0.45, 0.6),
    events.ResourceUsed("peak", "Balancer queue lb", 3),
    events.ResourceUsed("growth", "Replica cpu app-1", 1.0),
)


def told(*whats: What) -> list[RunEvent]:
    return [RunEvent(BEGAN + timedelta(seconds=t), float(t), what) for t, what in enumerate(whats)]


def day(
    launch: events.CapacityFound | None = LAUNCH,
    gate: events.GateSaid | None = GATE,
    *,
    used: bool = True,
) -> list[RunEvent]:
    """What a game day tells, from its begin to its end."""
    kinds = {"peak": "load", "wait": "wait for", "launch": "capacity", "growth": "capacity"}
    whats: list[What | None] = [
        events.Started(
            RunKind.GAMEDAY,
            "P",
            steps=tuple(events.PlannedStep(id_, kind, id_) for id_, kind in kinds.items()),
        ),
        events.StepBegan("peak"),
        events.StepBegan("wait"),
        events.StepEnded("peak", Outcome.PASSED, load=LoadMeasures(rate=18.2)),
        events.StepEnded("wait", Outcome.PASSED),
        events.StepBegan("launch"),
        launch,
        events.StepEnded("launch", Outcome.PASSED, load=LoadMeasures(rate=55)),
        events.StepBegan("growth"),
        events.CapacityFound(80, 84, 82, 2, ("p95 250ms",), "Replica cpu app-1"),
        events.StepEnded("growth", Outcome.FAILED),
        *(USED if used else ()),
        gate,
    ]
    return told(*(each for each in whats if each is not None))


def test_the_events_of_a_day_and_of_its_steps_decide() -> None:
    of = plan().release
    assert of is not None
    found = release.judged(of, day())
    assert (found.decision, found.peak) == (Decision.GO, 18.2)
    assert (release.outcome(found), release.reason(found)) == (Outcome.PASSED, "go")
    assert [each.search.upper for each in found.stages if each.search] == [None, 84]
    assert release.checks(found) == (
        Check("release: launch is carried", 20, 60, "1/s", ok=True),
        Check("release: reserve above the forecast peak of 18/s", 0.2, 60 / 18 - 1, "ratio", ok=True),
        Check("release: Replica cpu at the peak", 0.8, 0.45, "ratio", ok=True),
        Check("release: Balancer queue at the peak", 20, 3, "", ok=True),
        Check("release: error budgets let a normal change through", "go", "go", "", ok=True),
    )


def test_before_anything_was_measured_its_checks_have_the_same_names() -> None:
    of = plan().release
    assert of is not None
    before = release.wanted(of)
    after = release.checks(release.judged(of, day()))
    assert [(each.name, each.want, each.unit) for each in before] == [
        (each.name, each.want, each.unit) for each in after
    ]
    assert {each.ok for each in before} == {None}


def test_what_stops_it_is_told() -> None:
    of = plan().release
    assert of is not None
    gate = events.GateSaid("normal", "stop", "FREEZE, shop/api has 3.0% of its budget left")
    found = release.judged(of, day(events.CapacityFound(12, 13, 12, 2), gate))
    assert release.outcome(found) is Outcome.FAILED
    assert release.reason(found) == (
        "no-go: launch is not carried; the reserve above the forecast peak is not left;"
        " gate: FREEZE, shop/api has 3.0% of its budget left"
    )
    assert [each.ok for each in release.checks(found)] == [False, False, True, True, False]


def test_a_day_that_was_cut_off_leaves_it_open() -> None:
    of = plan().release
    assert of is not None
    found = release.judged(of, day(None, None, used=False)[:6])
    assert release.outcome(found) is Outcome.INCONCLUSIVE
    assert release.reason(found).startswith("open: launch is not known to be carried; ")


def test_the_gate_that_cannot_tell() -> None:
    of = plan().release
    assert of is not None
    found = release.judged(of, day(gate=events.GateSaid("normal", "unknown", "no data")))
    assert release.outcome(found) is Outcome.INCONCLUSIVE
    assert release.checks(found)[-1].got == "unknown"


AROUND = Around(
    changes=("normal", "hotfix"), resources=("Replica cpu", "Replica mem", "Balancer queue"), slos=frozenset()
)


def problems(of: GameDayPlan) -> tuple[list[str], list[str]]:
    found = lint(of, Known(), AROUND)
    return [str(each) for each in found.problems], [str(each) for each in found.warnings]


def test_nothing_is_wrong_with_a_good_one() -> None:
    assert problems(plan()) == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "rate: 20/s, search: launch",
            "rate: 20/s, search: lunch",
            "plan.yaml:14: stage 'launch': there is no search 'lunch'; did you mean 'launch'?",
        ),
        (
            "rate: 20/s, search: launch",
            "rate: 20/s, search: peak",
            "plan.yaml:14: stage 'launch': there is no search 'peak'; known: growth, launch",
        ),
        (
            "most: 60/s",
            "most: 10/s",
            "plan.yaml:14: stage 'launch' needs 20/s, but the search 'launch' tries 10/s at most:"
            " it can never be shown to be carried",
        ),
        ("during: peak", "during: growth", "plan.yaml:17: during: there is no load 'growth'; known: peak"),
        (
            "change: normal",
            "change: norml",
            "plan.yaml:10: change: the error budget policy knows no 'norml' change; did you mean 'normal'?",
        ),
        (
            "Replica cpu",
            "Replca cpu",
            "plan.yaml:19: water line: the catalog watches no 'Replca cpu'; did you mean 'Replica cpu'?",
        ),
    ],
)
def test_what_it_names_must_be_there(old: str, new: str, message: str) -> None:
    assert problems(plan(old, new)) == ([message], [])


def test_without_a_catalog_nobody_knows_changes_and_resources() -> None:
    of = plan("Replica cpu", "Anything")
    assert lint(of, Known(), Around()).problems == []


def test_what_is_doubtful() -> None:
    assert problems(plan(", otherwise: note", "")) == (
        [],
        [
            "plan.yaml:8: step 'growth' is an outlook, and fails the game day where it fails:"
            " write `otherwise: note`"
        ],
    )
    assert problems(plan("peak: 12/s", "peak: 200/s")) == (
        [],
        [
            "plan.yaml:12: the forecast peak of 300/s is above every stage;"
            " it is compared with the traffic of 200/s"
        ],
    )
