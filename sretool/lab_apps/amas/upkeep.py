"""What operators do to one replica, past the load balancer: restart it gently, and drill a memory leak.

`POST /upkeep/restart` takes the replica out of the traffic and ends it a moment later; whoever supervises it
starts it again. `POST /upkeep/leak {"share": 0.9, "mib_per_s": 16}` lets its memory grow to that share of its
limit, `GET` tells how far it is, `DELETE` frees it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sretool.lab_apps.amas.usage import read_usage

if TYPE_CHECKING:
    from starlette.requests import Request

    from sretool.lab_apps.amas.metrics import Metrics

DRAIN = 2.0
"""Seconds without traffic before the end: twice what the load balancer needs to notice."""
MOST_SHARE = 0.95
"""Above it the kernel kills the replica before anybody has seen the leak."""
_CHUNK = 2**20

log = logging.getLogger("amas.upkeep")


class LeakBody(msgspec.Struct, forbid_unknown_fields=True):
    share: float
    mib_per_s: float = 16.0


class Upkeep:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.draining = False
        """Whether the load balancer is to send nothing any more."""
        self._ending: asyncio.Task[None] | None = None
        self._leak: asyncio.Task[None] | None = None
        self._held: list[bytearray] = []

    def routes(self) -> list[Route]:
        return [
            Route("/upkeep/restart", self.restart, methods=["POST"]),
            Route("/upkeep/leak", self.begin_leak, methods=["POST"]),
            Route("/upkeep/leak", self.tell_leak, methods=["GET"]),
            Route("/upkeep/leak", self.end_leak, methods=["DELETE"]),
        ]

    async def restart(self, _: Request) -> Response:
        if self._ending is None:
            log.warning("asked to restart: out of the traffic, ends in %.0f s", DRAIN)
            self.draining = True
            self._ending = asyncio.create_task(self._end())
        return JSONResponse({"status": "draining"}, 202)

    async def begin_leak(self, request: Request) -> Response:
        try:
            body = msgspec.json.decode(await request.body(), type=LeakBody)
        except msgspec.DecodeError as error:
            return JSONResponse({"error": str(error)}, 400)
        if not 0 < body.share <= MOST_SHARE or not 0 < body.mib_per_s <= 1024:
            return JSONResponse({"error": f"share is up to {MOST_SHARE}, mib_per_s up to 1024"}, 400)
        self._stop_leak()
        log.warning("leaks %.0f MiB/s up to %.0f %% of its memory", body.mib_per_s, body.share * 100)
        self._leak = asyncio.create_task(self._grow(body))
        return JSONResponse(self._told(), 202)

    async def tell_leak(self, _: Request) -> Response:
        return JSONResponse(self._told())

    async def end_leak(self, _: Request) -> Response:
        self._stop_leak()
        self._held.clear()
        return JSONResponse(self._told())

    async def _end(self) -> None:
        await asyncio.sleep(DRAIN)
        os.kill(os.getpid(), signal.SIGTERM)

    async def _grow(self, body: LeakBody) -> None:
        while True:
            if self._share() < body.share:
                # Filled, or the kernel would not count it.
                self._held.append(bytearray(os.urandom(64)) * (_CHUNK // 64))
            await asyncio.sleep(1 / body.mib_per_s)

    def _stop_leak(self) -> None:
        if self._leak is not None:
            self._leak.cancel()
            self._leak = None

    def _share(self) -> float:
        return read_usage().resident_bytes / self._metrics.process.limits().memory_bytes

    def _told(self) -> dict[str, float | bool]:
        return {"leaking": self._leak is not None, "held_mib": len(self._held), "share": self._share()}
