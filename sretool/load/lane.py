"""Exchanges in callbacks of the event loop: read an answer, give it to a generator, send what comes out.

No greenlet is switched while answers are what they mostly are. Whatever else comes is handed over to one.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import gevent
from gevent.exceptions import BlockingSwitchOutError
from gevent.monkey import get_original

from sretool.load.client import LATE_NS, FixedPlan, Response
from sretool.load.clock import now
from sretool.load.wire import NO_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sretool.load.client import Origin, Session

_READ: Final = 64 * 1024
_READABLE: Final = 1
_TOGETHER: Final = 128
"""Connections served at once; between two such rounds it is others' turn."""
NO_BLOCKING: Final = (
    "a task that yields requests must not block: `yield self.sleep(1)` and `yield self.get(...)` instead"
)


class Rest(NamedTuple):
    """What a callback leaves to a greenlet."""

    why: str
    """`answer`: one that has to be thought about, or none; `unsent`: the request has not gone out as a whole;
    `other`: the generator yielded something else; `end`: it ended; `error`: it raised; `idle`: the connection
    has ended, or told something, while nothing was asked. A generator may yield a Rest with a word of its
    own.
    """
    what: Any = None
    """The first bytes of the answer; what was yielded or raised."""
    plan: FixedPlan | None = None
    start: int = 0
    """Of the request, nanoseconds on the clock of `now`."""


class Lane:
    """One connection of one user, as long as callbacks serve it."""

    __slots__ = (
        "_ward", "client", "connection", "fd", "hand_over", "heads", "jar", "listeners", "origin", "own",
        "plan", "send", "start", "stopped",
    )  # fmt: skip

    def __init__(
        self,
        client: Session,
        origin: Origin,
        send: Callable[[Any], Any],
        hand_over: Callable[[Rest], object],
    ) -> None:
        """`send` is that of the generator, which gets answers and gives what is to be sent next."""
        self.client, self.origin = client, origin
        self.connection = origin.idle.pop()
        self.fd = self.connection.fd
        self.send, self.hand_over = send, hand_over
        self.heads, self.jar = client._heads, client.jar
        self.listeners, self.own = client._listeners, client._own
        self.plan: FixedPlan | None = None
        """The request under way."""
        self.start = 0
        """When it should have started; 0: none is under way."""
        self.stopped = False
        self._ward = Ward.of_process()
        self._ward.add(self)

    def begin(self, plan: FixedPlan, start: int, moment: int) -> bool:
        """Send at `moment` what should have started at `start`; whether all of it went out."""
        self.plan, self.start = plan, start
        self.connection.waits_since = moment
        try:
            return os.write(self.fd, plan.payload) == len(plan.payload)
        except OSError:
            return False

    def begin_soon(self, plan: FixedPlan, start: int) -> None:
        """As `begin`, together with others: when `Ward.send` is called next."""
        self.plan, self.start = plan, start
        self._ward.going.append(self)

    def hand_over_answer(self, data: bytes) -> None:
        """Leave what came to the greenlet: it is no plain answer, or none that anybody waits for."""
        self.hand_over(Rest("answer" if self.start else "idle", data, self.plan, self.start))

    def hand_over_end(self, error: BaseException) -> None:
        """Leave it to the greenlet that the generator is at its end, by `error` or without one."""
        self.start = 0
        if isinstance(error, StopIteration):
            rest = Rest("end")
        elif isinstance(error, BlockingSwitchOutError):
            rest = Rest("error", TypeError(NO_BLOCKING))
        else:
            rest = Rest("error", error)
        self.hand_over(rest)

    def hand_over_command(self, command: Any) -> None:
        """Leave to the greenlet what the generator yielded: no request for this connection."""
        self.start = self.connection.waits_since = 0
        self.hand_over(command if command.__class__ is Rest else Rest("other", command))

    def leave(self) -> None:
        """No further callbacks; the connection waits with the others of its origin."""
        self.stop()
        self.connection.waits_since = 0
        self.origin.idle.append(self.connection)

    def stop(self) -> None:
        """No further callbacks; the connection is whoever's asks."""
        if not self.stopped:
            self.stopped = True
            self._ward.remove(self)


