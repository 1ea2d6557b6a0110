"""The background work of the reference system.

    python -m sretool.lab_apps.amas.worker --port P        with AMAS_DATABASE_URL, AMAS_REDIS_URL

Three tasks, each on its own clock and each failing on its own: forgetting alerts (found and delivered),
rewards (folded into the decision model), learning metrics (computed from rows). Rows that nothing reads any
more are pruned.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sretool.lab_apps import logs, server
from sretool.lab_apps.amas import learning
from sretool.lab_apps.amas.decision import Difficulty, Hint, Model, ModelError, reward
from sretool.lab_apps.amas.metrics import CONTENT_TYPE, ProcessCollector
from sretool.lab_apps.amas.pool import AcquireTimeout, LeaseTimeout, Pool
from sretool.lab_apps.amas.redis_client import Redis, RedisAway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from sretool.lab_apps.amas.pool import Connection

TASKS = ("forgetting_alerts", "learning_metrics", "rewards")
ALERTS_EVERY = 5.0
METRICS_EVERY = 15.0
REWARDS_EVERY = 5.0
PRUNE_EVERY = 600.0

ROUND = timedelta(hours=6)
"""Each user is looked at once per round, at a moment of the user's own: alerts come evenly, not in bursts."""
CATCH_UP = timedelta(minutes=5)
"""Of the time that the worker was away, this much is made up for."""
ABOUT_TO_FORGET = 0.6
RECENTLY_ACTIVE_DAYS = 7
REWARD_BATCH = 500
KEPT_NOTIFICATIONS = 1000

PRUNED = (
    "DELETE FROM answers WHERE answered_at < now() - interval '3 days'",
    "DELETE FROM review_predictions WHERE predicted_at < now() - interval '2 days'",
    "DELETE FROM decisions WHERE decided_at < now() - interval '1 day'",
    "DELETE FROM forgetting_alerts WHERE detected_at < now() - interval '7 days'",
    "DELETE FROM notifications WHERE sent_at < now() - interval '1 day'",
    "DELETE FROM sessions WHERE started_at < now() - interval '40 days'",
    "DELETE FROM user_days WHERE day < current_date - 60",
    "DELETE FROM word_states s WHERE answered_at < now() - interval '60 days'",
    "DELETE FROM users u WHERE registered_at < now() - interval '61 days'"
    " AND NOT EXISTS (SELECT FROM user_days d WHERE d.user_id = u.id)",
)

_DETECT = """
WITH looked_at AS (
    SELECT DISTINCT user_id FROM user_days
    WHERE day > %(today)s::date - %(days)s::int
    AND (user_id * 2654435761 %% %(round)s - %(from)s + %(round)s) %% %(round)s < %(length)s
), weakest AS (
    SELECT DISTINCT ON (s.user_id) s.user_id, s.word_id,
        power(2, -extract(epoch FROM %(now)s - s.answered_at) / 3600 / s.half_life) AS recall
    FROM word_states s JOIN looked_at USING (user_id)
    WHERE s.due_at < %(now)s
    ORDER BY s.user_id, s.due_at
)
INSERT INTO forgetting_alerts (user_id, word_id, predicted_recall, detected_at)
SELECT user_id, word_id, greatest(recall, 1e-9), %(now)s FROM weakest WHERE recall < %(threshold)s
"""
_WAITING = """
SELECT a.id, a.user_id, a.detected_at, w.spelling FROM forgetting_alerts a JOIN words w ON w.id = a.word_id
WHERE a.delivered_at IS NULL ORDER BY a.id LIMIT 50
"""
_REWARDS = """
WITH taken AS (
    DELETE FROM reward_queue WHERE id IN (
        SELECT id FROM reward_queue ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING decision_id, correct, response_ms
)
SELECT d.difficulty, d.hint, d.features, t.correct, t.response_ms
FROM taken t LEFT JOIN decisions d ON d.id = t.decision_id
"""

log = logging.getLogger("amas.worker")


class WorkerMetrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        registry.register(ProcessCollector())
        done = Counter("worker_task", "Runs of a task.", ["task"], registry=registry)
        failed = Counter("worker_task_failed", "Runs that failed.", ["task"], registry=registry)
        self.done = {task: done.labels(task) for task in TASKS}
        self.failed = {task: failed.labels(task) for task in TASKS}
        self.alerts_created = Counter(
            "forgetting_alerts_created", "Words found to be forgotten soon.", registry=registry
        )
        self.alerts_delivered = Counter(
            "forgetting_alerts_delivered", "Alerts that reached the user's inbox.", registry=registry
        )
        self.delivery = Histogram(
            "forgetting_alert_delivery_seconds",
            "From detection to delivery.",
            buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600),
            registry=registry,
        )
        self._learning_registry = CollectorRegistry()
        self._learning = {
            name: Gauge(name, "Computed from rows.", registry=self._learning_registry)
            for name in learning.GAUGES
        }
        self._known: set[str] = set()

    def set_learning(self, values: dict[str, float | None]) -> None:
        """A gauge without rows behind it is left out of the exposition: 0 would be a claim."""
        self._known = {name for name, value in values.items() if value is not None}
        for name, value in values.items():
            if value is not None:
                self._learning[name].set(value)

    def render(self) -> bytes:
        known = self._learning_registry.restricted_registry(sorted(self._known))
        return generate_latest(self.registry) + (generate_latest(known) if self._known else b"")


