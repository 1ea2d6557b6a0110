"""Proxies by name: where each listens, where it leads, what is wrong with it at present."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sretool.chaos.proxy import listeners
from sretool.chaos.proxy.connections import Connection, Counts, Side, keep_alive
from sretool.chaos.proxy.listeners import AddressError
from sretool.chaos.proxy.toxics import Stream, Toxic

if TYPE_CHECKING:
    from collections.abc import Iterator


class ApiError(Exception):
    """What the API answers instead: a text and an HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    def of(self, detail: object) -> ApiError:
        """The same, and what about."""
        return ApiError(f"{self.message}: {detail}", self.status)


BAD_BODY: Final = ApiError("bad request body", 400)
MISSING_FIELD: Final = ApiError("missing required field", 400)
NO_PROXY: Final = ApiError("proxy not found", 404)
PROXY_EXISTS: Final = ApiError("proxy already exists", 409)
BAD_STREAM: Final = ApiError("stream was invalid, can be either upstream or downstream", 400)
BAD_TYPE: Final = ApiError("invalid toxic type", 400)
TOXIC_EXISTS: Final = ApiError("toxic already exists", 409)
NO_TOXIC: Final = ApiError("toxic not found", 404)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A proxy as somebody asks for it."""

    name: str
    listen: str
    upstream: str
    enabled: bool = True


class Proxy:
    """One listening address, and where it leads."""

    def __init__(self, name: str, listen: str, upstream: str) -> None:
        self.name = name
        self.listen = listen
        """As asked for; with the number of the port once it listens."""
        self.upstream = upstream
        self.enabled = False
        self.toxics: list[Toxic] = []
        self.counts = {each: Counts() for each in Stream}
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._dialing: set[asyncio.Task[None]] = set()

    def document(self) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": self.toxic_documents(),
        }

    def toxic_documents(self) -> list[dict[str, Any]]:
        return [each.document() for stream in Stream for each in self.toxics if each.stream is stream]

    async def start(self) -> None:
        """Listen; nothing where it does already. AddressError where it cannot."""
        if self.enabled:
            return
        listening = await listeners.listen(self.listen)
        self._server = await asyncio.get_running_loop().create_server(
            self._client, sock=listening, backlog=1024
        )
        self.listen = listeners.of(listening)
        self.enabled = True

    async def stop(self) -> None:
        """Listen no longer, and end every connection."""
        self.enabled = False
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._dialing):
            task.cancel()
        for connection in list(self._connections):
            connection.abort()

    async def update(self, wanted: Wanted) -> None:
        if await self.differs(wanted):
            await self.stop()
            self.listen, self.upstream = wanted.listen, wanted.upstream
        if wanted.enabled:
            await self.start()
        elif self.enabled:
            await self.stop()

    async def differs(self, wanted: Wanted) -> bool:
        """Whether it would listen or lead elsewhere."""
        if wanted.upstream != self.upstream:
            return True
        return await listeners.resolve(wanted.listen) != self.listen if wanted.listen else True

    # ---- toxics

    def toxic(self, name: str) -> Toxic:
        for each in self.toxics:
            if each.name == name:
                return each
        raise NO_TOXIC

    def add(self, toxic: Toxic) -> None:
        if any(each.name == toxic.name for each in self.toxics):
            raise TOXIC_EXISTS
        self.toxics.append(toxic)
        for connection in list(self._connections):
            connection.links[toxic.stream].add(toxic)

    def changed(self, toxic: Toxic) -> None:
        for connection in list(self._connections):
            connection.links[toxic.stream].change(toxic)

    def remove(self, toxic: Toxic) -> None:
        self.toxics.remove(toxic)
        for connection in list(self._connections):
            connection.links[toxic.stream].remove(toxic)

    # ---- connections

    def _client(self) -> Side:
        return Side(self._accepted)

    def _accepted(self, client: Side) -> None:
        client.transport.pause_reading()
        keep_alive(client.transport)
        task = asyncio.get_running_loop().create_task(self._dial(client))
        self._dialing.add(task)
        task.add_done_callback(self._dialing.discard)

    async def _dial(self, client: Side) -> None:
        """Connect a client to its server; where there is none, it is turned away."""
        try:
            host, port = listeners.split(self.upstream)
            _, server = await asyncio.get_running_loop().create_connection(
                lambda: Side(lambda _: None), host or "localhost", port
            )
        except (OSError, UnicodeError, AddressError):
            client.transport.abort()
            return
        except asyncio.CancelledError:
            client.transport.abort()
            raise
        self._join(client, server)

    def _join(self, client: Side, server: Side) -> None:
        keep_alive(server.transport)
        connection = Connection(client, server, self.toxics, self.counts)
        self._connections.add(connection)
        left = [client, server]

        def lost(side: Side) -> None:
            left.remove(side)
            if not left:
                self._connections.discard(connection)

        client.on_lost, server.on_lost = (lambda: lost(client)), (lambda: lost(server))
        if client.transport.is_closing():
            connection.abort()
        else:
            client.begin()
            server.begin()


class Proxies:
    """Every proxy of this program."""

    def __init__(self) -> None:
        self._by_name: dict[str, Proxy] = {}
        self.lock = asyncio.Lock()
        """Held by whoever changes proxies: starting one takes several steps."""

    def __iter__(self) -> Iterator[Proxy]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Proxy:
        found = self._by_name.get(name)
        if found is None:
            raise NO_PROXY
        return found

    async def add(self, wanted: Wanted) -> Proxy:
        if wanted.name in self._by_name:
            raise PROXY_EXISTS
        proxy = Proxy(wanted.name, wanted.listen, wanted.upstream)
        if wanted.enabled:
            await proxy.start()
        self._by_name[wanted.name] = proxy
        return proxy

    async def add_or_replace(self, wanted: Wanted) -> Proxy:
        existing = self._by_name.get(wanted.name)
        if existing is not None:
            if not await existing.differs(wanted):
                return existing
            await existing.stop()
            del self._by_name[wanted.name]
        return await self.add(wanted)

    async def remove(self, name: str) -> None:
        await self.get(name).stop()
        del self._by_name[name]

    async def reset(self) -> None:
        """Every proxy on, and without toxics."""
        for proxy in list(self._by_name.values()):
            await proxy.start()
            for toxic in list(proxy.toxics):
                proxy.remove(toxic)

    async def stop(self) -> None:
        for proxy in self._by_name.values():
            await proxy.stop()
