"""A game day that goes on: its run folder as whoever carries it out writes it, up to some second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.runs.events import (
    AlertChange,
    Answer,
    Asked,
    Checked,
    FaultOff,
    FaultOn,
    Mark,
    PhaseBegan,
    PlannedStep,
    SloTick,
    SourceState,
    Started,
    SteadyState,
    StepBegan,
    StepEnded,
    StepRun,
)
from sretool.core.runs.model import Check, Outcome, RunKind
from tests.support.runs import load_tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.adapters.store.runs import RunStore
    from sretool.adapters.store.writer import RunWriter
    from sretool.core.runs.events import What
    from tests.support.runs import RunClock

STEPS: Final = (
    PlannedStep("evening", "load", "load evening", earliest_s=0, latest_s=1200),
    PlannedStep("baseline", "wait", "wait 40s", earliest_s=0, latest_s=0),
    PlannedStep("kill", "experiment", "experiment replica-crash", earliest_s=40, latest_s=220),
    PlannedStep("guess", "ask", "ask lead", role="lead", earliest_s=100, latest_s=400),
    PlannedStep("pause", "wait", "wait 20s", hidden=True, earliest_s=110, latest_s=420),
    PlannedStep("secret", "experiment", "experiment cache-loss", hidden=True, earliest_s=130, latest_s=700),
    PlannedStep("noticed", "check", "check lead", role="lead", earliest_s=200, latest_s=900),
)
CLAIMS: Final = (
    Check("sli amas/learning-availability >= 99%", 0.99, unit="ratio"),
    Check("detected <= 2m", 120.0, unit="s"),
    Check("acked <= 5m", 300.0, unit="s"),
    Check("lost writes <= 0", 0.0),
    Check("experiments pass", "all"),
    Check("undone", "all"),
)
QUESTION: Final = "How many requests failed while the replica was away, and who would have noticed?"

_SCRIPT: Final[tuple[tuple[int, What], ...]] = (
    (0, PhaseBegan("steps")),
    (0, SourceState("prometheus", ok=True)),
    (0, SourceState("alertmanager", ok=True)),
    (0, StepBegan("evening")),
    (0, StepRun("evening", "20261120T025000Z-load-evening-a12345")),
    (1, StepBegan("baseline")),
    (41, StepEnded("baseline", Outcome.PASSED)),
    (41, StepBegan("kill")),
    (42, SteadyState("before", met=True)),
    (45, FaultOn("kill/f1", "kill app-2", "app-2", undo_ready=True, seconds=60)),
    (62, AlertChange("ReplicaDown", "pending", "page", "a1", expected=True)),
    (77, AlertChange("ReplicaDown", "firing", "page", "a1", expected=True)),
    (90, Mark("ann", "retries rise")),
    (95, AlertChange("ReplicaDown", "acknowledged", "page", "a1", by="bo")),
    (105, FaultOff("kill/f1", "undone")),
    (112, SteadyState("after", met=True)),
    (113, AlertChange("ReplicaDown", "resolved", "page", "a1")),
    (115, StepEnded("kill", Outcome.PASSED)),
    (115, StepBegan("guess")),
    (115, Asked("guess", "lead", QUESTION, seconds=300)),
    (150, Answer("guess", "about 12", "ann")),
    (150, StepEnded("guess", Outcome.PASSED)),
    (150, StepBegan("pause")),
    (160, StepEnded("pause", Outcome.PASSED)),
    (160, StepBegan("secret")),
    (162, StepRun("secret", "20261120T025242Z-chaos-cache-loss-b12345")),
    (165, SteadyState("before", met=True, text="the cache answers")),
    (170, FaultOn("secret/f1", "blackhole cache-1", "cache-1", undo_ready=True, seconds=60)),
    (195, AlertChange("CacheDown", "firing", "ticket", "a2", expected=True)),
    (230, FaultOff("secret/f1", "undone")),
    (240, AlertChange("CacheDown", "resolved", "ticket", "a2")),
    (245, StepEnded("secret", Outcome.FAILED, "cache-loss failed")),
    (245, StepBegan("noticed")),
    (245, Asked("noticed", "lead", "nobody who was learning noticed anything", ("yes", "no"), 120)),
)


def live(store: RunStore, clock: RunClock, until: int, more: Sequence[What] = ()) -> RunWriter:
    """What happened up to that second, then `more` at once; the caller closes it."""
    run = store.create(RunKind.GAMEDAY, "amas-quarterly", targets=["amas"], versions={"sretool": "0.1"})
    run.record(
        Started(
            RunKind.GAMEDAY,
            "amas-quarterly",
            900,
            checks=CLAIMS,
            guards=("burn > 100", "budget > 15%", "blind 30s", "after 45m"),
            people={"lead": "ann", "on-call": "bo"},
            blast_radius=("app-2: one of two replicas", "one of four hidden faults"),
            users=300,
            steps=STEPS,
        )
    )
    for second in range(until + 1):
        for at, what in _SCRIPT:
            if at == second:
                run.record(what)
        faulty = 45 <= second < 105 or 170 <= second < 230
        if second:
            clock.sleep(1)
            run.record(load_tick(second, slow=2.5 if faulty else 1.0, failing=0.02 if faulty else 0.0))
        if second % 5 == 0:
            spent = max(min(second, 105) - 45, 0) / 3000
            sli = 0.9962 if faulty else 0.9999
            run.record(SloTick("amas/write-durability", 1.0, 0.0, 0.0))
            run.record(SloTick("amas/learning-availability", sli, 3.8 if faulty else 0.1, spent))
            run.record(Checked(Check(CLAIMS[0].name, 0.99, min(sli + 0.001, 1.0), "ratio")))
        if second == 80:
            run.record(Checked(Check("detected <= 2m", 120.0, 32.0, "s", ok=True)))
        if second == 95:
            run.record(Checked(Check("acked <= 5m", 300.0, 18.0, "s", ok=True)))
    for what in more:
        run.record(what)
    return run