class Worker:
    def __init__(self, pool: Pool, redis: Redis | None, metrics: WorkerMetrics) -> None:
        self._pool = pool
        self._redis = redis
        self._metrics = metrics
        self._sparse = logs.Sparse(log, interval=30)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(ALERTS_EVERY, "forgetting_alerts", self.forgetting_alerts))
            group.create_task(self._every(REWARDS_EVERY, "rewards", self.rewards))
            group.create_task(self._every(METRICS_EVERY, "learning_metrics", self.learning_metrics))
            group.create_task(self._every(PRUNE_EVERY, None, self.prune))

    async def forgetting_alerts(self) -> None:
        """Find words about to be forgotten, then deliver what waits; what fails stays for the next run."""
        now = datetime.now(UTC)
        async with self._pool.lease() as connection:
            found = await _detect(connection, now)
            self._metrics.alerts_created.inc(found)
            rows = await (await connection.execute(_WAITING)).fetchall()
            for alert, user, detected_at, spelling in rows:
                await self._deliver(connection, alert, user, f"Time to review “{spelling}”")
                self._metrics.alerts_delivered.inc()
                self._metrics.delivery.observe(max((datetime.now(UTC) - detected_at).total_seconds(), 0.0))

    async def learning_metrics(self) -> None:
        async with self._pool.lease() as connection:
            self._metrics.set_learning(await learning.compute(connection))

    async def rewards(self) -> None:
        """Fold the rewards that have arrived into the model; queue and model change in one transaction."""
        async with self._pool.lease() as connection, connection.transaction():
            query = "SELECT version, parameters FROM model_state FOR UPDATE"
            row = await (await connection.execute(query)).fetchone()
            rows = await (await connection.execute(_REWARDS, (REWARD_BATCH,))).fetchall()
            if row is None or not rows:
                return
            model = Model.decode(row[1])
            for difficulty, hint, features, correct, response_ms in rows:
                if difficulty is None:  # its decision is not known (any more)
                    continue
                arm = Difficulty(difficulty), Hint(hint)
                model.learn(arm, features, reward(*arm, correct, response_ms))
            await connection.execute(
                "UPDATE model_state SET version = version + 1, updated_at = now(), parameters = %s",
                (model.encode(),),
            )

    async def prune(self) -> None:
        for statement in PRUNED:
            async with self._pool.lease() as connection:
                await connection.execute(statement.encode())

    async def _deliver(self, connection: Connection, alert: int, user: int, text: str) -> None:
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO notifications (user_id, text, sent_at) VALUES (%s, %s, now())", (user, text)
            )
            await connection.execute(
                "UPDATE forgetting_alerts SET delivered_at = now() WHERE id = %s", (alert,)
            )
        if self._redis is None:
            return
        try:
            await self._redis.execute(
                ("LPUSH", "notifications", f"{user} {text}"),
                ("LTRIM", "notifications", 0, KEPT_NOTIFICATIONS - 1),
            )
        except RedisAway as error:
            self._sparse.warning("redis", f"notification not announced, Redis does not answer: {error}")

    async def _every(self, seconds: float, task: str | None, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            begun = time.monotonic()
            try:
                await work()
            except (psycopg.Error, AcquireTimeout, LeaseTimeout, ModelError, OSError) as error:
                self._sparse.warning(task or "prune", f"{task or 'prune'} failed: {error}")
                if task:
                    self._metrics.failed[task].inc()
            if task:
                self._metrics.done[task].inc()
            await asyncio.sleep(max(seconds - (time.monotonic() - begun), 0.1))


async def _detect(connection: Connection, now: datetime) -> int:
    """Look at the users whose moment has come since the last look; how many alerts that gave."""
    async with connection.transaction():
        query = "SELECT upto FROM worker_progress WHERE task = 'forgetting_alerts' FOR UPDATE"
        row = await (await connection.execute(query)).fetchone()
        since = max(row[0] if row else now - timedelta(seconds=ALERTS_EVERY), now - CATCH_UP)
        length = int(now.timestamp()) - int(since.timestamp())
        if length <= 0:
            return 0
        round_seconds = int(ROUND.total_seconds())
        values = {
            "now": now,
            "today": now.date(),
            "days": RECENTLY_ACTIVE_DAYS,
            "round": round_seconds,
            "from": int(since.timestamp()) % round_seconds,
            "length": length,
            "threshold": ABOUT_TO_FORGET,
        }
        found = (await connection.execute(_DETECT, values)).rowcount
        await connection.execute(
            "INSERT INTO worker_progress (task, upto) VALUES ('forgetting_alerts', %(now)s)"
            " ON CONFLICT (task) DO UPDATE SET upto = excluded.upto",
            values,
        )
    return found


def application(metrics: WorkerMetrics, worker: Worker | None) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [server.vital(worker.run(), "worker")] if worker else []
        yield
        await server.cancelled(*tasks)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def exposition(_: Request) -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/health", health), Route("/metrics", exposition)], lifespan=lifespan)


async def _main(port: int, database_url: str, redis_url: str) -> None:
    metrics = WorkerMetrics()
    worker = pool = redis = None
    if redis_url:
        redis = Redis(redis_url, timeout=0.5)
    if database_url:
        pool = Pool(database_url, 3, "worker")
        worker = Worker(pool, redis, metrics)
    else:
        log.warning("no database: there is nothing to work on")
    log.info("worker, pid %d, on 127.0.0.1:%d", os.getpid(), port)
    await server.serve(application(metrics, worker), port)
    if pool:
        await pool.close()
    if redis:
        await redis.close()
    log.info("worker stopped")


def main() -> None:
    parser = argparse.ArgumentParser(prog="worker", description="The reference system's background work.")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logs.configure()
    environment: dict[str, Any] = dict(os.environ)
    server.run(
        _main(options.port, environment.get("AMAS_DATABASE_URL", ""), environment.get("AMAS_REDIS_URL", ""))
    )


if __name__ == "__main__":
    main()
