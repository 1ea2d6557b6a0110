"""Plain HTTP against a server that misbehaves in every way a network lets it."""

from __future__ import annotations

import asyncio
import gzip
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.http import HttpRequest, HttpSource, plain
from sretool.errors import SourceError, SourceRefused, SourceReplyInvalid, SourceTimeout, SourceUnreachable
from sretool.ports import Endpoint
from tests.support.faulty import FaultyServer, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

FORM = HttpRequest("/api/v1/query", {"query": "up + 1"})
WRITE = HttpRequest("/api/v2/silences", json=b"{}")
SECOND = timedelta(seconds=1)


def source(*urls: str, deadline: timedelta = SECOND, **identity: object) -> HttpSource:
    first, *others = (Endpoint(url, **identity) for url in urls)  # type: ignore[arg-type]
    endpoint = Endpoint(first.url, first.token, first.basic, headers=first.headers, fallbacks=tuple(others))
    made = HttpSource("Prometheus", endpoint, error_text=lambda _body: None, deadline=deadline)
    _made.append(made)
    return made


_made: list[HttpSource] = []


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    while _made:
        await _made.pop().aclose()


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _request: reply(b"hello")) as running:
        yield running


async def test_a_form_travels_below_the_prefix_with_identification(server: FaultyServer) -> None:
    asked = source(f"{server.url}/prom", token="t0ken", headers={"X-Scope-OrgID": "team"})
    assert (await asked.ask(FORM)).body == b"hello"
    (request,) = server.asked
    assert request.startswith(b"POST /prom/api/v1/query HTTP/1.1\r\n")
    assert b"Authorization: Bearer t0ken" in request
    assert b"X-Scope-OrgID: team" in request
    assert request.endswith(b"\r\n\r\nquery=up+%2B+1")


async def test_a_connection_is_kept_and_replaced_where_the_server_closed_it(server: FaultyServer) -> None:
    asked = source(server.url)
    for _ in range(3):
        await asked.ask(FORM)
    assert len(server._open) == 1
    server.close_connections()
    assert (await asked.ask(FORM)).body == b"hello"


async def test_what_changes_something_never_uses_a_kept_connection(server: FaultyServer) -> None:
    asked = source(server.url)
    await asked.ask(FORM)
    await asked.ask(WRITE)
    assert len(server._open) == 2
    assert server.asked[1].startswith(b"POST /api/v2/silences")


async def test_compressed_and_chunked_answers_are_read(server: FaultyServer) -> None:
    packed = gzip.compress(b"hello " * 1000)
    server.answer = lambda _: reply(packed, "200 OK", "Content-Encoding: gzip")
    asked = source(server.url)
    assert (await asked.ask(FORM)).body == b"hello " * 1000
    server.answer = lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert (await asked.ask(FORM)).body == b"hello"


@pytest.mark.parametrize(
    ("said", "kind", "cause"),
    [
        pytest.param(None, SourceUnreachable, "closed without an answer", id="closed"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", SourceUnreachable, "illegal status line", id="SSH"),
        pytest.param(reply(b"x" * 100)[:-50], SourceUnreachable, "cut short", id="truncated"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhel",
            SourceUnreachable,
            "cut short",
            id="truncated chunk",
        ),
        pytest.param(
            reply(b"not gzip", "200 OK", "Content-Encoding: gzip"),
            SourceReplyInvalid,
            "cannot be decompressed",
            id="bad gzip",
        ),
        pytest.param(
            reply(gzip.compress(b"x" * 9000)[:-20], "200 OK", "Content-Encoding: gzip"),
            SourceReplyInvalid,
            "cannot be decompressed",
            id="half a gzip",
        ),
        pytest.param(reply(b"<html>", "502 Bad Gateway"), SourceRefused, "HTTP 502: <html>", id="gateway"),
        pytest.param(reply(b"", "302 Found", "Location: /x"), SourceRefused, "not the API", id="redirect"),
    ],
)
async def test_a_bad_answer_is_a_source_error_with_a_cause(
    server: FaultyServer, said: bytes | None, kind: type[SourceError], cause: str
) -> None:
    server.answer = lambda _: said
    asked = source(server.url)
    with pytest.raises(kind) as caught:
        await asked.ask(FORM)
    assert cause in caught.value.cause
    assert caught.value.message == f"Prometheus at {server.url} {caught.value.cause}"


async def test_a_bomb_is_cut_off(server: FaultyServer) -> None:
    bomb = gzip.compress(bytes(80 * 1024 * 1024), 1)
    server.answer = lambda _: reply(bomb, "200 OK", "Content-Encoding: gzip")
    with pytest.raises(SourceReplyInvalid, match="more than 64 MiB"):
        await source(server.url, deadline=20 * SECOND).ask(FORM)


async def test_a_hanging_server_is_given_up_in_time_and_leaves_no_thread_behind(server: FaultyServer) -> None:
    server.hang.set()
    asked = source(server.url, deadline=0.2 * SECOND)
    began = time.monotonic()
    with pytest.raises(SourceTimeout, match=r"no answer in 0\.2 s"):
        await asked.ask(FORM)
    assert time.monotonic() - began < 1
    await asyncio.get_running_loop().shutdown_default_executor()
    assert time.monotonic() - began < 1.5


async def test_nobody_listening_is_told() -> None:
    with FaultyServer(lambda _: None) as gone:
        url = gone.url
    with pytest.raises(SourceUnreachable, match="cannot be reached: Connection refused"):
        await source(url).ask(FORM)


async def test_the_next_server_answers_where_the_first_does_not(server: FaultyServer) -> None:
    with FaultyServer(lambda _: None) as broken:
        asked = source(broken.url, server.url)
        assert asked.address == broken.url
        assert (await asked.ask(FORM)).body == b"hello"
        assert asked.address == server.url
        # And stays with the one that answers.
        await asked.ask(FORM)
        assert len(broken.asked) == 1
        server.answer = lambda _: reply(b"", "503 Service Unavailable")
        broken.answer = lambda _: reply(b"back")
        assert (await asked.ask(FORM)).body == b"back"


async def test_the_error_told_is_that_of_the_server_asked_first(server: FaultyServer) -> None:
    server.answer = lambda _: reply(b"busy", "503 Service Unavailable")
    with FaultyServer(lambda _: None) as broken, pytest.raises(SourceRefused) as caught:
        await source(server.url, broken.url).ask(FORM)
    assert server.url in caught.value.message


async def test_a_refused_query_is_not_asked_elsewhere(server: FaultyServer) -> None:
    with FaultyServer(lambda _: reply(b"bad query", "400 Bad Request")) as first:
        with pytest.raises(SourceRefused):
            await source(first.url, server.url).ask(FORM)
        assert server.asked == []


async def test_a_write_goes_on_only_where_the_first_server_cannot_have_seen_it(server: FaultyServer) -> None:
    with FaultyServer(lambda _: None) as broken:
        with pytest.raises(SourceUnreachable):
            await source(broken.url, server.url).ask(WRITE)
        assert server.asked == []
        url = broken.url
    assert (await source(url, server.url).ask(WRITE)).body == b"hello"


def test_only_plain_http_without_a_proxy_goes_this_way() -> None:
    assert plain.suits(Endpoint("http://prom:9090"), {})
    assert not plain.suits(Endpoint("https://prom:9090"), {})
    assert not plain.suits(Endpoint("http://prom:9090"), {"http_proxy": "http://proxy:3128"})
    assert plain.suits(Endpoint("http://127.0.0.1:9090"), {"http_proxy": "http://proxy:3128"})
