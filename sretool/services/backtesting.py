"""Reading weeks of SLOs' past, minute by minute, in questions that a Prometheus can answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.recording import (
    SLOS_AT_ONCE,
    Sheet,
    chunks,
    counters_query,
    recorded_query,
)
from sretool.core.slo.windows import RULE_INTERVAL
from sretool.errors import SourceTooMuch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sretool.core.analysis.recording import Points, Recording
    from sretool.core.slo.model import Slo
    from sretool.ports import HistorySource

_SHORTEST: Final = timedelta(hours=1)
"""Ranges that a server refuses are halved down to this."""


def read(
    source: HistorySource,
    slos: Sequence[Slo],
    start: datetime,
    end: datetime,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Recording, ...]:
    """The recordings of these SLOs; raises SourceError.

    `start` and `end` are whole minutes. `tell` is called with the chunks done and all of them.
    """
    sheet = Sheet(slos, start, end)
    spans = list(chunks(start, end))
    for number, (first, last) in enumerate(spans):
        tell(number, len(spans))
        for some in _batches(slos):
            for answer in _ranges(source, recorded_query(some), first, last):
                sheet.enter_recorded(answer)
        for slo in sheet.lacking(first, last):
            for answer in _ranges(source, counters_query(slo), first, last):
                sheet.enter_counters(slo, answer)
    tell(len(spans), len(spans))
    return sheet.recordings()


def _batches(slos: Sequence[Slo]) -> Iterator[Sequence[Slo]]:
    for begin in range(0, len(slos), SLOS_AT_ONCE):
        yield slos[begin : begin + SLOS_AT_ONCE]


def _ranges(source: HistorySource, query: str, start: datetime, end: datetime) -> Iterator[Sequence[Points]]:
    """The answer, in as few pieces as the server allows."""
    try:
        yield source.range(query, start, end, RULE_INTERVAL)
    except SourceTooMuch:
        if end - start < _SHORTEST:
            raise
        middle = start + (end - start) / 2 // RULE_INTERVAL * RULE_INTERVAL
        yield from _ranges(source, query, start, middle)
        yield from _ranges(source, query, middle + RULE_INTERVAL, end)
