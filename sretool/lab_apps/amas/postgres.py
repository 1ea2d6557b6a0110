"""The store on PostgreSQL.

Every call is one operation of the `operation` label. Failures become the store's own errors here and nowhere
else; they are counted by what went wrong: no connection, no answer in time, a transaction that was rolled
back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from sretool.lab_apps.amas import population, vocabulary
from sretool.lab_apps.amas.decision import Context, Decision
from sretool.lab_apps.amas.memory_model import WordState, after
from sretool.lab_apps.amas.pool import AcquireTimeout, LeaseTimeout, Pool
from sretool.lab_apps.amas.store import (
    MOST_WORDS,
    Answer,
    EndedSession,
    Overview,
    Stored,
    StoreFault,
    StoreTimeout,
    Summary,
    Unavailable,
    UnknownSession,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sretool.lab_apps.amas.metrics import Metrics
    from sretool.lab_apps.amas.pool import Connection

SLOW_MS = 200.0

_WORDS = """
SELECT s.word_id, w.spelling, s.half_life, s.reviews, s.lapses, s.answered_at, s.due_at, s.known
FROM (SELECT *, count(*) OVER () AS known FROM word_states WHERE user_id = %s ORDER BY due_at LIMIT %s) s
JOIN words w ON w.id = s.word_id
ORDER BY s.due_at
"""
_NEW_WORDS = """
SELECT w.id, w.spelling FROM words w
WHERE w.id >= %s AND NOT EXISTS (SELECT FROM word_states s WHERE s.user_id = %s AND s.word_id = w.id)
ORDER BY w.id LIMIT %s
"""
_PREDICTIONS = """
INSERT INTO review_predictions (user_id, word_id, predicted_at, predicted_recall)
SELECT %s, word, %s, recall FROM unnest(%s::integer[], %s::real[]) AS p (word, recall)
"""
_STATE = """
SELECT s.state, w.half_life, w.reviews, w.lapses, w.answered_at, w.due_at
FROM sessions s LEFT JOIN word_states w ON w.user_id = s.user_id AND w.word_id = %s
WHERE s.id = %s AND s.user_id = %s
FOR UPDATE OF s
"""
_INSERT_ANSWER = """
INSERT INTO answers (user_id, word_id, answered_at, session_id, correct, response_ms, due_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (user_id, word_id, answered_at) DO NOTHING
"""
_ANSWER_BEFORE = """
SELECT correct, due_at FROM answers WHERE user_id = %s AND word_id = %s AND answered_at = %s
"""
_AFTER_ANSWER = """
WITH state AS (
    INSERT INTO word_states (user_id, word_id, half_life, reviews, lapses, answered_at, due_at)
    VALUES (%(user)s, %(word)s, %(half_life)s, %(reviews)s, %(lapses)s, %(state_at)s, %(due_at)s)
    ON CONFLICT (user_id, word_id) DO UPDATE SET
        half_life = excluded.half_life, reviews = excluded.reviews, lapses = excluded.lapses,
        answered_at = excluded.answered_at, due_at = excluded.due_at
), session AS (
    UPDATE sessions SET seen_at = greatest(seen_at, %(at)s), answers = answers + 1,
        correct = correct + %(right)s,
        sum_s = sum_s + %(seconds)s, sum_s2 = sum_s2 + %(seconds)s * %(seconds)s
    WHERE id = %(session)s
), prediction AS (
    UPDATE review_predictions SET answered_at = %(at)s, correct = %(correct)s
    WHERE id = (
        SELECT id FROM review_predictions
        WHERE user_id = %(user)s AND word_id = %(word)s AND answered_at IS NULL
        ORDER BY predicted_at DESC LIMIT 1
    )
)
INSERT INTO reward_queue (decision_id, correct, response_ms, queued_at)
VALUES (%(decision)s, %(correct)s, %(response_ms)s, %(at)s)
"""
_START_SESSION = """
WITH registered AS (
    INSERT INTO users (id, registered_at, ability) VALUES (%(user)s, %(at)s, %(ability)s)
    ON CONFLICT (id) DO NOTHING
), day AS (
    INSERT INTO user_days (user_id, day) VALUES (%(user)s, %(day)s) ON CONFLICT DO NOTHING
)
INSERT INTO sessions (user_id, started_at, seen_at) VALUES (%(user)s, %(at)s, %(at)s) RETURNING id
"""
_END_SESSION = """
UPDATE sessions SET state = 'ended', ended_at = %s, seen_at = %s
WHERE id = %s AND user_id = %s AND state = 'open'
RETURNING extract(epoch FROM ended_at - started_at)::double precision, answers, correct
"""
_CONTEXT = """
SELECT count(*), avg(correct::int)::real, avg(response_ms)::real,
    (SELECT count(*) FROM (
        SELECT FROM word_states WHERE user_id = %(user)s AND due_at <= %(now)s LIMIT 50
    ) d),
    (SELECT registered_at FROM users WHERE id = %(user)s)
FROM (SELECT correct, response_ms FROM answers WHERE user_id = %(user)s ORDER BY answered_at DESC LIMIT 50) a
"""
_DECISION = """
INSERT INTO decisions (user_id, decided_at, strategy, difficulty, hint, confidence, features)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_SUMMARY = """
SELECT count(DISTINCT session_id), count(*), count(*) FILTER (WHERE correct),
    (SELECT count(*) FROM word_states WHERE user_id = %(user)s),
    (SELECT count(*) FROM word_states WHERE user_id = %(user)s AND due_at <= %(now)s)
FROM answers WHERE user_id = %(user)s AND answered_at > %(since)s
"""
_OVERVIEW = """
SELECT (SELECT count(*) FROM users),
    (SELECT count(*) FROM sessions WHERE started_at > %(since)s),
    (SELECT count(*) FROM sessions WHERE state = 'open' AND seen_at > %(recently)s),
    (SELECT count(*) FROM answers WHERE answered_at > %(since)s),
    (SELECT count(*) FROM decisions WHERE decided_at > %(since)s),
    (SELECT count(*) FROM forgetting_alerts WHERE detected_at > %(since)s),
    (SELECT count(*) FROM reward_queue)
"""


class PostgresStore:
    def __init__(
        self,
        pool: Pool,
        metrics: Metrics,
        watcher: Callable[[float, bool], None] = lambda seconds, late: None,
    ) -> None:
        """`watcher` hears of every operation: seconds taken, whether it timed out."""
        self._pool = pool
        self._metrics = metrics
        self._watcher = watcher

    async def start_session(self, user: int, started_at: datetime) -> int:
        values = {
            "user": user,
            "at": started_at,
            "ability": population.ability(user),
            "day": population.day_of(started_at),
        }
        async with self._write("start_session") as connection:
            row = await (await connection.execute(_START_SESSION, values)).fetchone()
        assert row is not None  # RETURNING of an INSERT
        return int(row[0])

    async def end_session(self, user: int, session: int, now: datetime) -> EndedSession:
        async with self._write("end_session") as connection:
            row = await (await connection.execute(_END_SESSION, (now, now, session, user))).fetchone()
        if row is None:
            raise UnknownSession(f"user {user} has no open session {session}")
        return EndedSession(seconds=row[0], answers=row[1], correct=row[2])

    async def words(self, user: int, count: int, now: datetime, *, record: bool) -> Sequence[Word]:
        async with self._operation("due_words") as connection:
            rows = await (await connection.execute(_WORDS, (user, count))).fetchall()
            known = rows[0][7] if rows else 0
            result = [
                Word(word, spelling, WordState(*state).recall(now), state[-1])
                for word, spelling, *state, _ in rows
                if state[-1] <= now or known >= MOST_WORDS
            ]
            if record and result:
                recalls = [word.predicted_recall for word in result]
                await connection.execute(_PREDICTIONS, (user, now, [word.id for word in result], recalls))
            missing = count - len(result)
            if missing:
                first = vocabulary.first_word(user)
                fresh = await (await connection.execute(_NEW_WORDS, (first, user, missing))).fetchall()
                result += [Word(word, spelling, None, None) for word, spelling in fresh]
        return result

    async def answer(self, answer: Answer) -> Stored:
        identity = (answer.user, answer.word, answer.answered_at)
        async with self._write("record_answer") as connection, connection.transaction():
            where = (answer.word, answer.session, answer.user)
            row = await (await connection.execute(_STATE, where)).fetchone()
            state = after(
                WordState(*row[1:]) if row and row[1] is not None else None,
                answer.correct,
                answer.answered_at,
            )
            open_session = row is not None and row[0] == "open"
            inserted = 0
            if open_session:
                values = (*identity, answer.session, answer.correct, answer.response_ms, state.due_at)
                inserted = (await connection.execute(_INSERT_ANSWER, values)).rowcount
            if not inserted:
                before = await (await connection.execute(_ANSWER_BEFORE, identity)).fetchone()
                if before is None:
                    raise UnknownSession(f"user {answer.user} has no open session {answer.session}")
                return Stored(before[0], before[1], repeated=True, server=connection.server)
            await connection.execute(_AFTER_ANSWER, _after_answer(answer, state))
        return Stored(answer.correct, state.due_at, repeated=False, server=connection.server)

    async def context(self, user: int, now: datetime) -> Context:
        async with self._operation("decision_context") as connection:
            row = await (await connection.execute(_CONTEXT, {"user": user, "now": now})).fetchone()
        assert row is not None  # an aggregate
        answers, accuracy, mean_ms, due_words, registered_at = row
        return Context(answers, accuracy, mean_ms, due_words, now - (registered_at or now))

    async def record_decision(self, user: int, decision: Decision, now: datetime) -> int:
        values = (
            user,
            now,
            decision.strategy.value,
            decision.difficulty.value,
            decision.hint.value,
            decision.confidence,
            list(decision.features),
        )
        async with self._operation("record_decision") as connection:
            row = await (await connection.execute(_DECISION, values)).fetchone()
        assert row is not None  # RETURNING of an INSERT
        return int(row[0])

    async def summary(self, user: int, now: datetime) -> Summary:
        values = {"user": user, "now": now, "since": now - timedelta(days=7)}
        async with self._operation("user_summary") as connection:
            row = await (await connection.execute(_SUMMARY, values)).fetchone()
        assert row is not None  # an aggregate
        return Summary(*row)

    async def overview(self, now: datetime) -> Overview:
        values = {"since": now - timedelta(days=1), "recently": now - timedelta(minutes=20)}
        async with self._operation("admin_overview") as connection:
            row = await (await connection.execute(_OVERVIEW, values)).fetchone()
        assert row is not None  # an aggregate
        return Overview(*row)

    async def active_users(self, now: datetime) -> int:
        async with self._translated(), self._pool.lease() as connection:
            query = "SELECT count(DISTINCT user_id) FROM answers WHERE answered_at > %s"
            row = await (await connection.execute(query, (now - timedelta(minutes=5),))).fetchone()
        assert row is not None  # an aggregate
        return int(row[0])

    async def model(self, newer_than: int) -> tuple[int, str] | None:
        async with self._translated(), self._pool.lease() as connection:
            query = "SELECT version, parameters FROM model_state WHERE version > %s"
            row = await (await connection.execute(query, (newer_than,))).fetchone()
        return (int(row[0]), str(row[1])) if row else None

    async def ping(self) -> None:
        """One round trip; counts for the database's latency, so recovery is noticed without requests."""
        begun = time.monotonic()
        try:
            async with self._translated(), self._pool.lease() as connection:
                await connection.execute("SELECT 1")
        except StoreTimeout:
            self._watcher(time.monotonic() - begun, True)
            raise
        self._watcher(time.monotonic() - begun, False)

    async def close(self) -> None:
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def _write(self, operation: str) -> AsyncIterator[Connection]:
        """An operation that stores learning records."""
        self._metrics.db_writes.inc()
        try:
            async with self._operation(operation) as connection:
                yield connection
        except UnknownSession:
            raise
        except BaseException:
            # Also a request cancelled half-way: the client has no acknowledgement, so it counts as not
            # stored.
            self._metrics.db_writes_failed.inc()
            raise

    @contextlib.asynccontextmanager
    async def _operation(self, operation: str) -> AsyncIterator[Connection]:
        timed_out = False
        begun = time.monotonic()
        self._metrics.db_active.set(self._pool.used + 1)
        try:
            async with self._translated(), self._pool.lease() as connection:
                yield connection
        except StoreTimeout:
            timed_out = True
            raise
        finally:
            seconds = time.monotonic() - begun
            self._metrics.db_duration[operation].observe(seconds * 1000)
            if seconds * 1000 > SLOW_MS:
                self._metrics.db_slow.inc()
            self._watcher(seconds, timed_out)

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        metrics = self._metrics
        try:
            yield
        except AcquireTimeout as error:
            metrics.db_timeouts.inc()
            raise StoreTimeout(str(error)) from error
        except LeaseTimeout as error:
            metrics.db_timeouts.inc()
            metrics.db_rollbacks.inc()
            raise StoreTimeout(str(error)) from error
        except errors.QueryCanceled as error:
            metrics.db_timeouts.inc()
            metrics.db_rollbacks.inc()
            raise StoreTimeout("the statement took too long") from error
        except errors.ReadOnlySqlTransaction as error:
            await self._pool.drop_idle()
            metrics.db_rollbacks.inc()
            raise Unavailable("the database is a standby") from error
        except (errors.SerializationFailure, errors.DeadlockDetected) as error:
            metrics.db_rollbacks.inc()
            raise Unavailable(str(error)) from error
        except errors.ConnectionTimeout as error:
            metrics.db_connection_failures.inc()
            raise Unavailable(str(error)) from error
        except (psycopg.OperationalError, OSError) as error:
            metrics.db_connection_failures.inc()
            raise Unavailable(_first_line(error)) from error
        except psycopg.Error as error:
            metrics.db_rollbacks.inc()
            raise StoreFault(_first_line(error)) from error
        except asyncio.CancelledError:
            metrics.db_rollbacks.inc()
            raise


def _after_answer(answer: Answer, state: WordState) -> dict[str, object]:
    return {
        "user": answer.user,
        "word": answer.word,
        "session": answer.session,
        "at": answer.answered_at,
        "correct": answer.correct,
        "right": int(answer.correct),
        "response_ms": answer.response_ms,
        "seconds": answer.response_ms / 1000,
        "decision": answer.decision,
        "half_life": state.half_life,
        "reviews": state.reviews,
        "lapses": state.lapses,
        "state_at": state.answered_at,
        "due_at": state.due_at,
    }


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
