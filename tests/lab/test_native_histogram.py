"""Native histograms in a real Prometheus, which promtool's tests cannot feed: scraped as protobuf."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.prometheus.source import Prometheus
from sretool.core.slo.model import NativeBucketRatio
from sretool.ports import Endpoint
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
WINDOW = timedelta(minutes=5)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def signed(field: int, value: int) -> bytes:
    return number(field, value << 1 if value >= 0 else (-value << 1) - 1)


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def nested(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def family(scale: int) -> bytes:
    """`scale` times three observations between 0.5 and 1 and one between 2 and 4; and a histogram at rest."""

    def histogram(scale: int) -> bytes:
        # Schema 0: each bucket reaches to the next power of two; three in a row from the one that ends at 1.
        span = nested(12, signed(1, 0) + number(2, 3))
        deltas = signed(13, 3 * scale) + signed(13, -3 * scale) + signed(13, scale)
        head = number(1, 4 * scale) + double(2, 5.5 * scale) + signed(5, 0) + double(6, 1e-9) + number(7, 0)
        return nested(7, head + span + deltas)

    def metric(kind: str, scale: int) -> bytes:
        return nested(4, nested(1, nested(1, b"kind") + nested(2, kind.encode())) + histogram(scale))

    body = nested(1, b"latency_seconds") + number(3, 4) + metric("moving", scale) + metric("resting", 7)
    return varint(len(body)) + body


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    scrapes = iter(range(1, 10_000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = family(100 * next(scrapes))
            self.send_response(200)
            self.send_header("Content-Type", PROTOBUF)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    folder: Path = tmp_path_factory.mktemp("native")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as target:
        thread = threading.Thread(target=target.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        folder.joinpath("prometheus.yml").write_text(
            "scrape_configs:\n- job_name: a\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{target.server_port}']}}]\n"
        )
        try:
            with prometheus(folder, "--enable-feature=native-histograms") as url:
                yield url
        finally:
            target.shutdown()
            thread.join()


def value(url: str, expr: str) -> float | None:
    async def ask() -> float | None:
        source = Prometheus(Endpoint(url), deadline=timedelta(seconds=5))
        try:
            samples = list(await source.instant(expr, None))
        finally:
            await source.aclose()
        assert len(samples) <= 1, samples
        return samples[0].value if samples else None

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def scraped(server: str) -> str:
    """The server, once it has a rate."""
    until = time.monotonic() + 15
    while not value(server, 'histogram_count(rate(latency_seconds{kind="moving"}[5m])) > 0'):
        assert time.monotonic() < until, "no native histogram was scraped"
        time.sleep(0.2)
    return server


@pytest.mark.parametrize(
    ("threshold", "good", "share"),
    [
        pytest.param("1", "below", 0.25, id="at a boundary"),
        pytest.param("1", "above", 0.75, id="above is good"),
        pytest.param("3", "below", 0.125, id="half into a bucket"),
        pytest.param("100", "below", 0, id="all below"),
    ],
)
def test_the_share_on_the_wrong_side(scraped: str, threshold: str, good: str, share: float) -> None:
    sli = NativeBucketRatio("latency_seconds", Decimal(threshold), 'kind="moving"', good)  # type: ignore[arg-type]
    found = value(scraped, f"{sli.bad_rate(WINDOW)} / ({sli.total_rate(WINDOW)} > 0)")
    # How values lie inside a bucket is Prometheus's guess: linear in version 2, exponential in 3.
    assert found == pytest.approx(share, abs=0.03 if threshold == "3" else 1e-9)


def test_nobody_came_is_no_bad_event_and_no_share(scraped: str) -> None:
    sli = NativeBucketRatio("latency_seconds", Decimal(1), 'kind="resting"')
    assert value(scraped, sli.bad_rate(WINDOW)) == 0
    assert value(scraped, f"{sli.bad_rate(WINDOW)} / ({sli.total_rate(WINDOW)} > 0)") is None


def test_no_histogram_is_no_data(scraped: str) -> None:
    sli = NativeBucketRatio("nothing_seconds", Decimal(1))
    assert value(scraped, sli.bad_rate(WINDOW)) is None
    assert value(scraped, sli.total_rate(WINDOW)) is None
