"""What spent an error budget: entries that add up exactly to what is gone.

Stretches in which the budget burnt faster than it grows are incidents; what people know of (incidents, chaos
runs, maintenance windows) takes the steps it lasted and the burning that goes on after it; all the rest is
background. Counts are kept as fractions, so that nothing is lost to rounding between the entries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from sretool.core.slo.budget import Count
from sretool.core.slo.windows import RATE_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from decimal import Decimal

    from sretool.core.slo.budget import Past
    from sretool.core.slo.firing import Firing

LEAST_SHARE: Final = Fraction(1, 100)
"""Of the budget: shorter or smaller stretches of fast burning nobody knows of stay in the background."""

_BRIDGED: Final = 2
"""Steps of slow burning that do not end a stretch of fast burning."""


class Kind(StrEnum):
    """What an entry is, by precedence where several claim the same minutes."""

    MAINTENANCE = "maintenance"
    CHAOS = "chaos"
    INCIDENT = "incident"
    BACKGROUND = "background"
    EDGES = "edges"
    """Events that the window's sums count and no step of the past does, or the reverse: its last moments."""


_PRECEDENCE: Final = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Span:
    """Something that is known to have happened, whoever knows it: a file, the catalog, a store of runs."""

    name: str
    start: datetime
    end: datetime
    kind: Kind = Kind.INCIDENT
    source: str = ""
    """Who says so: a file, a folder of runs; empty: not said."""
    excluded: bool = False
    """Its events do not count: it is shown with what was left out, and spends nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger."""

    kind: Kind
    name: str | None
    """None: nobody gave it one."""
    start: datetime | None
    """None for what has no place of its own in the window: background and edges."""
    end: datetime | None
    bad: Fraction
    """Bad events."""
    total: Fraction
    share: Fraction
    """Of the whole budget of the window; all shares add up to what is gone."""
    peak_burn: float | None = None
    """Burn rate of its worst step; None where it has no steps with events."""
    alerts: tuple[Firing, ...] = ()
    """Alerts of the SLO that fired meanwhile, as they were evaluated then."""
    source: str = ""
    """Of its span."""
    left_out: Count | None = None
    """Events of excluded time, which are in no other figure; None where the time counts."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the budget of one window went."""

    since: datetime
    until: datetime
    allowed: Fraction
    """Bad events the window's traffic allows: its whole budget."""
    bad: Fraction
    total: Fraction
    entries: tuple[Entry, ...]
    """In order of time; background and edges at the end."""
    coverage: float
    """Share of the steps that have data, 0..1."""

    @property
    def spent(self) -> Fraction:
        """Share of the budget that is gone; above 1: overspent."""
        return self.bad / self.allowed

    @property
    def biggest(self) -> tuple[Entry, ...]:
        """Entries by what they spent, most first."""
        return tuple(sorted(self.entries, key=lambda entry: -entry.share))


def ledger(
    past: Past,
    budget: Decimal,
    known: Iterable[Span] = (),
    firings: Sequence[Firing] = (),
    counted: Count | None = None,
    left_out: Past | None = None,
) -> Ledger | None:
    """The ledger of the window that `past` covers; None where it has no events, so that no budget exists.

    `counted` are the window's events as a status has them; without it the steps' own sum counts.
    `left_out` is what `past` lacks of excluded time, step by step.
    """
    steps = _Steps(past, Fraction(budget))
    whole_bad, whole_total = steps.bad(range(len(steps))), steps.total(range(len(steps)))
    bad, total = whole_bad, whole_total
    if counted is not None and not _same(counted, whole_bad, whole_total):
        bad, total = Fraction(counted.bad), Fraction(counted.total)
    allowed = Fraction(budget) * total
    if allowed <= 0:
        return None
    spans = [span for span in known if span.start < past.until and span.end > steps.since]
    owners = _claims(steps, sorted(spans, key=lambda span: (_PRECEDENCE[span.kind], span.start)))
    entries = [_told(steps.entry(span, owners.of(span), allowed, firings), span, left_out) for span in spans]
    for run in owners.unclaimed():
        found = steps.entry(None, run, allowed, firings)
        if found.share >= LEAST_SHARE:
            entries.append(found)
            owners.settle(run, found)
    entries.sort(key=lambda entry: (entry.start or steps.since, entry.end or past.until))
    rest = owners.rest()
    entries.append(
        Entry(
            Kind.BACKGROUND,
            None,
            None,
            None,
            steps.bad(rest),
            steps.total(rest),
            steps.bad(rest) / allowed,
            steps.peak(rest),
        )
    )
    if (bad, total) != (whole_bad, whole_total):
        off = bad - whole_bad
        entries.append(Entry(Kind.EDGES, None, None, None, off, total - whole_total, off / allowed))
    with_data = sum(count is not None for count in past.counts)
    return Ledger(
        steps.since, past.until, allowed, bad, total, tuple(entries), with_data / max(len(past.counts), 1)
    )


