"""Who makes the load: this process, or workers that it leads over Locust's own protocol."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import locust
import locust.runners

from sretool.core.plans.load.plan import PROTOCOL
from sretool.core.runs.events import ProcessChange, WorkerTick
from sretool.load import scenarios
from sretool.load.health import Health
from sretool.load.transport import WATCHDOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from sretool.core.plans.load.plan import LoadPlan
    from sretool.load.scenarios import Pace

HELLO: Final = "sretool_hello"
"""Worker to master: who I am."""
REFUSED: Final = "sretool_refused"
BEGAN: Final = "sretool_began"
"""Master to a worker that comes late: so many seconds ago."""
RATE: Final = "sretool_rate"
TELL: Final = "sretool_tell"
"""Master to workers: report now; the number comes back with the report."""
STOP: Final = "sretool_stop"
STOPPED: Final = "sretool_stopped"
HEALTH: Final = "sretool_health"
"""Our part of a worker's report."""

_GATHER: Final = 30.0
"""Seconds to wait for local workers."""
_REPORT: Final = 0.5
"""Seconds to wait for the reports of one tick; what is later counts in the next."""
_RARELY: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Condition:
    """How those who make the load are."""

    workers: tuple[WorkerTick, ...]
    lag: float | None
    """The longest of any of them, seconds."""
    in_flight: int


class CannotLead(Exception):
    """The workers are not there."""


def condition(environment: Environment, health: Health) -> dict[str, Any]:
    """Of this process, since the time before."""
    cpu, lag = health.take()
    waiting = sum(len(pool.waiting) for pool in scenarios.pools(environment))
    return {"cpu": cpu, "lag": lag, "in_flight": WATCHDOG.under_way() + waiting}


def stop_users(environment: Environment) -> int:
    """Let requests under way end; how many arrivals never began."""
    pools = scenarios.pools(environment)
    runner = environment.runner
    assert runner is not None
    runner.stop()
    return sum(len(pool.waiting) for pool in pools)


def identity(plan: LoadPlan) -> dict[str, Any]:
    """What master and workers must have in common, and who this is."""
    return {
        "sretool": version("sretool"),
        "locust": locust.__version__,
        "protocol": PROTOCOL,
        "profile": plan.profile,
        "fingerprint": plan.fingerprint,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
    }


class Alone:
    """This process makes the load itself."""

    number = 0

    def join(self, environment: Environment) -> None:
        self._environment = environment
        environment.create_local_runner()
        self._health = Health()

    def gather(self, tell: Callable[[ProcessChange], None], pace: Pace) -> tuple[str, ...]:
        self._pace = pace
        self._health.take()
        return ("local",)

    def condition(self) -> Condition:
        found = condition(self._environment, self._health)
        return Condition((WorkerTick("local", found["cpu"]),), found["lag"], found["in_flight"])

    def watch(self) -> None:
        """Nobody to lose."""

    def set_rate(self, rate: float) -> None:
        self._pace.set(rate)

    def stop(self) -> int:
        return stop_users(self._environment)

    def close(self) -> None:
        self._health.close()
