"""HTTP/1.1 as bytes: requests made once and sent often, response heads read once and known again.

A server's responses have few different heads (the date changes once a second), so a head that was parsed is
kept by its bytes. Parsing itself is llhttp's (through httptools); nothing here trusts a length or an encoding
that it did not accept.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

import httptools

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_HEAD: Final = 64 * 1024
"""Bytes of a head that are read before it counts as malformed."""
MOST_BODY: Final = 256 * 1024 * 1024
"""Bytes that a compressed body may unpack to."""
_PIECE: Final = 64 * 1024
_KEPT: Final = 512
_BODILESS: Final = frozenset({204, 304})


class MalformedResponse(Exception):
    """The server sent something that is not HTTP/1.1."""


class BodyCutShort(Exception):
    """The connection ended before the body did."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers of one response."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    """As sent, in order; names keep their case."""
    length: int | None
    """Of the body as the head tells it; None: chunked, or until the connection ends."""
    chunked: bool
    keep_alive: bool
    plain: bool
    """Whether the body is `length` bytes and the connection stays."""
    simple: bool
    """Whether it is plain, 2xx, without content coding and sets no cookie: nothing to think about."""
    raw: bytes = b""
    """As it came, with the empty line at its end."""
    size: int = 0
    """Bytes of `raw`."""
    whole: int = -1
    """Bytes of the answer where it is plain; -1 where only reading it tells."""

    def get(self, name: str) -> str | None:
        """A header's value by its lower-case name; several of them joined by commas."""
        found = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(found) if found else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class _Collected:
    """What llhttp calls back."""

    def __init__(self) -> None:
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.headed = False
        self.done = False
        self.more = False
        """Whether another message began after the end of the first."""

    def on_message_begin(self) -> None:
        self.more = self.done

    def on_status(self, status: bytes) -> None:
        self.reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.headed = True

    def on_body(self, body: bytes) -> None:
        if not self.more:
            self.body.append(body)

    def on_message_complete(self) -> None:
        self.done = True


class Heads:
    """Parsed heads by their bytes; a bounded number of them."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def parse(self, raw: bytes) -> Head:
        """`raw` ends with the empty line. Raises MalformedResponse."""
        found = self._known.get(raw)
        if found is None:
            head = parse_head(raw[:-4])
            whole = len(raw) + head.length if head.plain and head.length is not None else -1
            found = replace(head, raw=raw, size=len(raw), whole=whole)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[raw] = found
        return found

    def of(self, data: bytes) -> Head | None:
        """What `data` begins with; None where that is no head, or not all of one."""
        end = data.find(b"\r\n\r\n")
        if end <= 0:
            return None
        try:
            return self.parse(data[: end + 4])
        except MalformedResponse:
            return None


def parse_head(head: bytes) -> Head:
    collected = _Collected()
    parser = httptools.HttpResponseParser(collected)
    try:
        parser.feed_data(head + b"\r\n\r\n")
    except httptools.HttpParserUpgrade:
        raise MalformedResponse("the server switched to another protocol") from None
    except httptools.HttpParserError as error:
        raise MalformedResponse(str(error)) from None
    if not collected.headed and not collected.done:
        raise MalformedResponse("the head of the response is incomplete")
    status = int(parser.get_status_code())
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in collected.headers)
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)
    chunked = by_name.get("transfer-encoding", [""])[-1].lower().rpartition(",")[2].strip() == "chunked"
    lengths = {each.strip() for value in by_name.get("content-length", []) for each in value.split(",")}
    if len(lengths) > 1 or any(not each.isdecimal() for each in lengths):
        raise MalformedResponse(f"Content-Length is {', '.join(sorted(lengths))}")
    length = None if chunked or not lengths else int(lengths.pop())
    if status in _BODILESS or 100 <= status < 200:
        length, chunked = 0, False
    keep_alive = bool(parser.should_keep_alive()) or (
        # llhttp says no while it waits for the end of a body; the head alone decides here.
        parser.get_http_version() == "1.1"
        and "close" not in ",".join(by_name.get("connection", [])).lower()
        and (length is not None or chunked)
    )
    plain = length is not None and keep_alive and status >= 200
    return Head(
        status=status,
        reason=collected.reason.decode("latin-1"),
        headers=headers,
        length=length,
        chunked=chunked,
        keep_alive=keep_alive,
        plain=plain,
        simple=plain
        and 200 <= status < 300
        and "set-cookie" not in by_name
        and "content-encoding" not in by_name,
    )


NO_HEAD: Final = Head(0, "", (), None, False, False, False, False, b"\0", 1)
"""That no answer begins with."""


class ChunkedBody:
    """A chunked body, fed as it comes."""

    def __init__(self) -> None:
        self._collected = _Collected()
        self._parser = httptools.HttpResponseParser(self._collected)
        self._parser.feed_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._overfed = False

    @property
    def done(self) -> bool:
        return self._collected.done

    @property
    def overfed(self) -> bool:
        """Whether something came after its end: an answer that nobody asked for."""
        return self._overfed or self._collected.more

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in `data`. Raises MalformedResponse."""
        self._collected.body = []
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.done:
                raise MalformedResponse(str(error)) from None
            self._overfed = True
        return self._collected.body


