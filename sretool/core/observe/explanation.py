"""What explaining one SLO needs to ask, and the explanation out of the answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, assert_never

from sretool.core.catalog import queries
from sretool.core.observe.plan import FIGURE, RangeQuery, any_of, named
from sretool.core.slo import exclusions
from sretool.core.slo.budget import Count, buckets, events_left
from sretool.core.slo.firing import Firing, Rates, Since, clears_in, firing_since, firings, rates
from sretool.core.slo.ledger import Kind, Span, ledger
from sretool.core.slo.model import (
    BooleanGauge,
    BucketRatio,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Freshness,
    NativeBucketRatio,
    Severity,
)
from sretool.core.slo.promql import quote, recorded
from sretool.core.slo.rules import ALERT_NAME
from sretool.core.slo.suspects import bad_from_good, breakdowns
from sretool.core.slo.windows import RATE_WINDOW, RULE_INTERVAL
from sretool.errors import UsageError
from sretool.units import format_decimal, format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sretool.core.observe.model import Sample, Series, SloStatus
    from sretool.core.slo.budget import Past
    from sretool.core.slo.ledger import Ledger
    from sretool.core.slo.model import BurnAlert, SimpleSli, Sli, Slo
    from sretool.core.slo.suspects import Breakdown

POINTS: Final = 10_000
"""Of one series in one answer; servers stop at 11,000."""

REPLAYED: Final = timedelta(days=6)
"""How far back it is looked for the beginning of an alert: twice the longest window of any standard pair."""

LONGEST_BREAKDOWN: Final = timedelta(days=3)
"""Counters are read sample by sample over it."""

_OURS: Final = (FIGURE, "le", "__name__")
"""Labels that tell nothing about where an event happened."""

_LATE: Final = timedelta(minutes=10)
"""Rules that were first evaluated that long after the window's start have seen all of it."""


@dataclass(frozen=True, slots=True)
class PairState:
    """One pair of windows at the moment of an explanation."""

    pair: BurnAlert
    burn_long: float | None
    burn_short: float | None
    fires: bool
    since: Since | None
    """None where it does not fire, or where the recorded rates cannot tell."""
    clears_in: timedelta | None
    """If nothing goes bad from now on; None likewise."""


@dataclass(frozen=True, slots=True)
class Burning:
    """The stretch of burning that the firing pairs are about."""

    start: datetime
    bad: float
    total: float
    eaten: float
    """Share of the budget it has taken since."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Where the bad events of a span came from."""

    start: datetime
    end: datetime
    of: str
    """What the span is: `"the burning of now"`, the name of an incident."""
    breakdowns: tuple[Breakdown, ...]
    unknown: str | None = None
    """Why nothing is known; None where something is, or nothing went bad."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an SLO stands as it does."""

    status: SloStatus
    at: datetime
    pairs: tuple[PairState, ...]
    burning: Burning | None
    """None where no pair fires."""
    events_left: float | None
    clears_in: timedelta | None
    """When the last firing pair clears if nothing goes bad from now on; None where none fires."""
    ledger: Ledger | None
    """None where the window has no events."""
    suspicion: Suspicion | None
    alerts: tuple[Firing, ...]
    """Of this SLO in its window, oldest first."""
    alerts_replayed: bool
    """Some began before the rules were loaded: they are what these would have said, to five minutes."""


