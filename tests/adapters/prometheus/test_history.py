"""prometheus-api-client against a server on loopback: what is sent, what answers and failures become."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from sretool.adapters.prometheus.history import PrometheusHistory
from sretool.errors import (
    SourceRefused,
    SourceReplyInvalid,
    SourceTooMuch,
    SourceUnreachable,
)
from sretool.ports import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sretool.core.analysis.recording import Points

START = datetime(2026, 11, 1, tzinfo=UTC)
EPOCH = int(START.timestamp())
MINUTE = timedelta(minutes=1)
MATRIX = (
    '{"status":"success","data":{"resultType":"matrix","result":['
    '{"metric":{"__name__":"slo:bad:rate5m","slo":"a/b"},'
    f'"values":[[{EPOCH},"0.5"],[{EPOCH + 60}.000,"NaN"],[{EPOCH + 120},"+Inf"]]}},'
    '{"metric":{},"values":[]}]}}'
).encode()


@contextmanager
def serving(
    body: bytes = MATRIX, status: int = 200, wait: float = 0
) -> Iterator[tuple[Endpoint, list[dict[str, str]]]]:
    """A server that always answers this; its endpoint and what it was asked."""
    asked: list[dict[str, str]] = []
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            form = {key: values[0] for key, values in parse_qs(parts.query).items()}
            asked.append({**dict(self.headers), **form, "path": parts.path})
            release.wait(wait)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that gave up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Endpoint(f"http://127.0.0.1:{server.server_port}"), asked
        finally:
            release.set()
            server.shutdown()
            thread.join()


def ask(endpoint: Endpoint, deadline: timedelta = timedelta(seconds=5)) -> Sequence[Points]:
    source = PrometheusHistory(endpoint, deadline=deadline)
    try:
        return source.range("up", START, START + 2 * MINUTE, MINUTE)
    finally:
        source.close()


def test_series_become_arrays() -> None:
    with serving() as (endpoint, asked):
        first, empty = ask(endpoint)
    assert first.labels == {"__name__": "slo:bad:rate5m", "slo": "a/b"}
    assert first.times.tolist() == [EPOCH, EPOCH + 60, EPOCH + 120]
    np.testing.assert_array_equal(first.values, [0.5, np.nan, np.inf])
    assert len(empty.times) == 0
    (request,) = asked
    assert request["path"] == "/api/v1/query_range"
    assert (request["query"], request["start"], request["end"]) == ("up", str(EPOCH), str(EPOCH + 120))
    assert (request["step"], request["timeout"]) == ("60", "5s")
    assert request["Accept-Encoding"] == "identity"


def test_who_we_are_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user in ~/.netrc must not replace the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving() as (endpoint, asked):
        ask(replace(endpoint, token="secret", headers={"X-Scope-OrgID": "team-1"}))
        ask(replace(endpoint, basic=("me", "word")))
        ask(endpoint)
    assert asked[0]["Authorization"] == "Bearer secret"
    assert asked[0]["X-Scope-OrgID"] == "team-1"
    assert asked[1]["Authorization"] == "Basic bWU6d29yZA=="
    assert "Authorization" not in asked[2]


def test_a_proxy_of_the_environment_is_not_asked_for_our_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving() as (endpoint, _):
        assert len(ask(endpoint)) == 2


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        pytest.param(
            422,
            b'{"status":"error","error":"query processing would load too many samples"}',
            SourceTooMuch,
            "answered HTTP 422: query processing would load too many samples",
            id="too many samples",
        ),
        pytest.param(
            400,
            b'{"status":"error","error":"exceeded maximum resolution of 11,000 points per timeseries."}',
            SourceTooMuch,
            "exceeded maximum resolution",
            id="too many points",
        ),
        pytest.param(
            503, b'{"status":"error","error":"query timed out in x"}', SourceTooMuch, "timed out", id="slow"
        ),
        pytest.param(
            400,
            b'{"status":"error","error":"1:5: parse error: it\'s \\"wrong\\""}',
            SourceRefused,
            'HTTP 400: 1:5: parse error: it\'s "wrong"',
            id="syntax",
        ),
        pytest.param(401, b"who are you", SourceRefused, "HTTP 401: who are you", id="unknown"),
        pytest.param(200, b"<html>login</html>", SourceReplyInvalid, "not Prometheus's", id="a login page"),
        pytest.param(200, b'{"status":"success"}', SourceReplyInvalid, "not Prometheus's", id="no data"),
        pytest.param(
            200,
            b'{"status":"success","data":{"result":[{"metric":{},"values":[[1]]}]}}',
            SourceReplyInvalid,
            "not Prometheus's",
            id="half a point",
        ),
        pytest.param(
            200,
            b'{"status":"success","data":{"result":[{"metric":{},"values":[[1,"x"]]}]}}',
            SourceReplyInvalid,
            "not Prometheus's",
            id="no number",
        ),
    ],
)
def test_what_is_wrong_is_told(status: int, body: bytes, error: type[Exception], said: str) -> None:
    with serving(body, status) as (endpoint, asked), pytest.raises(error) as caught:
        ask(endpoint)
    assert said in str(caught.value)
    assert len(asked) == 1


def test_nobody_there() -> None:
    with pytest.raises(
        SourceUnreachable, match=r"Prometheus at http://127.0.0.1:9 cannot be reached: .*refused"
    ):
        ask(Endpoint("http://127.0.0.1:9"))


def test_no_answer_in_time_is_too_much() -> None:
    with serving(wait=5) as (endpoint, _), pytest.raises(SourceTooMuch, match=r"no answer in 0.2 s"):
        ask(endpoint, timedelta(seconds=0.2))


def test_a_missing_authority_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"cannot be reached"):
        ask(Endpoint("https://127.0.0.1:9", ca_file=str(tmp_path / "none.pem")))
