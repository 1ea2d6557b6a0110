"""Which resource was at its end first while a load grew: CPU, memory, connections, a pool, a disk.

Each resource of the catalog has a line: the lowest of its thresholds, or nine tenths of what there is. What
crosses its line first is the likely bottleneck; where nothing does, what came nearest is named, and that it
did not reach its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.catalog.model import Bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sretool.core.catalog.model import Threshold
    from sretool.core.catalog.watched import Watched
    from sretool.core.observe.model import Series

FULL: Final = 0.9
"""Share of what there is, where the catalog has no threshold of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that can be used up, and from where on it counts as used up."""

    title: str
    """`PostgreSQL connections`, `app CPU`."""
    expr: str
    limit: str | float | None
    """PromQL or number that the values are shares of; None: they are shares, or in the unit of `line`."""
    by: tuple[str, ...]
    line: float


@dataclass(frozen=True, slots=True)
class Course:
    """What became of one of them."""

    title: str
    line: float
    points: tuple[tuple[datetime, float], ...]
    """In the unit of `line`, oldest first."""


@dataclass(frozen=True, slots=True)
class Reached:
    title: str
    line: float
    most: float
    """The highest value, in the unit of the line."""
    at: datetime | None
    """When it first was beyond its line; None: it never was."""
    before: bool = False
    """Whether it was beyond it from the beginning: then the load is not why."""


def lines(watched: Watched) -> tuple[Line, ...]:
    """What of a catalog can be used up, and how that is measured."""
    found: list[Line] = []
    for resource in watched.resources:
        for measure in resource.utilisation:
            line = _line(measure.thresholds) or FULL
            found.append(Line(f"{resource.title} {measure.title}", measure.expr, None, resource.by, line))
        for measure in resource.saturation:
            waiting = _line(measure.thresholds)
            if waiting is not None:
                title = f"{resource.title} {measure.title}"
                found.append(Line(title, measure.expr, None, resource.by, waiting))
    for headroom in watched.headroom:
        if headroom.used is not None and headroom.limit is not None:
            line = _line(headroom.thresholds) or FULL
            found.append(Line(headroom.title, headroom.used, headroom.limit, headroom.by, line))
    return tuple(found)


def courses(line: Line, used: Sequence[Series], limits: Sequence[Series]) -> tuple[Course, ...]:
    """One for each combination of its labels; values become shares where it has a limit."""
    tops = {_group(line.by, series.labels): dict(series.points) for series in limits}
    common = tops.get(tuple("" for _ in line.by))
    found: list[Course] = []
    for series in used:
        group = _group(line.by, series.labels)
        points = series.points
        if isinstance(line.limit, float):
            points = tuple((at, value / line.limit) for at, value in points) if line.limit else ()
        elif line.limit is not None:
            top = tops.get(group, common) or {}
            points = tuple((at, value / top[at]) for at, value in points if top.get(at))
        found.append(Course(" ".join(filter(None, (line.title, *group))), line.line, points))
    return tuple(found)


def reached(found: Iterable[Course]) -> tuple[Reached, ...]:
    """The first to cross its line first; those that never did after them, the nearest first."""
    results: list[Reached] = []
    for course in found:
        if not course.points:
            continue
        over = next((at for at, value in course.points if value >= course.line), None)
        most = max(value for _, value in course.points)
        results.append(Reached(course.title, course.line, most, over, over == course.points[0][0]))
    crossed = [each for each in results if each.at is not None]
    crossed.sort(key=lambda each: (each.before, each.at, -each.most / (each.line or 1)))
    nearest = sorted(
        (each for each in results if each.at is None), key=lambda each: -each.most / (each.line or 1)
    )
    return (*crossed, *nearest)


def _line(thresholds: Iterable[Threshold]) -> float | None:
    """The lowest from which on more is worse."""
    return min((each.value for each in thresholds if each.bound is Bound.ABOVE), default=None)


def _group(by: Sequence[str], labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in by)
