"""How a step came out by its program's end, what of its events is told again, and when that happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sretool.cli import diagnostics
from sretool.core.analysis.generator import KEEPS_UP
from sretool.core.runs.events import (
    CapacityFound,
    ChaosStep,
    FaultOff,
    FaultOn,
    GuardTripped,
    LoadTick,
    Note,
    PhaseBegan,
    ProcessChange,
    SloTick,
    SteadyState,
    WritesFound,
)
from sretool.core.runs.model import (
    Check,
    LoadMeasures,
    Measures,
    Outcome,
    RunKind,
    RunRecord,
    RunState,
    Verdict,
)
from sretool.services import gameday_children
from sretool.services.gameday_children import Came, ChildEnd, Moments, came, relayed

if TYPE_CHECKING:
    from sretool.core.runs.events import What

T0 = datetime(2026, 11, 21, 10, tzinfo=UTC)
PASSED = Verdict(Outcome.PASSED, "all is well")
HELD = (Check("p95 < 500ms", 0.5, 0.1, "s", ok=True),)
UNKNOWN = (Check("p95 < 500ms", 0.5, None, "s"), Check(KEEPS_UP, "yes", "late", ok=None))
BROKEN = (Check("p95 < 500ms", 0.5, 0.9, "s", ok=False),)


def end(
    verdict: Verdict | None,
    *,
    kind: RunKind = RunKind.CHAOS,
    code: int = 0,
    state: RunState = RunState.FINISHED,
    left: tuple[str, ...] = (),
    requests: int | None = 100,
) -> ChildEnd:
    measures = Measures(load=LoadMeasures(requests=requests)) if kind is RunKind.LOAD else Measures()
    record = RunRecord("x", kind, "x", state, T0, verdict=verdict, measures=measures)
    return ChildEnd(code, record, "its last words", left)


@pytest.mark.parametrize(
    ("how", "asked", "expected"),
    [
        (end(PASSED), False, Came(Outcome.PASSED, "")),
        (end(Verdict(Outcome.FAILED, "too slow")), False, Came(Outcome.FAILED, "too slow")),
        (end(PASSED, left=("kill app-1: no",)), False, Came(Outcome.ERROR, "not undone: kill app-1: no")),
        (
            end(None, state=RunState.RUNNING, code=-9),
            False,
            Came(Outcome.ERROR, "its program was killed by signal 9"),
        ),
        (end(None, state=RunState.RUNNING, code=7), False, Came(Outcome.ERROR, "its program ended with 7")),
        # A load that is ended with the last step is judged by what it measured.
        (end(Verdict(Outcome.ABORTED, "by hand", HELD), kind=RunKind.LOAD), True, Came(Outcome.PASSED, "")),
        (
            end(Verdict(Outcome.ABORTED, "by hand", UNKNOWN), kind=RunKind.LOAD),
            True,
            Came(Outcome.INCONCLUSIVE, "not measured: p95 < 500ms"),
        ),
        (
            end(Verdict(Outcome.ABORTED, "by hand"), kind=RunKind.LOAD, requests=None),
            True,
            Came(Outcome.INCONCLUSIVE, "not one request was made"),
        ),
        (
            end(Verdict(Outcome.ABORTED, "by hand", BROKEN), kind=RunKind.LOAD),
            True,
            Came(Outcome.FAILED, "broken: p95 < 500ms"),
        ),
        (
            end(Verdict(Outcome.ABORTED, "by hand", HELD), kind=RunKind.LOAD),
            False,
            Came(Outcome.ABORTED, "by hand"),
        ),
        # No run was made.
        (
            ChildEnd(4, None, "refused (page): a page fires"),
            False,
            Came(Outcome.INCONCLUSIVE, "refused (page): a page fires"),
        ),
        (ChildEnd(3, None, "no connection"), False, Came(Outcome.ERROR, "no connection")),
        (ChildEnd(1, None, ""), False, Came(Outcome.ERROR, "its program ended with 1")),
        (ChildEnd(130, None, ""), False, Came(Outcome.ABORTED, "it was ended before it began")),
    ],
)
def test_how_a_step_came_out(how: ChildEnd, asked: bool, expected: Came) -> None:
    assert came(how, asked=asked) == expected


def test_its_program_ends_with_the_codes_of_the_command_line() -> None:
    assert gameday_children.REFUSED == diagnostics.ABORTED
    assert gameday_children.NOT_UNDONE == diagnostics.NOT_UNDONE
    assert gameday_children.ENDED_BY_HAND == diagnostics.INTERRUPTED


TICK = LoadTick(1.0, 3, ())


@pytest.mark.parametrize(
    ("kind", "what", "expected"),
    [
        ("load", TICK, TICK),
        ("capacity", TICK, None),
        ("load", ProcessChange("worker-1", "lost", 7), ProcessChange("a: worker-1", "lost", 7)),
        ("load", ProcessChange("worker-1", "started", 7), None),
        ("experiment", ProcessChange("app-1", "ended", 7), None),
        ("capacity", CapacityFound(10, 12, None), CapacityFound(10, 12, None)),
        ("experiment", FaultOn("f1", "kill"), FaultOn("a/f1", "kill")),
        ("experiment", FaultOff("f1", "healed"), FaultOff("a/f1", "healed")),
        ("experiment", GuardTripped("burn > 10", "it burns"), GuardTripped("a: burn > 10", "it burns")),
        ("experiment", GuardTripped("interrupted", "by SIGTERM"), None),
        ("load", GuardTripped("p95 < 1s", "broken"), None),
        ("experiment", SteadyState("before", met=True), SteadyState("before", met=True)),
        ("experiment", WritesFound(acked=3), WritesFound(acked=3)),
        ("experiment", SloTick("a/b", 1.0), None),
        ("experiment", PhaseBegan("method"), None),
        ("experiment", ChaosStep("method", "kill", "action", "ok"), None),
        ("experiment", Note("by the way"), None),
    ],
)
def test_what_is_told_again(kind: str, what: What, expected: What | None) -> None:
    assert relayed("a", kind, what) == expected


def test_moments_of_a_child_stand_where_they_happened() -> None:
    moments = Moments()
    # Ours shows 10 when the child's shows 0; what it tells is read late, and never early.
    assert moments.ours(0.0, 10.4) == pytest.approx(10.4)
    assert moments.ours(1.0, 11.1) == pytest.approx(11.1)
    assert moments.ours(2.0, 14.0) == pytest.approx(12.1)
    assert moments.ours(1.5, 14.0) == pytest.approx(11.6)
