"""A lean Redis client: one connection, commands of all requests pipelined on it.

The usual client library costs 20 MB per process and half a millisecond per call; the handful of commands
needed here are a few lines on top of hiredis.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import hiredis

if TYPE_CHECKING:
    from collections.abc import Sequence

Command = tuple[str | bytes | int, ...]
Value = bytes | int | None | list["Value"]


class RedisAway(Exception):
    """No connection, no answer in time, or an answer that is an error."""


class _Connection(asyncio.Protocol):
    """Answers come in the order of the commands: each waiting future takes as many as it has asked for."""

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[int, list[Value], asyncio.Future[list[Value]]]] = deque()

    def ask(self, commands: Sequence[Command]) -> asyncio.Future[list[Value]]:
        assert self._transport is not None  # connected
        future: asyncio.Future[list[Value]] = asyncio.get_running_loop().create_future()
        self._waiting.append((len(commands), [], future))
        packed = (hiredis.pack_command(command) for command in commands)  # type: ignore[arg-type]
        self._transport.write(b"".join(packed))
        return future

    def close(self) -> None:
        self.usable = False
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self.usable = True

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                self._take(reply)
        except hiredis.ProtocolError as error:
            self._fail(f"not Redis: {error}")
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        self._fail(f"connection closed{f': {error}' if error else ''}")

    def _take(self, reply: object) -> None:
        count, replies, future = self._waiting[0]
        replies.append(cast("Value", reply))
        if len(replies) < count:
            return
        self._waiting.popleft()
        if future.done():
            return
        failed = next((one for one in replies if isinstance(one, hiredis.ReplyError)), None)
        if failed is not None:
            future.set_exception(RedisAway(str(failed)))
        else:
            future.set_result(replies)

    def _fail(self, reason: str) -> None:
        while self._waiting:
            future = self._waiting.popleft()[2]
            if not future.done():
                future.set_exception(RedisAway(reason))


class Redis:
    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "redis" or not parts.hostname:
            raise ValueError(f"{url!r} is no redis address")
        self._host, self._port = parts.hostname, parts.port or 6379
        self._database = parts.path.strip("/")
        self._timeout = timeout
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def execute(self, *commands: Command) -> list[Value]:
        """One reply per command; RedisAway where they did not all succeed."""
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._ready() or await self._connect()
                return await connection.ask(commands)
        except TimeoutError:
            if connection:
                connection.close()
            raise RedisAway(f"no answer within {self._timeout:g} s") from None
        except OSError as error:
            raise RedisAway(str(error)) from error

    def close(self) -> None:
        if self._connection:
            self._connection.close()

    def _ready(self) -> _Connection | None:
        return self._connection if self._connection and self._connection.usable else None

    async def _connect(self) -> _Connection:
        async with self._connecting:
            if connection := self._ready():
                return connection
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, self._host, self._port)
            if self._database not in ("", "0"):
                await connection.ask([("SELECT", self._database)])
            self._connection = connection
            return connection
