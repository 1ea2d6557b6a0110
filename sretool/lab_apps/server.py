"""Serving one ASGI application on loopback until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

GRACE = 1
"""Seconds that requests in flight get after SIGTERM; the programs promise to be gone after two."""


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


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on a uvloop event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
