"""A look at one PostgreSQL server, past everything that stands in front of it.

A frozen server never answers, and cancelling a query asks it to cancel first: after `PATIENCE` the socket is
shut down instead, so every look ends in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import psycopg

from sretool.chaos.writes import AWAY, STANDBY, WRITABLE, Reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

PATIENCE: Final = 1.0
"""Seconds for one look."""
READ_PATIENCE: Final = 15.0
"""Seconds to read what is there."""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Server:
    """One server under its own address."""

    def __init__(self, name: str, url: str, statistics: str = "") -> None:
        """`statistics`: address by a role that may read them; none: the other address."""
        self.name = name
        self._url = url
        self._statistics = statistics or url
        self._connection: Connection | None = None

    def twin(self) -> Server:
        """The same server by another connection."""
        return Server(self.name, self._url, self._statistics)

    async def state(self, *, commits: bool = False) -> str:
        """WRITABLE, STANDBY, or AWAY where it does not answer in time.

        `commits`: WRITABLE only where it commits a write now. A primary whose standby is gone says that it
        takes writes, and acknowledges none. The write is a message in its log, and leaves nothing in tables.
        """
        try:
            async with self._within(PATIENCE) as connection:
                asked = await connection.execute("SELECT current_setting('transaction_read_only')")
                if await asked.fetchone() != ("off",):
                    return STANDBY
                if commits:
                    await connection.execute("SELECT pg_logical_emit_message(true, 'sretool', '')")
        except (psycopg.Error, OSError, TimeoutError):
            await self.close()
            return AWAY
        return WRITABLE

    async def reading(self, query: str | None, words: Mapping[str, Any]) -> Reading:
        """Which writes it holds, and how many standbys stream from it."""
        streaming = await self._streaming()
        if query is None:
            return Reading(None, streaming)
        try:
            async with self._within(READ_PATIENCE) as connection:
                found = await connection.execute(query, dict(words))
                return Reading(Counter(str(row[0]) for row in await found.fetchall()), streaming)
        except (psycopg.Error, OSError, TimeoutError):
            await self.close()
            return Reading(None, streaming)

    async def _streaming(self) -> int | None:
        """None: not known."""
        other = Server(self.name, self._statistics)
        sql = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        try:
            async with other._within(PATIENCE) as connection:
                row = await (await connection.execute(sql)).fetchone()
        except (psycopg.Error, OSError, TimeoutError):
            return None
        finally:
            await other.close()
        return int(row[0]) if row else None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _cut(connection)
            await connection.close()

    @contextlib.asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[Connection]:
        if self._connection is None:
            async with asyncio.timeout(PATIENCE):
                self._connection = await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=2, application_name="sretool ledger"
                )
        connection = self._connection
        timer = asyncio.get_running_loop().call_later(seconds, _cut, connection)
        try:
            yield connection
        finally:
            timer.cancel()


def _cut(connection: Connection) -> None:
    """Shut the socket down, so that whoever waits for an answer gets an error."""
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as twin,
    ):
        twin.shutdown(socket.SHUT_RDWR)
