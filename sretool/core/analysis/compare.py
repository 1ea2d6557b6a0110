"""Two load tests against each other: what became worse by more than chance and by more than matters.

Each kind of request and all together are compared in their rate, latencies and failures. A difference is a
regression where it is large enough to matter and where chance, over all that is compared, is unlikely to have
brought it (Holm's correction). What slices of time tell cannot include what differs from run to run for
reasons outside of both: another machine, a warm cache. The smallest relevant difference stands against that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from sretool.core.analysis import bootstrap
from sretool.core.analysis.latency import middle
from sretool.core.analysis.totals import NANO, Total, Totals, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_SLICES: Final = 120
"""Longer runs are cut into longer slices."""
LEAST_SLICES: Final = 10
"""Of each run; fewer say nothing about how the figures scatter."""
TAIL: Final = 10
"""Requests beyond a percentile that it takes to compare it."""
SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Change(StrEnum):
    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    """No difference that matters, or none that chance does not explain."""
    UNCLEAR = "unclear"
    """Too little data."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What matters."""

    relative: float = 0.05
    """Smallest relevant change of latencies and rates, in relation to before."""
    seconds: float = 0.001
    """And of latencies in seconds; both must be exceeded."""
    errors: float = 0.001
    """Smallest relevant change of the share of failures, in points 0..1."""
    level: float = 0.05
    """How probable a regression may be, over all that is compared, where there is none."""
    rounds: int = bootstrap.ROUNDS
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one kind of request."""

    request: str
    """Empty: all together."""
    measure: str
    """`rate`, `p50`, `p95`, `p99`, `errors`."""
    unit: str
    """`1/s`, `s`, `ratio`."""
    before: float | None
    after: float | None
    change: float | None = None
    """In relation to before; of errors in points, 0..1."""
    low: float | None = None
    high: float | None = None
    """Of the change, 19 times in 20."""
    chance: float | None = None
    """How probable a change as large or larger is where there is none, in its direction."""
    verdict: Change = Change.UNCLEAR
    why: str = ""
    """What is missing, where it is unclear."""


@dataclass(frozen=True, slots=True)
class Comparison:
    rows: tuple[Row, ...]
    """All together first, then each kind of request."""
    notes: tuple[str, ...] = ()

    @property
    def worse(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.verdict is Change.WORSE)

    @property
    def verdict(self) -> Change:
        """Worse where anything is; unclear where not even all requests together can be compared."""
        if self.worse:
            return Change.WORSE
        together = [row for row in self.rows if not row.request and row.measure in _NEEDED]
        if not together or any(row.verdict is Change.UNCLEAR for row in together):
            return Change.UNCLEAR
        found = {row.verdict for row in self.rows}
        return Change.BETTER if Change.BETTER in found else Change.SAME


_NEEDED: Final = ("rate", "p50", "p95", "errors")
"""What must be comparable of all requests together."""


def compare(
    before: Sequence[Totals], after: Sequence[Totals], settings: Settings | None = None
) -> Comparison:
    """Both as slices of time in their order, a second or so each, without their warm-ups."""
    settings = settings or Settings()
    one, other = _even(before), _even(after)
    names = ["", *sorted({name for part in (*one, *other) for name in part.names})]
    if len(names) == 2:
        # A single kind of request is all of them.
        names = [""]
    rows = [row for name in names for row in _rows(name, one, other, settings)]
    return Comparison(_judged(rows, settings), _notes(names, one, other))


def _even(slices: Sequence[Totals]) -> list[Totals]:
    """At most `MOST_SLICES`, of about the same length each; those without any time left out."""
    known = [part for part in slices if part.seconds > 0]
    if not known:
        return []
    # A short rest at the end would weigh as much as a whole slice.
    usual = sorted(part.seconds for part in known)[len(known) // 2]
    together = max(1, math.ceil(len(known) / MOST_SLICES))
    groups = [known[begin : begin + together] for begin in range(0, len(known), together)]
    found = [merged(group) for group in groups]
    if len(found) > 1 and found[-1].seconds < 0.5 * usual * together:
        found[-2:] = [merged(found[-2:])]
    return found


def _notes(names: Sequence[str], one: Sequence[Totals], other: Sequence[Totals]) -> tuple[str, ...]:
    notes = []
    for name in names[1:]:
        counts = [sum(_of(part, name).requests for part in side) for side in (one, other)]
        if counts[0] and not counts[1]:
            notes.append(f"{name} was asked {counts[0]} times before and not at all after")
        elif counts[1] and not counts[0]:
            notes.append(f"{name} was not asked before, and {counts[1]} times after")
    return tuple(notes)


def _of(part: Totals, name: str) -> Total:
    return part.of(name) or _NOTHING


_NOTHING: Final = Total()


def _rows(name: str, one: Sequence[Totals], other: Sequence[Totals], settings: Settings) -> list[Row]:
    sides = (_Side(name, one, settings, 0), _Side(name, other, settings, 1))
    if not (sides[0].requests or sides[1].requests):
        return []
    rows = [_row(name, "rate", "1/s", sides, settings)]
    rows += [_row(name, measure, "s", sides, settings) for measure in SHARES]
    rows.append(_row(name, "errors", "ratio", sides, settings))
    return rows


class _Side:
    """One kind of request in one run: its figures, and those of every resampling."""

    def __init__(self, name: str, slices: Sequence[Totals], settings: Settings, place: int) -> None:
        self.slices = len(slices)
        parts = [_of(part, name) for part in slices]
        self.requests = sum(part.requests for part in parts)
        self.latencies = sum(part.latency.count for part in parts)
        self._whole = merged(slices)
        self._total = _of(self._whole, name)
        self._name = name
        self._drawn: dict[str, NDArray[np.float64]] = {}
        if self.slices >= LEAST_SLICES and self.requests:
            self._draw(parts, slices, settings, place)

    def _draw(self, parts: Sequence[Total], slices: Sequence[Totals], settings: Settings, place: int) -> None:
        # The same seed would pair slices of the two runs that have nothing to do with each other.
        weights = bootstrap.weights(self.slices, settings.rounds, settings.seed * 2 + place)
        seconds = weights @ np.array([part.seconds for part in slices])
        requests = weights @ np.array([float(part.requests) for part in parts])
        failures = weights @ np.array([float(part.failures) for part in parts])
        self._drawn["rate"] = requests / seconds
        self._drawn["errors"] = np.divide(failures, requests, out=np.zeros_like(failures), where=requests > 0)
        numbers = sorted({number for part in parts for number in part.latency.buckets})
        if not numbers:
            return
        places = {number: column for column, number in enumerate(numbers)}
        counts = np.zeros((self.slices, len(numbers)))
        for row, part in enumerate(parts):
            for number, count in part.latency.buckets.items():
                counts[row, places[number]] = count
        drawn = weights @ counts
        values = np.array([middle(number) / NANO for number in numbers])
        found = bootstrap.quantiles(drawn, values, list(SHARES.values()))
        self._drawn |= dict(zip(SHARES, found, strict=True))

    def figure(self, measure: str) -> float | None:
        if measure == "rate":
            return self._total.requests / self._whole.seconds if self._whole.seconds else None
        if measure == "errors":
            return self._total.error_share
        return self._total.quantile(SHARES[measure])

    def drawn(self, measure: str) -> NDArray[np.float64] | None:
        return self._drawn.get(measure)

    def lacks(self, measure: str) -> str:
        """What there is too little of; empty: nothing."""
        if not self.requests:
            return "no requests"
        if self.slices < LEAST_SLICES:
            return f"{self.slices} of {LEAST_SLICES} seconds needed"
        if measure in SHARES:
            needed = math.ceil(TAIL / min(SHARES[measure], 1 - SHARES[measure]))
            if self.latencies < needed:
                return f"{self.latencies} of {needed} needed"
        if measure == "errors" and self.requests < 2 * TAIL:
            return f"{self.requests} of {2 * TAIL} needed"
        return ""

    @property
    def blocks(self) -> int:
        return math.ceil(self.slices / bootstrap.block_length(self.slices))


def _row(name: str, measure: str, unit: str, sides: tuple[_Side, _Side], settings: Settings) -> Row:
    one, other = sides
    before, after = one.figure(measure), other.figure(measure)
    row = Row(name, measure, unit, before, after)
    lacking = [
        f"{side.lacks(measure)} {when}"
        for side, when in ((one, "before"), (other, "after"))
        if side.lacks(measure)
    ]
    if lacking or before is None or after is None:
        return replace(row, why=", ".join(lacking))
    drawn = one.drawn(measure), other.drawn(measure)
    assert drawn[0] is not None
    assert drawn[1] is not None
    if measure == "errors":
        change, spread = after - before, drawn[1] - drawn[0]
        # Nothing failed so far does not mean that nothing can.
        rare = math.sqrt(sum(max(side.figure("errors") or 0.0, 0.5 / side.requests) / side.requests
                             for side in sides))  # fmt: skip
        error = max(float(np.std(spread, ddof=1)), rare)
        middle_ = change
    else:
        if not before:
            return replace(row, why="nothing before")
        change = after / before - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.log(drawn[1]) - np.log(drawn[0])
        spread = spread[np.isfinite(spread)]
        if len(spread) < settings.rounds / 2:
            return replace(row, why="no figure in most of the resamplings")
        error, middle_ = float(np.std(spread, ddof=1)), math.log(after / before) if after > 0 else -math.inf
    blocks = min(one.blocks, other.blocks)
    # What is resampled scatters a little less than what it stands for.
    error *= math.sqrt(blocks / (blocks - 1)) if blocks > 1 else 2.0
    # A latency is counted in buckets: within the width of one nothing differs.
    error = max(error, _BUCKET) if measure in SHARES else error
    low, high = middle_ - _WIDE * error, middle_ + _WIDE * error
    if measure != "errors":
        low, high = math.expm1(low), math.expm1(high)
    bad = -middle_ if measure == "rate" else middle_
    return replace(
        row,
        change=change,
        low=low,
        high=high,
        chance=bootstrap.chance(abs(bad), error, blocks),
        verdict=_direction(row, change, settings),
    )


_WIDE: Final = 2.0
"""Standard errors to each side that hold the truth 19 times in 20."""
_BUCKET: Final = 1 / 1024


def _direction(row: Row, change: float, settings: Settings) -> Change:
    """Better or worse where the change is large enough to matter, whatever chance says."""
    assert row.before is not None
    assert row.after is not None
    match row.measure:
        case "errors":
            matters = abs(change) >= settings.errors
        case "rate":
            matters = abs(change) >= settings.relative
        case _:
            matters = abs(change) >= settings.relative and abs(row.after - row.before) >= settings.seconds
    if not matters:
        return Change.SAME
    return Change.WORSE if (change < 0) == (row.measure == "rate") else Change.BETTER


def _judged(rows: Sequence[Row], settings: Settings) -> tuple[Row, ...]:
    """Those that matter stay better or worse only where chance does not explain them, all taken together."""
    known = sorted((row.chance, place) for place, row in enumerate(rows) if row.chance is not None)
    sure: set[int] = set()
    for rank, (chance, place) in enumerate(known):
        # Two directions: by chance one is as likely as the other.
        if chance * 2 * (len(known) - rank) > settings.level:
            break
        sure.add(place)
    return tuple(
        replace(row, verdict=Change.SAME)
        if row.verdict in (Change.WORSE, Change.BETTER) and place not in sure
        else row
        for place, row in enumerate(rows)
    )
