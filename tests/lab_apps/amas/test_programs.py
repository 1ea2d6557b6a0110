"""The programs as processes, the way the lab starts them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Protocol

import httpx
import pytest

from sretool.lab_apps.amas.cache import RedisCache
from sretool.lab_apps.amas.limits import Kind, RedisWindows
from sretool.lab_apps.amas.redis_client import Redis, RedisAway
from sretool.lab_apps.logs import Sparse
from tests.lab_apps.amas.exposition import value
from tests.support.ports import free_port, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab


class Start(Protocol):
    def __call__(self, module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]: ...


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program of the lab by module name; whatever still runs at the end is killed."""
    with contextlib.ExitStack() as stack:

        def start(module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
            inherited = {name: text for name, text in os.environ.items() if not name.startswith("AMAS_")}
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", f"sretool.lab_apps.{module}", *arguments],
                    env={**inherited, **environment},
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield start


def ready(port: int, path: str = "/health") -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200:
                return
        assert time.monotonic() < deadline, f"nothing healthy on port {port}"
        time.sleep(0.05)


def metrics(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics").text


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and log after SIGTERM; fails where that takes 2 s."""
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=2)[1]
    return process.returncode, log


def test_service_and_traffic_without_a_database(start: Start) -> None:
    app, crowd = free_ports(2)
    service = start("amas.service", "--name", "app-1", "--port", str(app))
    ready(app, "/ready")
    traffic = start(
        "amas.traffic", "--target", f"http://127.0.0.1:{app}", "--port", str(crowd), "--seed", "3"
    )
    ready(crowd)
    deadline = time.monotonic() + 15
    while value(metrics(crowd), "traffic_requests_total", outcome="ok") < 6:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert value(metrics(crowd), "traffic_sessions_active") > 20
    code, log = ended(service)
    assert code == 0
    assert "kept in memory" in log
    errors = value(metrics(crowd), "traffic_requests_total", outcome="error")
    deadline = time.monotonic() + 15
    while value(metrics(crowd), "traffic_requests_total", outcome="error") <= errors:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    code, log = ended(traffic)
    assert code == 0
    assert "defect" not in log


def test_service_and_worker_with_database_and_limits(
    start: Start, database: str, redis_server: tuple[int, Callable[[], None]], tmp_path: Path
) -> None:
    (tmp_path / "cpu.cfs_quota_us").write_text("50000")
    (tmp_path / "cpu.cfs_period_us").write_text("100000")
    (tmp_path / "memory.limit_in_bytes").write_text("134217728")
    app, work = free_ports(2)
    environment = {
        "AMAS_DATABASE_URL": database,
        "AMAS_REDIS_URL": f"redis://127.0.0.1:{redis_server[0]}/0",
        "AMAS_CGROUP_CPU": str(tmp_path),
        "AMAS_CGROUP_MEMORY": str(tmp_path),
    }
    service = start("amas.service", "--name", "app-1", "--port", str(app), **environment)
    worker = start("amas.worker", "--port", str(work), **environment)
    ready(app, "/ready")
    ready(work)
    with httpx.Client(base_url=f"http://127.0.0.1:{app}", headers={"X-User-Id": "5"}) as client:
        session = client.post("/api/learning/sessions").json()["session_id"]
        answer = {"session_id": session, "word_id": 7, "correct": True, "response_ms": 4000}
        assert client.post("/api/learning/answers", json=answer).status_code == 200
        assert client.get("/api/stats/summary").json() == client.get("/api/stats/summary").json()
        (tmp_path / "cpu.cfs_quota_us").write_text("25000")
        text = client.get("/metrics").text
    assert value(text, "process_cpu_limit_cores") == 0.25
    assert value(text, "process_memory_limit_bytes") == 134217728
    assert value(text, "process_limits_enforced") == 1
    assert value(text, "db_max_connections") > 0
    deadline = time.monotonic() + 10
    for task in ("forgetting_alerts", "learning_metrics", "rewards"):
        while value(metrics(work), "worker_task_total", task=task) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert value(metrics(work), "worker_task_failed_total", task=task) == 0
    assert [ended(process)[0] for process in (service, worker)] == [0, 0]


def test_without_a_database_there_is_nothing_to_migrate(start: Start) -> None:
    migration = start("amas.migrate")
    assert "nothing to migrate" in migration.communicate(timeout=20)[1]
    assert migration.returncode == 0


def test_receiver(start: Start, tmp_path: Path) -> None:
    port = free_port()
    receiver = start("receiver", "--port", str(port), "--store", str(tmp_path / "received.jsonl"))
    ready(port)
    httpx.post(f"http://127.0.0.1:{port}/webhook/pager", json={"status": "firing", "alerts": []})
    code, _ = ended(receiver)
    assert code == 0
    assert '"receiver":"pager"' in (tmp_path / "received.jsonl").read_text()


def test_a_taken_port_is_said(start: Start, redis_server: tuple[int, Callable[[], None]]) -> None:
    service = start("amas.service", "--name", "app-1", "--port", str(redis_server[0]))
    _, log = service.communicate(timeout=20)
    assert service.returncode not in (0, None)
    assert "address already in use" in log


async def test_replicas_count_together_and_alone_when_redis_dies(
    redis_server: tuple[int, Callable[[], None]],
) -> None:
    port, kill = redis_server
    clients = [Redis(f"redis://127.0.0.1:{port}/1", timeout=0.5) for _ in range(2)]
    log = Sparse(logging.getLogger("test"))
    first, second = (RedisWindows(client, log) for client in clients)
    now = 1_000_020.0
    assert [await windows.hit(Kind.OTHER, "1", now) for windows in (first, second, first)] == [1, 2, 3]
    (counts,) = await clients[0].execute(("INFO", "stats"))
    assert isinstance(counts, dict)
    assert counts["keyspace_misses"] == 0
    kill()
    assert await first.hit(Kind.OTHER, "1", now) == 3
    assert await second.hit(Kind.OTHER, "1", now) == 2
    for client in clients:
        await client.close()


async def test_a_cache_that_does_not_answer_is_empty(redis_server: tuple[int, Callable[[], None]]) -> None:
    port, kill = redis_server
    client = Redis(f"redis://127.0.0.1:{port}/0", timeout=0.5)
    cache = RedisCache(client, Sparse(logging.getLogger("test")))
    await cache.set("a", b"1", 10)
    assert await cache.get("a") == b"1"
    assert await cache.get("b") is None
    with pytest.raises(RedisAway):
        await client.execute(("NONSENSE",))
    assert await cache.get("a") == b"1"
    kill()
    assert await cache.get("a") is None
    await cache.set("a", b"2", 10)
    await client.close()
