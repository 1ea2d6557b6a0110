"""The two charts of an SLO: what was left of its budget, and its error ratio over the time that is chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from sretool.core.observe.questions import Span as Stretch
from sretool.core.observe.questions import Track, Wanted
from sretool.tui import format as fmt
from sretool.tui.chart import (
    Band,
    Chart,
    Curve,
    Limit,
    Mark,
    draw,
    legend_parts,
    peak_of,
    pinned,
    reading_at,
    readings,
)
from sretool.tui.line import Span, cells, crop
from sretool.tui.timeline import (
    Compare,
    Timeline,
    comparison_words,
    cursor_words,
    shifted,
    times_as_much,
)
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sretool.core.alerting.silences import Silence
    from sretool.core.observe.model import Change, SloHistory
    from sretool.core.observe.questions import Answers
    from sretool.core.slo.model import Slo
    from sretool.tui.board import View
    from sretool.tui.line import Line

POINTS: Final = 180
"""Columns that questions are sized for: as many as the widest chart has, so that no width asks anew."""

_MARKED: Final = ("deploy", "flag", "scale", "restart")
"""Kinds of changes that are worth a mark on a chart."""


_SPAN: Final = Stretch(timedelta(hours=6), timedelta(minutes=1))
_NO_TRACK: Final = Track()


@dataclass(frozen=True, slots=True)
class Past:
    """What is known about where an SLO's budget went."""

    history: SloHistory | None = None
    """None: never fetched yet; otherwise the last that came, however old."""
    error: str | None = None
    """Why the last attempt failed; None where it did not."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The error ratio of an SLO over the chosen time, as far as it is known."""

    expr: str = ""
    """PromQL behind it."""
    span: Stretch = _SPAN
    track: Track = _NO_TRACK
    compared: Track | None = None
    """The same stretch earlier; None: nothing is compared."""
    error: str | None = None
    """Why the newest question had no answer; None where it had one."""


@dataclass(slots=True)
class Drawn:
    """Charts as they were drawn last: they change with their data, the screen every second."""

    kept: dict[str, tuple[tuple[object, ...], list[Line]]] = field(default_factory=dict)

    def draw(self, place: str, chart: Chart, width: int, height: int, view: View) -> list[Line]:
        key = (chart, width, height, view.local_time, view.glyphs)
        known = self.kept.get(place)
        if known is None or known[0] != key:
            lines = draw(chart, width, height, view.glyphs, local_time=view.local_time)
            self.kept[place] = known = (key, lines)
        return known[1]


@dataclass(frozen=True, slots=True)
class Charted:
    """Everything the charts of one SLO are drawn from."""

    past: Past = field(default_factory=Past)
    ratio: Ratio = field(default_factory=Ratio)
    timeline: Timeline = field(default_factory=Timeline)
    drawn: Drawn = field(default_factory=Drawn)
    silences: tuple[Silence, ...] = ()
    """Those that hide its page."""


def wanted(slo: Slo, query: Callable[[Slo, timedelta], str], timeline: Timeline) -> Wanted:
    """The questions behind `ratio`."""
    span = timeline.window.asked(POINTS)
    expr = query(slo, span.step)
    past = [(expr, span)]
    if timeline.compare is not Compare.NONE:
        past.append((expr, timeline.window.asked(POINTS, back=timeline.compare.back)))
    return Wanted(past=tuple(past))


def ratio(slo: Slo, query: Callable[[Slo, timedelta], str], timeline: Timeline, answers: Answers) -> Ratio:
    """What is known of the answers to `wanted`."""
    (expr, span), *compared = wanted(slo, query, timeline).past
    track = answers.track(expr, span)
    return Ratio(
        expr,
        span,
        track,
        answers.track(*compared[0]) if compared else None,
        track.error or answers.error,
    )


def cursor_step(timeline: Timeline) -> timedelta:
    """How far one key moves the cursor: from point to point."""
    return timeline.window.asked(POINTS).step


# --- the charts -------------------------------------------------------------------------------------------


