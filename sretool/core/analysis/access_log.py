"""Access logs as requests with their times: nginx's combined format, HAProxy's HTTP format, lines of JSON.

What a line does not tell cannot be sent again: combined and HAProxy's logs hold neither bodies nor headers,
and combined's times are whole seconds. Requests of the same whole second are therefore spread evenly over it,
instead of coming all at once. nginx and Apache write when a request ended, HAProxy when it came.
"""

from __future__ import annotations

import heapq
import json
import re
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


class Format(StrEnum):
    """How a line is written."""

    COMBINED = "combined"
    """nginx's and Apache's, also the common format without referrer and user agent."""
    HAPROXY = "haproxy"
    """`option httplog`, with or without syslog's beginning."""
    JSON = "json"
    """One object a line."""


KEPT: Final = 20
"""Numbers of malformed lines that are remembered."""
LOOKED_AT: Final = 50
"""Lines from which the format is told."""
REORDER: Final = timedelta(seconds=120)
"""A line is written when its request ends; one that began this much earlier still finds its place."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that was made once."""

    line: int
    at: float
    """Seconds since the epoch (HAProxy tells no time zone: taken as UTC; only differences count)."""
    whole: bool
    """Whether `at` is no finer than a second."""
    method: str
    target: str
    """Path and query."""
    status: int | None = None
    """That it was answered with."""
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class NoRequest(ValueError):
    """A line that is none of the format's."""


@dataclass(slots=True)
class Reading:
    """What was seen while a log was read."""

    lines: int = 0
    """Without empty ones."""
    entries: int = 0
    malformed: int = 0
    malformed_lines: list[int] = field(default_factory=list)
    """The first `KEPT` of them."""
    why: str = ""
    """What is wrong with the first of them."""

    def told(self) -> str:
        """`"3 of 1,204 lines are no requests: 17, 203, 999"`; empty where all are."""
        if not self.malformed:
            return ""
        numbers = ", ".join(map(str, self.malformed_lines))
        more = ", …" if self.malformed > len(self.malformed_lines) else ""
        are = "is no request" if self.malformed == 1 else "are no requests"
        where = "line" if self.malformed == 1 else "lines"
        return f"{self.malformed:,} of {self.lines:,} lines {are}: {where} {numbers}{more} ({self.why})"


# --- lines ------------------------------------------------------------------------------------------------

