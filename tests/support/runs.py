"""Run folders as the programs that load and disturb things write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sretool.adapters.store.runs import RunStore
from sretool.core.analysis.latency import Histogram
from sretool.core.runs.events import (
    AlertChange,
    ChaosStep,
    Checked,
    FaultOff,
    FaultOn,
    GuardTripped,
    LoadTick,
    Note,
    PhaseBegan,
    PlannedPhase,
    ProcessChange,
    RequestTick,
    SloTick,
    Started,
    WorkerTick,
)
from sretool.core.runs.model import ChaosMeasures, Check, Measures, Outcome, RunKind, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sretool.adapters.store.writer import RunWriter

BEGAN = datetime(2026, 11, 20, 2, 50, tzinfo=UTC)


class RunClock:
    """Time that a test lets pass."""

    def __init__(self, now: datetime = BEGAN) -> None:
        self.began = now
        self.current = now

    def now(self) -> datetime:
        return self.current

    def monotonic(self) -> float:
        return (self.current - self.began).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.current += timedelta(seconds=seconds)

    def at(self, seconds: float) -> None:
        """Be set to so long after its begin."""
        self.current = self.began + timedelta(seconds=seconds)


def store_at(state: Path, clock: RunClock | None = None) -> tuple[RunStore, RunClock]:
    clock = clock or RunClock()
    return RunStore(state, now=clock.now, monotonic=clock.monotonic), clock


def request_tick(name: str, latencies: Sequence[float], failures: int = 0, error: str = "") -> RequestTick:
    """Requests that took these seconds, as a generator counts them."""
    counted = Histogram()
    counted.add([seconds * 1e9 for seconds in latencies])
    return RequestTick(
        name,
        counted.count,
        failures,
        counted.counts(),
        bytes=200 * counted.count,
        least=counted.least / 1e9 if counted.count else None,
        most=counted.most / 1e9 if counted.count else None,
        total=counted.total / 1e9 if counted.count else None,
        errors={error: failures} if error and failures else {},
    )


def load_tick(second: int, *, slow: float = 1.0, failing: float = 0.0) -> LoadTick:
    """One second of three kinds of requests, rising to 120 a second within half a minute."""
    rate = round(120 * min(1.0, (second + 1) / 30))
    names = (("GET /words", 0.5, 0.011), ("POST /answer", 0.3, 0.12), ("GET /stats", 0.2, 0.03))
    ticks = []
    for name, share, typical in names:
        count = round(rate * share)
        bad = round(count * failing) if name == "POST /answer" else 0
        middle = round(typical * slow * (1 + 0.1 * math.sin(second / 7)), 4)
        tail = max(count // 50, 1)
        ticks.append(
            request_tick(name, [middle] * max(count - tail, 0) + [middle * 4] * min(tail, count), bad)
        )
    failed = sum(tick.failures for tick in ticks)
    return LoadTick(
        seconds=1.0,
        users=min(10 * (second + 1), 300),
        requests=tuple(ticks),
        target_rate=float(rate),
        late_starts=0,
        errors={"503 upstream": failed} if failed else {},
        workers=(WorkerTick("w1", 0.41), WorkerTick("w2", 0.93 if slow > 2 else 0.38)),
    )


LOAD_CHECKS = (
    Check("p99 below 500 ms", 0.5, unit="s"),
    Check("errors below 1 %", 0.01, unit="ratio"),
)


def begin_load(store: RunStore, title: str = "answers-peak") -> RunWriter:
    run = store.create(
        RunKind.LOAD, title, targets=["http://127.0.0.1:8000"], versions={"sretool": "0.1", "locust": "2.43"}
    )
    run.record(Started(RunKind.LOAD, title, 120, checks=LOAD_CHECKS, users=300))
    return run


def passed_load(store: RunStore, clock: RunClock, title: str = "answers-peak", seconds: int = 60) -> Path:
    with begin_load(store, title) as run:
        for second in range(seconds):
            clock.sleep(1)
            run.record(load_tick(second))
        story, _ = store.story(store.open(run.run.id))
        measured = story.load_measures()
        assert measured is not None
        checks = (
            Check("p99 below 500 ms", 0.5, measured.p99_s, "s", ok=True),
            Check("errors below 1 %", 0.01, 0.0, "ratio", ok=True),
        )
        run.finish(Verdict(Outcome.PASSED, "both checks held", checks), Measures(load=measured))
    return run.folder


def running_load(store: RunStore, clock: RunClock, seconds: int = 40) -> RunWriter:
    """Still being written: the caller closes it."""
    run = begin_load(store)
    for second in range(seconds):
        clock.sleep(1)
        run.record(load_tick(second, slow=3.5 if second > 30 else 1.0, failing=0.05 if second > 30 else 0.0))
    run.record(Checked(Check("p99 below 500 ms", 0.5, 1.68, "s", ok=False)))
    return run


def torn_load(store: RunStore, clock: RunClock) -> Path:
    """Its program was killed within a line."""
    run = begin_load(store, "answers-night")
    for second in range(20):
        clock.sleep(1)
        run.record(load_tick(second))
    run.close()
    events = run.folder / "events.jsonl"
    events.write_bytes(events.read_bytes()[:-40])
    return run.folder


def begin_game_day(store: RunStore, title: str = "primary-loss") -> RunWriter:
    run = store.create(RunKind.GAMEDAY, title, targets=["amas"], versions={"sretool": "0.1"})
    run.record(
        Started(
            RunKind.GAMEDAY,
            title,
            300,
            phases=(
                PlannedPhase("baseline", 60),
                PlannedPhase("fault", 120),
                PlannedPhase("recover", 60),
                PlannedPhase("verify", 60),
            ),
            checks=(
                Check("learning-availability", 0.995, unit="ratio"),
                Check("p99 below 2 s", 2.0, unit="s"),
                Check("alert within 120 s", 120, unit="s"),
                Check("writes again within 5 m", 300, unit="s"),
            ),
            guards=("budget use > 2%", "p99 > 2s"),
            people={"lead": "ann", "scribe": "bo", "on-call": "mia"},
            blast_radius=("pg-1 only, 1 of 2 database nodes", "environment TEST"),
        )
    )
    return run


def _until_fault(run: RunWriter, clock: RunClock, seconds: int) -> None:
    run.record(PhaseBegan("baseline"))
    for second in range(min(seconds, 60)):
        clock.sleep(1)
        run.record(load_tick(second))
        if second % 15 == 0:
            run.record(SloTick("amas/learning-availability", 0.9999, 0.1, 0.0))
    run.record(PhaseBegan("fault"))
    run.record(ChaosStep("method", "kill pg-1", "action", "started"))
    run.record(FaultOn("f1", "kill pg-1", "pg-1", undo_ready=True, seconds=120))
    run.record(ProcessChange("pg-1", "killed", 4711))
    for second in range(60, seconds):
        clock.sleep(1)
        run.record(load_tick(second, slow=2.5, failing=0.02))
        if second % 15 == 0:
            run.record(SloTick("amas/learning-availability", 0.9962, 3.8, 0.004))
        if second == 75:
            run.record(AlertChange("DatabasePrimaryDown", "pending", "page", "a1", expected=True))
        if second == 105:
            run.record(AlertChange("DatabasePrimaryDown", "firing", "page", "a1", expected=True))
            run.record(Checked(Check("alert within 120 s", 120, 45, "s", ok=True)))
        if second == 110:
            run.record(FaultOn("f2", "latency 200ms app-1 → pg-2", "pg-2", undo_ready=True, seconds=60))
            run.record(AlertChange("HttpP95LatencyHigh", "firing", "ticket", "a2", expected=False))
        if second == 120:
            run.record(AlertChange("DatabasePrimaryDown", "acknowledged", "page", "a1", by="mia"))
            run.record(Note("retry storm on the worker", "ann"))


def running_game_day(store: RunStore, clock: RunClock, seconds: int = 130) -> RunWriter:
    """In its fault phase: the caller closes it."""
    run = begin_game_day(store)
    _until_fault(run, clock, seconds)
    run.record(Checked(Check("learning-availability", 0.995, 0.9962, "ratio", ok=True)))
    return run


def aborted_game_day(store: RunStore, clock: RunClock) -> Path:
    with begin_game_day(store, "zone-loss") as run:
        _until_fault(run, clock, 90)
        run.record(GuardTripped("budget use > 2%", "2.3% against 2%"))
        run.record(FaultOff("f1", "healed"))
        run.finish(
            Verdict(
                Outcome.ABORTED,
                "a guard tripped: budget use 2.3%; everything undone",
                (Check("learning-availability", 0.995, 0.9962, "ratio", ok=True),),
            ),
            Measures(chaos=ChaosMeasures(rto_s=12.5, lost_writes=0, dose=1.0, budget_spent=0.023)),
        )
    return run.folder
