"""Exchanges in callbacks of the event loop: read an answer, give it to a generator, send what comes out.

No greenlet is switched while answers are what they mostly are. Whatever else comes is handed over to one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gevent.exceptions import BlockingSwitchOutError

from sretool.load.client import FixedPlan, Response
from sretool.load.clock import now
from sretool.load.wire import NO_HEAD, Head

if TYPE_CHECKING:
    from collections.abc import Callable

    from sretool.load.client import Origin, Session

_READ: Final = 64 * 1024
NO_BLOCKING: Final = (
    "a task that yields requests must not block: `yield self.sleep(1)` and `yield self.get(...)` instead"
)


class Rest(NamedTuple):
    """What a callback leaves to a greenlet."""

    why: str
    """`answer`: one that has to be thought about, or none; `unsent`: the request has not gone out as a whole;
    `other`: the generator yielded something else; `end`: it ended; `error`: it raised; `idle`: the connection
    has ended, or told something, while nothing was asked. A generator may yield a Rest with a word of its own.
    """
    what: Any = None
    """The first bytes of the answer; what was yielded or raised."""
    plan: FixedPlan | None = None
    start: int = 0
    """Of the request, nanoseconds on the clock of `now`."""


class Lane:
    """One connection of one user, as long as callbacks serve it."""

    __slots__ = ("_watcher", "begin", "connection", "origin")

    def __init__(
        self,
        client: Session,
        origin: Origin,
        send: Callable[[Any], Any],
        hand_over: Callable[[Rest], object],
    ) -> None:
        """`send` is that of the generator, which gets answers and gives what is to be sent next."""
        self.origin = origin
        self.connection = connection = origin.idle.pop()
        self._watcher = connection.readable
        fd, heads, jar = connection.fd, client._heads, client.jar
        listeners, own = client._listeners, client._own
        # Names of this function are found sooner than those of the module.
        write, read, clock = os.write, os.read, now
        plan_class, response_class, rest_class = FixedPlan, Response, Rest
        plan: FixedPlan = None  # type: ignore[assignment]
        start = 0
        head: Head = NO_HEAD
        raw, size, whole = head.raw, head.size, head.whole

        def begin(plan_: FixedPlan, start_: int, moment: int) -> bool:
            """Send at `moment` what should have started at `start_`; whether all of it went out."""
            nonlocal plan, start
            plan, start = plan_, start_
            connection.waits_since = moment
            try:
                return write(fd, plan.payload) == len(plan.payload)
            except OSError:
                return False

        def readable() -> None:
            nonlocal plan, start, head, raw, size, whole
            try:
                data = read(fd, _READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data[:size] != raw:
                found = heads.of(data)
                if found is None or not found.simple:
                    hand_over(Rest("answer" if start else "idle", data, plan, start))
                    return
                head, raw, size, whole = found, found.raw, found.size, found.whole
            if len(data) != whole or not start or len(listeners) > own:
                hand_over(Rest("answer" if start else "idle", data, plan, start))
                return
            slot = plan.slot
            slot.append(clock() - start)
            slot.size += whole - size
            client.yielded = True
            try:
                command = send(response_class(plan, head, data[size:]))
            except StopIteration:
                start = 0
                hand_over(Rest("end"))
                return
            except BlockingSwitchOutError:
                start = 0
                hand_over(Rest("error", TypeError(NO_BLOCKING)))
                return
            except BaseException as error:
                start = 0
                hand_over(Rest("error", error))
                return
            if command.__class__ is not plan_class or command.origin is not origin or jar.changes:
                start = 0
                connection.waits_since = 0
                hand_over(command if command.__class__ is rest_class else Rest("other", command))
                return
            plan = command
            payload = plan.payload
            # As `begin`, without the call.
            start = connection.waits_since = clock()
            try:
                sent = write(fd, payload)
            except OSError:
                sent = -1
            if sent != len(payload):
                hand_over(Rest("unsent", None, plan, start))

        self.begin = begin
        self._watcher.start(readable)

    def leave(self) -> None:
        """No further callbacks; the connection waits with the others of its origin."""
        self.stop()
        self.connection.waits_since = 0
        self.origin.idle.append(self.connection)

    def stop(self) -> None:
        """No further callbacks; the connection is whoever's asks."""
        self._watcher.stop()
