"""What exclusions take away from figures that were recorded before anybody wrote the exclusions.

A rate over five minutes holds an event until five minutes later: so much longer than the exclusion its rates
are left out. Rules that know an exclusion record nothing meanwhile; taking away nothing changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.slo.budget import Count
from sretool.core.slo.windows import RATE_WINDOW

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sretool.core.slo.budget import Past
    from sretool.core.slo.firing import Rates
    from sretool.core.slo.model import Slo

Spans = list[tuple["datetime", "datetime"]]
"""Apart from each other, in order of time."""

_TICK: Final = timedelta(milliseconds=1)
"""What servers tell times apart by."""


def excluded(slo: Slo, begin: datetime, until: datetime) -> Spans:
    """Spans between `begin` and `until` whose recorded rates hold something excluded."""
    begin, until = begin.replace(microsecond=0), until.replace(microsecond=0)
    found: Spans = []
    for each in sorted(slo.exclusions, key=lambda each: each.start):
        start, end = max(each.start, begin), min(each.end + RATE_WINDOW, until)
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return found


def counting(slo: Slo, begin: datetime, until: datetime) -> Spans | None:
    """The rest of the time, whose events count; None where that is all of it."""
    spans = excluded(slo, begin, until)
    if not spans:
        return None
    kept: Spans = []
    begin, until = begin.replace(microsecond=0), until.replace(microsecond=0)
    for start, end in spans:
        if begin < start:
            kept.append((begin, start))
        begin = end
    return [*kept, (begin, until)] if begin < until else kept


def ranges(spans: Spans) -> Spans:
    """The ranges whose samples are those from each span's start on and before its end.

    A range holds its end, and no sample falls on its start, which Prometheus 2 counts and Prometheus 3 does
    not.
    """
    return [(start - _TICK, end - _TICK) for start, end in spans]


def partial(slo: Slo, until: datetime, step: timedelta, number: int) -> Spans:
    """The excluded `ranges` of steps that are not excluded as a whole, of `number` steps up to `until`."""
    return [part for parts in _by_step(slo, until, step, number).values() for part in parts if part]


def _by_step(slo: Slo, until: datetime, step: timedelta, number: int) -> dict[int, Spans]:
    """Excluded ranges by step; of one that is excluded as a whole none.

    A step holds the sample at its end and not that at its start, which is the other way round with what is
    excluded.
    """
    since = until - number * step
    found: dict[int, Spans] = {}
    for start, end in ranges(excluded(slo, since, until + step)):
        for place in range(max((start - since) // step, 0), min(-((since - end) // step), number)):
            first, last = since + place * step + _TICK, since + (place + 1) * step
            if start <= first and last <= end:
                found[place] = []
            else:
                found.setdefault(place, []).append((max(start, first), min(end, last)))
    return found


def key(start: datetime, end: datetime) -> str:
    """What a sum over a span is known by."""
    return f"{start.timestamp():.3f}:{end.timestamp():.3f}"


def without(slo: Slo, past: Past, sums: Mapping[str, float], instead: Count | None) -> Past:
    """The past less what is excluded of it; steps that are excluded as a whole become `instead`.

    `sums` are bad and all events of the `partial` spans by "bad:key" and "total:key"; none of counts that
    lack them already.
    """
    parts = _by_step(slo, past.until, past.step, len(past.counts))
    if not parts:
        return past
    counts = list(past.counts)
    for place, spans in parts.items():
        count = counts[place]
        if not spans:
            counts[place] = instead
        elif count is not None:
            bad, total = (sum(sums.get(f"{what}:{key(*span)}", 0.0) for span in spans) for what in _BOTH)
            counts[place] = Count(max(count.bad - bad, 0.0), max(count.total - total, 0.0))
    return replace(past, counts=tuple(counts))


_BOTH = ("bad", "total")


def left_out(whole: Past, kept: Past) -> Past:
    """What `without` took away, step by step."""
    nothing = Count(0.0, 0.0)
    pairs = zip(whole.counts, kept.counts, strict=True)
    taken = (
        Count(one.bad - (two or nothing).bad, one.total - (two or nothing).total) if one is not None else None
        for one, two in pairs
    )
    return replace(whole, counts=tuple(taken))


def without_rates(slo: Slo, seen: Rates) -> Rates:
    """Rates without those of excluded time, as if nobody had come then."""
    number = len(seen.bad)
    if not number:
        return seen
    bad, total = list(seen.bad), list(seen.total)
    first = seen.at(0)
    for start, end in excluded(slo, first, seen.until + seen.step):
        begin = max(-((first - start) // seen.step), 0)
        behind = min(-((first - end) // seen.step), number)
        for place in range(begin, behind):
            bad[place] = total[place] = 0.0
    return replace(seen, bad=tuple(bad), total=tuple(total))
