"""The routes of the reference service."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sretool.lab_apps.amas import vocabulary
from sretool.lab_apps.amas.limits import Kind
from sretool.lab_apps.amas.metrics import CONTENT_TYPE, ROUTES
from sretool.lab_apps.amas.store import Answer, StoreFault, Unavailable, UnknownSession, Word

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from sretool.lab_apps import logs
    from sretool.lab_apps.amas.cache import Cache
    from sretool.lab_apps.amas.defects import Defects
    from sretool.lab_apps.amas.engine import Engine
    from sretool.lab_apps.amas.guard import Guard
    from sretool.lab_apps.amas.metrics import Metrics, RouteMetrics
    from sretool.lab_apps.amas.store import Store
    from sretool.lab_apps.amas.upkeep import Upkeep

USER_HEADER = "x-user-id"
INSTANCE_HEADER = "x-served-by"
"""Of every answer: which replica gave it."""
MOST_USERS = 1_000_000_000
MOST_BODY = 16 * 1024
WORDS_DEFAULT, WORDS_MOST = 6, 30
OFFLINE_START = timedelta(minutes=40)
"""A session begun on a device without network may be registered this much later."""
OLD_ANSWER = timedelta(days=1)
CLOCK_SKEW = timedelta(minutes=5)
RETRY_AFTER = {"Retry-After": "1"}
SUMMARY_SECONDS = 60
OVERVIEW_SECONDS = 15
STALE_SECONDS = 600
"""How long answers are kept for the time when the database does not answer."""

log = logging.getLogger("amas.api")


class Refusal(Exception):
    """An answer other than 200, with its reason."""

    def __init__(self, status: int, message: str, *, deliberate: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.deliberate = deliberate
        """Refused to protect the service, not because something failed."""


class StartBody(msgspec.Struct, forbid_unknown_fields=True):
    started_at: datetime | None = None
    """With offset; for a session that began on a device without network."""


class AnswerBody(msgspec.Struct, forbid_unknown_fields=True):
    session_id: int
    word_id: int
    correct: bool
    response_ms: int
    answered_at: datetime | None = None
    decision_id: int | None = None


class DecideBody(msgspec.Struct, forbid_unknown_fields=True):
    session_id: int | None = None


_start_body = msgspec.json.Decoder(StartBody)
_answer_body = msgspec.json.Decoder(AnswerBody)
_decide_body = msgspec.json.Decoder(DecideBody)

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[bytes]]


@dataclass(slots=True)
class Health:
    """What /ready answers from."""

    database_ok: bool = False
    reason: str = "starting"


@dataclass(slots=True)
class Api:
    """The handlers; each gives the body of a 200 or raises."""

    name: str
    store: Store
    cache: Cache
    engine: Engine
    guard: Guard
    metrics: Metrics
    health: Health
    sparse: logs.Sparse
    defects: Defects
    upkeep: Upkeep

    def application(self, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]]) -> Starlette:
        def route(name: str, kind: Kind, handler: Handler) -> Route:
            labels = ROUTES[name]
            path = labels.route.replace(":id", "{id}")
            return Route(
                path, self._guarded(self.metrics.routes[name], kind, handler), methods=[labels.method]
            )

        return Starlette(
            routes=[
                route("start_session", Kind.OTHER, self.start_session),
                route("end_session", Kind.OTHER, self.end_session),
                route("words", Kind.QUERIES, self.words),
                route("answers", Kind.ANSWERS, self.answer),
                route("decide", Kind.OTHER, self.decide),
                route("summary", Kind.QUERIES, self.summary),
                route("overview", Kind.QUERIES, self.overview),
                Route("/health", self.alive),
                Route("/ready", self.ready),
                Route("/metrics", self.exposition),
                *self.upkeep.routes(),
            ],
            lifespan=lifespan,
        )

    # -- routes

    async def start_session(self, request: Request) -> bytes:
        user = _required_user(request)
        body = _decoded(_start_body, await _body(request))
        self._writable()
        now = _now()
        started_at = _aware(body.started_at, "started_at") if body.started_at else now
        if not now - OFFLINE_START <= started_at <= now + CLOCK_SKEW:
            raise Refusal(400, f"started_at: must be within the last {OFFLINE_START}")
        session = await self.store.start_session(user, min(started_at, now))
        if now - started_at < timedelta(minutes=1):
            self.metrics.sessions_started.inc()
        return _json({"session_id": session, "started_at": started_at})

    async def end_session(self, request: Request) -> bytes:
        user = _required_user(request)
        session = _number(request.path_params["id"], "session id", 1, 2**62)
        self._writable()
        ended = await self.store.end_session(user, session, _now())
        self.metrics.session_duration.observe(ended.seconds)
        return _json(
            {
                "session_id": session,
                "seconds": ended.seconds,
                "answers": ended.answers,
                "correct": ended.correct,
            }
        )

    async def words(self, request: Request) -> bytes:
        user = _required_user(request)
        count = _number(request.query_params.get("count", str(WORDS_DEFAULT)), "count", 1, WORDS_MOST)

        async def fresh() -> bytes:
            words = await self.store.words(user, count, _now(), record=not self.guard.read_only)
            return _json({"words": [_word(word) for word in words]})

        return await self._cached_when_away(f"words:{user}:{count}", fresh)

    async def answer(self, request: Request) -> bytes:
        user = _required_user(request)
        body = _decoded(_answer_body, await _body(request))
        answer = _checked_answer(user, body, _now())
        self._writable()
        stored = await self.store.answer(answer)
        if not stored.repeated:
            self.metrics.answers[stored.correct].inc()
        return _json(
            {
                "word_id": answer.word,
                "answered_at": answer.answered_at,
                "correct": stored.correct,
                "due_at": stored.due_at,
                "stored_by": stored.server or None,
            }
        )

    async def decide(self, request: Request) -> bytes:
        user = _required_user(request)
        _decoded(_decide_body, await _body(request))
        level = max(self.guard.level, 3 if self.guard.read_only else 0)
        decision, number = await self.engine.decide(user, _now(), level)
        return _json(
            {
                "decision_id": number,
                "difficulty": decision.difficulty,
                "hint": decision.hint,
                "strategy": decision.strategy,
                "confidence": decision.confidence,
            }
        )

    async def summary(self, request: Request) -> bytes:
        user = _required_user(request)
        if self.guard.level == 1:
            raise Refusal(503, "statistics are switched off while the service is degraded", deliberate=True)

        async def fresh() -> bytes:
            return _json(await self.store.summary(user, _now()))

        return await self._cached(f"summary:{user}", SUMMARY_SECONDS, fresh)

    async def overview(self, request: Request) -> bytes:
        if self.guard.level == 1:
            raise Refusal(503, "statistics are switched off while the service is degraded", deliberate=True)

        async def fresh() -> bytes:
            return _json(await self.store.overview(_now()))

        return await self._cached("overview", OVERVIEW_SECONDS, fresh)

    async def alive(self, _: Request) -> Response:
        """The process answers: a replica without its database still serves cached reads and decisions.

        404 takes it out of the traffic without touching what is on its way.
        """
        if self.upkeep.draining:
            return JSONResponse({"status": "draining", "name": self.name}, 404)
        return JSONResponse({"status": "ok", "name": self.name})

    async def ready(self, _: Request) -> Response:
        """Whether it can do everything: the database answers and writes are let through."""
        if self.health.database_ok and not self.guard.read_only:
            return JSONResponse({"status": "ready"})
        reason = self.health.reason if not self.health.database_ok else "read-only"
        return JSONResponse({"status": "not ready", "reason": reason}, 503)

    async def exposition(self, _: Request) -> Response:
        return Response(self.metrics.render(), media_type=CONTENT_TYPE)

    # -- around the handlers

    def _guarded(
        self, metrics: RouteMetrics, kind: Kind, handler: Handler
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            begun = time.monotonic()
            deliberate = False
            try:
                body = await self._admitted(request, kind, handler)
                response = Response(body, media_type="application/json")
            except Refusal as refusal:
                deliberate = refusal.deliberate
                headers = RETRY_AFTER if refusal.status in (429, 503) else None
                response = JSONResponse({"error": refusal.message}, refusal.status, headers)
            except Exception:  # a defect: it has to be counted like any other failed request
                log.exception("%s %s", request.method, request.url.path)
                response = JSONResponse({"error": "internal error"}, 500)
            response.headers[INSTANCE_HEADER] = self.name
            seconds = time.monotonic() - begun
            metrics.observe(response.status_code, seconds)
            if not deliberate:
                self.guard.request(seconds, response.status_code >= 500)
            return response

        return endpoint

    async def _admitted(self, request: Request, kind: Kind, handler: Handler) -> bytes:
        address = request.client.host if request.client else ""
        if await self.guard.refuse(kind, _user(request), address) is not None:
            raise Refusal(429, "Rate limit exceeded", deliberate=True)
        if await self.defects.suffer():
            raise Refusal(500, "internal error")
        try:
            return await handler(request)
        except ClientDisconnect as error:
            raise Refusal(400, "the client went away before the body was complete") from error
        except UnknownSession as error:
            raise Refusal(404, str(error)) from error
        except Unavailable as error:
            self.sparse.warning("unavailable", f"{request.url.path}: {error}")
            raise Refusal(503, "the database is not available, try again") from error
        except StoreFault as error:
            self.sparse.error("fault", f"{request.url.path}: {error}")
            raise Refusal(500, "internal error") from error

    def _writable(self) -> None:
        if self.guard.read_only:
            raise Refusal(503, "read-only for the moment, try again", deliberate=True)

    async def _cached(self, key: str, seconds: int, fresh: Callable[[], Awaitable[bytes]]) -> bytes:
        """From the cache where it is there, else from the store."""
        found = await self.cache.get(key)
        if found is not None:
            return found
        value = await fresh()
        await self.cache.set(key, value, seconds)
        return value

    async def _cached_when_away(self, key: str, fresh: Callable[[], Awaitable[bytes]]) -> bytes:
        """From the store; from the cache only where the store is not to be asked or does not answer."""
        if self.guard.level == 3 and (found := await self.cache.get(key)) is not None:
            return found
        try:
            value = await fresh()
        except Unavailable:
            if (found := await self.cache.get(key)) is not None:
                return found
            raise
        await self.cache.set(key, value, STALE_SECONDS)
        return value


def _now() -> datetime:
    return datetime.now(UTC)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _word(word: Word) -> dict[str, Any]:
    return {
        "word_id": word.id,
        "spelling": word.spelling,
        "predicted_recall": word.predicted_recall,
        "due_at": word.due_at,
    }


def _user(request: Request) -> int | None:
    """The user that the header names; None where there is none or it is no id."""
    raw = request.headers.get(USER_HEADER, "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 10 else None


def _required_user(request: Request) -> int:
    raw = request.headers.get(USER_HEADER)
    if raw is None:
        raise Refusal(400, "header X-User-Id is missing")
    return _number(raw, "X-User-Id", 1, MOST_USERS)


def _number(raw: str, name: str, least: int, most: int) -> int:
    number = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 20 else 0
    if not least <= number <= most:
        raise Refusal(400, f"{name}: {raw[:40]!r} is not a number from {least} to {most}")
    return number


async def _body(request: Request) -> bytes:
    size = request.headers.get("content-length", "0")
    if not size.isdigit() or int(size) > MOST_BODY:
        raise Refusal(400, f"body is larger than {MOST_BODY} bytes")
    body = await request.body()
    if len(body) > MOST_BODY:
        raise Refusal(400, f"body is larger than {MOST_BODY} bytes")
    return body


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body or b"{}")
    except msgspec.DecodeError as error:
        raise Refusal(400, f"body: {error}") from error


def _aware(moment: datetime, name: str) -> datetime:
    if moment.tzinfo is None:
        raise Refusal(400, f"{name}: needs an offset, like 2026-01-31T14:00:00Z")
    return moment.astimezone(UTC)


def _checked_answer(user: int, body: AnswerBody, now: datetime) -> Answer:
    answered_at = _aware(body.answered_at, "answered_at") if body.answered_at else now
    if not now - OLD_ANSWER <= answered_at <= now + CLOCK_SKEW:
        raise Refusal(400, "answered_at: must be within the last day")
    if not 1 <= body.word_id <= vocabulary.SIZE:
        raise Refusal(400, f"word_id: must be from 1 to {vocabulary.SIZE}")
    if not 0 <= body.response_ms <= 3_600_000:
        raise Refusal(400, "response_ms: must be from 0 to 3600000")
    if not 1 <= body.session_id < 2**62:
        raise Refusal(400, "session_id: must be a positive number")
    return Answer(
        user, body.session_id, body.word_id, answered_at, body.correct, body.response_ms, body.decision_id
    )
