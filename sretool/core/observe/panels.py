"""Panels of a dashboard as data: what each asks, and what it shows of the answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.model import Bound
from sretool.core.observe.questions import Span, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sretool.core.catalog.model import Dashboard, Panel, PanelQuery, Threshold
    from sretool.core.observe.questions import Answers

    Points = tuple[tuple[datetime, float], ...]

POINTS: Final = 120
"""Of a chart: half as many as a wide one has columns of dots, several times those of a narrow one."""

_LEGEND = re.compile(r"\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")


class Condition(StrEnum):
    """How something is, worst first."""

    EMERGENCY = "emergency"
    BAD = "bad"
    WARN = "warn"
    NO_DATA = "no data"
    OK = "ok"


ABNORMAL: Final = (Condition.EMERGENCY, Condition.BAD, Condition.WARN)


def worst(conditions: Iterable[Condition]) -> Condition:
    """OK where there are none."""
    return min(conditions, key=list(Condition).index, default=Condition.OK)


def judge(value: float | None, thresholds: Iterable[Threshold]) -> Condition:
    if value is None:
        return Condition.NO_DATA
    return worst(Condition(each.state) for each in thresholds if beyond(value, each))


def beyond(value: float, threshold: Threshold) -> bool:
    """On the bad side of it; exactly on it is still good."""
    return value > threshold.value if threshold.bound is Bound.ABOVE else value < threshold.value


@dataclass(frozen=True, slots=True)
class Shown:
    """One value or one curve of a panel."""

    name: str
    value: float | None
    condition: Condition
    points: Points = ()
    """Of a chart."""
    before: Points = ()
    """What it was at the time it is compared with, moved to now."""


@dataclass(frozen=True, slots=True)
class PanelData:
    """One panel with what is known for it."""

    panel: Panel
    shown: tuple[Shown, ...] = ()
    condition: Condition = Condition.NO_DATA
    """The worst of what is shown."""
    at: datetime | None = None
    """When the oldest of its answers came; None: some never did."""
    error: str | None = None
    span: Span | None = None
    """Of a chart."""


def chart_span(over: timedelta, until: datetime | None = None) -> Span:
    """A chart over so much time, with steps of whole seconds that people know."""
    known = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
    wanted = over.total_seconds() / POINTS
    seconds = next((each for each in known if each >= wanted), known[-1])
    return Span(over, timedelta(seconds=seconds), until=until)


def wanted(board: Dashboard, span: Span, compared: Span | None = None) -> Wanted:
    """What a dashboard asks whose charts show `span`, and beside it another time."""
    spans = (span,) if compared is None else (span, compared)
    queries = [(panel, query) for panel in board.panels for query in panel.queries]
    return Wanted(
        now=tuple(query.expr for panel, query in queries if panel.kind != "chart"),
        past=tuple((query.expr, each) for each in spans for panel, query in queries if panel.kind == "chart"),
    )


def data(panel: Panel, answers: Answers, span: Span, compared: Span | None = None) -> PanelData:
    if panel.not_configured is not None:
        return PanelData(panel, condition=Condition.OK)
    if panel.kind == "chart":
        return _chart(panel, answers, span, compared)
    found = [(query, answers.now(query.expr)) for query in panel.queries]
    shown = tuple(
        Shown(legend(query, sample.labels), sample.value, judge(sample.value, panel.thresholds))
        for query, each in found
        for sample in sorted(each.samples, key=lambda sample: sorted(sample.labels.items()))
    )
    return PanelData(
        panel,
        shown,
        _condition(panel, shown),
        _oldest(each.at for _, each in found),
        next((each.error for _, each in found if each.error), None),
    )


def _chart(panel: Panel, answers: Answers, span: Span, compared: Span | None) -> PanelData:
    tracks = [(query, answers.track(query.expr, span)) for query in panel.queries]
    shown = []
    for query, track in tracks:
        before = _before(answers, query, compared)
        for series in sorted(track.series, key=lambda series: sorted(series.labels.items())):
            # A curve that ended before the last steps says nothing about now.
            last = series.points[-1]
            fresh = track.until is not None and last[0] >= track.until - 2 * span.step
            value = last[1] if fresh else None
            earlier = before.get(frozenset(series.labels.items()), ())
            condition = judge(value, panel.thresholds)
            shown.append(Shown(legend(query, series.labels), value, condition, series.points, earlier))
    return PanelData(
        panel,
        tuple(shown),
        _condition(panel, shown),
        _oldest(track.at for _, track in tracks),
        next((track.error for _, track in tracks if track.error), None),
        span,
    )


def _before(
    answers: Answers, query: PanelQuery, compared: Span | None
) -> dict[frozenset[tuple[str, str]], Points]:
    if compared is None:
        return {}
    return {
        frozenset(series.labels.items()): tuple((at + compared.back, value) for at, value in series.points)
        for series in answers.track(query.expr, compared).series
    }


def _condition(panel: Panel, shown: Iterable[Shown]) -> Condition:
    conditions = [each.condition for each in shown]
    if not conditions:
        # No alert is what one hopes for; of anything else nothing is no answer.
        return Condition.OK if panel.kind == "alerts" else Condition.NO_DATA
    return worst(conditions)


def _oldest(moments: Iterable[datetime | None]) -> datetime | None:
    known = list(moments)
    times = [moment for moment in known if moment is not None]
    return min(times) if times and len(times) == len(known) else None


def legend(query: PanelQuery, labels: Mapping[str, str]) -> str:
    """The query's text with `{{label}}` filled in; without one the labels themselves."""
    if query.legend is not None:
        return _LEGEND.sub(lambda found: labels.get(found[1], ""), query.legend).strip()
    return name_of(labels)


def name_of(labels: Mapping[str, str]) -> str:
    return " ".join(value for name, value in sorted(labels.items()) if name not in ("__name__", "job"))
