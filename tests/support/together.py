"""Children of rounds and searches in made-up time: a load whose latency a fault of some dose makes longer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sretool.adapters.store.runs import RunStore
from sretool.core.analysis.latency import bucket
from sretool.core.runs.events import (
    WARM_UP,
    CapacityFound,
    FaultOff,
    FaultOn,
    GuardTripped,
    LoadTick,
    PhaseBegan,
    RequestTick,
    RunEvent,
    SloTick,
)
from sretool.core.runs.model import (
    ChaosMeasures,
    Measures,
    Outcome,
    RunKind,
    RunRecord,
    RunState,
    Verdict,
)
from sretool.services.chaos import Control
from sretool.services.gameday_children import Child
from sretool.services.gameday_together import Around
from tests.support.made_up import T0, MadeUpClock, now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from sretool.adapters.store.writer import RunWriter
    from sretool.core.runs.events import What
    from sretool.services.ending import Ending


def journal(folder: Path) -> RunWriter:
    loop = asyncio.get_running_loop()
    store = RunStore(folder, now=MadeUpClock().now, monotonic=loop.time)
    return store.create(RunKind.GAMEDAY, "made up")


@dataclass
class World:
    """What all children share."""

    latency: Callable[[float | None, int], float] = lambda dose, _: 0.1 if dose is None else 0.3
    """Seconds of a request by the dose of the fault that is in, and the second since the load began."""
    errors: Callable[[float | None], int] = lambda _: 0
    """Of 20 requests a second."""
    rate: Callable[[float | None], float] = lambda dose: 1000.0 if dose is None else 620.0
    """What a search for the highest rate finds."""
    fault_for: float = 20.0
    outcome: Outcome = Outcome.PASSED
    """Of experiments."""
    strength: Callable[[float | None], float | None] = lambda _: None
    """What an experiment measures of its fault, as a share of what it says itself, by the dose."""
    guard: str = ""
    """Ends each experiment when its fault has been in for its time."""
    refuses: str = ""
    """Why experiments do not begin."""
    refused: int = 0
    """So many experiments do not begin, then they do."""
    burns: float = 0.0
    """Share of a budget that each experiment takes."""
    left: tuple[str, ...] = ()
    load_ends: float = 3600.0
    """Seconds after which a load ends by itself."""
    not_calm: list[str] = field(default_factory=list)
    """What keeps experiments from beginning; one of them goes with each look."""
    dose: float | None = None
    """Of the fault that is in; None: none is."""
    made: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    at_work: int = 0
    most_at_work: int = 0

    def __call__(self, step: str, kind: str, arguments: Sequence[str]) -> Child:
        self.made.append((step, kind, tuple(arguments)))
        made = MadeUp(self, kind, tuple(arguments), f"run-{len(self.made)}")
        return Child(made, made)

    async def calm(self) -> Sequence[str]:
        return (self.not_calm.pop(0),) if self.not_calm else ()

    @property
    def around(self) -> Around:
        return Around(self, self.calm, MadeUpClock())


class Made(Protocol):
    """What rounds and searches come to."""

    @property
    def ending(self) -> Ending: ...


_Made = TypeVar("_Made", bound=Made)


class Played(Generic[_Made]):
    def __init__(self, made: _Made, events: list[RunEvent]) -> None:
        self.made, self.events = made, events
        verdict = made.ending.record.verdict
        assert verdict is not None
        self.outcome, self.reason = verdict.outcome, verdict.reason

    def of(self, kind: type) -> list[Any]:
        return [each.what for each in self.events if isinstance(each.what, kind)]


async def play(
    folder: Path,
    world: World,
    run: Callable[[Around, RunWriter, Control, Callable[[RunEvent], None]], Awaitable[_Made]],
    interrupted_at: float | None = None,
) -> Played[_Made]:
    """From its begin to its end, after which nothing may be left of it."""
    control, events = Control(), list[RunEvent]()

    def interrupt() -> None:
        control.stopped_by = "interrupted by hand (Ctrl-C)"
        control.stop.set()

    if interrupted_at is not None:
        asyncio.get_running_loop().call_later(interrupted_at, interrupt)
    with journal(folder) as writer:
        made = await run(world.around, writer, control, events.append)
    assert made.ending.record.state is RunState.FINISHED
    assert world.at_work == 0, "a child was left"
    assert world.dose is None, "a fault was left"
    return Played(made, events)


class MadeUp:
    """Program and folder in one."""

    def __init__(self, world: World, kind: str, arguments: tuple[str, ...], name: str) -> None:
        self._world = world
        self._kind = kind
        self._arguments = arguments
        self.name = name
        self._told: list[RunEvent] = []
        self._over = asyncio.Event()
        self._verdict: Verdict | None = None
        self._began = 0.0
        self._said = ""
        self._strength: float | None = None

    async def start(self) -> None:
        self._began = now()
        self._world.at_work += 1
        self._world.most_at_work = max(self._world.at_work, self._world.most_at_work)

    async def wait(self) -> int:
        act = {"load": self._load, "capacity": self._capacity, "experiment": self._experiment}[self._kind]
        try:
            return await act()
        finally:
            self._world.at_work -= 1

    def stop(self) -> None:
        self._over.set()

    def said(self) -> str:
        return self._said

    def events(self) -> Sequence[RunEvent]:
        found, self._told = self._told, []
        return found

    def record(self) -> RunRecord | None:
        if self._verdict is None:
            return None
        return RunRecord(
            "a",
            RunKind.CHAOS,
            "x",
            RunState.FINISHED,
            T0,
            verdict=self._verdict,
            measures=Measures(chaos=ChaosMeasures(dose=self._strength)),
        )

    async def settle(self) -> Sequence[str]:
        return self._world.left if self._kind == "experiment" else ()

    def _tell(self, what: What) -> None:
        self._told.append(RunEvent(MadeUpClock().now(), now() - self._began, what))

    async def _pass(self, seconds: float) -> bool:
        """False: it is to end."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return True
        return False

    async def _load(self) -> int:
        self._tell(PhaseBegan(WARM_UP))
        for second in range(int(self._world.load_ends)):
            if second == 3:
                self._tell(PhaseBegan("steady"))
            if not await self._pass(1):
                break
            latency = self._world.latency(self._world.dose, second)
            request = RequestTick(
                "GET /", 20, self._world.errors(self._world.dose), ((bucket(latency * 1e9), 20),)
            )
            self._tell(LoadTick(1.0, None, (request,)))
        self._verdict = Verdict(Outcome.ABORTED, "ended by hand")
        return 130

    async def _capacity(self) -> int:
        dose = self._world.dose
        if await self._pass(10):
            self._tell(CapacityFound(self._world.rate(dose), None, None))
            self._verdict = Verdict(Outcome.PASSED, "found")
        return 0

    async def _experiment(self) -> int:
        if self._world.refuses or self._world.refused:
            self._world.refused = max(self._world.refused - 1, 0)
            self._said = self._world.refuses or "refused"
            return 4
        given = [each.partition("=")[2] for each in self._arguments if each.startswith("dose:")]
        interrupted = not await self._pass(4)
        if not interrupted:
            self._world.dose = float(given[0]) if given else 1.0
            self._strength = self._world.strength(self._world.dose)
            self._tell(FaultOn("1", "slow", "database"))
            interrupted = not await self._pass(self._world.fault_for)
            self._world.dose = None
            if self._world.guard:
                self._tell(GuardTripped(self._world.guard, "as it came"))
            self._tell(SloTick("shop/api", 0.9, None, self._world.burns))
            self._tell(FaultOff("1"))
            interrupted = interrupted or not await self._pass(2)
        outcome = Outcome.ABORTED if interrupted else self._world.outcome
        self._verdict = Verdict(outcome, "interrupted" if interrupted else "as it came")
        return 130 if interrupted else 0
