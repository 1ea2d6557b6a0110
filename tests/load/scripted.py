"""A client whose connections lead to a script: each connection's bytes come as they are written there."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gevent
from gevent import socket
from locust.env import Environment

from sretool.load.client import FAILURES, BodyNotKept, CaughtResponse, Origin, Response
from sretool.load.generators import GeneratorUser
from sretool.load.transport import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    Script = Sequence[bytes]
    """What each connection says, one after the other; those after them end at once."""

_MARK = b"\xff|\xff"
"""Where a script's answers are cut into pieces."""


class Someone(GeneratorUser):
    host = "http://scripted.example"
    network_timeout = 30.0
    max_redirects = 3
    kept_body = 4096


class Scripted:
    """One user and the script that answers it."""

    def __init__(self) -> None:
        self.environment = Environment(catch_exceptions=False)
        self.environment.create_local_runner()

    def told(self, script: Script, ask: Callable[[Any], Any]) -> Any:
        """What `ask` gives, of a new user whose connections say what the script has."""
        user = Someone(self.environment)
        greenlets: list[gevent.Greenlet] = []
        sockets: list[Any] = []
        rest = iter(script)

        def connected(_: Origin) -> Connection:
            ours, theirs = socket.socketpair()
            sockets.append(theirs)
            greenlets.append(gevent.spawn(_say, theirs, next(rest, b"")))
            return Connection(ours, user.client._heads, user.network_timeout)

        user.client._connected = connected  # type: ignore[method-assign, assignment]
        try:
            with gevent.Timeout(5, AssertionError("hangs")):
                return ask(user)
        finally:
            user.client.close()
            gevent.killall(greenlets)
            for each in sockets:
                each.close()

    def sync(self, script: Script, times: int = 3) -> list[Response]:
        def ask(user: Any) -> list[Response]:
            return [user.client.get("/x") for _ in range(times)]

        return list(self.told(script, ask))

    def posted(self, script: Script) -> list[Response]:
        def ask(user: Any) -> list[Response]:
            with user.client.post("/x", json={}, catch_response=True) as answer:
                answer.success()
            return [answer, user.client.head("/x"), user.client.delete("/x")]

        return list(self.told(script, ask))

    def yielded(self, script: Script, times: int = 3) -> list[Response]:
        answers: list[Response] = []

        def task(user: Any) -> Generator[Any, Any, None]:
            for _ in range(times):
                answer = yield user.get("/x")
                answers.append(answer)

        self.told(script, lambda user: user._drive(task(user)))
        return answers


def _say(sock: Any, data: bytes) -> None:
    sock.settimeout(0.005)
    with sock, suppress(OSError):
        for piece in data.split(_MARK):
            # Not for long: it may be the client that waits, for more of an answer.
            with suppress(TimeoutError):
                sock.recv(65536)
            sock.sendall(piece)
            gevent.sleep(0)


def checked(answers: Sequence[Response]) -> None:
    """An answer is one that can be looked at, or it tells what went wrong."""
    for each in answers:
        assert each.error is None or isinstance(each.error, FAILURES), repr(each.error)
        assert each.status_code or each.error is not None
        assert each.status_code == 0 or 200 <= each.status_code <= 999
        assert str(each.error)
        try:
            content, text = each.content, each.text
        except BodyNotKept:
            continue
        except zlib.error:
            assert isinstance(each.error, zlib.error) or isinstance(each, CaughtResponse)
            continue
        assert (content is None) == (text is None) == (each.headers is None) == (each.status_code == 0)
        assert content is None or isinstance(content, bytes)
        assert each.headers is None or len(list(each.headers.items())) >= 0
        assert each.request.method
