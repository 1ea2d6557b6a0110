from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sretool.lab_apps.amas import upkeep
from sretool.lab_apps.amas.degradation import CROWDED_PER_MINUTE
from sretool.lab_apps.amas.metrics import ROUTES, STATUSES
from sretool.lab_apps.amas.service import Replica, Settings
from tests.lab_apps.amas.exposition import samples, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

USER = {"X-User-Id": "5"}
NOON = "2026-01-01T12:00:00Z"


@pytest.fixture
def replica() -> Replica:
    return Replica(Settings("app-1"))


@pytest.fixture
async def client(replica: Replica) -> AsyncIterator[httpx.AsyncClient]:
    app = replica.api.application(replica.lifespan)
    async with (
        replica.lifespan(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://app", headers=USER
        ) as client,
    ):
        yield client


async def started(client: httpx.AsyncClient) -> int:
    return int((await client.post("/api/learning/sessions")).json()["session_id"])


def answer(session: int, **changes: Any) -> dict[str, Any]:
    answered_at = datetime.now(UTC).isoformat()
    body = {
        "session_id": session,
        "word_id": 7,
        "correct": True,
        "response_ms": 4000,
        "answered_at": answered_at,
    }
    return {**body, **changes}


async def metrics(client: httpx.AsyncClient) -> str:
    return (await client.get("/metrics")).text


async def test_a_whole_session(client: httpx.AsyncClient) -> None:
    session = await started(client)
    words = (await client.get("/api/learning/words", params={"count": 4})).json()["words"]
    assert len(words) == 4
    decision = (await client.post("/api/amas/decide", json={"session_id": session})).json()
    assert decision["strategy"] == "native"
    assert 0 < decision["confidence"] < 1
    for word in words:
        reply = await client.post("/api/learning/answers", json=answer(session, word_id=word["word_id"]))
        assert reply.status_code == 200
        assert reply.json()["correct"] is True
    summary = (await client.get("/api/stats/summary")).json()
    assert (summary["answers"], summary["known_words"]) == (4, 4)
    assert (await client.get("/api/admin/overview")).json()["open_sessions"] == 1
    ended = (await client.post(f"/api/learning/sessions/{session}/end")).json()
    assert (ended["answers"], ended["correct"]) == (4, 4)
    text = await metrics(client)
    assert value(text, "learning_session_started_total") == 1
    assert value(text, "learning_answers_total", correct="true") == 4
    assert value(text, "learning_session_duration_seconds_count") == 1


async def test_an_answer_sent_twice_is_stored_once(client: httpx.AsyncClient) -> None:
    body = answer(await started(client))
    first = await client.post("/api/learning/answers", json=body)
    second = await client.post("/api/learning/answers", json={**body, "correct": False})
    assert second.status_code == 200
    assert second.json() == first.json()
    assert value(await metrics(client), "learning_answers_total", correct="true") == 1
    assert value(await metrics(client), "learning_answers_total", correct="false") == 0


