"""Runs of an experiment made from a small world whose truth is known: what happened, and what was seen of it.

A world has a database that is hurt, an alert rule that is evaluated every so often, a client that writes, and
instruments that can fail. `Drill.events()` is what a run folder of it would hold.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sretool.core.plans.chaos.criteria import AlertCriterion, Criteria, DoseCriterion, document
from sretool.core.plans.chaos.recovery import writes_found
from sretool.core.runs.events import (
    AlertChange,
    ChaosStep,
    FaultOff,
    FaultOn,
    GuardTripped,
    LoadTick,
    PhaseBegan,
    RequestTick,
    RunEvent,
    RunnerEnded,
    SloTick,
    SourceState,
    Started,
    SteadyState,
    TrafficTick,
    WatchEnded,
    What,
)
from sretool.core.runs.model import RunKind

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNIX = BEGAN.timestamp()


@dataclass(slots=True)
class Ledger:
    """What became of a client's writes."""

    rate: float = 20.0
    promoted_after: float | None = 6.0
    """Seconds from the fault; None: never."""
    lost: int = 0
    duplicated: int = 0
    resurrected: int = 0
    split_brain: bool | None = False
    redundant: bool | None = True
    readable: bool = True
    miscounted: bool = False


@dataclass(slots=True)
class Drill:
    """The world, and how well it is seen. Times are seconds since the run began."""

    random: random.Random
    fault_at: float
    hold: float
    added: bool
    """Whether the dose's probe gives a figure that the fault adds to."""
    want: float
    usual: float
    """What that probe says without a fault."""
    strength: float = 1.0
    """Of what was ordered."""
    fades: bool = False
    """The fault is gone again before anybody undoes it."""
    for_s: float = 10.0
    interval_s: float = 2.0
    within: float = 60.0
    deadline: float = 120.0
    price: float = 0.05
    spent: float | None = 0.02
    alert_works: bool = True
    alert_delay: float = 0.0
    """The rule's group is evaluated late."""
    ledger: Ledger | None = field(default_factory=Ledger)
    seen: dict[str, Any] = field(default_factory=dict)
    """What the instruments do wrong, by name."""

    @classmethod
    def of(cls, seed: int) -> Drill:
        dice = random.Random(seed)
        added = dice.random() < 0.5
        return cls(
            random=dice,
            fault_at=dice.uniform(10, 40),
            hold=dice.uniform(45, 90),
            added=added,
            want=0.2 if added else 0.5,
            usual=dice.uniform(0.001, 0.02) if added else 1.0,
            strength=dice.uniform(0.97, 1.03),
            for_s=dice.choice([0.0, 5.0, 10.0]),
            interval_s=dice.choice([1.0, 2.0, 5.0]),
            spent=dice.uniform(0.001, 0.045),
            ledger=Ledger(rate=dice.choice([10.0, 50.0]), promoted_after=dice.uniform(2, 25)),
        )

    @property
    def criteria(self) -> Criteria:
        return Criteria(
            asked_before=True,
            asked_during=True,
            asked_after=True,
            actions=("hurt the database",),
            helpers=("put it back",),
            probes=("dose", "dose"),
            rollbacks=("put it back",),
            dose=DoseCriterion(self.want, "s", self.want * 0.05, "dose", self.added),
            expected_alerts=(AlertCriterion("DatabaseSlow", self.within),),
            received=True,
            blind_s=30.0,
            budget_price=self.price,
            rto_s=30.0 if self.ledger else None,
            rpo_s=0.0 if self.ledger else None,
            max_targets=1,
            recovery_deadline_s=self.deadline,
        )

    # --- the truth

    @property
    def off_at(self) -> float:
        return self.fault_at + self.hold

    @property
    def healthy_at(self) -> float:
        if self.ledger is None or self.ledger.promoted_after is None:
            return self.off_at
        return max(self.off_at, self.fault_at + self.ledger.promoted_after)

    def figure(self, t: float) -> float:
        """What a perfect probe of the dose says."""
        gone = self.fault_at + self.hold * 0.3 if self.fades else self.off_at
        inside = self.fault_at <= t < gone
        if self.added:
            return self.usual + (self.want * self.strength if inside else 0.0)
        return self.usual + (self.want * self.strength - self.usual if inside else 0.0)

    @property
    def ends_at(self) -> float:
        late: float = self.seen.get("undo at", self.off_at)
        return max(self.healthy_at, late) + (self.deadline + 5 if self.seen.get("waits") else 15.0)

    # --- what is written down

    def events(self) -> list[RunEvent]:
        told = sorted(self._told(), key=lambda each: each[0])
        if "only until" in self.seen:
            told = [each for each in told if each[0] <= self.seen["only until"]]
        told.append((self.ends_at, WatchEnded(len(told))))
        return [event(t, what) for t, what in told]

    def _told(self) -> Iterator[tuple[float, What]]:
        yield 0.0, Started(RunKind.CHAOS, "drill", criteria=document(self.criteria))
        yield 0.1, PhaseBegan("baseline")
        yield from self._sources()
        yield from self._steps()
        yield from self._fault()
        yield from self._alerts()
        yield from self._ticks()
        if self.ledger is not None and not self.seen.get("no ledger"):
            yield self.ends_at - 1.0, writes_found(self._result(self.ledger))

    def _sources(self) -> Iterator[tuple[float, What]]:
        for source in ("prometheus", "alertmanager"):
            silent = self.seen.get(f"{source} silent")
            if self.seen.get("no sources"):
                continue
            yield 0.2, SourceState(source, ok=True)
            if silent is not None:
                begin, end = silent
                yield begin, SourceState(source, ok=False, text="no answer in 2 s")
                if end < self.ends_at:
                    yield end, SourceState(source, ok=True)
            yield self.ends_at - 0.01, SourceState(source, ok=silent is None or silent[1] < self.ends_at)

    def _steps(self) -> Iterator[tuple[float, What]]:
        begin, end = self.fault_at, self.seen.get("undo at", self.off_at)
        steady: dict[str, bool | None] = {"before": True, "during": True, "after": True}
        steady |= self.seen.get("steady", {})
        yield begin - 3, SteadyState("before", steady["before"])
        yield from self._probe("method", begin - 2)
        if steady["before"] is not True:
            yield begin - 1, RunnerEnded("failed" if steady["before"] is None else "completed")
            return
        yield begin - 0.02, ChaosStep("method", "hurt the database", "action", "started")
        action = "failed" if self.seen.get("action fails") else "ok"
        yield begin + 0.1, ChaosStep("method", "hurt the database", "action", action)
        at = begin + self.hold / 2
        if not self.seen.get("no dose"):
            yield from self._probe("method", at)
        for number in range(int(self.hold // 10)):
            t = begin + 1 + number * 10
            if t < self.off_at:
                odd = number == 2
                yield t, SteadyState("during", steady["during"] if odd else True)
        yield end - 0.2, ChaosStep("method", "put it back", "action", "started")
        back = "failed" if self.seen.get("helper fails") else "ok"
        yield end + 0.01, ChaosStep("method", "put it back", "action", back)
        yield end + 2, SteadyState("after", steady["after"])
        yield end + 3, ChaosStep("rollbacks", "put it back", "action", "started")
        yield end + 3.1, ChaosStep("rollbacks", "put it back", "action", "ok")
        if "runner" not in self.seen:
            yield end + 3.2, RunnerEnded("completed")
        elif self.seen["runner"]:
            yield end + 3.2, RunnerEnded(self.seen["runner"], "in words")

    def _probe(self, section: str, t: float) -> Iterator[tuple[float, What]]:
        yield t, ChaosStep(section, "dose", "probe", "started")
        value: float | None = self.figure(t) * self.random.uniform(0.999, 1.001)
        state = "ok"
        if "dose says" in self.seen and t > self.fault_at:
            state, value = self.seen["dose says"]
        if "dose before says" in self.seen and t < self.fault_at:
            state, value = "ok", self.seen["dose before says"]
        yield t + 0.3, ChaosStep(section, "dose", "probe", state, value=value, met=self.seen.get("dose met"))

    def _fault(self) -> Iterator[tuple[float, What]]:
        if self.seen.get("steady", {}).get("before", True) is not True or self.seen.get("no fault"):
            return
        for number in range(self.seen.get("targets", 1)):
            name = f"f{number}"
            yield (
                self.fault_at,
                FaultOn(name, "slow the database", f"pg-{number}", undo_ready=True, seconds=self.hold),
            )
            undo = self.seen.get("undo", "works")
            end = self.seen.get("undo at", self.off_at)
            if undo in ("fails", "fails once"):
                yield end, FaultOff(name, "undone", ok=False)
            if undo == "fails once":
                yield end + 0.5, FaultOff(name, "healed")
            if undo == "works":
                yield end, FaultOff(name)
        if "guard" in self.seen:
            yield self.off_at - 5, GuardTripped("burn > 14.4", self.seen["guard"])

    def _alerts(self) -> Iterator[tuple[float, What]]:
        """As a rule does it that is evaluated every so often."""
        for name, at in self.seen.get("also fire", {}).items():
            yield at, AlertChange(name, "firing", "page", f"also {name}")
            yield at + 20, AlertChange(name, "resolved", "page", f"also {name}")
        change: dict[str, Any] = {"fingerprint": "a", "for_s": self.for_s, "interval_s": self.interval_s}
        already = self.seen.get("already")
        if already is not None:
            yield 1.0, AlertChange("DatabaseSlow", "pending", "page", **change)
            if already == "firing":
                yield 2.0, AlertChange("DatabaseSlow", "firing", "page", **change)
            else:
                yield self.fault_at + 5, AlertChange("DatabaseSlow", "firing", "page", **change)
            yield self.healthy_at + 4, AlertChange("DatabaseSlow", "resolved", "page", **change)
            return
        if not self.alert_works or self.strength < 0.2:
            return
        grid = self.interval_s
        pending = (math.floor(self.fault_at / grid) + 1) * grid
        firing = pending + math.ceil(self.for_s / grid) * grid + self.alert_delay
        if self.for_s:
            yield pending + 0.05, AlertChange("DatabaseSlow", "pending", "page", **change)
        yield firing + 0.05, AlertChange("DatabaseSlow", "firing", "page", **change)
        if self.seen.get("silenced"):
            yield firing + 0.5, AlertChange("DatabaseSlow", "silenced", "page", **change)
        if not self.seen.get("not received"):
            yield firing + 0.6, AlertChange("DatabaseSlow", "received", "page", **change)
        if not self.seen.get("keeps firing"):
            resolved = (math.floor(max(self.healthy_at, firing) / grid) + 1) * grid
            yield resolved + 0.05, AlertChange("DatabaseSlow", "resolved", "page", **change)

    def _ticks(self) -> Iterator[tuple[float, What]]:
        for second in range(1, int(self.ends_at)):
            done = min(1.0, max(0.0, (second - self.fault_at) / self.hold))
            spent = None if self.spent is None else self.spent * done
            if second >= self.seen.get("budget unseen from", math.inf):
                if self.seen.get("budget then") == "stale":
                    continue
                spent = self.seen.get("budget then")
            yield second + 0.001, SloTick("shop/answers", 0.99, 3.0, spent)
            if second % 5 == 0:
                inside = self.fault_at <= second < self.off_at
                yield second + 0.002, TrafficTick("app-1", 0.0 if inside else 0.5)
                yield second + 0.003, LoadTick(5.0, None, (RequestTick("GET /", 100, 0, ((100_000, 100),)),))

    def _result(self, ledger: Ledger) -> dict[str, Any]:
        """As the ledger of writes gives it."""
        fault = UNIX + self.fault_at
        away = ledger.promoted_after if ledger.promoted_after is not None else self.ends_at - self.fault_at
        before = int(ledger.rate * self.fault_at)
        after = (
            0 if ledger.promoted_after is None else int(ledger.rate * (self.ends_at - self.fault_at - away))
        )
        unknown = int(ledger.rate * away)
        refused = ledger.resurrected + 2
        known = ledger.readable
        return {
            "format": 1,
            "fault_at": fault,
            "sent": before + after + unknown + refused + (7 if ledger.miscounted else 0),
            "acked": before + after,
            "refused": refused,
            "unknown": unknown,
            "lost": ledger.lost if known else None,
            "duplicated": ledger.duplicated if known else None,
            "resurrected": ledger.resurrected if known else None,
            "rpo_s": (ledger.lost / ledger.rate if ledger.lost else 0.0) if known else None,
            "rto_s": ledger.promoted_after,
            "first_failed_at": fault + 0.2,
            "servers": [
                {"name": "pg-1", "acked_before": before, "acked_after": 0, "first_ack_after_at": None},
                {
                    "name": "pg-2",
                    "acked_before": 0,
                    "acked_after": after,
                    "first_ack_after_at": fault + away if after else None,
                },
            ],
            "promoted": "pg-2" if after else None,
            "split_brain": ledger.split_brain,
            "redundant": ledger.redundant,
        }


def event(t: float, what: What) -> RunEvent:
    # A time that is none has no date either.
    return RunEvent(BEGAN + timedelta(seconds=t if math.isfinite(t) else 0.0), t, what)


def without(events: list[RunEvent], number: int) -> list[RunEvent]:
    return [*events[:number], *events[number + 1 :]]


def at_no_time(of: RunEvent) -> RunEvent:
    return replace(of, t=math.nan)
