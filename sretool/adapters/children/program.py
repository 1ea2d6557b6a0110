"""A `sretool` of our own as a child. It ends with us, however we end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from typing import TYPE_CHECKING, Final

from sretool.errors import ChaosError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PROGRAM: Final = (
    "from sretool.adapters.children.bound import end_with; end_with({parent}, {number});"
    " from sretool.cli.main import main; main()"
)
_SHOWN: Final = 2048
"""Bytes at the end of its log that are looked at for its last words."""
_ERROR: Final = "sretool: "
"""What a line begins with that says what is wrong."""

Notice = tuple[signal.Signals, float]
"""A signal, and the seconds in which it must be heeded."""
OF_LOAD: Final[Sequence[Notice]] = ((signal.SIGINT, 5.0), (signal.SIGINT, 5.0))
"""The first one lets requests under way end, the second one does not."""
OF_EXPERIMENT: Final[Sequence[Notice]] = ((signal.SIGTERM, 30.0),)
"""It undoes its faults first. Once it is killed its warden does."""


class Program:
    """One child."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        notices: Sequence[Notice] = OF_EXPERIMENT,
    ) -> None:
        """`arguments` of `sretool`: `load run PROFILE …`; whatever it says goes to `log`."""
        self._arguments = tuple(arguments)
        self._log = log
        self._environment = dict(environment)
        self._notices = tuple(notices)
        self._process: Process | None = None
        self._unwanted = False
        """It was asked to end before it was there."""
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """ChaosError where it cannot be started."""
        program = _PROGRAM.format(parent=os.getpid(), number=int(self._notices[0][0]))
        try:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", program, *self._arguments),
                    stdin=DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=self._environment,
                )
        except OSError as error:
            raise ChaosError(
                f"`sretool {' '.join(self._arguments[:3])}` cannot be started: {error}"
            ) from error
        if self._unwanted:
            self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def wait(self) -> int:
        assert self._process is not None
        code = await self._process.wait()
        if self._ending is not None:
            self._ending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ending
        return code

    def stop(self) -> None:
        """Ask it to end; the first signal is sent before this returns."""
        self._unwanted = True
        if self._process is None or self._process.returncode is not None or self._ending is not None:
            return
        self._send(self._notices[0][0])
        self._ending = asyncio.create_task(self._insist())

    async def _insist(self) -> None:
        assert self._process is not None
        for number, (signal_, seconds) in enumerate(self._notices):
            if number:
                self._send(signal_)
            await asyncio.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
            # One that somebody has stopped must wake up to heed it.
            self._process.send_signal(signal.SIGCONT)

    def said(self) -> str:
        """Its last complaint; else its last line."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _SHOWN))
                told = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        lines = [line.strip() for line in told if line.strip()]
        complaints = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
        return (complaints or lines or [""])[-1]
