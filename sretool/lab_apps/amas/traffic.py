"""The people who use the reference service while nobody tests it.

    python -m sretool.lab_apps.amas.traffic --target URL[,URL] --port P [--seed N]

Sessions of about 15 minutes with 10 to 30 s between requests, as many at a time as make the request rate
follow `sretool.core.plans.traffic.AMAS_LAB`. It begins with sessions that are under way, so the rate is right
from the first second. A target that is away costs requests, nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sretool.core.plans.traffic import AMAS_LAB
from sretool.lab_apps import logs, server
from sretool.lab_apps.amas import learner, population, vocabulary
from sretool.lab_apps.amas.client import Client, Reply, RequestFailed, RequestTimeout
from sretool.lab_apps.amas.decision import Difficulty, Hint
from sretool.lab_apps.amas.metrics import CONTENT_TYPE, ProcessCollector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

TIMEOUT = 5.0
MEAN_REQUESTS = (1 - learner.ABANDONS) * learner.MEAN_REQUESTS + learner.ABANDONS * learner.MEAN_REQUESTS / 2
"""Requests of an average session; an abandoned one stops half-way on average."""
LEAD = timedelta(seconds=learner.MEAN_THINK * MEAN_REQUESTS / 2)
"""A session's requests come on average this much after its start."""
STATS_SHARE = 0.025
ADMIN_SHARE = 0.003
MALFORMED_SHARE = 0.003
"""Answers that a faulty app version sends with an impossible answering time."""
STALE_SHARE = 0.004
"""Answers sent to a session that is over."""
RESENT_SHARE = 0.01
"""Answers that the app sends twice, as it does after a lost connection."""

log = logging.getLogger("amas.traffic")


class TrafficMetrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        registry.register(ProcessCollector())
        self.sessions = Gauge("traffic_sessions_active", "Sessions under way.", registry=registry)
        requests = Counter("traffic_requests", "Requests by outcome.", ["outcome"], registry=registry)
        self.outcomes = {outcome: requests.labels(outcome) for outcome in ("ok", "error", "timeout")}
        self.duration = Histogram(
            "traffic_request_duration_seconds",
            "Time to the answer as the user sees it.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5),
            registry=registry,
        )


class Learner:
    """One session of one user: what is asked for, and when."""

    def __init__(self, user: int, random: Random, client: Client, metrics: TrafficMetrics) -> None:
        self._user = user
        self._random = random
        self._client = client
        self._metrics = metrics
        self._habit = learner.habit(random)
        self._made = 0
        self._session: int | None = None
        self._words: deque[dict[str, Any]] = deque()
        self._begun = datetime.now(UTC)

    def skip_ahead(self) -> None:
        """Be somewhere in the middle already, with a list of words as a device has that was offline."""
        planned = self._habit.leaves_after or self._habit.requests
        self._made = self._random.randint(1, planned - 1)
        self._begun -= timedelta(seconds=self._made * learner.MEAN_THINK)
        words = itertools.islice(vocabulary.from_users_place(self._user), self._random.randint(1, 6))
        self._words.extend({"word_id": word, "predicted_recall": None} for word in words)

    async def run(self) -> None:
        if self._made:
            await asyncio.sleep(self._random.uniform(0, learner.think_seconds(self._random)))
        leaves_after = self._habit.leaves_after
        while True:
            if leaves_after is not None and self._made >= leaves_after:
                return
            if self._made >= self._habit.requests - 1:
                await self._end()
                return
            await self._next()
            await asyncio.sleep(learner.think_seconds(self._random))

    async def _next(self) -> None:
        if self._session is None:
            await self._start()
        elif self._random.random() < STATS_SHARE:
            await self._ask("GET", "/api/stats/summary")
        elif self._random.random() < ADMIN_SHARE:
            await self._ask("GET", "/api/admin/overview")
        elif self._words:
            await self._question(self._words.popleft())
        else:
            await self._fetch_words()

    async def _start(self) -> None:
        body = {"started_at": self._begun} if self._made else {}
        found = await self._ask("POST", "/api/learning/sessions", body)
        if found is not None:
            self._session = found["session_id"]

    async def _fetch_words(self) -> None:
        found = await self._ask("GET", "/api/learning/words")
        if found is not None:
            self._words.extend(word for word in found["words"] if self._random.random() >= learner.SKIPS)

    async def _question(self, word: dict[str, Any]) -> None:
        """A question and, after some thought, its answer."""
        decision = await self._ask("POST", "/api/amas/decide", {"session_id": self._session})
        if decision is None:
            return
        await asyncio.sleep(learner.think_seconds(self._random))
        right = learner.answers_right(
            word["predicted_recall"], self._random, Difficulty(decision["difficulty"]), Hint(decision["hint"])
        )
        answer = {
            "session_id": self._session,
            "word_id": word["word_id"],
            "correct": right,
            "response_ms": self._habit.answer_ms(self._random),
            "answered_at": datetime.now(UTC),
            "decision_id": decision["decision_id"],
        }
        chance = self._random.random()
        if chance < MALFORMED_SHARE:
            answer["response_ms"] = -1
        elif chance < MALFORMED_SHARE + STALE_SHARE:
            answer["session_id"] = 2**61
        await self._ask("POST", "/api/learning/answers", answer)
        if self._random.random() < RESENT_SHARE:
            await self._ask("POST", "/api/learning/answers", answer)

    async def _end(self) -> None:
        if self._session is not None:
            await self._ask("POST", f"/api/learning/sessions/{self._session}/end")

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any] | None:
        """The answer's JSON; None where it was not 200."""
        self._made += 1
        begun = time.monotonic()
        encoded = msgspec.json.encode(body) if body is not None else b""
        try:
            reply = await self._client.request(method, path, self._user, encoded)
        except RequestTimeout:
            self._metrics.outcomes["timeout"].inc()
            return None
        except RequestFailed as error:
            log.debug("%s %s: %s", method, path, error)
            self._metrics.outcomes["error"].inc()
            return None
        self._metrics.duration.observe(time.monotonic() - begun)
        return self._accepted(reply)

    def _accepted(self, reply: Reply) -> dict[str, Any] | None:
        # 4xx is the users' own doing; only what the service failed at is an error of the service.
        self._metrics.outcomes["error" if reply.status >= 500 else "ok"].inc()
        if reply.status != 200:
            return None
        try:
            return msgspec.json.decode(reply.body, type=dict[str, Any])
        except msgspec.DecodeError:
            return None


