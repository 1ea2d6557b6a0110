"""Programs that carry out steps of a game day, made up: they tell what a list says, in made-up time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.runs.events import FaultOff, FaultOn, LoadTick, RunEvent
from sretool.core.runs.model import (
    AlertMeasure,
    ChaosMeasures,
    Check,
    LoadMeasures,
    Measures,
    Outcome,
    RunKind,
    RunRecord,
    RunState,
    Verdict,
)
from tests.support.made_up import T0, now
from tests.support.runs import request_tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.runs.events import What


def tick(requests: int = 10) -> LoadTick:
    return LoadTick(1.0, None, (request_tick("POST /answer", [0.02] * requests),))


@dataclass
class MadeUpProgram:
    """Tells `lines` (seconds after its begin, event), then ends with `verdict`; asked to end, it undoes."""

    name: str
    kind: RunKind
    lines: Sequence[tuple[float, What]] = ()
    lasts: float = 10.0
    verdict: Verdict | None = field(default_factory=lambda: Verdict(Outcome.PASSED, "all is well"))
    measures: Measures = field(default_factory=Measures)
    ends_in: float = 0.2
    """Seconds it takes to end when it is asked to."""
    code: int = 0
    makes_run: bool = True
    left: tuple[str, ...] = ()
    words: str = ""
    began: float | None = None
    asked_at: float | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    told: int = 0
    undone_at: float | None = None

    # --- as a program ---

    async def start(self) -> None:
        self.began = now()

    async def wait(self) -> int:
        assert self.began is not None
        loop = asyncio.get_running_loop()
        loop.call_at(self.began + self.lasts, self.over.set)
        await self.over.wait()
        return 130 if self.asked_at is not None else self.code

    def stop(self) -> None:
        if self.asked_at is None:
            self.asked_at = now()
            asyncio.get_running_loop().call_later(self.ends_in, self.over.set)

    def said(self) -> str:
        return self.words

    # --- as a folder ---

    def events(self) -> Sequence[RunEvent]:
        if self.began is None or not self.makes_run:
            return ()
        passed = now() - self.began
        until = passed if self.asked_at is None else self.asked_at - self.began
        found = [(t, what) for t, what in self.lines[self.told :] if t <= until]
        self.told += len(found)
        happened = [RunEvent(T0 + timedelta(seconds=self.began + t), t, what) for t, what in found]
        if self.asked_at is not None and self.undone_at is None:
            self.undone_at = passed
            faults = {what.fault for _, what in self.lines[: self.told] if isinstance(what, FaultOn)}
            faults -= {what.fault for _, what in self.lines[: self.told] if isinstance(what, FaultOff)}
            at = T0 + timedelta(seconds=now())
            happened += [RunEvent(at, passed, FaultOff(each, "healed")) for each in sorted(faults)]
        return happened

    def record(self) -> RunRecord | None:
        if not self.makes_run or self.began is None:
            return None
        verdict = self.verdict
        if self.asked_at is not None and verdict is not None:
            verdict = Verdict(Outcome.ABORTED, "interrupted by hand", verdict.checks)
        state = RunState.FINISHED if verdict is not None else RunState.RUNNING
        return RunRecord(
            self.name, self.kind, self.name, state, T0, verdict=verdict, measures=self.measures, parent="day"
        )

    async def settle(self) -> Sequence[str]:
        return self.left


class MadeUpFolder:
    """The folder side of a program, which has the same names for other things."""

    def __init__(self, program: MadeUpProgram) -> None:
        self._program = program

    @property
    def name(self) -> str:
        begun = self._program.began is not None and self._program.makes_run
        return f"20261121T100000Z-{self._program.kind.value}-x-{self._program.name}" if begun else ""

    def events(self) -> Sequence[RunEvent]:
        return self._program.events()

    def record(self) -> RunRecord | None:
        return self._program.record()

    async def settle(self) -> Sequence[str]:
        return await self._program.settle()


def load(lasts: float = 60.0, verdict: Verdict | None = None, **more: object) -> MadeUpProgram:
    lines = [(float(second), tick()) for second in range(1, int(lasts))]
    found = verdict or Verdict(Outcome.PASSED, "held", (Check("p95 < 500ms", 0.5, 0.02, "s", ok=True),))
    more.setdefault("measures", Measures(load=LoadMeasures(requests=10 * len(lines), failures=0)))
    return MadeUpProgram("lload", RunKind.LOAD, lines, lasts, found, **more)  # type: ignore[arg-type]


def experiment(lasts: float = 10.0, **more: object) -> MadeUpProgram:
    """A fault from its second second until shortly before its end, noticed after three."""
    lines = [
        (2.0, FaultOn("f1", "kill app-1", "app-1", undo_ready=True)),
        (lasts - 1, FaultOff("f1")),
    ]
    more.setdefault(
        "measures",
        Measures(
            chaos=ChaosMeasures(
                mttd_s=3.0,
                mttr_s=8.0,
                rto_s=2.0,
                lost_writes=0,
                acked_writes=40,
                alerts=(AlertMeasure("AppDown", expected=True, detected_s=3.0),),
            )
        ),
    )
    return MadeUpProgram("xdrill", RunKind.CHAOS, lines, lasts, **more)  # type: ignore[arg-type]
