"""One page, `/metrics`, made anew for whoever asks."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LOOPBACK: Final = "127.0.0.1"
_ADDRESS: Final = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]/\s]+):)?(?P<port>\d{1,5})")
_LAST_WORDS: Final = 1.0
"""Seconds that a scrape under way has to end."""


def parse_address(text: str) -> tuple[str, int]:
    """`9646` or `HOST:9646`; without a host only this machine can reach it. UsageError for anything else."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or int(found["port"]) > 65535:
        raise UsageError(
            f"{text!r} is no port to listen on",
            remedy="write it like 9646, or 0.0.0.0:9646 for other machines",
        )
    return (found["host"] or LOOPBACK).strip("[]"), int(found["port"])


@contextlib.asynccontextmanager
async def served(host: str, port: int, page: Callable[[], str], content_type: str) -> AsyncIterator[str]:
    """Within it the page is at the address given; port 0 is a free one. UsageError where that cannot be."""
    listening = _listen(host, port)
    runner = web.AppRunner(_application(page, content_type), access_log=None, shutdown_timeout=_LAST_WORDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield f"http://{_written(host)}:{listening.getsockname()[1]}/metrics"
    finally:
        await runner.cleanup()


def _application(page: Callable[[], str], content_type: str) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=page().encode(), headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics)])
    return app


def _listen(host: str, port: int) -> socket.socket:
    where = f"--metrics-port {_written(host)}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise UsageError(f"{where}: no such host: {error.strerror}") from error
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(16)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{where}: {error.strerror}", remedy="choose another port, 0 for a free one"
        ) from error
    listening.setblocking(False)
    return listening


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