def burn_down(
    view: View, slo: Slo, charted: Charted, width: int, height: int, *, named: bool = False
) -> list[Line]:
    """What was left of the budget over the SLO's window, against an even spend."""
    past = charted.past
    title = f"{tr('BUDGET LEFT')} {fmt.window_name(slo)}"
    title = f"{slo.name}: {title}" if named else title
    if past.history is None:
        return _no_chart(view, title, past.error, width, height)
    end = _minute(view.frozen_at or view.now)
    start = end - slo.length(end)
    curve = Curve(past.history.budget_left, past.history.budget_step, tr("budget left"))
    low, high = pinned([curve], at_least_to=1.0, room=1.0)
    chart = Chart(
        curves=(curve,),
        start=start,
        end=end,
        low=low * 1.05,
        high=high,
        label=_percent,
        limits=(Limit(0.0, "0%"),) if low < 0 else (),
        marks=marks(view, slo),
        bands=bands(view, slo, charted.silences),
        ideal=(1.0, 0.0),
        cursor=_inside(charted.timeline.cursor, start, end),
    )
    parts = [[Span(f"{view.glyphs.ideal} {tr('even spend')}", "dim")], *legend_parts(chart, view.glyphs)]
    as_of = past.history.at if past.error is not None or view.stale else None
    right = _right(view, charted.timeline, chart, as_of, past.error)
    return _titled("budget", view, title, parts, right, chart, charted.drawn, width, height)


def error_ratio(
    view: View, slo: Slo, charted: Charted, width: int, height: int, *, named: bool = False
) -> list[Line]:
    """The share of bad events over the chosen time, with the lines it must stay under."""
    timeline, found = charted.timeline, charted.ratio
    title = f"{tr('ERROR RATIO')} {timeline.window.words(local=view.local_time)}"
    title = f"{slo.name}: {title}" if named else title
    if found.track.at is None:
        return _no_chart(view, title, found.error, width, height)
    end = found.span.end(view.frozen_at or view.now)
    start = end - found.span.over
    points = found.track.series[0].points if found.track.series else ()
    curves = [Curve(points, found.span.step, tr("now"))]
    if found.compared is not None:
        before = shifted(
            found.compared.series[0].points if found.compared.series else (), timeline.compare.back
        )
        curves.append(Curve(before, found.span.step, timeline.compare.words, compared=True))
    budget = float(slo.budget)
    pages = [float(pair.factor(slo.window)) * budget for pair in slo.alerts if pair.severity.value == "page"]
    peak = peak_of(curves)
    limits = [Limit(budget, fmt.ratio_percent(budget))]
    parts = [[Span(f"{view.glyphs.threshold} {fmt.ratio_percent(budget)} {tr('budget')}", "dim")]]
    if pages and peak >= 0.5 * min(pages):
        page = min(pages)
        limits.append(Limit(page, fmt.ratio_percent(page)))
        parts[0] = [Span(f"{parts[0][0].text}, {fmt.ratio_percent(page)} {tr('page')}", "dim")]
    chart = Chart(
        curves=tuple(curves),
        start=start,
        end=end,
        low=0.0,
        high=max(peak, *(limit.value for limit in limits)) * 1.1,
        label=fmt.ratio_percent,
        limits=tuple(limits),
        marks=marks(view, slo),
        bands=bands(view, slo, charted.silences),
        cursor=_inside(timeline.cursor, start, end),
    )
    if found.compared is not None:
        parts.append([Span(comparison_words(_how_much(chart), timeline.compare), "bold")])
    parts += legend_parts(chart, view.glyphs)
    as_of = found.track.at if found.error is not None or view.stale else None
    right = _right(view, timeline, chart, as_of, found.error)
    return _titled("ratio", view, title, parts, right, chart, charted.drawn, width, height)


def read_ratio(charted: Charted) -> tuple[datetime, float] | None:
    """The point of the error ratio under the cursor, or the newest one where there is no cursor."""
    found, cursor = charted.ratio, charted.timeline.cursor
    points = found.track.series[0].points if found.track.series else ()
    if cursor is None:
        return points[-1] if points else None
    read = reading_at(Curve(points, found.span.step), cursor)
    return (read.at, read.value) if read is not None else None


def marks(view: View, slo: Slo) -> tuple[Mark, ...]:
    """Deploys and other changes of this SLO's service, and of what belongs to no service."""
    return tuple(Mark(change.at, change.text) for change in changes_of(view, slo) if change.kind in _MARKED)


def changes_of(view: View, slo: Slo) -> list[Change]:
    """What happened to this SLO's service or to everything, newest first."""
    every = {(change.at, change.kind, change.text): change for change in view.snapshot.changes}
    every |= {(mark.at, mark.kind, mark.text): mark for mark in view.snapshot.marks}
    own = [
        change
        for change in every.values()
        if change.labels.get("service", slo.service) == slo.service
        and change.labels.get("slo", slo.base_id) == slo.base_id
        and change.at <= view.now
    ]
    return sorted(own, key=lambda change: change.at, reverse=True)


