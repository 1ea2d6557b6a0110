"""Connections under gevent that cost a request little: one system call to send, one wake-up, one to read.

A connection keeps one watcher for its whole life and waits before it reads, so that a read that would have
to wait is never tried. There is no timer for each request: a watchdog looks several times a second for
requests that have waited too long and shuts their sockets down.
"""

from __future__ import annotations

import os
import socket as stdlib_socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import gevent
from gevent import getcurrent, socket

from sretool.load.clock import now
from sretool.load.wire import (
    MOST_HEAD,
    NO_HEAD,
    BodyCutShort,
    ChunkedBody,
    Head,
    Heads,
    MalformedResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ: Final = 64 * 1024
_LOOK: Final = 0.25
"""Seconds between two looks of the watchdog at most: so much late may a timeout be."""

_write = os.write
_read = os.read


class TimedOut(TimeoutError):
    """No answer within the time allowed."""

    @property
    def original(self) -> TimeoutError:
        """What locustfiles for FastHttpUser look at."""
        return self


class ConnectionEnded(ConnectionError):
    """The server closed the connection before its answer was whole."""

    def __init__(self, message: str, *, untouched: bool = False) -> None:
        super().__init__(message)
        self.untouched = untouched
        """Whether not one byte of an answer had come."""


class Connection:
    """One plain connection to one origin; used by one greenlet at a time."""

    def __init__(self, sock: Any, heads: Heads, timeout: float) -> None:
        self._socket = sock
        self.fd: int = sock.fileno()
        self._hub = gevent.get_hub()
        self.readable = self._hub.loop.io(self.fd, 1)
        self._switch_away = self._hub.switch
        self._heads = heads
        self._usual = NO_HEAD
        """The head of the last plain answer: most often that of the next."""
        self.rest = b""
        """Read beyond the end of an answer: an answer that nobody asked for."""
        self.timeout = timeout
        self.waits_since = 0
        """When the exchange under way began, in nanoseconds on the clock of `now`; 0: none is."""
        self.timed_out = False
        self._spoilt = False
        WATCHDOG.watch(self)

    # --- an exchange --------------------------------------------------------------------------------------

    def exchange(self, request: bytes, moment: int) -> tuple[Head, bytes] | None:
        """Send at `moment`, and give head and body where the whole answer came at once and is plain.

        None where it isn't: `head()` and `body()` go on from there.
        """
        self.waits_since = moment
        fd = self.fd
        try:
            sent = _write(fd, request)
        except BlockingIOError:
            sent = 0
        if sent != len(request):
            self.send(request[sent:])
        watcher, leave = self.readable, self._switch_away
        # As `_wait`, without the call.
        watcher.start(getcurrent().switch, watcher)
        try:
            while leave() is not watcher:
                pass
        finally:
            watcher.stop()
        try:
            data = _read(fd, _READ)
        except BlockingIOError:
            return None
        return self._at_once(data)

    def _at_once(self, data: bytes) -> tuple[Head, bytes] | None:
        """The answer where `data` is all of it; otherwise it becomes part of what is read on."""
        head: Head | None = self._usual
        if data[: head.size] != head.raw:  # type: ignore[union-attr]
            head = self._heads.of(data)
        if head is not None and len(data) == head.whole:
            self._usual = head
            self.waits_since = 0
            return head, data[head.size :]
        if not data:
            raise self.ended(untouched=True)
        self.rest = data
        return None

    def begin(self, request: bytes, moment: int) -> tuple[Head, bytes] | None:
        """As `exchange` that leaves all of the answer to `head()` and `body()`."""
        self.waits_since = moment
        self.send(request)
        return None

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[_write(self.fd, view) :]
            except BlockingIOError:
                left = self.waits_since / 1e9 + self.timeout - now() / 1e9
                socket.wait_write(self.fd, timeout=max(left, 0.001))

    def head(self) -> Head:
        """The head of the final answer; those of 1xx are passed over."""
        while True:
            data = self.rest
            while (end := data.find(b"\r\n\r\n")) < 0:
                if len(data) > MOST_HEAD:
                    raise MalformedResponse(f"the head of the response is longer than {MOST_HEAD} bytes")
                more = self._more()
                if not more:
                    raise self.ended(untouched=not data)
                data += more
            self.rest = data[end + 4 :]
            head = self._heads.parse(data[: end + 4])
            if head.status >= 200:
                return head

    def body(self, head: Head, *, bodiless: bool) -> Iterator[bytes]:
        """The pieces of the body as they come; afterwards the connection can be used again if it may."""
        if bodiless or head.length == 0:
            pass
        elif head.length is not None:
            left = head.length
            while left:
                data = self.rest or self._more()
                if not data:
                    raise BodyCutShort(f"the connection ended {left} bytes before the body did")
                self.rest = data[left:]
                data = data[:left]
                left -= len(data)
                yield data
        elif head.chunked:
            yield from self._chunks()
        else:
            while data := self.rest or self._more():
                self.rest = b""
                yield data
        self.waits_since = 0

    def _chunks(self) -> Iterator[bytes]:
        chunked = ChunkedBody()
        while True:
            data = self.rest or self._more()
            self.rest = b""
            if not data:
                raise BodyCutShort("the connection ended before the last chunk")
            yield from chunked.feed(data)
            if chunked.done:
                self._spoilt = chunked.overfed
                return

    def reusable(self) -> bool:
        """Whether the last exchange left nothing behind."""
        return not self.rest and not self.timed_out and not self._spoilt

    def alive(self) -> bool:
        """Whether the server has kept its end open, and said nothing, while nothing was asked."""
        try:
            _read(self.fd, 1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    # --- bytes --------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        watcher, me = self.readable, getcurrent()
        watcher.start(me.switch, watcher)
        try:
            while self._switch_away() is not watcher:
                pass
        finally:
            watcher.stop()

    def _more(self) -> bytes:
        """What comes next; empty at the end of the stream."""
        while True:
            self._wait()
            try:
                return _read(self.fd, _READ)
            except BlockingIOError:
                continue

    def ended(self, *, untouched: bool) -> Exception:
        if self.timed_out:
            return TimedOut(f"no whole answer within {self.timeout:g} s")
        return ConnectionEnded("the server closed the connection without an answer", untouched=untouched)

    def shut(self) -> None:
        """End a request that waited too long; its greenlet sees the end of the stream."""
        self.timed_out = True
        self.waits_since = 0
        with suppress(OSError):
            self._socket.shutdown(stdlib_socket.SHUT_RDWR)

    def close(self) -> None:
        WATCHDOG.forget(self)
        self.readable.stop()
        self.readable.close()
        self._socket.close()
        self.waits_since = 0


class TlsConnection(Connection):
    """The same through TLS, which is spoken over the plain connection's bytes."""

    def __init__(
        self,
        sock: Any,
        heads: Heads,
        timeout: float,
        handshake_timeout: float,
        context: ssl.SSLContext,
        server_name: str,
    ) -> None:
        super().__init__(sock, heads, handshake_timeout)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
            self.waits_since = now()
            self._shake_hands()
        except BaseException as error:
            self.close()
            if self.timed_out and isinstance(error, OSError):
                raise TimedOut(f"no TLS handshake within {handshake_timeout:g} s") from None
            raise
        self.waits_since = 0
        self.timeout = timeout

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLError:
                # The alert tells the server why.
                self._flush()
                raise
            else:
                self._flush()
                return

    def exchange(self, request: bytes, moment: int) -> tuple[Head, bytes] | None:
        self.waits_since = moment
        self.send(request)
        return self._at_once(self._more())

    def send(self, data: bytes) -> None:
        # Writes into memory take all of it.
        self._tls.write(data)
        self._flush()

    def alive(self) -> bool:
        # What a TLS server sends unasked may be session tickets: only TLS itself can tell.
        try:
            if not (data := _read(self.fd, _READ)):
                return False
            self._incoming.write(data)
        except BlockingIOError:
            pass
        except OSError:
            return False
        try:
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLError:
            pass
        return False

    def _more(self) -> bytes:
        while True:
            try:
                return self._tls.read(_READ)
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def _feed(self) -> None:
        data = super()._more()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending:
            super().send(self._outgoing.read())


class Watchdog:
    """Ends what waits too long."""

    def __init__(self) -> None:
        self._watched: WeakSet[Connection] = WeakSet()
        self._greenlet: gevent.Greenlet | None = None
        self._pause = _LOOK

    def under_way(self) -> int:
        """Exchanges that wait for their answer."""
        return sum(1 for each in self._watched if each.waits_since)

    def forget(self, connection: Connection) -> None:
        self._watched.discard(connection)

    def watch(self, connection: Connection) -> None:
        self._watched.add(connection)
        # A timeout is a tenth late at most.
        if connection.timeout / 10 < self._pause:
            self._pause = max(connection.timeout / 10, 0.01)
        if self._greenlet is None or self._greenlet.dead:
            self._greenlet = gevent.spawn(self._look)

    def _look(self) -> None:
        while True:
            gevent.sleep(self._pause)
            moment = now()
            for each in list(self._watched):
                if each.waits_since and moment - each.waits_since > each.timeout * 1e9:
                    each.shut()


WATCHDOG: Final = Watchdog()
