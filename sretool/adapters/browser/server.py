"""Serves the dashboard to one browser on this machine, one process of it for every tab."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from typing import TYPE_CHECKING, Final

import aiohttp_jinja2
import jinja2
from aiohttp import web
from textual_serve.server import Server

from sretool.adapters.browser.guard import Guard
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

HOST: Final = "127.0.0.1"
"""Loopback and nothing else."""
_MOST: Final = 4
"""Tabs at once; each is a process of its own."""
_LAST_WORDS: Final = 5.0
"""Seconds that open tabs have to end."""


async def serve(command: str, port: int, title: str, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `command` is a shell command that speaks Textual's web protocol.

    `announce` gets the address that works once. UsageError where the port is taken.
    """
    listening = _listen(port)
    real_port: int = listening.getsockname()[1]
    guard = Guard(HOST, real_port)
    runner = web.AppRunner(
        application(command, guard, real_port, title), handle_signals=False, shutdown_timeout=_LAST_WORDS
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        announce(f"http://{HOST}:{real_port}/?token={guard.token}")
        await ended.wait()
    finally:
        await runner.cleanup()


def application(command: str, guard: Guard, port: int, title: str) -> web.Application:
    """The pages of textual-serve behind the guard."""
    server = Server(command, HOST, port, title, public_url=f"http://{HOST}:{port}")
    tabs = asyncio.Semaphore(_MOST)

    async def websocket(request: web.Request) -> web.StreamResponse:
        if tabs.locked():
            return web.Response(status=503, text=f"refused: {_MOST} tabs are open already\n")
        async with tabs:
            return await server.handle_websocket(request)

    app = web.Application(middlewares=[guard.check])
    aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(server.templates_path))
    app.add_routes(
        [
            web.get("/", server.handle_index, name="index"),
            web.get("/ws", websocket, name="websocket"),
            web.get("/download/{key}", server.handle_download, name="download"),
            web.static("/static", server.statics_path, name="static"),
        ]
    )
    app.on_response_prepare.append(guard.harden)
    return app


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(16)
    except OSError as error:
        listening.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise UsageError(
            f"port {port} {why}", remedy="give another --port, or leave it out for a free one"
        ) from error
    listening.setblocking(False)
    return listening
