"""Which part of a test's work is this process's, where several workers do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locust import events
from locust.runners import MasterRunner, WorkerRunner

if TYPE_CHECKING:
    from locust.env import Environment


@dataclass(frozen=True, slots=True)
class Share:
    index: int = 0
    """From 0 on."""
    count: int = 1
    """Workers; more than were expected count, too."""


_environment: Environment | None = None


def _remember(environment: Environment, **_: Any) -> None:
    global _environment
    _environment = environment


events.init.add_listener(_remember)


def mine() -> Share:
    """This process's; known when the test starts, not before."""
    return of(_environment)


def of(environment: Environment | None) -> Share:
    runner = environment.runner if environment is not None else None
    if environment is None or not isinstance(runner, WorkerRunner) or runner.worker_index < 0:
        return Share()
    options = environment.parsed_options
    expected = getattr(options, "expect_workers", 1) or 1
    return Share(runner.worker_index, max(expected, runner.worker_index + 1))


def workers() -> int:
    """Processes with users of their own that are there now; 1 where this is the only one."""
    runner = _environment.runner if _environment is not None else None
    return max(runner.worker_count, 1) if isinstance(runner, MasterRunner) else 1
