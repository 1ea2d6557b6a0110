"""Infrastructure as rows: what is used up and waits (USE), what is asked (RED), what will be full, and when.

Rows follow from what the catalog says is watched and from the labels found in the answers. What was there in
the last hour and has no value now stays as a row without data: something that vanished is news.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.trend import UNKNOWN, Trend, reaches, trend
from sretool.core.observe.panels import ABNORMAL, Condition, judge, worst
from sretool.core.observe.questions import Span, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sretool.core.catalog.watched import Call, Headroom, Measure, Resource, Watched
    from sretool.core.observe.model import Sample, Series
    from sretool.core.observe.questions import Answers

    Points = tuple[tuple[datetime, float], ...]

HOUR: Final = Span(timedelta(hours=1), timedelta(minutes=1))
"""At which utilisation and requests are looked back, for their course and for what they were an hour ago."""

_TREND_POINTS: Final = 72

_SOON: Final = timedelta(hours=1)
_TODAY: Final = timedelta(hours=24)
"""What is full within an hour is bad, within a day worth a look, whatever its share is now."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure with its value."""

    title: str
    value: float | None
    unit: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class UseRow:
    """One host, replica or node."""

    key: str
    name: str
    resource: Resource
    labels: Mapping[str, str]
    utilisation: Measured | None = None
    """The worst, of several equally bad the highest; None: none is configured."""
    saturation: Measured | None = None
    """The worst; None: none is configured."""
    errors: Measured | None = None
    measures: tuple[Measured, ...] = ()
    """All of them, as the catalog orders them."""
    course: Points = ()
    """Of the utilisation that is shown, over the last hour."""
    condition: Condition = Condition.NO_DATA
    at: datetime | None = None
    error: str | None = None

    @property
    def worst(self) -> Measured | None:
        """The measure behind the condition; None while nothing is wrong."""
        bad = [each for each in self.measures if each.condition is self.condition]
        return bad[0] if bad and self.condition in ABNORMAL else None


@dataclass(frozen=True, slots=True)
class CallRow:
    """Requests of one kind."""

    key: str
    name: str
    call: Call
    labels: Mapping[str, str]
    rate: Measured | None = None
    errors: Measured | None = None
    duration: Measured | None = None
    before: tuple[float | None, float | None, float | None] = (None, None, None)
    """Rate, errors and duration an hour ago."""
    course: Points = ()
    """Of the rate."""
    condition: Condition = Condition.NO_DATA
    at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HeadroomRow:
    """Something that can become full."""

    key: str
    name: str
    headroom: Headroom
    labels: Mapping[str, str]
    used: float | None = None
    limit: float | None = None
    share: float | None = None
    trend: Trend = UNKNOWN
    full_in: timedelta | None = None
    """None: not on this trend, or nobody can tell."""
    course: Points = ()
    condition: Condition = Condition.NO_DATA
    at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """Everything of the infrastructure view, in the catalog's order."""

    use: tuple[UseRow, ...] = ()
    calls: tuple[CallRow, ...] = ()
    headroom: tuple[HeadroomRow, ...] = ()


