"""Reading weeks of SLOs' past, minute by minute, in questions that a Prometheus can answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.recording import (
    SLOS_AT_ONCE,
    Sheet,
    chunks,
    counters_query,
    odd_lengths,
    odd_query,
    recorded_query,
)
from sretool.core.analysis.symptoms import Replayed, replay
from sretool.core.slo.selectors import selectors
from sretool.core.slo.windows import RULE_INTERVAL
from sretool.errors import SourceRefused, SourceTooMuch
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sretool.core.analysis.recording import Points, Recording
    from sretool.core.analysis.symptoms import Symptom, SymptomRule
    from sretool.core.slo.model import Slo
    from sretool.ports import HistorySource

_SHORTEST: Final = timedelta(hours=1)
"""Ranges that a server refuses are halved down to this."""
_POINTS: Final = 10_000
"""Evaluations of a rule in one question; Prometheus answers with 11,000 at most."""


def read(
    source: HistorySource,
    slos: Sequence[Slo],
    start: datetime,
    end: datetime,
    tell: Callable[[int, int], None] = lambda done, of: None,
    others: Sequence[Slo] = (),
) -> tuple[Recording, ...]:
    """The recordings of these SLOs; raises SourceError.

    `start` and `end` are whole minutes. `tell` is called with the chunks done and all of them.
    `others` are the same SLOs with pairs that are to be replayed as well.
    """
    sheet = Sheet(slos, start, end)
    wanted = {changed.id: odd_lengths(changed) for changed in others}
    odd = [(slo, found) for slo in slos if (found := odd_lengths(slo) | wanted.get(slo.id, frozenset()))]
    spans = list(chunks(start, end))
    for number, (first, last) in enumerate(spans):
        tell(number, len(spans))
        for some in _batches(slos):
            for answer in _ranges(source, recorded_query(some), first, last, RULE_INTERVAL):
                sheet.enter_recorded(answer)
        for slo in sheet.lacking(first, last):
            for answer in _ranges(source, counters_query(slo), first, last, RULE_INTERVAL):
                sheet.enter_counters(slo, answer)
        for slo, lengths in odd:
            for answer in _ranges(source, odd_query(slo, lengths), first, last, RULE_INTERVAL):
                sheet.enter_odd(slo, answer)
    tell(len(spans), len(spans))
    return sheet.recordings()


def _batches(slos: Sequence[Slo]) -> Iterator[Sequence[Slo]]:
    for begin in range(0, len(slos), SLOS_AT_ONCE):
        yield slos[begin : begin + SLOS_AT_ONCE]


def symptoms(
    source: HistorySource, rules: Sequence[SymptomRule], since: datetime, until: datetime
) -> Replayed:
    """Every time one of the rules would have fired; raises SourceError where the server cannot be asked."""
    firings: list[Symptom] = []
    silent: dict[SymptomRule, str] = {}
    for rule in rules:
        try:
            answers = list(_evaluated(source, rule, since, until))
            missing = _missing(source, rule, since, until) if not answers else ()
        except SourceRefused as error:
            silent[rule] = error.message
            continue
        firings += replay(rule, answers, since, until)
        if missing:
            silent[rule] = f"no data of {', '.join(missing)}"
    firings.sort(key=lambda each: (each.start, each.rule.name))
    return Replayed(tuple(rules), tuple(firings), silent)


def _evaluated(
    source: HistorySource, rule: SymptomRule, since: datetime, until: datetime
) -> Iterator[Points]:
    """Values of its expression at every evaluation, from early enough for what fires at `since`."""
    early = -(-(rule.hold + rule.keep) // rule.interval) + 1
    start = since - early * rule.interval
    while start <= until:
        last = min(start + (_POINTS - 1) * rule.interval, until)
        for answer in _ranges(source, rule.expr, start, last, rule.interval):
            yield from answer
        start = last + rule.interval


def _missing(source: HistorySource, rule: SymptomRule, since: datetime, until: datetime) -> tuple[str, ...]:
    """The selectors of its expression where none of them has a series, as then it says nothing."""
    try:
        found = tuple(selectors([rule.expr]))
    except ValueError:
        return ()
    step = max(_SHORTEST, (until - since) / _POINTS)
    for selector in found:
        look = f"count(last_over_time({selector}[{format_duration(_SHORTEST)}]))"
        if any(answer for answer in _ranges(source, look, since, until, step)):
            return ()
    return found


def _ranges(
    source: HistorySource, query: str, start: datetime, end: datetime, step: timedelta
) -> Iterator[Sequence[Points]]:
    """The answer, in as few pieces as the server allows."""
    try:
        yield source.range(query, start, end, step)
    except SourceTooMuch:
        if end - start < max(_SHORTEST, 2 * step):
            raise
        middle = start + (end - start) / 2 // step * step
        yield from _ranges(source, query, start, middle, step)
        yield from _ranges(source, query, middle + step, end, step)
