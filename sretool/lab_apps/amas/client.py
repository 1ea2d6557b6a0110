"""A lean HTTP/1.1 client: a few keep-alive connections to one server, on httptools."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

MOST_IDLE = 16


class RequestFailed(Exception):
    """No answer: no connection, or it broke."""


class RequestTimeout(RequestFailed):
    """No answer in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._waiting: asyncio.Future[Reply] | None = None

    def ask(self, request: bytes) -> asyncio.Future[Reply]:
        assert self._transport is not None  # connected
        self._body.clear()
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        self.usable = False
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self.usable = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        self._fail(f"connection closed{f': {error}' if error else ''}")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.usable = self.usable and bool(self._parser.should_keep_alive())
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(Reply(self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, reason: str) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(RequestFailed(reason))


class Client:
    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is no http address")
        self._host, self._port = parts.hostname, parts.port or 80
        self._timeout = timeout
        self._idle: list[_Connection] = []

    async def request(self, method: str, path: str, user: int, body: bytes = b"") -> Reply:
        """The answer, whatever its status; RequestTimeout or RequestFailed where there is none."""
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\nx-user-id: {user}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._take_idle() or await self._connect()
                reply = await connection.ask(head.encode() + body)
        except TimeoutError:
            if connection:
                connection.close()
            raise RequestTimeout(f"no answer within {self._timeout:g} s") from None
        except OSError as error:
            raise RequestFailed(str(error)) from error
        except asyncio.CancelledError:
            if connection:
                connection.close()
            raise
        if connection.usable and len(self._idle) < MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return reply

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _take_idle(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(_Connection, self._host, self._port)
        return protocol