async def test_a_known_word_comes_back_when_it_is_due(client: httpx.AsyncClient, replica: Replica) -> None:
    session = await started(client)
    await client.post("/api/learning/answers", json=answer(session, word_id=77, correct=False))
    later = datetime.now(UTC) + timedelta(days=10)
    words = await replica.store.words(5, 3, later, record=True)
    assert words[0].id == 77
    assert words[0].predicted_recall is not None
    assert words[0].predicted_recall < 0.5


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/api/learning/answers", b"{", id="no JSON"),
        pytest.param("/api/learning/answers", b"", id="empty"),
        pytest.param("/api/learning/answers", b"[]", id="no object"),
        pytest.param("/api/learning/answers", b'{"session_id": "x"}', id="wrong type"),
        pytest.param("/api/learning/answers", b"x" * 20_000, id="too large"),
        pytest.param("/api/learning/sessions", b'{"name": 1}', id="unknown field"),
        pytest.param("/api/learning/sessions", b'{"started_at": "2020-01-01T00:00:00Z"}', id="long ago"),
        pytest.param("/api/learning/sessions", b'{"started_at": "2020-01-01T00:00:00"}', id="no offset"),
        pytest.param("/api/learning/sessions/x/end", b"", id="session id that is none"),
        pytest.param("/api/amas/decide", b'{"session_id": 1.5}', id="fraction"),
    ],
)
async def test_bad_input_is_400_with_a_reason(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    reply = await client.post(path, content=body)
    assert reply.status_code == 400
    assert len(reply.json()["error"]) > 5


@pytest.mark.parametrize(
    "changes",
    [
        {"response_ms": -1},
        {"word_id": 0},
        {"word_id": 10_000},
        {"session_id": 0},
        {"answered_at": "2099-01-01T00:00:00Z"},
        {"answered_at": "2020-01-01T00:00:00Z"},
        {"answered_at": "2026-01-01T00:00:00"},
        {"extra": 1},
    ],
    ids=str,
)
async def test_impossible_answers_are_400(client: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    reply = await client.post("/api/learning/answers", json=answer(await started(client), **changes))
    assert reply.status_code == 400


async def test_requests_of_nobody_are_400_until_the_address_is_limited(client: httpx.AsyncClient) -> None:
    del client.headers["X-User-Id"]
    statuses = [(await client.get("/api/learning/words")).status_code for _ in range(21)]
    assert statuses == [400] * 20 + [429]
    assert value(await metrics(client), "rate_limit_rejected_total", scope="ip") == 1


async def test_sessions_of_others_and_ended_ones_are_unknown(client: httpx.AsyncClient) -> None:
    session = await started(client)
    other = {"X-User-Id": "6"}
    assert (await client.post(f"/api/learning/sessions/{session}/end", headers=other)).status_code == 404
    assert (await client.post(f"/api/learning/sessions/{session}/end")).status_code == 200
    assert (await client.post(f"/api/learning/sessions/{session}/end")).status_code == 404
    reply = await client.post("/api/learning/answers", json=answer(session))
    assert reply.status_code == 404
    assert "no open session" in reply.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [("GET", "/api/learning/words", 200), ("POST", "/api/amas/decide", 100)],
)
async def test_users_are_limited(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, method: str, path: str, most: int
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_020.0)
    statuses = [(await client.request(method, path)).status_code for _ in range(most + 1)]
    assert statuses == [200] * most + [429]
    reply = await client.request(method, path)
    assert reply.headers["Retry-After"] == "1"
    assert reply.json() == {"error": "Rate limit exceeded"}
    assert (await client.request(method, path, headers={"X-User-Id": "6"})).status_code == 200
    assert value(await metrics(client), "rate_limit_rejected_total", scope="user") == 2


async def test_a_session_begun_offline_is_no_start_of_now(client: httpx.AsyncClient) -> None:
    begun = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    session = (await client.post("/api/learning/sessions", json={"started_at": begun})).json()["session_id"]
    ended = (await client.post(f"/api/learning/sessions/{session}/end")).json()
    assert 590 < ended["seconds"] < 610
    assert value(await metrics(client), "learning_session_started_total") == 0


async def test_every_series_is_there_before_the_first_request(client: httpx.AsyncClient) -> None:
    found = samples(await metrics(client))
    for labels in ROUTES.values():
        key = {"route": labels.route, "method": labels.method, "tier": labels.tier}
        for status in STATUSES:
            assert found["http_request_total", frozenset({**key, "status": status}.items())] == 0
        assert found["http_request_4xx_total", frozenset(key.items())] == 0
        assert found["http_request_5xx_total", frozenset(key.items())] == 0
        assert found["http_request_duration_seconds_bucket", frozenset({**key, "le": "0.2"}.items())] == 0
    for name in (
        "amas_db_slow_query_total",
        "amas_model_drift_events_total",
        "amas_strategy_switch_total",
        "amas_native_circuit_breaker_state",
        "db_active_connections",
        "db_connection_failures_total",
        "db_write_total",
        "db_write_failed_total",
        "db_transaction_rollback_total",
        "db_circuit_breaker_state",
        "db_timeouts_total",
        "degradation_level",
        "learning_session_started_total",
        "learning_active_users",
        "process_limits_enforced",
    ):
        assert found[name, frozenset()] == 0, name
    for name, label, values in (
        ("amas_native_calls_total", "status", ("success", "fallback")),
        ("rate_limit_rejected_total", "scope", ("global", "user", "ip")),
        ("learning_answers_total", "correct", ("true", "false")),
        ("log_messages_total", "level", ("info", "warning", "error")),
    ):
        assert all(found[name, frozenset({(label, one)})] == 0 for one in values)
    assert found["amas_action_total", frozenset({("difficulty", "hard"), ("hint", "full")})] == 0
    assert found["amas_native_duration_seconds_count", frozenset({("method", "select_action")})] == 0
    assert not any(name.endswith("_created") for name, _ in found)


async def test_health_ready_and_metrics_are_not_counted(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/ready", "/metrics"):
        assert (await client.get(path)).status_code == 200
    text = await metrics(client)
    assert sum(count for (name, _), count in samples(text).items() if name == "http_request_total") == 0


async def test_read_only_refuses_writes_and_serves_reads(client: httpx.AsyncClient, replica: Replica) -> None:
    session = await started(client)
    degraded(replica, 3)
    for path, body in (
        ("/api/learning/sessions", None),
        (f"/api/learning/sessions/{session}/end", None),
        ("/api/learning/answers", answer(session)),
    ):
        reply = await client.post(path, json=body)
        assert reply.status_code == 503
        assert reply.headers["Retry-After"] == "1"
    assert (await client.get("/api/learning/words")).status_code == 200
    assert (await client.post("/api/amas/decide")).json()["decision_id"] is None
    assert (await client.get("/ready")).status_code == 503
    assert (await client.get("/health")).status_code == 200


async def test_level_1_has_one_answer_for_all_and_no_statistics(
    client: httpx.AsyncClient, replica: Replica
) -> None:
    degraded(replica, 1)
    assert (await client.post("/api/amas/decide")).json()["strategy"] == "fixed"
    assert (await client.get("/api/stats/summary")).status_code == 503
    assert (await client.get("/api/admin/overview")).status_code == 503


async def test_level_4_gives_each_user_little(client: httpx.AsyncClient, replica: Replica) -> None:
    degraded(replica, 4)
    statuses = [(await client.post("/api/amas/decide")).status_code for _ in range(CROWDED_PER_MINUTE + 5)]
    assert statuses.count(200) in (CROWDED_PER_MINUTE, CROWDED_PER_MINUTE + 1)
    assert statuses[-1] == 429


async def test_a_broken_model_falls_back_to_rules_and_opens_the_breaker(
    client: httpx.AsyncClient, replica: Replica
) -> None:
    for arm in replica.engine._model.parameters.arms:
        arm.outer[0][0] = float("nan")
    replica.engine._model._solved = []
    for _ in range(15):
        decision = (await client.post("/api/amas/decide")).json()
        assert decision["strategy"] == "heuristic"
        assert decision["confidence"] is None
    text = await metrics(client)
    assert value(text, "amas_native_calls_total", status="fallback") == 15
    assert value(text, "amas_native_duration_seconds_count", method="select_action") == 10


async def test_a_defect_is_a_counted_500(
    client: httpx.AsyncClient, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise KeyError("no such thing")

    monkeypatch.setattr(replica.store, "context", broken)
    reply = await client.post("/api/amas/decide")
    assert (reply.status_code, reply.json()) == (500, {"error": "internal error"})
    text = await metrics(client)
    labels = {"route": "/api/amas/decide", "method": "POST", "tier": "1"}
    assert value(text, "http_request_total", status="500", **labels) == 1
    assert value(text, "http_request_5xx_total", **labels) == 1


async def test_a_client_that_goes_away_is_its_own_doing(replica: Replica) -> None:
    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        return None

    headers = [(b"x-user-id", b"5"), (b"content-length", b"10")]
    path = "/api/learning/answers"
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    app = replica.api.application(replica.lifespan)
    await app(scope, receive, send)
    labels = {"route": path, "method": "POST", "tier": "1"}
    assert value(replica.metrics.render().decode(), "http_request_total", status="400", **labels) == 1


def degraded(replica: Replica, level: int) -> None:
    replica.guard._ladder.tick(1e12, level)


async def test_every_answer_says_who_gave_it(client: httpx.AsyncClient, replica: Replica) -> None:
    for reply in (
        await client.get("/api/learning/words"),
        await client.get("/api/learning/words", headers={"X-User-Id": "nobody"}),
    ):
        assert reply.headers["x-served-by"] == replica.api.name


async def test_what_is_kept_in_memory_was_stored_by_no_server(client: httpx.AsyncClient) -> None:
    session = await started(client)
    reply = await client.post("/api/learning/answers", json=answer(session))
    assert reply.json()["stored_by"] is None


async def test_a_leak_grows_and_is_let_go_of(client: httpx.AsyncClient, replica: Replica) -> None:
    before = (await client.get("/upkeep/leak")).json()
    assert before == {"leaking": False, "held_mib": 0, "share": pytest.approx(before["share"])}
    share = before["share"] + 20 * 2**20 / replica.metrics.process.limits().memory_bytes
    begun = await client.post("/upkeep/leak", json={"share": share, "mib_per_s": 1000})
    assert (begun.status_code, begun.json()["leaking"]) == (202, True)
    for _ in range(500):
        if (await client.get("/upkeep/leak")).json()["share"] >= share:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("it does not grow")
    over = (await client.delete("/upkeep/leak")).json()
    assert (over["leaking"], over["held_mib"]) == (False, 0)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"share": 2}', b'{"share": 0}', b'{"share": 0.5, "mib_per_s": -1}']
)
async def test_a_leak_that_makes_no_sense_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post("/upkeep/leak", content=body)).status_code == 400
    assert (await client.get("/upkeep/leak")).json()["leaking"] is False


async def test_a_replica_that_is_to_restart_leaves_the_traffic_first(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(upkeep, "DRAIN", 0.1)
    monkeypatch.setattr("os.kill", lambda _, number: ended.append(number))
    assert (await client.get("/health")).status_code == 200
    for _ in range(2):
        assert (await client.post("/upkeep/restart")).status_code == 202
    assert (await client.get("/health")).status_code == 404
    # What is on its way is still served.
    assert (await client.get("/api/learning/words")).status_code == 200
    assert ended == []
    await asyncio.sleep(0.3)
    assert ended == [signal.SIGTERM]
