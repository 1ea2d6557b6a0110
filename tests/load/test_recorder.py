"""Latencies in Locust's own statistics: in one process, in workers and on a master."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import gevent
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.stats import setup_distributed_stats_event_listeners

from sretool.core.analysis.latency import bucket, counted, middle, quantile
from sretool.load.client import LATE_NS
from sretool.load.clock import now
from sretool.load.recorder import Recorder, Taken, bucketed, milliseconds, number_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.load.conftest import Server

    Make = Callable[..., Any]


@given(st.floats(1_000, 3.6e12))
def test_a_key_of_locusts_is_the_number_of_its_bucket(nanoseconds: float) -> None:
    number = bucket(nanoseconds)
    assert number_of(milliseconds(number)) == number
    assert abs(bucketed(nanoseconds / 1e6) * 1e6 / nanoseconds - 1) <= 1.001 / 1024
    assert abs(middle(number) / nanoseconds - 1) <= 1 / 1024


def record(environment: Environment, name: str, latencies: list[int]) -> None:
    slot = Recorder.of(environment).slot("GET", name)
    for each in latencies:
        slot.append(each)
        slot.size += 7


def test_what_is_recorded_is_in_locusts_statistics(environment: Environment) -> None:
    latencies = [1_000_000 * each for each in range(1, 1001)]
    record(environment, "/a", latencies)
    Recorder.of(environment).count()
    for entry in (environment.stats.get("/a", "GET"), environment.stats.total):
        assert (entry.num_requests, entry.num_failures, entry.total_content_length) == (1000, 0, 7000)
        assert (entry.min_response_time, entry.max_response_time) == (1, 1000)
        assert entry.avg_response_time == pytest.approx(500.5)
        for share in (0.5, 0.95, 0.99):
            assert entry.get_response_time_percentile(share) == pytest.approx(1000 * share, rel=3 / 1000)
        assert sum(entry.num_reqs_per_sec.values()) == 1000


def test_workers_merge_bit_for_bit(environment: Environment) -> None:
    """Through what a worker sends and how Locust's master adds it up."""
    generator = random.Random(3)
    shares = [[int(generator.lognormvariate(15, 2)) for _ in range(5000)] for _ in range(3)]
    master = Environment()
    runner = master.create_local_runner()
    setup_distributed_stats_event_listeners(master.events, master.stats)
    everything = Recorder.of(master)
    for number, latencies in enumerate(shares):
        worker = Environment()
        worker_runner = worker.create_local_runner()
        setup_distributed_stats_event_listeners(worker.events, worker.stats)
        recorder = Recorder.of(worker)
        record(worker, "/a", latencies[:2500])
        recorder.late = number
        for half in (latencies[2500:], []):
            data: dict[str, Any] = {}
            worker.events.report_to_master.fire(client_id="w", data=data)
            sent = msgpack.unpackb(msgpack.packb(data), strict_map_key=False)
            master.events.worker_report.fire(client_id="w", data=sent)
            record(worker, "/a", half)
        worker_runner.quit()
    taken = everything.take()
    (requests,) = taken.requests
    alone = counted([each for latencies in shares for each in latencies])
    assert Counter(requests.buckets) == alone
    assert (requests.n, requests.failures, requests.bytes, taken.late) == (15_000, 0, 105_000, 3)
    runner.quit()


def test_differences_are_taken_once(user: Make, environment: Environment) -> None:
    client = user().client
    recorder = Recorder.of(environment)
    client.get("/hello")
    client.get("/status?code=500", name="/hello")
    assert client.get("/lines", stream=True).content
    first = {each.name: each for each in recorder.take().requests}
    assert (first["/hello"].n, first["/hello"].failures) == (2, 1)
    assert sum(first["/hello"].buckets.values()) == 2
    assert first["/lines"].n == 1
    assert recorder.take() == Taken((), 0, {})
    client.get("/hello")
    client.get("/status?code=500", name="/hello")
    again = recorder.take()
    assert [(each.n, each.failures, each.bytes) for each in again.requests] == [(2, 1, 9)]
    (((method, name, what), times),) = again.errors.items()
    assert (method, name, times) == ("GET", "/hello", 1)
    assert "500" in what


