"""The HTTP API, as Toxiproxy 2.x answers it: the same paths, bodies, statuses and errors."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sretool.chaos.proxy import bodies, metrics
from sretool.chaos.proxy.listeners import AddressError
from sretool.chaos.proxy.proxies import ApiError, Proxies, Proxy, Wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[["Api", web.Request], Awaitable[web.Response]]

VERSION: Final = "2.12.0"
"""The Toxiproxy whose API this is."""


def changing(handler: Handler) -> Handler:
    """One change at a time."""

    @wraps(handler)
    async def alone(self: Api, request: web.Request) -> web.Response:
        # The body first: a client that sends it slowly holds nobody up.
        await request.read()
        async with self.proxies.lock:
            return await handler(self, request)

    return alone


class Api:
    """The handlers over one set of proxies."""

    def __init__(self, proxies: Proxies) -> None:
        self.proxies = proxies

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_answer])
        route = application.router.add_route
        route("POST", "/reset", self.reset)
        route("GET", "/proxies", self.index)
        route("POST", "/proxies", self.create)
        route("POST", "/populate", self.populate)
        route("GET", "/version", self.version)
        route("GET", "/metrics", self.metrics)
        route("GET", "/proxies/{proxy}", self.show)
        route("DELETE", "/proxies/{proxy}", self.delete)
        route("GET", "/proxies/{proxy}/toxics", self.toxics)
        route("POST", "/proxies/{proxy}/toxics", self.add_toxic)
        route("GET", "/proxies/{proxy}/toxics/{toxic}", self.show_toxic)
        route("DELETE", "/proxies/{proxy}/toxics/{toxic}", self.remove_toxic)
        for method in ("POST", "PATCH"):
            route(method, "/proxies/{proxy}", self.update)
            route(method, "/proxies/{proxy}/toxics/{toxic}", self.change_toxic)
        return application

    # ---- proxies

    async def index(self, request: web.Request) -> web.Response:
        return _json({each.name: each.document() for each in self.proxies})

    @changing
    async def create(self, request: web.Request) -> web.Response:
        proxy = await self.proxies.add(bodies.new_proxy(await request.read()))
        return _json(proxy.document(), 201)

    @changing
    async def populate(self, request: web.Request) -> web.Response:
        done: list[Proxy] = []
        failure: ApiError | None = None
        try:
            for wanted in bodies.population(await request.read()):
                proxy = await self.proxies.add_or_replace(wanted)
                done.append(proxy)
        except ApiError as error:
            failure = error
        except AddressError as error:
            failure = ApiError(str(error), 500)
        document = {"proxies": [each.document() for each in done] or None}
        if failure is not None:
            return _json({"error": failure.message, "status": failure.status, **document}, failure.status)
        return _json(document, 201)

    async def show(self, request: web.Request) -> web.Response:
        return _json(self._proxy(request).document())

    @changing
    async def update(self, request: web.Request) -> web.Response:
        proxy = self._proxy(request)
        now = Wanted(proxy.name, proxy.listen, proxy.upstream, proxy.enabled)
        await proxy.update(bodies.changed_proxy(await request.read(), now))
        return _json(proxy.document())

    @changing
    async def delete(self, request: web.Request) -> web.Response:
        await self.proxies.remove(request.match_info["proxy"])
        return web.Response(status=204)

    @changing
    async def reset(self, request: web.Request) -> web.Response:
        await self.proxies.reset()
        return web.Response(status=204)

    # ---- toxics

    async def toxics(self, request: web.Request) -> web.Response:
        return _json(self._proxy(request).toxic_documents())

    @changing
    async def add_toxic(self, request: web.Request) -> web.Response:
        proxy = self._proxy(request)
        toxic = bodies.new_toxic(await request.read())
        proxy.add(toxic)
        return _json(toxic.document())

    async def show_toxic(self, request: web.Request) -> web.Response:
        return _json(self._proxy(request).toxic(request.match_info["toxic"]).document())

    @changing
    async def change_toxic(self, request: web.Request) -> web.Response:
        proxy = self._proxy(request)
        toxic = proxy.toxic(request.match_info["toxic"])
        bodies.change_toxic(await request.read(), toxic)
        proxy.changed(toxic)
        return _json(toxic.document())

    @changing
    async def remove_toxic(self, request: web.Request) -> web.Response:
        proxy = self._proxy(request)
        proxy.remove(proxy.toxic(request.match_info["toxic"]))
        return web.Response(status=204)

    # ---- about this program

    async def version(self, request: web.Request) -> web.Response:
        text = f'{{"version": "{VERSION}"}}\n'
        return web.Response(body=text.encode(), headers={"Content-Type": "application/json;charset=utf-8"})

    async def metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.exposition(self.proxies).encode(), headers={"Content-Type": metrics.CONTENT_TYPE}
        )

    def _proxy(self, request: web.Request) -> Proxy:
        return self.proxies.get(request.match_info["proxy"])


@web.middleware
async def _answer(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors as Toxiproxy tells them; browsers are turned away, so that no web page can reach us."""
    if request.headers.get("User-Agent", "").startswith("Mozilla/"):
        return _plain("User agent not allowed\n", 403)
    try:
        return await handler(request)
    except ApiError as error:
        return _error(error)
    except AddressError as error:
        return _error(ApiError(str(error), 500))
    except web.HTTPNotFound:
        return _plain("404 page not found\n", 404)
    except web.HTTPMethodNotAllowed:
        return web.Response(status=405)


def _json(document: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=json.dumps(document, separators=(",", ":")).encode(),
        status=status,
        headers={"Content-Type": "application/json"},
    )


def _error(error: ApiError) -> web.Response:
    document = json.dumps({"error": error.message, "status": error.status}, separators=(",", ":"))
    return _plain(f"{document}\n", error.status)


def _plain(text: str, status: int) -> web.Response:
    return web.Response(
        body=text.encode(),
        status=status,
        headers={"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"},
    )
