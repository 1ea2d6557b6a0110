"""Whether a fault was as strong as ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.criteria import Criteria, DoseCriterion
from sretool.core.plans.chaos.dose import checks, measure
from sretool.core.plans.chaos.timeline import Timeline
from sretool.core.runs.events import ChaosStep, FaultOff, FaultOn, RunnerEnded
from tests.support.drills import event

if TYPE_CHECKING:
    from sretool.core.plans.chaos.dose import DoseFound
    from sretool.core.runs.events import What

LATENCY = DoseCriterion(0.2, "s", 0.01, "delay", added=True)
CPU = DoseCriterion(0.5, "ratio", 0.05, "delay")
Happened = tuple[float, "What"]


def asked(t: float, value: float | None, took: float = 0.5, *, ok: bool = True) -> list[Happened]:
    return [
        (t, ChaosStep("method", "delay", "probe", "started")),
        (t + took, ChaosStep("method", "delay", "probe", "ok" if ok else "failed", value=value)),
    ]


def fault(on: float, off: float | None, name: str = "f") -> list[Happened]:
    ended: list[Happened] = [] if off is None else [(off, FaultOff(name))]
    return [(on, FaultOn(name, "slow", undo_ready=True)), *ended]


def found(of: DoseCriterion, *parts: list[Happened], unknown: tuple[str, ...] = ()) -> DoseFound:
    happened = [event(t, what) for part in parts for t, what in part]
    return measure(of, Timeline(Criteria(dose=of, unknown=unknown), happened))


def held(of: DoseCriterion, of_found: DoseFound) -> dict[str, bool | None]:
    return {each.name: each.ok for each in checks(of, of_found)}


def test_what_a_fault_adds_is_the_difference_to_before() -> None:
    made = found(LATENCY, asked(1, 0.05), fault(10, 20), asked(12, 0.25), asked(22, 0.06))
    assert (made.before, made.during, made.after) == (0.05, 0.25, 0.06)
    assert made.share(LATENCY) == pytest.approx(1.0)
    assert held(LATENCY, made) == {names.DOSE: True, names.DOSE_AFTER: True}


def test_without_the_figure_before_nothing_is_known_of_what_was_added() -> None:
    assert held(LATENCY, found(LATENCY, fault(10, 20), asked(12, 0.25))) == {names.DOSE: None}


def test_a_level_must_not_have_been_there_before() -> None:
    same = found(CPU, asked(1, 0.5), fault(10, 20), asked(12, 0.5))
    assert held(CPU, same) == {names.DOSE: True, names.DOSE_BEFORE: False}
    unasked = found(CPU, fault(10, 20), asked(12, 0.5))
    assert held(CPU, unasked) == {names.DOSE: True, names.DOSE_BEFORE: None}


def test_a_fault_that_is_felt_after_its_undo_shows() -> None:
    made = found(CPU, asked(1, 1.0), fault(10, 20), asked(12, 0.5), asked(25, 0.52))
    assert held(CPU, made)[names.DOSE_AFTER] is False
    slow = found(LATENCY, asked(1, 0.01), fault(10, 20), asked(12, 0.21), asked(25, 0.2))
    assert held(LATENCY, slow)[names.DOSE_AFTER] is False


@pytest.mark.parametrize("t", [9.8, 19.8])
def test_an_answer_during_which_the_fault_came_or_went_counts_nowhere(t: float) -> None:
    made = found(LATENCY, fault(10, 20), asked(t, 0.25))
    assert (made.before, made.during, made.after) == (None, None, None)


def test_the_end_of_a_ramp_counts() -> None:
    ramp = [step for number in range(5) for step in asked(11 + number, 0.1 * (number + 1))]
    assert found(CPU, asked(1, 0.0), fault(10, 20), ramp).during == 0.5


def test_an_answer_that_failed_at_the_end_is_no_answer() -> None:
    made = found(CPU, asked(1, 1.0), fault(10, 20), asked(12, 0.5), asked(15, None, ok=False))
    assert made.during is None


def test_pulses_one_after_another_are_one_fault_at_a_time() -> None:
    made = found(CPU, asked(1, 1.0), fault(10, 20, "a"), asked(12, 0.5), fault(30, 40, "b"), asked(32, 0.51))
    assert made.during == 0.51


def test_of_faults_together_the_time_counts_when_all_were_in() -> None:
    made = found(
        CPU,
        asked(1, 1.0),
        fault(10, 40, "a"),
        asked(12, 0.8),
        fault(20, 30, "b"),
        asked(22, 0.5),
        asked(32, 0.7),
    )
    assert made.during == 0.5


def test_an_action_that_tells_no_fault_is_one_until_the_end() -> None:
    action: list[Happened] = [
        (10.0, ChaosStep("method", "slow it", "action", "started")),
        (11.0, ChaosStep("method", "slow it", "action", "ok")),
        (20.0, RunnerEnded("completed")),
    ]
    made = found(CPU, asked(1, 1.0), action, asked(12, 0.5), unknown=("slow it",))
    assert (made.before, made.during) == (1.0, 0.5)
    assert found(CPU, asked(1, 1.0), action, asked(12, 0.5)).during is None


@given(st.floats(0.001, 1000), st.floats(0, 0.5), st.floats(-3, 3))
def test_a_dose_holds_within_its_tolerance_and_nowhere_else(want: float, part: float, off_by: float) -> None:
    of = DoseCriterion(want, "", want * part, "delay")
    strength = want * (1 + off_by * part)
    made = found(of, asked(1, want * 100), fault(10, 20), asked(12, strength))
    clear = abs(abs(off_by) - 1) > 0.01 and part > 0.001
    if clear:
        assert held(of, made)[names.DOSE] is (abs(off_by) < 1)