def trend_span(headroom: Headroom) -> Span:
    over = headroom.over or timedelta(hours=6)
    seconds = max(int(over.total_seconds() / _TREND_POINTS) // 15 * 15, 15)
    return Span(over, timedelta(seconds=seconds))


def wanted(watched: Watched) -> Wanted:
    now: list[str] = []
    past: list[tuple[str, Span]] = []
    for resource in watched.resources:
        now += [measure.expr for measure in _measures(resource)]
        past += [(measure.expr, HOUR) for measure in resource.utilisation]
    asked = of_calls(watched.calls)
    for headroom in watched.headroom:
        if headroom.used is None:
            continue
        now.append(headroom.used)
        past.append((headroom.used, trend_span(headroom)))
        if isinstance(headroom.limit, str):
            now.append(headroom.limit)
    return Wanted(tuple(now), tuple(past)) | asked


def of_calls(calls: Iterable[Call]) -> Wanted:
    exprs = [measure.expr for call in calls for measure in _red(call) if measure is not None]
    return Wanted(tuple(exprs), tuple((expr, HOUR) for expr in exprs))


def assemble(watched: Watched, answers: Answers, now: datetime) -> Infrastructure:
    return Infrastructure(
        use=tuple(row for resource in watched.resources for row in use_rows(resource, answers, now)),
        calls=tuple(row for call in watched.calls for row in call_rows(call, answers, now)),
        headroom=tuple(row for each in watched.headroom for row in headroom_rows(each, answers)),
    )


def use_rows(resource: Resource, answers: Answers, now: datetime) -> list[UseRow]:
    measures = _measures(resource)
    if not measures:
        return [UseRow(resource.id, resource.title, resource, {}, condition=Condition.OK)]
    found = {measure.expr: answers.now(measure.expr) for measure in measures}
    tracks = {measure.expr: answers.track(measure.expr, HOUR).series for measure in resource.utilisation}
    values = {expr: _by_group(resource.by, each.samples) for expr, each in found.items()}
    groups = _groups(
        resource.by,
        [sample.labels for each in found.values() for sample in each.samples],
        [series.labels for every in tracks.values() for series in every],
    )
    times = [each.at for each in found.values() if each.at is not None]
    error = next((each.error for each in found.values() if each.error), None)
    rows = []
    for group in groups or [()]:
        every = tuple(
            Measured(m.title, value, m.unit, judge(value, m.thresholds))
            for m in measures
            for value in [values[m.expr].get(group)]
        )
        parts = len(resource.utilisation), len(resource.utilisation) + len(resource.saturation)
        used, waiting, failed = every[: parts[0]], every[parts[0] : parts[1]], every[parts[1] :]
        top = _first_worst(sorted(used, key=_value, reverse=True))
        known = [each.condition for each in every if each.value is not None]
        rows.append(
            UseRow(
                key=f"{resource.id}:{'/'.join(group)}",
                name=" ".join(filter(None, group)) or resource.title,
                resource=resource,
                labels=dict(zip(resource.by, group, strict=False)),
                utilisation=top,
                saturation=_first_worst(waiting),
                errors=_first_worst(failed),
                measures=every,
                course=_course(resource, measures, top, tracks, group),
                condition=worst(known) if known else Condition.NO_DATA,
                at=min(times) if times else None,
                error=error,
            )
        )
    return rows


def call_rows(call: Call, answers: Answers, now: datetime) -> list[CallRow]:
    red = _red(call)
    if call.rate is None:
        return [CallRow(call.id, call.title, call, {}, condition=Condition.OK)]
    found = [answers.now(measure.expr) if measure else None for measure in red]
    tracks = [answers.track(measure.expr, HOUR).series if measure else () for measure in red]
    groups = _groups(
        call.by,
        [sample.labels for each in found if each for sample in each.samples],
        [series.labels for every in tracks for series in every],
    )
    times = [each.at for each in found if each is not None and each.at is not None]
    error = next((each.error for each in found if each is not None and each.error), None)
    rows = []
    for group in groups or [()]:
        rate, errors, duration = (
            Measured(m.title, value, m.unit, judge(value, m.thresholds))
            if m is not None and each is not None
            else None
            for m, each in zip(red, found, strict=True)
            for value in [_by_group(call.by, each.samples).get(group) if each is not None else None]
        )
        curves = [_curve(call.by, every, group) for every in tracks]
        known = [
            each.condition for each in (rate, errors, duration) if each is not None and each.value is not None
        ]
        rows.append(
            CallRow(
                key=f"{call.id}:{'/'.join(group)}",
                name=" ".join([call.title, *group]) if len(groups) > 1 else call.title,
                call=call,
                labels=dict(zip(call.by, group, strict=False)),
                rate=rate,
                errors=errors,
                duration=duration,
                before=(_then(curves[0], now), _then(curves[1], now), _then(curves[2], now)),
                course=curves[0],
                condition=worst(known) if rate is not None and rate.value is not None else Condition.NO_DATA,
                at=min(times) if times else None,
                error=error,
            )
        )
    return rows


def headroom_rows(headroom: Headroom, answers: Answers) -> list[HeadroomRow]:
    if headroom.used is None:
        return [HeadroomRow(headroom.id, headroom.title, headroom, {}, condition=Condition.OK)]
    found = answers.now(headroom.used)
    span = trend_span(headroom)
    series = answers.track(headroom.used, span).series
    limit = answers.now(headroom.limit) if isinstance(headroom.limit, str) else None
    used = _by_group(headroom.by, found.samples)
    limits = _by_group(headroom.by, limit.samples) if limit is not None else {}
    # A limit without labels is everybody's.
    common = limits.get(tuple("" for _ in headroom.by))
    groups = _groups(
        headroom.by, [sample.labels for sample in found.samples], [each.labels for each in series]
    )
    rows = []
    for group in groups or [()]:
        value = used.get(group)
        top = headroom.limit if isinstance(headroom.limit, float) else limits.get(group, common)
        share = value / top if value is not None and top else None
        course = _curve(headroom.by, series, group)
        going = trend(course, span.over)
        full_in = reaches(going, value, top) if value is not None and top else None
        judged = share if headroom.limit is not None else value
        condition = judge(judged, headroom.thresholds)
        if full_in is not None and full_in <= _TODAY:
            condition = worst((condition, Condition.BAD if full_in <= _SOON else Condition.WARN))
        rows.append(
            HeadroomRow(
                key=f"{headroom.id}:{'/'.join(group)}",
                name=" ".join(filter(None, (headroom.title, *group))),
                headroom=headroom,
                labels=dict(zip(headroom.by, group, strict=False)),
                used=value,
                limit=top,
                share=share,
                trend=going,
                full_in=full_in,
                course=course,
                condition=condition,
                at=found.at,
                error=found.error or (limit.error if limit is not None else None),
            )
        )
    return rows


def _measures(resource: Resource) -> tuple[Measure, ...]:
    return (*resource.utilisation, *resource.saturation, *resource.errors)


def _red(call: Call) -> tuple[Measure | None, Measure | None, Measure | None]:
    return call.rate, call.errors, call.duration


def _group(by: Sequence[str], labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in by)


def _groups(by: Sequence[str], *labelled: Iterable[Mapping[str, str]]) -> list[tuple[str, ...]]:
    """Every combination that occurs, in order; one without any of the labels only where there is no other."""
    found = {_group(by, labels) for every in labelled for labels in every}
    return sorted(group for group in found if any(group)) or sorted(found)


def _by_group(by: Sequence[str], samples: Iterable[Sample]) -> dict[tuple[str, ...], float]:
    """The highest value of each group: what is not aggregated as far as its rows is shown at its worst."""
    values: dict[tuple[str, ...], float] = {}
    for sample in samples:
        group = _group(by, sample.labels)
        values[group] = max(sample.value, values.get(group, sample.value))
    return values


def _curve(by: Sequence[str], series: Iterable[Series], group: tuple[str, ...]) -> Points:
    return next((each.points for each in series if _group(by, each.labels) == group), ())


def _course(
    resource: Resource,
    measures: Sequence[Measure],
    top: Measured | None,
    tracks: Mapping[str, Sequence[Series]],
    group: tuple[str, ...],
) -> Points:
    shown = next((m.expr for m in measures if top is not None and m.title == top.title), None)
    return _curve(resource.by, tracks.get(shown, ()), group) if shown is not None else ()


def _then(points: Points, now: datetime) -> float | None:
    """The value an hour ago, or what is nearest to it within five minutes."""
    wanted_at = now - HOUR.over
    near = [(abs(at - wanted_at), value) for at, value in points if abs(at - wanted_at) <= 5 * HOUR.step]
    return min(near)[1] if near else None


def _value(measured: Measured) -> float:
    return measured.value if measured.value is not None else float("-inf")


def _first_worst(measured: Sequence[Measured]) -> Measured | None:
    """The one in the worst condition, the first of several; one with a value before one without."""
    order = list(Condition)
    return min(measured, key=lambda each: (each.value is None, order.index(each.condition)), default=None)
