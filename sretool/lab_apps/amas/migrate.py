"""Bring the database to where the service can start: tables, and rows up to now.

    python -m sretool.lab_apps.amas.migrate          with AMAS_DATABASE_URL

Safe to run at every start: an empty database gets 38 days of sessions, one that was away for days gets the
days it missed, one that ran a minute ago almost nothing. Sessions that the last stop cut off become `lost`,
since their users did not leave.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg

from sretool.lab_apps import logs
from sretool.lab_apps.amas import population, schema, seeding, vocabulary
from sretool.lab_apps.amas.memory_model import WordState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WAIT = 20.0
"""Seconds that the database may take to accept connections."""
IDLE_IS_OVER = timedelta(minutes=20)
"""An open session quiet for longer than this was abandoned by its user."""

log = logging.getLogger("amas.migrate")

Connection = psycopg.Connection[tuple[Any, ...]]


def migrate(connection: Connection, now: datetime) -> None:
    """Everything in one transaction; concurrent runs wait for each other."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.LOCK,))
        connection.execute(schema.DDL)
        _words(connection)
        _model(connection, now)
        newest = _newest_activity(connection)
        if newest is not None:
            _close_cut_off(connection, newest)
        since = max(
            newest or now - timedelta(days=seeding.SESSION_DAYS), now - timedelta(days=seeding.SESSION_DAYS)
        )
        count = _fill(connection, since, now)
    log.info("rows filled from %s to %s: %d sessions", since.isoformat(), now.isoformat(), count)


def _words(connection: Connection) -> None:
    if connection.execute("SELECT FROM words LIMIT 1").fetchone() is None:
        rows = [
            (word, vocabulary.spelling(word), population.fraction(word, 5))
            for word in range(1, vocabulary.SIZE + 1)
        ]
        _copy(connection, "words (id, spelling, difficulty)", rows)


def _model(connection: Connection, now: datetime) -> None:
    if connection.execute("SELECT FROM model_state").fetchone() is None:
        connection.execute(
            "INSERT INTO model_state (id, version, updated_at, parameters) VALUES (1, 1, %s, %s)",
            (now, seeding.trained_model().encode()),
        )


def _newest_activity(connection: Connection) -> datetime | None:
    row = connection.execute("SELECT max(seen_at) FROM sessions").fetchone()
    return row[0] if row else None


def _close_cut_off(connection: Connection, newest: datetime) -> None:
    connection.execute(
        "UPDATE sessions SET state = 'lost' WHERE state = 'open' AND seen_at > %s", (newest - IDLE_IS_OVER,)
    )


def _fill(connection: Connection, since: datetime, until: datetime) -> int:
    """Add what the population did in (since, until]; how many sessions that were."""
    days = list(seeding.active_days(since, until))
    sessions = sorted(seeding.sessions(since, until), key=lambda session: session.started_at)
    users = sorted({user for user, _ in days} | {session.user for session in sessions})
    _merge(
        connection,
        "users (id, registered_at, ability)",
        [(user, population.registered(user), population.ability(user)) for user in users],
    )
    _merge(connection, "user_days (user_id, day)", days)
    _live_through(connection, sessions, until)
    connection.execute("ANALYZE")
    return len(sessions)


