"""The load that an experiment brings, made by a `sretool load run` of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from typing import TYPE_CHECKING, Final

from sretool.errors import ChaosError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping
    from pathlib import Path

_PROGRAM: Final = "from sretool.cli.main import main; main()"
_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)
_NOTICE: Final = 10.0
"""Seconds in which it ends in order."""


class LoadRun:
    """One load test as a child. It ends with us, however we end."""

    def __init__(self, arguments: tuple[str, ...], log: Path, environment: Mapping[str, str]) -> None:
        """`arguments` of `sretool`: `load run PROFILE …`."""
        self._arguments = arguments
        self._log = log
        self._environment = environment
        self._process: Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", _PROGRAM, *self._arguments),
                    stdin=DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=dict(self._environment),
                    preexec_fn=_end_with_us,
                )
            except OSError as error:
                raise ChaosError(f"the load cannot be made: {error}") from error

    async def lost(self) -> str:
        assert self._process is not None
        code = await self._process.wait()
        return f"the load ended by itself with {code}; {self._log} says why"

    async def stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), _NOTICE)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _end_with_us() -> None:
    """In the child: the kernel asks it to end when this program is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
