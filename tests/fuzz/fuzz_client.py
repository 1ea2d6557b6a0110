"""Bytes that no server should send, chosen by what they reach: `make fuzz`.

`python -m tests.fuzz.fuzz_client [folder of examples] [options of libFuzzer, e.g. -max_total_time=300]`
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

import atheris  # noqa: E402

with atheris.instrument_imports(include=["sretool.load"]):
    from tests.load.scripted import Scripted, checked

_scripted: Scripted | None = None
_BEGINNINGS = (
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\xff|\xffHTTP/1.1 ",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
    b"HTTP/1.1 302 There\r\nContent-Length: 0\r\nLocation: ",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: ",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: ",
)


def once(data: bytes) -> None:
    """The first byte says who asks and how answers begin; a zero byte between two 0xff ends a connection."""
    global _scripted
    if _scripted is None:
        _scripted = Scripted()
    if not data:
        return
    first, rest = data[0], data[1:]
    script = [_BEGINNINGS[(first >> 2) % len(_BEGINNINGS)] + rest, *rest.split(b"\xff\x00\xff")[1:]]
    if first % 4 < 2:
        checked(_scripted.sync(script))
    elif first % 4 == 2:
        checked(_scripted.posted(script))
    else:
        checked(_scripted.yielded(script))


if __name__ == "__main__":
    atheris.Setup(sys.argv, once)
    atheris.Fuzz()
