"""What every test of the dashboard needs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from textual import app, pilot

_TURNS = 4
"""Turns of the loop without any work after which there will be none until a timer or a thread ends."""


def _working(loop: Any) -> bool:
    """Whether something is ready to run, or runs in a thread of the loop."""
    pool = loop._default_executor
    in_threads = pool is not None and (
        not pool._work_queue.empty() or pool._idle_semaphore._value < len(pool._threads)
    )
    return bool(loop._ready) or in_threads


async def _wait_for_idle(min_sleep: float = 0, max_sleep: float = 1) -> None:
    loop = asyncio.get_running_loop()
    end = time.monotonic() + max_sleep
    turns = 0
    while turns < _TURNS and time.monotonic() < end:
        await asyncio.sleep(0)
        turns = 0 if _working(loop) else turns + 1


@pytest.fixture(autouse=True, scope="session")
def _keys_without_waiting() -> None:
    """Textual watches the process for 60 ms after a key, to see whether it is idle; the loop knows."""
    for module in (app, pilot):
        module.wait_for_idle = _wait_for_idle  # type: ignore[attr-defined]
