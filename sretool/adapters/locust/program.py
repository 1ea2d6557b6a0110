"""The program that makes load as a child of ours: started early, talked to from an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, Final

from sretool.errors import LoadFailed

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

_LONGEST_LINE: Final = 256 * 1024 * 1024
"""Bytes of one tick: sixteen thousand buckets of each of a thousand requests."""
_LAST_WORDS: Final = 5
"""Lines of its log that are told when it dies."""
_MOST_WORDS: Final = 400


class Program:
    """Started when made; its imports take longer than anything else before the load.

    In a process group of its own: Ctrl-C is for us, who let it end in order.
    """

    def __init__(self, python: str = sys.executable) -> None:
        try:
            self._process = subprocess.Popen(
                # The folder we are in has nothing to say about what is imported first.
                [python, "-P", "-m", "sretool.load.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise LoadFailed(f"{python} cannot be started: {error.strerror}") from error
        self._last: deque[str] = deque(maxlen=_LAST_WORDS)
        self._reader: asyncio.StreamReader | None = None
        self._logging: asyncio.Task[None] | None = None
        self._transports: list[asyncio.ReadTransport] = []

    async def connect(self, log: Path | None) -> None:
        """What it says besides messages goes to `log`."""
        self._reader = await self._read(self._process.stdout)
        self._logging = asyncio.create_task(self._keep_log(await self._read(self._process.stderr), log))

    async def send(self, line: bytes) -> None:
        """What has ended hears nothing any more."""
        with contextlib.suppress(OSError, ValueError):
            await asyncio.to_thread(self._write, line)

    async def line(self) -> bytes:
        """With its line end; without one it was the last."""
        assert self._reader is not None
        try:
            return await self._reader.readline()
        except ValueError:
            raise LoadFailed("the load generator told more at once than can be read") from None

    async def died(self) -> str:
        """How, and its last words."""
        code = await asyncio.to_thread(self._process.wait)
        if self._logging is not None:
            await self._logging
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        said = " | ".join(self._last)[-_MOST_WORDS:]
        return f"{how}: {said}" if said else how

    async def end(self, patience: float = 0.0) -> None:
        """Nothing of it is left; what ends by itself within `patience` seconds may do so."""
        self._hang_up()
        if patience:
            # Where it does not end, the thread that waits ends with the kill.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(self._process.wait), patience)
        self.kill()
        if self._logging is not None:
            await self._logging
        for each in self._transports:
            each.close()

    def kill(self) -> None:
        """At once; may be called again."""
        self._hang_up()
        # Once it has ended its workers are ending, too, and its number may soon be another's.
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._reader is None:
            for stream in (self._process.stdout, self._process.stderr):
                assert stream is not None
                stream.close()

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    async def _read(self, stream: IO[bytes] | None) -> asyncio.StreamReader:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(_LONGEST_LINE, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_read_pipe(lambda: protocol, stream)
        self._transports.append(transport)
        return reader

    async def _keep_log(self, said: asyncio.StreamReader, log: Path | None) -> None:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(log.open("ab", buffering=0)) if log is not None else None
            while data := await said.readline():
                self._last.append(data.decode(errors="replace").strip())
                if file is not None:
                    try:
                        file.write(data)
                    except OSError:
                        # A full disk ends the run by its events, not by its log.
                        file = None
