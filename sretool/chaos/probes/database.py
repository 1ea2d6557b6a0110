"""PostgreSQL servers, each asked under its own address: who accepts writes, and who follows whom.

`servers` is name → address (`postgresql://…`, by a role that may read statistics); without it those of the
lab are meant.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

import psycopg
from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources
from sretool.chaos.lab import NODES
from sretool.chaos.servers import Server
from sretool.chaos.writes import STANDBY, WRITABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

Servers = dict[str, str] | None


def primary(servers: Servers = None, lab: str = "", commits: bool = False) -> str:
    """Name of the only server that accepts writes; fails where there is none or more than one.

    `commits`: it counts only where it commits a write now (a message in its log, nothing in tables).
    """
    states = _states(servers, lab, commits=commits)
    found = [name for name, state in states.items() if state == WRITABLE]
    if len(found) != 1:
        raise ActivityFailed(f"{len(found)} servers accept writes: {_told(states)}")
    return found[0]


def primaries(servers: Servers = None, lab: str = "", commits: bool = True, wait: float = 0.0) -> int:
    """How many servers commit writes at this moment; more than 1 is a split brain.

    `commits` false: how many say that they would. `wait`: seconds that it may take until it is one.
    """
    found = [0]

    def one() -> bool:
        found[0] = sum(state == WRITABLE for state in _states(servers, lab, commits=commits).values())
        return found[0] == 1

    sources.wait_until(one, wait)
    return found[0]


def standbys(servers: Servers = None, lab: str = "") -> int:
    """How many servers answer and accept no writes."""
    return sum(state == STANDBY for state in _states(servers, lab).values())


def streaming(servers: Servers = None, lab: str = "") -> int:
    """How many standbys stream from the primary; fails where there is no primary or it does not tell."""
    addresses = _addresses(servers, lab)
    name = primary(addresses, lab)
    found = asyncio.run(Server(name, addresses[name]).reading(None, {}))
    if found.streaming is None:
        raise ActivityFailed(f"{name} does not tell who streams from it")
    return found.streaming


def redundant(wait: float = 0.0, servers: Servers = None, lab: str = "") -> bool:
    """Whether exactly one server accepts writes and all others stream from it, within `wait` seconds."""
    addresses = _addresses(servers, lab)
    if len(addresses) < 2:
        raise ActivityFailed("there is only one server: nothing can be redundant")

    def all_follow() -> bool:
        return streaming(addresses, lab) >= len(addresses) - 1

    return sources.wait_until(all_follow, wait)


def is_primary(name: str, wait: float = 0.0, servers: Servers = None, lab: str = "") -> bool:
    """Whether the server `name` is the one that accepts writes, within `wait` seconds."""
    return sources.wait_until(lambda: primary(servers, lab) == name, wait)


def round_trip(url: str = "", proxy: str = "database", times: int = 5, lab: str = "") -> float:
    """Median seconds from a query to its answer, on a connection that is open already.

    `url`: `postgresql://…`; without it the way that the lab's service takes, through `proxy` of its
    Toxiproxy. Fails where fewer than half of `times` queries are answered.
    """
    address = url or _through(proxy, lab)
    took = []
    try:
        with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
            for _ in range(times):
                began = time.monotonic()
                connection.execute("SELECT 1")
                took.append(time.monotonic() - began)
    except (psycopg.Error, OSError) as error:
        if len(took) * 2 < times:
            raise ActivityFailed(f"no answer through {proxy}: {type(error).__name__}") from error
    return statistics.median(took)


def _through(proxy: str, lab: str) -> str:
    found = sources.lab(lab)
    if "toxiproxy" not in found.endpoints:
        raise ActivityFailed("the lab has no toxiproxy")
    told = sources.get(f"{found.endpoints['toxiproxy']}/proxies/{proxy}")
    return f"postgresql://probe@{told['listen']}/app"


def _addresses(servers: Servers, lab: str) -> dict[str, str]:
    if servers:
        return dict(servers)
    endpoints: Mapping[str, str] = sources.lab(lab).endpoints
    found = {
        node: endpoints[name].replace("://", "://probe@", 1)
        for node in NODES
        if (name := node.replace("-", "_")) in endpoints
    }
    if not found:
        raise ActivityFailed("the lab has no database")
    return found


def _states(servers: Servers, lab: str, *, commits: bool = False) -> dict[str, str]:
    addresses = _addresses(servers, lab)

    async def one(server: Server) -> str:
        try:
            return await server.state(commits=commits)
        finally:
            await server.close()

    async def ask() -> list[str]:
        return list(await asyncio.gather(*(one(Server(*each)) for each in addresses.items())))

    return dict(zip(addresses, asyncio.run(ask()), strict=True))


def _told(states: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {state}" for name, state in states.items())
