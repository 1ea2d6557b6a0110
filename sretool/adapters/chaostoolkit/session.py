"""One experiment at work: its runner, its warden, and what both say.

The warden lives before the runner and outlives it. The lease on the undo log is ours and the warden's
together, so that no other command undoes what is still watched over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sretool.errors import ChaosError
from sretool.undo import heal as healing
from sretool.undo import identity, index, warden
from sretool.undo.entry import Result
from sretool.undo.heal import Healed
from sretool.undo.lease import RENEW, Lease
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from sretool.undo.entry import Standing

_LINE: Final = 16 * 1024 * 1024
"""Bytes of the longest event: a probe may give back much."""
_ANSWER: Final = 10.0
"""Seconds beyond what undoing takes in which the warden answers; after that we do it ourselves."""
_POLITE: Final = (signal.SIGUSR1, signal.SIGTERM)
_NOTICE: Final = 2.0
"""Seconds that each polite signal gets."""


class Session:
    """An experiment that runs. `start`, read `events()` to the end, then `finish`."""

    def __init__(self, folder: Path, places: Path) -> None:
        """`folder`: where the undo log is kept, the run's own; `places`: the machine's index of such logs."""
        self.folder = folder
        self._places = places
        self._lease: Lease | None = None
        self._warden: Process | None = None
        self._runner: Process | None = None
        self._beats: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._events: asyncio.StreamReader | None = None
        self._transport: asyncio.ReadTransport | None = None

    async def start(self, given: Mapping[str, Any], *, environment: Mapping[str, str]) -> None:
        """Warden, then runner; `given` as `sretool.chaos.runner` reads it.

        Raises ChaosError where somebody else looks after this folder or a program does not start.
        """
        try:
            self._lease = Lease(self.folder)
            index.add(self._places, self.folder)
        except BlockingIOError as error:
            raise ChaosError(f"another program looks after {self.folder}") from error
        except OSError as error:
            raise ChaosError(f"what is to be undone cannot be kept: {error}") from error
        self._warden = await asyncio.create_subprocess_exec(
            *warden.command(self.folder, self._lease, self._places),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=_LINE,
            pass_fds=[self._lease.descriptor],
            start_new_session=True,
            env=environment,
        )
        # A warden that answers lives; no fault is made before.
        await self._say(b"beat")
        self._beats = asyncio.create_task(self._beat())
        await self._start_runner(given, environment)

    async def _start_runner(self, given: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        reading, writing = os.pipe()
        raw = self.folder / "raw"
        raw.mkdir(exist_ok=True)
        try:
            with (raw / "chaostoolkit.log").open("ab") as log:
                self._runner = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "sretool.chaos.runner"),
                    stdin=PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=[writing],
                    start_new_session=True,
                    env={**environment, "SRETOOL_EVENTS": str(writing)},
                )
        finally:
            os.close(writing)
        self._events = asyncio.StreamReader(limit=_LINE)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(
            partial(asyncio.StreamReaderProtocol, self._events), os.fdopen(reading, "rb", buffering=0)
        )
        assert self._runner.stdin is not None
        document = {**given, "log": str(self.folder)}
        with contextlib.suppress(ConnectionError):
            self._runner.stdin.write(json.dumps(document, default=str).encode() + b"\n")
            await self._runner.stdin.drain()

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """What the runner tells, until it ends; a line that makes no sense is left out."""
        assert self._events is not None
        while True:
            try:
                line = await self._events.readline()
            except ValueError:
                continue  # Longer than any event should be.
            if not line:
                return
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    yield event

    @property
    def stands_still(self) -> bool:
        """Whether somebody has stopped the runner."""
        return self._runner is not None and identity.stopped(self._runner.pid)

    def standings(self) -> list[Standing]:
        """What the undo log says of every fault; nothing where it cannot be read now."""
        with contextlib.suppress(OSError, ValueError):
            return UndoLog(self.folder).read()
        return []

    @property
    def guarded(self) -> bool:
        """Whether the warden lives."""
        return self._warden is not None and self._warden.returncode is None

    async def warden_lost(self) -> None:
        """Returns when the warden has ended."""
        assert self._warden is not None
        await self._warden.wait()

    async def heal(self) -> Healed:
        """Undo everything now, by the warden; by ourselves where it lives no more or takes too long."""
        async with self._turn:
            answer = await self._ask(b"heal")
        if answer is None:
            answer = await asyncio.to_thread(healing.heal, self.folder)
        return answer

    async def stop(self) -> int | None:
        """Ask the runner to end, ever less politely; its return code."""
        runner = self._runner
        if runner is None:
            return None
        for number in _POLITE:
            if runner.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                runner.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(runner.wait(), _NOTICE)
        if runner.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(runner.pid, signal.SIGKILL)
        return await runner.wait()

    async def finish(self) -> Healed:
        """The experiment is over: end the runner, undo what is open, let the warden look once more and go."""
        try:
            await self.stop()
            async with self._turn:
                healed = await self._ask(b"done")
            if healed is None:
                healed = await asyncio.to_thread(healing.settle, self.folder)
                if healed.complete:
                    index.drop(self._places, self.folder)
            return healed
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        if self._beats is not None:
            self._beats.cancel()
        for process in (self._warden, self._runner):
            if process is not None and process.stdin is not None:
                process.stdin.close()
        if self._warden is not None:
            await self._warden.wait()
        if self._transport is not None:
            self._transport.close()
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    async def _beat(self) -> None:
        while True:
            await self._say(b"beat")
            await asyncio.sleep(RENEW)

    async def _say(self, word: bytes) -> None:
        assert self._warden is not None
        assert self._warden.stdin is not None
        with contextlib.suppress(ConnectionError, OSError):
            self._warden.stdin.write(word + b"\n")
            await self._warden.stdin.drain()

    async def _ask(self, word: bytes) -> Healed | None:
        """None where the warden gives no answer."""
        if not self.guarded:
            return None
        assert self._warden is not None
        assert self._warden.stdout is not None
        patience = _ANSWER + healing.patience(self.folder)
        await self._say(word)
        try:
            line = await asyncio.wait_for(self._warden.stdout.readline(), patience)
            answer = json.loads(line)
        except (TimeoutError, ValueError):
            return None
        results = [Result(each["id"], each["fault"], each["how"], each["text"]) for each in answer["results"]]
        return Healed(self.folder, results, answer["problem"])
