"""Locust's program as a child: plan and commands in, a line a second out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from sretool.core.plans.load import messages
from sretool.core.plans.load import plan as plans
from sretool.core.plans.load.messages import Began, Changed, Command, Ended, Failed, Hello, Ticked
from sretool.core.runs.events import ProcessChange
from sretool.errors import LoadFailed, UsageError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from sretool.core.plans.load.messages import Message
    from sretool.core.plans.load.plan import LoadPlan
    from sretool.core.runs.events import LoadTick

_LONGEST_LINE: Final = 256 * 1024 * 1024
"""Bytes of one tick: sixteen thousand buckets of each of a thousand requests."""
_LAST_WORDS: Final = 5
"""Lines of its log that are told when it dies."""
_PATIENCE: Final = 10.0
"""Seconds beyond the grace of a plan until what does not stop is ended."""


def _nobody(_: ProcessChange) -> None:
    pass


class Locust:
    """Starts one program for each plan."""

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._ready: tuple[Process, Path | None] | None = None

    async def prepare(self, log: Path | None = None) -> None:
        """Start the program already: its imports take longer than everything else before the load."""
        if self._ready is None:
            self._ready = await self._spawn(log), log

    async def start(
        self,
        plan: LoadPlan,
        *,
        changed: Callable[[ProcessChange], None] = _nobody,
        log: Path | None = None,
    ) -> Session:
        if self._ready is not None:
            (process, log), self._ready = self._ready, None
        else:
            process = await self._spawn(log)
        session = Session(process, plan, changed, log)
        try:
            await session.begin()
        except BaseException:
            await session.aclose()
            raise
        return session

    async def aclose(self) -> None:
        """End what was prepared and not used."""
        if self._ready is not None:
            (process, _), self._ready = self._ready, None
            await _end(process)

    async def _spawn(self, log: Path | None) -> Process:
        # Not in our process group: Ctrl-C is for us, who let it end in order.
        with _opened(log) as errors:
            return await asyncio.create_subprocess_exec(
                self._python,
                # The folder we are in has nothing to say about what is imported first.
                "-P",
                "-m",
                "sretool.load.child",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                limit=_LONGEST_LINE,
            )


class Session:
    """One program at work."""

    def __init__(
        self, process: Process, plan: LoadPlan, changed: Callable[[ProcessChange], None], log: Path | None
    ) -> None:
        self._process, self._plan, self._changed, self._log = process, plan, changed, log
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
        await self._send(plans.encode(self._plan) + b"\n")
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
        await self._send(messages.encode(Command(set_rate=rate)))

    async def stop(self) -> None:
        await self._send(messages.encode(Command(stop=True)))

    async def aclose(self) -> None:
        await _end(self._process, self._plan.grace + _PATIENCE if self._ended is not None else 0.0)

    async def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        # What has ended is told of by `_next`.
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line)
            await self._process.stdin.drain()

    async def _next(self) -> Message:
        """The next message; what says that there will be none is raised."""
        assert self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
        except ValueError:
            raise LoadFailed("the load generator told more at once than can be read") from None
        if not line.endswith(b"\n"):
            raise await self._died()
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

    async def _died(self) -> LoadFailed:
        code = await self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        said = _last_words(self._log)
        return LoadFailed(f"the load generator {how}{f': {said}' if said else ''}", remedy=self._where())

    def _where(self) -> str | None:
        return f"what it said is in {self._log}" if self._log is not None else None


def _opened(log: Path | None) -> contextlib.AbstractContextManager[Any]:
    return open(log, "ab") if log is not None else contextlib.nullcontext(subprocess.DEVNULL)


async def _end(process: Process, patience: float = 0.0) -> None:
    """Nothing of it is left: it had its own process group."""
    if process.stdin is not None:
        process.stdin.close()
    if patience:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # Reading on to the end, so that its pipe is closed for good.
        if process.stdout is not None:
            with contextlib.suppress(ValueError):
                await process.stdout.read()
        await process.wait()


def _last_words(log: Path | None) -> str:
    if log is None:
        return ""
    try:
        lines = log.read_bytes()[-4000:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(line.strip() for line in lines[-_LAST_WORDS:] if line.strip())[-400:]
