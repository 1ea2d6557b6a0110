"""A proxy in this process, in front of a server of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from sretool.chaos.proxy.api import Api
from sretool.chaos.proxy.proxies import Proxies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Upstream:
    """A server that sends back what it gets, unless told otherwise."""

    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    echo: bool = True
    ended: int = 0
    """Connections whose client has hung up."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.received += data
                if self.echo:
                    writer.write(data)
                    await writer.drain()
        self.ended += 1
        writer.close()


@dataclass
class Rig:
    """A proxy `p` in front of `upstream`, and its API."""

    upstream: Upstream
    proxies: Proxies
    url: str
    session: aiohttp.ClientSession
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None) -> Any:
        """Status and document (text where it is none)."""
        given = {"data": raw} if raw is not None else {"json": body} if body is not None else {}
        async with self.session.request(method, f"{self.url}{path}", **given) as reply:
            text = await reply.text()
            is_json = text.startswith(("{", "[")) and "text/plain; version" not in reply.content_type
            return reply.status, (await reply.json(content_type=None) if is_json else text)

    async def toxic(
        self, kind: str, *, stream: str = "downstream", toxicity: float = 1.0, **words: int
    ) -> str:
        """The name of a new toxic of `p`."""
        body = {"type": kind, "stream": stream, "toxicity": toxicity, "attributes": words}
        status, made = await self.ask("POST", "/proxies/p/toxics", body)
        assert status == 200, made
        return str(made["name"])

    @property
    def port(self) -> int:
        return int(self.proxies.get("p").listen.rpartition(":")[2])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(connection[1])
        return connection


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    proxies = Proxies()
    runner = web.AppRunner(Api(proxies).application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as session:
        made = Rig(upstream, proxies, f"http://{host}:{port}", session)
        body = {"name": "p", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{upstream.port}"}
        assert (await made.ask("POST", "/proxies", body))[0] == 201
        yield made
    await runner.cleanup()
    await proxies.stop()
    server.close()
    for writer in (*upstream.writers, *made.writers):
        writer.transport.abort()
    await asyncio.sleep(0)
