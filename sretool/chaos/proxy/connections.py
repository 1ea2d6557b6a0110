"""Connections through a proxy: a client, its server, and a stream of data each way.

Data goes straight from one socket to the other as long as no toxic is set on its stream. When one end closes,
what is still under way is delivered, then the other end is closed, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sretool.chaos.proxy.stages import stage
from sretool.chaos.proxy.toxics import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sretool.chaos.proxy.stages import Exit
    from sretool.chaos.proxy.toxics import Toxic

_LINGER_NOT = struct.pack("ii", 1, 0)
"""Closing throws away what was not sent, and tells the other end with a reset."""


@dataclass(slots=True)
class Counts:
    """Bytes of one stream of one proxy, over all its connections."""

    received: int = 0
    sent: int = 0


class Link:
    """One stream of one connection."""

    def __init__(self, connection: Connection, toxics: Sequence[Toxic], counts: Counts) -> None:
        self.source: Side
        self.sink: Side
        self.blocked = False
        """Whether the receiver takes nothing at the moment."""
        self.counts = counts
        self._connection = connection
        self._ended = False
        """Whether the end of the source was seen."""
        self._over = False
        """Whether the receiver was told the end, or is gone."""
        self._paused = False
        self._stages = [stage(toxic, self) for toxic in toxics]
        self.first: Exit | None = None
        """The first stage; None: data goes straight through."""
        self._connect()

    def feed(self, data: bytes) -> None:
        """The source has sent something."""
        self.counts.received += len(data)
        if self.first is not None:
            self.first.put(data, time.monotonic())
        elif not self._over:
            self.counts.sent += len(data)
            self.sink.transport.write(data)

    def finish(self) -> None:
        """The source sends nothing more."""
        if not self._ended:
            self._ended = True
            (self.first or self).end()

    def lost(self) -> None:
        """The receiver is gone: whatever comes is for nobody."""
        self._over = True
        for each in self._stages:
            each.drop()

    # What the last stage hands on to.

    def put(self, data: bytes, born: float) -> None:
        if not self._over:
            self.counts.sent += len(data)
            self.sink.transport.write(data)

    def end(self) -> None:
        if not self._over:
            self._over = True
            self.sink.transport.close()

    # What stages ask of their stream.

    def flow(self) -> None:
        wait = self.blocked or any(each.full for each in self._stages)
        if wait != self._paused and not self._ended:
            self._paused = wait
            # A transport that is closing or lost cannot be told.
            with contextlib.suppress(RuntimeError):
                (self.source.transport.pause_reading if wait else self.source.transport.resume_reading)()

    def reset(self) -> None:
        self._connection.reset()

    def block(self, blocked: bool) -> None:
        """The receiver is, or is no longer, too slow for what it is given."""
        self.blocked = blocked
        if not blocked:
            for each in self._stages:
                each.turn()
        self.flow()

    # Toxics that come, change and go while the connection lives.

    def add(self, toxic: Toxic) -> None:
        self._stages.append(stage(toxic, self))
        self._connect()

    def change(self, toxic: Toxic) -> None:
        for place, old in enumerate(self._stages):
            if old.toxic is toxic:
                new = stage(toxic, self)
                if type(new) is type(old):
                    new.drop()
                    old.changed()
                else:
                    new.next = old.next
                    self._stages[place] = new
                    self._connect()
                    old.leave()

    def remove(self, toxic: Toxic) -> None:
        for old in [each for each in self._stages if each.toxic is toxic]:
            self._stages.remove(old)
            self._connect()
            old.leave()
        self.flow()

    def _connect(self) -> None:
        following: list[Exit] = [*self._stages[1:], self] if self._stages else []
        for each, after in zip(self._stages, following, strict=True):
            each.next = after
        self.first = self._stages[0] if self._stages else None


class Side(asyncio.Protocol):
    """One socket of a connection."""

    def __init__(self, connected: Callable[[Side], None]) -> None:
        self.transport: asyncio.Transport
        self.out: Link | None = None
        """The stream it is the source of; None until both ends are there."""
        self.into: Link | None = None
        self._connected = connected
        self._early = b""
        self._ended_early = False
        self.on_lost: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._connected(self)

    def data_received(self, data: bytes) -> None:
        if self.out is not None:
            self.out.feed(data)
        else:
            # uvloop begins to read after `connection_made`, whatever that said.
            self._early += data
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """True: it may still be sent what is under way to it."""
        if self.out is not None:
            self.out.finish()
        else:
            self._ended_early = True
        return True

    def begin(self) -> None:
        """The other end is there."""
        assert self.out is not None  # joined
        early, self._early = self._early, b""
        if early:
            self.out.feed(early)
        if self._ended_early:
            self.out.finish()
        # One that has hung up cannot be told to go on.
        with contextlib.suppress(RuntimeError):
            self.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.into is not None:
            self.into.lost()
        if self.out is not None:
            self.out.finish()
        if self.on_lost is not None:
            self.on_lost()

    def pause_writing(self) -> None:
        if self.into is not None:
            self.into.block(True)

    def resume_writing(self) -> None:
        if self.into is not None:
            self.into.block(False)


class Connection:
    """A client and the server it was connected to."""

    def __init__(
        self, client: Side, server: Side, toxics: Sequence[Toxic], counts: dict[Stream, Counts]
    ) -> None:
        self._sides = (client, server)
        self.links = {
            each: Link(self, [toxic for toxic in toxics if toxic.stream is each], counts[each])
            for each in Stream
        }
        up, down = self.links[Stream.UPSTREAM], self.links[Stream.DOWNSTREAM]
        up.source, up.sink, down.source, down.sink = client, server, server, client
        client.out, client.into, server.out, server.into = up, down, down, up

    def reset(self) -> None:
        """End it, both ways, as if a peer had crashed."""
        for side in self._sides:
            _linger_not(side.transport)
        self.abort()

    def abort(self) -> None:
        """End it without delivering what is under way."""
        for side in self._sides:
            side.transport.abort()


def _linger_not(transport: asyncio.Transport) -> None:
    found = transport.get_extra_info("socket")
    if found is None or found.fileno() < 0:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(found.fileno())) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)


def keep_alive(transport: asyncio.Transport) -> None:
    """Notice a peer whose machine is gone."""
    found = transport.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(found.fileno())) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
