"""A server whose answers a test writes down."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = tuple[int, Any]


class Server:
    """Path → what it answers: a status with a JSON body, or a function of the query that gives them."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[dict[str, str]], Answer]] = {}
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                outer.headers.append(dict(self.headers))
                found = outer.answers.get(parts.path, (404, {}))
                if callable(found):
                    found = found({key: values[0] for key, values in parse_qs(parts.query).items()})
                status, body = found
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def series(self, *values: str) -> None:
        """What each query of Prometheus gives."""
        result = [{"metric": {"n": str(n)}, "value": [1.0, value]} for n, value in enumerate(values)]
        self.answers["/api/v1/query"] = (200, {"data": {"resultType": "vector", "result": result}})

    def alerts(self, *found: tuple[str, str, dict[str, str]]) -> None:
        """Name, state and further labels of the alerts Prometheus has."""
        told = [{"state": state, "labels": {"alertname": name, **more}} for name, state, more in found]
        self.answers["/api/v1/alerts"] = (200, {"data": {"alerts": told}})


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def _nothing_of_the_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("PROMETHEUS_URL", "ALERTMANAGER_URL", "CATALOG", "PROMETHEUS_TOKEN"):
        monkeypatch.delenv(f"SRETOOL_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
