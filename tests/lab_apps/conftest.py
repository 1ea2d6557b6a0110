from __future__ import annotations

import asyncio

import pytest


@pytest.fixture(scope="session", autouse=True)
def _no_loop_but_the_tests_own() -> None:
    """Asking for the current loop before the first asyncio test would create one that nobody closes."""
    asyncio.set_event_loop(None)
