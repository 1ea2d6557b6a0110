"""Access logs of three formats, whatever is in their lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis import access_log
from sretool.core.analysis.access_log import Entry, Format, NoRequest, Reading

NGINX = (
    '10.1.2.3 - frank [10/Oct/2026:13:55:36 +0200] "GET /words?count=6 HTTP/1.1" 200 2326 '
    '"https://shop.example/" "Mozilla/5.0 (X11)"'
)
HAPROXY = (
    "Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2026:12:14:14.655] http-in "
    'static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"'
)


def read(lines: list[str], format_: Format) -> tuple[list[Entry], Reading]:
    reading = Reading()
    return list(access_log.entries(lines, format_, reading)), reading


def test_nginx_combined() -> None:
    entry = access_log.combined(7, NGINX)
    at = datetime(2026, 10, 10, 11, 55, 36, tzinfo=UTC).timestamp()
    assert entry == Entry(7, at, True, "GET", "/words?count=6", 200)


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        ("GET /a\\x22b HTTP/1.1", '/a"b'),
        ('GET /a\\"b HTTP/1.1', '/a"b'),
        ("GET http://other.example:81/x?y=1 HTTP/1.1", "/x?y=1"),
        ("GET http://other.example HTTP/1.1", "/"),
        ("GET /only-http-0.9", "/only-http-0.9"),
    ],
)
def test_request_lines(request_: str, target: str) -> None:
    line = f'::1 - - [10/Oct/2026:13:55:36 +0000] "{request_}" 404 - "-" "-"'
    assert access_log.combined(1, line).target == target


def test_the_common_format_and_names_with_spaces() -> None:
    line = '1.2.3.4 - some one [10/Oct/2026:13:55:36 +0000] "POST /x HTTP/1.0" 201 0'
    assert (access_log.combined(1, line).method, access_log.combined(1, line).status) == ("POST", 201)


@pytest.mark.parametrize(
    "line",
    [
        '1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"',
        '1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "" 400 0 "-" "-"',
        '1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "-" 408 0 "-" "-"',
        '1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "CONNECT shop.example:443 HTTP/1.1" 400 0 "-" "-"',
        '1.2.3.4 - - [10/Foo/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 0 "-" "-"',
        '1.2.3.4 - - [99/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 0 "-" "-"',
        '1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1',
        "",
        "[error] 3: upstream timed out",
    ],
)
def test_what_is_no_request(line: str) -> None:
    with pytest.raises(NoRequest):
        access_log.combined(1, line)


def test_haproxy() -> None:
    entry = access_log.haproxy(1, HAPROXY)
    at = datetime(2026, 2, 6, 12, 14, 14, 655_000, tzinfo=UTC).timestamp()
    assert entry.at == pytest.approx(at, abs=1e-4)
    assert (entry.method, entry.target, entry.status, entry.whole) == ("GET", "/index.html", 200, False)


@pytest.mark.parametrize(
    "line",
    [
        "127.0.0.1:40 [12/Jun/2026:17:56:10.548] fe~ be/s1 14/0/0/283/+575 200 +107 - - ---- "
        '2/1/1/5/0 0/0 "POST /x HTTP/1.1"',
        "fd00::1:40 [12/Jun/2026:17:56:10.548] fe be/<NOSRV> -1/-1/-1/-1/5 503 107 - - SC-- "
        '2/1/1/5/+2 0/0 "POST /x HTTP/2.0',
    ],
)
def test_haproxy_s_corners(line: str) -> None:
    entry = access_log.haproxy(1, line)
    assert (entry.method, entry.target) == ("POST", "/x")


def test_haproxy_s_bad_requests_are_none() -> None:
    with pytest.raises(NoRequest):
        access_log.haproxy(1, HAPROXY.replace("GET /index.html HTTP/1.1", "<BADREQ>"))


@pytest.mark.parametrize(
    ("record", "at", "whole", "method", "target"),
    [
        ({"time": "2026-01-31T14:00:00+00:00", "method": "get", "path": "/a"}, 1769868000, True, "GET", "/a"),
        ({"msec": "1769868000.250", "request": "PUT /b?c HTTP/2.0"}, 1769868000.25, False, "PUT", "/b?c"),
        (
            {"ts": 1769868000.5, "request": {"method": "GET", "uri": "/c?d=1"}, "status": 200},
            1769868000.5,
            False,
            "GET",
            "/c?d=1",
        ),
        (
            {"StartUTC": "2026-01-31T14:00:00.75Z", "RequestMethod": "GET", "RequestPath": "/d"},
            1769868000.75,
            False,
            "GET",
            "/d",
        ),
        (
            {"@timestamp": 1769868000123, "method": "GET", "path": "/e", "query": "?x=1"},
            1769868000.123,
            False,
            "GET",
            "/e?x=1",
        ),
        (
            {"time_local": "31/Jan/2026:14:00:00 +0000", "method": "GET", "uri": "/f"},
            1769868000,
            True,
            "GET",
            "/f",
        ),
        ({"ts": 1769868000, "method": "GET", "url": "http://h/g"}, 1769868000, True, "GET", "/g"),
    ],
)
def test_json_lines(record: object, at: float, whole: bool, method: str, target: str) -> None:
    entry = access_log.json_line(1, json.dumps(record))
    assert entry.at == pytest.approx(at, abs=1e-4)
    assert (entry.whole, entry.method, entry.target) == (whole, method, target)


def test_bodies_and_headers_of_json_lines() -> None:
    record = {
        "time": 1, "method": "POST", "path": "/x", "body": {"a": 1}, "status": "201",
        "headers": {
            "Content-Type": ["application/json"], "Host": ["shop.example"], "Cookie": ["theirs"],
            "X-Evil": "a\nb",
        },
    }  # fmt: skip
    entry = access_log.json_line(1, json.dumps(record))
    assert (entry.body, entry.status) == ('{"a": 1}', 201)
    assert entry.headers == (("Content-Type", "application/json"),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "no JSON object"),
        ('{"method": "GET", "path": "/"}', "no time"),
        ('{"time": 1, "path": "/"}', "no method or no path"),
        ('{"time": true, "method": "GET", "path": "/"}', "its time is no number"),
        ('{"time": "now", "method": "GET", "path": "/"}', "'now' is no time"),
        ('{"time": 1, "method": "GET", "path": "no slash"}', "no request line"),
        ('{"time": NaN, "method": "GET", "path": "/"}', "its time is no number"),
    ],
)
def test_json_lines_that_are_none(line: str, why: str) -> None:
    with pytest.raises(NoRequest, match=why):
        access_log.json_line(1, line)


@given(st.text(max_size=300))
def test_no_line_does_more_than_count(line: str) -> None:
    for format_ in Format:
        reading = Reading()
        found = list(access_log.entries([line], format_, reading))
        assert reading.lines == bool(line.strip())
        assert len(found) + reading.malformed == reading.lines


_KEYS = ("time", "ts", "method", "path", "request", "headers", "body", "status", "query")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(_KEYS),
            inner,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_no_record_does_more_than_count(record: object) -> None:
    reading = Reading()
    found = list(access_log.entries([json.dumps(record)], Format.JSON, reading))
    assert len(found) + reading.malformed == 1


def test_malformed_lines_are_told_by_their_numbers() -> None:
    found, reading = read([NGINX, "oops", "", NGINX + "\r\n", "again"], Format.COMBINED)
    assert [entry.line for entry in found] == [1, 4]
    assert reading.told() == ("2 of 4 lines are no requests: lines 2, 5 (not in the combined format)")
    _, reading = read(["x"] * 30, Format.COMBINED)
    assert reading.malformed == 30
    assert reading.told().endswith("19, 20, … (not in the combined format)")
    assert read([NGINX], Format.COMBINED)[1].told() == ""


def test_the_format_is_told_from_the_lines() -> None:
    record = json.dumps({"time": 1, "method": "GET", "path": "/"})
    assert access_log.format_of(["#", NGINX, NGINX]) is Format.COMBINED
    assert access_log.format_of([HAPROXY]) is Format.HAPROXY
    assert access_log.format_of(["", record]) is Format.JSON
    assert access_log.format_of(["nothing", "of the kind"]) is None


# --- order and times --------------------------------------------------------------------------------------


def entry(line: int, at: float, *, whole: bool = False) -> Entry:
    return Entry(line, at, whole, "GET", "/")


def test_requests_of_a_whole_second_are_spread_over_it() -> None:
    found = [entry(1, 10, whole=True), entry(2, 10, whole=True), entry(3, 11, whole=True), entry(4, 12.5)]
    assert [each.at for each in access_log.in_order(found)] == [10, 10.5, 11, 12.5]


@given(st.lists(st.floats(0, 100), max_size=60))
def test_what_ended_later_began_earlier(times: list[float]) -> None:
    found = [entry(number, at) for number, at in enumerate(times)]
    assert [each.at for each in access_log.in_order(found, timedelta(seconds=100))] == sorted(times)


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(0, 40))
def test_times_never_go_back(times: list[int], window: int) -> None:
    found = [entry(number, at, whole=True) for number, at in enumerate(times)]
    ordered = list(access_log.in_order(found, timedelta(seconds=window)))
    assert sorted(each.line for each in ordered) == list(range(len(times)))
    assert all(before.at <= after.at for before, after in pairwise(ordered))


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/users/17/words?n=3", "/users/:id/words"),
        ("/orders/5f0c1c9e-3b0a-4f6e-9a55-0d1e2f3a4b5c#x", "/orders/:id"),
        ("/blobs/9f86d081884c7d65", "/blobs/:id"),
        ("/very-long-name-of-a-page-in-words", "/very-long-name-of-a-page-in-words"),
        ("/api/v2/a1", "/api/v2/a1"),
        ("/", "/"),
        ("?x", "/"),
    ],
)
def test_ids_in_paths_have_one_name(target: str, name: str) -> None:
    assert access_log.route(target) == name
