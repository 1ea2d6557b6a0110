"""One replica of the reference service: the vocabulary app with its decision engine.

    python -m sretool.lab_apps.amas.service --name app-1 --port P

Environment: AMAS_DATABASE_URL (empty: rows live in memory), AMAS_REDIS_URL (empty: limits and cache are
local), AMAS_CGROUP_CPU and AMAS_CGROUP_MEMORY (directories of the process's own cgroup, whose limits are
exported), AMAS_DEFECTS (file that makes it a worse version, see `defects`).

/health says that the process answers and is what a load balancer should ask: a replica that lost its database
still serves decisions and cached reads. /ready says whether it can do everything.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.lab_apps import logs, server
from sretool.lab_apps.amas.api import Api, Health
from sretool.lab_apps.amas.cache import LocalCache, RedisCache
from sretool.lab_apps.amas.defects import Defects
from sretool.lab_apps.amas.engine import Engine
from sretool.lab_apps.amas.guard import Guard
from sretool.lab_apps.amas.limits import LocalWindows, RedisWindows
from sretool.lab_apps.amas.memory import MemoryStore
from sretool.lab_apps.amas.metrics import LogCounter, Metrics
from sretool.lab_apps.amas.pool import Pool
from sretool.lab_apps.amas.postgres import PostgresStore
from sretool.lab_apps.amas.redis_client import Redis
from sretool.lab_apps.amas.seeding import trained_model
from sretool.lab_apps.amas.store import StoreError
from sretool.lab_apps.amas.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.applications import Starlette

    from sretool.lab_apps.amas.store import Store

POOL_SIZE = 10
TICK = 1.0
"""Seconds between two judgements of the protection."""
REFRESH = 10.0
"""Seconds between two looks at the model and the number of active users."""
PING = 5.0
"""Seconds between two pings of the database in good times; in bad ones it is pinged every tick."""
REDIS_TIMEOUT = 0.2

log = logging.getLogger("amas.service")


@dataclass(frozen=True, slots=True)
class Settings:
    name: str
    database_url: str = ""
    redis_url: str = ""
    cgroup_cpu: Path | None = None
    cgroup_memory: Path | None = None
    defects: Path | None = None

    @classmethod
    def read(cls, name: str, environment: Mapping[str, str]) -> Settings:
        cpu, memory = environment.get("AMAS_CGROUP_CPU"), environment.get("AMAS_CGROUP_MEMORY")
        defects = environment.get("AMAS_DEFECTS")
        return cls(
            name,
            environment.get("AMAS_DATABASE_URL", ""),
            environment.get("AMAS_REDIS_URL", ""),
            Path(cpu) if cpu else None,
            Path(memory) if memory else None,
            Path(defects) if defects else None,
        )


class Replica:
    """The parts of one replica, put together, and what it does in the background."""

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics(settings.cgroup_cpu, settings.cgroup_memory)
        sparse = logs.Sparse(log)
        self._redis = Redis(settings.redis_url, REDIS_TIMEOUT) if settings.redis_url else None
        windows = RedisWindows(self._redis, sparse) if self._redis else LocalWindows()
        self.guard = Guard(self.metrics, windows, log)
        self._pool: Pool | None = None
        self.store = self._store(settings)
        self.defects = Defects(settings.defects)
        self.engine = Engine(self.store, self.metrics, trained_model(), defects=self.defects)
        self.health = Health()
        self.api = Api(
            name=settings.name,
            store=self.store,
            cache=RedisCache(self._redis, sparse) if self._redis else LocalCache(),
            engine=self.engine,
            guard=self.guard,
            metrics=self.metrics,
            health=self.health,
            sparse=sparse,
            defects=self.defects,
            upkeep=Upkeep(self.metrics),
        )

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._ping()
        tasks = [
            server.vital(self._protect(), "protection"),
            server.vital(self._watch_database(), "watch of the database"),
            server.vital(self._refresh(), "refresh"),
        ]
        yield
        await server.cancelled(*tasks)
        await self.store.close()
        if self._redis:
            await self._redis.close()

    def _store(self, settings: Settings) -> Store:
        if not settings.database_url:
            self.metrics.db_max.set(0)
            return MemoryStore()
        self._pool = Pool(settings.database_url, POOL_SIZE, settings.name)
        self.metrics.db_max.set(POOL_SIZE)
        return PostgresStore(self._pool, self.metrics, self.guard.query)

    async def _protect(self) -> None:
        while True:
            now = time.monotonic()
            self.defects.reload()
            used = self._pool.used if self._pool else 0
            self.metrics.db_active.set(used)
            self.metrics.native_breaker.set(self.engine.breaker.state(now))
            self.guard.tick(now, used / POOL_SIZE, self.engine.breaker.failing(now))
            await asyncio.sleep(TICK)

    async def _watch_database(self) -> None:
        while True:
            well = self.health.database_ok and self.guard.level < 3
            await asyncio.sleep(PING if well else TICK)
            await self._ping()

    async def _ping(self) -> None:
        try:
            await self.store.ping()
        except StoreError as error:
            if self.health.database_ok or self.health.reason == "starting":
                log.warning("database: %s", error)
            self.health.database_ok, self.health.reason = False, str(error)
            return
        if not self.health.database_ok:
            log.info("database answers")
        self.health.database_ok, self.health.reason = True, ""

    async def _refresh(self) -> None:
        while True:
            try:
                await self.engine.reload()
                self.metrics.active_users.set(await self.store.active_users(datetime.now(UTC)))
            except StoreError as error:
                log.debug("not refreshed: %s", error)  # the watch of the database says it once
            await asyncio.sleep(REFRESH)


async def _main(settings: Settings, port: int) -> None:
    replica = Replica(settings)
    logging.getLogger().addHandler(LogCounter(replica.metrics))
    if not settings.database_url:
        log.warning("no database: sessions and answers are kept in memory and lost with this process")
    if not settings.redis_url:
        log.warning("no Redis: rate limits and cache are this process's own")
    limits = replica.metrics.process.limits()
    log.info(
        "%s, pid %d, on 127.0.0.1:%d; %.2f cores, %d MiB%s",
        settings.name,
        os.getpid(),
        port,
        limits.cpu_cores,
        limits.memory_bytes // 2**20,
        "" if limits.enforced else " (not enforced)",
    )
    await server.serve(replica.api.application(replica.lifespan), port)
    log.info("%s stopped", settings.name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="service", description="One replica of the reference service.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logs.configure()
    server.run(_main(Settings.read(options.name, os.environ), options.port))


if __name__ == "__main__":
    main()
