"""What a screen beside the SLOs asks a Prometheus: many expressions in few requests, and whose answer is it.

An expression is its own name: whoever shows a value asks the answers for the PromQL it stands for. Several
are joined to one query by a label that numbers them, so a dozen panels cost one request. Nothing here knows
what the values mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from sretool.core.observe.model import Sample, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_T = TypeVar("_T")

PANEL: Final = "__panel"
"""Label that says which of the joined expressions a value is of."""

QUERY_LENGTH: Final = 14_000
"""Characters of a joined query; some stores take 16 KiB."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time at which a curve is looked at."""

    over: timedelta
    step: timedelta
    back: timedelta = timedelta()
    """How long ago it ends; what ended in the past is asked again only now and then."""
    until: datetime | None = None
    """A fixed end; None: now, or `back` before it."""

    @property
    def live(self) -> bool:
        """Whether it ends now, so that new points are only added."""
        return self.until is None and not self.back

    def end(self, now: datetime) -> datetime:
        """On a whole step, so that points of later requests fall between those of earlier ones."""
        return floor((self.until or now) - self.back, self.step)

    def start(self, now: datetime) -> datetime:
        return self.end(now) - self.over


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything one screen wants to know."""

    now: tuple[str, ...] = ()
    """PromQL of present values."""
    past: tuple[tuple[str, Span], ...] = ()
    """PromQL of curves."""

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted(unique((*self.now, *other.now)), unique((*self.past, *other.past)))


@dataclass(frozen=True, slots=True)
class Found:
    """The present value of one expression."""

    samples: tuple[Sample, ...] = ()
    at: datetime | None = None
    """When it was answered; None: never."""
    error: str | None = None
    """Why the last request failed for this expression alone; None where it did not."""


@dataclass(frozen=True, slots=True)
class Track:
    """One curve, or one for each label set."""

    series: tuple[Series, ...] = ()
    until: datetime | None = None
    """Up to where it is known, on a whole step; None: never answered."""
    at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What is known of everything that was asked so far, however old."""

    found: Mapping[str, Found] = field(default_factory=dict)
    tracks: Mapping[tuple[str, Span], Track] = field(default_factory=dict)
    error: str | None = None
    """Why the source as a whole did not answer; None where it did."""
    requests: int = 0
    """Sent for the newest refresh."""

    def now(self, expr: str) -> Found:
        return self.found.get(expr, Found())

    def track(self, expr: str, span: Span) -> Track:
        return self.tracks.get((expr, span), Track())


def joined(exprs: Sequence[str]) -> str:
    """One query for all of them."""
    # The line's end closes a comment that an expression may end with.
    return " or ".join(
        f'label_replace((\n{expr}\n), "{PANEL}", "{number}", "", "")' for number, expr in enumerate(exprs)
    )


def portions(exprs: Iterable[str]) -> list[tuple[str, ...]]:
    """The expressions in as few portions as queries of `QUERY_LENGTH` allow; a longer one stands alone."""
    found: list[list[str]] = []
    size = 0
    for expr in exprs:
        length = len(expr) + 50
        if not found or size + length > QUERY_LENGTH:
            found.append([])
            size = 0
        found[-1].append(expr)
        size += length
    return [tuple(portion) for portion in found]


def halves(exprs: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    middle = len(exprs) // 2
    return exprs[:middle], exprs[middle:]


def apart(exprs: Sequence[str], samples: Iterable[Sample]) -> dict[str, tuple[Sample, ...]]:
    """The values of a joined query by expression, without the label that joined them."""
    found: dict[str, list[Sample]] = {expr: [] for expr in exprs}
    for sample in samples:
        number = sample.labels.get(PANEL, "")
        if number.isdigit() and int(number) < len(exprs):
            found[exprs[int(number)]].append(Sample(_without(sample.labels), sample.at, sample.value))
    return {expr: tuple(values) for expr, values in found.items()}


def tracks_apart(exprs: Sequence[str], series: Iterable[Series]) -> dict[str, tuple[Series, ...]]:
    """As `apart`, of a query over a span."""
    found: dict[str, list[Series]] = {expr: [] for expr in exprs}
    for each in series:
        number = each.labels.get(PANEL, "")
        if number.isdigit() and int(number) < len(exprs):
            found[exprs[int(number)]].append(Series(_without(each.labels), each.points))
    return {expr: tuple(values) for expr, values in found.items()}


def continued(known: Sequence[Series], new: Sequence[Series], start: datetime) -> tuple[Series, ...]:
    """`known` with the points of `new` behind its own, from `start` on; series of which none is left go."""
    points = {_identity(series.labels): (series.labels, series.points) for series in known}
    for series in new:
        key = _identity(series.labels)
        before = points.get(key, (series.labels, ()))[1]
        last = before[-1][0] if before else None
        more = tuple(point for point in series.points if last is None or point[0] > last)
        points[key] = (series.labels, before + more)
    kept = (
        Series(labels, tuple(point for point in every if point[0] >= start))
        for labels, every in points.values()
    )
    return tuple(series for series in kept if series.points)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The last whole step, counted from the epoch."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def unique(items: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(items))


def _without(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != PANEL}


def _identity(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())
