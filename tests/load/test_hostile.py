"""The whole client against servers that say anything."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.load.scripted import Scripted, checked
from tests.load.test_wire import chunks, header_lines, status_lines

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

headers = header_lines | st.sampled_from([
    b"Location: /y", b"Location: //[", b"Location: http://[::1", b"Location: http://a:99999/",
    b"Location: http://" + b"a" * 80 + b"/", b"Location: \xff\xfe", b"Location: ftp://x", b"Location:",
    b"Location: http://other.example/", "Location: http://℀.example/".encode(),
    b"Set-Cookie: a=b; Max-Age=9999999999999999999999", b"Set-Cookie: \xff", b"Set-Cookie: =;;=;,",
    b"Set-Cookie: a=b; Expires=Thu, 99 Foo 99999 25:61:61 GMT", b"Set-Cookie: a=\x01b; Domain=..",
    b"Content-Encoding: gzip", b"Content-Encoding: br, deflate", b"Content-Encoding: x",
    b"Content-Type: text/plain; charset=hex", b"Content-Type: a; charset=idna",
    b"Content-Type: a; charset=undefined", b"Content-Type: a; charset=utf-7", b"Content-Type: \xff;;=",
    b"Content-Type: application/json",
])  # fmt: skip
answers = st.one_of(
    st.builds(
        lambda status, lines, body: b"\r\n".join([status, *lines]) + b"\r\n\r\n" + b"".join(body),
        status_lines
        | st.sampled_from(
            [b"HTTP/1.1 302 There", b"HTTP/1.1 308 There", b"HTTP/1.1 500 Oh", b"HTTP/1.1 404"]
        ),
        st.lists(headers, max_size=4),
        st.lists(chunks | st.binary(max_size=30) | st.just(b"x" * 5000), max_size=3),
    ),
    st.just(GOOD),
    st.binary(max_size=60),
)
said = st.lists(answers, max_size=3).map(b"\xff|\xff".join)
scripts = st.lists(said, max_size=4)


@cache
def scripted() -> Scripted:
    return Scripted()


@pytest.mark.slow
@given(scripts)
def test_whatever_servers_say_is_an_answer_or_a_failure(script: list[bytes]) -> None:
    checked(scripted().sync(script))


@pytest.mark.slow
@given(scripts)
def test_whatever_servers_say_to_other_methods(script: list[bytes]) -> None:
    checked(scripted().posted(script))


@pytest.mark.slow
@given(scripts)
def test_callbacks_and_greenlets_see_the_same(script: list[bytes]) -> None:
    yielded, sync = scripted().yielded(script), scripted().sync(script)
    checked(yielded)
    assert [(each.status_code, type(each.error), each._raw) for each in yielded] == [
        (each.status_code, type(each.error), each._raw) for each in sync
    ]


@pytest.mark.parametrize("ask", ["sync", "posted", "yielded"])
@pytest.mark.parametrize(
    "line",
    [b"Location: //[", b"Location: http://[::1", b"Location: \xff", b"Location: http://a\x00b/"]
    + [b"Content-Type: a; charset=" + each for each in (b"idna", b"undefined", b"punycode", b"hex", b"\xff")],
)
def test_single_lines_that_break_things(line: bytes, ask: str) -> None:
    status = b"302 There" if line.startswith(b"Location") else b"200 OK"
    script = b"HTTP/1.1 %s\r\nContent-Length: 3\r\n%s\r\n\r\n\xffa\x81" % (status, line)
    checked(getattr(scripted(), ask)([script]))


@pytest.mark.parametrize("ask", ["sync", "yielded"])
def test_good_answers_over_one_connection(ask: str) -> None:
    three = getattr(scripted(), ask)([b"\xff|\xff".join([GOOD] * 3)])
    assert [each.text for each in three] == ["hello"] * 3
