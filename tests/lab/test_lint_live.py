"""`slo lint --live` against a real Prometheus that scrapes one small service."""

from __future__ import annotations

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.prometheus.source import Prometheus
from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.ports import Endpoint
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

EXPOSED = b"""\
# TYPE r_total counter
r_total{code="200"} 40
r_total{code="500"} 1
# TYPE jobs_running gauge
jobs_running 3
# TYPE d_seconds histogram
d_seconds_bucket{le="0.1"} 3
d_seconds_bucket{le="0.25"} 5
d_seconds_bucket{le="1"} 7
d_seconds_bucket{le="+Inf"} 8
d_seconds_sum 4
d_seconds_count 8
"""

CATALOG = """\
slos:
  - id: shop/availability
    objective: 99.9%
    window: 30d
    sli: {bad: 'r_total{code=~"5.."}', total: r_total}
  - id: shop/latency
    objective: 99%
    window: 7d
    sli: {histogram: d_seconds, threshold: 0.3}
  - id: shop/typo
    objective: 99%
    window: 7d
    sli: {bad: 'r_total{code=~"5..",shop="a"}', total: 'r_totall{shop="a"}'}
  - id: shop/archive
    objective: 99%
    window: 12y
    alerts: []
    sli: {bad: 'r_total{code=~"5.."}', total: r_total}
"""
RULES = """\
groups:
  - name: g
    rules:
      - record: a
        expr: rate(jobs_running[5m])
      - record: b
        expr: rate(d_seconds_bucket{le="0.5"}[2s])
      - alert: C
        expr: a > 1
"""


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(EXPOSED)))
        self.end_headers()
        self.wfile.write(EXPOSED)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A Prometheus that has scraped the service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Service) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            (tmp_path / "prometheus.yml").write_text(
                "scrape_configs:\n  - job_name: shop\n    scrape_interval: 1s\n    scrape_timeout: 1s\n"
                f"    static_configs: [{{targets: ['127.0.0.1:{service.server_port}']}}]\n"
            )
            with prometheus(tmp_path) as url:
                asyncio.run(_scraped(url))
                yield url
        finally:
            service.shutdown()
            thread.join()


async def _scraped(url: str) -> None:
    source = Prometheus(Endpoint(url))
    try:
        until = time.monotonic() + 15
        while "r_total" not in (await source.metric_types()) or not await source.instant("r_total"):
            assert time.monotonic() < until, "nothing was scraped"
            await asyncio.sleep(0.2)
    finally:
        await source.aclose()


def test_files_are_held_against_what_the_server_has(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slos.yaml").write_text(CATALOG)
    (tmp_path / "rules.yaml").write_text(RULES)
    code = diagnostics.run(
        group, ["--prometheus", server, "slo", "lint", "--live", "slos.yaml", "rules.yaml"]
    )
    out = capsys.readouterr().out
    assert code == 1
    assert [" ".join(line.split()[:2]) for line in out.splitlines()] == [
        "slos.yaml:6: SLO303",
        "slos.yaml:13: SLO302",
        "slos.yaml:13: SLO301",
        "slos.yaml:14: SLO304",
        "rules.yaml:5: SLO307",
        "rules.yaml:7: SLO303",
        "rules.yaml:7: SLO305",
    ]
    assert "the nearest are 0.25 and 1" in out
    assert "did you mean r_total?" in out
    assert "it has no label shop" in out
    assert "the server keeps 3650d" in out
    assert "scraped every 1s" in out