class Crowd:
    """Keeps as many sessions under way as the time of day asks for."""

    def __init__(self, clients: list[Client], metrics: TrafficMetrics, random: Random) -> None:
        self._clients = clients
        self._metrics = metrics
        self._random = random
        self._sessions: set[asyncio.Task[None]] = set()
        self._users: tuple[int, ...] = ()
        self._day = population.day_of(datetime.now(UTC))

    async def run(self) -> None:
        under_way = round(AMAS_LAB.rate(datetime.now(UTC)) * learner.MEAN_THINK)
        log.info("begins with %d sessions under way", under_way)
        for _ in range(under_way):
            self._begin(under_way=True)
        due = time.monotonic()
        while True:
            # Even gaps with some jitter: the number of sessions follows the curve without wandering.
            due += self._random.uniform(0.5, 1.5) / arrival_rate(datetime.now(UTC))
            await asyncio.sleep(max(due - time.monotonic(), 0))
            self._begin()

    async def stop(self) -> None:
        await server.cancelled(*self._sessions)
        for client in self._clients:
            client.close()

    def _begin(self, *, under_way: bool = False) -> None:
        user = self._active_user()
        client = self._clients[user % len(self._clients)]
        session = Learner(user, Random(self._random.random()), client, self._metrics)
        if under_way:
            session.skip_ahead()
        task = asyncio.create_task(session.run())
        self._sessions.add(task)
        task.add_done_callback(self._over)
        self._metrics.sessions.set(len(self._sessions))

    def _over(self, task: asyncio.Task[None]) -> None:
        self._sessions.discard(task)
        self._metrics.sessions.set(len(self._sessions))
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a session ended by a defect: %r", error)

    def _active_user(self) -> int:
        """Somebody who is active today: retention keeps its value only if the others stay away."""
        today = population.day_of(datetime.now(UTC))
        if today != self._day or not self._users:
            self._day, self._users = today, population.active_users(today)
        return self._random.choice(self._users)


def arrival_rate(now: datetime) -> float:
    """Sessions to start per second so that the requests of all follow the curve."""
    return AMAS_LAB.rate(now + LEAD) / MEAN_REQUESTS


def application(metrics: TrafficMetrics, crowd: Crowd) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = server.vital(crowd.run(), "crowd")
        yield
        await server.cancelled(task)
        await crowd.stop()

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def exposition(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route("/health", health), Route("/metrics", exposition)], lifespan=lifespan)


async def _main(targets: list[str], port: int, seed: int) -> None:
    metrics = TrafficMetrics()
    crowd = Crowd([Client(target, TIMEOUT) for target in targets], metrics, Random(seed))
    log.info("traffic, pid %d, on 127.0.0.1:%d, to %s", os.getpid(), port, ", ".join(targets))
    await server.serve(application(metrics, crowd), port)
    log.info("traffic stopped")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="traffic", description="Background traffic of the reference system."
    )
    parser.add_argument("--target", required=True, help="address of the service; several separated by commas")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logs.configure()
    server.run(_main(options.target.split(","), options.port, options.seed))


if __name__ == "__main__":
    main()
