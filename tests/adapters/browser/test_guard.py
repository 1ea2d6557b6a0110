"""The server for browsers refuses everything but the browser that was given the address: real requests."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from sretool.adapters.browser import server
from sretool.adapters.browser.guard import Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TAB = """
import sys
out = sys.stdout.buffer
out.write(b"__GANGLION__\\n")
out.write(b"D" + (5).to_bytes(4, "big") + b"hello")
out.flush()
sys.stdin.buffer.read(1)
"""
"""Speaks Textual's web protocol: says hello, and ends with the first thing it is told."""


@asynccontextmanager
async def served() -> AsyncIterator[tuple[str, Guard]]:
    """Base address and guard of a running server."""
    listening = server._listen(0)
    port = listening.getsockname()[1]
    guard = Guard(server.HOST, port)
    command = shlex.join([sys.executable, "-c", _TAB])
    runner = web.AppRunner(server.application(command, guard, port, "test"))
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        yield f"http://{server.HOST}:{port}", guard
    finally:
        await runner.cleanup()
        await _tabs_gone()


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


async def _tabs_gone() -> None:
    """No tab outlives its connection."""
    for _ in range(100):
        if not _children():
            break
        await asyncio.sleep(0.02)
    assert not _children()
    # The loop still hears of the end of their pipes.
    await asyncio.sleep(0.05)


@asynccontextmanager
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def test_the_address_opens_the_page_and_its_connection() -> None:
    async with served() as (base, guard), browser() as session:
        async with session.get(f"{base}/?token={guard.token}") as page:
            assert page.status == 200
            assert str(page.url) == f"{base}/"
            assert "data-session-websocket-url" in await page.text()
            assert page.headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
            assert page.headers["Referrer-Policy"] == "no-referrer"
        async with session.get(f"{base}/static/js/textual.js") as script:
            assert script.status == 200
        async with session.ws_connect(f"{base}/ws", origin=base) as connection:
            assert (await connection.receive_bytes()) == b"hello"


async def test_the_address_works_once() -> None:
    async with served() as (base, guard), browser() as first, browser() as second:
        address = f"{base}/?token={guard.token}"
        async with first.get(address) as page:
            assert page.status == 200
        async with second.get(address) as page:
            assert page.status == 403
            assert "used already" in await page.text()
        # Not even the browser that has the session may use it again; its session stays.
        async with first.get(address) as page:
            assert page.status == 403
        async with first.get(base) as page:
            assert page.status == 200
        assert guard.token is None


@pytest.mark.parametrize("path", ["/", "/ws", "/static/js/textual.js", "/download/x", "/nowhere"])
async def test_without_the_token_there_is_nothing(path: str) -> None:
    async with served() as (base, _), browser() as session, session.get(base + path) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("token", ["", "wrong", "ü", "x" * 5000])
async def test_a_wrong_token_is_refused_and_does_not_use_up_the_right_one(token: str) -> None:
    async with served() as (base, guard), browser() as session:
        async with session.get(f"{base}/", params={"token": token}) as answer:
            assert answer.status == 403
        async with session.get(f"{base}/?token={guard.token}") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://evil.example"}, id="foreign origin"),
        pytest.param({"Origin": "null"}, id="origin of a sandboxed page"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, id="another port of this machine"),
        pytest.param({"Host": "evil.example"}, id="a name pointed at loopback"),
        pytest.param({"Host": "localhost:1"}, id="another host name"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="a page of another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="a page of another port"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/ws"])
async def test_a_foreign_page_is_refused_also_with_the_session(headers: dict[str, str], path: str) -> None:
    async with served() as (base, guard), browser() as session:
        async with session.get(f"{base}/?token={guard.token}") as page:
            assert page.status == 200
        async with session.get(base + path, headers=headers) as answer:
            assert answer.status == 403
            assert "refused" in await answer.text()


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", None])
async def test_a_connection_from_a_foreign_page_is_refused(origin: str | None) -> None:
    async with served() as (base, guard), browser() as session:
        async with session.get(f"{base}/?token={guard.token}") as page:
            assert page.status == 200
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{base}/ws", origin=origin)
        assert caught.value.status == 403


async def test_a_connection_without_the_session_is_refused() -> None:
    async with served() as (base, _), browser() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{base}/ws", origin=base)
        assert caught.value.status == 403


async def test_only_reading_is_possible() -> None:
    async with served() as (base, guard), browser() as session:
        async with session.post(f"{base}/?token={guard.token}") as answer:
            assert answer.status == 403
        assert guard.token is not None


async def test_tabs_are_limited() -> None:
    async with served() as (base, guard), browser() as session:
        async with session.get(f"{base}/?token={guard.token}"):
            pass
        tabs = [await session.ws_connect(f"{base}/ws", origin=base) for _ in range(server._MOST)]
        for tab in tabs:
            assert (await tab.receive_bytes()) == b"hello"
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{base}/ws", origin=base)
        assert caught.value.status == 503
        for tab in tabs:
            await tab.close()
