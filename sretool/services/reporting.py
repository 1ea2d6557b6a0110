"""A month's report out of one Prometheus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sretool.core.observe import explanation, month
from sretool.core.slo.exclusions import left_out
from sretool.services.explaining import all_ranges, kept, read_status, rules_since

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sretool.core.observe.model import SloStatus
    from sretool.core.observe.month import Month, MonthOfSlo, Period
    from sretool.core.slo.budget import Past
    from sretool.core.slo.firing import Firing
    from sretool.core.slo.ledger import Span
    from sretool.core.slo.model import Slo
    from sretool.ports import MetricsSource

_WANTED = 'severity=~"page|ticket"'
"""Alerts that ask for nobody, such as a dead man's switch, are no part of a report."""

_AT_ONCE = 4
"""SLOs that are asked about at the same time."""


async def report(
    slos: Sequence[tuple[Slo, Period]],
    source: MetricsSource,
    period: Period,
    now: datetime,
    known: Sequence[Span],
) -> Month:
    """The month of these SLOs, each as long as it counts for it; raises SourceError.

    `period` is that of the report, and of alerts that belong to none of them.
    """
    of_period: dict[Period, list[Slo]] = {}
    for slo, its in slos:
        of_period.setdefault(its, []).append(slo)
    found: list[MonthOfSlo] = []
    for each, some in of_period.items():
        found += await _of_period(some, source, each, now, known)
    by_base: dict[str, list[MonthOfSlo]] = {}
    for month_of_slo in found:
        by_base.setdefault(month_of_slo.slo.base_id, []).append(month_of_slo)
    bases = dict.fromkeys(str(slo.base_id) for slo, _ in slos)
    fired = await _fired(source, period)
    return month.Month(
        period,
        tuple(each for base in bases for each in by_base.get(base, ())),
        tuple(each for each in fired if each[0].get("slo") not in bases),
    )


async def _fired(source: MetricsSource, period: Period) -> list[tuple[Mapping[str, str], Firing]]:
    answers = await all_ranges(source, explanation.alert_samples(_WANTED, period.start, period.until))
    return explanation.alert_firings([series for answer in answers for series in answer], period.until)


async def _of_period(
    slos: Sequence[Slo], source: MetricsSource, period: Period, now: datetime, known: Sequence[Span]
) -> list[MonthOfSlo]:
    statuses, recorded = await read_status(slos, source, now, period.until)
    fired = await _fired(source, period)
    by_id = {status.slo.id: status for status in statuses}
    order = [status for slo in slos for status in by_id.values() if status.slo.base_id == slo.base_id]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(status: SloStatus) -> MonthOfSlo:
        from_rules = bool(recorded & {status.slo.id, status.slo.base_id})
        async with gate:
            return await _of_slo(status, source, period, _of(status.slo, fired), known, from_rules=from_rules)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(status)) for status in order]
    return [task.result() for task in tasks]


async def _of_slo(
    status: SloStatus,
    source: MetricsSource,
    period: Period,
    fired: Sequence[Firing],
    known: Sequence[Span],
    *,
    from_rules: bool,
) -> MonthOfSlo:
    slo = status.slo
    whole, past = await _pasts(slo, source, period, from_rules=from_rules)
    if not from_rules and not slo.is_template and None in past.counts:
        # Rules that are gone at the end may have recorded what no counter tells any more.
        recorded = await _pasts(slo, source, period, from_rules=True)
        whole, past = max((whole, past), recorded, key=lambda each: _known(each[1]))
    since = await rules_since(slo, source, period.until, period.until - period.start)
    return month.of_slo(
        status,
        past,
        explanation.completed_alerts(slo, fired, past, since),
        known,
        period,
        left_out(whole, past),
    )


async def _pasts(slo: Slo, source: MetricsSource, period: Period, *, from_rules: bool) -> tuple[Past, Past]:
    """The period as it was counted, and less what is excluded of it."""
    asked = explanation.counts(slo, period.start, period.until, from_rules=from_rules)
    (answer,) = await all_ranges(source, [asked])
    whole = explanation.past(asked, answer)
    return whole, await kept(slo, source, asked, whole, from_rules=from_rules)


def _known(past: Past) -> int:
    return sum(count is not None for count in past.counts)


def _of(slo: Slo, fired: Sequence[tuple[Mapping[str, str], Firing]]) -> list[Firing]:
    wanted = {"slo": str(slo.base_id), **dict(slo.group)}
    return [firing for labels, firing in fired if wanted.items() <= labels.items()]
