"""Explaining one SLO: its status, and behind it the pairs, the ledger, the alerts and the suspects."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from sretool.core.observe import assemble, explanation, plan
from sretool.core.slo.exclusions import left_out
from sretool.core.slo.windows import RATE_WINDOW, RULE_INTERVAL
from sretool.errors import SourceError, SourceRefused
from sretool.services.reading import MetricsReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from sretool.core.observe.explanation import Explanation, Suspicion
    from sretool.core.observe.model import Series, SloStatus
    from sretool.core.slo.budget import Past
    from sretool.core.slo.firing import Firing
    from sretool.core.slo.ledger import Span
    from sretool.core.slo.model import Slo
    from sretool.ports import MetricsSource

_AT_ONCE = 4
"""Queries under way at the same time."""


async def all_ranges(source: MetricsSource, queries: Sequence[plan.RangeQuery]) -> list[Sequence[Series]]:
    """The answers in order; all are awaited before the first SourceError is raised."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(query: plan.RangeQuery) -> Sequence[Series] | SourceError:
        async with gate:
            try:
                return await source.range(query.expr, query.start, query.end, query.step)
            except SourceError as error:
                return error

    answers: list[Sequence[Series]] = []
    for answer in await asyncio.gather(*(ask(query) for query in queries)):
        if isinstance(answer, SourceError):
            raise answer
        answers.append(answer)
    return answers


async def read_status(
    slos: Sequence[Slo], source: MetricsSource, now: datetime, at: datetime | None
) -> tuple[tuple[SloStatus, ...], frozenset[str]]:
    """How SLOs stand, and which of them have recorded rates; raises SourceError."""
    reading = await MetricsReader(slos, source).read(now, at)
    statuses = assemble.statuses(reading.slos, reading.numbers, reading.pasts, at or now)
    return statuses, frozenset(str(slo) for slo in reading.recorded)


async def explain(
    status: SloStatus, source: MetricsSource, at: datetime, known: Iterable[Span], *, from_rules: bool
) -> Explanation:
    """Why the SLO of `status`, which is of `at`, stands as it does; raises SourceError."""
    slo, until = status.slo, at.replace(microsecond=0)
    counts = explanation.counts(slo, slo.window_start(until), until, from_rules=from_rules)
    recent = explanation.recent_rates(slo, at, from_rules=from_rules)
    counted, rated = await all_ranges(source, [counts, recent])
    whole = explanation.past(counts, counted)
    past = await kept(slo, source, counts, whole, from_rules=from_rules)
    alerts = await read_alerts(slo, source, counts.start - counts.step, at)
    seen = explanation.seen_rates(slo, recent, rated)
    since = await rules_since(slo, source, at, at - counts.start)
    completed = explanation.completed_alerts(slo, alerts, past, since)
    found = explanation.explain(
        status, at, past, seen, alerts, completed, tuple(known), left_out(whole, past)
    )
    return replace(found, suspicion=await _suspects(slo, source, found))


async def kept(
    slo: Slo, source: MetricsSource, asked: plan.RangeQuery, whole: Past, *, from_rules: bool
) -> Past:
    """The past less what is excluded of it, which rules loaded before the exclusion was written recorded."""
    query = plan.taken_away([(slo, explanation.excluded_parts(slo, asked))]) if from_rules else None
    samples = await source.instant(query, asked.end) if query is not None else ()
    return explanation.counted(slo, whole, assemble.excluded_sums([slo], samples).get(slo.id, {}))


async def read_alerts(slo: Slo, source: MetricsSource, start: datetime, end: datetime) -> tuple[Firing, ...]:
    """The SLO's alerts as its rules recorded them; raises SourceError."""
    queries = explanation.alert_samples(explanation.of_slo(slo), start, end)
    answers = await all_ranges(source, queries)
    found = explanation.alert_firings([series for answer in answers for series in answer], end)
    return tuple(firing for _, firing in found)


async def rules_since(slo: Slo, source: MetricsSource, at: datetime, length: timedelta) -> datetime:
    """When the SLO's rules were first evaluated, as their number since then tells."""
    samples = await source.instant(explanation.rules_since(slo, length), at)
    evaluations = max((sample.value for sample in samples), default=0.0)
    return at - evaluations * RULE_INTERVAL


async def _suspects(slo: Slo, source: MetricsSource, found: Explanation) -> Suspicion | None:
    span = explanation.suspect_span(found)
    if span is None:
        return None
    start, end, _ = span
    # Counters are scraped every now and then: over less than a rate's range they tell nothing.
    length = max(-(-(end - start) // RULE_INTERVAL) * RULE_INTERVAL, RATE_WINDOW)
    query = explanation.increments(slo.sli, length)
    if query is None:
        return explanation.no_suspicion(span, explanation.no_increments(slo.sli))
    try:
        samples = await source.instant(query, end)
    except SourceRefused as error:
        return explanation.no_suspicion(span, error.message)
    return explanation.suspicion(slo, span, samples)
