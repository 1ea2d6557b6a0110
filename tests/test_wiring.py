"""What is put together over real connections."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from sretool import wiring
from sretool.core.alerting.silences import parse_matchers
from sretool.ports import Endpoint
from tests.support.sources import alert

if TYPE_CHECKING:
    from collections.abc import Iterator


def _nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


@contextmanager
def _both() -> Iterator[tuple[str, list[str]]]:
    """Something that answers as an empty Alertmanager and an empty Prometheus, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            asked.append(f"{self.command} {path}")
            body: Any = []
            if path.startswith("/api/v1/"):
                kind = "matrix" if path.endswith("_range") else "vector"
                body = {"status": "success", "data": {"resultType": kind, "result": []}}
            elif self.command == "POST":
                body = {"silenceID": "s1"}
            said = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_alert_duty_goes_on_at_the_next_server_when_the_first_is_gone() -> None:
    with _both() as (url, asked):
        servers = Endpoint(_nobody(), fallbacks=(Endpoint(url),))
        duty = wiring.duty(servers, servers, {})
        try:
            assert await duty.alerts() == ()
            assert await duty.ack([alert("Down")], "mia", "looking") == 1
            assert await duty.past_of({"alertname": "Down"}) == ()
            assert await duty.hit_before(parse_matchers('alertname="Down"')) == 0
        finally:
            await duty.aclose()
    assert asked == [
        "GET /api/v2/alerts",
        "GET /api/v2/silences",
        "POST /api/v2/silences",
        "POST /api/v1/query_range",
        "POST /api/v1/query",
    ]
