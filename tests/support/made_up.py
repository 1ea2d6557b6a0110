"""Made-up time, and a Prometheus that fires by it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe.model import RuleAlert
from sretool.errors import SourceTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

T0: Final = datetime(2026, 11, 21, 10, tzinfo=UTC)


def now() -> float:
    """Seconds of the loop's own clock, which begins at 0."""
    return asyncio.get_running_loop().time()


class MadeUpClock:
    jump = 0.0
    """Seconds by which somebody has set it."""

    def now(self) -> datetime:
        return T0 + timedelta(seconds=now() + self.jump)


@dataclass
class MadeUpRules:
    """A Prometheus: pending and firing alerts by the time."""

    alerts: Sequence[tuple[float, float, str, bool]] = ()
    """From, to, name, firing; each is a page."""
    hangs_from: float = float("inf")

    async def rule_alerts(self) -> Sequence[RuleAlert]:
        if now() >= self.hangs_from:
            await asyncio.sleep(2)
            raise SourceTimeout("Prometheus gave no answer in 2 s")
        return [
            RuleAlert(name, {"severity": "page"}, firing, T0, 2.0, 1.0)
            for begin, end, name, firing in self.alerts
            if begin <= now() < end
        ]

    async def aclose(self) -> None:
        pass
