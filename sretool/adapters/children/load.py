"""The load that an experiment brings, made by a `sretool load run` of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.adapters.children.program import OF_LOAD, Program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class LoadRun:
    """One load test as a child."""

    def __init__(self, arguments: tuple[str, ...], log: Path, environment: Mapping[str, str]) -> None:
        """`arguments` of `sretool`: `load run PROFILE …`."""
        self._log = log
        self._program = Program(arguments, log, environment, OF_LOAD)

    async def start(self) -> None:
        await self._program.start()

    async def lost(self) -> str:
        code = await self._program.wait()
        return f"the load ended by itself with {code}; {self._log} says why"

    async def stop(self) -> None:
        if self._program.pid is not None:
            self._program.stop()
            await self._program.wait()