def _live_through(connection: Connection, sessions: Sequence[seeding.Session], until: datetime) -> None:
    first_id = _reserve(connection, len(sessions))
    session_rows: list[tuple[object, ...]] = []
    answers: list[tuple[object, ...]] = []
    predictions: list[tuple[object, ...]] = []
    states = _states(connection, {session.user for session in sessions})
    changed: set[int] = set()
    for number, session in enumerate(sessions, first_id):
        totals: tuple[object, ...] = (0, 0, 0.0, 0.0)
        if session.ended_at > until - timedelta(days=seeding.ANSWER_DAYS):
            lived = seeding.live_through(session, states.setdefault(session.user, {}))
            changed.add(session.user)
            totals = _totals(lived.answers)
            if session.ended_at > until - timedelta(days=seeding.KEPT_ANSWER_DAYS):
                answers += [
                    (a.user, a.word, a.answered_at, number, a.correct, a.response_ms, a.due_at)
                    for a in lived.answers
                ]
            if session.ended_at > until - timedelta(days=seeding.KEPT_PREDICTION_DAYS):
                predictions += [
                    (p.user, p.word, p.predicted_at, p.recall, p.answered_at, p.correct)
                    for p in lived.predictions
                ]
        ended = ("open", None) if session.abandoned else ("ended", session.ended_at)
        session_rows.append((number, session.user, session.started_at, session.ended_at, *ended, *totals))
    columns = "id, user_id, started_at, seen_at, state, ended_at, answers, correct, sum_s, sum_s2"
    _copy(connection, f"sessions ({columns})", session_rows)
    _merge(
        connection,
        "answers (user_id, word_id, answered_at, session_id, correct, response_ms, due_at)",
        answers,
    )
    columns = "user_id, word_id, predicted_at, predicted_recall, answered_at, correct"
    _copy(connection, f"review_predictions ({columns})", predictions)
    _save_states(connection, {user: states[user] for user in changed})


def _totals(answers: Sequence[seeding.AnswerRow]) -> tuple[int, int, float, float]:
    seconds = [answer.response_ms / 1000 for answer in answers]
    right = sum(answer.correct for answer in answers)
    return len(answers), right, sum(seconds), sum(second * second for second in seconds)


def _states(connection: Connection, users: Iterable[int]) -> dict[int, dict[int, WordState]]:
    rows = connection.execute(
        "SELECT user_id, word_id, half_life, reviews, lapses, answered_at, due_at FROM word_states"
        " WHERE user_id = ANY (%s)",
        (list(users),),
    )
    states: dict[int, dict[int, WordState]] = {}
    for user, word, *state in rows:
        states.setdefault(user, {})[word] = WordState(*state)
    return states


def _save_states(connection: Connection, states: dict[int, dict[int, WordState]]) -> None:
    connection.execute("DELETE FROM word_states WHERE user_id = ANY (%s)", (list(states),))
    rows = [
        (user, word, s.half_life, s.reviews, s.lapses, s.answered_at, s.due_at)
        for user, words in states.items()
        for word, s in words.items()
    ]
    _copy(connection, "word_states (user_id, word_id, half_life, reviews, lapses, answered_at, due_at)", rows)


def _reserve(connection: Connection, count: int) -> int:
    """The first of `count` session ids that nobody else will get."""
    row = connection.execute("SELECT coalesce(max(id), 0) FROM sessions").fetchone()
    assert row is not None  # an aggregate
    first = int(row[0]) + 1
    connection.execute("SELECT setval(pg_get_serial_sequence('sessions', 'id'), %s)", (first + count,))
    return first


def _copy(connection: Connection, target: str, rows: Iterable[Sequence[object]]) -> None:
    with connection.cursor().copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _merge(connection: Connection, target: str, rows: Iterable[Sequence[object]]) -> None:
    """COPY that leaves rows alone which are there already."""
    table, columns = target.split(" ", 1)
    connection.execute(
        f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {columns[1:-1]} FROM {table} LIMIT 0"
    )
    _copy(connection, f"incoming {columns}", rows)
    connection.execute(f"INSERT INTO {table} {columns} SELECT * FROM incoming ON CONFLICT DO NOTHING")
    connection.execute("DROP TABLE incoming")


def _connect(url: str) -> Connection:
    deadline = time.monotonic() + WAIT
    while True:
        try:
            return psycopg.connect(url, autocommit=True, connect_timeout=3, application_name="amas-migrate")
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"migrate: no connection within {WAIT:.0f} s: {error}") from error
            time.sleep(0.2)


def main() -> None:
    logs.configure()
    url = os.environ.get("AMAS_DATABASE_URL", "")
    if not url:
        log.info("AMAS_DATABASE_URL is empty: nothing to migrate")
        return
    begun = time.monotonic()
    with _connect(url) as connection:
        try:
            migrate(connection, datetime.now(UTC))
        except psycopg.Error as error:
            raise SystemExit(f"migrate: {error}") from error
    log.info("done in %.1f s", time.monotonic() - begun)


if __name__ == "__main__":
    main()
