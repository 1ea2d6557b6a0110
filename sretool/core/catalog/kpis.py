"""Key performance indicators: what a system is to reach quarter by quarter, and what each is measured by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.catalog.model import Target

_QUARTER: Final = re.compile(r"(\d{4})-?[Qq]([1-4])")


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """Three calendar months in UTC."""

    year: int
    number: int
    """1..4."""

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"

    @property
    def start(self) -> datetime:
        return datetime(self.year, 3 * self.number - 2, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant of the next one."""
        year, month = (self.year + 1, 1) if self.number == 4 else (self.year, 3 * self.number + 1)
        return datetime(year, month, 1, tzinfo=UTC)


def quarter(text: str) -> Quarter:
    """`"2026Q4"`; UsageError where it is none."""
    found = _QUARTER.fullmatch(text.strip())
    if found is None or not 1970 <= int(found[1]) <= 9000:
        raise UsageError(f"{text!r} is not a quarter", remedy="write it like 2026Q4")
    return Quarter(int(found[1]), int(found[2]))


def quarter_of(at: datetime) -> Quarter:
    """The one that `at` is in."""
    utc = at.astimezone(UTC)
    return Quarter(utc.year, (utc.month + 2) // 3)


class FromRuns(StrEnum):
    """What run folders measure."""

    AVAILABILITY = "availability"
    """Share of the requests of load tests that were answered well."""
    ERRORS = "errors"
    """Share of the requests of load tests that failed."""
    P95 = "p95"
    """Of the load test that was slowest, seconds."""
    MTTR = "mttr"
    """Mean time from a fault until everything was as before, seconds."""
    MTTD = "mttd"
    """Mean time from a fault until an alert fired for it, seconds."""


UNITS: Final = {
    FromRuns.AVAILABILITY: "ratio",
    FromRuns.ERRORS: "ratio",
    FromRuns.P95: "s",
    FromRuns.MTTR: "s",
    FromRuns.MTTD: "s",
}
"""Of what runs measure."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached from a quarter on."""

    since: Quarter
    target: Target


@dataclass(frozen=True, slots=True)
class Kpi:
    id: str
    title: str
    unit: str
    """`"ratio"` or `"s"`."""
    query: str | None = None
    """PromQL of one value with `{window}`, which becomes the length of the quarter so far."""
    runs: FromRuns | None = None
    """What of run folders stands for it where the query gives nothing."""
    goals: tuple[Goal, ...] = ()
    """By quarter; the last one holds on."""

    def goal(self, of: Quarter) -> Target | None:
        """None before the first one."""
        reached = [each.target for each in self.goals if each.since <= of]
        return reached[-1] if reached else None


DEFAULT: Final[Sequence[Kpi]] = (
    Kpi("availability", "Availability", "ratio", runs=FromRuns.AVAILABILITY),
    Kpi("latency-p95", "Latency p95", "s", runs=FromRuns.P95),
    Kpi("errors", "Failed requests", "ratio", runs=FromRuns.ERRORS),
    Kpi("mttr", "Mean time to recovery", "s", runs=FromRuns.MTTR),
    Kpi("mttd", "Mean time to detection", "s", runs=FromRuns.MTTD),
)
"""Of a catalog that names none: what runs measure, without goals."""
