"""A game day that is played second by second keeps to its timetable, however long its parts take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.plans.gameday import machine
from sretool.core.plans.gameday.machine import Machine
from sretool.core.plans.gameday.timetable import Known, arranged, timetable
from sretool.core.runs.model import Outcome
from tests.core.plans.gameday.test_timetable import experiment, plan

if TYPE_CHECKING:
    from sretool.core.plans.gameday.machine import Event

STEPS = """\
  - {id: traffic, load: evening, for: 30m}
  - {id: pause, wait: 10s}
  - {id: first, experiment: slow, under: traffic}
  - {id: calm, wait: no page, within: 30s}
  - {id: short, load: smoke, for: 50s}
  - {id: later, at: 3m, wait: 5s}
  - {id: gone, wait: load short ends, within: 2m}
  - id: chance
    shuffle: [{experiment: a}, {experiment: b}, {experiment: c}]
    pick: 2
    pause: [5s, 20s]
    under: traffic
  - {id: guess, ask: lead, question: which, within: 20s}
  - {id: search, capacity: stage-1, within: 1m}
  - {id: good, check: lead, that: it was, within: 20s}
"""
PLAN = plan(STEPS)
KNOWN = Known({each.id: experiment() for each in PLAN.experiments})
LOADS = {"traffic": 1800, "short": 50}
MOST = {
    "first": 100, "a": 100, "b": 100, "c": 100, "calm": 29, "guess": 19, "search": 59, "good": 19,
}  # fmt: skip
LEAST = 30
"""Seconds of an experiment."""


@given(st.integers(0, 1000), st.data())
@settings(max_examples=60, deadline=None)
def test_each_step_begins_and_ends_when_the_timetable_says(seed: int, data: st.DataObject) -> None:
    table = timetable(PLAN, KNOWN, seed)
    assert table.problems == ()
    slots = {each.step.id: each for each in table.slots}
    of = Machine(arranged(PLAN, seed))
    takes = {
        id_: data.draw(st.integers(LEAST if id_ in KNOWN.experiments else 0, most), label=id_)
        for id_, most in MOST.items()
    }
    pending: list[tuple[float, Event]] = [(0.0, machine.Begin())]
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    now = 0.0
    while of.phase is not machine.Phase.FINISHED:
        due = [each for each in pending if each[0] <= now]
        pending = [each for each in pending if each[0] > now]
        for event in (*(event for _, event in due), machine.Tick()):
            for command in of.take(now, event):
                pending += _answer(command, now, takes)
            for id_ in (*of.loads, *((of.step.id,) if of.step else ())):
                began.setdefault(id_, now)
            for id_ in of.outcomes:
                ended.setdefault(id_, now)
        now += 1.0
        assert now < 2000
    assert of.outcomes.keys() == slots.keys()
    assert set(of.outcomes.values()) == {Outcome.PASSED}
    for id_, slot in slots.items():
        assert slot.begin.most is not None
        assert slot.end.most is not None
        # What takes no time at all is over before it was seen to begin.
        assert slot.begin.least <= began.get(id_, ended[id_]) <= slot.begin.most, id_
        assert slot.end.least <= ended[id_] <= slot.end.most, id_


def _answer(command: machine.Command, now: float, takes: dict[str, int]) -> list[tuple[float, Event]]:
    """What the world says to a command."""
    match command:
        case machine.StartLoad(step):
            return [(now + LOADS[step], machine.StepDone(step, Outcome.PASSED))]
        case machine.StartExperiment(step) | machine.StartCapacity(step):
            return [(now + takes[step], machine.StepDone(step, Outcome.PASSED))]
        case machine.StopStep(step):
            return [(now, machine.StepDone(step, Outcome.PASSED))]
        case machine.Ask(step):
            return [(now + takes[step], machine.Answered(step, "yes"))]
        case machine.Watch(step):
            return [(now + takes[step], machine.Observed(step))]
        case _:
            return []