@pytest.mark.parametrize("how", ["reset_all", "clear_all"])
def test_statistics_set_back(user: Make, environment: Environment, how: str) -> None:
    client = user().client
    recorder = Recorder.of(environment)
    for _ in range(5):
        client.get("/hello")
    recorder.take()
    environment.events.reset_stats.fire()
    getattr(environment.stats, how)()
    client.get("/hello")
    (requests,) = recorder.take().requests
    assert (requests.n, requests.bytes, sum(requests.buckets.values())) == (1, 5, 1)
    assert environment.stats.total.num_requests == 1


def test_late_starts(user: Make, environment: Environment) -> None:
    client = user().client
    recorder = Recorder.of(environment)
    client.get("/hello")
    ways = ((0, False), (LATE_NS * 5, False), (LATE_NS * 100, True), (LATE_NS * 50, False))
    for behind, stream in ways:
        client.due = now() - behind
        client.request("GET", "/hello", name=str(behind), stream=stream)
        client.get("/hello")
    taken = recorder.take()
    assert taken.late == 3
    slow = {each.name: quantile(each.buckets, 0.5) for each in taken.requests}
    assert slow[str(LATE_NS * 50)] >= LATE_NS * 50  # type: ignore[operator]
    assert slow[str(LATE_NS * 100)] >= LATE_NS * 99  # type: ignore[operator]


def test_a_listener_that_comes_later(user: Make, environment: Environment, server: Server) -> None:
    client = user().client
    heard: list[Any] = []
    client.get("/hello")
    listener = environment.events.request.add_listener(lambda **request: heard.append(request["name"]))
    client.get("/hello")
    environment.events.request.remove_listener(listener)
    client.get("/hello")
    assert heard == ["/hello"]
    Recorder.of(environment).count()
    assert environment.stats.get("/hello", "GET").num_requests == 3


def test_counted_by_themselves(user: Make, environment: Environment) -> None:
    user().client.get("/hello")
    gevent.sleep(0.6)
    assert environment.stats.get("/hello", "GET").num_requests == 1


# --- real runs of Locust ----------------------------------------------------------------------------------

LOCUSTFILE = """
from locust import between, task
from sretool.load import GeneratorUser, HttpUser

class Sync(HttpUser):
    # Locust waits half a second for the last figures of its workers: they need a moment to tell them.
    wait_time = between(0.002, 0.004)
    @task(3)
    def hello(self): self.client.get("/hello", name="/hello")
    @task
    def bad(self): self.client.get("/status?code=500", name="/bad")

class Yielding(GeneratorUser):
    wait_time = between(0.002, 0.004)
    @task
    def hello(self):
        yield self.get("/hello", "/hello")
"""


def locust(tmp_path: Path, server: Server, *arguments: str) -> tuple[dict[str, dict[str, Any]], str]:
    """Statistics that Locust prints at the end by name, and what else it says."""
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    done = subprocess.run(
        [
            sys.executable, "-m", "locust", "--headless", "-u", "4", "-r", "4", "-t", "3s",
            "--stop-timeout", "10", "--json", "--host", server.url(),
            "--csv", "out", "--csv-full-history", *arguments,
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    printed = json.loads(done.stdout[done.stdout.index("[\n") :])
    return {each["name"]: each for each in printed}, done.stderr


def hellos(user: Make) -> int:
    return int(user().client.get("/counts").json().get("/hello", 0))


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--processes", "2"]], ids=["alone", "workers"])
def test_locust_counts_what_the_server_counts(
    user: Make, server: Server, tmp_path: Path, arguments: list[str]
) -> None:
    before = hellos(user)
    entries, said = locust(tmp_path, server, *arguments)
    served = hellos(user) - before
    requests = entries["/hello"]["num_requests"]
    # Those under way at the end are in nobody's statistics.
    assert requests <= served <= requests + 4, said
    assert requests > 20
    assert sum(entries["/hello"]["response_times"].values()) == requests
    assert entries["/bad"]["num_requests"] == entries["/bad"]["num_failures"] > 2
    assert "Traceback" not in said
    with (tmp_path / "out_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert 0 < int(rows["/hello"]["Request Count"]) <= requests
    assert 0 < float(rows["/hello"]["Min Response Time"]) < float(rows["/hello"]["Max Response Time"])
