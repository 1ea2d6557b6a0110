"""What is looked at all the time while an experiment runs: objectives, alerts, processes, the stop file.

Every watcher asks on its own beat and hands what is new to `emit`; none of them waits for another, so that
one source that hangs hides nothing but itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sretool.core.alerting.acks import ack_of
from sretool.core.observe.drills import is_drill
from sretool.core.observe.model import AlertState
from sretool.core.plans.chaos.guards import Figures
from sretool.core.runs.events import AlertChange, ProcessChange, SloTick, SourceState
from sretool.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from sretool.core.alerting.silences import Silence
    from sretool.core.observe.model import Alert, RuleAlert, SloStatus
    from sretool.core.runs.events import What
    from sretool.ports import DrillBoard, ProcessNow, ProcessSource, RuleAlertSource
    from sretool.services.watch import Watch

EVERY: Final = 1.0
"""Seconds between two questions to one source."""
_PROCESSES_EVERY: Final = 0.25
PROMETHEUS: Final = "prometheus"
ALERTMANAGER: Final = "alertmanager"


@dataclass(frozen=True, slots=True)
class Answered:
    """A source answered; what it said is told apart. Not written down: it only feeds the guards."""

    source: str


@dataclass(frozen=True, slots=True)
class SloReading:
    """One look at every objective."""

    figures: tuple[Figures, ...]
    ticks: tuple[SloTick, ...]


@dataclass(slots=True)
class Sources:
    """Who can be asked; None: there is nobody."""

    watch: Watch | None = None
    rules: RuleAlertSource | None = None
    board: DrillBoard | None = None
    processes: ProcessSource | None = None

    async def aclose(self) -> None:
        for each in (self.watch, self.rules, self.board):
            if each is not None:
                with contextlib.suppress(SourceError, OSError):
                    await each.aclose()


@dataclass(slots=True)
class _OneAlert:
    name: str
    state: str
    severity: str | None
    received: bool = False


@dataclass(slots=True)
class Watchers:
    """All of them together, from `start` to `stop`."""

    sources: Sources
    emit: Callable[[What | Answered | SloReading], None]
    expected: frozenset[str] = frozenset()
    """Names of alerts that the plan says will come."""
    every: float = EVERY
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _ok: dict[str, bool] = field(default_factory=dict)
    _alerts: dict[str, _OneAlert] = field(default_factory=dict)
    _hidden: dict[str, str] = field(default_factory=dict)
    _before: frozenset[str] | None = None
    """Alerts that were there when watching began."""
    _left: dict[str, float] = field(default_factory=dict)
    _processes: dict[str, ProcessNow] = field(default_factory=dict)

    def start(self) -> None:
        watched: list[Coroutine[None, None, None]] = []
        if self.sources.watch is not None:
            watched.append(self._each(self.every, self._look_at_slos))
        if self.sources.rules is not None:
            watched.append(self._each(self.every, self._look_at_rules))
        if self.sources.board is not None:
            watched.append(self._each(self.every, self._look_at_board))
        if self.sources.processes is not None:
            watched.append(self._each(_PROCESSES_EVERY, self._look_at_processes))
        self._tasks = [asyncio.create_task(each) for each in watched]

    async def stop(self) -> None:
        """Nothing is emitted after that but how each source stands at last."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for source, ok in self._ok.items():
            self.emit(SourceState(source, ok))

    @property
    def open_alerts(self) -> tuple[str, ...]:
        """Names of alerts that came since watching began and have not gone."""
        before = self._before or frozenset()
        return tuple(each.name for key, each in self._alerts.items() if key not in before)

    @property
    def away(self) -> tuple[str, ...]:
        """Processes that are not up."""
        return tuple(each.name for each in self._processes.values() if not _up(each))

    @staticmethod
    async def _each(seconds: float, look: Callable[[], Coroutine[None, None, None]]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await look()
            await asyncio.sleep(max(0.05, seconds - (loop.time() - began)))

    def _stands(self, source: str, *, ok: bool, text: str = "") -> None:
        if ok and source == PROMETHEUS:
            self.emit(Answered(source))
        if self._ok.get(source) is not ok:
            self._ok[source] = ok
            self.emit(SourceState(source, ok, text))

    # --- objectives ---------------------------------------------------------------------------------------

    async def _look_at_slos(self) -> None:
        assert self.sources.watch is not None
        snapshot = await self.sources.watch.poll_metrics(changes=False)
        health = next(each for each in snapshot.sources if each.name == PROMETHEUS)
        if not health.ok:
            if self.sources.rules is None:
                self._stands(PROMETHEUS, ok=False, text=health.error or "")
            return
        if self.sources.rules is None:
            self._stands(PROMETHEUS, ok=True)
        self.emit(self._reading(snapshot.statuses))

    def _reading(self, statuses: Sequence[SloStatus]) -> SloReading:
        figures, ticks = [], []
        for status in statuses:
            slo, left = str(status.slo.id), status.budget_left
            if left is not None:
                self._left.setdefault(slo, left)
            spent = max(0.0, self._left[slo] - left) if left is not None else None
            burn = status.burns[min(status.burns)] if status.burns else None
            figures.append(Figures(slo, burn, spent, left))
            ticks.append(SloTick(slo, status.sli, burn, spent))
        return SloReading(tuple(figures), tuple(ticks))

    # --- alerts -------------------------------------------------------------------------------------------

    async def _look_at_rules(self) -> None:
        assert self.sources.rules is not None
        try:
            found = await self.sources.rules.rule_alerts()
        except SourceError as error:
            self._stands(PROMETHEUS, ok=False, text=error.message)
            return
        self._stands(PROMETHEUS, ok=True)
        self._take(found)

    def _take(self, found: Sequence[RuleAlert]) -> None:
        now = {alert_key(each.name, each.labels): each for each in found if not _always(each.labels)}
        first = self._before is None
        if first:
            self._before = frozenset(now)
        for key, alert in now.items():
            state = "firing" if alert.firing else "pending"
            known = self._alerts.get(key)
            if known is None or known.state != state:
                received = known.received if known is not None else False
                severity = alert.labels.get("severity")
                self._alerts[key] = _OneAlert(alert.name, state, severity, received)
                self.emit(self._change(key, state, alert))
        for key in [key for key in self._alerts if key not in now]:
            gone = self._alerts.pop(key)
            self.emit(
                AlertChange(gone.name, "resolved", gone.severity, key, expected=self._expects(gone.name))
            )

    def _change(self, key: str, state: str, alert: RuleAlert) -> AlertChange:
        return AlertChange(
            alert.name,
            state,
            alert.labels.get("severity"),
            key,
            expected=self._expects(alert.name),
            since=alert.since if state == "pending" else None,
            for_s=alert.for_s,
            interval_s=alert.interval_s,
        )

    def _expects(self, name: str) -> bool | None:
        return name in self.expected

    async def _look_at_board(self) -> None:
        assert self.sources.board is not None
        try:
            found = [
                each
                for each in await self.sources.board.alerts()
                if not is_drill(each) and not _always(each.labels)
            ]
            hidden = any(each.state is AlertState.SILENCED for each in found)
            silences = {each.id: each for each in await self.sources.board.silences()} if hidden else {}
        except SourceError as error:
            self._stands(ALERTMANAGER, ok=False, text=error.message)
            return
        self._stands(ALERTMANAGER, ok=True)
        there = {alert_key(alert.name, alert.labels) for alert in found}
        for key in self._hidden.keys() - there:
            # Should it come again, it is told again whether somebody has taken it already.
            del self._hidden[key]
        for alert in found:
            self._take_received(alert)
            self._take_hidden(alert, silences)

    def _take_received(self, alert: Alert) -> None:
        known = self._alerts.get(alert_key(alert.name, alert.labels))
        if known is not None and known.state == "firing" and not known.received:
            known.received = True
            self.emit(self._told(alert, "received"))

    def _take_hidden(self, alert: Alert, silences: Mapping[str, Silence]) -> None:
        key = alert_key(alert.name, alert.labels)
        state, by, since = _hidden(alert, silences)
        if self._hidden.get(key, "") != state:
            self._hidden[key] = state
            if state:
                self.emit(self._told(alert, state, by, since))

    def _told(self, alert: Alert, state: str, by: str = "", since: datetime | None = None) -> AlertChange:
        return AlertChange(
            alert.name,
            state,
            alert.labels.get("severity"),
            alert_key(alert.name, alert.labels),
            expected=self._expects(alert.name),
            by=by,
            since=since,
        )

    # --- processes ----------------------------------------------------------------------------------------

    async def _look_at_processes(self) -> None:
        assert self.sources.processes is not None
        for now in self.sources.processes.processes():
            before = self._processes.get(now.name)
            self._processes[now.name] = now
            if before is not None:
                for change in _changes(before, now):
                    self.emit(change)


def _changes(before: ProcessNow, now: ProcessNow) -> list[ProcessChange]:
    found = []
    if before.pid is not None and now.pid != before.pid:
        found.append(ProcessChange(now.name, "ended", before.pid))
    if now.pid is not None and now.pid != before.pid:
        again = f"restart {now.restarts}" if now.restarts > before.restarts else ""
        found.append(ProcessChange(now.name, "started", now.pid, again))
    if now.ready and now.pid is not None and (not before.ready or now.pid != before.pid):
        found.append(ProcessChange(now.name, "ready", now.pid))
    elif before.ready and not now.ready and now.pid == before.pid:
        found.append(ProcessChange(now.name, "not ready", now.pid))
    return found


def _up(process: ProcessNow) -> bool:
    return process.pid is not None and process.ready


def _always(labels: Mapping[str, str]) -> bool:
    """A dead man's switch fires all the time."""
    return labels.get("severity") == "none"


def alert_key(name: str, labels: Mapping[str, str]) -> str:
    """The same for an alert in Prometheus and in Alertmanager, as long as no external labels are added."""
    plain = {key: value for key, value in labels.items() if key != "alertname"}
    return hashlib.sha256(json.dumps([name, plain], sort_keys=True).encode()).hexdigest()[:16]


def _hidden(alert: Alert, silences: Mapping[str, Silence]) -> tuple[str, str, datetime | None]:
    """Why nobody is told of it any more, who saw to that, and since when; empty: it is told."""
    if alert.state is AlertState.SILENCED:
        found = sorted(
            (silences[each] for each in alert.silenced_by if each in silences), key=lambda each: each.starts
        )
        ack = next((ack for each in found if (ack := ack_of(each)) is not None), None)
        if ack is not None:
            return "acknowledged", ack.owner, ack.since
        return ("silenced", found[0].created_by, found[0].starts) if found else ("silenced", "", None)
    return ("inhibited", "", None) if alert.state is AlertState.INHIBITED else ("", "", None)
