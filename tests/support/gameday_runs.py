"""Run folders of a game day: its own, and beside it those of its load and of its experiments."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos import criteria as holding
from sretool.core.plans.chaos.criteria import AlertCriterion, Criteria, DoseCriterion
from sretool.core.plans.chaos.verdict import judge
from sretool.core.plans.gameday.judge import judge as judge_day
from sretool.core.runs import lines
from sretool.core.runs.events import (
    AlertChange,
    Answer,
    Asked,
    ChaosStep,
    FaultOff,
    FaultOn,
    LoadTick,
    Mark,
    Note,
    PhaseBegan,
    PlannedStep,
    RunEvent,
    RunnerEnded,
    SloTick,
    SourceState,
    Started,
    SteadyState,
    StepBegan,
    StepEnded,
    StepRun,
    WatchEnded,
    WorkerTick,
    WritesFound,
)
from sretool.core.runs.model import Check, Measures, Outcome, RunKind, Verdict
from tests.support.runs import RunClock, request_tick, store_at

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.runs import RunStore
    from sretool.adapters.store.writer import RunWriter
    from sretool.core.runs.events import What
    from sretool.core.runs.model import RunRecord

BEGAN: Final = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
CLAIMS: Final = (
    Check("detected <= 2m", 120.0, unit="s"),
    Check("acked <= 5m", 300.0, unit="s"),
    Check("recovered <= 5m", 300.0, unit="s"),
    Check("lost writes <= 0", 0.0),
    Check("experiments pass", "all"),
    Check("checks pass", "all"),
    Check("undone", "all"),
)


@dataclass(frozen=True, slots=True)
class Drill:
    """One experiment; times are seconds from the game day's begin."""

    name: str
    fault: str
    target: str
    begin: int
    on: int
    off: int
    end: int
    alert: str
    fires: int
    acked: int | None
    resolved: int
    within: float = 60.0
    harm: float = 0.08
    """Share of the requests that fail in the first seconds of the fault."""
    lost: int | None = None
    """Writes; None: nobody keeps a ledger."""
    services: tuple[str, ...] = ("learning",)

    @property
    def criteria(self) -> Criteria:
        written = self.lost is not None
        return Criteria(
            asked_before=True,
            asked_after=True,
            actions=("make the fault",),
            probes=("its strength",),
            dose=DoseCriterion(1.0, "", 0.0, "its strength"),
            expected_alerts=(AlertCriterion(self.alert, self.within),),
            unexpected_fail=False,
            budget_price=0.2,
            rto_s=300.0 if written else None,
            rpo_s=60.0 if written else None,
            max_targets=1,
            recovery_deadline_s=300.0,
        )


DRILLS: Final = (
    Drill("memory-leak", "memory 90% of the limit", "app-1", 60, 75, 150, 205, "ContainerMemoryHigh",
          107, 132, 170),
    Drill("cpu-throttle", "CPU 50% of the limit", "app-2", 250, 262, 330, 380, "HttpP95LatencyHigh",
          340, 361, 372, within=45.0, harm=0.02),
    Drill("network-latency", "latency 200ms", "app-1 → pg-1", 400, 415, 480, 530, "HttpP95LatencyHigh",
          443, 470, 510, harm=0.01),
    Drill("db-failover", "kill pg-1", "pg-1 (pid 812)", 560, 590, 650, 760, "DatabasePrimaryDown",
          611, None, 690, harm=0.6, lost=2, services=("learning", "statistics", "admin")),
)  # fmt: skip


@dataclass
class Script:
    """A run whose events say themselves when they happened."""

    run: RunWriter
    began: datetime
    told: list[tuple[float, What]] = field(default_factory=list)

    def at(self, t: float, what: What) -> None:
        self.told.append((t, what))

    def write(self) -> list[RunEvent]:
        """In the order of their time."""
        self.told.sort(key=lambda each: each[0])
        return [self.run.record(what, at=self.began + timedelta(seconds=t), t=t) for t, what in self.told]


