"""Rounds and a search for a dose with real load and a real fault: a server behind a slow proxy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kill.prometheus import FakePrometheus
from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

PROFILE = """\
name: pings
title: Pings
locustfile: pings.py
open:
  arrivals: uniform
  stages: [{rate: 90, for: 20m}]
warm_up: 1s
"""
LOCUSTFILE = """\
from locust import task

from sretool.load.open import OpenUser
from sretool.load.parameters import rate_at


class Asker(OpenUser):
    rate_at = rate_at()

    @task
    def ping(self) -> None:
        self.client.get("/")
"""
EXPERIMENT = """\
title: The way is slow
description: Each round trip takes longer.
configuration: {latency: 100, hold: 3, api: "API"}
steady-state-hypothesis:
  title: There is a proxy
  probes:
    - name: proxy
      type: probe
      tolerance: 200
      provider: {type: http, url: "API/proxies"}
method:
  - name: slow
    type: action
    pauses: {after: "${hold}"}
    provider:
      type: python
      module: sretool.chaos.actions.network
      func: add_latency
      arguments: {proxy: way, latency_ms: "${latency}", api: "${api}", ttl_s: 600}
  - name: fast again
    type: action
    provider:
      type: python
      module: sretool.chaos.actions.network
      func: remove_latency
      arguments: {proxy: way, api: "${api}"}
rollbacks:
  - name: undo what is left
    type: action
    provider: {type: python, module: sretool.chaos.actions.undo, func: everything, arguments: {}}
extensions:
  - {name: sretool, fault: the way is slow, stop_when: [after 2m], baseline: 0s, recovery_deadline: 10s}
"""


class _Pong(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass
class Way:
    folder: Path
    api: str
    target: str
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "from sretool.cli.main import main; main()", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def together(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        return self.start(
            *("gameday", command, "slow", "--load", "pings", "--target", self.target),
            *("--waive", "sources", "--yes", "--format", "json", *arguments),
        )

    def toxics(self) -> list[Any]:
        with urllib.request.urlopen(f"{self.api}/proxies/way", timeout=5) as answer:
            found: list[Any] = json.loads(answer.read())["toxics"]
        return found


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pong)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    listens, api = free_ports(2)
    upstream = f"127.0.0.1:{server.server_address[1]}"
    (tmp_path / "proxies.json").write_text(
        json.dumps([{"name": "way", "listen": f"127.0.0.1:{listens}", "upstream": upstream}])
    )
    proxy = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sretool.chaos.proxy",
            "--api",
            f"127.0.0.1:{api}",
            "--config",
            "proxies.json",
        ],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    for name, text in (
        ("loadprofiles/pings.yaml", PROFILE),
        ("loadprofiles/pings.py", LOCUSTFILE),
        ("experiments/slow.yaml", EXPERIMENT.replace("API", f"http://127.0.0.1:{api}")),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    own = {f"XDG_{each}_HOME": str(tmp_path / each.lower()) for each in ("STATE", "CACHE", "CONFIG")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SRETOOL_")}
    found = Way(tmp_path, f"http://127.0.0.1:{api}", f"http://127.0.0.1:{listens}", {**kept, **own})
    try:
        _answers(found)
        yield found
    finally:
        proxy.terminate()
        proxy.wait(10)
        server.shutdown()
        server.server_close()


def _answers(way: Way) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            way.toxics()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.1)
        else:
            return


def test_rounds_find_what_the_proxy_adds(way: Way) -> None:
    process = way.together(
        "rounds", "--pairs", "2", "--window", "4s", "--seed", "3", "--vars", "latency:int=200"
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found = json.loads(out)
    told = {each["measure"]: each for each in found["differences"]}
    assert told["p95"]["without"] < 0.2 <= told["p95"]["with"]
    assert found["pairs_that_count"] == 2
    assert way.toxics() == []
    verified = way.start("chaos", "verify", found["run"])
    said, wrong = verified.communicate(timeout=60)
    assert verified.returncode == 0, said + wrong
    assert "rounds.json, the same from the events" in said


@pytest.mark.gameday
def test_a_search_finds_the_latency_that_breaks_and_undoes_it_where_it_is_interrupted(way: Way) -> None:
    process = way.together(
        "dose", "--variable", "latency", "--from", "20", "--to", "320", "--precision", "50%",
        "--confirm", "0", "--check", "p95 < 200ms", "--vars", "hold:int=3",
    )  # fmt: skip
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found = json.loads(out)
    assert found["holds"] is not None
    assert found["breaks"] is not None
    assert found["holds"] < 200
    assert found["breaks"] > 150
    assert way.toxics() == []


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.gameday), signal.SIGKILL])
def test_however_it_ends_nothing_is_left(way: Way, number: signal.Signals) -> None:
    process = way.together("rounds", "--pairs", "2", "--window", "30s", "--vars", "hold:int=300")
    until = time.monotonic() + 60
    while not way.toxics():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)
    process.send_signal(number)
    # By itself it would stay for minutes.
    until = time.monotonic() + 60
    while way.toxics():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.communicate(timeout=60)
    assert process.returncode == (130 if number is signal.SIGINT else -signal.SIGKILL)


PLAN = """\
name: how-far
title: How far it may be
roles: [{id: lead, person: me}]
steps:
  - {rounds: slow, load: pings, pairs: 1, window: 2s, vars: {hold: 2}, within: 2m}
  - dose: slow
    load: pings
    variable: latency
    from: 20
    to: 320
    check: p95 < 200ms
    vars: {hold: 4}
    within: 6s
at_end: [undone]
stop_when: [after 5m]
"""


@pytest.mark.gameday
def test_both_are_steps_of_a_game_day_and_stopped_in_time(way: Way) -> None:
    (way.folder / "plan.yaml").write_text(PLAN)
    with FakePrometheus() as fake:
        servers = ("--prometheus", fake.url, "--alertmanager", fake.url)
        process = way.start(
            *servers, "gameday", "run", "plan.yaml", "--target", way.target, "--yes", "--format", "json",
            *("--waive", "sources"),
        )  # fmt: skip
        out, err = process.communicate(timeout=200)
        assert process.returncode in (1, 6), err
    found = json.loads(out)
    folder = Path(found["folder"])
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    ended = {each["step"]: each for each in events if each["event"] == "step_ended"}
    # One pair shows no interval; the search was not over in 6 s.
    assert ended["rounds"]["outcome"] == "inconclusive"
    assert ended["dose"]["outcome"] == "failed"
    assert all(each["undone"] for each in ended.values())
    runs = [each["run"] for each in events if each["event"] == "step_run"]
    assert len(runs) == 2
    for run in runs:
        record = json.loads((folder.parent / run / "run.json").read_text())
        assert record["parent"] == found["id"]
    assert way.toxics() == []
