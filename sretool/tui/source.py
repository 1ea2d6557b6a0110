"""Where the dashboard's data comes from, and how it is fetched while the screen is still being built.

The first requests leave before Textual is imported: they run on a loop of their own, in a thread that also
keeps parsing and evaluation away from the keys for the rest of the session.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import timedelta

    from sretool.core.observe.model import SloHistory, Snapshot
    from sretool.core.observe.questions import Answers, Wanted
    from sretool.core.slo.model import Slo

_T = TypeVar("_T")


class Watched(Protocol):
    """What the dashboard asks of `services.watch.Watch`."""

    @property
    def snapshot(self) -> Snapshot: ...

    async def poll_metrics(self) -> Snapshot: ...

    async def poll_alerts(self) -> Snapshot: ...

    async def history(self, slo: Slo) -> SloHistory:
        """Raises SourceError."""
        ...

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        """PromQL of the bad share of one SLO at points `step` apart; to be asked with `ask`."""
        ...

    async def ask(self, wanted: Wanted) -> Answers:
        """Whatever a screen wants beside the snapshot; failures are told in the answers."""
        ...

    async def aclose(self) -> None: ...


class BackgroundWatch:
    """A watch that lives on its own thread; its methods are awaited from any other loop.

    The thread starts with the object: it makes the watch and sends the first request to every source.
    """

    def __init__(self, make: Callable[[], Watched]) -> None:
        self._made: Future[Watched] = Future()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="watch", daemon=True)
        self._thread.start()
        self._submit(self._begin(make))
        self._first_metrics: Future[Snapshot] | None = self._submit(self._poll_metrics())
        self._first_alerts: Future[Snapshot] | None = self._submit(self._poll_alerts())

    @property
    def snapshot(self) -> Snapshot:
        """Waits until the watch is made; raises what making it raised."""
        return self._watch().snapshot

    async def poll_metrics(self) -> Snapshot:
        first, self._first_metrics = self._first_metrics, None
        return await asyncio.wrap_future(first or self._submit(self._poll_metrics()))

    async def poll_alerts(self) -> Snapshot:
        first, self._first_alerts = self._first_alerts, None
        return await asyncio.wrap_future(first or self._submit(self._poll_alerts()))

    async def history(self, slo: Slo) -> SloHistory:
        return await asyncio.wrap_future(self._submit(self._watch().history(slo)))

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        return self._watch().error_ratio(slo, step)

    async def ask(self, wanted: Wanted) -> Answers:
        return await asyncio.wrap_future(self._submit(self._watch().ask(wanted)))

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the watch and end the thread; what is still being asked is given up."""
        if self._loop.is_closed():
            return
        with suppress(TimeoutError):
            self._submit(self._end()).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    async def _begin(self, make: Callable[[], Watched]) -> None:
        try:
            self._made.set_result(make())
        except BaseException as error:
            # Raised again where the watch is first needed.
            self._made.set_exception(error)

    def _watch(self) -> Watched:
        return self._made.result()

    async def _poll_metrics(self) -> Snapshot:
        return await self._watch().poll_metrics()

    async def _poll_alerts(self) -> Snapshot:
        return await self._watch().poll_alerts()

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._made.exception() is None:
            await self._watch().aclose()

    def _submit(self, work: Coroutine[None, None, _T]) -> Future[_T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)