class Ward:
    """Watches the connections of all lanes of a process, and serves together those that have an answer.

    First all of them are read, then all answers are given to their generators, then all that those asked for
    is sent: doing one thing for many costs less than many things for one, as the processor finds its
    instructions where it left them.
    """

    _of_process: ClassVar[Ward | None] = None

    @classmethod
    def of_process(cls) -> Ward:
        # A forked worker has a loop of its own.
        if cls._of_process is None or cls._of_process._process != os.getpid():
            cls._of_process = cls()
        return cls._of_process

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lanes: dict[int, Lane] = {}
        self._epoll = get_original("select", "epoll")()
        self._hub = gevent.get_hub()
        self._usual = NO_HEAD
        """The head of the last plain answer: most often that of the next."""
        self.going: deque[Lane] = deque()
        """Lanes whose requests are to be sent."""
        self._watcher = self._hub.loop.io(self._epoll.fileno(), 1)
        self._watcher.start(self._serve)

    def add(self, lane: Lane) -> None:
        self._lanes[lane.fd] = lane
        self._epoll.register(lane.fd, _READABLE)

    def remove(self, lane: Lane) -> None:
        del self._lanes[lane.fd]
        self._epoll.unregister(lane.fd)

    def _serve(self) -> None:
        came = iter(self._came())
        while True:
            try:
                self._give(came)
                self.send()
                return
            except BaseException:
                # That of one lane is no reason to keep the others waiting.
                self._hub.handle_error(self, *sys.exc_info())

    def _came(self) -> list[tuple[Lane, bytes, int]]:
        """What can be read now: of which lane, the bytes, when."""
        lanes, read, clock = self._lanes, os.read, now
        came: list[tuple[Lane, bytes, int]] = []
        for fd, _ in self._epoll.poll(0, _TOGETHER):
            try:
                data = read(fd, _READ)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            came.append((lanes[fd], data, clock()))
        return came

    def _give(self, came: Iterator[tuple[Lane, bytes, int]]) -> None:
        """Give answers to those that wait for them."""
        head = self._usual
        raw, size, whole = head.raw, head.size, head.whole
        # Names of this function are found sooner than those of the module.
        plan_class, response_class, going = FixedPlan, Response, self.going
        for lane, data, moment in came:
            if lane.stopped:
                # By what another one did.
                continue
            if data[:size] != raw:
                found = lane.heads.of(data)
                if found is None or not found.simple:
                    lane.hand_over_answer(data)
                    continue
                self._usual = head = found
                raw, size, whole = head.raw, head.size, head.whole
            start = lane.start
            if len(data) != whole or not start or len(lane.listeners) > lane.own:
                lane.hand_over_answer(data)
                continue
            plan = lane.plan
            slot = plan.slot  # type: ignore[union-attr]
            append = slot.append
            append(moment - start)
            slot.size += whole - size
            lane.client.yielded = True
            send = lane.send
            try:
                command = send(response_class(plan, head, data[size:]))  # type: ignore[arg-type]
            except BaseException as error:
                lane.hand_over_end(error)
                continue
            if command.__class__ is plan_class and command.origin is lane.origin and not lane.jar.changes:
                lane.plan = command
                lane.start = 0
                going.append(lane)
            else:
                lane.hand_over_command(command)

    def send(self) -> None:
        """Send what those that are `going` asked for; in the event loop only."""
        write, clock, going = os.write, now, self.going
        while going:
            lane = going.popleft()
            if lane.stopped:
                continue
            payload = lane.plan.payload  # type: ignore[union-attr]
            moment = lane.connection.waits_since = clock()
            if not lane.start:
                lane.start = moment
            elif moment - lane.start > LATE_NS:
                lane.client.recorder.late += 1
            try:
                sent = write(lane.fd, payload)
            except OSError:
                sent = -1
            if sent != len(payload):
                lane.hand_over(Rest("unsent", None, lane.plan, lane.start))
