"""What users experience and what the business lives by: journeys, figures, speed, probes, beside their usual.

What is usual is read from the same hour of the last weeks, or of the last days where a figure repeats daily
or too few weeks are known. Where neither is known there is no usual, and nothing is judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.usual import LEAST_PERIODS, usual
from sretool.core.catalog.watched import Cycle, FigureGroup, Side
from sretool.core.observe.panels import Condition, judge, worst
from sretool.core.observe.questions import Span, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sretool.core.analysis.usual import Usual
    from sretool.core.catalog.watched import Apdex, Figure, Journey, Probe, Step, Watched
    from sretool.core.observe.model import Sample, Series
    from sretool.core.observe.questions import Answers

    Points = tuple[tuple[datetime, float], ...]

LATELY: Final = Span(timedelta(hours=2), timedelta(minutes=2))
"""For the course on screen and for an hour ago."""

FAR: Final = 0.1
"""Of the usual: a tenth of all values is outside its band at any time, most of them by a hair."""

_AROUND: Final = timedelta(minutes=30)
"""Before and after the same time of another day."""

_STEP: Final = timedelta(minutes=5)

_DAY: Final = timedelta(days=1)


def _same_time(ago: timedelta) -> Span:
    return Span(2 * _AROUND, _STEP, back=ago - _AROUND)


WEEKS: Final = tuple(_same_time(7 * number * _DAY) for number in range(1, 5))
DAYS: Final = tuple(_same_time(number * _DAY) for number in range(1, 7))


class Against(StrEnum):
    """What present values are compared with."""

    USUAL = "usual"
    HOUR = "hour ago"
    DAY = "day ago"
    WEEK = "week ago"


@dataclass(frozen=True, slots=True)
class Compared:
    """A value and everything it may be compared with; None: not known."""

    value: float | None
    usual: Usual | None
    every: str = "weeks"
    """What the usual is made of: `weeks` or `days`."""
    periods: int = 0
    """Weeks or days that are known, also where they are too few for a usual."""
    hour_ago: float | None = None
    day_ago: float | None = None
    week_ago: float | None = None
    course: Points = ()

    def then(self, against: Against) -> float | None:
        match against:
            case Against.USUAL:
                return self.usual.middle if self.usual is not None else None
            case Against.HOUR:
                return self.hour_ago
            case Against.DAY:
                return self.day_ago
            case Against.WEEK:
                return self.week_ago

    @property
    def side(self) -> Side | None:
        """Where it is outside the usual band; None: inside, or nobody knows."""
        if self.value is None or self.usual is None:
            return None
        if self.value < self.usual.low:
            return Side.BELOW
        return Side.ABOVE if self.value > self.usual.high else None

    @property
    def is_far(self) -> bool:
        """Whether it differs from its middle by so much that somebody should look."""
        if self.value is None or self.usual is None:
            return False
        return abs(self.value - self.usual.middle) > FAR * abs(self.usual.middle)


@dataclass(frozen=True, slots=True)
class JourneyRow:
    journey: Journey
    compared: Compared
    steps: tuple[tuple[Step, float | None], ...]
    condition: Condition
    at: datetime | None
    error: str | None

    @property
    def weakest(self) -> Step | None:
        """The step that fewest pass; None while none is known."""
        known = [(value, number) for number, (_, value) in enumerate(self.steps) if value is not None]
        return self.steps[min(known)[1]][0] if known else None


@dataclass(frozen=True, slots=True)
class FigureRow:
    key: str
    name: str
    figure: Figure
    compared: Compared
    condition: Condition
    at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ApdexRow:
    apdex: Apdex
    value: float | None
    condition: Condition
    at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ProbeRow:
    probe: Probe
    places: tuple[tuple[str, bool], ...]
    """Name and whether it went well, those that did not first."""
    condition: Condition
    at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Experience:
    journeys: tuple[JourneyRow, ...] = ()
    figures: tuple[FigureRow, ...] = ()
    apdex: tuple[ApdexRow, ...] = ()
    probes: tuple[ProbeRow, ...] = ()

    def group(self, group: FigureGroup) -> tuple[FigureRow, ...]:
        return tuple(row for row in self.figures if row.figure.group is group)


def wanted(watched: Watched) -> Wanted:
    compared = [journey.sli for journey in watched.journeys] + [figure.expr for figure in watched.figures]
    exprs = tuple(expr for expr in compared if expr is not None)
    others = [step.expr for journey in watched.journeys for step in journey.steps]
    others += [expr for apdex in watched.apdex if (expr := apdex.expr) is not None]
    others += [probe.expr for probe in watched.probes if probe.expr is not None]
    # Weeks before days: they are what is shown as soon as they are known.
    spans = (LATELY, *WEEKS, *DAYS)
    return Wanted((*exprs, *others), tuple((expr, span) for span in spans for expr in exprs))


def assemble(watched: Watched, answers: Answers, now: datetime) -> Experience:
    return Experience(
        tuple(_journey(journey, answers, now) for journey in watched.journeys),
        tuple(row for figure in watched.figures for row in _figures(figure, answers, now)),
        tuple(_apdex(apdex, answers) for apdex in watched.apdex),
        tuple(_probe(probe, answers) for probe in watched.probes),
    )


def _journey(journey: Journey, answers: Answers, now: datetime) -> JourneyRow:
    if journey.sli is None:
        return JourneyRow(journey, Compared(None, None), (), Condition.OK, None, None)
    found = answers.now(journey.sli)
    compared = _compared(journey.sli, (), (), _only(found.samples), answers, now, Cycle.WEEK)
    steps = tuple((step, _only(answers.now(step.expr).samples)) for step in journey.steps)
    errors = [found.error, *(answers.now(step.expr).error for step in journey.steps)]
    return JourneyRow(
        journey,
        compared,
        steps,
        _condition(compared, judge(compared.value, journey.thresholds), Side.BELOW),
        found.at,
        next((error for error in errors if error), None),
    )


def _figures(figure: Figure, answers: Answers, now: datetime) -> list[FigureRow]:
    if figure.expr is None:
        return [FigureRow(figure.id, figure.title, figure, Compared(None, None), Condition.OK, None, None)]
    found = answers.now(figure.expr)
    lately = answers.track(figure.expr, LATELY).series
    labelled = [sample.labels for sample in found.samples] + [series.labels for series in lately]
    groups = sorted({_group(figure.by, labels) for labels in labelled}) or [()]
    rows = []
    for group in groups:
        values = [sample.value for sample in found.samples if _group(figure.by, sample.labels) == group]
        value = max(values, default=None)
        compared = _compared(figure.expr, figure.by, group, value, answers, now, figure.cycle)
        judged = judge(value, figure.thresholds)
        condition = _condition(compared, judged, figure.bad)
        if figure.group is not FigureGroup.BUSINESS and figure.thresholds:
            # What has a promise is judged by the promise.
            condition = judged
        name = " ".join(filter(None, (figure.title, *group)))
        rows.append(
            FigureRow(
                f"{figure.id}:{'/'.join(group)}", name, figure, compared, condition, found.at, found.error
            )
        )
    return rows


def _condition(compared: Compared, judged: Condition, bad: Side) -> Condition:
    """A threshold's word counts; far outside the usual band, on the side that hurts, is worth a look."""
    if compared.value is None:
        return Condition.NO_DATA
    hurts = compared.side is not None and bad in (compared.side, Side.BOTH)
    return worst((judged, Condition.WARN)) if hurts and compared.is_far else judged


