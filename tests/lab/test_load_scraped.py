"""A running load test fetched by a real Prometheus: its quantiles are those of the test."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.scraped.server import served
from sretool.core.runs.events import LoadTick, RunEvent
from sretool.core.runs.exposition import CONTENT_TYPE, Exposition
from tests.support import throwaway
from tests.support.runs import request_tick

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: load
    static_configs: [{{targets: ["{target}"]}}]
"""


def asked(url: str, query: str) -> float | None:
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address) as reply:
        result = json.load(reply)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


async def test_quantiles_and_rates_are_those_of_the_test(tmp_path: Path) -> None:
    exposition = Exposition("kx72pa", "mixed", "http://127.0.0.1:8000")

    def a_second(t: float) -> None:
        # 90 % at 20 ms, 10 % at 400 ms; one in fifty fails.
        tick = request_tick("GET /words", [0.02] * 90 + [0.4] * 10, 2, "503")
        exposition.take(RunEvent(datetime.now(UTC), t, LoadTick(1.0, 7, (tick,), 100.0)))

    async with served("127.0.0.1", 0, exposition.text, CONTENT_TYPE) as address:
        target = urllib.parse.urlsplit(address).netloc
        (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(target=target))
        a_second(0.0)
        with throwaway.prometheus(tmp_path) as url:
            second = 0
            while (await asyncio.to_thread(asked, url, "count_over_time(sretool_load_users[6s])") or 0) < 5:
                second += 1
                assert second < 40
                await asyncio.sleep(1)
                a_second(float(second))
            rate = await asyncio.to_thread(asked, url, "rate(sretool_load_requests_total[6s])")
            failing = await asyncio.to_thread(
                asked, url, "rate(sretool_load_failures_total[6s]) / rate(sretool_load_requests_total[6s])"
            )
            below = "rate(sretool_load_request_duration_seconds_bucket{le='0.1'}[6s])"
            all_ = "ignoring(le) rate(sretool_load_request_duration_seconds_count[6s])"
            within = await asyncio.to_thread(asked, url, f"{below} / {all_}")
            p95 = await asyncio.to_thread(
                asked, url, "histogram_quantile(0.95, rate(sretool_load_request_duration_seconds_bucket[6s]))"
            )
            users = await asyncio.to_thread(asked, url, "sretool_load_users")
    # How long a second is depends on what else this machine does.
    assert rate is not None
    assert 20 < rate < 150
    assert failing == pytest.approx(0.02)
    assert within == pytest.approx(0.9)
    assert p95 is not None
    assert 0.25 < p95 <= 0.5
    assert users == 7
