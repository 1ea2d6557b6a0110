"""Servers that are only computed: what a load generator would have seen of them, second by second.

Each takes a request at its arrival and says when it is answered and whether well; `Bench` lets requests
arrive at whatever rate it is told and counts what ends in each second, as the generator does.
"""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sretool.core.analysis.capacity import Second
from sretool.core.analysis.totals import NANO, Total, Totals

if TYPE_CHECKING:
    from collections.abc import Callable


class Server(Protocol):
    def answer(self, at: float) -> tuple[float, bool]:
        """When a request that comes at `at` (never before the last one) is answered, and whether well."""
        ...


def constant(seconds: float) -> Callable[[random.Random], float]:
    return lambda dice: seconds


def exponential(mean: float) -> Callable[[random.Random], float]:
    return lambda dice: dice.expovariate(1 / mean)


def lognormal(mean: float, sigma: float) -> Callable[[random.Random], float]:
    mu = math.log(mean) - sigma**2 / 2
    return lambda dice: dice.lognormvariate(mu, sigma)


@dataclass
class Queue:
    """One queue, one or several workers, first come first served: M/D/1, M/M/c, …"""

    service: Callable[[random.Random], float]
    workers: int = 1
    latency: float = 0.0002
    """Of the way there and back, no matter what waits."""
    timeout: float | None = None
    """When a client gives up; the work is done all the same."""
    pause_every: float | None = None
    """Mean seconds between pauses of the whole server (a collector of garbage, a neighbour)."""
    pause: float = 0.0
    seed: int = 0
    _free: list[float] = field(default_factory=list)
    _next_pause: float = field(default=math.inf, init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._free = [0.0] * self.workers
        if self.pause_every is not None:
            self._next_pause = self._dice.expovariate(1 / self.pause_every)

    def answer(self, at: float) -> tuple[float, bool]:
        while at >= self._next_pause and self.pause_every is not None:
            over = self._next_pause + self.pause
            self._free = [max(free, over) for free in self._free]
            heapq.heapify(self._free)
            self._next_pause += self._dice.expovariate(1 / self.pause_every)
        begin = max(at, self._free[0])
        end = begin + self.service(self._dice)
        heapq.heapreplace(self._free, end)
        took = end - at + self.latency
        if self.timeout is not None and took > self.timeout:
            return at + self.timeout, False
        return at + took, True


@dataclass
class Bucket:
    """Turns away what exceeds a rate, at once."""

    rate: float
    burst: float
    latency: float = 0.002
    _tokens: float = 0.0
    _at: float = 0.0

    def answer(self, at: float) -> tuple[float, bool]:
        self._tokens = min(self.burst, self._tokens + (at - self._at) * self.rate)
        self._at = at
        well = self._tokens >= 1
        if well:
            self._tokens -= 1
        return at + (self.latency if well else 0.0003), well


class Bench:
    """A generator before a server."""

    def __init__(
        self,
        server: Server,
        *,
        poisson: bool = True,
        seed: int = 0,
        most: float = math.inf,
        blind: bool = False,
        per_arrival: int = 1,
    ) -> None:
        """`most`: requests a second the generator can send; `blind`: it doesn't know what is under way;
        `per_arrival`: requests that follow each other at once."""
        self.server = server
        self._poisson = poisson
        self._dice = random.Random(seed)
        self._most = most
        self._blind = blind
        self._per_arrival = per_arrival
        self._now = 0.0
        self._due = 0.0
        self._under_way: list[tuple[float, float, bool]] = []

    def second(self, rate: float) -> Second:
        end = self._now + 1.0
        sent = min(rate, self._most)
        if sent > 0:
            self._due = (
                max(self._due, self._now) if self._due < self._now + 1 / sent else self._now + 1 / sent
            )
            while self._due < end:
                for _ in range(self._per_arrival):
                    answered, well = self.server.answer(self._due)
                    heapq.heappush(self._under_way, (answered, self._due, well))
                self._due += self._dice.expovariate(sent) if self._poisson else 1 / sent
        self._now = end
        total, latencies = Total(), list[float]()
        while self._under_way and self._under_way[0][0] < end:
            answered, due, well = heapq.heappop(self._under_way)
            latencies.append((answered - due) * NANO)
            total.requests += 1
            total.failures += not well
        total.latency.add(latencies)
        totals = Totals(1.0)
        totals.add("GET /", total)
        return Second(
            totals,
            in_flight=None if self._blind else len(self._under_way),
            cpu=min(rate / self._most, 1.0) if self._most < math.inf else 0.2,
            lag_s=0.001,
        )
