"""What an earlier session knew, as the first thing a new one shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sretool.core.observe.model import SourceHealth

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.observe.model import Snapshot


def remembered(last: Snapshot, blank: Snapshot) -> Snapshot:
    """`last` as far as it is about the SLOs and sources of `blank`, a snapshot in which nothing is known yet.

    Every source is as old as it was then; none has answered or failed now.
    """
    wanted = {status.slo.id: status.slo for status in blank.statuses}
    kept = [
        # The catalog may have changed meanwhile: a group belongs to whatever it is a group of now.
        replace(status, slo=replace(wanted[status.slo.base_id], id=status.slo.id, group=status.slo.group))
        for status in last.statuses
        if status.slo.base_id in wanted
    ]
    known = {status.slo.base_id for status in kept}
    missing = [status for status in blank.statuses if status.slo.id not in known]
    names = {source.name for source in blank.sources}
    return replace(
        blank,
        statuses=(*kept, *missing),
        alerts=last.alerts if "alertmanager" in names else (),
        sources=tuple(_aged(source, last) for source in blank.sources),
        changes=last.changes,
        gate=last.gate,
    )


def _aged(source: SourceHealth, last: Snapshot) -> SourceHealth:
    before = last.source(source.name)
    if before is None or before.good_at is None:
        return source
    return replace(source, good_at=before.good_at, data_at=before.data_at)


def as_it_was(last: Snapshot, now: datetime) -> Snapshot:
    """`last` itself, before any catalog is read."""
    asked = [SourceHealth(source.name, False, now, None, None, None, None) for source in last.sources]
    return replace(last, seq=0, sources=tuple(_aged(source, last) for source in asked))
