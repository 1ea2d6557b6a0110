"""Locust's program as a child: plan and commands in, a line a second out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from sretool.adapters.locust.program import Program
from sretool.core.plans.load import messages
from sretool.core.plans.load import plan as plans
from sretool.core.plans.load.messages import Began, Changed, Command, Ended, Failed, Hello, Ticked
from sretool.core.runs.events import ProcessChange
from sretool.errors import LoadFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from sretool.core.plans.load.messages import Message
    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.runs.events import LoadTick

_PATIENCE: Final = 10.0
"""Seconds beyond the grace of a plan until what does not stop is ended."""


def _nobody(_: ProcessChange) -> None:
    pass


class Locust:
    """Starts one program for each plan."""

    def __init__(self, python: str = sys.executable, ready: Program | None = None) -> None:
        """`ready` has been started for the first plan."""
        self._python, self._ready = python, ready

    async def start(
        self,
        plan: LoadPlan,
        *,
        changed: Callable[[ProcessChange], None] = _nobody,
        log: Path | None = None,
    ) -> Session:
        program, self._ready = self._ready or Program(self._python), None
        session = Session(program, plan, changed, log)
        try:
            await session.begin()
        except BaseException:
            await session.aclose()
            raise
        return session


class Session:
    """One program at work."""

    def __init__(
        self, program: Program, plan: LoadPlan, changed: Callable[[ProcessChange], None], log: Path | None
    ) -> None:
        self._program, self._plan, self._changed, self._log = program, plan, changed, log
        self._hello: Hello | None = None
        self._began: Began | None = None
        self._ended: Ended | None = None

    @property
    def workers(self) -> Sequence[str]:
        return self._began.workers if self._began is not None else ()

    @property
    def scenarios(self) -> Sequence[str]:
        return self._hello.scenarios if self._hello is not None else ()

    @property
    def versions(self) -> Mapping[str, str]:
        return self._hello.versions if self._hello is not None else {}

    @property
    def ended(self) -> Ended | None:
        return self._ended

    async def begin(self) -> None:
        """Until the first users are at work."""
        await self._program.connect(self._log)
        await self._program.send(plans.encode(self._plan) + b"\n")
        while self._began is None:
            match await self._next():
                case Hello() as hello:
                    self._hello = hello
                    if self._plan.bind:
                        text = f"{hello.listening}, waits for {self._plan.workers} workers"
                        self._changed(ProcessChange("master", "listening", hello.pid, text))
                case Began() as began:
                    self._began = began
                case Ended():
                    raise LoadFailed("the load ended before it began")
                case _:
                    pass

    async def ticks(self) -> AsyncIterator[LoadTick]:
        while self._ended is None:
            match await self._next():
                case Ticked(tick=tick):
                    yield tick
                case Ended() as ended:
                    self._ended = ended
                case _:
                    pass
        await self.aclose()

    async def set_rate(self, rate: float) -> None:
        await self._program.send(messages.encode(Command(set_rate=rate)))

    async def stop(self) -> None:
        await self._program.send(messages.encode(Command(stop=True)))

    async def aclose(self) -> None:
        await self._program.end(self._plan.grace + _PATIENCE if self._ended is not None else 0.0)

    async def _next(self) -> Message:
        """The next message; what says that there will be none is raised."""
        line = await self._program.line()
        if not line.endswith(b"\n"):
            raise LoadFailed(f"the load generator {await self._program.died()}", remedy=self._where())
        try:
            message = messages.decode(line)
        except ValueError as error:
            shown = line[:80].decode(errors="replace").strip()
            raise LoadFailed(f"the load generator told something else than load: {shown!r}") from error
        if isinstance(message, Failed):
            remedy = message.remedy or None
            if message.usage:
                raise UsageError(message.message, remedy=remedy)
            raise LoadFailed(message.message, remedy=remedy or self._where())
        if isinstance(message, Changed):
            self._changed(message.change)
        return message

    def _where(self) -> str | None:
        return f"what it said is in {self._log}" if self._log is not None else None
