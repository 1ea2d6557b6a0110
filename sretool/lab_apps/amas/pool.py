"""A small pool of PostgreSQL connections that is usable again the moment the database is.

A connection is looked at before it is lent (has the other end hung up?), replaced at once where it has, and
cut where a query does not come back. There is no back-off: in front of the database stands a proxy that
refuses quickly, so the first request after a failover simply succeeds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ACQUIRE_TIMEOUT = 1.0
CONNECT_TIMEOUT = 1.0
STATEMENT_TIMEOUT = 2.0
LEASE_TIMEOUT = 2.5
"""A lent connection is cut after this: the server's own time-out does not help where the server is frozen."""

Connection = AsyncConnection[tuple[Any, ...]]


class AcquireTimeout(Exception):
    """All connections were in use for too long."""


class LeaseTimeout(Exception):
    """The server did not answer in time, nor end the statement itself."""


class Pool:
    def __init__(self, conninfo: str, size: int, application: str) -> None:
        self._conninfo = conninfo
        self._application = application
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._used = 0
        self._closed = False

    @property
    def size(self) -> int:
        return self._size

    @property
    def used(self) -> int:
        return self._used

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode.

        AcquireTimeout where none is free, LeaseTimeout where the server hangs, psycopg's errors otherwise.
        """
        try:
            await asyncio.wait_for(self._slots.acquire(), ACQUIRE_TIMEOUT)
        except TimeoutError:
            raise AcquireTimeout(f"no connection free within {ACQUIRE_TIMEOUT:.0f} s") from None
        self._used += 1
        try:
            connection = self._take_idle() or await self._connect()
            lease = _Lease(connection)
            try:
                yield connection
            except psycopg.Error as error:
                if lease.cut:
                    raise LeaseTimeout(f"no answer within {LEASE_TIMEOUT:g} s") from error
                raise
            finally:
                lease.end()
                await self._give_back(connection)
        finally:
            self._used -= 1
            self._slots.release()

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not _hung_up(connection):
                return connection
            connection.pgconn.finish()
        return None

    async def _connect(self) -> Connection:
        try:
            return await asyncio.wait_for(
                AsyncConnection.connect(
                    self._conninfo,
                    autocommit=True,
                    application_name=self._application,
                    options=f"-c statement_timeout={int(STATEMENT_TIMEOUT * 1000)}",
                    keepalives_idle=5,
                    keepalives_interval=1,
                    keepalives_count=3,
                ),
                CONNECT_TIMEOUT,
            )
        except TimeoutError:
            raise psycopg.errors.ConnectionTimeout(f"no connection within {CONNECT_TIMEOUT:.0f} s") from None

    async def _give_back(self, connection: Connection) -> None:
        idle = psycopg.pq.TransactionStatus.IDLE
        if self._closed or connection.broken or connection.closed:
            connection.pgconn.finish()
        elif connection.info.transaction_status is not idle:
            connection.pgconn.finish()  # left in the middle of something: by a cancelled request
        else:
            self._idle.append(connection)

    def drop_idle(self) -> None:
        """Close what is not in use: after the server said that it is no longer the one to write to."""
        while self._idle:
            self._idle.pop().pgconn.finish()


class _Lease:
    """Cuts the connection when its time is up.

    Shutting the socket down makes the waiting query end with an error at once; cancelling it would first ask
    the frozen server to cancel, and wait for that.
    """

    def __init__(self, connection: Connection) -> None:
        self.cut = False
        self._connection = connection
        self._timer = asyncio.get_running_loop().call_later(LEASE_TIMEOUT, self._cut)

    def end(self) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.cut = True
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(self._connection.fileno())) as twin,
        ):
            twin.shutdown(socket.SHUT_RDWR)


def _hung_up(connection: Connection) -> bool:
    """Whether an idle connection is dead: nothing may be readable on it but the end of the stream."""
    if connection.closed or connection.broken:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