_COMBINED: Final = re.compile(
    r"\S+ \S+ (?:.*?) ?\[(?P<time>[^\]]{20,32})\] "
    r'"(?P<request>[^"\\]*(?:\\.[^"\\]*)*)" (?P<status>\d{3}) (?:\d+|-)(?: |$)'
)
_HAPROXY: Final = re.compile(
    r"(?:^|[\s])\S+:\d+ \[(?P<time>\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] \S+ \S+/\S+ "
    r"-?\d+/-?\d+/-?\d+/-?\d+/\+?-?\d+ (?P<status>\d{3}|-1) \+?\d+ .*? "
    r'\d+/\d+/\d+/\d+/\+?\d+ \d+/\d+ .*?"(?P<request>[^"]*)"?\s*$'
)
_REQUEST: Final = re.compile(r"(?P<method>[A-Z]+(?:-[A-Z]+)*) (?P<target>\S+)(?: HTTP/\d(?:\.\d)?)?")
_ESCAPE: Final = re.compile(r'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}


def combined(number: int, line: str) -> Entry:
    found = _COMBINED.match(line)
    if found is None:
        raise NoRequest("not in the combined format")
    method, target = _request(_unescaped(found["request"]))
    return Entry(number, _clock(found["time"]), True, method, target, int(found["status"]))


def haproxy(number: int, line: str) -> Entry:
    found = _HAPROXY.search(line)
    if found is None:
        raise NoRequest("not in HAProxy's HTTP format")
    method, target = _request(found["request"])
    time = found["time"]
    at = _clock(time[:-4] + " +0000") + int(time[-3:]) / 1000
    status = int(found["status"])
    return Entry(number, at, False, method, target, status if status > 0 else None)


_TIMES: Final = (
    "time", "timestamp", "@timestamp", "ts", "msec", "time_iso8601", "time_local", "start", "StartUTC",
    "datetime",
)  # fmt: skip
_METHODS: Final = ("method", "request_method", "http_method", "verb", "RequestMethod")
_TARGETS: Final = ("path", "uri", "request_uri", "url", "target", "RequestPath")
_STATUSES: Final = ("status", "status_code", "response_code", "DownstreamStatus")
_BODIES: Final = ("body", "request_body")


def json_line(number: int, line: str) -> Entry:
    """The keys that nginx, Caddy, Traefik and Envoy are commonly configured to write; `request` may be a
    request line or an object. `headers` and `body` are taken where they are there."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise NoRequest("not JSON") from None
    if not isinstance(record, dict):
        raise NoRequest("no JSON object")
    inner = record.get("request")
    either: Mapping[str, Any] = {**record, **inner} if isinstance(inner, dict) else record
    time = _first(either, _TIMES)
    if time is None:
        raise NoRequest(f"no time (looked for {', '.join(_TIMES)})")
    at, whole = _moment(time)
    method, target = _first(either, _METHODS), _first(either, _TARGETS)
    if isinstance(inner, str) and (method is None or target is None):
        method, target = _request(inner)
    if not isinstance(method, str) or not isinstance(target, str):
        raise NoRequest("no method or no path")
    query = either.get("query") or either.get("args")
    if isinstance(query, str) and query not in ("", "-") and "?" not in target:
        target = f"{target}?{query.removeprefix('?')}"
    method, target = _request(f"{method.upper()} {target}")
    body = _first(either, _BODIES)
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    return Entry(
        number,
        at,
        whole,
        method,
        target,
        _whole(_first(either, _STATUSES)),
        body,
        _headers(either.get("headers")),
    )


PARSERS: Final[Mapping[Format, Callable[[int, str], Entry]]] = {
    Format.COMBINED: combined,
    Format.HAPROXY: haproxy,
    Format.JSON: json_line,
}


def format_of(lines: Iterable[str]) -> Format | None:
    """The format that most of the first lines have; None where none of them has any."""
    counts = dict.fromkeys(Format, 0)
    seen = (line for line in lines if line.strip())
    for line in islice(seen, LOOKED_AT):
        for each, parse in PARSERS.items():
            try:
                parse(1, line)
            except NoRequest:
                continue
            counts[each] += 1
            break
    best = max(counts, key=lambda each: counts[each])
    return best if counts[best] else None


def entries(lines: Iterable[str], format_: Format, reading: Reading) -> Iterator[Entry]:
    """The requests in the order of the lines; what is none is counted in `reading`."""
    parse = PARSERS[format_]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        reading.lines += 1
        try:
            entry = parse(number, line.rstrip("\r\n"))
        except NoRequest as error:
            reading.malformed += 1
            if len(reading.malformed_lines) < KEPT:
                reading.malformed_lines.append(number)
            reading.why = reading.why or str(error)
            continue
        reading.entries += 1
        yield entry


# --- times ------------------------------------------------------------------------------------------------


def in_order(found: Iterable[Entry], within: timedelta = REORDER) -> Iterator[Entry]:
    """By time, those of the same whole second spread over it.

    Only what lies `within` of the newest line is held. A line that is even later takes the place of the one
    before it.
    """
    return _spread(_sorted(found, within.total_seconds()))


def _sorted(found: Iterable[Entry], window: float) -> Iterator[Entry]:
    held: list[tuple[float, int, Entry]] = []
    newest = last = float("-inf")
    for entry in found:
        newest = max(newest, entry.at)
        heapq.heappush(held, (max(entry.at, last), entry.line, entry))
        while held and held[0][0] < newest - window:
            last, _, out = heapq.heappop(held)
            yield out if out.at == last else replace(out, at=last)
    while held:
        last, _, out = heapq.heappop(held)
        yield out if out.at == last else replace(out, at=last)


def _spread(found: Iterable[Entry]) -> Iterator[Entry]:
    same: deque[Entry] = deque()
    for entry in found:
        if same and (entry.at != same[0].at or not entry.whole):
            yield from _over_a_second(same)
            same.clear()
        if entry.whole:
            same.append(entry)
        else:
            yield entry
    yield from _over_a_second(same)


def _over_a_second(same: deque[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(same):
        yield replace(entry, at=entry.at + number / len(same))


# --- names ------------------------------------------------------------------------------------------------

_IDS: Final = re.compile(
    r"\d+|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|(?=[^/]*\d)[0-9a-fA-F]{12,}|(?=[^/]*\d)[\w-]{20,}"
)


@lru_cache(maxsize=8192)
def route(target: str) -> str:
    """The path without its query, ids in it replaced: `"/users/17/words?n=3"` → `"/users/:id/words"`."""
    path = target.partition("?")[0].partition("#")[0]
    return "/".join(":id" if _IDS.fullmatch(part) else part for part in path.split("/")) or "/"


# --- parts of lines ---------------------------------------------------------------------------------------


def _request(text: str) -> tuple[str, str]:
    found = _REQUEST.fullmatch(text.strip())
    if found is None:
        raise NoRequest("no request line in it")
    target = found["target"]
    if not target.startswith("/"):
        # As it is asked of a proxy: the log's host is not where it is replayed.
        try:
            parts = urlsplit(target)
        except ValueError:
            raise NoRequest("its address cannot be one") from None
        if parts.scheme not in ("http", "https"):
            raise NoRequest("its request has no path")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return found["method"], target


def _unescaped(text: str) -> str:
    """nginx writes what could end a field as \\xHH; Apache puts a backslash before it."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda each: chr(int(each[1], 16)) if each[1] else each[2], text)


def _clock(text: str) -> float:
    """`"10/Oct/2000:13:55:36 -0700"`."""
    date, _, rest = text.partition(":")
    try:
        return _day(date, text[-5:]) + int(rest[0:2]) * 3600 + int(rest[3:5]) * 60 + int(rest[6:8])
    except (ValueError, KeyError):
        raise NoRequest(f"{text[:40]!r} is no time") from None


@lru_cache(maxsize=64)
def _day(date: str, offset: str) -> float:
    day, month, year = date.split("/")
    sign = {"+": 1, "-": -1}[offset[0]]
    zone = timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5])))
    return datetime(int(year), _MONTHS[month], int(day), tzinfo=zone).timestamp()


