"""What rounds with and without a fault differ by, in words and as a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sretool.core.runs.words import NONE, value_words

if TYPE_CHECKING:
    from sretool.core.runs.rounds import Compared

_LOPSIDED: Final = 0.2
"""How much farther one end of an interval may be than the other, of its half, for it to be told as ±."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure as it stands in a table."""

    measure: str
    without: str
    with_: str
    change: str
    interval: str
    """`-2.1% … +4%`: it holds the change 19 times in 20."""
    chance: str
    """How probable as much is where the fault changes nothing."""
    worse: bool | None
    """None: nothing is clear."""


def row(of: Compared) -> Row:
    found, unit = of.found, of.measure.unit
    least = " (the least there is)" if found.chance <= found.least_chance else ""
    return Row(
        of.measure.name,
        value_words(found.without, unit, 3),
        value_words(found.with_, unit, 3),
        _change(of, found.change),
        NONE if found.low is None else f"{_change(of, found.low)} … {_change(of, found.high)}",
        f"{found.chance:.1%}{least}",
        of.worse,
    )


def document(of: Compared) -> dict[str, Any]:
    """Plain numbers, in the unit of the measure; `change`, `low` and `high` as `relative` says."""
    found = of.found
    return {
        "measure": of.measure.name,
        "unit": of.measure.unit,
        "pairs": found.pairs,
        "without": found.without,
        "with": found.with_,
        "relative": found.relative,
        "change": found.change,
        "low": found.low,
        "high": found.high,
        "chance": found.chance,
        "least_chance": found.least_chance,
        "clear": found.clear,
        "worse": of.worse,
    }


def words(of: Compared) -> str:
    """`capacity -38% ± 5%`; where the interval is lopsided `p95 +58% (+9.1% … +128%)`."""
    found, unit = of.found, of.measure.unit

    def told(value: float, digits: int = 3) -> str:
        if found.relative or unit == "ratio":
            return f"{_percent(value, digits)}{'%' if found.relative else ' points'}"
        return f"{'+' if value >= 0 else ''}{value_words(value, unit, digits)}"

    change = f"{of.measure.name} {told(found.change)}"
    if found.low is None or found.high is None or found.margin is None:
        return change
    lopsided = abs(found.high + found.low - 2 * found.change) > _LOPSIDED * found.margin
    if lopsided:
        return f"{change} ({told(found.low, 2)} … {told(found.high, 3)})"
    return f"{change} ± {told(found.margin, 2).lstrip('+')}"


def _change(of: Compared, value: float | None) -> str:
    """`+212%` in relation to without; `+1.2 pt` of shares."""
    if value is None:
        return NONE
    if of.found.relative:
        return f"{_percent(value)}%"
    return f"{_percent(value)} pt" if of.measure.unit == "ratio" else f"{value:+.3g}"


def _percent(share: float, digits: int = 3) -> str:
    """`+9.11`, `-38`, `+1,490`: without what computing left of nothing."""
    found = round(share * 100, 4)
    return f"{found:+,.0f}" if abs(found) >= 100 else f"{found:+.{digits}g}"
