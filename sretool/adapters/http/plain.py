"""Plain HTTP without a proxy, with the standard library: what nearly every Prometheus inside is asked by.

A library for all of HTTP costs a tenth of a second to import and a third more for each answer; the first
figures of a dashboard leave before it could be there.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import socket
import threading
import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from sretool.adapters.http import exchange

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from sretool.adapters.http.exchange import HttpRequest
    from sretool.ports import Endpoint

_PIECE: Final = 4 * 1024 * 1024
_PROXIES: Final = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def suits(endpoint: Endpoint, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this endpoint can be asked so: no TLS, and no proxy between."""
    parts = urlsplit(endpoint.url)
    if parts.scheme != "http":
        return False
    return exchange.is_loopback(parts.hostname or "") or not any(map(environment.get, _PROXIES))


class PlainWire:
    """Keeps connections open; every exchange runs in a thread of the loop's executor."""

    def __init__(self, endpoint: Endpoint, where: str, remedy: str) -> None:
        parts = urlsplit(endpoint.url)
        self._host, self._port, self._prefix = parts.hostname or "", parts.port or 80, parts.path
        self._where = where
        self._remedy = remedy
        """What to do about an answer that is none."""
        self._headers = _headers(endpoint, compressed=not exchange.is_loopback(self._host))
        self._idle: list[http.client.HTTPConnection] = []

    async def exchange(self, request: HttpRequest, deadline: timedelta) -> tuple[int, bytes]:
        # What changes something must not be sent twice: it gets a connection that cannot be half closed.
        reused = self._idle.pop() if self._idle and not request.changes else None
        try:
            return await self._attempt(request, deadline, reused)
        except _Gone:
            # The server closed it while it was idle, before it saw the question.
            return await self._attempt(request, deadline, None)

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    async def _attempt(
        self, request: HttpRequest, deadline: timedelta, reused: http.client.HTTPConnection | None
    ) -> tuple[int, bytes]:
        seconds = deadline.total_seconds()
        job = _Exchange(self, request, reused, seconds)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                status, body, connection = await loop.run_in_executor(None, job.run)
        except TimeoutError as error:
            raise exchange.no_answer(self._where, deadline) from error
        finally:
            job.give_up()
        if connection is not None:
            self._idle.append(connection)
        return status, body


class _Gone(Exception):
    """A kept connection was closed before an answer began."""


class _Exchange:
    """One question and its answer, in a thread; another thread may give it up."""

    def __init__(
        self, wire: PlainWire, request: HttpRequest, reused: http.client.HTTPConnection | None, seconds: float
    ) -> None:
        self._wire = wire
        self._request = request
        self._reused = reused
        self._seconds = seconds
        self._connection = reused
        self._lock = threading.Lock()
        self._over = False
        self._given_up = False

    def give_up(self) -> None:
        """Wake the thread where it still waits for the server."""
        with self._lock:
            self._given_up = True
            if self._over or self._connection is None:
                return
            sock = self._connection.sock
            if sock is not None:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return

    def run(self) -> tuple[int, bytes, http.client.HTTPConnection | None]:
        """Status, body, and the connection where it may be used again."""
        where = self._wire._where
        connection = self._reused or self._connected()
        try:
            status, body, again = self._exchange(connection)
        except (TimeoutError, http.client.HTTPException, OSError, zlib.error) as error:
            self._finish(connection)
            if isinstance(error, TimeoutError):
                raise
            if self._reused is not None and isinstance(error, http.client.RemoteDisconnected | OSError):
                raise _Gone from error
            if isinstance(error, zlib.error):
                raise exchange.garbled(where, self._wire._remedy) from error
            raise exchange.broken(where, _reason(error)) from error
        except BaseException:
            self._finish(connection)
            raise
        if not again:
            self._finish(connection)
            return status, body, None
        with self._lock:
            self._over = True
        return status, body, connection

    def _finish(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._over = True
        connection.close()

    def _connected(self) -> http.client.HTTPConnection:
        wire = self._wire
        patience = min(exchange.CONNECT_SECONDS, self._seconds)
        connection = http.client.HTTPConnection(wire._host, wire._port, timeout=patience)
        try:
            connection.connect()
        except TimeoutError:
            raise
        except OSError as error:
            raise exchange.not_reached(wire._where, _reason(error)) from error
        with self._lock:
            self._connection = connection
            late = self._given_up
        if late:
            connection.close()
            raise TimeoutError
        return connection

    def _exchange(self, connection: http.client.HTTPConnection) -> tuple[int, bytes, bool]:
        request, wire = self._request, self._wire
        assert connection.sock is not None
        connection.sock.settimeout(self._seconds)
        headers = dict(wire._headers)
        body = request.json
        if request.form is not None:
            body = urlencode(request.form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(request.method, wire._prefix + request.path, body, headers)
        response = connection.getresponse()
        packed = response.getheader("Content-Encoding", "").lower() in ("gzip", "x-gzip", "deflate")
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None
        pieces: list[bytes] = []
        size = 0
        while piece := response.read(_PIECE):
            if unpack is not None:
                piece = unpack.decompress(piece, exchange.LARGEST_REPLY + 1 - size)
            size += len(piece)
            if size > exchange.LARGEST_REPLY:
                raise exchange.too_long(wire._where)
            pieces.append(piece)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        if unpack is not None and not unpack.eof:
            raise zlib.error("cut short")
        return response.status, b"".join(pieces), not response.will_close


def _headers(endpoint: Endpoint, *, compressed: bool) -> dict[str, str]:
    headers = {"Accept": "application/json", **endpoint.headers}
    headers["Accept-Encoding"] = "gzip" if compressed else "identity"
    if endpoint.token is not None:
        headers["Authorization"] = f"Bearer {endpoint.token}"
    elif endpoint.basic is not None:
        pair = ":".join(endpoint.basic).encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.RemoteDisconnected):
        return "closed without an answer"
    if isinstance(error, http.client.BadStatusLine):
        return "illegal status line"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer was cut short"
    said = error.strerror if isinstance(error, OSError) else None
    return exchange.one_line(said or str(error)) or type(error).__name__
