"""A release rehearsed: HAProxy weighs two versions of the reference service, and the verdict is known.

The lab's own service, balancer configuration and Prometheus, without its database: what is rehearsed is the
release. Stages last seconds here, limits are those of the standard policy.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sretool.adapters.lab import programs
from sretool.core.plans import lab_config
from sretool.core.plans.lab_config import Target
from tests.support.lab import LabHome, eventually, get
from tests.support.ports import free_ports
from tests.support.throwaway import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

POLICY = """\
canary:
  matchers: job="danci-backend"
  confidence: 90%
  over: 5s
  criteria:
    - id: errors
      title: 5xx answers
      bad: http_request_5xx_total
      total: http_request_total
      limit: {above_baseline: 0.5%}
      rollback: {above_baseline: 1%, for: 5s}
    - id: latency
      title: p95 latency
      histogram: http_request_duration_seconds
      quantile: 95%
      limit: {above_baseline: 100ms}
      rollback: {above_baseline: 200ms, for: 5s}
  stages:
    - {weight: 50%, lasts: 12s}
"""
SIDES = ("--canary", 'instance="app-2"', "--baseline", 'instance="app-1"')
RATE = 100
"""Requests a second: in twelve seconds enough of them to be sure about half a point."""
STAGE = 13


@dataclass(frozen=True, slots=True)
class Stand:
    """Two versions behind a balancer, and who watches them."""

    folder: Path
    app: str
    prometheus: str

    @property
    def socket(self) -> str:
        return str(self.folder / "haproxy.sock")

    def weigh(self, **weights: int) -> None:
        """Through the balancer's runtime interface: `app_1=50`."""
        for name, weight in weights.items():
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(self.socket)
                control.sendall(f"set weight app/{name.replace('_', '-')} {weight}\n".encode())
                assert not control.recv(1000).strip()

    def spoil(self, **defects: float) -> None:
        """Make app-2 worse; without any defect as good as the other."""
        file = self.folder / "app-2.defects.json"
        if defects:
            file.write_text(json.dumps(defects))
        else:
            file.unlink(missing_ok=True)
        time.sleep(1.5)

    def judge(self, since: float) -> tuple[int, dict[str, Any]]:
        command = ["--prometheus", self.prometheus, "canary", "judge", str(self.folder / "canary.yaml")]
        done = subprocess.run(
            LabHome.command(*command, "--stage", "1", *SIDES, "--since", str(int(since)), "--format", "json"),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.stdout, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, document


@contextlib.contextmanager
def running(*argv: str, **environment: str) -> Iterator[None]:
    process = subprocess.Popen(
        argv, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture
def stand() -> Iterator[Stand]:
    haproxy = programs.find("haproxy")
    assert haproxy is not None, "HAProxy is missing: apt-get install haproxy"
    # Short, because a socket lives in it.
    folder = Path(tempfile.mkdtemp(prefix="canary-"))
    http, stats, one, two = free_ports(4)
    replicas = {"app-1": one, "app-2": two}
    (folder / "haproxy.cfg").write_text(
        lab_config.haproxy(
            replicas=replicas,
            http_port=http,
            stats_port=stats,
            stats_socket=str(folder / "haproxy.sock"),
            database_nodes={},
            database_port=None,
        )
    )
    targets = [Target("danci-backend", name, port) for name, port in replicas.items()]
    (folder / "prometheus.yml").write_text(lab_config.prometheus(targets, None, ()))
    (folder / "canary.yaml").write_text(POLICY)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name, port in replicas.items():
            service = ("-m", "sretool.lab_apps.amas.service", "--name", name, "--port", str(port))
            defects = str(folder / f"{name}.defects.json")
            stack.enter_context(running(sys.executable, *service, AMAS_DEFECTS=defects))
        stack.enter_context(running(str(haproxy), "-db", "-f", str(folder / "haproxy.cfg")))
        url = stack.enter_context(prometheus(folder))
        stand = Stand(folder, f"http://127.0.0.1:{http}", url)
        eventually("both versions answer", lambda: get(f"{stand.app}/health"), within=20)
        eventually("and are scraped", lambda: _scraped(url), within=20)
        yield stand


def _scraped(url: str) -> bool:
    reply = json.loads(get(f"{url}/api/v1/query?query=sum(up)"))
    return bool(reply["data"]["result"]) and float(reply["data"]["result"][0]["value"][1]) == 2


def ask(url: str, seconds: float) -> float:
    """Steady requests of many users; when they began."""

    async def one(client: httpx.AsyncClient, number: int) -> None:
        with contextlib.suppress(httpx.HTTPError):
            await client.get("/api/learning/words", headers={"x-user-id": str(number % 900 + 1)})

    async def all_of_them() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=5) as client, asyncio.TaskGroup() as group:
            begun = time.monotonic()
            for number in range(int(RATE * seconds)):
                await asyncio.sleep(begun + number / RATE - time.monotonic())
                group.create_task(one(client, number))

    began = time.time()
    asyncio.run(all_of_them())
    # The last of them are scraped.
    time.sleep(1.5)
    return began


def test_a_good_version_is_promoted_and_a_bad_one_goes_back(stand: Stand) -> None:
    stand.weigh(app_1=50, app_2=50)

    code, good = stand.judge(ask(stand.app, STAGE))
    assert (code, good["outcome"]) == (0, "promote"), good
    errors, latency = good["criteria"]
    assert (errors["verdict"], latency["verdict"]) == ("passed", "passed")
    assert errors["canary"]["events"] > 400

    stand.spoil(errors=0.08, latency_ms=260)
    code, bad = stand.judge(ask(stand.app, STAGE))
    assert (code, bad["outcome"]) == (1, "rollback"), bad
    errors, latency = bad["criteria"]
    assert (errors["verdict"], latency["verdict"]) == ("failed", "failed")
    assert errors["canary"]["low"] > errors["baseline"]["high"]
    assert "fired" in {rule["state"] for rule in bad["rollback_rules"]}

    stand.spoil()
    stand.weigh(app_1=100, app_2=0)
    code, none = stand.judge(ask(stand.app, 5))
    assert (code, none["outcome"]) == (6, "hold"), none
    assert {each["verdict"] for each in none["criteria"]} == {"no_data"}
