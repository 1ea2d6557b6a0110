"""Generated blocks in a real Prometheus: read, continued by live samples, extended, killed at any moment."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import pytest

from sretool.adapters.lab.history import Source, finish, prepare, source
from sretool.core.plans.history import STEP, Segment
from sretool.core.plans.traffic import AMAS_LAB
from tests.support.history import AVAILABILITY, LATENCY, SLOS, SMALL
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.lab

PROMETHEUS = shutil.which("prometheus") or "prometheus"
HOUR = 3600


def shop() -> Source:
    return source("shop", SMALL, SLOS)


class Exporter:
    """A restarted shop: two targets whose counters began at zero and grow with the pattern's rate."""

    def __init__(self) -> None:
        self._started = time.time()
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.metrics().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: requests are the test's own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def metrics(self) -> str:
        done = int((time.time() - self._started) * AMAS_LAB.rate_at(time.time()) / 2)
        return f'requests_total{{status="200"}} {done}\nrequests_total{{status="404"}} 0\nqueue_length 3\n'

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Prometheus:
    def __init__(self, folder: Path, targets: Sequence[tuple[str, int]] = ()) -> None:
        self.port = free_port()
        config = folder / "prometheus.json"
        static = [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}} for name, port in targets]
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "scrape_timeout": "900ms"},
                    "scrape_configs": [{"job_name": "shop", "static_configs": static}] if static else [],
                }
            )
        )
        command = [
            PROMETHEUS,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--storage.tsdb.retention.time=45d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        with (folder / "prometheus.log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)

    def get(self, path: str, **parameters: object) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"{path}?{urlencode(parameters)}")
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        assert reply.status == 200, body
        return json.loads(body)["data"]["result"] if path.startswith("/api") else None

    def wait_until_ready(self) -> None:
        for _ in range(200):
            try:
                self.get("/-/ready")
            except (OSError, AssertionError):
                time.sleep(0.05)
            else:
                return
        raise AssertionError("Prometheus did not become ready")

    def value(self, query: str, at: float) -> float:
        (found,) = self.get("/api/v1/query", query=query, time=at)
        return float(found["value"][1])

    def samples(self, selector: str, begin: float, end: float) -> list[tuple[float, float]]:
        """Raw samples of one series."""
        query = f"{selector}[{int(end - begin)}s]"
        (found,) = self.get("/api/v1/query", query=query, time=end)
        return [(float(at), float(value)) for at, value in found["values"]]

    def live_samples(self, selector: str, since: float) -> list[tuple[float, float]]:
        """Samples after `since`, when there are three; the first scrape comes some 5 s after the start."""
        found: list[tuple[float, float]] = []
        for _ in range(150):
            reply = self.get("/api/v1/query", query=f"{selector}[1m]", time=time.time())
            read = [(float(at), float(value)) for one in reply for at, value in one["values"]]
            found = [sample for sample in read if sample[0] > since]
            if len(found) >= 3:
                return found
            time.sleep(0.1)
        raise AssertionError(f"no live samples of {selector}: {found}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(20)


@contextmanager
def serving(folder: Path, targets: Sequence[tuple[str, int]] = ()) -> Iterator[Prometheus]:
    server = Prometheus(folder, targets)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def gaps(samples: Sequence[tuple[float, float]]) -> float:
    times = [at for at, _ in samples]
    return max(later - earlier for earlier, later in pairwise(times))


def test_prometheus_reads_exactly_what_was_generated(tmp_path: Path) -> None:
    now = int(time.time()) // 300 * 300
    prepare(shop(), tmp_path / "tsdb", tmp_path / "cache", now)
    made = shop().history(now // HOUR * HOUR)
    tracks = list(made.tracks(Segment(made.begins, now)))
    with serving(tmp_path) as prometheus:
        for track in tracks[:: max(len(tracks) // 8, 1)]:
            labels = dict(track.labels)
            name = labels.pop("__name__")
            selector = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
            read = prometheus.samples(selector, made.begins - 1, now)
            assert [at for at, _ in read] == track.times.tolist()
            assert np.allclose([value for _, value in read], track.values, rtol=1e-15)


@pytest.mark.parametrize("slo", [AVAILABILITY, LATENCY], ids=lambda slo: slo.name)
def test_the_budget_query_says_what_was_generated(tmp_path: Path, slo: Any) -> None:
    now = int(time.time()) // 300 * 300
    prepare(shop(), tmp_path / "tsdb", tmp_path / "cache", now)
    made = shop().history(now // HOUR * HOUR)
    rates = {
        dict(track.labels)["__name__"]: track.values
        for track in made.tracks(Segment(made.begins, now))
        if dict(track.labels).get("slo") == slo.id
    }
    window = timedelta(minutes=5)
    with serving(tmp_path) as prometheus:
        for name, of_window in (("bad", slo.sli.bad_rate(window)), ("total", slo.sli.total_rate(window))):
            minutes = rates[f"slo:{name}:rate5m"]
            day = float(minutes[-1440:].sum()) * STEP
            # Both ends of a range count in Prometheus 2: a minute less keeps a day's samples to 1440 and 288.
            recorded = f'sum_over_time(slo:{name}:rate5m{{slo="{slo.id}"}}[23h59m])'
            assert prometheus.value(recorded, now) * STEP == pytest.approx(day, rel=1e-9)
            # A rate reaches back over five minutes: the two differ by the events of five minutes at each end.
            at_the_ends = float(minutes[-1445:-1435].sum() + minutes[-5:].sum()) * STEP
            raw = f"sum_over_time(({of_window})[23h59m:5m])"
            assert prometheus.value(raw, now) * 300 == pytest.approx(day, abs=at_the_ends)


@dataclass(frozen=True, slots=True)
class Killed:
    """What a lab left behind whose Prometheus was killed a few seconds after its start."""

    folder: Path
    prepared_until: int
    live: list[tuple[float, float]]
    """Samples of SERIES that were scraped."""

    def copy(self, folder: Path) -> Path:
        shutil.copytree(self.folder / "tsdb", folder / "tsdb")
        return folder / "tsdb"


SERIES = 'requests_total{instance="a",status="200"}'


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    exporter = Exporter()
    prepare(shop(), folder / "tsdb", folder / "cache", int(time.time()))
    finished = finish(folder / "tsdb", int(time.time()), shop())
    assert finished.seconds < 1
    assert finished.until is not None
    with serving(folder, [("a", exporter.port), ("b", exporter.port)]) as prometheus:
        live = prometheus.live_samples(SERIES, finished.until)
        prometheus.stop(signal.SIGKILL)
    exporter.close()
    return Killed(folder, finished.until, live)


def test_live_samples_go_on_where_history_ends(tmp_path: Path, killed: Killed) -> None:
    killed.copy(tmp_path)
    end = killed.live[-1][0]
    with serving(tmp_path) as prometheus:
        samples = prometheus.samples(SERIES, end - 2 * HOUR, end)
        assert len(samples) > 120
        assert set(killed.live) <= set(samples)
        assert gaps(samples) <= 60
        limit = 2 * max(AMAS_LAB.rate_at(end - ago) for ago in range(0, 2 * HOUR, STEP))
        worst = prometheus.value("max_over_time(sum(rate(requests_total[5m]))[1h:15s])", end)
        least = prometheus.value("min_over_time(sum(rate(requests_total[5m]))[1h:15s])", end)
        assert 0 < least <= worst <= limit


def test_a_lab_killed_and_away_for_hours_goes_on(tmp_path: Path, killed: Killed) -> None:
    """Samples that exist only in the log of a killed Prometheus stay; the hours after them are filled."""
    tsdb, cache = killed.copy(tmp_path), tmp_path / "cache"
    begun = killed.prepared_until
    later = begun + 2 * HOUR
    assert prepare(shop(), tsdb, cache, later).did == "folded, extended"
    finish(tsdb, later + 17, shop())
    with serving(tmp_path) as prometheus:
        samples = prometheus.samples(SERIES, begun - HOUR, later + 17)
        assert set(killed.live) <= set(samples)
        assert samples[-1][0] == later + 17
        assert gaps(samples) <= 60
        falls = sum(one[1] > two[1] for one, two in pairwise(samples))
        assert falls == 2, "one restart at each seam"
        limit = 2 * max(AMAS_LAB.rate_at(begun + at) for at in range(-HOUR, 2 * HOUR, STEP))
        rates = f"sum(rate(requests_total[5m]))[{2 * HOUR}s:15s]"
        assert prometheus.value(f"max_over_time({rates})", later) <= limit
        assert prometheus.value(f"min_over_time({rates})", later) > 0
        coverage = prometheus.value('count_over_time(slo:total:rate5m{slo="shop/latency"}[1h])', later)
        assert coverage >= 60


def test_preparing_again_after_folding_changes_nothing(tmp_path: Path, killed: Killed) -> None:
    tsdb, cache = killed.copy(tmp_path), tmp_path / "cache"
    now = int(killed.live[-1][0]) + 1
    assert "folded" in prepare(shop(), tsdb, cache, now).did
    before = sorted(path.parent.name for path in tsdb.glob("*/meta.json"))
    with serving(tmp_path):
        """Leaves an empty log behind, which is folded again without a block."""
    assert prepare(shop(), tsdb, cache, now).did == "folded"
    assert sorted(path.parent.name for path in tsdb.glob("*/meta.json")) == before


def test_a_lab_that_ran_without_history_gets_one_before_its_samples(tmp_path: Path, killed: Killed) -> None:
    tsdb = killed.copy(tmp_path)
    for block in tsdb.glob("*/meta.json"):
        shutil.rmtree(block.parent)
    end = int(killed.live[-1][0])
    assert prepare(shop(), tsdb, tmp_path / "cache", end).did == "folded, generated"
    with serving(tmp_path) as prometheus:
        samples = prometheus.samples(SERIES, end - 40 * HOUR, end + 1)
        assert len(samples) >= 40 * 60
        assert set(killed.live) <= set(samples)
        assert gaps(samples) <= 60


KILLED_AFTER = (0.0, 0.01, 0.03, 0.08, 0.15, 0.2, 0.25, 0.3, 0.4, 0.55)
"""Seconds: before it starts Prometheus, while that replays the log, while the block comes, after that."""
VICTIMS = """
import os, signal, sys, time
from pathlib import Path
from sretool.adapters.lab.history import finish, prepare
from tests.lab.test_history_in_prometheus import shop
tsdb, cache, now = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for delay in map(float, sys.argv[4:]):
    victim = os.fork()
    if victim == 0:
        prepare(shop(), tsdb, cache, now)
        finish(tsdb, now, shop())
        os._exit(0)
    time.sleep(delay)
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
"""


def test_whenever_it_is_killed_nothing_is_lost(tmp_path: Path, killed: Killed) -> None:
    tsdb, cache = killed.copy(tmp_path), tmp_path / "cache"
    later = killed.prepared_until + HOUR
    argv = [sys.executable, "-c", VICTIMS, str(tsdb), str(cache), str(later), *map(str, KILLED_AFTER)]
    subprocess.run(argv, check=True)
    prepare(shop(), tsdb, cache, later)
    finish(tsdb, later, shop())
    with serving(tmp_path) as prometheus:
        samples = prometheus.samples(SERIES, killed.prepared_until - HOUR, later)
        assert set(killed.live) <= set(samples)
        assert gaps(samples) <= 60
        assert samples[-1][0] == later
