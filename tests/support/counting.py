"""A server that counts what it answers, for tests of what others count."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class CountingServer:
    """Answers `/slow` after 50 ms, `/fail` with 500, `/away` with a redirect to another host, all else with
    200."""

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()
        self.begun = 0
        self.port = 0
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def total(self) -> int:
        return sum(self.answered.values())

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As a program that dies: connections break."""
        assert self._server is not None
        self._server.close()
        for each in list(self._connections):
            cast("asyncio.Transport", each.transport).abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                path = lines[0].split(" ")[1]
                for line in lines:
                    if line.lower().startswith("content-length:"):
                        await reader.readexactly(int(line.partition(":")[2]))
                self.begun += 1
                if path == "/slow":
                    await asyncio.sleep(0.05)
                status, more = "200 OK", ""
                if path == "/fail":
                    status = "500 Broken"
                elif path == "/away":
                    status, more = "302 Elsewhere", "Location: http://127.0.0.2:1/caught\r\n"
                writer.write(f"HTTP/1.1 {status}\r\n{more}Content-Length: 2\r\n\r\nok".encode())
                await writer.drain()
                self.answered[path] += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()


@contextmanager
def counting_in_a_thread() -> Iterator[CountingServer]:
    """For commands, which have an event loop of their own."""
    server, loop = CountingServer(), asyncio.new_event_loop()
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        # What the broken connections leave to do.
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()


@asynccontextmanager
async def counting_server() -> AsyncIterator[CountingServer]:
    server = CountingServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
