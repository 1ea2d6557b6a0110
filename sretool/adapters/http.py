"""HTTP to the servers sretool reads from: deadlines, identification, and every failure as a SourceError.

Adapters say what to ask and what an answer means; here is the only place that knows httpx's exceptions.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import httpx

from sretool.errors import SourceRefused, SourceReplyInvalid, SourceTimeout, SourceUnreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sretool.ports import Endpoint

DEADLINE: Final = timedelta(seconds=5)

LARGEST_REPLY: Final = 64 * 1024 * 1024
"""Bytes after decompression; 1,000 SLOs need some 3 MiB."""

_CONNECT_SECONDS: Final = 2.0
_SHOWN_OF_TEXT: Final = 200

_OF_ANOTHER_ADDRESS: Final = frozenset({301, 302, 303, 307, 308, 404, 405, 501})
"""How something answers that is not the API asked for: elsewhere, not found, not in this way."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One question, independent of what sends it."""

    path: str
    """Below the endpoint's address, with a slash in front."""
    form: Mapping[str, str] | None = None
    """Sent as a POST form, because queries outgrow what fits into an address; None: no form."""
    json: bytes | None = None
    """Sent as the body of a POST."""
    delete: bool = False
    """Whether what stands at `path` is to be deleted; else, without form and JSON, it is read."""

    @property
    def method(self) -> str:
        if self.delete:
            return "DELETE"
        return "GET" if self.form is None and self.json is None else "POST"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer with a 2xx status."""

    body: bytes
    where: str
    """The server and its address, for messages: "Prometheus at http://127.0.0.1:9090"."""


class HttpSource:
    """One server, one connection pool, one deadline for each whole exchange.

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
        self._name = name
        self.where = f"{name} at {_shown(endpoint.url)}"
        self.deadline = deadline
        self._endpoint = endpoint
        self._error_text = error_text
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def ask(self, request: HttpRequest) -> HttpReply:
        """Send one request; raises a SourceError for anything but a 2xx answer in time."""
        if self._client is None:
            self._client = _client(self._endpoint, self.where, self._transport)
        seconds = self.deadline.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                status, body = await self._exchange(self._client, request)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SourceTimeout(f"{self.where} gave no answer in {seconds:g} s") from error
        except httpx.ConnectError as error:
            raise SourceUnreachable(
                f"{self.where} cannot be reached: {_one_line(str(error))}",
                remedy="check that it runs and that the address is right",
            ) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            reason = _one_line(str(error)) or type(error).__name__
            raise SourceUnreachable(
                f"{self.where} broke the connection: {reason}",
                remedy="check the port: something that speaks another protocol may listen there",
            ) from error
        except httpx.DecodingError as error:
            raise SourceReplyInvalid(
                f"{self.where} sent an answer that cannot be decompressed", remedy=_not_the_api(self._name)
            ) from error
        if not 200 <= status < 300:
            raise self._refused(status, body)
        return HttpReply(body, self.where)

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _refused(self, status: int, body: bytes) -> SourceRefused:
        said = self._error_text(body)
        if said is None and status in _OF_ANOTHER_ADDRESS:
            # What a page of another service says would not help.
            return SourceRefused(
                f"{self.where} answered HTTP {status}: that is not the API of {self._name}",
                remedy=_not_the_api(self._name),
            )
        shown = _one_line(said or body.decode("utf-8", "replace"))[:_SHOWN_OF_TEXT]
        remedy = "check the token, user or client certificate" if status in (401, 403) else None
        return SourceRefused(
            f"{self.where} answered HTTP {status}" + (f": {shown}" if shown else ""), remedy=remedy
        )

    async def _exchange(self, client: httpx.AsyncClient, request: HttpRequest) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if request.json is not None else None
        async with client.stream(
            request.method, request.path, data=request.form, content=request.json, headers=headers
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_REPLY:
                    raise SourceReplyInvalid(f"{self.where} sent more than {LARGEST_REPLY >> 20} MiB")
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
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            verify=_tls(endpoint, url),
            trust_env=not _is_loopback(url.host),
            transport=transport,
        )
    except (OSError, httpx.InvalidURL) as error:
        raise UsageError(f"{where} cannot be used: {_one_line(str(error))}") from error


def _tls(endpoint: Endpoint, url: httpx.URL) -> ssl.SSLContext:
    """Trust and client certificate; the system's authorities are read (20 ms) only where TLS is spoken."""
    if url.scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    if endpoint.client_cert is not None:
        context.load_cert_chain(*endpoint.client_cert)
    return context


def _is_loopback(host: str) -> bool:
    """Whether a proxy of the environment must be left out: it cannot reach our own machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _shown(url: str) -> str:
    """The address without a user name and password in it."""
    try:
        return str(httpx.URL(url).copy_with(userinfo=b""))
    except httpx.InvalidURL:
        return url


def _not_the_api(name: str) -> str:
    return f"check the address and its path prefix: the API of {name} must lie below it"


def _one_line(text: str) -> str:
    return " ".join(text.split())
