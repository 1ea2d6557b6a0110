"""Run folders of experiments, as a supervisor writes them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sretool.adapters.store.runs import RunStore
from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.criteria import AlertCriterion, Criteria, DoseCriterion
from sretool.core.plans.chaos.verdict import judge
from sretool.core.runs import lines
from sretool.core.runs.events import (
    AlertChange,
    ChaosStep,
    FaultOff,
    FaultOn,
    LoadTick,
    Note,
    PhaseBegan,
    PlannedPhase,
    ProcessChange,
    RunnerEnded,
    ServerWrites,
    SloTick,
    SourceState,
    Started,
    SteadyState,
    TrafficTick,
    WatchEnded,
    WritesFound,
)
from sretool.core.runs.model import RunKind
from tests.support.runs import request_tick

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.writer import RunWriter
    from sretool.core.runs.events import What

BEGAN = datetime(2026, 11, 20, 2, 50, tzinfo=UTC)

FAILOVER = Criteria(
    asked_before=True,
    asked_during=False,
    asked_after=True,
    actions=("kill the primary",),
    probes=("primary answers",),
    dose=DoseCriterion(0.0, "", 0.0, "primary answers"),
    expected_alerts=(AlertCriterion("DatabasePrimaryDown", 60.0),),
    budget_price=0.02,
    rto_s=30.0,
    rpo_s=0.0,
    max_targets=1,
    recovery_deadline_s=300.0,
)


class Script:
    """A run whose events say themselves when they happened."""

    def __init__(self, run: RunWriter) -> None:
        self.run = run
        self.written = 0

    def at(self, t: float, what: What) -> None:
        self.run.record(what, at=BEGAN + timedelta(seconds=t), t=t)
        self.written += 1


def failover(
    state: Path, *, seconds: int = 180, fault: float = 30.0, lost: int = 0, watched: bool = True
) -> RunWriter:
    """A primary is killed, a standby takes over; everything has been watched, the verdict is still open.

    `lost`: acknowledged writes that are not there afterwards; not `watched`: it breaks off before the end.
    """
    clock = [0.0]
    store = RunStore(state, now=lambda: BEGAN + timedelta(seconds=clock[0]), monotonic=lambda: clock[0])
    run = store.create(
        RunKind.CHAOS, "db-failover", targets=["pg-1"], versions={"sretool": "0.1", "chaostoolkit": "1.19"}
    )
    run.keep_input("db-failover.yaml", b"title: db-failover\n", "experiments/db-failover.yaml")
    script = Script(run)
    back = fault + 12.4
    script.at(
        0,
        Started(
            RunKind.CHAOS,
            "db-failover",
            phases=(PlannedPhase("baseline", fault), PlannedPhase("method"), PlannedPhase("recovery", 300)),
            checks=holding.to_hold(FAILOVER),
            guards=("burn > 14.4", "budget > 5%", "after 10m", "blind 30s"),
            people={"lead": "ann"},
            blast_radius=("pg-1 (pid 812), 1 of 2 database servers",),
            criteria=holding.document(FAILOVER),
            plan_hash="9f2c" * 16,
        ),
    )
    script.at(0, SourceState("prometheus", ok=True))
    script.at(0, SourceState("alertmanager", ok=True))
    script.at(0.1, PhaseBegan("baseline"))
    _watched(script, seconds, fault, back)
    script.at(fault - 1.2, SteadyState("before", met=True))
    script.at(fault - 0.8, ChaosStep("method", "primary answers", "probe", "started"))
    script.at(fault - 0.7, ChaosStep("method", "primary answers", "probe", "ok", value=1.0))
    script.at(fault - 0.1, PhaseBegan("method"))
    script.at(fault - 0.05, ChaosStep("method", "kill the primary", "action", "started"))
    script.at(fault, FaultOn("f1", "kill pg-1", "pg-1 (pid 812)", undo_ready=True, seconds=60))
    script.at(fault + 0.1, ChaosStep("method", "kill the primary", "action", "ok"))
    script.at(fault + 0.2, ProcessChange("pg-1", "killed", 812))
    script.at(fault + 5, ChaosStep("method", "primary answers", "probe", "started"))
    script.at(fault + 5.1, ChaosStep("method", "primary answers", "probe", "ok", value=0.0))
    _alerts(script, fault)
    script.at(back, ProcessChange("pg-2", "promoted", 840))
    script.at(fault + 60, FaultOff("f1", "undone"))
    script.at(fault + 61, ProcessChange("pg-1", "started", 991, "as a standby"))
    script.at(fault + 64, ChaosStep("method", "primary answers", "probe", "started"))
    script.at(fault + 64.1, ChaosStep("method", "primary answers", "probe", "ok", value=1.0))
    script.at(fault + 65, SteadyState("after", met=True))
    script.at(fault + 66, RunnerEnded("completed"))
    script.at(fault + 66, PhaseBegan("recovery"))
    script.at(fault + 70, Note("retry storm on the worker", "ann"))
    script.at(
        seconds - 2,
        WritesFound(
            acked=4321,
            lost=lost,
            duplicated=0,
            resurrected=0,
            unknown=37,
            rto_s=12.4,
            rpo_s=0.8 if lost else 0.0,
            first_failed_after_s=0.02,
            servers=(ServerWrites("pg-1", 900, 0), ServerWrites("pg-2", 0, 3421, 12.4)),
            promoted=True,
            split_brain=False,
            redundant=True,
        ),
    )
    clock[0] = float(seconds)
    if watched:
        script.at(seconds, SourceState("prometheus", ok=True))
        script.at(seconds, SourceState("alertmanager", ok=True))
        script.at(seconds, WatchEnded(script.written))
    return run


def judged(run: RunWriter) -> RunWriter:
    """Over, with the verdict that its events give."""
    happened = [lines.decode(line) for line in (run.folder / "events.jsonl").read_bytes().splitlines()]
    run.finish(*judge(FAILOVER, [event for event in happened if event is not None]))
    return run


def _watched(script: Script, seconds: int, fault: float, back: float) -> None:
    """A second of load and figures each."""
    spent = 0.0
    for second in range(1, seconds):
        out = fault < second < back
        warm = back <= second < back + 20
        failing = 0.62 if out else 0.03 if warm else 0.0004
        rate = 118 + 9 * math.sin(second / 6)
        typical = 0.9 if out else 0.16 if warm else 0.05 + 0.006 * math.sin(second / 5)
        requests = round(rate)
        tail = max(requests // 50, 1)
        latencies = [typical] * (requests - tail) + [typical * 5] * tail
        tick = request_tick("POST /answer", latencies, round(requests * failing), "503 upstream")
        script.at(float(second), LoadTick(1.0, None, (tick,), target_rate=120.0))
        burn = max(0.0, min(1.0, (second - fault) / 12) * 11 - max(0.0, (second - back - 30) / 9))
        spent += burn / 86400
        if second % 5 == 0:
            burn = burn if second > fault else 0.2
            script.at(second + 0.2, SloTick("amas/learning-availability", 1 - burn / 1000, burn, spent))
            script.at(second + 0.2, SloTick("amas/learning-latency", 0.997, burn / 3, spent / 2))
            gone = fault < second < fault + 60
            script.at(second + 0.3, TrafficTick("app-1", 0.52 if not gone else 0.44))
            script.at(second + 0.3, TrafficTick("app-2", 0.48 if not gone else 0.56))


def _alerts(script: Script, fault: float) -> None:
    at = BEGAN + timedelta(seconds=fault + 8)
    name = "DatabasePrimaryDown"
    script.at(
        fault + 9, AlertChange(name, "pending", "page", "a1", expected=True, since=at, for_s=15, interval_s=5)
    )
    script.at(fault + 26, AlertChange(name, "firing", "page", "a1", expected=True, for_s=15, interval_s=5))
    script.at(fault + 27, AlertChange(name, "received", "page", "a1", expected=True))
    script.at(fault + 40, AlertChange(name, "acknowledged", "page", "a1", by="mia"))
    script.at(fault + 75, AlertChange(name, "resolved", "page", "a1", expected=True))
    script.at(fault + 21, AlertChange("HttpP95LatencyHigh", "pending", "ticket", "a2", expected=False))
    script.at(fault + 50, AlertChange("HttpP95LatencyHigh", "resolved", "ticket", "a2", expected=False))