def bands(view: View, slo: Slo, silences: Sequence[Silence] = ()) -> tuple[Band, ...]:
    """Exclusions of the SLO, drills that may hurt it, and when its page was silenced."""
    excluded = [Band(each.start, each.end, each.reason) for each in slo.exclusions]
    drills = [
        Band(drill.started, drill.ends or view.now, f"{tr('drill')} {drill.name}")
        for drill in view.snapshot.drills
        if not drill.services or slo.service in drill.services
    ]
    silenced = [
        Band(each.starts, min(each.ends, view.now), tr("silenced by {name}", name=each.created_by))
        for each in silences
        if each.starts < view.now
    ]
    return (*excluded, *drills, *silenced)


def _how_much(chart: Chart) -> float | None:
    """Now over then: at the cursor where there is one, else on the whole."""
    now, before = chart.curves[0], chart.curves[1]
    if chart.cursor is None:
        return times_as_much(now.points, before.points)
    read = {reading.name: [(reading.at, reading.value)] for reading in readings(chart)}
    return times_as_much(read.get(now.name, ()), read.get(before.name, ()))


def _right(view: View, timeline: Timeline, chart: Chart, as_of: datetime | None, error: str | None) -> str:
    """What stands at the right of a heading: the value under the cursor, or how old everything is."""
    if timeline.cursor is not None:
        read = next((reading for reading in readings(chart) if reading.name == chart.curves[0].name), None)
        at = read.at if read is not None else timeline.cursor
        return cursor_words(at, read.value if read is not None else None, _exact, local=view.local_time)
    if as_of is None:
        return ""
    return f"{tr('as of')} {view.clock(as_of)}" + (f", {tr('failed')}: {error}" if error is not None else "")


def _titled(
    place: str,
    view: View,
    title: str,
    parts: list[list[Span]],
    right: str,
    chart: Chart,
    drawn: Drawn,
    width: int,
    height: int,
) -> list[Line]:
    heading = headed(title, parts, right, width, view.glyphs.rule, view.glyphs.ellipsis)
    if not any(curve.points for curve in chart.curves):
        return [heading, *_said(tr("no samples in this span"), width, height - 1)]
    return [heading, *drawn.draw(place, chart, width, height - 1, view)]


def headed(
    title: str, parts: list[list[Span]], right: str, width: int, stroke: str, ellipsis: str = "…"
) -> list[Span]:
    """A heading with as many of its parts as fit beside what stands at the right, which is cut last."""
    spans = [Span(f"{stroke * 2} {title} ", "title")]
    room = width - cells(spans) - 6
    if right and cell_len(right) > room:
        right = fmt.fit(right, room, ellipsis=ellipsis).rstrip() if room >= 15 else ""
    tail = f" {right} {stroke * 2}" if right else ""
    for part in parts:
        if cells(spans) + cells(part) + 1 + cell_len(tail) + 2 > width:
            continue
        spans += [Span(" "), *part, Span(" ")]
    free = width - cells(spans) - cell_len(tail)
    if free < 0:
        return crop(spans, width)
    return [*spans, Span(stroke * free, "dim"), Span(tail, "bold" if right else "dim")]


def _no_chart(view: View, title: str, error: str | None, width: int, height: int) -> list[Line]:
    said = f"{tr('no history')}: {error}" if error else tr("asking Prometheus...")
    return [headed(title, [], "", width, view.glyphs.rule), *_said(said, width, height - 1)]


def _said(text: str, width: int, height: int) -> list[Line]:
    lines: list[Line] = [crop([], width) for _ in range(max(height, 0))]
    if lines:
        lines[len(lines) // 2] = crop([Span(f"  {text}", "dim")], width)
    return lines


def _inside(cursor: datetime | None, start: datetime, end: datetime) -> datetime | None:
    return cursor if cursor is not None and start <= cursor <= end else None


def _percent(value: float) -> str:
    return f"{value * 100:.0f}%"


def _exact(value: float) -> str:
    """With four significant digits: what is read at a cursor is to be written down."""
    return f"{value * 100:.4g}%"


def _minute(moment: datetime) -> datetime:
    """The axis moves once a minute, so that a chart is drawn anew only then; it never reaches beyond now."""
    return moment.replace(second=0, microsecond=0)
