"""Load that experiments bring along."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.actions import load
from sretool.undo import identity

if TYPE_CHECKING:
    from collections.abc import Iterator


class Service:
    """Counts who asks, and how many at once."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.requests = self.at_once = self.most = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with outer._lock:
                    outer.requests += 1
                    outer.at_once += 1
                    outer.most = max(outer.most, outer.at_once)
                    outer.users.add(self.headers.get("X-User-Id", ""))
                time.sleep(0.01)
                with outer._lock:
                    outer.at_once -= 1
                self.send_response(429 if outer.requests > 20 else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def asked(self, times: int) -> None:
        until = time.monotonic() + 30
        while self.requests < times:
            assert time.monotonic() < until, f"asked {self.requests} times only"
            time.sleep(0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    yield one
    one.close()


@pytest.mark.slow
def test_clients_that_never_rest_are_as_many_as_asked_for(service: Service) -> None:
    load.press(service.url, clients=3, headers={"X-User-Id": "8{client}"})
    with pytest.raises(ActivityFailed, match="at work already"):
        load.press(service.url)
    service.asked(60)
    found = load.release()
    assert service.users == {"80", "81", "82"}
    assert service.most == 3
    assert set(found["answers"]) == {"200", "429"}
    assert sum(found["answers"].values()) >= 57
    assert found["failures"] == 0
    with pytest.raises(ActivityFailed, match="no clients"):
        load.release()


def test_clients_of_nobody_are_told_so() -> None:
    load.press("http://127.0.0.1:1", clients=2)
    time.sleep(1.0)
    found = load.release()
    assert found["answers"] == {}


def test_clients_end_with_whoever_started_them(service: Service) -> None:
    pid = load.press(service.url)["pid"]
    service.asked(5)
    process = load._pressing.pop("clients")
    start = identity.start_time(pid)
    process.communicate(timeout=30)
    assert identity.start_time(pid) != start