def _told(entry: Entry, span: Span, left_out: Past | None) -> Entry:
    """The entry of something known: who says so, and what of it does not count."""
    if not span.excluded:
        return replace(entry, source=span.source)
    away = Count(0.0, 0.0)
    if left_out is not None:
        since = left_out.until - len(left_out.counts) * left_out.step
        # The sample at the start is in the step that ends there.
        first = max(-((since - span.start) // left_out.step) - 1, 0)
        behind = max(-((since - span.end - RATE_WINDOW) // left_out.step), first)
        inside = [count for count in left_out.counts[first:behind] if count is not None]
        away = Count(sum(count.bad for count in inside), sum(count.total for count in inside))
    return replace(entry, end=span.end, source=span.source, left_out=away)


class _Steps:
    """The past as exact numbers by step: whole numbers of a unit that all its floats are multiples of."""

    def __init__(self, past: Past, budget: Fraction) -> None:
        self._past = past
        self._budget = budget
        bad = [(count.bad if count is not None else 0.0).as_integer_ratio() for count in past.counts]
        total = [(count.total if count is not None else 0.0).as_integer_ratio() for count in past.counts]
        # Denominators of floats are powers of two, so the largest is a multiple of all.
        self._unit = max((below for _, below in (*bad, *total)), default=1)
        self._bad = [above * (self._unit // below) for above, below in bad]
        self._total = [above * (self._unit // below) for above, below in total]
        self.since = past.until - len(past.counts) * past.step

    def __len__(self) -> int:
        return len(self._bad)

    def bad(self, steps: Iterable[int]) -> Fraction:
        return Fraction(sum(self._bad[step] for step in steps), self._unit)

    def total(self, steps: Iterable[int]) -> Fraction:
        return Fraction(sum(self._total[step] for step in steps), self._unit)

    def empty(self, steps: Iterable[int]) -> list[int]:
        return [step for step in steps if not self._total[step] and not self._bad[step]]

    def peak(self, steps: Iterable[int]) -> float | None:
        allowed = float(self._budget)
        ratios = (self._bad[step] / self._total[step] for step in steps if self._total[step] > 0)
        highest = max(ratios, default=None)
        return highest / allowed if highest is not None else None

    def start(self, step: int) -> datetime:
        return self.since + step * self._past.step

    def burning(self) -> Iterator[range]:
        """Stretches in which more went bad than the steps' own traffic allows."""
        above, below = self._budget.as_integer_ratio()
        first = last = None
        for step in range(len(self)):
            if below * self._bad[step] > above * self._total[step]:
                if first is None or last is None or step - last > _BRIDGED + 1:
                    if first is not None and last is not None:
                        yield range(first, last + 1)
                    first = step
                last = step
        if first is not None and last is not None:
            yield range(first, last + 1)

    def overlapping(self, start: datetime, end: datetime) -> range:
        """Steps that have minutes of the span; rates show an event for RATE_WINDOW after it."""
        step = self._past.step
        first = max((start - self.since) // step, 0)
        behind = min(-((self.since - end - RATE_WINDOW) // step), len(self))
        return range(first, max(behind, first))

    def entry(
        self, span: Span | None, steps: Sequence[int], allowed: Fraction, firings: Sequence[Firing]
    ) -> Entry:
        bad = self.bad(steps)
        if steps:
            start, end = self.start(steps[0]), self.start(steps[-1] + 1)
        else:
            assert span is not None
            start, end = span.start, span.end
        if span is not None:
            start = max(span.start, self.since)
        meanwhile = tuple(
            firing for firing in firings if firing.start < end and (firing.end is None or firing.end > start)
        )
        return Entry(
            span.kind if span is not None else Kind.INCIDENT,
            span.name if span is not None else None,
            start,
            end,
            bad,
            self.total(steps),
            bad / allowed,
            self.peak(steps),
            meanwhile,
        )


class _Owners:
    """Which step belongs to what."""

    def __init__(self, number: int) -> None:
        self._owner: list[Span | Entry | None] = [None] * number
        self._runs: list[range] = []

    def claim(self, span: Span, steps: Iterable[int]) -> None:
        for step in steps:
            if self._owner[step] is None:
                self._owner[step] = span

    def claim_run(self, run: range) -> None:
        """What burns on after something known belongs to it, and so does what burnt up to it.

        Not so with a planned maintenance: what it does outside its window is nobody's plan.
        """
        current = next((owner for owner in self._in(run) if owner is not None), None)
        left: list[int] = []
        for step in run:
            owner = self._owner[step]
            if isinstance(owner, Span):
                current = owner if owner.kind is not Kind.MAINTENANCE else None
            elif isinstance(current, Span) and current.kind is not Kind.MAINTENANCE:
                self._owner[step] = current
            else:
                left.append(step)
        self._runs.extend(_contiguous(left))

    def unclaimed(self) -> list[range]:
        return self._runs

    def settle(self, run: range, entry: Entry) -> None:
        for step in run:
            self._owner[step] = entry

    def of(self, span: Span) -> list[int]:
        return [step for step, owner in enumerate(self._owner) if owner is span]

    def rest(self) -> list[int]:
        return [step for step, owner in enumerate(self._owner) if owner is None]

    def _in(self, run: range) -> Iterator[Span | Entry | None]:
        return (self._owner[step] for step in run)


def _same(counted: Count, bad: Fraction, total: Fraction) -> bool:
    """Whether floats and exact sums differ by the floats' rounding only."""
    near = Fraction(1, 10**9) * Fraction(counted.total)
    return abs(Fraction(counted.bad) - bad) <= near and abs(Fraction(counted.total) - total) <= near


def _claims(steps: _Steps, spans: Iterable[Span]) -> _Owners:
    owners = _Owners(len(steps))
    for span in spans:
        during = steps.overlapping(span.start, span.end)
        # What still counts of a step that is excluded in part came before or after.
        owners.claim(span, steps.empty(during) if span.excluded else during)
    for run in steps.burning():
        owners.claim_run(run)
    return owners


def _contiguous(steps: Sequence[int]) -> Iterator[range]:
    first = last = None
    for step in steps:
        if first is None or last is None or step != last + 1:
            if first is not None and last is not None:
                yield range(first, last + 1)
            first = step
        last = step
    if first is not None and last is not None:
        yield range(first, last + 1)
