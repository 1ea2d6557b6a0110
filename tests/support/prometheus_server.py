"""A Prometheus and Alertmanager stand-in on loopback, as a process of its own: `python -m … --slos 7`.

It answers the dashboard's queries with figures that move, after a set delay, and prints its port. For time
and memory measurements where no lab can run; what real servers answer is tested with real ones.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def catalog(count: int) -> str:
    """A catalog file with `count` SLOs over 30 days."""
    entries = [
        f"  - id: svc-{number:04}/availability\n    title: Service {number}\n    objective: 99.9%\n"
        f"    window: 30d\n    owner: team-{number % 7}\n    sli:\n"
        f'      bad: errors_total{{svc="{number}"}}\n      total: requests_total{{svc="{number}"}}\n'
        for number in range(count)
    ]
    return "slos:\n" + "".join(entries)


class _Figures:
    """What the server says at a moment: a fifth of the SLOs are evaluated anew every second."""

    def __init__(self, slos: Sequence[str]) -> None:
        self.slos = slos

    def vector(self, query: str) -> list[dict[str, Any]]:
        now = time.time()
        since = re.search(r">= ([0-9.]+)\)", query)
        if "slo:total:rate5m|" in query:
            least = float(since[1]) if since else 0.0
            slos = [each for each in enumerate(self.slos) if _evaluated(each[0], now) >= least]
            return [sample for number, slo in slos for sample in self._slo(number, slo, now)]
        if "timestamp(" in query and since is None:
            return [_sample({"slo": slo}, now, _evaluated(n, now)) for n, slo in enumerate(self.slos)]
        return []

    def _slo(self, number: int, slo: str, now: float) -> Iterator[dict[str, Any]]:
        moved = int(_evaluated(number, now)) % 10_000
        burn = 20.0 if number == 0 else 0.2 + 0.1 * math.sin(number + moved)
        labels = {"slo": slo, "service": slo.partition("/")[0]}
        for window in WINDOWS:
            yield _sample(labels | {"__name__": "slo:error_ratio:rate", "window": window}, now, burn * 0.001)
        yield _sample(labels | {"__name__": "slo:total:rate5m"}, now, 40.0)
        for name, value in (
            ("slo:bad:sum", 4e4 + moved),
            ("slo:total:sum", 1e8),
            ("slo:coverage:ratio", 1.0),
        ):
            yield _sample(labels | {"__name__": name, "window": "30d"}, now, value)

    def matrix(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        times = [start + number * step for number in range(int((end - start) / step) + 1)]
        if "sum_over_time" in query:
            return [
                {"metric": {"figure": figure}, "values": [[at, str(value)] for at in times]}
                for figure, value in (("bad", 150.0), ("total", 4e5))
            ]
        return [{"metric": {}, "values": [[at, str(0.0004 + 0.0002 * math.sin(at / 900))] for at in times]}]


def _evaluated(number: int, now: float) -> float:
    """When the rules of this SLO ran last: every five seconds, a fifth of all in each of them."""
    return int(now) - (int(now) - number) % 5


def _sample(labels: dict[str, str], at: float, value: float) -> dict[str, Any]:
    return {"metric": labels, "value": [at, str(value)]}


def _handler(figures: _Figures, delay: float) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            # A client that is closed while it waits is what these measurements do.
            with suppress(ConnectionError):
                super().handle()

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            self._answer(self.rfile.read(size).decode())

        def _answer(self, form: str) -> None:
            time.sleep(delay)
            asked = {key: values[0] for key, values in parse_qs(form).items()}
            path = urlsplit(self.path).path
            if path.endswith("/alerts"):
                reply: object = []
            elif path.endswith("/query_range"):
                at = (float(asked["start"]), float(asked["end"]), float(asked["step"].rstrip("s")))
                reply = _reply("matrix", figures.matrix(asked["query"], *at))
            else:
                reply = _reply("vector", figures.vector(asked.get("query", "")))
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _reply(kind: str, result: list[dict[str, Any]]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slos", nargs="+", required=True)
    parser.add_argument("--delay", type=float, default=0.05)
    arguments = parser.parse_args()
    slos = arguments.slos
    if len(slos) == 1 and slos[0].isdecimal():
        slos = [f"svc-{number:04}/availability" for number in range(int(slos[0]))]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_Figures(slos), arguments.delay))
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
