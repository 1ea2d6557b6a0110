from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sretool.lab_apps.receiver import Journal, Notification, Restarter, application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAYLOAD = {"status": "firing", "receiver": "pager", "groupLabels": {"alertname": "Down"}, "alerts": [{}]}


def client(journal: Journal) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=application(journal))
    return httpx.AsyncClient(transport=transport, base_url="http://receiver")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "deep" / "received.jsonl")
    yield journal
    journal.close()


async def test_what_is_delivered_is_stored_and_given_back(journal: Journal) -> None:
    asked = client(journal)
    assert (await asked.post("/webhook/pager", json=PAYLOAD)).status_code == 200
    (stored,) = (await asked.get("/received")).json()
    assert stored["receiver"] == "pager"
    assert stored["payload"] == PAYLOAD
    assert (await asked.get("/received", params={"since": stored["received_at"] + 1})).json() == []
    assert 'receiver_notifications_total{receiver="pager"} 1.0' in (await asked.get("/metrics")).text


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b'"text"'])
async def test_what_is_no_alertmanager_json_is_refused(journal: Journal, body: bytes) -> None:
    asked = client(journal)
    reply = await asked.post("/webhook/pager", content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert (await asked.get("/received")).json() == []


async def test_since_has_to_be_a_number(journal: Journal) -> None:
    assert (await client(journal).get("/received?since=yesterday")).status_code == 400


async def test_is_healthy(journal: Journal) -> None:
    assert (await client(journal).get("/health")).json() == {"status": "ok"}


def test_the_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    journal = Journal(path, max_bytes=1000)
    for number in range(100):
        journal.append(Notification(float(number), "pager", {"number": number}))
    kept = [one.payload["number"] for one in journal.since(0)]
    assert kept == list(range(kept[0], 100))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2000
    journal.close()


def test_a_torn_last_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    journal = Journal(path)
    journal.append(Notification(1.0, "pager", {}))
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"received_at": 2.0, "rec')
    journal = Journal(path)
    journal.append(Notification(3.0, "pager", {}))
    assert [one.received_at for one in journal.since(0)] == [1.0, 3.0]
    journal.close()


def firing(*names: tuple[str, str], status: str = "firing") -> dict[str, Any]:
    alerts = [
        {"status": status, "labels": {"alertname": name, "instance": instance}} for name, instance in names
    ]
    return {**PAYLOAD, "alerts": alerts}


class Replica:
    """Counts how often it is asked to restart."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(self.path)
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


async def eventually(seen: Callable[[], bool]) -> None:
    for _ in range(500):
        if seen():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within 5 s")


@pytest.fixture
def replica() -> Iterator[Replica]:
    one = Replica()
    yield one
    one.close()


async def test_a_sick_instance_is_asked_to_restart_once(replica: Replica) -> None:
    restarter = Restarter({"Leaks"}, {"app-1": replica.url})
    assert restarter.see(firing(("Leaks", "app-1"), ("Leaks", "app-1"))) == ["app-1"]
    assert restarter.see(firing(("Leaks", "app-1"))) == []
    await eventually(lambda: bool(replica.asked))
    assert replica.asked == ["/upkeep/restart"]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(firing(("Slow", "app-1")), id="another alert"),
        pytest.param(firing(("Leaks", "app-9")), id="unknown instance"),
        pytest.param(firing(("Leaks", "app-1"), status="resolved"), id="resolved"),
        pytest.param({"alerts": "many"}, id="no list"),
        pytest.param({"alerts": [3, {"labels": 4, "status": "firing"}]}, id="no mappings"),
    ],
)
async def test_nobody_else_is_restarted(replica: Replica, payload: dict[str, Any]) -> None:
    assert Restarter({"Leaks"}, {"app-1": replica.url}).see(payload) == []


async def test_an_instance_that_is_gone_is_no_reason_to_fall_over(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    restarter = Restarter({"Leaks"}, {"app-1": "http://127.0.0.1:1"})
    transport = httpx.ASGITransport(app=application(journal, restarter))
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as asked:
        reply = await asked.post("/webhook/pager", json=firing(("Leaks", "app-1")))
        assert reply.status_code == 200
        assert 'receiver_restarts_total{instance="app-1"} 1.0' in (await asked.get("/metrics")).text
    await eventually(lambda: "cannot be asked to restart" in caplog.text)