def count_step(length: timedelta) -> timedelta:
    """The finest step that one answer can have over `length`: five minutes up to a month."""
    return max(-(-length // (POINTS * RATE_WINDOW)), 1) * RATE_WINDOW


def counts(slo: Slo, start: datetime, until: datetime, *, from_rules: bool) -> RangeQuery:
    """Bad and all events per step from `start` to `until`; the last step ends there."""
    step = count_step(until - start)
    steps = max((until - start) // step, 1)
    # A millisecond less, because Prometheus 2 counts both ends of a range and Prometheus 3 only one.
    length = format_duration(step - timedelta(milliseconds=1))
    if from_rules:
        seconds = int(RULE_INTERVAL.total_seconds())
        exprs = (
            (what, f"sum_over_time({recorded(f'slo:{what}:rate5m', slo)}[{length}]) * {seconds}")
            for what in ("bad", "total")
        )
    else:
        span, seconds = f"[{length}:{format_duration(RATE_WINDOW)}]", int(RATE_WINDOW.total_seconds())
        exprs = (
            (what, f"sum_over_time(({rate}){span}) * {seconds}")
            for what, rate in (("bad", slo.bad_rate(RATE_WINDOW)), ("total", slo.total_rate(RATE_WINDOW)))
        )
    joined = any_of(named(what, expr) for what, expr in exprs)
    return RangeQuery(joined, until - (steps - 1) * step, until, step)


def past(asked: RangeQuery, answer: Iterable[Series]) -> Past:
    """Answer to `counts`."""
    of = {series.labels.get(FIGURE, ""): series.points for series in answer}
    window = asked.end - asked.start + asked.step
    return buckets(of.get("bad", ()), of.get("total", ()), asked.end, asked.step, window)


def excluded_parts(slo: Slo, asked: RangeQuery) -> exclusions.Spans:
    """What is excluded of single steps of `counts`, to be asked for."""
    number = (asked.end - asked.start) // asked.step + 1
    return exclusions.partial(slo, asked.end, asked.step, number)


def counted(slo: Slo, whole: Past, taken: Mapping[str, float]) -> Past:
    """The past less what is excluded: in such time nobody came. `taken` are sums of the `excluded_parts`."""
    return exclusions.without(slo, whole, taken, Count(0.0, 0.0))


def recent_rates(slo: Slo, at: datetime, *, from_rules: bool) -> RangeQuery:
    """Five-minute rates: every minute where they are recorded, every five minutes out of raw counters."""
    if from_rules:
        # Two evaluations back at most: Prometheus's own five minutes would paint over short gaps.
        back = format_duration(2 * RULE_INTERVAL)
        exprs = (
            named(what, f"last_over_time({recorded(f'slo:{what}:rate5m', slo)}[{back}])")
            for what in ("bad", "total")
        )
        return RangeQuery(any_of(exprs), at - REPLAYED, at, RULE_INTERVAL)
    raw = (("bad", slo.bad_rate(RATE_WINDOW)), ("total", slo.total_rate(RATE_WINDOW)))
    return RangeQuery(any_of(named(what, rate) for what, rate in raw), at - REPLAYED, at, RATE_WINDOW)


def seen_rates(slo: Slo, asked: RangeQuery, answer: Iterable[Series]) -> Rates:
    """Answer to `recent_rates`, less what is excluded."""
    of = {series.labels.get(FIGURE, ""): series.points for series in answer}
    found = rates(of.get("bad", ()), of.get("total", ()), asked.start, asked.end, asked.step)
    return exclusions.without_rates(slo, found)


def alert_samples(matchers: str, start: datetime, end: datetime) -> tuple[RangeQuery, ...]:
    """Firing alerts minute by minute, in as many answers as it takes."""
    expr = f'ALERTS{{alertstate="firing",{matchers}}}'
    length = POINTS * RULE_INTERVAL
    queries = []
    while start < end:
        until = min(start + length, end)
        queries.append(RangeQuery(expr, start, until, RULE_INTERVAL))
        start = until + RULE_INTERVAL
    return tuple(queries)


def of_slo(slo: Slo) -> str:
    """Matchers of the SLO's alerts."""
    group = "".join(f",{label}={quote(value)}" for label, value in slo.group)
    return f"slo={quote(slo.base_id)}{group}"


def alert_firings(answers: Iterable[Series], end: datetime) -> list[tuple[Mapping[str, str], Firing]]:
    """Transitions out of the samples of `alert_samples`, oldest first; those at `end` still fire."""
    points: dict[tuple[tuple[str, str], ...], list[datetime]] = {}
    for series in answers:
        key = tuple(sorted(series.labels.items()))
        points.setdefault(key, []).extend(at for at, _ in series.points)
    found = [
        (dict(labels), each) for labels, times in points.items() for each in _runs(dict(labels), times, end)
    ]
    return sorted(found, key=lambda item: (item[1].start, item[1].alert))


def _runs(labels: Mapping[str, str], times: Sequence[datetime], end: datetime) -> Iterator[Firing]:
    ordered = sorted(set(times))
    first = 0
    for number, at in enumerate(ordered):
        following = ordered[number + 1] if number + 1 < len(ordered) else None
        # One evaluation may be missed or late; two in a row are a transition.
        if following is not None and following - at <= 2 * RULE_INTERVAL:
            continue
        over = at + RULE_INTERVAL
        yield Firing(
            labels.get("alertname", "alert"),
            _severity(labels.get("severity", "")),
            ordered[first],
            over if over < end else None,
            _length(labels.get("long")),
            _length(labels.get("short")),
        )
        first = number + 1


def _severity(text: str) -> Severity | None:
    return Severity(text) if text in tuple(Severity) else None


def _length(text: str | None) -> timedelta | None:
    try:
        return parse_duration(text) if text is not None else None
    except UsageError:
        return None


def replayed_firings(slo: Slo, seen: Rates) -> tuple[Firing, ...]:
    """What the rules would have said to these rates, oldest first."""
    found = (each for pair in slo.alerts for each in firings(slo, pair, seen, ALERT_NAME))
    return tuple(sorted(found, key=lambda each: each.start))


def rules_since(slo: Slo, length: timedelta) -> str:
    """PromQL of how many evaluations of the SLO's rules there are in the last `length`."""
    return f"max(count_over_time(slo:info{{{of_slo(replace(slo, group=()))}}}[{format_duration(length)}]))"


def completed_alerts(
    slo: Slo, recorded_ones: Sequence[Firing], past_counts: Past, since: datetime
) -> tuple[tuple[Firing, ...], bool]:
    """The recorded alerts, before `since` (when the rules were loaded) those the rules would have raised.

    The second value says whether any of them are only what would have been.
    """
    started = past_counts.until - len(past_counts.counts) * past_counts.step
    if past_counts.step != RATE_WINDOW or since - started <= _LATE:
        return tuple(recorded_ones), False
    seconds = RATE_WINDOW.total_seconds()
    seen = Rates(
        past_counts.until,
        past_counts.step,
        tuple(count.bad / seconds if count is not None else 0.0 for count in past_counts.counts),
        tuple(count.total / seconds if count is not None else 0.0 for count in past_counts.counts),
    )
    replayed = (each for pair in slo.alerts for each in firings(slo, pair, seen, ALERT_NAME))
    # Evaluations that were missed make the rules look younger than they are.
    before = [
        each
        for each in replayed
        if each.start < since and not any(_overlap(each, real) for real in recorded_ones)
    ]
    return tuple(sorted((*before, *recorded_ones), key=lambda each: each.start)), bool(before)


def _overlap(one: Firing, two: Firing) -> bool:
    return (
        (one.long, one.short) == (two.long, two.short)
        and (two.end is None or one.start < two.end)
        and (one.end is None or two.start < one.end)
    )


def explain(
    status: SloStatus,
    at: datetime,
    past_counts: Past,
    seen: Rates,
    recorded_alerts: Sequence[Firing],
    alerts: tuple[tuple[Firing, ...], bool],
    known: Iterable[Span],
    left_out: Past | None = None,
) -> Explanation:
    """Everything but the suspects, who are asked for when it is known which span to look at.

    `past_counts` and `seen` lack what is excluded, which is `left_out`. `alerts` are the `completed_alerts`.
    An alert that was recorded tells best since when its pair fires.
    """
    slo = status.slo
    states = tuple(_state(status, pair, seen, recorded_alerts) for pair in slo.alerts)
    sums = None
    if status.good is not None and status.total:
        sums = Count(status.total - status.good, status.total)
    clearing = [state.clears_in for state in states if state.clears_in is not None]
    return Explanation(
        status=status,
        at=at,
        pairs=states,
        burning=_burning(slo, states, past_counts, sums),
        events_left=events_left(sums.bad, sums.total, slo.budget) if sums is not None else None,
        clears_in=max(clearing, default=None),
        ledger=ledger(past_counts, slo.budget, with_exclusions(slo, known), alerts[0], sums, left_out),
        suspicion=None,
        alerts=alerts[0],
        alerts_replayed=alerts[1],
    )


def with_exclusions(slo: Slo, known: Iterable[Span]) -> tuple[Span, ...]:
    """What is known of the past, the SLO's own maintenance windows among it."""
    own = (
        Span(each.reason, each.start, each.end, Kind.MAINTENANCE, source="exclusions", excluded=True)
        for each in slo.exclusions
    )
    return (*known, *own)


def _state(status: SloStatus, pair: BurnAlert, seen: Rates, recorded_alerts: Iterable[Firing]) -> PairState:
    fires = pair in status.firing
    running = (
        Since(each.start, earlier=False)
        for each in recorded_alerts
        if each.end is None and (each.long, each.short) == (pair.long, pair.short)
    )
    return PairState(
        pair,
        status.burns.get(pair.long),
        status.burns.get(pair.short),
        fires,
        next(running, None) or firing_since(status.slo, pair, seen) if fires else None,
        clears_in(status.slo, pair, seen) if fires else None,
    )


def _burning(
    slo: Slo, states: Iterable[PairState], past_counts: Past, counted: Count | None
) -> Burning | None:
    """From the first step of fast burning that the firing pairs' long windows see."""
    firing = [state for state in states if state.fires]
    if not firing or counted is None:
        return None
    allowed, steps = float(slo.budget), past_counts.counts
    first_step = past_counts.until - len(steps) * past_counts.step
    began = min(state.since.at if state.since else past_counts.until for state in firing)
    look_from = began - max(state.pair.long for state in firing)
    # Where what went bad beyond the allowed was least: from there on it only grew.
    start = max((look_from - first_step) // past_counts.step, 0)
    beyond = least = 0.0
    for number in range(start, len(steps)):
        count = steps[number]
        beyond += count.bad - allowed * count.total if count is not None else 0.0
        if beyond <= least:
            start, least = number + 1, beyond
    inside = [count for count in steps[start:] if count is not None]
    bad, total = sum(count.bad for count in inside), sum(count.total for count in inside)
    return Burning(first_step + start * past_counts.step, bad, total, bad / (allowed * counted.total))


# --- suspects


def suspect_span(explanation: Explanation) -> tuple[datetime, datetime, str] | None:
    """What to look for suspects in: the burning of now, otherwise the costliest incident of the window."""
    if explanation.burning is not None:
        start = max(explanation.burning.start, explanation.at - LONGEST_BREAKDOWN)
        return start, explanation.at, "the burning of now"
    if explanation.ledger is None:
        return None
    for entry in explanation.ledger.biggest:
        if entry.start is not None and entry.end is not None and entry.share > 0:
            end = min(entry.end, entry.start + LONGEST_BREAKDOWN)
            return entry.start, end, entry.name or "the costliest incident"
    return None


def increments(sli: Sli, length: timedelta) -> str | None:
    """PromQL of what every single series behind the SLI counted over `length`; None where it has none."""
    exprs = [
        named(f"{what}:{number}", expr)
        for number, part in enumerate(_simple(sli))
        for what, expr in _counted(part, length).items()
    ]
    return any_of(exprs) if exprs else None


def no_increments(sli: Sli) -> str:
    """Why `increments` has nothing to ask, and what would help."""
    asked = [part for part in _simple(sli) if isinstance(part, ErrorRatioQuery)]
    if any(query.shared is not None for query in asked):
        return (
            "another tool's rules record only its ratio, not the events behind it;"
            " give the file it comes from with --catalog"
        )
    return (
        "its indicator is a query for the share itself, which does not say what it counts;"
        " write it as `bad` and `total` where it is a ratio of counters"
    )


_COUNTER: Final = "counter"
"""Label that tells the counters of a sum apart."""


def _simple(sli: Sli) -> tuple[SimpleSli, ...]:
    return tuple(part.sli for part in sli.parts) if isinstance(sli, Composite) else (sli,)


def _counted(sli: SimpleSli, length: timedelta) -> dict[str, str]:
    """PromQL by what it counts: `total`, and `bad` or `good`."""
    span = f"[{format_duration(length)}]"
    match sli:
        case EventRatio(bad, total, good):
            kind, counted = ("bad", bad) if bad is not None else ("good", good)
            return {kind: f"increase({counted}{span})", "total": f"increase({total}{span})"}
        case BucketRatio(histogram, limit, matchers, side):
            text = format_decimal(limit)
            le = f'le=~"{text}(\\\\.0)?"' if "." not in text else f'le="{text}"'
            within = f"{histogram}_bucket{{{matchers + ',' if matchers else ''}{le}}}"
            return {
                "good" if side == "below" else "bad": f"increase({within}{span})",
                "total": f"increase({histogram}_count{{{matchers}}}{span})",
            }
        case NativeBucketRatio(histogram, limit, matchers, side):
            grown = f"increase({histogram}{{{matchers}}}{span})"
            below = f"histogram_fraction(-Inf, {format_decimal(limit)}, {grown})"
            return {
                "good" if side == "below" else "bad": f"{below} * histogram_count({grown}) >= 0",
                "total": f"histogram_count({grown})",
            }
        case BooleanGauge(query, every):
            return _slices(f"({query}) == bool 1", length, every)
        case Freshness(age, limit_, every):
            seconds = format_decimal(Decimal(repr(limit_.total_seconds())))
            return _slices(f"({age}) <= bool {seconds}", length, every)
        case ErrorRatioQuery(query):
            found = queries.quotient(query)
            if found is None or (found.kind == "good" and (len(found.some), len(found.total)) != (1, 1)):
                # Of several counters nothing says which good events belong to which of all.
                return {}
            return {found.kind: _grown(found.some, span), "total": _grown(found.total, span)}
        case _:
            assert_never(sli)


def _grown(counters: Sequence[queries.Selector], span: str) -> str:
    """What each counter grew by; of several with its name, as their labels may be the same."""
    exprs = [f"increase({each}{span})" for each in counters]
    if len(exprs) == 1:
        return exprs[0]
    named_ = (
        f'label_replace({expr}, "{_COUNTER}", "{number}: {each.name}", "", "")'
        for number, (expr, each) in enumerate(zip(exprs, counters, strict=True), 1)
    )
    return f"({any_of(named_)})"


def _slices(good: str, length: timedelta, every: timedelta) -> dict[str, str]:
    span = f"[{format_duration(max(length, every))}:{format_duration(every)}]"
    return {"good": f"sum_over_time(({good}){span})", "total": f"count_over_time(({good}){span})"}


def suspicion(slo: Slo, span: tuple[datetime, datetime, str], answer: Iterable[Sample]) -> Suspicion:
    """Answer to `increments`; parts of a composite are told apart by a label `part`, counted from 1."""
    parts, group = _simple(slo.sli), dict(slo.group)
    of: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for sample in answer:
        figure = sample.labels.get(FIGURE, "")
        if all(sample.labels.get(name, "") == value for name, value in group.items()):
            labels = {name: value for name, value in sample.labels.items() if name not in _OURS}
            if len(parts) > 1:
                labels["part"] = str(int(figure.partition(":")[2] or 0) + 1)
            of.setdefault(figure, []).append((labels, sample.value))
    bad: list[tuple[Mapping[str, str], float]] = []
    total: list[tuple[Mapping[str, str], float]] = []
    for number, part in enumerate(parts):
        events = of.get(f"total:{number}", [])
        total += events
        if "good" in _counted(part, LONGEST_BREAKDOWN):
            bad += bad_from_good(of.get(f"good:{number}", []), events)
        else:
            bad += of.get(f"bad:{number}", [])
    return Suspicion(*span, breakdowns(bad, total))


def no_suspicion(span: tuple[datetime, datetime, str], why: str) -> Suspicion:
    return Suspicion(*span, (), why)
