"""The pictures of a load test: over time, and how its latencies are spread."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.latency import middle
from sretool.core.analysis.totals import NANO
from sretool.core.runs.events import WARM_UP
from sretool.core.runs.load import NEAR_ITS_LIMIT
from sretool.core.runs.words import clock_words, count_words, seconds_words, share_words, value_words
from sretool.report.plot import Picture, Plot, decades, moments, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

    from sretool.core.runs.model import Check
    from sretool.core.runs.slices import Slice
    from sretool.report.load import LoadReport

_WIDE: Final = 20
"""From this ratio of the highest to the lowest latency on they are drawn on a scale of powers."""


def over_time(report: LoadReport) -> list[Picture]:
    """Those that this run has figures for."""
    slices = list(report.slices)
    if not slices:
        return []
    drawn = [_rate(report, slices), _latency(report, slices)]
    if any(each.whole.failures for each in slices):
        drawn.append(_errors(report, slices))
    if any(each.users is not None or each.in_flight is not None for each in slices):
        drawn.append(_users(report, slices))
    if any(each.cpu is not None for each in slices):
        drawn.append(_generators(report, slices))
    return drawn


def _made(
    report: LoadReport,
    title: str,
    high: float,
    label: Callable[[float], str],
    *,
    low: float = 0.0,
    log: bool = False,
    height: int = 130,
) -> Plot:
    """With phases, what happened, and both axes."""
    end = max(each.end for each in report.slices)
    plot = Plot(title, (0.0, end), (low, high), log=log, height=height)
    for phase in report.story.phases:
        if phase.begin is not None:
            until = phase.end if phase.end is not None else end
            plot.shade(phase.begin, until, "warm" if phase.name == WARM_UP else "calm", phase.name)
    plot.axis_y(label)
    plot.axis_x(moments(0.0, end), clock_words)
    for line in report.story.log:
        if line.source in ("guard", "proc", "hum", "act"):
            said = f"{clock_words(line.t)} {line.text} {line.result}".rstrip()
            plot.mark(line.t, "bad-mark" if line.good is False else "mark", said)
    return plot


def _points(
    slices: Sequence[Slice], value: Callable[[Slice], float | None]
) -> list[tuple[float, float | None]]:
    return [((each.begin + each.end) / 2, value(each)) for each in slices]


def _gap(report: LoadReport) -> float:
    """Slices further apart than this have had none between them; a tick that is late leaves one out."""
    return report.slices.width * 2.5


def _rate(report: LoadReport, slices: Sequence[Slice]) -> Picture:
    gap = _gap(report)
    high = max([each.rate or 0.0 for each in slices] + [each.planned_rate or 0.0 for each in slices])
    plot = _made(report, "Requests a second", high * 1.08 or 1.0, count_words)
    planned = _points(slices, lambda each: each.planned_rate)
    legend = [("line", "requests a second")]
    if any(value is not None for _, value in planned):
        plot.line(planned, "planned", gap)
        legend.append(("planned", "planned"))
    plot.line(_points(slices, lambda each: each.rate), "line", gap)
    _hints(plot, slices)
    return Picture("Requests a second", plot.svg(), tuple(legend))


def _latency(report: LoadReport, slices: Sequence[Slice]) -> Picture:
    gap = _gap(report)
    shown = [each for each in slices if each.whole.latency.count]
    shares: dict[float, dict[float, float]] = {}
    for each in shown:
        found = each.whole.latency.quantiles((0.5, 0.95, 0.99)) or []
        shares[each.begin] = {
            share: value / NANO for share, value in zip((0.5, 0.95, 0.99), found, strict=False)
        }
    most = max((each.whole.most or 0.0 for each in shown), default=0.0)
    least = min((value for each in shares.values() for value in each.values()), default=0.0)
    log = least > 0 and most / least > _WIDE
    limits = [check for check in report.story.checks.values() if _is_latency(check)]
    bounds = [float(check.want) for check in limits if isinstance(check.want, float | int)]
    within = [bound for bound in bounds if bound <= most * 3]
    high = max([most, *within]) * (1.3 if log else 1.08) or 0.001
    plot = _made(report, "Latency", high, seconds_words, low=least / 1.5 if log else 0.0, log=log, height=190)

    def of(share: float) -> list[tuple[float, float | None]]:
        return _points(slices, lambda each: shares.get(each.begin, {}).get(share))

    def between(each: Slice) -> tuple[float, float] | None:
        found = shares.get(each.begin)
        return (found[0.5], found[0.95]) if found else None

    plot.band([((each.begin + each.end) / 2, between(each)) for each in slices], "range", gap)
    plot.line(_points(slices, lambda each: each.whole.most), "most", gap)
    plot.line(of(0.99), "p99", gap)
    plot.line(of(0.95), "p95", gap)
    plot.line(of(0.5), "line", gap)
    for check in limits:
        if isinstance(check.want, float | int):
            plot.limit(float(check.want), check.name)
    _hints(plot, slices)
    legend = (("most", "maximum"), ("p99", "p99"), ("p95", "p95"), ("line", "p50"))
    return Picture("Latency" + (", logarithmic" if log else ""), plot.svg(), legend)


def _is_latency(check: Check) -> bool:
    return check.unit == "s" and not check.name.endswith(" (server)")


def _errors(report: LoadReport, slices: Sequence[Slice]) -> Picture:
    high = max(each.whole.error_share or 0.0 for each in slices)
    plot = _made(report, "Errors", high * 1.08, share_words, height=80)
    for each in slices:
        share = each.whole.error_share
        if share:
            said = f"{clock_words(each.begin)} {share_words(share)} of {count_words(each.whole.requests)}"
            plot.bar(each.begin, each.end, share, "failed", said)
    return Picture("Errors, share of the requests", plot.svg())


def _users(report: LoadReport, slices: Sequence[Slice]) -> Picture:
    gap = _gap(report)
    users = _points(slices, lambda each: each.users)
    flying = _points(slices, lambda each: each.in_flight)
    high = max([value for _, value in [*users, *flying] if value is not None])
    plot = _made(report, "Users and requests in flight", high * 1.08 or 1.0, count_words, height=90)
    legend = []
    if any(value is not None for _, value in flying):
        plot.line(flying, "p99", gap)
        legend.append(("p99", "requests in flight"))
    if any(value is not None for _, value in users):
        plot.line(users, "line", gap)
        legend.append(("line", "users"))
    return Picture("Users and requests in flight", plot.svg(), tuple(legend))


def _generators(report: LoadReport, slices: Sequence[Slice]) -> Picture:
    """Processors as a line; late starts as bars in relation to the most there were at once."""
    gap = _gap(report)
    plot = _made(report, "Generators", 1.05, lambda value: f"{value:.0%}", height=90)
    worst = max(each.late_starts for each in slices)
    for each in slices:
        if each.late_starts:
            said = f"{clock_words(each.begin)} {count_words(each.late_starts)} late starts"
            plot.bar(each.begin, each.end, each.late_starts / worst / 2, "late", said)
    plot.limit(NEAR_ITS_LIMIT, "near its limit")
    plot.line(_points(slices, lambda each: each.cpu), "line", gap)
    legend = [("line", "busiest generator, of one core")]
    if worst:
        legend.append(("late", f"late starts, {count_words(worst)} at most"))
    return Picture("Generators", plot.svg(), tuple(legend))


def _hints(plot: Plot, slices: Sequence[Slice]) -> None:
    for each in slices:
        whole = each.whole
        planned = f" of {value_words(each.planned_rate, '1/s')}" if each.planned_rate is not None else ""
        found = whole.latency.quantiles((0.5, 0.95, 0.99))
        quantiles = ", ".join(
            f"{name} {seconds_words(value / NANO)}"
            for name, value in zip(("p50", "p95", "p99"), found or (), strict=False)
        )
        plot.hint(
            each.begin,
            each.end,
            f"{clock_words(each.begin)}  {value_words(each.rate, '1/s')}{planned}"
            f"  {quantiles}  max {seconds_words(whole.most)}  errors {share_words(whole.error_share)}",
        )


# --- a search for the highest rate


def curve(report: LoadReport) -> Markup | None:
    """Latency over the rate that was answered: what held, what broke, and the interval between."""
    points = [point for point in report.story.curve if point.p99_s and point.p50_s]
    if len(points) < 2:
        return None
    latencies = [each for point in points for each in (point.p50_s, point.p99_s) if each]
    low, high = min(latencies) / 1.5, max(latencies) * 1.5
    most = max(point.rate for point in points) * 1.08
    plot = Plot("Latency over rate", (0.0, most), (low, high), log=True, height=220)
    found = report.story.capacity
    if found is not None and found.lower is not None:
        upper = found.upper if found.upper is not None else found.lower
        plot.shade(found.lower, upper, "between")
        plot.mark(found.lower, "mark", f"holds {value_words(found.lower, '1/s')}")
    if found is not None and found.knee is not None:
        plot.mark(found.knee, "bad-mark", f"answers stop following at {value_words(found.knee, '1/s')}")
    plot.axis_y(seconds_words)
    plot.axis_x(steps(0.0, most, 8), lambda rate: f"{count_words(rate)}/s")
    for point in points:
        kind = {True: "holds", False: "breaks", None: "doubtful"}[point.held]
        said = (
            f"{value_words(point.rate, '1/s')}: p50 {seconds_words(point.p50_s)},"
            f" p99 {seconds_words(point.p99_s)} {', '.join(point.why)}"
        )
        plot.point(point.rate, point.p50_s or low, f"{kind} faint", said)
        plot.point(point.rate, point.p99_s or low, kind, said)
    return plot.svg()


# --- the spread of latencies

_PER_DOUBLING: Final = 8
"""Bars of the distribution for each doubling of the latency."""
_MARKED: Final = (0.5, 0.9, 0.95, 0.99, 0.999)


def distribution(report: LoadReport) -> Markup | None:
    """How many requests took how long, both on scales of powers; None without requests."""
    latency = report.story.counted.totals.whole.latency
    if not latency.count:
        return None
    bars: Counter[int] = Counter()
    for number, count in latency.buckets.items():
        seconds = max(middle(number) / NANO, 1e-6)
        bars[math.floor(math.log2(seconds) * _PER_DOUBLING)] += count
    first, last = min(bars), max(bars)
    low, high = 2 ** (first / _PER_DOUBLING), 2 ** ((last + 1) / _PER_DOUBLING)
    if high / low < 4:
        low, high = low / 2, high * 2
    plot = Plot(
        "Spread of latencies", (low, high), (0.7, max(bars.values()) * 1.3), log=True, log_x=True, height=130
    )
    plot.axis_y(count_words)
    plot.axis_x(decades(low, high), seconds_words)
    for number in sorted(bars):
        left, right = 2 ** (number / _PER_DOUBLING), 2 ** ((number + 1) / _PER_DOUBLING)
        said = f"{seconds_words(left)} to {seconds_words(right)}: {count_words(bars[number])} requests"
        plot.bar(left, right, bars[number], "spread", said)
    for share, value in zip(_MARKED, latency.quantiles(_MARKED) or (), strict=False):
        plot.mark(value / NANO, "mark", f"p{share * 100:g} {seconds_words(value / NANO, 4)}")
        plot.name(value / NANO, f"p{share * 100:g}")
    return plot.svg()
