"""Where the dashboard asks and tells Alertmanager: on a thread of its own, made when it is first needed."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from sretool.services.duty import Duty

_T = TypeVar("_T")


class Desk(Protocol):
    async def run(self, ask: Callable[[Duty], Coroutine[None, None, _T]]) -> _T:
        """What `ask` makes of the duty service; raises its SourceError."""
        ...


class DirectDesk:
    """Runs on the loop that asks."""

    def __init__(self, duty: Duty) -> None:
        self._duty = duty

    async def run(self, ask: Callable[[Duty], Coroutine[None, None, _T]]) -> _T:
        return await ask(self._duty)


class BackgroundDesk:
    """Runs on a thread of its own, so that parsing a month of alerts never holds up a key."""

    def __init__(self, make: Callable[[], Duty]) -> None:
        self._make = make
        self._duty: Duty | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, ask: Callable[[Duty], Coroutine[None, None, _T]]) -> _T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._ask(ask), self._started()))

    async def _ask(self, ask: Callable[[Duty], Awaitable[_T]]) -> _T:
        if self._duty is None:
            self._duty = self._make()
        return await ask(self._duty)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="desk", daemon=True)
            self._thread.start()
        return self._loop

    def close(self) -> None:
        """Give up what is still being asked, and end the thread."""
        if self._loop is None or self._thread is None:
            return
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()
        self._loop = None

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._duty is not None:
            await self._duty.aclose()
