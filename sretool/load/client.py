"""An HTTP client with the interface of Locust's FastHttpSession at a fraction of its cost.

What most requests are (a method, a path, perhaps a body and some headers, an answer that is read whole) goes
over connections of our own. What few requests are (multipart files, streamed answers, proxies) is left to
FastHttpSession, whose subclass this is; cookies, names and events are the same for both.
"""

from __future__ import annotations

import json as jsonlib
import ssl
import time
import zlib
from collections import deque
from email.message import Message
from functools import partial
from http.cookiejar import Cookie, CookieJar
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from urllib.parse import quote, urlencode, urljoin, urlsplit
from urllib.request import Request

from gevent import socket
from geventhttpclient.header import Headers
from geventhttpclient.useragent import RetriesExceeded, UnsupportedRedirectSchemeError
from locust.contrib.fasthttp import (
    FAILURE_EXCEPTIONS,
    FastHttpSession,
    FastRequest,
    LocustBadStatusCode,
    LocustUserAgent,
    _construct_basic_auth_str,
)
from locust.exception import CatchResponseError, LocustError, ResponseError
from msgspec import Struct

from sretool.load.transport import Connection, ConnectionEnded, TimedOut, TlsConnection
from sretool.load.wire import (
    NO_HEAD,
    BodyCutShort,
    Head,
    MalformedResponse,
    decoded,
    request_head,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from locust import User

    from sretool.load.recorder import Recorder, Slot


Body = bytes | int
"""Of an answer; an int: so many bytes, too many to keep."""


class BodyNotKept(LocustError):
    """A body was longer than what is kept of one."""


class ForbiddenHost(ConnectionError):
    """A request, or a redirect, would have gone to a host that is no target."""


FAILURES: Final = (*FAILURE_EXCEPTIONS, MalformedResponse, BodyCutShort, OSError)
"""What makes a request a failed one instead of ending the task."""
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = LocustUserAgent.valid_response_codes
_MOST_PLANS: Final = 4096
LATE_NS: Final = 1_000_000
"""Nanoseconds after which a start counts as late."""

_now: Final = time.perf_counter_ns


class Origin:
    """Where connections lead: scheme, host and port, and the connections that wait there."""

    __slots__ = ("host", "idle", "name", "port", "scheme")

    def __init__(self, scheme: str, host: str, port: int) -> None:
        self.scheme, self.host, self.port = scheme, host, port
        bracketed = f"[{host}]" if ":" in host else host
        standard = {"http": 80, "https": 443}[scheme]
        self.name = bracketed if port == standard else f"{bracketed}:{port}"
        self.idle: list[Connection] = []


class Plan:
    """A request made ready, and where its latencies go."""

    __slots__ = ("body", "headers", "method", "name", "slot", "url")

    def __init__(
        self, method: str, url: str, name: str, headers: dict[str, str], body: Any, slot: Slot
    ) -> None:
        self.method, self.url, self.name = method, url, name
        self.headers = headers
        self.body = body
        """Text or bytes, before they are encoded."""
        self.slot = slot


class FixedPlan(Plan):
    """A request that is always the same bytes, to be sent often."""

    __slots__ = ("origin", "payload")

    def __init__(
        self, url: str, name: str, headers: dict[str, str], slot: Slot, origin: Origin, payload: bytes
    ) -> None:
        super().__init__("GET", url, name, headers, None, slot)
        self.origin, self.payload = origin, payload


def _to_nobody(_: BaseException | None) -> None:
    """For a response that is not to be reported."""


class Response(Struct, dict=True, weakref=True, eq=False):
    """An answer; what is costly to make (headers, text) is made when asked for."""

    _plan: Plan
    _head: Head | None
    _raw: Body
    error: BaseException | None = None
    """Why the request failed; None: it did not."""
    encoding: str | None = None
    """Set it before `text` where the server does not tell the right one."""
    js: Any = None
    _content: bytes | None = None

    @property
    def status_code(self) -> int:
        """0 where no answer came."""
        return 0 if self._head is None else self._head.status

    @property
    def reason(self) -> str:
        return "" if self._head is None else self._head.reason

    @property
    def ok(self) -> bool:
        return self.status_code < 400

    @property
    def url(self) -> str:
        """As asked for; redirects don't change it."""
        return self._plan.url

    @property
    def headers(self) -> Any:
        if self._head is None:
            return None
        return Headers(self._head.headers)

    @property
    def request(self) -> FastRequest:
        plan = self._plan
        return FastRequest(plan.url, method=plan.method, headers=Headers(plan.headers), payload=plan.body)

    @property
    def content(self) -> bytes | None:
        """The body, its content coding undone; None where no answer came.

        Raises BodyNotKept where it was longer than the user class's `kept_body`.
        """
        if self._head is None:
            return None
        if isinstance(self._raw, int):
            raise BodyNotKept(f"{self._raw:,} bytes are not kept: set kept_body on the user class")
        if self._head.simple or not self._raw:
            return self._raw
        if self._content is not None:
            return self._content
        encoding = self._head.get("content-encoding")
        return decoded(self._raw, encoding) if encoding else self._raw

    @property
    def text(self) -> str | None:
        content = self.content
        if content is None:
            return None
        encoding = self.encoding or self._charset()
        if encoding is None:
            try:
                return content.decode()
            except UnicodeDecodeError:
                encoding = _detected(content)
        try:
            return content.decode(encoding, errors="replace")
        except ValueError:
            # Some of Python's encodings have no replacement.
            return content.decode(errors="replace")

    def _charset(self) -> str | None:
        kind = (self._head.get("content-type") if self._head else None) or ""
        for part in kind.split(";")[1:]:
            name, _, value = part.strip().partition("=")
            if name.lower() == "charset":
                charset = value.strip("\"' ")
                try:
                    "".encode(charset)
                except (LookupError, ValueError):
                    return None
                return charset
        return "utf-8" if "json" in kind else None

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"

    def json(self) -> Any:
        return jsonlib.loads(self.text or "")

    def raise_for_status(self) -> None:
        if self.error is not None:
            raise self.error

    def success(self) -> None:
        raise LocustError(_BY_HAND)

    def failure(self, exc: object) -> None:
        raise LocustError(_BY_HAND)

    def __enter__(self) -> Self:
        raise LocustError(_BY_HAND)

    def __exit__(self, *_: object) -> bool | None:
        return None


_BY_HAND: Final = "only a request made with catch_response=True and used in a with-block is judged by hand"


class CaughtResponse(Response, dict=True, weakref=True, eq=False):
    """What `catch_response=True` gives: its with-block decides whether the request failed."""

    _entered: bool = False
    _judged: Literal[True] | BaseException | None = None
    _report: Callable[[BaseException | None], None] = _to_nobody

    def __enter__(self) -> Self:
        self._entered = True
        return self

    def __exit__(self, *raised: object) -> bool | None:
        kind, value, _ = raised
        if self._judged is not None:
            self._report(self._judged if isinstance(self._judged, BaseException) else None)
            return kind is None
        if value is not None:
            if not isinstance(value, ResponseError):
                return False
            self._report(value)
        else:
            self._report(self.error)
        return True

    def success(self) -> None:
        self._must_be_entered()
        self._judged = True

    def failure(self, exc: object) -> None:
        self._must_be_entered()
        self._judged = exc if isinstance(exc, Exception) else CatchResponseError(exc)

    def raise_for_status(self) -> None:
        if isinstance(self._judged, BaseException):
            raise self._judged
        if self._judged is None:
            super().raise_for_status()

    def _must_be_entered(self) -> None:
        if not self._entered:
            raise LocustError(
                "a response is judged inside its with-block: "
                "`with self.client.get(..., catch_response=True) as r:`"
            )


class Jar(CookieJar):
    """A cookie jar that says cheaply whether it was ever used, and when it changed."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    def set_cookie(self, cookie: Cookie) -> None:
        super().set_cookie(cookie)
        self.changes += 1

    def clear(self, *where: Any) -> None:
        super().clear(*where)
        self.changes += 1


class Session(FastHttpSession):
    """`self.client` of an HttpUser."""

    def __init__(
        self,
        base_url: str,
        user: User,
        recorder: Recorder,
        *,
        tls: Callable[[], ssl.SSLContext],
        network_timeout: float = 60.0,
        connection_timeout: float = 60.0,
        max_redirects: int = 30,
        default_headers: Mapping[str, str] | None = None,
        proxy: tuple[str, int] | None = None,
        allowed_hosts: Collection[str] | None = None,
        kept_body: int = 16 * 1024 * 1024,
    ) -> None:
        """`tls` makes the context of the session's TLS connections, when it needs one.

        Nothing is sent to a host that isn't in `allowed_hosts`, redirects included; None: to any. Bodies of
        more than `kept_body` bytes are read and counted, but not kept.
        """
        super().__init__(
            base_url=base_url,
            request_event=user.environment.events.request,
            user=user,
            insecure=False,
            ssl_context_factory=tls,
            network_timeout=network_timeout,
            connection_timeout=connection_timeout,
            max_redirects=max_redirects,
            max_retries=0,
            headers={},
            proxy_host=proxy[0] if proxy else None,
            proxy_port=proxy[1] if proxy else None,
        )
        self.cookiejar = self.client.cookiejar = self.jar = Jar()
        self.due = 0
        """When the next request should start, on the clock of `perf_counter_ns`; 0: now."""
        self.yielded = False
        """Set by every exchange, which lets other users run meanwhile."""
        self._user = user
        self.recorder = recorder
        self._events = user.environment.events.request
        self._listeners, self._own = recorder.listeners, recorder.own_listeners
        self._allowed_hosts = allowed_hosts
        self.client._urlopen = self._guarded(self.client._urlopen)  # type: ignore[method-assign]
        self.thoughtful = self._proxied = proxy is not None
        """Whether no request can go the short way."""
        self._tls = tls
        self._tls_context: ssl.SSLContext | None = None
        self._timeout, self._connection_timeout = network_timeout, connection_timeout
        self._max_redirects = max_redirects
        self._kept_body = kept_body
        self._heads = recorder.heads
        self._origins: dict[tuple[str, str, int], Origin] = {}
        self._plans: dict[str | tuple[str, str], FixedPlan] = {}
        self._cookie_headers: dict[str, tuple[int, int, str]] = {}
        self._headers = _merged(
            {"User-Agent": "sretool", "Accept": "*/*", "Accept-Encoding": "gzip, deflate, br"},
            {"Authorization": self.auth_header} if self.auth_header else None,
            default_headers,
        )

    def close(self) -> None:
        """Close the connections that wait."""
        for origin in self._origins.values():
            while origin.idle:
                origin.idle.pop().close()
        self.client.close()

    @property
    def request_name(self) -> str | None:
        """The name that all requests get that have none of their own."""
        return self._request_name

    @request_name.setter
    def request_name(self, name: str | None) -> None:
        self._request_name = name
        self.thoughtful = name is not None or getattr(self, "_proxied", False)

    # --- the short way ------------------------------------------------------------------------------------

    def get(self, url: str, name: str | None = None, **kwargs: Any) -> Any:
        """Sends a GET request."""
        if kwargs or self.thoughtful or self.jar.changes:
            return self.request("GET", url, name=name, **kwargs)
        plan = self._plans.get(url if name is None else (url, name))
        if plan is None:
            try:
                plan = self.plan(url, name)
            except FAILURES:
                # No address that a request can go to: a failed request.
                return self.request("GET", url, name=name)
        moment = _now()
        start = self.begin(moment) if self.due else moment
        try:
            head, body = self._exchange(plan.origin, plan.payload, "GET", moment)
        except FAILURES as error:
            return self._failed(plan, error, start)
        if not head.simple or isinstance(body, int):
            return self._after(plan, head, body, start)
        elapsed = _now() - start
        slot = plan.slot
        slot.append(elapsed)
        slot.size += len(body)
        response = Response(plan, head, body)
        if len(self._listeners) > self._own:
            self._tell_others(response, elapsed, len(body), None)
        return response

    def plan(self, url: str, name: str | None = None) -> FixedPlan:
        """A GET request that has nothing of its own but a path and a name."""
        key = url if name is None else (url, name)
        found = self._plans.get(key)
        if found is not None:
            return found
        whole = self._build_url(url)
        origin, target = self._locate(whole)
        payload = request_head("GET", target, _lines(origin, self._headers))
        slot = self.recorder.slot("GET", name or url)
        plan = FixedPlan(whole, name or url, self._headers, slot, origin, payload)
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[key] = plan
        return plan

    def send_plan(self, plan: FixedPlan, start: int = 0) -> Response:
        """As `get`, for a plan of this session; `start` where it has begun already."""
        moment = _now()
        start = start or (self.begin(moment) if self.due else moment)
        try:
            head, body = self._exchange(plan.origin, plan.payload, "GET", moment)
        except FAILURES as error:
            return self._failed(plan, error, start)
        return self._after(plan, head, body, start)

    def resume(self, plan: FixedPlan, connection: Connection, data: bytes, start: int) -> Response:
        """The rest of an exchange that began elsewhere at `start`; `data` came first, empty for an end."""
        try:
            try:
                if not data:
                    raise connection.ended(untouched=True)
                connection.rest = data
                head, body = self._read_on(plan.origin, connection, "GET")
            except BaseException as error:
                connection.close()
                if not isinstance(error, ConnectionEnded) or not error.untouched:
                    raise
                # The server closed a kept connection: as in `_exchange`.
                head, body = self._exchange(plan.origin, plan.payload, "GET", _now())
        except FAILURES as error:
            return self._failed(plan, error, start)
        return self._after(plan, head, body, start)

    def _after(self, plan: FixedPlan, head: Head, body: Body, start: int) -> Response:
        """What there is to do about an answer that may be anything."""
        try:
            head, body = self._follow(
                "GET", plan.url, plan.headers, None, allow_redirects=True, first=(head, body)
            )
        except FAILURES as error:
            return self._failed(plan, error, start)
        return self._judge(plan, head, body, start)

    def begin(self, moment: int) -> int:
        """When the request that starts at `moment` should have started; a late start is counted."""
        due, self.due = self.due, 0
        if moment - due > LATE_NS:
            self.recorder.late += 1
        return due

    def _exchange(self, origin: Origin, payload: bytes, method: str, moment: int) -> tuple[Head, Body]:
        """One request, one answer read whole; the connection is kept where it may be.

        A kept connection that the server closed meanwhile is not the server's failure: where the method
        allows it, the request goes over a new one.
        """
        self.yielded = True
        idle = origin.idle
        while idle:
            connection = idle.pop()
            if method not in _REPEATABLE and not connection.alive():
                connection.close()
                continue
            try:
                exchange = connection.exchange if method != "HEAD" else connection.begin
                answer = exchange(payload, moment)
                if answer is not None:
                    idle.append(connection)
                    return answer
                return self._read_on(origin, connection, method)
            except BaseException as error:
                connection.close()
                if connection.timed_out:
                    raise _timed_out(connection) from None
                untouched = isinstance(error, BrokenPipeError | ConnectionResetError) or (
                    isinstance(error, ConnectionEnded) and error.untouched
                )
                if not untouched or method not in _REPEATABLE:
                    raise
            # The others are no younger.
            while idle:
                idle.pop().close()
        connection = self._connect(origin)
        try:
            exchange = connection.exchange if method != "HEAD" else connection.begin
            answer = exchange(payload, _now())
            if answer is not None:
                idle.append(connection)
                return answer
            return self._read_on(origin, connection, method)
        except BaseException:
            connection.close()
            if connection.timed_out:
                raise _timed_out(connection) from None
            raise

    def _read_on(self, origin: Origin, connection: Connection, method: str) -> tuple[Head, Body]:
        head = connection.head()
        body = self._read_body(connection.body(head, bodiless=method == "HEAD"), head)
        if connection.timed_out:
            raise _timed_out(connection)
        if head.keep_alive and connection.reusable():
            origin.idle.append(connection)
        else:
            connection.close()
        return head, body

    def _read_body(self, pieces: Iterator[bytes], head: Head) -> Body:
        kept: list[bytes] = []
        size, most = 0, self._kept_body
        for piece in pieces:
            size += len(piece)
            kept.append(piece)
            if size > most:
                return self._counted(chain(kept, pieces), head)
        return b"".join(kept)

    def _counted(self, pieces: Iterator[bytes], head: Head) -> int:
        """The size of a body that is not kept, its content coding undone as that of others."""
        encoding = head.get("content-encoding")
        size = sum(map(len, unpacked(pieces, encoding) if encoding else pieces))
        # Whatever came after the end of its coding.
        deque(pieces, 0)
        return size

    # --- any way ------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: Any = None,
        catch_response: bool = False,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str | bytes, str | bytes] | None = None,
        json: Any = None,
        allow_redirects: bool = True,
        context: Mapping[str, Any] | None = None,
        params: Any = None,
        **kwargs: Any,
    ) -> Any:
        """As FastHttpSession.request. `data` as a dict is sent as a form; `params` is added to the query."""
        simple = data is None or isinstance(data, str | bytes | dict)
        if stream or kwargs or self._proxied or not simple:
            return self._leave(
                method, url, name=name, data=data, catch_response=catch_response, stream=stream,
                headers=_merged(self._headers, headers), auth=auth, json=json,
                allow_redirects=allow_redirects, context=dict(context or {}), params=params, **kwargs,
            )  # fmt: skip
        method = method.upper()
        name = name or self.request_name or url
        whole = self._build_url(url)
        if params:
            whole += ("&" if urlsplit(whole).query else "?") + urlencode(params, doseq=True)
        sent = _merged(
            self._headers, headers, {"Authorization": _construct_basic_auth_str(*auth)} if auth else None
        )
        payload = _body(data, json, sent)
        moment = _now()
        start = self.begin(moment) if self.due else moment
        plan = Plan(method, whole, name, sent, payload, self.recorder.slot(method, name))
        try:
            body = payload.encode() if isinstance(payload, str) else payload
            head, raw = self._follow(method, whole, sent, body, allow_redirects=allow_redirects)
        except FAILURES as error:
            return self._failed(plan, error, start, context, catch=catch_response)
        return self._judge(plan, head, raw, start, context, catch=catch_response)

    def _leave(self, method: str, url: str, **arguments: Any) -> Any:
        """A request that is left to FastHttpSession; its latency counts from when it was due, too."""
        behind = 0
        if self.due:
            moment = _now()
            behind = moment - self.begin(moment)
        if behind:
            self.request_event = _Behind(self._events, behind / 1e6)
        try:
            return super().request(method, url, **arguments)
        finally:
            self.request_event = self._events

    def _follow(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        *,
        allow_redirects: bool,
        first: tuple[Head, Body] | None = None,
    ) -> tuple[Head, Body]:
        """The answer, after the redirects before it; `first` is the first answer where it came already."""
        for _ in range(self._max_redirects + 1):
            if first is None:
                origin, target = self._locate(url)
                lines = _lines(origin, headers)
                own = "cookie" in map(str.lower, headers)
                if self.jar.changes and not own and (cookies := self._cookies(url)):
                    lines.append(("Cookie", cookies))
                length = len(body) if body is not None else 0 if method in ("POST", "PUT", "PATCH") else None
                payload = request_head(method, target, lines, length) + (body or b"")
                head, raw = self._exchange(origin, payload, method, _now())
            else:
                (head, raw), first = first, None
            if not head.simple and (cookies_set := head.all("set-cookie")):
                self._take_cookies(url, cookies_set)
            location = head.get("location") if head.status in _REDIRECTS and allow_redirects else None
            if location is None:
                return head, raw
            before = urlsplit(url)[:2]
            # Some servers send a path as it is, in UTF-8; latin-1 gives those bytes back.
            location = quote(location.encode("latin-1"), safe="%/:=&?~#+!$,;'@()*[]")
            try:
                url = urljoin(url, location)
            except ValueError as error:
                raise MalformedResponse(f"the redirect to {location} leads nowhere: {error}") from None
            dropped = set()
            if head.status in (301, 302, 303) and method not in ("GET", "HEAD"):
                method, body = "GET", None
                dropped |= {"content-type", "content-encoding"}
            if urlsplit(url)[:2] != before:
                dropped |= {"authorization", "cookie", "host"}
            headers = {key: value for key, value in headers.items() if key.lower() not in dropped}
        raise RetriesExceeded(url, f"more than {self._max_redirects} redirects")

    def _locate(self, url: str) -> tuple[Origin, str]:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UnsupportedRedirectSchemeError(url, "only http:// and https:// addresses can be requested")
        try:
            port = parts.port
        except ValueError as error:
            raise UnsupportedRedirectSchemeError(url, str(error)) from None
        key = parts.scheme, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme]
        origin = self._origins.get(key)
        if origin is None:
            self._allow(parts.hostname)
            origin = self._origins[key] = Origin(*key)
        target = quote(parts.path or "/", safe="%/:=&?~+!$,;'@()*[]")
        query = quote(parts.query, safe="%/:=&?~+!$,;'@()*[]")
        return origin, f"{target}?{query}" if query else target

    def _connect(self, origin: Origin) -> Connection:
        """Errors keep their kind, and tell which host it was."""
        try:
            return self._connected(origin)
        except TimedOut:
            raise
        except TimeoutError:
            seconds = self._connection_timeout
            raise TimedOut(f"no connection to {origin.name} within {seconds:g} s") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", None) or (error.reason or str(error)).lower()
            error.strerror = f"no TLS with {origin.name}: {reason.replace('_', ' ')}"
            raise
        except UnicodeError as error:
            raise ConnectionError(
                f"no connection to {origin.name}: no host has such a name: {error}"
            ) from None
        except OSError as error:
            error.strerror = f"no connection to {origin.name}: {error.strerror or error}"
            raise

    def _connected(self, origin: Origin) -> Connection:
        sock = socket.create_connection((origin.host, origin.port), timeout=self._connection_timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if origin.scheme == "http":
            return Connection(sock, self._heads, self._timeout)
        if self._tls_context is None:
            self._tls_context = self._tls()
        try:
            return TlsConnection(
                sock, self._heads, self._timeout, self._connection_timeout, self._tls_context, origin.host
            )
        except BaseException:
            sock.close()
            raise

    def _allow(self, host: str) -> None:
        if self._allowed_hosts is not None and host not in self._allowed_hosts:
            raise ForbiddenHost(f"{host} is no target of this test")

    def _guarded(self, send: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """`send` of FastHttpSession's client, for hosts that are allowed."""

        def guarded(request: Any) -> Any:
            self._allow(request.url_split.host)
            return send(request)

        return guarded

    # --- cookies ------------------------------------------------------------------------------------------

    def _cookies(self, url: str) -> str:
        known = self._cookie_headers.get(url)
        second = int(time.time())
        if known is None or known[:2] != (self.jar.changes, second):
            request = Request(url)
            self.jar.add_cookie_header(request)
            known = self.jar.changes, second, request.get_header("Cookie") or ""
            if len(self._cookie_headers) >= _MOST_PLANS:
                self._cookie_headers.clear()
            self._cookie_headers[url] = known
        return known[2]

    def _take_cookies(self, url: str, cookies: list[str]) -> None:
        message = Message()
        for each in cookies:
            message["Set-Cookie"] = each
        self.jar.extract_cookies(_Answer(message), Request(url))  # type: ignore[arg-type]

    # --- what becomes of it -------------------------------------------------------------------------------

    def _judge(
        self,
        plan: Plan,
        head: Head,
        raw: Body,
        start: int,
        context: Mapping[str, Any] | None = None,
        *,
        catch: bool = False,
    ) -> Response:
        elapsed = _now() - start
        response = (CaughtResponse if catch else Response)(plan, head, raw)
        if isinstance(raw, int):
            length = raw
        else:
            length = len(raw)
            if not head.simple and (encoding := head.get("content-encoding")):
                try:
                    length = self._unpack(response, raw, encoding)
                except zlib.error as error:
                    response.error = error
        if head.status not in _OK and response.error is None:
            response.error = LocustBadStatusCode(plan.url, code=head.status)
        self._tell_or_wait(response, elapsed, length, context)
        return response

    def _unpack(self, response: Response, raw: bytes, encoding: str) -> int:
        """Give the response its content where that may be kept; the size of it. Raises zlib.error."""
        body = self._read_body(unpacked(iter((raw,)), encoding), NO_HEAD)
        if isinstance(body, int):
            response._raw = body
            return body
        response._content = body
        return len(body)

    def _failed(
        self,
        plan: Plan,
        error: BaseException,
        start: int,
        context: Mapping[str, Any] | None = None,
        *,
        catch: bool = False,
    ) -> Response:
        elapsed = _now() - start
        response = (CaughtResponse if catch else Response)(plan, None, b"")
        response.error = error
        self._tell_or_wait(response, elapsed, 0, context)
        return response

    def _tell_or_wait(
        self, response: Response, elapsed: int, length: int, context: Mapping[str, Any] | None
    ) -> None:
        if isinstance(response, CaughtResponse):
            response._report = partial(self._tell, response, elapsed, length, context)
        else:
            self._tell(response, elapsed, length, context, response.error)

    def _tell(
        self,
        response: Response,
        elapsed: int,
        length: int,
        context: Mapping[str, Any] | None,
        error: BaseException | None,
    ) -> None:
        """A success is counted with others of its kind; a failure is told to all that listen, one by one."""
        plan = response._plan
        if error is None:
            plan.slot.append(elapsed)
            plan.slot.size += length
            if len(self._listeners) > self._own:
                self._tell_others(response, elapsed, length, context)
            return
        self._events.fire(
            request_type=plan.method,
            name=plan.name,
            response_time=elapsed / 1e6,
            response_length=length,
            response=response,
            context={**self._user.context(), **(context or {})},
            exception=error,
            start_time=time.time() - elapsed / 1e9,
            url=plan.url,
        )

    def _tell_others(
        self, response: Response, elapsed: int, length: int, context: Mapping[str, Any] | None
    ) -> None:
        """Whoever listens to each request, besides Locust's statistics: they have counted it already."""
        plan = response._plan
        own = self._user.context()
        self.recorder.others().fire(
            request_type=plan.method,
            name=plan.name,
            response_time=elapsed / 1e6,
            response_length=length,
            response=response,
            context={**own, **context} if context else own,
            exception=None,
            start_time=time.time() - elapsed / 1e9,
            url=plan.url,
        )


class _Behind:
    """Locust's `request` event, for a request that started behind its time."""

    def __init__(self, event: Any, milliseconds: float) -> None:
        self._event, self._milliseconds = event, milliseconds

    def fire(self, **request: Any) -> None:
        request["response_time"] += self._milliseconds
        self._event.fire(**request)


def _timed_out(connection: Connection) -> TimedOut:
    return TimedOut(f"no whole answer within {connection.timeout:g} s")


class _Answer:
    """What a cookie jar wants to see of a response."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        return self._message


def _merged(*sources: Mapping[str, str] | None) -> dict[str, str]:
    """Headers of which later ones win, whatever their case."""
    names: dict[str, str] = {}
    merged: dict[str, str] = {}
    for source in sources:
        for name, value in (source or {}).items():
            merged.pop(names.get(name.lower(), ""), None)
            names[name.lower()] = name
            merged[name] = str(value)
    return merged


def _lines(origin: Origin, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Header lines; the length is not for anyone else to tell."""
    lines = [] if "host" in map(str.lower, headers) else [("Host", origin.name)]
    return lines + [(name, value) for name, value in headers.items() if name.lower() != "content-length"]


def _body(data: Any, json: Any, headers: dict[str, str]) -> Any:
    """The text or bytes to send; the headers that describe them are added where missing."""
    given = {key.lower() for key in headers}
    if not data and json is not None:
        headers.update({} if "content-type" in given else {"Content-Type": "application/json"})
        if headers.get("Accept") == "*/*":
            headers["Accept"] = "application/json"
        return jsonlib.dumps(json)
    if isinstance(data, dict):
        headers.update(
            {} if "content-type" in given else {"Content-Type": "application/x-www-form-urlencoded"}
        )
        return urlencode(data, doseq=True)
    return data


def _detected(content: bytes) -> str:
    from charset_normalizer import detect

    return str(detect(content)["encoding"] or "utf-8")
