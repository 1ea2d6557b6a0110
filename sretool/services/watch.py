"""Watching SLOs: each poll asks one source once and makes a new whole snapshot of everything known.

A source that fails keeps its last values and says so in its health; nothing is cleared and nothing turns ok
because of a failure. The loop, its interval and its back-off belong to the caller.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe import assemble, causes, drills, release
from sretool.core.observe.model import Change, Snapshot, SourceHealth
from sretool.core.observe.plan import CHANGES_BACK
from sretool.core.observe.remembered import remembered
from sretool.core.slo import policy as policies
from sretool.errors import SourceError
from sretool.services.dead_man import DeadManWatch
from sretool.services.panels import Panels
from sretool.services.reading import MetricsReader, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.catalog.model import Dependency
    from sretool.core.observe.model import Alert, Drill, SloHistory
    from sretool.core.observe.questions import Answers, Wanted
    from sretool.core.slo.model import Slo
    from sretool.core.slo.policy import Policy
    from sretool.ports import Clock, Diary, Served, SnapshotKeeper, WatchedAlerts, WatchedMetrics

PROMETHEUS: Final = "prometheus"
ALERTMANAGER: Final = "alertmanager"

_OLD_DATA: Final = timedelta(minutes=3)
"""Age of the newest samples from which on another server is asked, where there is one."""

_KEPT_AFTER: Final = 0.3
"""Seconds after which a new snapshot is handed to the keeper."""

_REMEMBERED: Final = 50
"""Events of our own that are kept for the list of changes."""


class Watch:
    """The SLOs of a catalog as seen by one Prometheus and, where there is one, one Alertmanager."""

    def __init__(
        self,
        slos: Sequence[Slo],
        metrics: WatchedMetrics,
        alerts: WatchedAlerts | None,
        clock: Clock,
        policy: Policy = policies.DEFAULT,
        diary: Diary | None = None,
        dependencies: Sequence[Dependency] = (),
        keeper: SnapshotKeeper | None = None,
    ) -> None:
        self._slos = tuple(slos)
        self._metrics = metrics
        self._alerts = alerts
        self._clock = clock
        self._policy = policy
        self._diary = diary
        """None: nothing is written down."""
        self._dead_man = DeadManWatch()
        self._judging = assemble.Judging()
        self._reader = MetricsReader(self._slos, metrics, dependencies)
        self._panels = Panels(metrics, clock)
        self._reading = Reading()
        self._seen: deque[Change] = deque(maxlen=_REMEMBERED)
        """What happened while we watched and no server remembers: sources lost and back, alerts resolved."""
        now = clock.now()
        self._turned_at = now
        self._health = {
            name: SourceHealth(name, False, now, None, None, None, None)
            for name in ((PROMETHEUS,) if alerts is None else (PROMETHEUS, ALERTMANAGER))
        }
        self._snapshot = Snapshot(
            seq=0,
            at=now,
            took=timedelta(),
            statuses=assemble.statuses(self._slos, {}, {}, now),
            alerts=(),
            sources=tuple(self._health.values()),
            dependencies=tuple(dependencies),
        )
        self._announced: tuple[Drill, ...] = ()
        """Drills that Alertmanager knows of."""
        self._keeper = keeper
        self._to_keep: Snapshot | None = None
        """What the keeper has not been given yet."""
        if keeper is not None and (last := keeper.last()) is not None:
            self._snapshot = remembered(last, self._snapshot)
            self._health = {source.name: source for source in self._snapshot.sources}

    @property
    def slos(self) -> tuple[Slo, ...]:
        return self._slos

    @property
    def snapshot(self) -> Snapshot:
        """The newest one; before the first poll no SLO has data and no source has answered."""
        return self._snapshot

    @property
    def reading(self) -> Reading:
        """What the newest snapshot's figures were made of."""
        return self._reading

    async def poll_metrics(self, at: datetime | None = None, *, changes: bool = True) -> Snapshot:
        """Ask Prometheus once, about the time `at` where given; a failure becomes the source's health.

        `changes`: also what started lately, which only the present is asked about.
        """
        began = self._clock.now()
        try:
            reading = await self._reader.read(began, at, changes=changes)
        except SourceError as error:
            return self._failed(self._metrics, PROMETHEUS, began, error)
        if reading.shortfall is not None and reading.shortfall != self._reading.shortfall:
            self._seen.append(Change(began, "source", f"{PROMETHEUS}: {reading.shortfall}"))
        self._reading = reading
        when = at or began
        statuses = self._judging.statuses(
            reading.slos, reading.numbers, reading.pasts, when, reading.unmatched, reading.blind
        )
        gate = policies.state(self._policy, release.standings(statuses, when))
        self._dead_man.expect(reading.dead_men)
        snapshot = replace(
            self._snapshot,
            statuses=statuses,
            gate=gate,
            probes=reading.probes,
            targets=reading.targets,
            down=reading.down,
        )
        if at is None:
            self._turn_from_old_data(began, reading.data_at)
        answered = self._answered(self._metrics, PROMETHEUS, began, snapshot, reading.data_at)
        if at is None and self._keeper is not None:
            self._to_keep = answered
            # Writing takes as long as drawing does, and somebody waits to see this.
            asyncio.get_running_loop().call_later(_KEPT_AFTER, self._keep)
        return answered

    async def poll_alerts(self) -> Snapshot:
        """Ask Alertmanager once; a failure becomes the source's health. Without one nothing changes."""
        if self._alerts is None:
            return self._snapshot
        began = self._clock.now()
        try:
            found = await self._alerts.alerts()
            # Acks are silences with a mark; where nothing is hidden there is none to tell apart.
            hidden = any(alert.silenced_by for alert in found)
            silences = await self._alerts.silences() if hidden else ()
            alerts = assemble.open_alerts(
                (a for a in found if not drills.is_drill(a)), self._reading.slos, silences
            )
        except SourceError as error:
            return self._failed(self._alerts, ALERTMANAGER, began, error)
        self._seen.extend(_resolved(self._snapshot.alerts, alerts, began))
        self._announced = drills.announced(found)
        always = [a.name for a in found if a.labels.get("severity") == assemble.NO_SEVERITY]
        snapshot = replace(self._snapshot, alerts=alerts, dead_man=self._dead_man.seen(always, began))
        return self._answered(self._alerts, ALERTMANAGER, began, snapshot, None)

    async def history(self, slo: Slo) -> SloHistory:
        """What the charts of one SLO need; raises SourceError."""
        return await self._reader.history(slo, self._clock.now())

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        """PromQL of the bad share of one SLO at points `step` apart; to be asked with `ask`."""
        return self._reader.error_ratio(slo, step)

    async def ask(self, wanted: Wanted) -> Answers:
        """Whatever a screen wants beside the snapshot; failures are told in the answers."""
        return await self._panels.ask(wanted)

    async def aclose(self) -> None:
        if self._keeper is not None:
            self._keep()
            self._keeper.close()
        await self._metrics.aclose()
        if self._alerts is not None:
            await self._alerts.aclose()

    def _drills(self) -> tuple[Drill, ...]:
        """Those of this project, and those that others have announced."""
        ours = tuple(self._diary.drills()) if self._diary is not None else ()
        # What a run is called and what it is announced as may differ.
        runs = {run for drill in ours for run in drill.runs}
        return (*ours, *(drill for drill in self._announced if runs.isdisjoint(drill.runs)))

    def _keep(self) -> None:
        snapshot, self._to_keep = self._to_keep, None
        if self._keeper is not None and snapshot is not None:
            self._keeper.keep(snapshot)

    def _turn_from_old_data(self, now: datetime, data_at: datetime | None) -> None:
        """Where the server answers with old samples, another one may have newer: it is asked next."""
        old = data_at is None or now - data_at > _OLD_DATA
        if old and now - self._turned_at >= _OLD_DATA and self._metrics.turn_away():
            self._turned_at = now

    def _answered(
        self, source: Served, name: str, began: datetime, snapshot: Snapshot, data_at: datetime | None
    ) -> Snapshot:
        before, now = self._health[name], self._clock.now()
        if before.error is not None:
            self._seen.append(Change.told(now, "source", "{name} answers again", name=name))
        where, remarks = source.address, tuple(source.remarks())
        if before.endpoint is not None and where is not None and where != before.endpoint:
            moved = "{name} is now read from {where}"
            self._seen.append(Change.told(now, "source", moved, name=name, where=where))
        # A query that is asked every few seconds repeats its remark: told once, shown as long as it is made.
        health = SourceHealth(
            name, True, now, now - began, None, now, data_at, endpoint=where, remarks=remarks
        )
        new = [each for each in health.warnings if each not in before.remarks]
        self._seen.extend(
            Change.told(now, "source", "{name} remarks: {remark}", name=name, remark=each) for each in new
        )
        self._health[name] = health
        return self._publish(snapshot, began, now)

    def _failed(self, source: Served, name: str, began: datetime, error: SourceError) -> Snapshot:
        before, now = self._health[name], self._clock.now()
        cause = " ".join(error.cause.split())
        if before.ok:
            why = cause.removeprefix("gave ")
            self._seen.append(Change.told(now, "source", "{name} lost: {cause}", name=name, cause=why))
        message = " ".join(error.message.split())
        self._health[name] = replace(
            before,
            ok=False,
            checked_at=now,
            latency=None,
            error=message,
            remedy=error.remedy,
            cause=cause,
            endpoint=source.address,
            remarks=(),
        )
        return self._publish(self._snapshot, began, now)

    def _publish(self, snapshot: Snapshot, began: datetime, now: datetime) -> Snapshot:
        """Number the snapshot; polls of two sources may overlap, so it is made from the newest of each."""
        marks = tuple(self._diary.changes()) if self._diary is not None else ()
        self._snapshot = replace(
            snapshot,
            seq=self._snapshot.seq + 1,
            at=now,
            took=now - began,
            sources=tuple(self._health.values()),
            changes=assemble.latest([*self._reading.changes, *self._seen, *_recent(marks, now)]),
            marks=marks,
            drills=self._drills(),
        )
        return self._snapshot


def _recent(marks: Sequence[Change], now: datetime) -> list[Change]:
    """Those as young as the changes a server is asked for; none from the future."""
    return [mark for mark in marks if now - CHANGES_BACK <= mark.at <= now]


def _resolved(before: Sequence[Alert], after: Sequence[Alert], at: datetime) -> list[Change]:
    still_there = {alert.fingerprint for alert in after}
    return [
        Change(
            at,
            "resolved",
            f"{alert.name} {alert.slo or alert.labels.get('instance', '')}".rstrip(),
            alert.labels,
        )
        for alert in before
        # Whoever took one waits for its end; one that is put aside asks for nobody.
        if alert.state in causes.OPEN and alert.fingerprint not in still_there
    ]
