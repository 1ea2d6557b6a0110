"""SLOs, snapshots and a watch without servers for tests of what a dashboard shows."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sretool.core.observe.model import (
    Alert,
    AlertState,
    Change,
    Drill,
    Series,
    SloHistory,
    SloStatus,
    Snapshot,
    SourceHealth,
)
from sretool.core.observe.questions import Answers, Track, Wanted
from sretool.core.slo.model import EventRatio, Level, Severity, Slo, SloId
from sretool.core.slo.windows import STANDARD_WINDOWS, default_alerts
from sretool.errors import SourceUnreachable
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.core.observe.questions import Span

NOW = datetime(2026, 11, 20, 3, 12, 41, tzinfo=UTC)

_RANK = list(Level)


def slo(
    id: str = "amas/learning-availability",
    objective: str = "0.999",
    window: timedelta = timedelta(days=30),
    *,
    owner: str | None = "learning",
    tier: int | None = 1,
    title: str = "Learning API availability",
) -> Slo:
    return Slo(
        id=SloId(id),
        title=title,
        objective=Decimal(objective),
        window=window,
        sli=EventRatio(bad="http_request_5xx_total", total="http_request_total"),
        alerts=default_alerts(window, 1 - Decimal(objective)),
        tier=tier,
        owner=owner,
        runbook="learning-availability",
    )


def status(
    of: Slo | None = None,
    level: Level = Level.OK,
    *,
    budget_left: float | None = 0.62,
    burn: float | None = 0.3,
    burns: Mapping[timedelta, float | None] | None = None,
    exhausts_in: timedelta | None = None,
    recovers_in: timedelta | None = None,
    at: datetime = NOW,
) -> SloStatus:
    of = of or slo()
    total = 131_000_000.0
    spent = None if budget_left is None else (1 - budget_left) * float(of.budget)
    known = level is not Level.NO_DATA
    pairs = [pair for pair in of.alerts if pair.severity.value == level.value]
    return SloStatus(
        slo=of,
        at=at,
        sli=1 - spent if spent is not None and known else None,
        sli_1h=1 - burn * float(of.budget) if burn is not None and known else None,
        good=total * (1 - spent) if spent is not None and known else None,
        total=total if known else None,
        budget_left=budget_left if known else None,
        burns=burns
        or {
            window: burn * (1 + 0.1 * number) if burn is not None and known else None
            for number, window in enumerate(reversed(STANDARD_WINDOWS))
        },
        firing=tuple(pairs[:1]),
        level=level,
        coverage=1.0 if known else 0.0,
        exhausts_in=exhausts_in,
        recovers_in=recovers_in,
    )


def amas() -> tuple[SloStatus, ...]:
    """The seven SLOs of the bundled system with one page, one spent, one slow and one without data."""
    days = timedelta(days=1)
    return (
        status(slo(), Level.PAGE, budget_left=0.38, burn=14.8, exhausts_in=timedelta(hours=18, minutes=29)),
        status(
            slo("amas/write-durability", "0.99999", title="Durable writes", owner="data"),
            Level.SPENT,
            budget_left=-0.12,
            burn=0.4,
            recovers_in=3 * days,
        ),
        status(
            slo("amas/learning-latency", "0.95", 7 * days, title="Learning API latency"),
            Level.TICKET,
            budget_left=0.61,
            burn=3.1,
            exhausts_in=6 * days,
        ),
        status(
            slo("amas/decision-confidence", "0.5", 7 * days, owner="amas-core", title="Confident decisions"),
            Level.NO_DATA,
        ),
        status(
            slo("amas/forgetting-alert-delivery", "0.9", 1 * days, title="Alerts delivered in time"),
            budget_left=0.21,
            burn=0.3,
        ),
        status(slo("amas/stats-availability", "0.995", tier=2, title="Statistics"), budget_left=0.84),
        status(slo("amas/admin-availability", "0.99", tier=3, title="Administration"), budget_left=0.995),
    )


def quiet(count: int = 7) -> tuple[SloStatus, ...]:
    """SLOs that all hold."""
    return tuple(
        status(replace(each.slo), budget_left=0.9 - 0.05 * number, burn=0.2)
        for number, each in enumerate(amas()[:count])
    )


def alert(
    name: str = "ServiceDown",
    severity: Severity | None = Severity.PAGE,
    state: AlertState = AlertState.FIRING,
    *,
    ago: timedelta = timedelta(minutes=3),
    of: str | None = None,
    **labels: str,
) -> Alert:
    return Alert(
        fingerprint=f"{name}-{of}-{sorted(labels.items())}",
        name=name,
        severity=severity,
        state=state,
        since=NOW - ago,
        labels={"alertname": name, "service": "amas", "owner": "learning"} | labels,
        annotations={"summary": f"{name} summary", "impact": "users wait", "runbook": name.lower()},
        slo=SloId(of) if of else None,
        silenced_by=("s1",) if state is AlertState.SILENCED else (),
    )


def some_alerts() -> tuple[Alert, ...]:
    return (
        alert("SLOBudgetBurn", of="amas/learning-availability", long="1h", short="5m"),
        alert("SLOBudgetBurn", Severity.TICKET, of="amas/learning-latency", ago=timedelta(minutes=134),
              long="1d", short="2h"),
        alert("HighMemory", Severity.TICKET, instance="app-2", ago=timedelta(minutes=41)),
        alert("DeployInProgress", None, AlertState.SILENCED, ago=timedelta(minutes=9)),
    )  # fmt: skip


def some_changes() -> tuple[Change, ...]:
    return (
        Change(NOW - timedelta(minutes=4), "alert", "SLOBudgetBurn amas/learning-availability"),
        Change(NOW - timedelta(minutes=26), "restart", "app-1 restarted"),
        Change(NOW - timedelta(hours=5), "restart", "worker restarted"),
    )


def health(
    name: str = "prometheus",
    *,
    ok: bool = True,
    ago: timedelta | None = timedelta(seconds=1),
    data_ago: timedelta | None = None,
    error: str | None = None,
) -> SourceHealth:
    return SourceHealth(
        name=name,
        ok=ok,
        checked_at=NOW,
        latency=timedelta(milliseconds=3) if ok else None,
        error=error if error is not None or ok else "connection refused",
        good_at=NOW - ago if ago is not None else None,
        data_at=NOW - data_ago if data_ago is not None else None,
    )


def snapshot(
    statuses: Sequence[SloStatus] | None = None,
    *,
    alerts: Sequence[Alert] = (),
    sources: Sequence[SourceHealth] | None = None,
    changes: Sequence[Change] = (),
    seq: int = 1,
) -> Snapshot:
    chosen = amas() if statuses is None else statuses
    return Snapshot(
        seq=seq,
        at=NOW,
        took=timedelta(milliseconds=12),
        statuses=tuple(sorted(chosen, key=lambda each: _RANK.index(each.level))),
        alerts=tuple(alerts),
        sources=tuple(sources) if sources is not None else (health(), health("alertmanager")),
        changes=tuple(changes),
    )


def ratios(
    of: Slo, start: datetime, end: datetime, step: timedelta, peak: float = 14, until: timedelta = timedelta()
) -> tuple[tuple[datetime, float], ...]:
    """Error ratios as multiples of the budget that waver, with half an hour missing 4 hours before NOW.

    From half an hour before NOW on they rise to `peak` and beyond; with `until` as long as that earlier, and
    then they fall at once.
    """
    budget = float(of.budget)
    points = []
    for number in range((end - start) // step + 1):
        at = start + number * step
        minutes = 360 + (at - NOW).total_seconds() / 60
        if not 120 <= minutes < 150:
            into = minutes - 330 + until / timedelta(minutes=1)
            risen = peak * max(into, 0) / 30 if into <= 30 or not until else 0
            points.append((at, budget * (0.4 + 0.2 * math.sin(minutes / 20) + risen)))
    return tuple(points)


def history(of: Slo, now: datetime = NOW, spent: float = 0.62) -> SloHistory:
    """A budget that falls faster and faster, until a share of `spent` is gone."""
    left = tuple(
        (now - of.window + of.window * number / 240, 1 - spent * (number / 240) ** 1.6)
        for number in range(241)
    )
    used = {timedelta(hours=1): 0.021, timedelta(hours=6): 0.06, timedelta(days=1): None}
    used |= {timedelta(days=3): 0.09, of.window: spent}
    return SloHistory(of.id, now, left, of.window / 240, used)


def _shape(of: SloStatus) -> tuple[float, timedelta]:
    """How high its error ratio rose and how long ago it fell again."""
    hour, now = (of.burns.get(timedelta(minutes=minutes)) for minutes in (60, 5))
    if of.level is not Level.OK:
        return 14, timedelta()
    return (14, timedelta(minutes=10)) if (hour or 0) > 1 > (now or 0) else (0, timedelta())


class FakeClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now: datetime = NOW) -> None:
        self.moment = now

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class FakeWatch:
    """Serves what it is given, as `services.watch.Watch` would: failures become health, values stay."""

    def __init__(self, clock: FakeClock, statuses: Sequence[SloStatus] | None = None) -> None:
        self.clock = clock
        self.statuses = tuple(statuses) if statuses is not None else amas()
        self.alerts = some_alerts()
        self.changes = some_changes()
        self.drills: tuple[Drill, ...] = ()
        self.marks: tuple[Change, ...] = ()
        self.down: set[str] = set()
        self.crash: Exception | None = None
        """Raised by the next poll of Prometheus: a fault of the program itself."""
        self.silent: set[SloId] = set()
        """Objectives of which Prometheus has no series."""
        self.known: Snapshot | None = None
        """A moment that is shown whole, whatever is polled."""
        self.asked = {"prometheus": 0, "alertmanager": 0, "history": 0, "panels": 0}
        self.wanted = Wanted()
        self.answers = Answers()
        """To whatever a screen beside the SLOs wants to know; error ratios and `curves` are added."""
        self.curves: dict[str, tuple[Series, ...]] = {}
        """What expressions gave at any time."""
        self._seq = 0
        self._health = {
            name: SourceHealth(name, False, clock(), None, None, None, None)
            for name in ("prometheus", "alertmanager")
        }
        waiting = [
            status(each.slo, Level.NO_DATA, burns={window: None for window in each.burns})
            for each in sorted(self.statuses, key=lambda each: each.slo.id)
        ]
        self.snapshot = Snapshot(0, clock(), timedelta(), tuple(waiting), (), tuple(self._health.values()))

    async def poll_metrics(self) -> Snapshot:
        await asyncio.sleep(0)
        if self.crash is not None:
            crash, self.crash = self.crash, None
            raise crash
        kept = self._asked("prometheus")
        ordered = sorted(self.statuses, key=lambda each: _RANK.index(each.level))
        return self._publish(statuses=self.snapshot.statuses if kept else tuple(ordered))

    async def poll_alerts(self) -> Snapshot:
        await asyncio.sleep(0)
        kept = self._asked("alertmanager")
        return self._publish(alerts=self.snapshot.alerts if kept else self.alerts)

    async def history(self, slo: Slo) -> SloHistory:
        await asyncio.sleep(0)
        self.asked["history"] += 1
        if "prometheus" in self.down:
            raise SourceUnreachable("connection refused")
        left = next((each.budget_left for each in self.statuses if each.slo == slo), None)
        found = history(slo, self.clock()) if left is None else history(slo, self.clock(), 1 - left)
        if slo.id in self.silent:
            return replace(found, budget_left=(), used=dict.fromkeys(found.used))
        return found

    async def ask(self, wanted: Wanted) -> Answers:
        await asyncio.sleep(0)
        self.asked["panels"] += 1
        self.wanted = wanted
        if "prometheus" in self.down:
            self.answers = replace(self.answers, error="connection refused")
            return self.answers
        now = self.clock()
        known = ((question, self._track(*question, now)) for question in wanted.past)
        tracks = {question: track for question, track in known if track is not None}
        self.answers = replace(self.answers, error=None, tracks={**self.answers.tracks, **tracks})
        return self.answers

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        return f"error_ratio({slo.id})[{format_duration(step)}]"

    def _track(self, expr: str, span: Span, now: datetime) -> Track | None:
        start, end = span.start(now), span.end(now)
        for each in self.statuses:
            if expr == self.error_ratio(each.slo, span.step):
                if each.slo.id in self.silent:
                    return Track((), end, now)
                points = ratios(each.slo, start, end, span.step, *_shape(each))
                return Track((Series({}, points),), end, now)
        if expr not in self.curves:
            return None
        inside = (
            Series(series.labels, tuple(point for point in series.points if start <= point[0] <= end))
            for series in self.curves[expr]
        )
        return Track(tuple(series for series in inside if series.points), end, now)

    async def aclose(self) -> None:
        pass

    def _asked(self, name: str) -> bool:
        """Note the attempt; whether it failed."""
        self.asked[name] += 1
        before, now = self._health[name], self.clock()
        if name in self.down:
            self._health[name] = replace(
                before, ok=False, checked_at=now, latency=None, error="connection refused"
            )
            return True
        self._health[name] = SourceHealth(name, True, now, timedelta(milliseconds=3), None, now, None)
        return False

    def _publish(
        self, *, statuses: tuple[SloStatus, ...] | None = None, alerts: tuple[Alert, ...] | None = None
    ) -> Snapshot:
        self._seq += 1
        if self.known is not None:
            self.snapshot = replace(self.known, seq=self._seq)
            return self.snapshot
        self.snapshot = Snapshot(
            seq=self._seq,
            at=self.clock(),
            took=timedelta(milliseconds=3),
            statuses=self.snapshot.statuses if statuses is None else statuses,
            alerts=self.snapshot.alerts if alerts is None else alerts,
            sources=tuple(self._health.values()),
            changes=self.changes,
            drills=self.drills,
            marks=self.marks,
        )
        return self.snapshot
