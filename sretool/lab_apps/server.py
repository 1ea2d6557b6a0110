"""Serving one ASGI application on loopback until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

GRACE = 1
"""Seconds that requests in flight get after SIGTERM; the programs promise to be gone after two."""

log = logging.getLogger("server")


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it re-raises the signal afterwards, so that an ordered stop looks
    like a kill to whoever supervises the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(app: Any, port: int) -> None:
    """Listen on 127.0.0.1:`port` until the program is told to stop; SystemExit where the port is taken."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE,
        backlog=1024,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    await server.serve()


def vital(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run `work` in the background and end the whole program should it fail.

    A supervisor starts a program that has ended again; nobody notices one that has stopped doing half its
    work.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_end_if_failed)
    return task


def _end_if_failed(task: asyncio.Task[None]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    log.critical("%s failed, the program ends", task.get_name(), exc_info=error)
    os._exit(1)


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel `tasks` and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on a uvloop event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
