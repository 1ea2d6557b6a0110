"""The generated rules mean the same to VictoriaMetrics as to Prometheus, on the same data."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from sretool.adapters.lab import programs
from sretool.core.observe import plan
from sretool.core.slo.model import (
    CalendarUnit,
    CalendarWindow,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Freshness,
    NativeBucketRatio,
    Part,
)
from sretool.core.slo.rules import group, render
from tests.lab.test_slo_kinds import (
    DOWN,
    EVENTS,
    INCIDENT,
    MAINTENANCE,
    MINUTE,
    NOW,
    PROBE,
    openmetrics,
)
from tests.support.slos import slo
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

pytestmark = pytest.mark.lab

RATIO = ErrorRatioQuery(
    "sum(rate(errors_total[{window}])) / sum(rate(requests_total[{window}]))",
    "sum(rate(requests_total[{window}]))",
)
SLOS = (
    slo(id="raw/events", days=1, sli=EVENTS),
    slo(id="raw/good", days=1, sli=EventRatio(None, "requests_total", good='requests_total{route="/a"}')),
    slo(id="raw/ratio", days=1, sli=RATIO),
    slo(id="raw/probe", days=1, sli=PROBE),
    slo(id="raw/fresh", days=1, sli=Freshness("time() - backup_timestamp_seconds", 2 * MINUTE)),
    slo(id="raw/weighted", days=1, sli=Composite((Part(EVENTS), Part(PROBE, Decimal(100))))),
    slo(id="raw/worst", days=1, sli=Composite((Part(EVENTS), Part(PROBE)), "worst")),
    slo(id="rec/month", sli=EVENTS, calendar=CalendarWindow(CalendarUnit.MONTH)),
    slo(id="rec/maintained", days=1, sli=EVENTS, exclusions=(MAINTENANCE,)),
    slo(id="rec/routes", days=1, sli=EVENTS, group_by=("route",), min_events=100),
)

MOMENTS = tuple(
    at + timedelta(seconds=13)
    for at in (INCIDENT + 37 * MINUTE, INCIDENT + 97 * MINUTE, DOWN + 17 * MINUTE, NOW - MINUTE)
)
"""Between the samples, because only Prometheus 2 counts both ends of a range."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses of a Prometheus and of a VictoriaMetrics that hold the same samples."""
    folder = tmp_path_factory.mktemp("stores")
    text = openmetrics()
    folder.joinpath("data.om").write_text(text)
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", "data.om", "data"]
    subprocess.run(blocks, cwd=folder, check=True, capture_output=True)
    folder.joinpath("prometheus.yml").write_text("{}\n")
    with prometheus(folder) as first, _victoriametrics(folder) as second:
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        body = "\n".join(f"{sample} {int(at) * 1000}" for sample, at in samples).encode()
        _get(f"{second}/api/v1/import/prometheus", body)
        _get(f"{second}/internal/force_flush")
        yield first, second


@contextmanager
def _victoriametrics(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            str(programs.need("victoria-metrics")),
            "-storageDataPath=vm",
            "-retentionPeriod=10y",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-search.disableCache",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/health")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            _get(url)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("VictoriaMetrics did not become ready")


def _get(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data=body, timeout=10) as reply:
        found: bytes = reply.read()
    return found


def vector(url: str, expr: str, at: datetime) -> dict[str, float]:
    body = urlencode({"query": expr, "time": at.timestamp()}).encode()
    found = json.loads(_get(f"{url}/api/v1/query", body))["data"]["result"]
    return {
        json.dumps({k: v for k, v in each["metric"].items() if k != "__name__"}, sort_keys=True): float(
            each["value"][1]
        )
        for each in found
    }


@pytest.mark.parametrize("of", SLOS, ids=lambda of: of.id)
def test_every_recording_rule_gives_the_same(stores: tuple[str, str], of: object) -> None:
    target = next(each for each in SLOS if each is of)
    for at in MOMENTS:
        for rule in group(target).rules:
            if rule.record is not None:
                first, second = (vector(store, rule.expr, at) for store in stores)
                assert second == pytest.approx(first, rel=0.01, abs=1e-9), (rule.record, rule.labels, at)


def test_what_a_status_asks_gives_the_same(stores: tuple[str, str]) -> None:
    at = MOMENTS[-1]
    recorded = [each for each in SLOS if each.id.startswith("rec/")]
    sums = plan.sums(recorded, at)
    assert sums is not None
    queries = [plan.recorded(recorded), sums, plan.from_rates(recorded)]
    queries += [*plan.raw_present(SLOS), *plan.raw_window(SLOS, at)]
    for query in queries:
        first, second = (vector(store, query, at) for store in stores)
        assert first
        assert second == pytest.approx(first, rel=0.02, abs=1e-9), query


def test_vmalert_accepts_the_rule_file(tmp_path: Path) -> None:
    native = slo(id="raw/native", sli=NativeBucketRatio("h_seconds", Decimal(1)))
    tmp_path.joinpath("rules.yml").write_text(render([*SLOS, native]))
    subprocess.run(
        [programs.need("vmalert"), "-dryRun", "-rule=rules.yml"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
