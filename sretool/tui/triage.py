"""What the alerts and the on-call view know beside the snapshot: silences, marks, the past of alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.alerting import firings
from sretool.core.alerting.acks import ack_of
from sretool.core.alerting.silences import LONGEST
from sretool.core.catalog.oncall import OnCall
from sretool.core.observe.model import AlertState
from sretool.core.observe.triage import Reader
from sretool.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from sretool.core.alerting.firings import Firing
    from sretool.core.alerting.silences import Silence
    from sretool.core.catalog.model import System
    from sretool.core.observe.debt import Debt
    from sretool.core.observe.model import Alert, Snapshot
    from sretool.core.slo.model import Slo
    from sretool.services.duty import Duty
    from sretool.tui.desk import Desk

SILENCES_EVERY: Final = timedelta(seconds=10)
UPKEEP_EVERY: Final = timedelta(seconds=30)
WEEK_EVERY: Final = timedelta(minutes=2)
DEBT_EVERY: Final = timedelta(minutes=1)
_PAST_LASTS: Final = timedelta(minutes=5)
_PAST_RETRY: Final = timedelta(seconds=10)
_PASTS_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class AlertPast:
    """When one alert fired in the last 30 days."""

    asked_at: datetime
    firings: tuple[Firing, ...] | None
    """None: it is being asked, or could not be."""
    error: str | None = None


class Triage:
    """One plain object, changed on the app's loop and handed to the drawers."""

    def __init__(
        self,
        desk: Desk | None = None,
        *,
        system: System | None = None,
        me: str | None = None,
        teams: tuple[str, ...] = (),
        longest: timedelta = LONGEST,
    ) -> None:
        self.desk = desk
        """None: no Alertmanager is configured."""
        self.system = system
        self.reader = Reader(system)
        self.me = me
        """None: not configured; a name must then be typed."""
        self.teams = teams
        self.longest = longest
        """Cap on a silence."""
        self.silences: tuple[Silence, ...] = ()
        self.silences_at: datetime | None = None
        """None: not read yet."""
        self.silences_error: str | None = None
        self.week: tuple[Firing, ...] | None = None
        """Firings of the last seven days; None: not read yet."""
        self.week_error: str | None = None
        self.debts: tuple[Debt, ...] | None = None
        self.debts_error: str | None = None
        self.marked: set[str] = set()
        """Fingerprints of alerts, or ids of silences, that the next action is about."""
        self.pasts: dict[str, AlertPast] = {}
        """By fingerprint."""

    @property
    def oncall(self) -> OnCall:
        return self.system.oncall if self.system is not None else OnCall()

    def has_acks(self, snapshot: Snapshot) -> bool:
        """Whether there is an ack that somebody has to look after."""
        return any(alert.state is AlertState.ACKNOWLEDGED for alert in snapshot.alerts)

    async def ask(self, work: Callable[[Duty], Coroutine[None, None, None]]) -> str | None:
        """Do something at the desk; the error's text where it failed."""
        if self.desk is None:
            return "no Alertmanager is configured: give --alertmanager URL"
        try:
            await self.desk.run(work)
        except SourceError as error:
            return f"{error.message}: {error.remedy}" if error.remedy else error.message
        return None

    async def poll_silences(self, now: Callable[[], datetime], *, upkeep: bool) -> bool:
        """Read the silences and, where allowed, look after the acks."""

        async def read(duty: Duty) -> None:
            self.silences = (await duty.keep_acks()).silences if upkeep else await duty.silences()
            self.silences_at = now()

        self.silences_error = await self.ask(read)
        return self.silences_error is None

    async def poll_week(self) -> bool:
        async def read(duty: Duty) -> None:
            self.week = await duty.past((), firings.WEEK)

        self.week_error = await self.ask(read)
        return self.week_error is None

    async def poll_debts(self, snapshot: Snapshot) -> bool:
        async def read(duty: Duty) -> None:
            self.debts = await duty.debt(snapshot.statuses, self.silences)

        self.debts_error = await self.ask(read)
        return self.debts_error is None

    def wants_past(self, alert: Alert, now: datetime) -> bool:
        """Whether the past of this alert has to be asked for."""
        known = self.pasts.get(alert.fingerprint)
        if known is None:
            return self.desk is not None
        lasts = _PAST_RETRY if known.error is not None else _PAST_LASTS
        return now - known.asked_at >= lasts

    async def read_past(self, alert: Alert, snapshot: Snapshot, now: datetime) -> None:
        before = self.pasts.get(alert.fingerprint)
        self.pasts[alert.fingerprint] = AlertPast(now, before.firings if before is not None else None)
        external = firings.common_labels([each.labels for each in snapshot.alerts])

        async def read(duty: Duty) -> None:
            found = await duty.past_of(alert.labels, external)
            self.pasts[alert.fingerprint] = AlertPast(now, found)

        error = await self.ask(read)
        if error is not None:
            known = self.pasts[alert.fingerprint]
            self.pasts[alert.fingerprint] = AlertPast(now, known.firings, error)
        while len(self.pasts) > _PASTS_KEPT:
            self.pasts.pop(next(iter(self.pasts)))

    def silences_of(self, slo: Slo) -> tuple[Silence, ...]:
        """Those known to hide the page of an SLO; acks are none."""
        plain = [each for each in self.silences if ack_of(each) is None]
        if not plain:
            return ()
        # The rules' text is read with it, which no start has to wait for.
        from sretool.core.observe.debt import hiding

        return tuple(hiding(slo, plain))

    def mark(self, key: str) -> None:
        """Mark it, or take the mark away."""
        self.marked ^= {key}

    def silence(self, id_: str) -> Silence | None:
        return next((silence for silence in self.silences if silence.id == id_), None)