def gameday(
    state: Path,
    *,
    began: datetime = BEGAN,
    drills: tuple[Drill, ...] = DRILLS,
    title: str = "The four experiments of the quarter",
    runbooks: str = "no",
) -> RunWriter:
    """A game day of fifteen minutes that nobody has judged yet; its children are over.

    `runbooks`: what the responder answers whether they were right.
    """
    store, clock = store_at(state, RunClock(began))
    run = store.create(
        RunKind.GAMEDAY, title, targets=["learning", "statistics", "admin"], versions={"sretool": "0.1"}
    )
    run.keep_input(
        "amas-quarterly.yaml", b"name: amas-quarterly\n", "experiments/gamedays/amas-quarterly.yaml"
    )
    script = Script(run, began)
    steps = planned(drills)
    script.at(
        0,
        Started(
            RunKind.GAMEDAY,
            title,
            900,
            checks=CLAIMS,
            guards=("budget > 60%", "blind 60s", "after 100m"),
            people={"lead": "ann", "responder": "mia"},
            blast_radius=tuple(f"{each.name}: {each.target}" for each in drills),
            steps=steps,
            plan_hash="77aa" * 16,
        ),
    )
    script.at(0, PhaseBegan("steps"))
    script.at(0, SourceState("prometheus", ok=True))
    script.at(0, SourceState("alertmanager", ok=True))
    folder, load = _load(store, clock, run.run.id, drills, script)
    for drill in drills:
        _drill(store, clock, run.run.id, drill, script)
    clock.at(0.0)
    _people(script, runbooks)
    _slos(script, drills)
    script.at(1, StepBegan("evening"))
    script.at(1.2, StepRun("evening", folder.name))
    for id_, begin, end in (("baseline", 1.5, 60), ("calm", 206, 250), ("breath", 380, 400)):
        script.at(begin, StepBegan(id_))
        script.at(end, StepEnded(id_, Outcome.PASSED))
    script.at(850, PhaseBegan("ending"))
    script.at(862, StepEnded("evening", Outcome.PASSED, load=load.measures.load))
    script.at(862, PhaseBegan("settling"))
    script.at(898, SourceState("prometheus", ok=True))
    script.at(898, SourceState("alertmanager", ok=True))
    script.at(899, WatchEnded(len(script.told)))
    script.write()
    clock.at(900.0)
    return run


def judged(run: RunWriter) -> RunWriter:
    """Over, with the verdict that its events give."""
    verdict, measures = judge_day(read(run.folder))
    run.finish(verdict, Measures(gameday=measures))
    return run


