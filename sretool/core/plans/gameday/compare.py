"""Two game days of the same plan against each other: what became worse?

Everything here was measured once on each day, so nobody can tell how much of a difference chance has brought.
What counts is whether things that held still hold, and differences of times and budgets that are larger than
what one exercise differs from the next by anyway.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - looked up where documents are made
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.compare import Change
from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.runs.model import ChaosMeasures, Check, GameDayMeasures


@dataclass(frozen=True, slots=True)
class Relevant:
    """How large a difference must be to matter."""

    relative: float = 0.2
    """Of times and budgets, in relation to the smaller one."""
    seconds: float = 5.0
    """And of times; both must be exceeded."""
    budget: float = 0.01
    """And of budgets, in points 0..1; both must be exceeded."""
    score: float = 1.0
    """Of 100 points."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One experiment of a game day."""

    outcome: Outcome | None
    """None: it has no verdict."""
    measures: ChaosMeasures | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What a game day came to."""

    outcome: Outcome | None
    claims: tuple[Check, ...] = ()
    measures: GameDayMeasures | None = None
    experiments: Mapping[str, Tried] = field(default_factory=dict)
    """By title."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Service → 0..100."""


@dataclass(frozen=True, slots=True)
class Row:
    of: str
    """What it is of: an experiment, a service; empty: of the whole day."""
    measure: str
    unit: str
    """As of a check; `outcome` and `holds` for words."""
    before: float | str | None
    after: float | str | None
    verdict: Change


@dataclass(frozen=True, slots=True)
class Comparison:
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    judged: bool
    """Whether both days came to a verdict that says something."""

    @property
    def worse(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.verdict is Change.WORSE)

    @property
    def verdict(self) -> Change:
        if self.worse:
            return Change.WORSE
        if not self.judged:
            return Change.UNCLEAR
        return Change.BETTER if any(row.verdict is Change.BETTER for row in self.rows) else Change.SAME


_SPANS: Final = ("rto_s", "rpo_s", "mttd_s", "mtta_s", "mttr_s")
NAMES: Final = {
    "rto_s": "RTO",
    "rpo_s": "RPO",
    "mttd_s": "detected in",
    "mtta_s": "taken in",
    "mttr_s": "mended in",
    "lost_writes": "lost writes",
    "budget_spent": "budget spent",
}
"""Of measures that are compared."""


def compare(before: Day, after: Day, relevant: Relevant | None = None) -> Comparison:
    relevant = relevant or Relevant()
    rows = [Row("", "outcome", "outcome", _word(before.outcome), _word(after.outcome),
                _outcome(before.outcome, after.outcome))]  # fmt: skip
    rows += _claims(before.claims, after.claims)
    rows += _figures("", before.measures, after.measures, relevant)
    for title in before.experiments:
        if title in after.experiments:
            one, other = before.experiments[title], after.experiments[title]
            change = _outcome(one.outcome, other.outcome)
            rows.append(Row(title, "outcome", "outcome", _word(one.outcome), _word(other.outcome), change))
            rows += _figures(title, one.measures, other.measures, relevant)
    for service in sorted(before.scores.keys() & after.scores.keys()):
        one_score, other_score = before.scores[service], after.scores[service]
        change = _less(other_score - one_score, relevant.score)
        rows.append(Row(service, "score", "", one_score, other_score, change))
    judged = all(each.outcome is not None and each.outcome.judged for each in (before, after))
    return Comparison(tuple(rows), tuple(_notes(before, after)), judged)


def _word(outcome: Outcome | None) -> str | None:
    return outcome.value if outcome is not None else None


def _outcome(before: Outcome | None, after: Outcome | None) -> Change:
    """An exercise that says nothing is neither better nor worse than one that does."""
    if before is after:
        return Change.SAME if before is not None and before.judged else Change.UNCLEAR
    if before is Outcome.PASSED and after in (Outcome.FAILED, Outcome.ABORTED, Outcome.ERROR):
        return Change.WORSE
    if after is Outcome.ERROR and before is not None:
        # A fault that stayed in is worse than anything that was measured.
        return Change.WORSE
    if after is Outcome.PASSED and before in (Outcome.FAILED, Outcome.ABORTED, Outcome.ERROR):
        return Change.BETTER
    return Change.UNCLEAR


def _claims(before: tuple[Check, ...], after: tuple[Check, ...]) -> Iterator[Row]:
    later = {each.name: each for each in after}
    for one in before:
        other = later.get(one.name)
        if other is None:
            continue
        change = Change.SAME
        if one.ok is None or other.ok is None:
            change = Change.UNCLEAR
        elif one.ok != other.ok:
            change = Change.BETTER if other.ok else Change.WORSE
        yield Row("", one.name, "holds", _held(one.ok), _held(other.ok), change)


def _held(ok: bool | None) -> str | None:
    return {True: "holds", False: "broken", None: None}[ok]


def _figures(
    of: str,
    before: GameDayMeasures | ChaosMeasures | None,
    after: GameDayMeasures | ChaosMeasures | None,
    relevant: Relevant,
) -> Iterator[Row]:
    if before is None or after is None:
        return
    for name in (*_SPANS, "lost_writes", "budget_spent"):
        one, other = getattr(before, name, None), getattr(after, name, None)
        if one is None and other is None:
            continue
        unit = "s" if name in _SPANS else "ratio" if name == "budget_spent" else ""
        yield Row(of, NAMES[name], unit, one, other, _figure(name, one, other, relevant))


def _figure(name: str, before: float | None, after: float | None, relevant: Relevant) -> Change:
    if before is None or after is None:
        return Change.UNCLEAR
    if name == "lost_writes":
        return _less(before - after, 1)
    least = relevant.seconds if name in _SPANS else relevant.budget
    return _less(before - after, max(least, relevant.relative * min(before, after)))


def _less(gain: float, least: float) -> Change:
    """`gain`: how much better it became."""
    if not gain or abs(gain) < least:
        return Change.SAME
    return Change.BETTER if gain > 0 else Change.WORSE


def _notes(before: Day, after: Day) -> Iterator[str]:
    gone = [title for title in before.experiments if title not in after.experiments]
    new = [title for title in after.experiments if title not in before.experiments]
    if gone:
        yield f"not tried again: {', '.join(gone)}"
    if new:
        yield f"not tried before: {', '.join(new)}"
    names = {each.name for each in before.claims} ^ {each.name for each in after.claims}
    if names:
        yield f"asked on one of the days only: {', '.join(sorted(names))}"
