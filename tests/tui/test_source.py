from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from sretool.errors import UsageError
from sretool.tui.source import BackgroundWatch
from tests.support.dashboard import FakeClock, FakeWatch, slo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.observe.model import Snapshot


class _Noted(FakeWatch):
    """Notes which thread asks, and that the first request has been answered."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.threads: set[str] = set()
        self.answered = threading.Event()
        self.closed = False

    async def poll_metrics(self) -> Snapshot:
        self.threads.add(threading.current_thread().name)
        snapshot = await super().poll_metrics()
        self.answered.set()
        return snapshot

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def noted() -> _Noted:
    return _Noted()


@pytest.fixture
def background(noted: _Noted) -> Iterator[BackgroundWatch]:
    watch = BackgroundWatch(lambda: noted)
    yield watch
    watch.close()


async def test_the_first_request_leaves_before_anybody_asks(
    noted: _Noted, background: BackgroundWatch
) -> None:
    assert noted.answered.wait(5)
    first = await background.poll_metrics()
    assert noted.asked["prometheus"] == 1
    assert first.source("prometheus") is not None
    await background.poll_metrics()
    assert noted.asked["prometheus"] == 2


async def test_everything_runs_on_one_other_thread(noted: _Noted, background: BackgroundWatch) -> None:
    await background.poll_metrics()
    await background.poll_alerts()
    history = await background.history(slo())
    assert history.slo == "amas/learning-availability"
    assert noted.threads == {"watch"}


def test_closing_twice_is_harmless_and_closes_the_watch(noted: _Noted, background: BackgroundWatch) -> None:
    assert background.snapshot.statuses
    background.close()
    background.close()
    assert noted.closed
    assert "watch" not in {thread.name for thread in threading.enumerate()}


def test_a_watch_that_cannot_be_made_says_so_where_it_is_needed() -> None:
    def broken() -> FakeWatch:
        raise UsageError("no such certificate")

    watch = BackgroundWatch(broken)
    try:
        with pytest.raises(UsageError, match="no such certificate"):
            _ = watch.snapshot
    finally:
        watch.close()
