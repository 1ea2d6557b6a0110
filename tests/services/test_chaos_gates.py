"""What is looked at just before an experiment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sretool.core.observe.model import Alert, AlertState, RuleAlert
from sretool.core.plans.chaos.gates import Facts, Page
from sretool.core.slo.model import Severity
from sretool.errors import SourceUnreachable
from sretool.services.chaos_gates import look
from sretool.services.chaos_watch import Sources, Watchers
from sretool.services.watch import Watch
from tests.support.slos import slo
from tests.support.sources import FakeAlerts, FakeClock, FakeMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.observe.drills import Announcement
    from sretool.core.observe.model import Sample

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
KNOWN = Facts(NOW, "mia")


class Rules:
    def __init__(self, *alerts: RuleAlert, gone: bool = False) -> None:
        self._alerts, self._gone = alerts, gone

    async def rule_alerts(self) -> Sequence[RuleAlert]:
        if self._gone:
            raise SourceUnreachable("Prometheus at http://x refuses connections")
        return self._alerts

    async def aclose(self) -> None:
        pass


class Board(FakeAlerts):
    async def announce(self, alert: Announcement) -> None:
        pass


def rule_alert(name: str, *, firing: bool, severity: str = "page") -> RuleAlert:
    return RuleAlert(name, {"severity": severity}, firing, NOW, 0.0, 1.0)


def alert(name: str, state: AlertState, severity: Severity | None = Severity.PAGE) -> Alert:
    return Alert(name, name, severity, state, NOW, {}, {})


async def test_pages_are_those_that_alertmanager_lets_through() -> None:
    board = Board(
        held=(
            alert("ServiceDown", AlertState.FIRING),
            alert("Known", AlertState.SILENCED),
            alert("Later", AlertState.FIRING, Severity.TICKET),
        )
    )
    found = await look(KNOWN, Sources(rules=Rules(rule_alert("Known", firing=True)), board=board))
    assert [each.text for each in found.pages] == ["ServiceDown"]
    assert found.sources == ()


async def test_without_an_alertmanager_pages_are_those_of_the_rules() -> None:
    rules = Rules(
        rule_alert("ServiceDown", firing=True),
        rule_alert("Soon", firing=False),
        rule_alert("Later", firing=True, severity="ticket"),
    )
    (page,) = (await look(KNOWN, Sources(rules=rules))).pages
    assert page == Page("ServiceDown", NOW)


async def test_pages_on_budgets_say_how_long_they_remember() -> None:
    labels = {"severity": "page", "long": "6h", "short": "30m"}
    rules = Rules(
        RuleAlert("SLOBudgetBurn", labels, firing=True, since=NOW, for_s=0.0, interval_s=1.0),
        RuleAlert("Strange", labels | {"short": "soon"}, firing=True, since=NOW, for_s=0.0, interval_s=1.0),
    )
    found = (await look(KNOWN, Sources(rules=rules))).pages
    assert [each.remembers for each in found] == [timedelta(minutes=30), None]


async def test_what_does_not_answer_is_told_once() -> None:
    found = await look(KNOWN, Sources(rules=Rules(gone=True)))
    assert found.sources == ("Prometheus at http://x refuses connections",)
    assert (await look(KNOWN, Sources())).sources == ("no Prometheus is known",)


async def test_one_slow_answer_is_no_silence() -> None:
    class Slow(Rules):
        asked = 0

        async def rule_alerts(self) -> Sequence[RuleAlert]:
            self.asked += 1
            if self.asked == 1:
                raise SourceUnreachable("Prometheus at http://x gave no answer in 2 s")
            return await super().rule_alerts()

    assert (await look(KNOWN, Sources(rules=Slow()))).sources == ()


async def test_only_who_gave_no_answer_is_asked_again() -> None:
    asked: list[str] = []

    class Silent(Rules):
        async def rule_alerts(self) -> Sequence[RuleAlert]:
            asked.append("rules")
            return await super().rule_alerts()

    class Counted(Board):
        async def alerts(self) -> Sequence[Alert]:
            asked.append("board")
            return await super().alerts()

    await look(KNOWN, Sources(rules=Silent(gone=True), board=Counted()))
    assert sorted(asked) == ["board", "rules", "rules", "rules"]


async def test_objectives_without_figures_have_no_known_budget() -> None:
    def nothing(query: str) -> list[Sample]:
        return []

    watch = Watch((slo(),), FakeMetrics(nothing), None, FakeClock())
    found = await look(KNOWN, Sources(watch=watch, rules=Rules()))
    assert list(found.budgets.values()) == [None]
    assert found.frozen == ""


def test_nothing_is_away_and_no_alert_is_open_before_anything_was_seen() -> None:
    watchers = Watchers(Sources(), lambda _: None)
    assert (watchers.open_alerts, watchers.away) == ((), ())
