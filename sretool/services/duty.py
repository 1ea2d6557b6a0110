"""Alert duty: what somebody on call asks and tells Alertmanager, and what Prometheus remembers of alerts.

Acks are looked after here: renewed while their alert fires, dropped when it has resolved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sretool.core.alerting import acks, firings
from sretool.core.alerting.silences import NewSilence, SilenceState, exactly
from sretool.core.observe import assemble, debt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from sretool.core.alerting.firings import Firing
    from sretool.core.alerting.silences import Matcher, Silence
    from sretool.core.observe.debt import Debt
    from sretool.core.observe.model import Alert, SloStatus
    from sretool.core.slo.model import Severity, Slo
    from sretool.ports import AlertDesk, Clock, MetricsSource


@dataclass(frozen=True, slots=True)
class Upkept:
    """Silences as they are, and what was done about acks."""

    silences: tuple[Silence, ...]
    renewed: int = 0
    dropped: int = 0


class Duty:
    """One Alertmanager and one Prometheus; every method raises a `SourceError` where one does not answer."""

    def __init__(
        self,
        desk: AlertDesk,
        metrics: MetricsSource,
        clock: Clock,
        severities: Mapping[Severity, str] | None = None,
    ) -> None:
        self._desk = desk
        self._metrics = metrics
        self._clock = clock
        self._severities = severities or {}
        self._gone: dict[str, datetime] = {}
        """Since when the alert of an ack is missing, by the ack's silence."""

    async def alerts(self, slos: Iterable[Slo] = ()) -> tuple[Alert, ...]:
        """The open alerts, most urgent first; those that only acks hide are acknowledged."""
        return assemble.open_alerts(await self._desk.alerts(), slos, await self._desk.silences())

    async def silences(self) -> tuple[Silence, ...]:
        return tuple(await self._desk.silences())

    async def keep_acks(self) -> Upkept:
        """Read the silences, renew acks that are near their end and drop those whose alert is over."""
        silences = await self.silences()
        firing = [alert.labels for alert in await self._desk.alerts()]
        now = self._clock.now()
        self._gone = acks.missing(silences, firing, now, self._gone)
        todo = acks.upkeep(silences, firing, now, self._gone)
        for new in todo.renew:
            await self._desk.silence(new)
        for id_ in todo.drop:
            await self._desk.expire(id_)
        if todo:
            silences = await self.silences()
        return Upkept(silences, len(todo.renew), len(todo.drop))

    async def ack(self, alerts: Iterable[Alert], owner: str, note: str) -> int:
        """Take these alerts, those already acknowledged included: the ack then is mine; gives how many."""
        count = 0
        for alert in alerts:
            before = alert.ack
            await self._desk.silence(acks.take(alert.labels, owner, note, self._clock.now()))
            if before is not None:
                await self._desk.expire(before.silence)
            count += 1
        return count

    async def release(self, alerts: Iterable[Alert]) -> int:
        """Give acknowledged alerts back: they are new again."""
        taken = {alert.ack.silence for alert in alerts if alert.ack is not None}
        for id_ in taken:
            await self._desk.expire(id_)
        return len(taken)

    async def silence(
        self, matchers: Sequence[Matcher], length: timedelta, creator: str, comment: str
    ) -> str:
        now = self._clock.now()
        return await self._desk.silence(NewSilence(tuple(matchers), now, now + length, creator, comment))

    async def extend(self, silence: Silence, by: timedelta) -> str:
        """Let it end later, counted from its end or, where that is past, from now."""
        now = self._clock.now()
        expired = silence.state is SilenceState.EXPIRED
        new = NewSilence(
            silence.matchers,
            now if expired else silence.starts,
            max(silence.ends, now) + by,
            silence.created_by,
            silence.comment,
            None if expired else silence.id,
        )
        return await self._desk.silence(new)

    async def expire(self, ids: Iterable[str]) -> int:
        count = 0
        for id_ in ids:
            await self._desk.expire(id_)
            count += 1
        return count

    async def past_of(
        self, labels: Mapping[str, str], external: frozenset[str] = frozenset()
    ) -> tuple[Firing, ...]:
        """When this alert fired in the last 30 days."""
        found = await self.past(exactly(labels), firings.BACK, external | set(labels) - {"alertname"})
        return firings.of_alert(found, labels)

    async def past(
        self, matchers: Iterable[Matcher], back: timedelta, external: frozenset[str] = frozenset()
    ) -> tuple[Firing, ...]:
        """When the alerts that these matchers mean fired."""
        now, step = self._clock.now(), firings.step_for(back)
        series = await self._metrics.range(firings.query(matchers, step, external), now - back, now, step)
        return firings.firings(((each.labels, each.points) for each in series), step, now)

    async def hit_before(self, matchers: Sequence[Matcher], external: frozenset[str] = frozenset()) -> int:
        """How many different alerts these matchers would have hidden in the last 30 days."""
        asked = f"count({firings.ever(matchers, firings.BACK, external)})"
        (sample, *_) = tuple(await self._metrics.instant(asked)) or (None,)
        return round(sample.value) if sample is not None else 0

    async def debt(self, statuses: Sequence[SloStatus], silences: Sequence[Silence]) -> tuple[Debt, ...]:
        """Budget spent under these silences."""
        found = debt.hidden(
            (status.slo for status in statuses), silences, self._clock.now(), self._severities
        )
        asked = debt.query(found)
        return debt.debts(found, await self._metrics.instant(asked), statuses) if asked else ()

    async def routing(self) -> str:
        """The configuration Alertmanager runs with."""
        return await self._desk.configuration()

    async def aclose(self) -> None:
        await self._desk.aclose()
        await self._metrics.aclose()
