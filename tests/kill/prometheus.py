"""Something that answers as a Prometheus and as an Alertmanager, until it hangs."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked was killed meanwhile."""


class FakePrometheus:
    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        """What Alertmanager holds."""
        self.posted: list[dict[str, Any]] = []
        """What it was told."""
        self._hangs = threading.Event()
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def hang(self) -> None:
        """Take questions and give no answers."""
        self._hangs.set()

    def answer(self, path: str) -> bytes | None:
        """None: never."""
        if self._hangs.is_set():
            self._over.wait()
            return None
        if path.startswith("/api/v2/alerts"):
            return json.dumps(self.alerts).encode()
        return b'{"status":"success","data":{"groups":[]}}'

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(server: FakePrometheus) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = server.answer(self.path)
            if body is not None:
                self._send(body)

        def do_POST(self) -> None:
            told = self.rfile.read(int(self.headers["Content-Length"]))
            if server.answer(self.path) is not None:
                server.posted += json.loads(told)
                self._send(b"")

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
