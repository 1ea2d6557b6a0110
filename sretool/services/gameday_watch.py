"""What is looked at while a game day goes on: objectives, alerts, who takes them, and what is waited for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.experiment import Block, Stop, StopCondition
from sretool.core.plans.gameday.plan import Until
from sretool.core.runs.events import AlertChange, SourceState
from sretool.core.slo.model import Severity
from sretool.errors import SourceError
from sretool.services.chaos_watch import PROMETHEUS, Watchers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.plans.gameday.plan import Condition, GameDayPlan
    from sretool.core.runs.events import What
    from sretool.core.slo.model import Slo
    from sretool.ports import MetricsSource

_LEAST: Final = timedelta(seconds=1)


def stop_block(plan: GameDayPlan) -> Block:
    """What the guards of a game day look at: its stop conditions, and what it may cost."""
    conditions = list(plan.stop_when)
    price = plan.budget_price
    told = [each.bound for each in conditions if each.kind is Stop.BUDGET and each.slo is None]
    if price is not None and not any(bound is not None and bound <= price for bound in told):
        share = f"{(price * 100).normalize():f}%"
        conditions.append(StopCondition(Stop.BUDGET, f"budget > {share}", bound=price))
    return Block(stop_when=tuple(conditions), budget_price=price)


class GameDayWatchers(Watchers):
    """As those of an experiment; besides, who took an alert and since when."""

    def _expects(self, name: str) -> bool | None:
        # Whether an alert may come beside those that are expected, each experiment says for itself.
        return True if name in self.expected else None


@dataclass(slots=True)
class Seen:
    """What fires and who answers, by what the watchers tell."""

    alerts: dict[str, AlertChange] = field(default_factory=dict)
    """Those that are pending or fire."""
    sources: dict[str, bool] = field(default_factory=dict)

    def take(self, what: What) -> None:
        match what:
            case AlertChange(state="pending" | "firing"):
                self.alerts[what.fingerprint or what.name] = what
            case AlertChange(state="resolved"):
                self.alerts.pop(what.fingerprint or what.name, None)
            case SourceState(source, ok):
                self.sources[source] = ok
            case _:
                pass

    def holds(self, condition: Condition) -> bool:
        """Whether what a step waits for is so; what nobody can see is not so."""
        if not self.sources.get(PROMETHEUS, False):
            return False
        firing = [each for each in self.alerts.values() if each.state == "firing"]
        match condition.kind:
            case Until.NO_PAGE:
                return not any(each.severity == Severity.PAGE for each in firing)
            case Until.FIRES:
                return any(each.name == condition.name for each in firing)
            case Until.RESOLVED:
                return not any(each.name == condition.name for each in self.alerts.values())
            case Until.LOAD_ENDS:
                return False


class Since:
    """Share of good events of an objective since the game day began."""

    def __init__(self, slos: Sequence[Slo], metrics: MetricsSource | None) -> None:
        """`slos`: those that are asked for."""
        self._slos = tuple(slos)
        self._metrics = metrics

    async def good(self, passed: float, now: datetime) -> dict[str, float]:
        """Of the last `passed` seconds, by the id of the objective; one without any event, or without an
        answer, is not there."""
        found: dict[str, float] = {}
        if self._metrics is None:
            return found
        window = max(timedelta(seconds=round(passed)), _LEAST)
        for slo in self._slos:
            try:
                bad = await self._value(slo.bad_rate(window), now)
                total = await self._value(slo.total_rate(window), now)
            except SourceError:
                continue
            if bad is not None and total:
                found[str(slo.id)] = 1 - bad / total
        return found

    async def _value(self, query: str, at: datetime) -> float | None:
        assert self._metrics is not None
        values = [each.value for each in await self._metrics.instant(query, at)]
        return sum(values) if values and all(math.isfinite(each) for each in values) else None
