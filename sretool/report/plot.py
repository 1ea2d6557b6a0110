"""One picture with axes, as SVG that needs no script; colours come from the page's classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

WIDTH: Final = 860
LEFT: Final = 58
"""Room for the axis labels."""
RIGHT: Final = 18
TOP: Final = 20
"""Room for the names of phases."""
BOTTOM: Final = 20
_LABEL: Final = 6.0
"""Width of a sign of a label."""


class Picture(NamedTuple):
    title: str
    svg: Markup
    legend: tuple[tuple[str, str], ...] = ()
    """(class of the line, what it is)."""


class Plot:
    """`x` and `y` as they are given; parts are drawn in the order of the calls."""

    def __init__(
        self,
        title: str,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        height: int = 150,
        log: bool = False,
        log_x: bool = False,
    ) -> None:
        self._title = title
        self._x = x if x[1] > x[0] else (x[0], x[0] + 1)
        self._y = y if y[1] > y[0] else (y[0], y[0] + 1)
        self._height = height
        self._log = log
        self._log_x = log_x
        self._parts: list[str] = []
        self._named = 0.0
        """Where the last name above the picture ended."""

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * _place(value, self._x, log=self._log_x)

    def y(self, value: float) -> float:
        return TOP + self._height * (1 - _place(value, self._y, log=self._log))

    @property
    def _base(self) -> int:
        return TOP + self._height

    def axis_y(self, label: Callable[[float], str]) -> None:
        """Lines across at round values."""
        for value in decades(*self._y) if self._log else steps(*self._y):
            y = self.y(value)
            self._parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
                f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" class="axis right">{escape(label(value))}</text>'
            )

    def axis_x(self, values: Iterable[float], label: Callable[[float], str]) -> None:
        for value in values:
            x = self.x(value)
            self._parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self._base}" y2="{self._base + 4}" class="tick"/>'
                f'<text x="{x:.1f}" y="{self._base + 15}" class="axis">{escape(label(value))}</text>'
            )

    def shade(self, begin: float, end: float, kind: str, name: str = "") -> None:
        """A stretch of `x` from bottom to top; its name stands above where there is room for it."""
        left, right = self.x(begin), self.x(end)
        self._parts.append(
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(right - left, 1):.1f}" height="{self._height}"'
            f' class="{kind}"/>'
        )
        if len(name) * _LABEL < right - left:
            self._parts.append(f'<text x="{left + 3:.1f}" y="{TOP - 6}" class="phase">{escape(name)}</text>')

    def mark(self, x: float, kind: str, text: str) -> None:
        """A line from bottom to top that says what happened when it is pointed at."""
        at = self.x(x)
        self._parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{self._base}" class="{kind}">'
            f"<title>{escape(text)}</title></line>"
        )

    def name(self, x: float, text: str) -> None:
        """Above the picture; left out where it would touch the one before."""
        at = self.x(x)
        width = len(text) * _LABEL
        if at - width / 2 > self._named:
            self._parts.append(f'<text x="{at:.1f}" y="{TOP - 6}" class="axis">{escape(text)}</text>')
            self._named = at + width / 2

    def limit(self, y: float, text: str) -> None:
        """A line across that something is not to pass."""
        if not self._y[0] <= y <= self._y[1]:
            return
        at = self.y(y)
        self._parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="limit"/>'
            f'<text x="{WIDTH - RIGHT - 2}" y="{at - 4:.1f}" class="limit-name">{escape(text)}</text>'
        )

    def line(self, points: Sequence[tuple[float, float | None]], kind: str, gap: float = math.inf) -> None:
        """Broken where nothing is known, and where two points are further apart than `gap`."""
        for stretch in stretches(points, gap):
            if len(stretch) == 1:
                (x, y) = stretch[0]
                self._parts.append(
                    f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="1.6" class="{kind} point"/>'
                )
                continue
            self._parts.append(f'<polyline points="{self._drawn(stretch)}" class="{kind}"/>')

    def band(
        self,
        points: Sequence[tuple[float, tuple[float, float] | None]],
        kind: str,
        gap: float = math.inf,
    ) -> None:
        """Filled between two values at each x."""
        for stretch in stretches(points, gap):
            low = [(x, each[0]) for x, each in stretch]
            high = [(x, each[1]) for x, each in reversed(stretch)]
            self._parts.append(f'<polygon points="{self._drawn([*low, *high])}" class="{kind}"/>')

    def bar(self, begin: float, end: float, y: float, kind: str, text: str = "") -> None:
        """From the bottom to `y`."""
        left, right, top = self.x(begin), self.x(end), self.y(y)
        said = f"<title>{escape(text)}</title>" if text else ""
        self._parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 0.6, 0.6):.1f}"'
            f' height="{max(self._base - top, 0.6):.1f}" class="{kind}">{said}</rect>'
        )

    def point(self, x: float, y: float, kind: str, text: str) -> None:
        self._parts.append(
            f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3.5" class="{kind}">'
            f"<title>{escape(text)}</title></circle>"
        )

    def hint(self, begin: float, end: float, text: str) -> None:
        """What is said where somebody points between two x."""
        left, right = self.x(begin), self.x(end)
        self._parts.append(
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(right - left, 1):.1f}" height="{self._height}"'
            f' class="hint"><title>{escape(text)}</title></rect>'
        )

    def svg(self) -> Markup:
        total = TOP + self._height + BOTTOM
        return Markup(
            f'<svg viewBox="0 0 {WIDTH} {total}" role="img" class="chart"><title>{escape(self._title)}'
            f"</title>{''.join(self._parts)}"
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self._base}" y2="{self._base}" class="base"/></svg>'
        )

    def _drawn(self, points: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)


def _place(value: float, within: tuple[float, float], *, log: bool) -> float:
    """0..1; what lies outside stands at the edge."""
    low, high = within
    if log:
        value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
    return min(max((value - low) / (high - low), 0.0), 1.0)


def stretches(points: Sequence[tuple[float, T | None]], gap: float = math.inf) -> list[list[tuple[float, T]]]:
    """Neighbours that are known and no further apart than `gap`."""
    found: list[list[tuple[float, T]]] = []
    last = -math.inf
    for x, value in points:
        if value is None:
            last = -math.inf
            continue
        if x - last > gap or last == -math.inf:
            found.append([])
        found[-1].append((x, value))
        last = x
    return found


def steps(low: float, high: float, most: int = 5) -> list[float]:
    """Round values within a range, `most` at most."""
    raw = (high - low) / most
    power = 10 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    size = next(power * each for each in (1, 2, 5, 10) if power * each >= raw * (1 - 1e-9))
    first = math.ceil(low / size - 1e-9)
    return [number * size for number in range(first, math.floor(high / size + 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 10, 100, … within a range, with 2 and 5 between where those are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    parts = (1, 2, 5) if math.log10(high / low) < 2.2 else (1, 3) if math.log10(high / low) < 3.2 else (1,)
    values = [part * 10.0**power for power in range(first, last + 1) for part in parts]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


_SPANS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds."""


def moments(low: float, high: float, most: int = 9) -> list[float]:
    """Round times of the clock within a range of seconds."""
    days = 86400 * math.ceil((high - low) / most / 86400)
    size = next((span for span in _SPANS if (high - low) / span <= most), days)
    return [float(number * size) for number in range(math.ceil(low / size), math.floor(high / size) + 1)]
