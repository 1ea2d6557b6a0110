"""Answers whoever asks for a verdict: JSON, with a status that says yes or no."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sretool.errors import SourceError, SretoolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_AT_ONCE: Final = 4
"""Verdicts being found; more wait."""
_MOST_BODY: Final = 64 * 1024
_LAST_WORDS: Final = 2.0
"""Seconds that answers under way have at the end."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    """JSON."""


async def serve(
    host: str,
    port: int,
    find: Callable[[str, Mapping[str, str]], Awaitable[Answer]],
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM; UsageError where nothing can listen there."""
    runner = web.AppRunner(
        application(find), access_log=None, handle_signals=False, shutdown_timeout=_LAST_WORDS
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                remedy="choose another --listen address, port 0 for a free one",
            ) from error
        shown, its_port = runner.addresses[0][:2]
        announce(f"http://{f'[{shown}]' if ':' in shown else shown}:{its_port}")
        await ended.wait()
    finally:
        await runner.cleanup()


def application(find: Callable[[str, Mapping[str, str]], Awaitable[Answer]]) -> web.Application:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def verdict(request: web.Request) -> web.Response:
        try:
            parameters = dict(request.query) | await _of_body(request)
            async with gate:
                answer = await find(request.path.strip("/"), parameters)
        except SretoolError as error:
            return _refused(error)
        return web.Response(status=answer.status, text=answer.body, content_type="application/json")

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=_MOST_BODY)
    app.add_routes([web.get("/healthz", alive), web.get("/{path:.+}", verdict)])
    app.add_routes([web.post("/{path:.+}", verdict)])
    return app


async def _of_body(request: web.Request) -> dict[str, str]:
    """What Flagger calls `metadata`, or a plain object of texts; nothing of an empty body."""
    if request.method != "POST" or not request.can_read_body:
        return {}
    try:
        body: Any = json.loads(await request.text() or "{}")
    except (ValueError, web.HTTPRequestEntityTooLarge) as error:
        raise UsageError("the body is no JSON, or too long") from error
    found = body.get("metadata", body) if isinstance(body, dict) else None
    if found is None and isinstance(body, dict):
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UsageError("the body is no object of texts", remedy='write it like {"stage": "1"}')
    return found


def _refused(error: SretoolError) -> web.Response:
    """400 where the question is wrong, 503 where nobody can answer it now."""
    status = 503 if isinstance(error, SourceError) else 400
    return web.json_response({"error": error.message, "remedy": error.remedy}, status=status)
