"""All of HTTP: TLS, client certificates, proxies; the only place that knows httpx and its exceptions."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import httpx

from sretool.adapters.http import exchange
from sretool.errors import UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from sretool.adapters.http.exchange import HttpRequest
    from sretool.ports import Endpoint


class FullWire:
    """One connection pool; made with the first question."""

    def __init__(
        self, endpoint: Endpoint, where: str, remedy: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._endpoint = endpoint
        self._where = where
        self._remedy = remedy
        """What to do about an answer that is none."""
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def exchange(self, request: HttpRequest, deadline: timedelta) -> tuple[int, bytes]:
        if self._client is None:
            self._client = _client(self._endpoint, self._where, self._transport)
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                return await self._exchange(self._client, request)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise exchange.no_answer(self._where, deadline) from error
        except httpx.ConnectError as error:
            raise exchange.not_reached(self._where, exchange.one_line(str(error))) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            reason = exchange.one_line(str(error)) or type(error).__name__
            raise exchange.broken(self._where, reason) from error
        except httpx.DecodingError as error:
            raise exchange.garbled(self._where, self._remedy) from error

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _exchange(self, client: httpx.AsyncClient, request: HttpRequest) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if request.json is not None else None
        async with client.stream(
            request.method, request.path, data=request.form, content=request.json, headers=headers
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > exchange.LARGEST_REPLY:
                    raise exchange.too_long(self._where)
            return response.status_code, bytes(body)


def _client(endpoint: Endpoint, where: str, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    headers = dict(endpoint.headers)
    if endpoint.token is not None:
        headers["Authorization"] = f"Bearer {endpoint.token}"
    try:
        url = httpx.URL(endpoint.url)
        return httpx.AsyncClient(
            base_url=url,
            headers=headers,
            auth=endpoint.basic,
            timeout=httpx.Timeout(None, connect=exchange.CONNECT_SECONDS),
            verify=_tls(endpoint, url),
            trust_env=not exchange.is_loopback(url.host),
            transport=transport,
        )
    except (OSError, httpx.InvalidURL) as error:
        raise UsageError(f"{where} cannot be used: {exchange.one_line(str(error))}") from error


def _tls(endpoint: Endpoint, url: httpx.URL) -> ssl.SSLContext:
    """Trust and client certificate; the system's authorities are read (20 ms) only where TLS is spoken."""
    if url.scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    if endpoint.client_cert is not None:
        context.load_cert_chain(*endpoint.client_cert)
    return context
