"""The pool of PostgreSQL connections, so set that it is usable again the moment the database is.

In front of the database stands a proxy that refuses quickly. So a failed attempt to connect is not repeated
by the clock but by the next request, and one connection found dead puts all idle ones under suspicion.
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
from psycopg_pool import AsyncConnectionPool, PoolTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ACQUIRE_TIMEOUT = 1.0
CONNECT_TIMEOUT = 2
"""The least that libpq knows."""
STATEMENT_TIMEOUT = 2.0
LEASE_TIMEOUT = 2.5
"""A lent connection is cut after this: the server's own time-out does not help where the server is frozen."""
CLOSE_TIMEOUT = 1.0


class Connection(AsyncConnection[tuple[Any, ...]]):
    server: str = ""
    """Address and port of the server itself, whatever stands in between."""


class AcquireTimeout(Exception):
    """All connections were in use for too long."""


class LeaseTimeout(Exception):
    """The server did not answer in time, nor end the statement itself."""


class Pool:
    def __init__(self, conninfo: str, size: int, application: str) -> None:
        """Opens with the first lease."""
        self._size = size
        self._used = 0
        self._waiting: set[asyncio.Timeout] = set()
        self._pool = AsyncConnectionPool[Connection](
            conninfo,
            connection_class=Connection,
            configure=_ask_who,
            kwargs={
                "autocommit": True,
                "application_name": application,
                "options": f"-c statement_timeout={int(STATEMENT_TIMEOUT * 1000)}",
                "connect_timeout": CONNECT_TIMEOUT,
                "keepalives_idle": 5,
                "keepalives_interval": 1,
                "keepalives_count": 3,
            },
            min_size=1,
            max_size=size,
            open=False,
            check=self._check,
            name=application,
            timeout=ACQUIRE_TIMEOUT,
            # Gives up after the second failure in a row; the next request has it connect anew.
            reconnect_timeout=0,
            reconnect_failed=self._refused,
        )

    @property
    def used(self) -> int:
        return self._used

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode.

        AcquireTimeout where none is free, LeaseTimeout where the server hangs, psycopg's errors otherwise.
        """
        connection = await self._acquire()
        self._used += 1
        lease = _Lease(connection)
        try:
            yield connection
        except psycopg.Error as error:
            if lease.cut:
                raise LeaseTimeout(f"no answer within {LEASE_TIMEOUT:g} s") from error
            raise
        finally:
            lease.end()
            self._used -= 1
            await self._pool.putconn(connection)

    async def drop_idle(self) -> None:
        """Replace what is not in use: after the server said that it is no longer the one to write to."""
        await self._pool.drain()

    async def close(self) -> None:
        await self._pool.close(CLOSE_TIMEOUT)

    async def _acquire(self) -> Connection:
        await self._pool.open()
        waiting = asyncio.timeout(None)
        try:
            async with waiting:
                self._waiting.add(waiting)
                return await self._pool.getconn()
        except TimeoutError:
            raise psycopg.OperationalError("the database takes no connections") from None
        except PoolTimeout:
            if self._used < self._size:
                raise psycopg.errors.ConnectionTimeout(
                    f"no connection within {ACQUIRE_TIMEOUT:.0f} s"
                ) from None
            raise AcquireTimeout(f"no connection free within {ACQUIRE_TIMEOUT:.0f} s") from None
        finally:
            self._waiting.discard(waiting)

    async def _check(self, connection: Connection) -> None:
        """Asks the socket, not the server, which may be frozen and never answer."""
        if _hung_up(connection):
            connection.pgconn.finish()
            await self._pool.drain()
            raise psycopg.OperationalError("the server has hung up")

    def _refused(self, _: AsyncConnectionPool[Any]) -> None:
        """No use waiting any longer for those who wait."""
        while self._waiting:
            self._waiting.pop().reschedule(asyncio.get_running_loop().time())


async def _ask_who(connection: Connection) -> None:
    lease = _Lease(connection)
    try:
        asked = await connection.execute("SELECT host(inet_server_addr()), inet_server_port()")
        row = await asked.fetchone()
    finally:
        lease.end()
    if row is not None and row[0] is not None:
        connection.server = f"{row[0]}:{row[1]}"


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
