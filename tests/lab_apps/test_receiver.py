from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from sretool.lab_apps.receiver import Journal, Notification, application

if TYPE_CHECKING:
    from collections.abc import Iterator
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
