"""Which questions a Prometheus is asked for one refresh: as few as can be, however many SLOs there are.

Recorded series of all SLOs come with one query. Only what no rule records is computed from raw counters, many
expressions joined to one query. Every function returns PromQL; `assemble` reads the answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.slo import exclusions
from sretool.core.slo.promql import quote
from sretool.core.slo.windows import RATE_WINDOW, RULE_INTERVAL, burn_windows, reads_counters
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sretool.core.catalog.model import Dependency
    from sretool.core.slo.model import Slo

SLOS_BY_NAME: Final = 50
"""Up to this many SLOs are asked for by name; above, all recorded ones are read: cheaper to match."""

QUERY_LENGTH: Final = 16_000
"""Characters after which joined expressions are continued in another query."""

CHANGES_BACK: Final = timedelta(hours=6)

STARTS_BACK: Final = CHANGES_BACK + timedelta(minutes=10)
"""Longer than what is shown: processes that started together are counted whole until all are too old."""

MATCHED_BACK: Final = timedelta(hours=1)
"""A target that was down for less is no reason to doubt a selector."""

GONE_BACK: Final = timedelta(minutes=15)
"""How long a target that is no longer scraped is remembered, where nothing of its job is."""

FIGURE: Final = "figure"
"""Label that says what a value of a joined query is."""


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """One question about a span of time."""

    expr: str
    start: datetime
    end: datetime
    step: timedelta


def named(figure: str, expr: str) -> str:
    """`expr` with the label that tells its value apart from others of a joined query."""
    return f'label_replace({expr}, "{FIGURE}", "{figure}", "", "")'


def any_of(exprs: Iterable[str]) -> str:
    """One query for several expressions, each labelled by `named`."""
    return " or ".join(exprs)


def recorded(slos: Sequence[Slo]) -> str:
    """Everything the rules recorded about these SLOs at one instant."""
    names = (
        '__name__=~"slo:total:rate5m|slo:(bad|total|events):sum|slo:error_ratio:rate'
        '|slo:coverage:ratio|slo:info"'
    )
    return f"{{{names}{_by_name(slos, ',')}}}"


def recorded_since(slos: Sequence[Slo], since: datetime) -> str:
    """As `recorded`, only of SLOs whose rules were evaluated at `since` or later."""
    return f"{recorded(slos)} and on (slo) ({_evaluated(slos)} >= {since.timestamp():.3f})"


def _evaluated(slos: Sequence[Slo]) -> str:
    names = _by_name(slos)
    return f"max by (slo) (timestamp(slo:info{{{names}}}) or timestamp(slo:total:rate5m{{{names}}}))"


def ages(slos: Sequence[Slo]) -> str:
    """When the rules of each SLO were last evaluated, and without a label when anything was last scraped.

    An instant query dates every value with the time of the query; only `timestamp()` tells how old it is.
    """
    return f"{_evaluated(slos)} or max(timestamp(up))"


def changes() -> str:
    """What started lately: processes and alerts; the value is when.

    Beside them what looks at the system from outside (`probe_success`, 1 or 0), alerts that are to fire all
    the time, and how many targets of each job there are and answer. One failed scrape is not yet silence.
    """
    back = format_duration(CHANGES_BACK)
    lately = f"> time() - {int(CHANGES_BACK.total_seconds())}"
    started = f"> time() - {int(STARTS_BACK.total_seconds())}"
    # An alert that asks for nobody, such as a dead man's switch, explains nothing.
    # Those of objectives ask for somebody whatever their severities are called.
    firing = " or ".join(
        f'max_over_time(ALERTS{{alertstate="firing",{which}}}[{back}])'
        for which in ('severity=~"page|ticket"', 'slo!="",severity!~"page|ticket|none"')
    )
    alerts = f"max_over_time(ALERTS_FOR_STATE[{back}]) {lately} and ignoring (alertstate) ({firing})"
    dead_men = 'max by (alertname) (ALERTS{alertstate="firing",severity="none"})'
    gone = format_duration(GONE_BACK)
    return any_of(
        (
            named("restart", f"process_start_time_seconds {started}"),
            named("alert", alerts),
            named("probe", "probe_success"),
            named("dead man", dead_men),
            named("up", "sum by (job) (max_over_time(up[1m]) or up)"),
            named("targets", f"count by (job) (up) or count by (job) (last_over_time(up[{gone}]))"),
        )
    )


def working(dependencies: Iterable[Dependency]) -> str | None:
    """Whether each dependency works: above 0 while any part of it does; None: nothing measures any."""
    exprs = (named(each.id, f"max({each.up})") for each in dependencies if each.up is not None)
    return any_of(exprs) or None


def past(slos: Sequence[Slo], now: datetime) -> tuple[RangeQuery, ...]:
    """Recorded events per step over the windows of these SLOs: one query for each step length among them."""
    return tuple(
        RangeQuery(any_of(_recorded_counts(of_step, step)), until - longest + step, until, step)
        for step, of_step in _by_step(slos)
        for until, longest in [(past_until(now), max(slo.window for slo in of_step))]
    )


def raw_past(slo: Slo, now: datetime) -> RangeQuery:
    """As `past`, for one SLO that no rules record."""
    step, until = past_step(slo), past_until(now)
    every = f"{format_duration(step)}:{format_duration(RATE_WINDOW)}"
    events = int(RATE_WINDOW.total_seconds())
    exprs = (
        named(name, _labelled(slo, f"sum_over_time(({rate})[{every}]) * {events}"))
        for name, rate in (("bad", slo.bad_rate(RATE_WINDOW)), ("total", slo.total_rate(RATE_WINDOW)))
    )
    return RangeQuery(any_of(exprs), until - slo.window + step, until, step)


def raw_pasts(slos: Sequence[Slo], now: datetime) -> tuple[RangeQuery, ...]:
    """As `raw_past` for each, joined where their steps fall together and they stay short.

    A shorter window is then read farther back than it goes; what is too old has no place in its past.
    """
    joined: list[RangeQuery] = []
    for query in (raw_past(slo, now) for slo in slos):
        last = joined[-1] if joined else None
        alike = last is not None and (last.end, last.step) == (query.end, query.step)
        if last is not None and alike and len(last.expr) + len(query.expr) <= QUERY_LENGTH:
            start = min(last.start, query.start)
            joined[-1] = RangeQuery(any_of((last.expr, query.expr)), start, query.end, query.step)
        else:
            joined.append(query)
    return tuple(joined)


def past_step(slo: Slo) -> timedelta:
    """Hours for windows from a day up; shorter windows in some 24 steps, multiples of five minutes."""
    fitting = slo.window / 24 // RATE_WINDOW * RATE_WINDOW
    return min(timedelta(hours=1), max(fitting, RATE_WINDOW))


def past_until(now: datetime) -> datetime:
    """The last half minute: samples on whole minutes then never fall on both ends of a step."""
    return now.replace(second=0, microsecond=0) - RULE_INTERVAL / 2


def from_rates(slos: Sequence[Slo]) -> str:
    """All figures of SLOs of which only the 5-minute rates are recorded: history was loaded, rules are young.

    Ratios and sums differ from what the rules would record by the last few minutes at most.
    """
    names = _names(slos)

    def summed(what: str, length: str) -> str:
        return f"sum_over_time(slo:{what}:rate5m{{{names}}}[{length}])"

    windows = sorted({window for slo in slos for window in burn_windows(slo)})
    wholes = sorted({slo.window for slo in slos if slo.calendar is None})
    seconds = int(RULE_INTERVAL.total_seconds())
    ratios = (
        named(f"ratio:{length}", f"{summed('bad', length)} / ({summed('total', length)} > 0)")
        for length in map(format_duration, windows)
    )
    sums = (
        named(f"{what}:{length}", f"{summed(what, length)} * {seconds}")
        for length in map(format_duration, wholes)
        for what in ("bad", "total")
    )
    coverages = (
        named(
            f"coverage:{format_duration(whole)}",
            f"clamp_max(count_over_time(slo:total:rate5m{{{names}}}[{format_duration(whole)}])"
            f" / {whole // RULE_INTERVAL}, 1)",
        )
        for whole in wholes
    )
    guarded = sorted({pair.long for slo in slos if slo.min_events is not None for pair in slo.alerts})
    events = (
        named(f"events:{length}", f"{summed('total', length)} * {seconds}")
        for length in map(format_duration, guarded)
    )
    return any_of((*ratios, *sums, *coverages, *events))


def sums(slos: Sequence[Slo], at: datetime) -> str | None:
    """What no rule can record of the windows that end at `at`, from recorded rates; None: nothing is missing.

    Events of calendar windows so far, events that exclusions take away, and those that they leave of the
    windows of burn rates: rules loaded before an exclusion was written have counted all of them.
    """
    starts: dict[datetime, list[Slo]] = {}
    excluded: dict[tuple[datetime, datetime], list[Slo]] = {}
    counted: dict[tuple[datetime, datetime], list[Slo]] = {}
    for slo in slos:
        if slo.calendar is not None:
            starts.setdefault(at - slo.length(at), []).append(slo)
        if not slo.exclusions:
            continue
        for span in excluded_spans(slo, at):
            excluded.setdefault(span, []).append(slo)
        pieces = (counted_spans(slo, window, at) or () for window in burn_windows(slo))
        for span in dict.fromkeys(span for spans in pieces for span in spans):
            counted.setdefault(span, []).append(slo)
    elapsed = (
        named(f"elapsed:{what}:{int(start.timestamp())}", expr)
        for start, of_start in starts.items()
        for what, expr in _events_in(of_start, at - start)
    )
    away = (*_sums_in("excluded", excluded, at), *_sums_in("counted", counted, at))
    return any_of((*elapsed, *away)) or None


def excluded_spans(slo: Slo, at: datetime) -> exclusions.Spans:
    """Spans apart from each other in the window up to `at` whose recorded rates hold something excluded."""
    return exclusions.excluded(slo, at - slo.length(at), at)


def counted_spans(slo: Slo, window: timedelta, at: datetime) -> exclusions.Spans | None:
    """What of the last `window` counts; None where no exclusion takes anything of it."""
    return exclusions.counting(slo, at - window, at)


def taken_away(spans_of: Iterable[tuple[Slo, exclusions.Spans]]) -> str | None:
    """Events that were recorded in ranges, of all SLOs with one query; None: there are no ranges."""
    spans: dict[tuple[datetime, datetime], list[Slo]] = {}
    for slo, its in spans_of:
        for span in its:
            spans.setdefault(span, []).append(slo)
    return any_of(_sums_in("excluded", spans)) or None


def _sums_in(
    kind: str, spans: Mapping[tuple[datetime, datetime], Sequence[Slo]], at: datetime | None = None
) -> Iterator[str]:
    """Of ranges; of spans up to `at` what is evaluated at the end of any other belongs to what follows it."""
    present = at.replace(microsecond=0) if at is not None else None
    for (start, end), of_span in spans.items():
        last = end if at is None or end == present else exclusions.ranges([(start, end)])[0][1]
        for what, expr in _events_in(of_span, end - start, f"{last.timestamp():.3f}"):
            yield named(f"{kind}:{what}:{exclusions.key(start, end)}", expr)


def _events_in(
    slos: Sequence[Slo], length: timedelta, moment: str | None = None
) -> Iterator[tuple[str, str]]:
    """Name and PromQL of bad events, all events and the number of samples over `length` up to `moment`."""
    span = f"[{format_duration(length)}]" + (f" @ {moment}" if moment is not None else "")
    seconds = int(RULE_INTERVAL.total_seconds())
    for what in ("bad", "total"):
        yield what, f"sum_over_time(slo:{what}:rate5m{{{_names(slos)}}}{span}) * {seconds}"
    yield "count", f"count_over_time(slo:total:rate5m{{{_names(slos)}}}{span})"


def raw_present(slos: Sequence[Slo]) -> tuple[str, ...]:
    """Ratios over the shorter windows and the present traffic, from counters."""
    return _batches(
        expr
        for number, slo in enumerate(slos)
        for expr in (
            named(f"{number}:rate", slo.total_rate(RATE_WINDOW)),
            *(
                named(
                    f"{number}:ratio:{format_duration(window)}",
                    f"{slo.bad_rate(window)} / ({slo.total_rate(window)} > 0)",
                )
                for window in burn_windows(slo)
                if reads_counters(slo, window)
            ),
        )
    )


def raw_window(slos: Sequence[Slo], at: datetime) -> tuple[str, ...]:
    """Ratios over the longer windows, sums and coverage of the window that ends at `at`, by subqueries.

    These read days of raw samples, and change only every five minutes.
    """
    return _batches(expr for number, slo in enumerate(slos) for expr in _raw_window(number, slo, at))


def _raw_window(number: int, slo: Slo, at: datetime) -> Iterator[str]:
    seconds = int(RATE_WINDOW.total_seconds())

    def over(function: str, rate: str, window: timedelta) -> str:
        return f"{function}(({rate})[{format_duration(window)}:{format_duration(RATE_WINDOW)}])"

    bad, total = slo.bad_rate(RATE_WINDOW), slo.total_rate(RATE_WINDOW)
    length = slo.length(at)
    for window in burn_windows(slo):
        if not reads_counters(slo, window):
            ratio = f"{over('sum_over_time', bad, window)} / ({over('sum_over_time', total, window)} > 0)"
            yield named(f"{number}:ratio:{format_duration(window)}", ratio)
    if slo.min_events is not None:
        for window in sorted({pair.long for pair in slo.alerts}):
            events = f"{over('sum_over_time', total, window)} * {seconds}"
            yield named(f"{number}:events:{format_duration(window)}", events)
    yield named(f"{number}:bad", f"{over('sum_over_time', bad, length)} * {seconds}")
    yield named(f"{number}:total", f"{over('sum_over_time', total, length)} * {seconds}")
    steps = max(length // RATE_WINDOW, 1)
    yield named(f"{number}:coverage", f"clamp_max({over('count_over_time', total, length)} / {steps}, 1)")


def matched(selectors: Sequence[str]) -> tuple[str, ...]:
    """How many series each selector has had lately; no value, numbered as in `selectors`, where none."""
    back = format_duration(MATCHED_BACK)
    return _batches(
        named(str(number), f"count(last_over_time({selector}[{back}]))")
        for number, selector in enumerate(selectors)
    )


def _recorded_counts(slos: Sequence[Slo], step: timedelta) -> Iterator[str]:
    seconds = int(RULE_INTERVAL.total_seconds())
    for what in ("bad", "total"):
        series = f"slo:{what}:rate5m{{{_names(slos)}}}"
        yield named(what, f"sum_over_time({series}[{format_duration(step)}]) * {seconds}")


def _by_step(slos: Iterable[Slo]) -> list[tuple[timedelta, list[Slo]]]:
    steps: dict[timedelta, list[Slo]] = {}
    for slo in slos:
        steps.setdefault(past_step(slo), []).append(slo)
    return list(steps.items())


def _by_name(slos: Sequence[Slo], before: str = "") -> str:
    if len(slos) > SLOS_BY_NAME:
        return ""
    return f"{before}{_names(slos)}"


def _names(slos: Sequence[Slo]) -> str:
    """Matcher of what is recorded about these SLOs; of one group all groups."""
    return f"slo=~{quote('|'.join(dict.fromkeys(re.escape(slo.base_id) for slo in slos)))}"


def _labelled(slo: Slo, expr: str) -> str:
    # A dollar sign would be taken for a part of the (empty) match.
    return f'label_replace({expr}, "slo", {quote(slo.id.replace("$", "$$"))}, "", "")'


def _batches(exprs: Iterable[str]) -> tuple[str, ...]:
    """The expressions joined to queries of at most `QUERY_LENGTH` characters, a longer one alone."""
    batches: list[str] = []
    for expr in exprs:
        if batches and len(batches[-1]) + len(expr) <= QUERY_LENGTH:
            batches[-1] = f"{batches[-1]} or {expr}"
        else:
            batches.append(expr)
    return tuple(batches)