def _apdex(apdex: Apdex, answers: Answers) -> ApdexRow:
    if apdex.expr is None:
        return ApdexRow(apdex, None, Condition.OK, None, None)
    found = answers.now(apdex.expr)
    value = _only(found.samples)
    return ApdexRow(apdex, value, judge(value, apdex.thresholds), found.at, found.error)


def _probe(probe: Probe, answers: Answers) -> ProbeRow:
    if probe.expr is None:
        return ProbeRow(probe, (), Condition.OK, None, None)
    found = answers.now(probe.expr)
    places = tuple(
        sorted(
            ((" ".join(_group(probe.by, sample.labels)), sample.value > 0) for sample in found.samples),
            key=lambda place: (place[1], place[0]),
        )
    )
    failed = [name for name, well in places if not well]
    condition = Condition.NO_DATA if not places else Condition.OK
    if failed:
        # From one place it may be the way there; from everywhere it is us.
        condition = Condition.BAD if len(failed) == len(places) else Condition.WARN
    return ProbeRow(probe, places, condition, found.at, found.error)


def _compared(
    expr: str,
    by: Sequence[str],
    group: tuple[str, ...],
    value: float | None,
    answers: Answers,
    now: datetime,
    cycle: Cycle,
) -> Compared:
    def curve(span: Span) -> Points:
        return _curve(by, answers.track(expr, span).series, group)

    lately = curve(LATELY)
    weeks = [[value for _, value in curve(span)] for span in WEEKS]
    days = [[value for _, value in curve(span)] for span in DAYS]
    found, every, periods = None, "weeks", len([week for week in weeks if week])
    if cycle is Cycle.WEEK:
        found = usual(weeks)
    if found is None and (cycle is Cycle.DAY or periods < LEAST_PERIODS):
        known = len([day for day in days if day])
        if cycle is Cycle.DAY or known >= LEAST_PERIODS:
            found, every, periods = usual(days), "days", known
    return Compared(
        value,
        found,
        every,
        periods,
        hour_ago=_near(lately, now - timedelta(hours=1), LATELY.step),
        day_ago=_near(curve(DAYS[0]), now - _DAY, _STEP),
        week_ago=_near(curve(WEEKS[0]), now - 7 * _DAY, _STEP),
        course=lately,
    )


def _group(by: Sequence[str], labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in by)


def _curve(by: Sequence[str], series: Iterable[Series], group: tuple[str, ...]) -> Points:
    return next((each.points for each in series if _group(by, each.labels) == group), ())


def _near(points: Points, moment: datetime, within: timedelta) -> float | None:
    near = [(abs(at - moment), value) for at, value in points if abs(at - moment) <= within]
    return min(near)[1] if near else None


def _only(samples: Iterable[Sample]) -> float | None:
    """The value of what should be one; the lowest of several, as it is a share that should be high."""
    return min((sample.value for sample in samples), default=None)
