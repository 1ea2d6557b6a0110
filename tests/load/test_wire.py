"""Bytes of HTTP/1.1, well made and hostile."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent import socket
from hypothesis import given
from hypothesis import strategies as st

from sretool.load.clock import now
from sretool.load.transport import Connection, ConnectionEnded
from sretool.load.wire import (
    BodyCutShort,
    ChunkedBody,
    Heads,
    MalformedResponse,
    decoded,
    parse_head,
    request_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EXPECTED = (MalformedResponse, BodyCutShort, ConnectionEnded)

status_lines = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 None", b"HTTP/1.1 304 Same", b"HTTP/1.1 100 Go on",
    b"HTTP/1.1 101 Switch", b"HTTP/1.1 999 ?", b"HTTP/1.1 099 ?", b"HTTP/2 200", b"HTTP/1.1  200",
    b"HTTP/1.1 200",
    b"\r\nHTTP/1.1 200 OK", b"http/1.1 200 ok", b"",
])  # fmt: skip
header_lines = st.one_of(
    st.integers(-3, 40).map(lambda n: b"Content-Length: %d" % n),
    st.integers(10, 30).map(lambda n: b"Content-Length: " + b"9" * n),
    st.sampled_from([
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, gzip",
        b"Connection: close", b"Connection: keep-alive", b"Connection: upgrade", b"Upgrade: h2c",
        b"Set-Cookie: a=b", b"Content-Encoding: gzip", b" folded", b"no colon", b": no name",
        b"X: \x00", b"X: \xff",
        b"Content-Length: 0x10", b"Content-Length: 5, 5", b"Content-Length: 5 5", b"X:" + b"x" * 3000,
    ]),
    st.binary(max_size=12),
)  # fmt: skip
chunks = st.one_of(
    st.binary(max_size=30).map(lambda b: b"%x\r\n%s\r\n" % (len(b), b)),
    st.sampled_from(
        [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"ffffffffffffffffff\r\n", b"-1\r\n", b"5;x=y\r\nhello\r\n"]
    ),
)
answers = st.one_of(
    st.builds(
        lambda status, headers, body: b"\r\n".join([status, *headers]) + b"\r\n\r\n" + b"".join(body),
        status_lines,
        st.lists(header_lines, max_size=4),
        st.lists(chunks | st.binary(max_size=30), max_size=4),
    ),
    st.binary(max_size=80),
)


def exchanged(data: bytes, cuts: list[int], heads: Heads, *, over: str = "exchange") -> Any:
    """Status, body and whether the connection may be used again, or the kind of failure."""
    ours, theirs = socket.socketpair()
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def send() -> None:
        with suppress(OSError):
            for each in pieces:
                theirs.sendall(each)
                gevent.sleep(0)
            theirs.shutdown(socket.SHUT_WR)

    connection = Connection(ours, heads, 60.0)
    sender = gevent.spawn(send)
    try:
        with gevent.Timeout(5, AssertionError("hangs")):
            answer = getattr(connection, over)(b"ask", now())
            if answer is None:
                head = connection.head()
                body = b"".join(connection.body(head, bodiless=False))
            else:
                head, body = answer
        return head, body
    except EXPECTED as error:
        return type(error)
    finally:
        connection.close()
        sender.kill()
        theirs.close()


@given(answers, st.lists(st.integers(0, 80), max_size=3))
def test_hostile_bytes_never_hang_and_fail_in_known_ways_only(data: bytes, cuts: list[int]) -> None:
    cuts = sorted(min(each, len(data)) for each in cuts)
    exchanged(data, cuts, Heads())


@given(answers)
def test_a_head_known_before_gives_what_parsing_it_gives(data: bytes) -> None:
    heads = Heads()
    parsed = exchanged(data, [], heads, over="begin")
    for _ in range(2):
        assert exchanged(data, [], heads) == parsed


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n3\r\nyou\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 204 None\r\n\r\n",
    ],
)
def test_split_at_every_byte(data: bytes) -> None:
    whole = exchanged(data, [], Heads())
    assert isinstance(whole, tuple)
    for cut in range(1, len(data)):
        heads = Heads()
        for _ in range(2):
            assert exchanged(data, [cut], heads) == whole
    assert exchanged(data, list(range(1, len(data))), Heads()) == whole


@given(st.binary(max_size=200))
def test_heads_are_parsed_or_malformed(data: bytes) -> None:
    with suppress(MalformedResponse):
        head = parse_head(data)
        assert head.length is None or head.length >= 0
        assert not head.simple or head.plain


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.integers(1, 7), st.binary(max_size=9))
def test_chunks_in_any_pieces(bodies: list[bytes], step: int, beyond: bytes) -> None:
    data = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in bodies) + b"0\r\n\r\n"
    chunked, got = ChunkedBody(), []
    for start in range(0, len(data), step):
        assert not chunked.done
        got += chunked.feed(data[start : start + step])
    assert chunked.done
    assert not chunked.overfed
    got += chunked.feed(beyond)
    assert b"".join(got) == b"".join(bodies)
    assert chunked.overfed or not beyond.strip(b"\r\n")


@given(st.binary(max_size=60), st.sampled_from(["gzip", "deflate", "br", "br, gzip", "x", "gzip,gzip"]))
def test_codings_unpack_or_fail(body: bytes, coding: str) -> None:
    with suppress(zlib.error):
        decoded(body, coding)


def test_codings_are_undone_in_their_order() -> None:
    import brotli

    body = brotli.compress(zlib.compress(b"text"))
    assert decoded(body, "deflate, br") == b"text"
    assert decoded(brotli.compress(b"x" * 300_000), "br") == b"x" * 300_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: request_head("GET", "/a b", ()),
        lambda: request_head("GET /x", "/", ()),
        lambda: request_head("GET", "/", (("A", "b\nC: d"),)),
    ],
)
def test_requests_that_would_be_two(make: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match="line"):
        make()
