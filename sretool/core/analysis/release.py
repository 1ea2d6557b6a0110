"""Whether a release may go out: what it carries, what that uses up, what it costs, what the budgets allow.

Four things decide, and each must be known to be good:

- every growth stage that must be carried is at or below the rate that was confirmed to hold;
- above the peak that is forecast the reserve is left: confirmed rate / forecast >= 1 + reserve;
- at the peak no resource is at its warning line, and all that have a line were measured;
- the gate of the error budget policy lets the change through.

One that is refuted makes it a no-go. One that nobody knows leaves it open, however good the others are.

**Forecast.** peak x weekend x (1 + growth) ^ months, where `growth` is what a month of 30 days adds, as a
share. It is compared with the traffic of the lowest stage that reaches it, else of the highest.

**Cost.** Of a stage by the month: the sum of count x price of its items; a price by the hour counts 730
times. Where an item scales, the tested system's confirmed rate is shared out over its `tested` instances,
and as many are needed as carry the stage and the reserve. That each more adds as much as those tested is the
best case: what they share (a database, a cache) may be at its end before, and where something shared reached
its line first, more of them are of no use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003 - fields are looked up where documents are made
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HOURS: Final = Decimal(730)
"""Of a month: a twelfth of a year."""
MONTH_S: Final = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Some of one thing."""

    what: str
    price: Decimal
    """Of one of them, by the month."""
    count: Decimal = Decimal(1)
    unit: str = ""
    """What is counted: `GB`; empty: instances."""
    scales: bool = False
    """Whether more of them carry more."""

    @property
    def monthly(self) -> Decimal:
        return self.count * self.price


@dataclass(frozen=True, slots=True)
class GrowthStage:
    id: str
    rate: float
    """Requests per second at its peak."""
    search: str
    """Id of the step that looks for the highest rate of its traffic."""
    must: bool = False
    """Whether the release waits for it; else it is an outlook."""
    costs: tuple[Cost, ...] = ()
    line: int = 1

    @property
    def monthly(self) -> Decimal | None:
        return sum((each.monthly for each in self.costs), Decimal(0)) if self.costs else None


@dataclass(frozen=True, slots=True)
class Forecast:
    peak: float
    """Requests per second now, at the busiest of a working day."""
    weekend: float = 1.0
    """Times the working day's."""
    growth: float = 0.0
    """Share that a month adds; below 0 where it takes."""
    ahead: float = 0.0
    """Seconds from now that the release has to last."""

    @property
    def rate(self) -> float:
        return self.peak * self.weekend * math.pow(1 + self.growth, self.ahead / MONTH_S)


@dataclass(frozen=True, slots=True)
class WaterLine:
    """Of every resource whose name begins so; shares 0..1, or in the catalog's unit."""

    resource: str
    warn: float
    """From here on it is no release."""
    safe: float | None = None
    """Up to here nothing is said; None: up to `warn`."""
    danger: float | None = None
    line: int = 1


@dataclass(frozen=True, slots=True)
class Scale:
    """What there is more of where more is to be carried."""

    tested: int
    """How many of them the tested system has."""
    resource: str = ""
    """Resources whose name begins so are theirs; empty: nobody says."""


@dataclass(frozen=True, slots=True)
class Release:
    """What is asked of a release."""

    change: str = ""
    """Its kind, in the words of the error budget policy; empty: the gate is not asked."""
    stages: tuple[GrowthStage, ...] = ()
    forecast: Forecast | None = None
    reserve: float = 0.0
    """Share beyond a rate that must be left."""
    during: str = ""
    """Id of the load in which resources are looked at: the peak."""
    water_lines: tuple[WaterLine, ...] = ()
    scale: Scale | None = None
    currency: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Key → line in the plan's file."""


# --- what was measured


@dataclass(frozen=True, slots=True)
class Search:
    """What came of a search for the highest rate; requests per second."""

    lower: float | None = None
    """Confirmed to hold."""
    upper: float | None = None
    """Refuted."""
    knee: float | None = None
    why: tuple[str, ...] = ()
    """What broke first."""
    resource: str = ""
    """What reached its line first; empty: nothing, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Use:
    resource: str
    most: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What the error budget policy says; `go` None: it cannot tell."""

    go: bool | None
    reason: str
    slo: str = ""
    budget_left: float | None = None
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    searches: Mapping[str, Search] = field(default_factory=dict)
    """By the id of the step; one that found nothing is not there."""
    uses: tuple[Use, ...] | None = None
    """In the load at the peak; None: nobody answered, or nobody was asked."""
    peak: float | None = None
    """Requests per second of that load."""
    gate: Gate | None = None


# --- what follows


class Level(StrEnum):
    SAFE = "safe"
    RAISED = "raised"
    """Above what is safe, below the warning."""
    WARNING = "warning"
    DANGER = "danger"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    GO = "go"
    NO_GO = "no-go"
    OPEN = "open"
    """Something that decides is not known."""


@dataclass(frozen=True, slots=True)
class StageFound:
    stage: GrowthStage
    search: Search | None
    carries: bool | None
    """None: it lies between what was confirmed and what was refuted, or nobody knows."""
    headroom: float | None
    """What is left beyond it, as a share of it; below 0 where it is too much."""
    needed: int | None = None
    """Scaled instances that carry it and the reserve, at best; None: not known."""
    monthly_needed: Decimal | None = None
    """Its cost with as many."""
    shared: str = ""
    """What reached its line first and is not what scales: more instances would not help."""