def request_head(
    method: str, target: str, headers: Iterable[tuple[str, str]], length: int | None = None
) -> bytes:
    """A request up to its body; `length` is that of the body where there is one.

    Raises ValueError for what would end a header early.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a request's method, path and headers hold no line breaks")
    if " " in target or not method.isalpha():
        raise ValueError(f"{method} {target!r} cannot be a request line: quote the path")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def decoded(body: bytes, encoding: str) -> bytes:
    """The body without its content codings (gzip, deflate, br), the last applied first.

    Raises zlib.error for what isn't in that coding, or unpacks to too much; a coding that is not known leaves
    the body as it is.
    """
    return b"".join(unpacked(iter((body,)), encoding))


def unpacked(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """As `decoded`, piece by piece: nothing is kept."""
    for coding in reversed([each.strip().lower() for each in encoding.split(",")]):
        if coding in ("gzip", "x-gzip"):
            pieces = _inflated(pieces, 31)
        elif coding == "deflate":
            pieces = _deflated(pieces)
        elif coding == "br":
            pieces = _unbrotlied(pieces)
        elif coding not in ("", "identity"):
            break
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MOST_BODY:
            raise zlib.error(f"the body unpacks to more than {MOST_BODY // 1024 // 1024} MiB")
        yield piece


def _deflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next((each for each in pieces if each), b"")
    # Some servers send it raw, without the zlib frame that the name means.
    return _inflated(chain([first], pieces), 15 if first[:1] and first[0] & 0x0F == 8 else -15)


def _inflated(pieces: Iterator[bytes], window: int) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(window)
    any_ = False
    for piece in pieces:
        left = piece
        while left:
            if decompressor.eof:
                if window != 31:
                    return
                # A gzip body may have several members.
                decompressor = zlib.decompressobj(window)
            any_ = True
            if out := decompressor.decompress(left, _PIECE):
                yield out
            left = decompressor.unconsumed_tail or decompressor.unused_data
    while any_ and not decompressor.eof and (out := decompressor.decompress(b"", _PIECE)):
        yield out
    if any_ and not decompressor.eof:
        raise zlib.error("the compressed body is cut short")


def _unbrotlied(pieces: Iterator[bytes]) -> Iterator[bytes]:
    import brotli

    decompressor = brotli.Decompressor()
    any_ = False
    try:
        for piece in pieces:
            any_ = any_ or bool(piece)
            out = decompressor.process(piece, output_buffer_limit=_PIECE) if piece else b""
            while out or not (decompressor.can_accept_more_data() or decompressor.is_finished()):
                yield out
                if decompressor.is_finished():
                    return
                out = decompressor.process(b"", output_buffer_limit=_PIECE)
    except brotli.error as error:
        raise zlib.error(f"brotli: {error}") from None
    if any_ and not decompressor.is_finished():
        raise zlib.error("the compressed body is cut short")
