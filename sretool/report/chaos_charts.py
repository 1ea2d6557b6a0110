"""The pictures of an experiment: what happened when, and what it did to burn, budget, load and dose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from sretool.core.plans.chaos import spec
from sretool.core.plans.chaos.experiment import Stop
from sretool.core.runs.words import clock_words, count_words, number_words, seconds_words
from sretool.errors import UsageError
from sretool.report.plot import BOTTOM, LEFT, RIGHT, WIDTH, Picture, Plot, moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sretool.core.plans.chaos.experiment import StopCondition
    from sretool.report.chaos_story import ChaosReport, LoadReading, Point

_MOST: Final = 240
"""Points of one line at most: more cannot be told apart, and an hour has thousands."""
_KINDS: Final = ("line", "second", "third", "fourth")
"""Classes of lines that are drawn together."""
_MANY: Final = 12
"""Readings from which on they are drawn as a line."""
_PROBES: Final = 4
"""Probes with a picture of their own, at most."""
_PHASE_SIGN: Final = 6.2
"""Width of a letter in lanes."""


def over_time(report: ChaosReport) -> list[Picture]:
    """Those that this run has figures for."""
    drawn = [
        *(_dose(report), _burn(report), _budget(report), _traffic(report)),
        *_probes(report),
        *_load(report),
    ]
    return [picture for picture in drawn if picture is not None]


def over_run(
    report: ChaosReport,
    title: str,
    high: float,
    label: Callable[[float], str],
    *,
    low: float = 0.0,
    log: bool = False,
    height: int = 100,
) -> Plot:
    """A picture of the whole run, with fault bands, alert marks and both axes."""
    end = max(report.end, 1.0)
    plot = Plot(title, (0.0, end), (low, high), log=log, height=height)
    for fault in report.faults:
        plot.shade(fault.begin, fault.end if fault.end is not None else end, "fault")
    plot.axis_y(label)
    plot.axis_x(moments(0.0, end), clock_words)
    tags = [(fault.begin, fault.tag) for fault in report.faults]
    for fires, alert in report.fired:
        plot.mark(fires, "alert", f"{clock_words(fires)} {alert.name} fires")
        tags.append((fires, alert.tag))
    for t, sort, text in report.marks:
        if sort == "guard":
            plot.mark(t, "bad-mark", f"{clock_words(t)} guard {text}")
            tags.append((t, "stop"))
    for t, tag in sorted(tags):
        plot.name(t, tag)
    return plot


# --- service


def _burn(report: ChaosReport) -> Picture | None:
    lines = {slo: [(each.t, each.burn) for each in found] for slo, found in report.slos.items()}
    limits = [
        (float(stop.bound), stop.text)
        for stop in _stops(report)
        if stop.kind is Stop.BURN and stop.bound is not None
    ]
    return _lines(report, "Burn rate", lines, lambda value: f"{number_words(value)}×", limits)


def _budget(report: ChaosReport) -> Picture | None:
    lines = {slo: [(each.t, each.budget_spent) for each in found] for slo, found in report.slos.items()}
    price = report.criteria.budget_price
    limits = [] if price is None else [(price, f"price {percent(price)}")]
    limits += [
        (float(stop.bound), stop.text)
        for stop in _stops(report)
        if stop.kind is Stop.BUDGET and stop.bound is not None
    ]
    # The price is what the spending is to be seen against, however small it is.
    return _lines(report, "Error budget spent since the start", lines, percent, limits, least=price or 0.0)


def _traffic(report: ChaosReport) -> Picture | None:
    return _lines(report, "Share of the requests by instance", report.traffic, percent, [])


def _stops(report: ChaosReport) -> Iterator[StopCondition]:
    """Those guards that are stop conditions of an experiment."""
    for text in report.story.started.guards if report.story.started is not None else ():
        try:
            yield spec.stop_condition(text)
        except UsageError:
            continue


def _lines(
    report: ChaosReport,
    title: str,
    lines: dict[str, list[Point]],
    label: Callable[[float], str],
    limits: Sequence[tuple[float, str]],
    least: float = 0.0,
) -> Picture | None:
    """The highest ones, where there are many; None without any reading."""
    drawn = {name: thinned(points) for name, points in lines.items()}
    highest = {
        name: max((value for _, value in points if value is not None), default=None)
        for name, points in drawn.items()
    }
    known = sorted(
        (name for name in drawn if highest[name] is not None), key=lambda name: -(highest[name] or 0)
    )
    if not known:
        return None
    shown = known[: len(_KINDS)]
    most = max(least, *(highest[name] or 0.0 for name in shown))
    within = [bound for bound, _ in limits if bound <= max(most * 4, 1e-9) or most == 0]
    plot = over_run(report, title, max([most, *within]) * 1.12 or 1.0, label)
    legend = []
    for name, kind in zip(shown, _KINDS, strict=False):
        plot.line(drawn[name], kind, gap(report, drawn[name]))
        legend.append((kind, name))
    for bound, text in limits:
        plot.limit(bound, text)
    beyond = [text for bound, text in limits if bound not in within]
    if beyond:
        legend.append(("", f"above this picture: {', '.join(beyond)}"))
    if len(known) > len(shown):
        legend.append(("", f"and {len(known) - len(shown)} more below them"))
    return Picture(title, plot.svg(), tuple(legend))


# --- the fault


def _dose(report: ChaosReport) -> Picture | None:
    dose = report.criteria.dose
    points = report.dose()
    known = [value for _, value in points if value is not None]
    if dose is None or not known:
        return None
    wanted = (dose.want - dose.tolerance, dose.want + dose.tolerance)
    high, low = max([*known, wanted[1]]), min([*known, wanted[0], 0.0])
    plot = over_run(report, "Dose", high * 1.15 or 1.0, _labels(dose.unit), low=low)
    end = max(report.end, 1.0)
    plot.band([(0.0, wanted), (end, wanted)], "wanted")
    # Where it is to be exact there is no band to be seen.
    plot.line([(0.0, dose.want), (end, dose.want)], "ordered")
    if len(points) >= _MANY:
        plot.line(thinned(points), "line", gap(report, points))
    else:
        # A line between few readings would tell of a strength that nobody measured.
        for t, value in points:
            if value is not None:
                plot.point(t, value, "reading", f"{clock_words(t)} {_labels(dose.unit)(value)}")
    added = ", added to what it was before" if dose.added else ""
    legend = (("line", f"measured by {dose.probe}{added}"), ("wanted", "as ordered"))
    return Picture("Strength of the fault", plot.svg(), legend)


def _labels(unit: str) -> Callable[[float], str]:
    if unit == "s":
        return lambda value: seconds_words(value) if value else "0"
    if unit == "ratio":
        return percent
    return lambda value: f"{number_words(value)}{unit}"


def percent(share: float) -> str:
    return f"{share * 100:.6g}%"


def _probes(report: ChaosReport) -> list[Picture]:
    """Of probes that answer with numbers more than once, but for that of the dose."""
    dose = report.criteria.dose
    found = []
    for name, points in report.probes.items():
        known = {value for _, value in points if value is not None}
        if len(points) < 3 or not known or (dose is not None and name == dose.probe):
            continue
        plot = over_run(
            report, name, max(known) * 1.12 or 1.0, number_words, low=min([*known, 0.0]), height=70
        )
        drawn = thinned(points)
        plot.line(drawn, "line", gap(report, drawn))
        found.append(Picture(name, plot.svg()))
    return found[:_PROBES]


# --- load


def _load(report: ChaosReport) -> list[Picture | None]:
    slices = list(_sliced(report.load))
    if not slices:
        return []
    apart = gap(report, [(each.t, 0.0) for each in slices])
    rate = over_run(report, "Requests a second", max(each.rate for each in slices) * 1.12 or 1.0, count_words)
    rate.line([(each.t, each.rate) for each in slices], "line", apart)
    failed = over_run(
        report,
        "Errors",
        max(max((each.error_share or 0.0) for each in slices) * 1.12, 0.01),
        percent,
        height=70,
    )
    failed.line([(each.t, each.error_share) for each in slices], "third", apart)
    drawn: list[Picture | None] = [
        Picture("Requests a second", rate.svg()),
        Picture("Errors, share of the requests", failed.svg()),
    ]
    known = [value for each in slices for value in (each.p50_s, each.p99_s) if value]
    if known:
        log = max(known) / min(known) > 20
        low = min(known) / 1.5 if log else 0.0
        late = over_run(
            report, "Latency", max(known) * (1.4 if log else 1.12), seconds_words, low=low, log=log
        )
        late.line([(each.t, each.p99_s) for each in slices], "second", apart)
        late.line([(each.t, each.p50_s) for each in slices], "line", apart)
        legend = (("second", "p99"), ("line", "p50"))
        drawn.append(Picture("Latency" + (", logarithmic" if log else ""), late.svg(), legend))
    return drawn


def _sliced(readings: Sequence[LoadReading]) -> Iterator[LoadReading]:
    """Mean rates and errors, median p50 and worst p99 of neighbours, where there are too many to draw."""
    from sretool.report.chaos_story import LoadReading

    size = math.ceil(len(readings) / _MOST) or 1
    for first in range(0, len(readings), size):
        part = readings[first : first + size]
        requests = sum(each.rate for each in part)
        failures = sum(each.rate * each.error_share for each in part if each.error_share is not None)
        typical = sorted(each.p50_s for each in part if each.p50_s is not None)
        yield LoadReading(
            t=sum(each.t for each in part) / len(part),
            rate=requests / len(part),
            error_share=failures / requests if requests else None,
            p50_s=typical[len(typical) // 2] if typical else None,
            p99_s=max((each.p99_s for each in part if each.p99_s is not None), default=None),
        )


# --- lines of many points


def thinned(points: Sequence[Point], most: int = _MOST) -> list[Point]:
    """The highest of neighbours where there are too many to draw: what went wrong stays to be seen.

    A stretch without any reading stays a gap.
    """
    size = math.ceil(len(points) / most)
    if size <= 1:
        return list(points)
    found: list[Point] = []
    for first in range(0, len(points), size):
        part = points[first : first + size]
        known = [(value, t) for t, value in part if value is not None]
        if known:
            value, t = max(known)
            found.append((t, value))
        else:
            found.append((part[0][0], None))
    return found


def gap(report: ChaosReport, points: Sequence[Point]) -> float:
    """Readings further apart than this have had none between them."""
    if len(points) < 3:
        return math.inf
    steps = sorted(after[0] - before[0] for before, after in pairwise(points))
    return max(steps[len(steps) // 2] * 5, report.end / _MOST * 3, 1.0)


# --- what happened when


@dataclass(slots=True)
class Lane:
    """One row: bars and points of one thing."""

    name: str
    bars: list[tuple[float, float, str, str]] = field(default_factory=list)
    """From, to, class, what is said where somebody points at it."""
    points: list[tuple[float, str, str]] = field(default_factory=list)
    """When, class, what is said."""


_SOON: Final = 15.0
"""Seconds within which answers belong together."""
_ROW: Final = 27
_TOP: Final = 8


def lanes(report: ChaosReport) -> Markup | None:
    """Phases, faults, the hypothesis, alerts and what people and processes did, one row each."""
    return drawn(report, [_phases(report), *happened(report)])


def drawn(report: ChaosReport, lanes: Iterable[Lane]) -> Markup | None:
    """Those with anything in them; None where there are none."""
    rows = [lane for lane in lanes if lane.bars or lane.points]
    if not rows:
        return None
    end = max(report.end, 1.0)
    scale = Plot("", (0.0, end), (0.0, 1.0)).x
    height = _TOP + _ROW * len(rows)
    parts: list[str] = []
    for fault in report.faults:
        left, right = scale(fault.begin), scale(fault.end if fault.end is not None else end)
        parts.append(
            f'<rect x="{left:.1f}" y="{_TOP}" width="{max(right - left, 1):.1f}"'
            f' height="{height - _TOP}" class="fault"/>'
        )
    for number, lane in enumerate(rows):
        parts += _row(lane, _TOP + number * _ROW, scale)
    for value in moments(0.0, end):
        x = scale(value)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{height}" y2="{height + 4}" class="tick"/>'
            f'<text x="{x:.1f}" y="{height + 15}" class="axis">{clock_words(value)}</text>'
        )
    base = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height}" y2="{height}" class="base"/>'
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height + BOTTOM}" role="img" class="chart">'
        f"<title>What happened when</title>{''.join(parts)}{base}</svg>"
    )


def _row(lane: Lane, top: float, scale: Callable[[float], float]) -> Iterable[str]:
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{top + _ROW}" y2="{top + _ROW}" class="grid"/>'
    yield f'<text x="{LEFT + 3}" y="{top + 11}" class="lane">{escape(lane.name)}</text>'
    for begin, end, kind, said in lane.bars:
        left, right = scale(begin), scale(end)
        yield (
            f'<rect x="{left:.1f}" y="{top + 15}" width="{max(right - left, 1.5):.1f}" height="9"'
            f' class="{kind}"><title>{escape(said)}</title></rect>'
        )
        word = said.partition("\n")[0] if kind.startswith("phase") else ""
        if word and len(word) * _PHASE_SIGN < right - left - 6:
            yield f'<text x="{left + 4:.1f}" y="{top + 22.5}" class="in-bar">{escape(word)}</text>'
    for t, kind, said in lane.points:
        yield (
            f'<circle cx="{scale(t):.1f}" cy="{top + 19.5}" r="3.6" class="{kind}">'
            f"<title>{escape(said)}</title></circle>"
        )


def _phases(report: ChaosReport) -> Lane:
    end = max(report.end, 1.0)
    phases = Lane("Phases")
    for phase in report.story.phases:
        if phase.begin is not None:
            until = phase.end if phase.end is not None else end
            phases.bars.append((phase.begin, until, "phase", f"{phase.name}\n{span(phase.begin, until)}"))
    return phases


def happened(report: ChaosReport) -> Iterator[Lane]:
    """Faults, the hypothesis, silent sources, alerts, guards, processes and notes."""
    end = max(report.end, 1.0)
    for fault in report.faults:
        until = fault.end if fault.end is not None else end
        kind = "in" if fault.ok else "in stuck"
        said = f"{fault.text}\n{span(fault.begin, until)} {fault.how}".rstrip()
        yield Lane(f"{fault.tag}  {fault.text}", [(fault.begin, until, kind, said)])
    yield _steady(report)
    silent = Lane("No answer from")
    for moment in report.silent:
        until = moment.end if moment.end is not None else end
        said = f"{moment.state}\n{span(moment.begin, until)}"
        silent.bars.append((moment.begin, until, "silent", said))
    yield silent
    for alert in report.alerts.values():
        unexpected = " · not expected" if alert.expected is False else ""
        many = f" × {alert.many}" if alert.many > 1 else ""
        lane = Lane(f"{alert.tag}  {alert.name}{many}{unexpected}")
        for moment in alert.spans:
            until = moment.end if moment.end is not None else end
            said = f"{alert.name} {moment.state}\n{span(moment.begin, until)}"
            lane.bars.append((moment.begin, until, moment.state, said))
        if alert.received is not None:
            lane.points.append(
                (alert.received, "received", f"{clock_words(alert.received)} received by Alertmanager")
            )
        lane.points += [(t, "other", f"{clock_words(t)} {text}") for t, text in alert.others]
        yield lane
    for sort, name in (("guard", "Guards"), ("process", "Processes"), ("note", "Notes")):
        points = [(t, sort, f"{clock_words(t)} {text}") for t, each, text in report.marks if each == sort]
        yield Lane(name, points=points)


def _steady(report: ChaosReport) -> Lane:
    """How the hypothesis stood, each answer until the next one of the same check."""
    lane = Lane("Hypothesis")
    kinds = {True: "holds", False: "breaks", None: "unknown"}
    words = {True: "met", False: "not met", None: "nobody knows"}
    step = max(report.end / _MOST, 0.5)
    following = [(t, name) for t, _, name in report.steady[1:]] + [(math.inf, "")]
    for (t, ok, name), (after, then) in zip(report.steady, following, strict=False):
        # While it is asked all the time an answer stands until the next one; otherwise for a moment.
        lasts = name.startswith("during") and then.startswith("during") and after - t <= _SOON
        until = after if lasts else t + step * 3
        before = lane.bars[-1] if lane.bars else None
        if before is not None and before[2] == kinds[ok] and t - before[1] <= step:
            lane.bars[-1] = (before[0], until, before[2], before[3])
        else:
            lane.bars.append((t, until, kinds[ok], f"{clock_words(t)} hypothesis {name}: {words[ok]}"))
    return lane


def span(begin: float, end: float) -> str:
    return f"{clock_words(begin)} to {clock_words(end)}, {seconds_words(end - begin)}"
