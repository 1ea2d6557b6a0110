"""Silence debt: error budget that was spent while the page of its objective was silenced.

Nobody was told, so nobody could act; the budget is gone all the same. Computed from the recorded rates over
the time in which a silence hid the page, as far back as Alertmanager remembers silences (5 days unless it is
told otherwise) and the objective's window reaches. Acknowledgements are no debt: somebody works on those.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.alerting.acks import ack_of
from sretool.core.observe.plan import FIGURE, any_of, named
from sretool.core.slo.model import Severity
from sretool.core.slo.promql import recorded
from sretool.core.slo.rules import ALERT_NAME, group
from sretool.core.slo.windows import RULE_INTERVAL
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sretool.core.alerting.silences import Silence
    from sretool.core.observe.model import Sample, SloStatus
    from sretool.core.slo.model import Slo, SloId


@dataclass(frozen=True, slots=True)
class Hidden:
    """When the page of one SLO was silenced: spans apart from each other, oldest first."""

    slo: Slo
    spans: tuple[tuple[datetime, datetime], ...]

    @property
    def lasted(self) -> timedelta:
        return sum((end - start for start, end in self.spans), timedelta())


@dataclass(frozen=True, slots=True)
class Debt:
    """What one SLO spent while its page was silenced."""

    slo: SloId
    spent: float | None
    """Share of the whole budget; None: its rates are not recorded, or it has no data."""
    silenced_for: timedelta


def hidden(
    slos: Iterable[Slo],
    silences: Sequence[Silence],
    now: datetime,
    severities: Mapping[Severity, str] | None = None,
) -> tuple[Hidden, ...]:
    """The SLOs of which a silence hides or hid a page within their window."""
    plain = [silence for silence in silences if ack_of(silence) is None]
    found = []
    for slo in slos:
        spans = _joined(_spans(slo, plain, now, severities or {}))
        if spans:
            found.append(Hidden(slo, spans))
    return tuple(found)


def _spans(
    slo: Slo, silences: Iterable[Silence], now: datetime, severities: Mapping[Severity, str]
) -> Iterator[tuple[datetime, datetime]]:
    for silence in hiding(slo, silences, severities):
        span = silence.within(now - slo.length(now), now)
        if span is not None:
            yield span


def hiding(
    slo: Slo, silences: Iterable[Silence], severities: Mapping[Severity, str] | None = None
) -> Iterator[Silence]:
    """The silences that hide a page of this SLO, whenever that is."""
    pages = page_labels(slo, severities)
    return (silence for silence in silences if any(silence.matches(labels) for labels in pages))


def page_labels(slo: Slo, severities: Mapping[Severity, str] | None = None) -> tuple[dict[str, str], ...]:
    """The labels of the pages that this SLO's rules raise."""
    called = (severities or {}).get(Severity.PAGE, Severity.PAGE.value)
    return tuple(
        {"alertname": ALERT_NAME, **dict(slo.group), **rule.labels}
        for rule in group(slo, None, severities or {}).rules
        if rule.alert is not None and rule.labels.get("severity") == called
    )


def _joined(spans: Iterable[tuple[datetime, datetime]]) -> tuple[tuple[datetime, datetime], ...]:
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def query(found: Sequence[Hidden]) -> str | None:
    """One question about the bad events in all of these spans; None: there is nothing to ask."""
    seconds = int(RULE_INTERVAL.total_seconds())
    parts = [
        named(
            f"{number}:{position}",
            f"sum(sum_over_time({recorded('slo:bad:rate5m', each.slo)}"
            f"[{format_duration(_whole(end - start))}] @ {int(end.timestamp())})) * {seconds}",
        )
        for number, each in enumerate(found)
        for position, (start, end) in enumerate(each.spans)
    ]
    return any_of(parts) if parts else None


def _whole(span: timedelta) -> timedelta:
    """In whole seconds, and at least as long as the pause between two samples."""
    return max(timedelta(seconds=int(span.total_seconds())), RULE_INTERVAL)


def debts(
    found: Sequence[Hidden], samples: Iterable[Sample], statuses: Iterable[SloStatus]
) -> tuple[Debt, ...]:
    """The answer to `query`, the largest debt first."""
    bad: dict[int, float] = {}
    for sample in samples:
        number = int(sample.labels.get(FIGURE, "-1:0").partition(":")[0])
        bad[number] = bad.get(number, 0.0) + sample.value
    totals = {status.slo.id: status.total for status in statuses}
    owed = [
        Debt(each.slo.id, _share(bad.get(number), totals.get(each.slo.id), each.slo), each.lasted)
        for number, each in enumerate(found)
    ]
    return tuple(sorted(owed, key=lambda debt: (-(debt.spent or 0.0), debt.slo)))


def _share(bad: float | None, total: float | None, slo: Slo) -> float | None:
    return bad / (float(slo.budget) * total) if bad is not None and total else None