def read(folder: Path) -> list[RunEvent]:
    found = [lines.decode(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]
    return [each for each in found if each is not None]


def planned(drills: tuple[Drill, ...]) -> tuple[PlannedStep, ...]:
    experiments = {
        each.name: PlannedStep(
            each.name, "experiment", each.name, earliest_s=each.begin, latest_s=each.end + 60
        )
        for each in drills
    }
    order: list[PlannedStep] = [
        PlannedStep("evening", "load", "evening, 20/s", earliest_s=0, latest_s=900),
        PlannedStep("baseline", "wait", "wait 1m", earliest_s=0, latest_s=60),
    ]
    for name, then in (
        ("memory-leak", PlannedStep("calm", "wait for", "no page", latest_s=510)),
        ("cpu-throttle", PlannedStep("breath", "wait", "wait 20s")),
        (
            "network-latency",
            PlannedStep("degraded", "check", "the dashboard showed which service", "responder"),
        ),
        ("db-failover", PlannedStep("runbooks", "check", "each alert led to a runbook", "responder")),
    ):
        order += [experiments[name], then] if name in experiments else [then]
    order.append(PlannedStep("actions", "ask", "What is to be mended before the next game day?", "lead"))
    return tuple(order)


def _people(script: Script, runbooks: str) -> None:
    script.at(531, StepBegan("degraded"))
    that = "the dashboard showed which service was degraded, and why"
    script.at(531, Asked("degraded", "responder", that, ("yes", "no"), 120))
    script.at(548, Answer("degraded", "yes", "mia"))
    script.at(548, StepEnded("degraded", Outcome.PASSED))
    script.at(761, StepBegan("runbooks"))
    that = "each alert led to a runbook, and its steps were right"
    script.at(761, Asked("runbooks", "responder", that, ("yes", "no"), 180))
    good = runbooks == "yes"
    script.at(790, Answer("runbooks", runbooks, "mia"))
    outcome = Outcome.PASSED if good else Outcome.FAILED
    script.at(790, StepEnded("runbooks", outcome, "" if good else f"responder: not so: {that}"))
    script.at(791, StepBegan("actions"))
    script.at(
        791, Asked("actions", "lead", "What is to be mended before the next game day, and by whom?", (), 300)
    )
    script.at(838, Answer("actions", "The page of the database reached nobody: mia fixes the route", "ann"))
    script.at(838, StepEnded("actions", Outcome.PASSED))
    script.at(118, Note("graph of the heap is missing on the dashboard", "mia"))
    script.at(300, Mark("ann", "queue grows"))
    script.at(702, Mark("ann"))


def _harm(drills: tuple[Drill, ...], t: float) -> tuple[float, float]:
    """Share of the requests that fail, and how much longer they take."""
    for each in drills:
        if each.on <= t < each.off:
            fresh = math.exp(-(t - each.on) / 14)
            return each.harm * fresh, 1 + 3.2 * math.exp(-(t - each.on) / 60)
    return 0.0004, 1.0


def _tick(drills: tuple[Drill, ...], second: int) -> LoadTick:
    failing, slow = _harm(drills, second)
    rate = round(20 + 2 * math.sin(second / 40))
    ticks = []
    for name, share, typical in (("POST /answer", 0.6, 0.05), ("GET /words", 0.4, 0.012)):
        count = round(rate * share)
        middle = typical * slow * (1 + 0.1 * math.sin(second / 7))
        failed = round(count * failing + 0.3 * (failing > 0.005))
        ticks.append(request_tick(name, [middle] * (count - 1) + [middle * 4], failed, "503 upstream"))
    return LoadTick(1.0, None, tuple(ticks), target_rate=float(rate), workers=(WorkerTick("w1", 0.21),))


def _load(
    store: RunStore, clock: RunClock, parent: str, drills: tuple[Drill, ...], day: Script
) -> tuple[Path, RunRecord]:
    clock.at(1.0)
    with store.create(RunKind.LOAD, "evening", targets=["http://127.0.0.1:8000"], parent=parent) as run:
        child = Script(run, day.began + timedelta(seconds=1))
        check = Check("errors below 5 %", 0.05, unit="ratio")
        child.at(0, Started(RunKind.LOAD, "evening", 900, checks=(check,)))
        for second in range(1, 860):
            tick = _tick(drills, second)
            child.at(float(second), tick)
            day.at(second + 1.05, tick)
        child.write()
        clock.at(861.0)
        story, _ = store.story(store.open(run.run.id))
        measured = story.load_measures()
        assert measured is not None
        assert measured.requests
        got = (measured.failures or 0) / measured.requests
        held = replace(check, got=got, ok=got <= 0.05)
        run.finish(Verdict(Outcome.PASSED, "every objective held", (held,)), Measures(load=measured))
    return run.folder, run.run


def _drill(store: RunStore, clock: RunClock, parent: str, drill: Drill, day: Script) -> None:
    clock.at(drill.begin)
    run = store.create(RunKind.CHAOS, drill.name, targets=drill.services, parent=parent,
                       versions={"sretool": "0.1", "chaostoolkit": "1.19"})  # fmt: skip
    run.keep_input(f"{drill.name}.yaml", b"title: it\n", f"experiments/{drill.name}.yaml")
    child = Script(run, day.began + timedelta(seconds=drill.begin))

    def at(t: float, what: What, *, relayed: bool = False) -> None:
        """`t`: of the game day."""
        child.at(t - drill.begin, what)
        if relayed:
            day.at(t + 0.05, what)

    of = drill.criteria
    on, end = drill.on, drill.end
    at(
        drill.begin,
        Started(
            RunKind.CHAOS,
            drill.name,
            checks=holding.to_hold(of),
            guards=("after 10m",),
            people={"lead": "ann"},
            criteria=holding.document(of),
            plan_hash="9f2c" * 16,
        ),
    )
    for source in ("prometheus", "alertmanager"):
        at(drill.begin, SourceState(source, ok=True))
        at(end - 0.5, SourceState(source, ok=True))
    at(on - 2, SteadyState("before", met=True), relayed=True)
    for t, value in ((on - 1, 0.0), (on + 5, 1.0), (drill.off + 3, 0.0)):
        at(t, ChaosStep("method", "its strength", "probe", "started"))
        at(t + 0.1, ChaosStep("method", "its strength", "probe", "ok", value=value))
    at(on - 0.1, ChaosStep("method", "make the fault", "action", "started"))
    child.at(on - drill.begin, FaultOn("f1", drill.fault, drill.target, undo_ready=True, seconds=60))
    day.at(on + 0.02, FaultOn(f"{drill.name}/f1", drill.fault, drill.target, undo_ready=True, seconds=60))
    at(on + 0.1, ChaosStep("method", "make the fault", "action", "ok"))
    child.at(drill.off - drill.begin, FaultOff("f1"))
    day.at(drill.off + 0.02, FaultOff(f"{drill.name}/f1"))
    at(drill.off + 5, SteadyState("after", met=True), relayed=True)
    at(drill.off + 6, RunnerEnded("completed"))
    for second in range(end - drill.begin):
        child.at(second + 0.3, _tick((drill,), drill.begin + second))
        if second % 5 == 0:
            for tick in _ticks((drill,), drill.begin + second):
                child.at(second + 0.2, tick)
    for change, moment in _alerts(drill):
        child.at(moment - drill.begin, change)
        day.at(moment, replace(change, expected=None))
    if drill.lost is not None:
        found = WritesFound(
            acked=1834,
            lost=drill.lost,
            duplicated=0,
            resurrected=0,
            unknown=3,
            rto_s=12.4,
            rpo_s=0.8 if drill.lost else 0.0,
            promoted=True,
            split_brain=False,
            redundant=True,
        )
        at(end - 2, found, relayed=True)
    at(end - 0.4, WatchEnded(len(child.told)))
    happened = child.write()
    clock.at(end)
    run.finish(*judge(of, happened))
    verdict = run.run.verdict
    assert verdict is not None
    day.at(drill.begin, StepBegan(drill.name))
    day.at(drill.begin + 0.5, StepRun(drill.name, run.folder.name))
    why = "" if verdict.outcome is Outcome.PASSED else f"{drill.name} {verdict.outcome.value}"
    day.at(
        end, StepEnded(drill.name, verdict.outcome, why, True, run.run.measures.chaos, run.run.measures.load)
    )


def _alerts(drill: Drill) -> list[tuple[AlertChange, float]]:
    name, key = drill.alert, f"{drill.alert}-{drill.target}"
    found = [
        (
            AlertChange(name, "pending", "page", key, expected=True, for_s=15, interval_s=5),
            drill.fires - 15.0,
        ),
        (AlertChange(name, "firing", "page", key, expected=True, for_s=15, interval_s=5), float(drill.fires)),
        (AlertChange(name, "received", "page", key, expected=True), drill.fires + 1.0),
        (AlertChange(name, "resolved", "page", key, expected=True), float(drill.resolved)),
    ]
    if drill.acked is not None:
        found.append((AlertChange(name, "acknowledged", "page", key, by="mia"), float(drill.acked)))
    return found


def _ticks(drills: tuple[Drill, ...], t: float) -> list[SloTick]:
    failing, slow = _harm(drills, t)
    gone = [each for each in drills if each.on < t]
    spent = sum(0.06 * each.harm * min(1.0, (t - each.on) / 40) for each in gone)
    return [
        SloTick("amas/learning-availability", 1 - failing, failing / 0.001, spent),
        SloTick("amas/learning-latency", 0.99 - 0.02 * (slow - 1), (slow - 1) * 0.7 + 0.2, spent / 3),
    ]


def _slos(script: Script, drills: tuple[Drill, ...]) -> None:
    for second in range(5, 895, 5):
        for tick in _ticks(drills, second):
            script.at(second + 0.2, tick)
