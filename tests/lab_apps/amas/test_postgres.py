"""The programs' dealings with a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from sretool.lab_apps.amas import learning
from sretool.lab_apps.amas.decision import FIXED, Difficulty, Hint, Model, Strategy
from sretool.lab_apps.amas.metrics import Metrics
from sretool.lab_apps.amas.migrate import migrate
from sretool.lab_apps.amas.pool import Pool
from sretool.lab_apps.amas.postgres import PostgresStore
from sretool.lab_apps.amas.store import Answer, StoreTimeout, Unavailable, UnknownSession
from sretool.lab_apps.amas.worker import Worker, WorkerMetrics
from tests.lab_apps.amas.conftest import SEEDED_AT
from tests.lab_apps.amas.exposition import value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.lab_apps.amas.conftest import PostgresServer

pytestmark = pytest.mark.lab

HEALTHY = {
    "learning_retention_rate_1d": (0.40, 0.50),
    "learning_retention_rate_7d": (0.20, 0.28),
    "learning_retention_rate_30d": (0.10, 0.16),
    "learning_review_hit_rate": (0.62, 0.75),
    "learning_session_dropout_rate": (0.15, 0.28),
    "learning_forgetting_prediction_accuracy": (0.71, 0.82),
    "learning_flow_session_ratio": (0.21, 0.36),
    "learning_average_session_seconds": (840, 920),
}


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


async def gauges(database: str) -> dict[str, float | None]:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        return await learning.compute(connection)


def unhealthy(found: dict[str, float | None]) -> dict[str, float | None]:
    return {
        name: found[name]
        for name, (least, most) in HEALTHY.items()
        if not least <= (found[name] if found[name] is not None else -1) <= most  # type: ignore[operator]
    }


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(Pool(database, 4, "test"), Metrics())
    yield store
    await store.close()


class Proxy:
    """What HAProxy does in front of PostgreSQL: without a backend it accepts and hangs up."""

    def __init__(self, backend: int) -> None:
        self.port = 0
        self._backend = backend
        self._away = False
        self._open: set[asyncio.StreamWriter] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, backend: int) -> AsyncIterator[Proxy]:
        proxy = cls(backend)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        server.close()
        proxy.fail()
        await server.wait_closed()

    def fail(self) -> None:
        self._away = True
        for writer in self._open:
            writer.close()

    def recover(self) -> None:
        self._away = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._away:
            writer.close()
            return
        backend_reader, backend_writer = await asyncio.open_connection("127.0.0.1", self._backend)
        both = {writer, backend_writer}
        self._open |= both
        await asyncio.gather(_copy(reader, backend_writer), _copy(backend_reader, writer))
        self._open -= both


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


def answer(session: int, **changes: Any) -> Answer:
    at = datetime(2026, 5, 20, 7, 0, tzinfo=UTC)
    values = {"user": 5, "session": session, "word": 7, "answered_at": at, "correct": True, "decision": None}
    return Answer(**{"response_ms": 4000, **values, **changes})


class TestMigration:
    async def test_the_seeded_product_is_healthy(self, whole_database: str) -> None:
        assert unhealthy(await gauges(whole_database)) == {}

    def test_the_rows_stay_small(self, whole_database: str) -> None:
        ((size,),) = rows(whole_database, "SELECT pg_database_size(current_database())")
        assert size < 40_000_000

    def test_running_it_again_changes_nothing(self, whole_database: str) -> None:
        count = (
            "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM answers),"
            " (SELECT count(*) FROM user_days), (SELECT count(*) FROM word_states),"
            " (SELECT sum(half_life) FROM word_states), (SELECT count(*) FROM review_predictions)"
        )
        before = rows(whole_database, count)
        with psycopg.connect(whole_database, autocommit=True) as connection:
            migrate(connection, SEEDED_AT)
        assert rows(whole_database, count) == before

    async def test_days_off_are_filled_in(self, whole_database: str) -> None:
        now = SEEDED_AT + timedelta(days=9, hours=4)
        with psycopg.connect(whole_database, autocommit=True) as connection:
            migrate(connection, now)
        assert unhealthy(await gauges(whole_database)) == {}
        ((newest,),) = rows(whole_database, "SELECT max(seen_at) FROM sessions")
        assert now - timedelta(minutes=30) < newest <= now

    async def test_sessions_cut_off_by_a_stop_are_nobodys_drop_out(self, whole_database: str) -> None:
        with psycopg.connect(whole_database, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO sessions (user_id, started_at, seen_at)"
                " SELECT 1, %s, %s FROM generate_series(1, 300)",
                (SEEDED_AT - timedelta(minutes=5), SEEDED_AT),
            )
            migrate(connection, SEEDED_AT + timedelta(hours=2))
        assert unhealthy(await gauges(whole_database)) == {}


class TestLearningMetrics:
    @pytest.fixture
    def empty(self, tables: str) -> str:
        with psycopg.connect(tables, autocommit=True) as connection:
            connection.execute("DELETE FROM sessions; DELETE FROM user_days; DELETE FROM review_predictions")
        return tables

    async def test_no_rows_are_no_data(self, empty: str) -> None:
        assert set((await gauges(empty)).values()) == {None}

    async def test_retention_is_who_came_back_over_who_was_there(self, empty: str) -> None:
        with psycopg.connect(empty, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO sessions (user_id, started_at, seen_at) VALUES (1, %(t)s, %(t)s)",
                {"t": SEEDED_AT},
            )
            days = [(1, 18), (2, 18), (3, 18), (4, 18), (1, 19), (2, 19), (9, 19), (1, 20), (3, 20)]
            for user, day in days:
                connection.execute("INSERT INTO user_days VALUES (%s, %s)", (user, date(2026, 5, day)))
        found = await gauges(empty)
        # Of the 18th's four users two were there on the 19th; the 20th is not over and does not count.
        assert found["learning_retention_rate_1d"] == 0.5
        assert found["learning_retention_rate_7d"] is None

    async def test_review_hits_and_predictions(self, empty: str) -> None:
        at = SEEDED_AT - timedelta(hours=2)
        outcomes = [
            (0.9, True),
            (0.8, False),
            (0.2, False),
            (0.3, True),
            (0.7, True),
            (0.6, None),
            (0.6, None),
        ]
        with psycopg.connect(empty, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO sessions (user_id, started_at, seen_at) VALUES (1, %(t)s, %(t)s)",
                {"t": SEEDED_AT},
            )
            for recall, correct in outcomes:
                answered_at = None if correct is None else at
                connection.execute(
                    "INSERT INTO review_predictions (user_id, word_id, predicted_at, predicted_recall,"
                    " answered_at, correct) VALUES (1, 1, %s, %s, %s, %s)",
                    (at, recall, answered_at, correct),
                )
        found = await gauges(empty)
        assert found["learning_review_hit_rate"] == pytest.approx(5 / 7)
        assert found["learning_forgetting_prediction_accuracy"] == pytest.approx(3 / 5)

    @pytest.mark.parametrize(
        ("seconds", "correct", "flow"),
        [
            pytest.param([5.0] * 10, 8, True, id="even pace, 80 % right"),
            pytest.param([5.0] * 9, 7, False, id="nine questions"),
            pytest.param([5.0] * 20, 12, True, id="60 %"),
            pytest.param([5.0] * 20, 11, False, id="55 %"),
            pytest.param([5.0] * 20, 17, True, id="85 %"),
            pytest.param([5.0] * 20, 18, False, id="90 %"),
            pytest.param([2.0, 6.0] * 5, 7, False, id="variation exactly 0.5"),
            pytest.param([2.1, 6.0] * 5, 7, True, id="variation below 0.5"),
            pytest.param([1.0] * 9 + [60.0], 7, False, id="one long break"),
        ],
    )
    async def test_flow(self, empty: str, seconds: list[float], correct: int, flow: bool) -> None:
        at = SEEDED_AT - timedelta(hours=2)
        with psycopg.connect(empty, autocommit=True) as connection:
            for started_at in (at, SEEDED_AT):  # the second one makes the first one settled
                connection.execute(
                    "INSERT INTO sessions (user_id, started_at, seen_at, answers, correct, sum_s, sum_s2)"
                    " VALUES (1, %s, %s, %s, %s, %s, %s)",
                    (started_at, at, len(seconds), correct, sum(seconds), sum(s * s for s in seconds)),
                )
        assert (await gauges(empty))["learning_flow_session_ratio"] == float(flow)

    async def test_drop_out_is_left_over_started(self, empty: str) -> None:
        at = SEEDED_AT - timedelta(hours=2)
        with psycopg.connect(empty, autocommit=True) as connection:
            for state, seen_at in [
                ("ended", at),
                ("ended", at),
                ("ended", at),
                ("open", at),
                ("lost", at),
                ("open", SEEDED_AT),
            ]:
                connection.execute(
                    "INSERT INTO sessions (user_id, state, started_at, seen_at, ended_at)"
                    " VALUES (1, %s, %s, %s, %s)",
                    (state, at, seen_at, at + timedelta(seconds=600) if state == "ended" else None),
                )
            connection.execute(
                "INSERT INTO sessions (user_id, started_at, seen_at) VALUES (1, %(t)s, %(t)s)",
                {"t": SEEDED_AT},
            )
        found = await gauges(empty)
        # Of four sessions that are over one was left; the lost one and the one under way are no evidence.
        assert found["learning_session_dropout_rate"] == 0.25
        assert found["learning_average_session_seconds"] == 600


class TestStore:
    async def test_an_answer_is_stored_once_however_often_it_is_sent(
        self, store: PostgresStore, database: str
    ) -> None:
        session = await store.start_session(5, SEEDED_AT)
        sent = [answer(session), answer(session, correct=False), answer(session)]
        results = await asyncio.gather(*(store.answer(one) for one in sent))
        assert sorted(result.repeated for result in results) == [False, True, True]
        assert len({(result.correct, result.due_at) for result in results}) == 1
        assert rows(database, f"SELECT answers FROM sessions WHERE id = {session}") == [(1,)]
        assert rows(database, f"SELECT count(*) FROM answers WHERE session_id = {session}") == [(1,)]
        assert rows(database, "SELECT count(*) FROM reward_queue") == [(1,)]

    async def test_the_server_that_stored_it_is_named_whatever_stands_in_front(
        self, database: str, postgres: PostgresServer
    ) -> None:
        async with Proxy.running(postgres.port) as proxy:
            url = database.replace(f":{postgres.port}/", f":{proxy.port}/")
            store = PostgresStore(Pool(url, 4, "test"), Metrics())
            session = await store.start_session(5, SEEDED_AT)
            for _ in range(2):
                stored = await store.answer(answer(session))
                assert stored.server == f"127.0.0.1:{postgres.port}"
            await store.close()

    async def test_a_repeat_after_the_session_still_gets_its_result(self, store: PostgresStore) -> None:
        session = await store.start_session(5, SEEDED_AT)
        first = await store.answer(answer(session))
        await store.end_session(5, session, SEEDED_AT + timedelta(minutes=5))
        assert (await store.answer(answer(session))).due_at == first.due_at
        with pytest.raises(UnknownSession):
            await store.answer(answer(session, word=8))

    async def test_answer_state_and_reward_stand_or_fall_together(
        self, store: PostgresStore, database: str
    ) -> None:
        session = await store.start_session(5, SEEDED_AT)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ALTER TABLE reward_queue RENAME TO gone")
        metrics = store._metrics
        with pytest.raises(Exception, match="reward_queue"):
            await store.answer(answer(session))
        text = metrics.render().decode()
        assert value(text, "db_transaction_rollback_total") == 1
        assert value(text, "db_write_failed_total") == 1
        assert value(text, "db_write_total") == 2
        assert rows(database, f"SELECT count(*) FROM answers WHERE session_id = {session}") == [(0,)]
        assert rows(database, f"SELECT answers FROM sessions WHERE id = {session}") == [(0,)]

    async def test_sessions_of_others_are_unknown(self, store: PostgresStore) -> None:
        session = await store.start_session(5, SEEDED_AT)
        with pytest.raises(UnknownSession):
            await store.answer(answer(session, user=6))
        with pytest.raises(UnknownSession):
            await store.end_session(6, session, SEEDED_AT)

    async def test_a_handed_out_word_remembers_what_came_of_it(
        self, store: PostgresStore, database: str
    ) -> None:
        session = await store.start_session(5, SEEDED_AT)
        await store.answer(answer(session))
        later = SEEDED_AT + timedelta(days=30)
        await store.words(5, 30, later - timedelta(hours=1), record=True)
        words = await store.words(5, 30, later, record=True)
        (seven,) = (word for word in words if word.id == 7)
        assert seven.predicted_recall is not None
        await store.answer(answer(session, answered_at=later, correct=False))
        query = "SELECT correct FROM review_predictions WHERE word_id = 7 ORDER BY predicted_at DESC LIMIT 2"
        assert rows(database, query) == [(False,), (None,)]

    async def test_an_unknown_user_is_registered_and_cold(self, store: PostgresStore, database: str) -> None:
        await store.start_session(777_777, SEEDED_AT)
        assert (await store.context(777_777, SEEDED_AT + timedelta(hours=1))).cold
        ((old,),) = rows(database, "SELECT min(id) FROM users")
        assert not (await store.context(old, SEEDED_AT)).cold
        assert rows(database, "SELECT count(*) FROM user_days WHERE user_id = 777777") == [(1,)]

    async def test_statistics(self, store: PostgresStore) -> None:
        session = await store.start_session(888_888, SEEDED_AT)
        for word in (1, 2, 3):
            await store.answer(answer(session, user=888_888, word=word, correct=word > 1))
        found = await store.summary(888_888, SEEDED_AT + timedelta(hours=1))
        assert (found.sessions, found.answers, found.correct, found.known_words) == (1, 3, 2, 3)
        overview = await store.overview(SEEDED_AT)
        assert overview.users > 300
        assert overview.waiting_rewards == 3
        assert await store.active_users(answer(session).answered_at + timedelta(minutes=1)) == 1


class TestFailures:
    async def test_usable_again_the_moment_the_server_is(
        self, store: PostgresStore, postgres: PostgresServer
    ) -> None:
        await asyncio.gather(*(store.ping() for _ in range(4)))
        postgres.stop()
        begun = time.monotonic()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await store.context(5, SEEDED_AT)
        assert time.monotonic() - begun < 5  # Waiting for each would take 9.
        postgres.start()
        session = await store.start_session(5, SEEDED_AT)
        assert not (await store.answer(answer(session))).repeated
        assert value(store._metrics.render().decode(), "db_connection_failures_total") == 3

    async def test_after_a_failover_behind_a_proxy_requests_succeed_at_once(
        self, database: str, postgres: PostgresServer
    ) -> None:
        async with Proxy.running(postgres.port) as proxy:
            url = database.replace(f":{postgres.port}/", f":{proxy.port}/")
            store = PostgresStore(Pool(url, 10, "test"), Metrics())
            await asyncio.gather(*(store.ping() for _ in range(10)))
            proxy.fail()
            away_until = time.monotonic() + 4
            while time.monotonic() < away_until:
                begun = time.monotonic()
                with pytest.raises(Unavailable):
                    await store.context(5, SEEDED_AT)
                assert time.monotonic() - begun < 2  # A wait lasts 3.
                await asyncio.sleep(0.1)
            proxy.recover()
            await asyncio.gather(*(store.ping() for _ in range(10)))
            await store.close()

    async def test_a_failover_between_two_requests_goes_unnoticed(
        self, database: str, postgres: PostgresServer
    ) -> None:
        async with Proxy.running(postgres.port) as proxy:
            url = database.replace(f":{postgres.port}/", f":{proxy.port}/")
            store = PostgresStore(Pool(url, 10, "test"), Metrics())
            await asyncio.gather(*(store.ping() for _ in range(10)))
            proxy.fail()
            await asyncio.sleep(0.1)
            proxy.recover()
            begun = time.monotonic()
            await store.context(5, SEEDED_AT)
            assert time.monotonic() - begun < 2  # A wait lasts 3.
            await store.close()

    async def test_a_frozen_server_costs_seconds_not_for_ever(
        self, store: PostgresStore, postgres: PostgresServer
    ) -> None:
        session = await store.start_session(5, SEEDED_AT)
        begun = time.monotonic()
        with postgres.frozen():
            with pytest.raises(StoreTimeout):
                await store.answer(answer(session))
            assert time.monotonic() - begun > 2
        assert (await store.answer(answer(session, word=8))).correct
        text = store._metrics.render().decode()
        assert value(text, "db_timeouts_total") == 1
        assert value(text, "db_write_failed_total") == 1

    async def test_a_locked_row_ends_with_the_statement_timeout(
        self, store: PostgresStore, database: str
    ) -> None:
        session = await store.start_session(5, SEEDED_AT)
        with psycopg.connect(database) as holder:
            holder.execute("SELECT FROM sessions WHERE id = %s FOR UPDATE", (session,))
            with pytest.raises(StoreTimeout):
                await store.answer(answer(session))
        text = store._metrics.render().decode()
        assert value(text, "amas_db_slow_query_total") == 1
        assert value(text, "db_transaction_rollback_total") == 1

    async def test_all_connections_in_use_is_a_timeout(self, database: str) -> None:
        pool = Pool(database, 1, "test")
        store = PostgresStore(pool, Metrics())
        async with pool.lease():
            with pytest.raises(StoreTimeout):
                await store.context(5, SEEDED_AT)
        await store.context(5, SEEDED_AT)
        await store.close()

    async def test_a_cancelled_request_leaves_no_connection_in_the_middle_of_something(
        self, store: PostgresStore, database: str
    ) -> None:
        session = await store.start_session(5, SEEDED_AT)
        with psycopg.connect(database) as holder:
            holder.execute("SELECT FROM sessions WHERE id = %s FOR UPDATE", (session,))
            task = asyncio.create_task(store.answer(answer(session)))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not (await store.answer(answer(session))).repeated


class TestWorker:
    @pytest.fixture
    async def worker(self, database: str) -> AsyncIterator[Worker]:
        pool = Pool(database, 2, "test")
        yield Worker(pool, None, WorkerMetrics())
        await pool.close()

    async def test_every_user_is_looked_at_in_the_course_of_a_round(self, whole_database: str) -> None:
        pool = Pool(whole_database, 2, "test")
        worker = Worker(pool, None, WorkerMetrics())
        now = datetime.now(UTC)
        with psycopg.connect(whole_database, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO user_days SELECT DISTINCT user_id, %s FROM word_states", (now.date(),)
            )
        await worker.forgetting_alerts()
        with psycopg.connect(whole_database, autocommit=True) as connection:
            connection.execute("UPDATE worker_progress SET upto = upto - interval '4 minutes'")
        await worker.forgetting_alerts()
        await worker.forgetting_alerts()
        found = rows(
            whole_database,
            "SELECT count(*), count(delivered_at), count(DISTINCT user_id) FROM forgetting_alerts",
        )
        created, delivered, users = found[0]
        # 4 minutes of a round of 6 hours over some 1400 users
        assert 4 < created < 40
        assert created == delivered
        assert created - users <= 2  # a few seconds were looked at twice
        assert rows(whole_database, "SELECT count(*) FROM notifications") == [(created,)]
        text = worker._metrics.render().decode()
        assert value(text, "forgetting_alerts_created_total") == created
        assert value(text, "forgetting_alert_delivery_seconds_count") == created
        await pool.close()

    async def test_an_alert_that_could_not_be_delivered_is_delivered_later(
        self, worker: Worker, database: str
    ) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO forgetting_alerts (user_id, word_id, predicted_recall, detected_at)"
                " VALUES (5, 7, 0.5, now() - interval '100 seconds')"
            )
            connection.execute("ALTER TABLE notifications RENAME TO gone")
        with pytest.raises(psycopg.Error):
            await worker.forgetting_alerts()
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ALTER TABLE gone RENAME TO notifications")
        await worker.forgetting_alerts()
        text = worker._metrics.render().decode()
        assert value(text, "forgetting_alert_delivery_seconds_bucket", le="60.0") == 0
        assert value(text, "forgetting_alert_delivery_seconds_bucket", le="120.0") == 1

    async def test_rewards_change_the_model(
        self, worker: Worker, store: PostgresStore, database: str
    ) -> None:
        session = await store.start_session(5, SEEDED_AT)
        decision = await store.record_decision(5, FIXED, SEEDED_AT)
        await store.answer(answer(session, decision=decision))
        await store.answer(answer(session, word=8, decision=None))
        before = await store.model(0)
        await worker.rewards()
        after = await store.model(0)
        assert before is not None
        assert after is not None
        assert after[0] == before[0] + 1
        assert Model.decode(after[1]).distance(Model.decode(before[1])) > 0
        assert rows(database, "SELECT count(*) FROM reward_queue") == [(0,)]
        assert await store.model(after[0]) is None
        assert rows(database, "SELECT strategy, difficulty, hint FROM decisions") == [
            (Strategy.FIXED, Difficulty.NORMAL, Hint.NONE)
        ]

    async def test_gauges_without_rows_are_left_out(self, worker: Worker, database: str) -> None:
        assert "learning_retention" not in worker._metrics.render().decode()
        await worker.learning_metrics()
        assert 0 < value(worker._metrics.render().decode(), "learning_session_dropout_rate") < 0.4

    async def test_old_rows_go(self, worker: Worker, database: str) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE answers SET answered_at = answered_at - interval '5 years'")
            connection.execute("UPDATE sessions SET started_at = now() - interval '41 days'")
            connection.execute("DELETE FROM user_days")
        await worker.prune()
        assert rows(database, "SELECT (SELECT count(*) FROM answers), (SELECT count(*) FROM sessions)") == [
            (0, 0)
        ]
        assert rows(
            database, "SELECT count(*) FROM users WHERE registered_at < now() - interval '62 days'"
        ) == [(0,)]
