"""One source, answered by one of several servers: the one that answered last is asked until it fails."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.adapters.http import exchange
from sretool.adapters.http.exchange import HttpReply, HttpRequest, Wire
from sretool.errors import SourceError, SourceRefused, SourceTimeout, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from sretool.ports import Endpoint

DEADLINE: Final = timedelta(seconds=5)

_SHOWN_OF_TEXT: Final = 200

_OF_ANOTHER_ADDRESS: Final = frozenset({301, 302, 303, 307, 308, 404, 405, 501})
"""How something answers that is not the API asked for: elsewhere, not found, not in this way."""

_FAILING: Final = frozenset({500, 502, 503, 504})
"""How a server answers that cannot do what another one may."""


class HttpSource:
    """One deadline for each whole exchange; each server has its own connections.

    `error_text` finds what the server says went wrong in the body of a failure, as its API writes it.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        *,
        error_text: Callable[[bytes], str | None],
        deadline: timedelta = DEADLINE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.deadline = deadline
        self._servers = [
            _Server(name, each, error_text, transport) for each in (endpoint, *endpoint.fallbacks)
        ]
        self._current = 0

    @property
    def where(self) -> str:
        """The server that is asked first, and its address, for messages."""
        return self._servers[self._current].where

    @property
    def address(self) -> str | None:
        """Of the server that is asked first; None where there is only one."""
        return self._servers[self._current].address if len(self._servers) > 1 else None

    def turn_away(self) -> bool:
        """Ask another server first from now on; whether there is one."""
        self._current = (self._current + 1) % len(self._servers)
        return len(self._servers) > 1

    async def ask(self, request: HttpRequest) -> HttpReply:
        """Send one request; raises a SourceError for anything but a 2xx answer in time.

        Where a server does not answer, the next one is asked. What changes something is sent on only where
        the server cannot have seen it.
        """
        asked = self._current
        first: SourceError | None = None
        for offset in range(len(self._servers)):
            number = (asked + offset) % len(self._servers)
            try:
                reply = await self._servers[number].ask(request, self.deadline)
            except SourceError as error:
                # Told is what the usual server lacks, not the last of its substitutes.
                first = first or error
                if not _may_go_on(error, request):
                    break
                continue
            self._current = number
            return reply
        assert first is not None
        raise first

    async def aclose(self) -> None:
        for server in self._servers:
            await server.aclose()


def _may_go_on(error: SourceError, request: HttpRequest) -> bool:
    if request.changes:
        return isinstance(error, SourceUnreachable) and error.cause.startswith("cannot be reached")
    return isinstance(error, SourceUnreachable | SourceTimeout | _Failing)


class _Failing(SourceRefused):
    """A server that answers, but cannot do its work now."""


class _Server:
    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        error_text: Callable[[bytes], str | None],
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.address = exchange.shown(endpoint.url)
        self.where = f"{name} at {self.address}"
        self._name = name
        self._endpoint = endpoint
        self._error_text = error_text
        self._transport = transport
        self._wire: Wire | None = None

    async def ask(self, request: HttpRequest, deadline: timedelta) -> HttpReply:
        if self._wire is None:
            self._wire = self._connect()
        status, body = await self._wire.exchange(request, deadline)
        if not 200 <= status < 300:
            raise self._refused(status, body)
        return HttpReply(body, self.where)

    async def aclose(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.aclose()

    def _connect(self) -> Wire:
        from sretool.adapters.http import plain

        remedy = exchange.not_the_api(self._name)
        if self._transport is None and plain.suits(self._endpoint):
            return plain.PlainWire(self._endpoint, self.where, remedy)
        from sretool.adapters.http.full import FullWire

        return FullWire(self._endpoint, self.where, remedy, self._transport)

    def _refused(self, status: int, body: bytes) -> SourceRefused:
        said = self._error_text(body)
        if said is None and status in _OF_ANOTHER_ADDRESS:
            # What a page of another service says would not help.
            cause = f"answered HTTP {status}: that is not the API of {self._name}"
            remedy = exchange.not_the_api(self._name)
            return SourceRefused(f"{self.where} {cause}", remedy=remedy, cause=cause)
        text = exchange.one_line(said or body.decode("utf-8", "replace"))[:_SHOWN_OF_TEXT]
        cause = f"answered HTTP {status}" + (f": {text}" if text else "")
        kind = _Failing if status in _FAILING else SourceRefused
        remedy_known = "check the token, user or client certificate" if status in (401, 403) else None
        return kind(f"{self.where} {cause}", remedy=remedy_known, cause=cause)