@dataclass(frozen=True, slots=True)
class LineFound:
    line: WaterLine
    resource: str
    """The fullest of those that the line is about; its own words where none was measured."""
    most: float | None
    level: Level

    @property
    def ok(self) -> bool | None:
        if self.level is Level.UNKNOWN:
            return None
        return self.level in (Level.SAFE, Level.RAISED)


@dataclass(frozen=True, slots=True)
class Headroom:
    """Above the forecast peak."""

    rate: float
    """The forecast."""
    stage: str
    """Whose traffic it is compared with; empty: no stage was searched for."""
    share: float | None
    ok: bool | None


@dataclass(frozen=True, slots=True)
class Judged:
    release: Release
    stages: tuple[StageFound, ...]
    headroom: Headroom | None
    """None: nothing is forecast."""
    lines: tuple[LineFound, ...]
    peak: float | None
    """Requests per second in the load whose resources were looked at."""
    gate: Gate | None
    """None: it was to be asked, and was not."""
    decision: Decision
    reasons: tuple[str, ...]
    """Why it is no go, each in words; empty where it is one."""


def judge(release: Release, found: Found) -> Judged:
    stages = tuple(_stage(each, release, found) for each in release.stages)
    headroom = _headroom(release, found) if release.forecast is not None else None
    lines = tuple(_line(each, found.uses) for each in release.water_lines)
    refuted, unknown = _reasons(release, stages, headroom, lines, found.gate)
    decision = Decision.NO_GO if refuted else Decision.OPEN if unknown else Decision.GO
    reasons = (*refuted, *unknown)
    return Judged(release, stages, headroom, lines, found.peak, found.gate, decision, reasons)


def beyond(rate: float, search: Search | None, reserve: float = 0.0) -> bool | None:
    """Whether a search shows that a rate and the reserve above it are carried; None: it shows neither."""
    if search is None:
        return None
    wanted = rate * (1 + reserve)
    if search.lower is not None and search.lower >= wanted:
        return True
    return False if search.upper is not None and search.upper <= wanted else None


def _stage(stage: GrowthStage, release: Release, found: Found) -> StageFound:
    search = found.searches.get(stage.search)
    lower = search.lower if search is not None else None
    left = lower / stage.rate - 1 if lower is not None else None
    needed = cost = None
    shared = ""
    scale = release.scale
    if scale is not None and search is not None and lower:
        needed = math.ceil(round(stage.rate * (1 + release.reserve) * scale.tested / lower, 9))
        cost = _scaled(stage.costs, needed)
        if scale.resource and search.resource and not search.resource.startswith(scale.resource):
            shared = search.resource
    return StageFound(stage, search, beyond(stage.rate, search), left, needed, cost, shared)


def _scaled(costs: Sequence[Cost], needed: int) -> Decimal | None:
    """Items that scale, with as many; None: none does."""
    if not any(each.scales for each in costs):
        return None
    return sum((each.price * needed if each.scales else each.monthly for each in costs), Decimal(0))


def _headroom(release: Release, found: Found) -> Headroom:
    assert release.forecast is not None
    rate = release.forecast.rate
    of = _compared(release.stages, rate)
    if of is None:
        return Headroom(rate, "", None, None)
    search = found.searches.get(of.search)
    lower = search.lower if search is not None else None
    share = lower / rate - 1 if lower is not None else None
    return Headroom(rate, of.id, share, beyond(rate, search, release.reserve))


def _compared(stages: Iterable[GrowthStage], rate: float) -> GrowthStage | None:
    rising = sorted(stages, key=lambda each: each.rate)
    return next((each for each in rising if each.rate >= rate), rising[-1] if rising else None)


def _line(line: WaterLine, uses: Sequence[Use] | None) -> LineFound:
    mine = [each for each in uses or () if each.resource.startswith(line.resource)]
    if not mine:
        return LineFound(line, line.resource, None, Level.UNKNOWN)
    top = max(mine, key=lambda each: each.most)
    if line.danger is not None and top.most >= line.danger:
        level = Level.DANGER
    elif top.most >= line.warn:
        level = Level.WARNING
    elif line.safe is not None and top.most > line.safe:
        level = Level.RAISED
    else:
        level = Level.SAFE
    return LineFound(line, top.resource, top.most, level)


def _reasons(
    release: Release,
    stages: Sequence[StageFound],
    headroom: Headroom | None,
    lines: Sequence[LineFound],
    gate: Gate | None,
) -> tuple[list[str], list[str]]:
    """Of what is refuted, and of what nobody knows."""
    told: list[tuple[bool | None, str]] = []
    for each in stages:
        if each.stage.must:
            word = "is not carried" if each.carries is False else "is not known to be carried"
            told.append((each.carries, f"{each.stage.id} {word}"))
    if headroom is not None:
        word = "is not left" if headroom.ok is False else "is not known to be left"
        told.append((headroom.ok, f"the reserve above the forecast peak {word}"))
    for line in lines:
        if line.ok is None:
            told.append((None, f"{line.resource} was not measured at the peak"))
        else:
            told.append((line.ok, f"{line.resource} is at {line.level.value} level"))
    if release.change:
        go = gate.go if gate is not None else None
        told.append((go, f"gate: {gate.reason if gate is not None else 'was not asked'}"))
    refuted = [text for ok, text in told if ok is False]
    return refuted, [text for ok, text in told if ok is None]
