"""What the charts of one SLO need: its error ratio over any time and its budget over the whole window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe.model import SloHistory
from sretool.core.observe.plan import FIGURE, RangeQuery, any_of, named, past_until
from sretool.core.slo.budget import buckets, burn_down
from sretool.core.slo.exclusions import Spans, excluded, key, partial, ranges, without
from sretool.core.slo.promql import recorded
from sretool.core.slo.windows import RATE_WINDOW, RULE_INTERVAL
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sretool.core.observe.model import Sample, Series
    from sretool.core.slo.model import Slo

USED_OVER: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3))

_BUDGET_POINTS: Final = 240
"""Points of a burn-down: 3 hours apart over 30 days."""


@dataclass(frozen=True, slots=True)
class HistoryQueries:
    """The two questions behind one history."""

    counts: RangeQuery
    """Bad and all events of each step of the burn-down."""
    spent: str
    """Bad events over each length of `USED_OVER`, as one instant vector."""


def budget_step(slo: Slo) -> timedelta:
    """Distance of the points of the burn-down: multiples of 5 minutes, some 240 in the SLO's window."""
    return max(slo.window / _BUDGET_POINTS // RATE_WINDOW * RATE_WINDOW, RATE_WINDOW)


def queries(slo: Slo, now: datetime, *, from_rules: bool) -> HistoryQueries:
    """What to ask about one SLO, of the series that rules recorded or of the raw counters."""
    counts = _recorded_counts(slo) if from_rules else _raw_counts(slo)
    step, until = budget_step(slo), past_until(now)
    return HistoryQueries(
        counts=RangeQuery(
            any_of(named(what, events(step)) for what, events in counts.items()),
            until - slo.length(now) + step,
            until,
            step,
        ),
        spent=any_of(
            named(format_duration(length), counts["bad"](length))
            for length in USED_OVER
            if length <= slo.window
        ),
    )


def assemble(
    slo: Slo,
    now: datetime,
    counts: Iterable[Series],
    spent: Iterable[Sample],
    taken: Mapping[str, float] | None = None,
) -> SloHistory:
    """The history out of the answers to `queries` for the same SLO and time, less what is excluded.

    `taken` are sums of the `excluded_parts`; none where the answers lack them already.
    """
    away = taken or {}
    of = {series.labels.get(FIGURE, ""): series.points for series in counts}
    step = budget_step(slo)
    past = buckets(of.get("bad", ()), of.get("total", ()), past_until(now), step, slo.length(now))
    past = without(slo, past, away, None)
    known = [count for count in past.counts if count is not None]
    whole = float(slo.budget) * sum(count.total for count in known)
    spent_over = {sample.labels.get(FIGURE, ""): sample.value for sample in spent}
    used: dict[timedelta, float | None] = {
        length: max(spent_over[format_duration(length)] - _taken(slo, now, length, away), 0.0) / whole
        if whole > 0 and format_duration(length) in spent_over
        else None
        for length in USED_OVER
        if length <= slo.window
    }
    used[slo.window] = sum(count.bad for count in known) / whole if whole > 0 else None
    return SloHistory(
        slo=slo.id,
        at=now,
        budget_left=burn_down(past, slo.budget),
        budget_step=step,
        used=used,
    )


def excluded_parts(slo: Slo, now: datetime) -> Spans:
    """What is excluded of single steps of the burn-down, and of what was spent lately, to be asked for."""
    step = budget_step(slo)
    number = max(round(slo.length(now) / step), 1)
    lately = (_lately(slo, now, length) for length in USED_OVER if length <= slo.window)
    parts = (*partial(slo, past_until(now), step, number), *(span for spans in lately for span in spans))
    return list(dict.fromkeys(parts))


def _taken(slo: Slo, now: datetime, length: timedelta, away: Mapping[str, float]) -> float:
    return sum(away.get(f"bad:{key(*span)}", 0.0) for span in _lately(slo, now, length))


def _lately(slo: Slo, now: datetime, length: timedelta) -> Spans:
    return ranges(excluded(slo, now - length, now))


def _recorded_counts(slo: Slo) -> dict[str, Callable[[timedelta], str]]:
    """PromQL of bad and of all events over a range."""
    seconds = int(RULE_INTERVAL.total_seconds())

    def events(name: str) -> Callable[[timedelta], str]:
        return lambda length: f"sum_over_time({recorded(name, slo)}[{format_duration(length)}]) * {seconds}"

    return {"bad": events("slo:bad:rate5m"), "total": events("slo:total:rate5m")}


def _raw_counts(slo: Slo) -> dict[str, Callable[[timedelta], str]]:
    seconds, every = int(RATE_WINDOW.total_seconds()), format_duration(RATE_WINDOW)

    def events(rate: str) -> Callable[[timedelta], str]:
        return lambda length: f"sum_over_time(({rate})[{format_duration(length)}:{every}]) * {seconds}"

    return {"bad": events(slo.bad_rate(RATE_WINDOW)), "total": events(slo.total_rate(RATE_WINDOW))}


def error_ratio(slo: Slo, step: timedelta, *, from_rules: bool) -> str:
    """PromQL of the bad share at points `step` apart: that of 5 minutes, or of a longer step as a whole."""
    if step <= RATE_WINDOW:
        return _recorded_ratio(slo) if from_rules else _raw_ratio(slo, RATE_WINDOW)
    if not from_rules:
        return _raw_ratio(slo, step)
    bad, total = (
        f"sum_over_time({recorded(name, slo)}[{format_duration(step)}])"
        for name in ("slo:bad:rate5m", "slo:total:rate5m")
    )
    return f"{bad} / ({total} > 0)"


def _recorded_ratio(slo: Slo) -> str:
    # Two evaluations back at most: Prometheus's own five minutes would paint over short gaps.
    back = format_duration(2 * RULE_INTERVAL)
    bad, total = (
        f"last_over_time({recorded(name, slo)}[{back}])" for name in ("slo:bad:rate5m", "slo:total:rate5m")
    )
    return f"{bad} / ({total} > 0)"


def _raw_ratio(slo: Slo, window: timedelta) -> str:
    return f"{slo.bad_rate(window)} / ({slo.total_rate(window)} > 0)"
