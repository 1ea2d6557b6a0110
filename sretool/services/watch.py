"""Watching SLOs: each poll asks one source once and makes a new whole snapshot of everything known.

A source that fails keeps its last values and says so in its health; nothing is cleared and nothing turns ok
because of a failure. The loop, its interval and its back-off belong to the caller.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe import assemble, release
from sretool.core.observe.model import AlertState, Change, Snapshot, SourceHealth
from sretool.core.slo import policy as policies
from sretool.errors import SourceError
from sretool.services.reading import MetricsReader, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.observe.model import Alert, SloHistory
    from sretool.core.slo.model import Slo
    from sretool.core.slo.policy import Policy
    from sretool.ports import AlertSource, Clock, MetricsSource

PROMETHEUS: Final = "prometheus"
ALERTMANAGER: Final = "alertmanager"

_REMEMBERED: Final = 50
"""Events of our own that are kept for the list of changes."""


class Watch:
    """The SLOs of a catalog as seen by one Prometheus and, where there is one, one Alertmanager."""

    def __init__(
        self,
        slos: Sequence[Slo],
        metrics: MetricsSource,
        alerts: AlertSource | None,
        clock: Clock,
        policy: Policy = policies.DEFAULT,
    ) -> None:
        self._slos = tuple(slos)
        self._metrics = metrics
        self._alerts = alerts
        self._clock = clock
        self._policy = policy
        self._reader = MetricsReader(self._slos, metrics)
        self._reading = Reading()
        self._seen: deque[Change] = deque(maxlen=_REMEMBERED)
        """What happened while we watched and no server remembers: sources lost and back, alerts resolved."""
        now = clock.now()
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
        )

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
            return self._failed(PROMETHEUS, began, error)
        if reading.shortfall is not None and reading.shortfall != self._reading.shortfall:
            self._seen.append(Change(began, "source", f"{PROMETHEUS}: {reading.shortfall}"))
        self._reading = reading
        when = at or began
        statuses = assemble.statuses(reading.slos, reading.numbers, reading.pasts, when, reading.unmatched)
        gate = policies.state(self._policy, release.standings(statuses, when))
        snapshot = replace(self._snapshot, statuses=statuses, gate=gate)
        return self._answered(PROMETHEUS, began, snapshot, reading.data_at)

    async def poll_alerts(self) -> Snapshot:
        """Ask Alertmanager once; a failure becomes the source's health. Without one nothing changes."""
        if self._alerts is None:
            return self._snapshot
        began = self._clock.now()
        try:
            alerts = assemble.open_alerts(await self._alerts.alerts(), self._reading.slos)
        except SourceError as error:
            return self._failed(ALERTMANAGER, began, error)
        self._seen.extend(_resolved(self._snapshot.alerts, alerts, began))
        return self._answered(ALERTMANAGER, began, replace(self._snapshot, alerts=alerts), None)

    async def history(self, slo: Slo) -> SloHistory:
        """What the charts of one SLO need; raises SourceError."""
        return await self._reader.history(slo, self._clock.now())

    async def aclose(self) -> None:
        await self._metrics.aclose()
        if self._alerts is not None:
            await self._alerts.aclose()

    def _answered(self, name: str, began: datetime, snapshot: Snapshot, data_at: datetime | None) -> Snapshot:
        before, now = self._health[name], self._clock.now()
        if before.error is not None:
            self._seen.append(Change(now, "source", f"{name} answers again"))
        self._health[name] = SourceHealth(name, True, now, now - began, None, now, data_at)
        return self._publish(snapshot, began, now)

    def _failed(self, name: str, began: datetime, error: SourceError) -> Snapshot:
        before, now = self._health[name], self._clock.now()
        if before.ok:
            self._seen.append(Change(now, "source", f"{name} lost: {error.message}"))
        message = " ".join(error.message.split())
        self._health[name] = replace(
            before, ok=False, checked_at=now, latency=None, error=message, remedy=error.remedy
        )
        return self._publish(self._snapshot, began, now)

    def _publish(self, snapshot: Snapshot, began: datetime, now: datetime) -> Snapshot:
        """Number the snapshot; polls of two sources may overlap, so it is made from the newest of each."""
        self._snapshot = replace(
            snapshot,
            seq=self._snapshot.seq + 1,
            at=now,
            took=now - began,
            sources=tuple(self._health.values()),
            changes=assemble.latest([*self._reading.changes, *self._seen]),
        )
        return self._snapshot


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
        if alert.state is AlertState.FIRING and alert.fingerprint not in still_there
    ]
