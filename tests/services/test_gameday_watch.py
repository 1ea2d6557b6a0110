"""Who takes an alert and since when, what is waited for, and what a game day may cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from sretool.core.alerting import acks
from sretool.core.alerting.silences import Silence, SilenceState
from sretool.core.observe.model import Alert, AlertState, RuleAlert, Sample
from sretool.core.plans.chaos.experiment import Stop
from sretool.core.plans.gameday.plan import Condition, Until
from sretool.core.plans.gameday.read import read
from sretool.core.runs.events import AlertChange, SourceState
from sretool.core.slo.model import Severity
from sretool.errors import SourceTimeout
from sretool.services.chaos_watch import Sources, Watchers
from sretool.services.gameday_watch import GameDayWatchers, Seen, Since, stop_block
from tests.support.slos import slo

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.looptime

T0: Final = datetime(2026, 11, 21, 10, tzinfo=UTC)
LABELS: Final = {"alertname": "AppDown", "severity": "page", "service": "amas"}


def silence(id_: str, by: str, at: float, comment: str = "") -> Silence:
    moment = T0 + timedelta(seconds=at)
    return Silence(id_, (), moment, moment + timedelta(hours=1), by, comment, SilenceState.ACTIVE)


@dataclass
class MadeUpServers:
    """A Prometheus and its Alertmanager: one page that fires from the start."""

    hidden: Sequence[Silence] = ()
    hidden_from: float = 3.0
    inhibited: bool = False
    gone: tuple[float, float] = (0.0, 0.0)
    """From and to: nothing fires meanwhile."""
    announced: list[Any] = field(default_factory=list)

    async def rule_alerts(self) -> Sequence[RuleAlert]:
        plain = {key: value for key, value in LABELS.items() if key != "alertname"}
        return [RuleAlert("AppDown", plain, firing=True, since=T0, for_s=1.0, interval_s=1.0)]

    async def alerts(self) -> Sequence[Alert]:
        if self.gone[0] <= asyncio.get_running_loop().time() < self.gone[1]:
            return []
        there = asyncio.get_running_loop().time() >= self.hidden_from
        state = AlertState.FIRING
        if there and self.inhibited:
            state = AlertState.INHIBITED
        elif there and self.hidden:
            state = AlertState.SILENCED
        ids = tuple(each.id for each in self.hidden) if state is AlertState.SILENCED else ()
        return [Alert("f", "AppDown", Severity.PAGE, state, T0, LABELS, {}, silenced_by=ids)]

    async def silences(self) -> Sequence[Silence]:
        return self.hidden

    async def announce(self, alert: Any) -> None:
        self.announced.append(alert)

    async def aclose(self) -> None:
        pass


async def told(servers: MadeUpServers) -> list[AlertChange]:
    found: list[Any] = []
    watchers = GameDayWatchers(Sources(rules=servers, board=servers), found.append)
    watchers.start()
    await asyncio.sleep(6)
    await watchers.stop()
    return [each for each in found if isinstance(each, AlertChange)]


async def test_whoever_takes_an_alert_hides_it_from_no_experiment() -> None:
    comment = acks.comment_of("bo", "looking", T0 + timedelta(seconds=2))
    found: list[Any] = []
    servers = MadeUpServers([silence("s1", "tool", 2.5, comment)])
    watchers = Watchers(Sources(rules=servers, board=servers), found.append, frozenset({"AppDown"}))
    watchers.start()
    await asyncio.sleep(6)
    await watchers.stop()
    changes = [each for each in found if isinstance(each, AlertChange)]
    assert [(each.state, each.expected, each.by) for each in changes] == [
        ("firing", True, ""),
        ("received", True, ""),
        ("acknowledged", True, "bo"),
    ]


async def test_an_ack_has_its_owner_and_its_moment() -> None:
    taken = T0 + timedelta(seconds=2)
    comment = acks.comment_of("bo", "looking", taken)
    changes = await told(MadeUpServers([silence("s1", "tool", 2.5, comment)]))
    assert [each.state for each in changes] == ["firing", "received", "acknowledged"]
    assert (changes[-1].by, changes[-1].since) == ("bo", taken)
    assert len({each.fingerprint for each in changes}) == 1


async def test_a_silence_has_its_maker_and_its_begin() -> None:
    changes = await told(MadeUpServers([silence("s2", "zoe", 2.8), silence("s1", "ann", 2.2)]))
    assert [each.state for each in changes] == ["firing", "received", "silenced"]
    assert (changes[-1].by, changes[-1].since) == ("ann", T0 + timedelta(seconds=2.2))


async def test_one_that_comes_again_while_its_ack_lasts_is_told_to_be_taken_again() -> None:
    taken = T0 + timedelta(seconds=2)
    servers = MadeUpServers(
        [silence("s1", "tool", 2.5, acks.comment_of("bo", "looking", taken))], gone=(4, 5)
    )
    assert [each.state for each in await told(servers)].count("acknowledged") == 2


async def test_one_that_another_alert_inhibits_is_taken_by_nobody() -> None:
    changes = await told(MadeUpServers(inhibited=True))
    assert (changes[-1].state, changes[-1].by) == ("inhibited", "")


async def test_an_alert_that_no_experiment_expects_is_not_called_unexpected() -> None:
    changes = await told(MadeUpServers())
    assert changes[0].expected is None


def change(name: str, state: str, severity: str = "page") -> AlertChange:
    return AlertChange(name, state, severity, name)


@pytest.mark.parametrize(
    ("kind", "name", "told", "holds"),
    [
        (Until.NO_PAGE, "", [], True),
        (Until.NO_PAGE, "", [change("A", "pending")], True),
        (Until.NO_PAGE, "", [change("A", "firing")], False),
        (Until.NO_PAGE, "", [change("A", "firing"), change("A", "silenced")], False),
        (Until.NO_PAGE, "", [change("A", "firing", "ticket")], True),
        (Until.NO_PAGE, "", [change("A", "firing"), change("A", "resolved")], True),
        (Until.FIRES, "A", [change("A", "pending")], False),
        (Until.FIRES, "A", [change("B", "firing")], False),
        (Until.FIRES, "A", [change("A", "firing", "ticket")], True),
        (Until.RESOLVED, "A", [change("A", "pending")], False),
        (Until.RESOLVED, "A", [change("A", "firing"), change("A", "resolved")], True),
        (Until.LOAD_ENDS, "A", [], False),
    ],
)
async def test_what_is_waited_for(kind: Until, name: str, told: list[AlertChange], holds: bool) -> None:
    seen = Seen()
    condition = Condition(kind, "as written", name)
    for each in told:
        seen.take(each)
    assert not seen.holds(condition)  # Nobody has looked yet.
    seen.take(SourceState("prometheus", ok=True))
    assert seen.holds(condition) is holds
    seen.take(SourceState("prometheus", ok=False))
    assert not seen.holds(condition)


def _bounds(text: str) -> list[tuple[str, Decimal | None]]:
    plan = read("day.yaml", f"name: day\ntitle: A day\nsteps: [{{wait: 1s}}]\n{text}")
    return [(each.text, each.bound) for each in stop_block(plan).stop_when if each.kind is Stop.BUDGET]


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("budget_price: 5%", [("budget > 5%", Decimal("0.05"))]),
        ("budget_price: 2.5%\nstop_when: [budget > 2%]", [("budget > 2%", Decimal("0.02"))]),
        (
            "budget_price: 5%\nstop_when: [budget > 20%]",
            [("budget > 20%", Decimal("0.2")), ("budget > 5%", Decimal("0.05"))],
        ),
        ("stop_when: [burn > 10]", []),
    ],
)
async def test_what_it_may_cost_is_a_guard(text: str, bounds: list[tuple[str, Decimal]]) -> None:
    assert _bounds(text) == bounds


@dataclass
class MadeUpMetrics:
    bad: float | None
    total: float | None
    asked: list[str] = field(default_factory=list)

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sample]:
        self.asked.append(query)
        value = self.bad if len(self.asked) % 2 else self.total
        if value is None:
            raise SourceTimeout("no answer")
        return [Sample({}, T0, value)]

    async def range(self, *_: Any) -> Sequence[Any]:
        raise AssertionError

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("bad", "total", "good"),
    [(1.0, 4.0, 0.75), (0.0, 0.0, None), (float("nan"), 1.0, None), (None, 1.0, None)],
)
async def test_good_events_since_the_begin(bad: float | None, total: float, good: float | None) -> None:
    metrics, wanted = MadeUpMetrics(bad, total), slo()
    found = await Since([wanted], metrics).good(90.0, T0)
    assert found == ({} if good is None else {str(wanted.id): good})
    assert "[1m30s]" in metrics.asked[0]
