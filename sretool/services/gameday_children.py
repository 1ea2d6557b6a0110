"""Programs of their own that carry out steps of a game day: what they tell, and how they end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.generator import KEEPS_UP
from sretool.core.plans.gameday.judge import INTERRUPTED
from sretool.core.runs.events import (
    CapacityFound,
    CurvePoint,
    FaultOff,
    FaultOn,
    GuardTripped,
    LoadTick,
    ProcessChange,
    SteadyState,
    WritesFound,
)
from sretool.core.runs.model import Outcome, RunKind, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sretool.core.runs.events import RunEvent, What
    from sretool.core.runs.model import Check, RunRecord
    from sretool.ports import ChildFolder, ChildProgram

_LOOK: Final = 0.1
"""Seconds between two looks at what a child has written."""
REFUSED: Final = 4
"""Return code of an experiment that a gate has refused; then it has no run."""
NOT_UNDONE: Final = 5
"""Of one whose fault is still in."""
ENDED_BY_HAND: Final = 130


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a step's program ended."""

    code: int
    record: RunRecord | None
    """None: it made no run."""
    said: str
    """Its last words."""
    left: tuple[str, ...] = ()
    """Faults that could not be undone, each in words."""


@dataclass(frozen=True, slots=True)
class Came:
    """How a step came out, by its program's end."""

    outcome: Outcome
    why: str
    """Empty where it came out as it should."""


class Child:
    """One program and the run folder it writes."""

    def __init__(self, program: ChildProgram, folder: ChildFolder) -> None:
        self._program, self._folder = program, folder

    async def start(self) -> None:
        """ChaosError where it cannot be started."""
        await self._program.start()

    def stop(self) -> None:
        """Ask it to undo what it did, and to end. The first signal is sent before this returns."""
        self._program.stop()

    @property
    def run(self) -> str:
        """Name of its run folder; empty as long as there is none."""
        return self._folder.name

    async def follow(self, tell: Callable[[Sequence[RunEvent]], None]) -> ChildEnd:
        """Until it has ended; `tell` gets what it writes, soon after it is written.

        Before this returns, everything that it left in is undone, or told in `left`.
        """
        ended = asyncio.ensure_future(self._program.wait())
        try:
            while not ended.done():
                await asyncio.wait((ended,), timeout=_LOOK)
                if new := self._folder.events():
                    tell(new)
            left = await self._settled()
            while new := self._folder.events():
                tell(new)
        finally:
            ended.cancel()
        return ChildEnd(ended.result(), self._folder.record(), self._program.said(), left)

    async def _settled(self) -> tuple[str, ...]:
        try:
            return tuple(await self._folder.settle())
        except Exception as error:
            # Whatever it was: whoever waits for the end must not wait for ever, nor take it for undone.
            return (f"nobody knows what {self.run or 'it'} has left in: {error or type(error).__name__}",)


def came(end: ChildEnd, *, asked: bool) -> Came:
    """`asked`: whether a load was asked to end because everything else is over: no fault of its own."""
    if end.left:
        return Came(Outcome.ERROR, f"not undone: {', '.join(end.left)}")
    record = end.record
    if record is None:
        if end.code == REFUSED:
            return Came(Outcome.INCONCLUSIVE, end.said or "it was refused")
        if asked or end.code == ENDED_BY_HAND:
            return Came(Outcome.ABORTED, "it was ended before it began")
        return Came(Outcome.ERROR, end.said or _ended(end.code))
    verdict = record.verdict
    if record.state is not RunState.FINISHED or verdict is None:
        return Came(Outcome.ERROR, _ended(end.code))
    outcome, why = verdict.outcome, verdict.reason
    if asked and outcome is Outcome.ABORTED and record.kind is RunKind.LOAD:
        return _by_measures(record, verdict.checks)
    return Came(outcome, "" if outcome is Outcome.PASSED else why)


def _by_measures(record: RunRecord, checks: Sequence[Check]) -> Came:
    """Of a load that others have ended: what it measured until then."""
    broken = [each.name for each in checks if each.ok is False]
    unknown = [each.name for each in checks if each.ok is None and each.name != KEEPS_UP]
    made = record.measures.load
    if broken:
        return Came(Outcome.FAILED, f"broken: {', '.join(broken)}")
    if made is None or not made.requests:
        return Came(Outcome.INCONCLUSIVE, "not one request was made")
    if unknown:
        return Came(Outcome.INCONCLUSIVE, f"not measured: {', '.join(unknown)}")
    return Came(Outcome.PASSED, "")


def _ended(code: int) -> str:
    return f"its program was killed by signal {-code}" if code < 0 else f"its program ended with {code}"


def relayed(step: str, kind: str, what: What) -> What | None:
    """What the game day's own record says of an event of a step's run; None: nothing.

    Names of faults and of guards begin with the step's, as those of several runs stand side by side.
    """
    match what:
        case LoadTick() if kind == "load":
            return what
        case ProcessChange() if kind == "load" and what.state != "started":
            return replace(what, name=f"{step}: {what.name}")
        case CurvePoint() | CapacityFound() if kind == "capacity":
            return what
        case FaultOn():
            return replace(what, fault=f"{step}/{what.fault}")
        case FaultOff():
            return replace(what, fault=f"{step}/{what.fault}")
        # Who asked it to end says so himself.
        case GuardTripped() if kind != "load" and what.guard != INTERRUPTED:
            return replace(what, guard=f"{step}: {what.guard}")
        case SteadyState() | WritesFound():
            return what
        case _:
            return None


class Moments:
    """Instants of a child's clock on ours: both tick alike, and nothing is seen before it happened."""

    def __init__(self) -> None:
        self._ahead: float | None = None
        """What our clock shows more than the child's, at most."""

    def ours(self, t: float, now: float) -> float:
        """`t`: what the child's clock showed; `now`: what ours shows."""
        ahead = now - t
        self._ahead = ahead if self._ahead is None else min(self._ahead, ahead)
        return max(0.0, t + self._ahead)
