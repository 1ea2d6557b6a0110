"""A duty desk without servers: an Alertmanager that does what it is told, and a Prometheus that remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sretool.core.alerting import acks
from sretool.core.alerting.silences import NewSilence, Silence, SilenceState, parse_matchers
from sretool.core.catalog.model import Owner, Service, System
from sretool.core.catalog.oncall import Escalation, Hours, Member, OnCall, Override, Schedule, Step
from sretool.core.observe import assemble
from sretool.core.observe.model import Alert, AlertState, Change, Sample, Series
from sretool.core.slo.model import Severity
from sretool.services.duty import Duty
from sretool.tui.desk import DirectDesk
from sretool.tui.triage import Triage
from tests.support.dashboard import NOW, alert, amas
from tests.support.sources import FakeAlerts, FakeMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.dashboard import FakeClock
    from tests.tui.screens import Dash

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

SCHEDULES = (
    Schedule(
        "sre", "SRE on call", "Europe/Berlin", date(2026, 1, 1), time(9), 0, 7, ("mia", "bo"), manager="kim"
    ),
    Schedule(
        "backend", "Backend on call", "Asia/Tokyo", date(2026, 1, 1), time(9), 0, 7, ("yui", "raj"),
        overrides=(Override(NOW - 60 * MINUTE, NOW + 108 * MINUTE, None),),
    ),
)  # fmt: skip
ONCALL = OnCall(
    members=tuple(Member(name, name.capitalize()) for name in ("mia", "bo", "kim", "yui", "raj")),
    hours=(Hours("working", frozenset(range(5)), time(9), time(18), "Europe/Berlin"),),
    schedules=SCHEDULES,
    escalations=(
        Escalation(
            "p0",
            {"severity": "page"},
            (
                Step(timedelta(), ("sre",), "phone"),
                Step(10 * MINUTE, ("sre/backup", "backend")),
                Step(30 * MINUTE, ("sre/manager",)),
            ),
        ),
    ),
    titles={"learning": "Learning team"},
)
SYSTEM = System(
    "amas",
    "AMAS",
    services=(Service("amas", "AMAS", "learning"),),
    owners=(Owner("learning", "Learning team"),),
    slos=tuple(each.slo for each in amas()),
    runbooks={
        "servicedown": "# ServiceDown\n\n## Check\n\n1. Which ones are down: `up == 0`,\n   and since when.\n"
    },
    oncall=ONCALL,
)  # fmt: skip


def alerts() -> tuple[Alert, ...]:
    """Two pages that nobody has, a ticket that is acknowledged, one that is silenced, an inhibited one."""
    return (
        _labelled(alert("SLOBudgetBurn", of="amas/learning-availability", long="1h", short="5m")),
        _labelled(alert("ServiceDown", ago=1 * MINUTE, instance="app-2")),
        _labelled(alert("HighMemory", Severity.TICKET, ago=41 * MINUTE, instance="app-2")),
        _labelled(alert("DiskFull", Severity.TICKET, ago=9 * MINUTE, instance="db-1")),
        _labelled(replace(alert("Slow", None, ago=5 * MINUTE, route="/a"), state=AlertState.INHIBITED)),
    )


def _labelled(found: Alert) -> Alert:
    """With the `severity` label that the escalation looks at."""
    severity = {"severity": found.severity.value} if found.severity is not None else {}
    return replace(found, labels={**found.labels, **severity})


def silence(
    id_: str, matchers: str, *, by: str = "bo", comment: str = "deploy", ends: timedelta = 21 * MINUTE
) -> Silence:
    return Silence(
        id_, parse_matchers(matchers), NOW - 30 * MINUTE, NOW + ends, by, comment, SilenceState.ACTIVE
    )


def ack(id_: str, of: Alert, owner: str = "bo", note: str = "on it") -> Silence:
    new = acks.take(of.labels, owner, note, NOW - 4 * MINUTE)
    return Silence(id_, new.matchers, new.starts, new.ends, owner, new.comment, SilenceState.ACTIVE)


class Alertmanager(FakeAlerts):
    """As FakeAlerts, and what is silenced looks so; written down is what was asked of it."""

    def __init__(self, held: Sequence[Alert], kept: Sequence[Silence]) -> None:
        super().__init__(held, kept={each.id: each for each in kept})
        self.written: list[NewSilence] = []
        self.expired: list[str] = []

    async def silence(self, silence: NewSilence) -> str:
        id_ = await super().silence(silence)
        self.written.append(silence)
        return id_

    async def expire(self, silence: str) -> None:
        await super().expire(silence)
        self.expired.append(silence)

    def shown(self) -> tuple[Alert, ...]:
        active = [each for each in self.kept.values() if each.state is SilenceState.ACTIVE]
        marked = []
        for each in self.held:
            ids = tuple(silence.id for silence in active if silence.matches(each.labels))
            hidden = replace(each, state=AlertState.SILENCED, silenced_by=ids) if ids else each
            marked.append(hidden)
        return assemble.open_alerts(marked, silences=active)


class Memory(FakeMetrics):
    """A Prometheus: every alert fired twice before, an hour each; silences would have hidden two."""

    def __init__(self) -> None:
        super().__init__(self._instant, self._range)

    def _instant(self, query: str) -> Sequence[Sample]:
        if query.startswith("count("):
            return [Sample({}, NOW, 2.0)]
        return [Sample({"figure": "0:0"}, NOW, 13_100 * 0.031 * 10)]

    def _range(self, query: str) -> Sequence[Series]:
        found = []
        for each in alerts():
            points = [(NOW - back * DAY - step * 5 * MINUTE, 1.0) for back in (14, 3) for step in (12, 6, 0)]
            fine = sorted(
                (at + extra * 75 * timedelta(seconds=1), value) for at, value in points for extra in range(24)
            )
            found.append(Series({"__name__": "ALERTS", "alertstate": "firing", **each.labels}, tuple(fine)))
        return found


class Room:
    """Everything a test of triage needs."""

    def __init__(self, me: str | None = "mia", *, system: System | None = SYSTEM) -> None:
        held = alerts()
        self.alertmanager = Alertmanager(
            held, [ack("ack1", held[2]), silence("sil1", 'alertname="DiskFull"'),
                   silence("idle", 'alertname="Gone"', by="mia", comment="old deploy")],
        )  # fmt: skip
        self.metrics = Memory()
        self.system = system
        self.clock: FakeClock | None = None
        self.triage = Triage(
            DirectDesk(Duty(self.alertmanager, self.metrics, self)), system=system, me=me, teams=("learning",)
        )

    def now(self) -> datetime:
        return self.clock() if self.clock is not None else NOW.astimezone(UTC)

    @property
    def options(self) -> dict[str, object]:
        """For the dashboard."""
        return {"triage": self.triage, "system": self.system}

    async def into(self, dash: Dash) -> None:
        """Let the dashboard see what this Alertmanager has."""
        self.clock = dash.clock
        await self.refresh(dash)

    async def refresh(self, dash: Dash) -> None:
        dash.watch.alerts = self.alertmanager.shown()
        dash.watch.changes = (Change(NOW - 26 * MINUTE, "deploy", "v412 by mia", {"service": "amas"}),)
        await dash.poll()
        await dash.settle()