def _moment(value: Any) -> tuple[float, bool]:
    """Seconds since the epoch, or milliseconds to nanoseconds where they are that many; ISO 8601; a log's own
    form. With whether it is no finer than a second."""
    if isinstance(value, str):
        stripped = value.strip()
        try:
            value = float(stripped)
        except ValueError:
            if re.match(r"\d\d/\w{3}/\d{4}:", stripped):
                return _clock(stripped), True
            try:
                moment = datetime.fromisoformat(stripped)
            except ValueError:
                raise NoRequest(f"{stripped[:40]!r} is no time") from None
            at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            return at, "." not in stripped and "," not in stripped
        whole = "." not in stripped and len(stripped) <= 11
    else:
        whole = isinstance(value, int) and abs(value) < 1e11
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e20:
        raise NoRequest("its time is no number and no text")
    seconds = float(value)
    for unit in (1e9, 1e6, 1e3):
        if abs(seconds) >= 1e8 * unit:
            return seconds / unit, False
    return seconds, whole


def _first(record: Mapping[str, Any], keys: Iterable[str]) -> Any:
    for key in keys:
        value = record.get(key)
        if value is not None and value not in ("", "-"):
            return value
    return None


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


_NOT_REPEATED: Final = frozenset(
    {
        "host", "content-length", "connection", "transfer-encoding", "accept-encoding", "expect", "upgrade",
        "authorization", "proxy-authorization", "cookie",
    }
)  # fmt: skip
"""Headers of the connection, and the credentials of those who were logged."""


def _headers(found: Any) -> tuple[tuple[str, str], ...]:
    """Without `_NOT_REPEATED`; of several values of one name the first."""
    if not isinstance(found, dict):
        return ()
    headers: list[tuple[str, str]] = []
    for name, value in found.items():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str) and str(name).lower() not in _NOT_REPEATED and "\n" not in first:
            headers.append((str(name), first))
    return tuple(headers)
