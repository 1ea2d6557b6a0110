"""A proxy on loopback between a dashboard and its source that can be told to misbehave."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from tests.support.faulty import FaultyServer, reply

if TYPE_CHECKING:
    from types import TracebackType

Mood = Literal["well", "hang", "refuse", "garbage", "truncate", "fail"]
MOODS: tuple[Mood, ...] = ("hang", "refuse", "garbage", "truncate", "fail")


class Proxy:
    """Passes requests on while it is well; `mood` says how it answers otherwise."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.mood: Mood = "well"
        self._server = FaultyServer(self._answer)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def asked(self) -> int:
        """Requests so far."""
        return len(self._server.asked)

    def be(self, mood: Mood) -> None:
        self.mood = mood
        if mood == "hang":
            self._server.hang.set()
        else:
            self._server.hang.clear()
        if mood == "refuse":
            self._server.close_connections()

    def _answer(self, request: bytes) -> bytes | None:
        if self.mood == "refuse":
            return None
        if self.mood == "garbage":
            return reply(b"\x00\xff<html>" * 50)
        if self.mood == "fail":
            return reply(b'{"status":"error","error":"store is away"}', "503 Service Unavailable")
        whole = self._passed_on(request)
        return whole[: len(whole) // 2] if self.mood == "truncate" else whole

    def _passed_on(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        method, path, _ = head.partition(b"\r\n")[0].decode().split(" ")
        fields = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:])
        kind = fields.get("Content-Type")
        connection = http.client.HTTPConnection(*self._upstream, timeout=10)
        try:
            connection.request(method, path, body or None, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            return reply(answer.read(), f"{answer.status} {answer.reason}")
        except OSError:
            return reply(b"upstream is away", "502 Bad Gateway")
        finally:
            connection.close()

    def close(self) -> None:
        self._server.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
