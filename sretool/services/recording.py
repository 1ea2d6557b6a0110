"""Writing down what a dashboard is told while it watches, so that it can be shown again later."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sretool.core.observe.replay import Recorder
from sretool.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from sretool.core.observe.model import SloHistory, Snapshot
    from sretool.core.observe.questions import Answers, Wanted
    from sretool.core.observe.recording import Seen
    from sretool.core.slo.model import Slo, SloId
    from sretool.ports import Clock
    from sretool.services.watch import Watch


class Session:
    """A recording that is going on, or none. Its methods may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._recorder: Recorder | None = None

    @property
    def running(self) -> bool:
        return self._recorder is not None

    def start(self, write: Callable[[dict[str, Any]], None], head: Mapping[str, Any]) -> None:
        """From now on everything is handed to `write`, line by line."""
        with self._lock:
            self._recorder = Recorder(write, head, self._clock.now())

    def stop(self) -> None:
        with self._lock:
            self._recorder = None

    def snapshot(self, snapshot: Snapshot) -> None:
        with self._lock:
            if self._recorder is not None:
                self._recorder.snapshot(snapshot, self._clock.now())

    def history(self, slo: SloId, found: SloHistory | str) -> None:
        """A history, or why there was none."""
        with self._lock:
            if self._recorder is not None:
                self._recorder.history(slo, found, self._clock.now())

    def answers(self, answers: Answers) -> None:
        with self._lock:
            if self._recorder is not None:
                self._recorder.answers(answers, self._clock.now())

    def query(self, slo: Slo, step: timedelta, expr: str) -> None:
        with self._lock:
            if self._recorder is not None:
                self._recorder.query(slo.id, step, expr, self._clock.now())

    def seen(self, seen: Seen) -> None:
        with self._lock:
            if self._recorder is not None:
                self._recorder.seen(seen, self._clock.now())


class RecordedWatch:
    """A watch whose answers are written down on their way."""

    def __init__(self, watch: Watch, session: Session) -> None:
        self._watch = watch
        self._session = session

    @property
    def snapshot(self) -> Snapshot:
        return self._watch.snapshot

    async def poll_metrics(self) -> Snapshot:
        snapshot = await self._watch.poll_metrics()
        self._session.snapshot(snapshot)
        return snapshot

    async def poll_alerts(self) -> Snapshot:
        snapshot = await self._watch.poll_alerts()
        self._session.snapshot(snapshot)
        return snapshot

    async def history(self, slo: Slo) -> SloHistory:
        try:
            found = await self._watch.history(slo)
        except SourceError as error:
            self._session.history(slo.id, error.message)
            raise
        self._session.history(slo.id, found)
        return found

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        expr = self._watch.error_ratio(slo, step)
        self._session.query(slo, step, expr)
        return expr

    async def ask(self, wanted: Wanted) -> Answers:
        answers = await self._watch.ask(wanted)
        self._session.answers(answers)
        return answers

    async def aclose(self) -> None:
        await self._watch.aclose()
