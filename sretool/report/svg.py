"""Small pictures for reports, as SVG that needs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sretool.core.observe.month import MonthOfSlo, Period

    _Scale = Callable[[datetime], float]
    _Level = Callable[[float], float]

_WIDTH: Final = 720
_LEFT: Final = 44
"""Room for the axis labels."""
_TOP: Final = 18
"""Room for the numbers of incidents."""
_HEIGHT: Final = 120
"""Of the burn-down itself."""
_BARS: Final = 34
"""Height of the bars of days below it."""
_GAP: Final = 22


def burn_down(found: MonthOfSlo) -> Markup:
    """The month's budget as a line from 100 % down, incidents shaded and numbered; bad share a day below."""
    period = found.period
    lowest = min((left for _, left in found.burn_down), default=0.0)
    bottom = min(lowest, 0.0)
    total = _TOP + _HEIGHT + _GAP + _BARS + 16

    def x(at: datetime) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * ((at - period.start) / (period.end - period.start))

    def y(left: float) -> float:
        return _TOP + _HEIGHT * (1 - left) / (1 - bottom)

    parts = [
        *_shades(found, x),
        *_budget_axis(bottom, y),
        *_days(period, x),
        *_line(found.burn_down, x, y),
        *_bars(found, x, _TOP + _HEIGHT + _GAP),
    ]
    title = escape(f"Error budget of {found.slo.title or found.slo.id} through the month")
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH} {total}" role="img" class="chart"><title>{title}</title>'
        + "".join(parts)
        + "</svg>"
    )


def gauge(left: float) -> Markup:
    """A bar with what is left of a budget; all red where it is overspent."""
    width = 100 * min(max(left, 0.0), 1.0)
    kind = "spent" if left < 0 else "low" if left < 0.25 else "good"
    return Markup(
        '<svg viewBox="0 0 100 8" class="gauge" aria-hidden="true" preserveAspectRatio="none">'
        f'<rect width="100" height="8" rx="2" class="{"over" if left < 0 else "track"}"/>'
        f'<rect width="{width:.1f}" height="8" rx="2" class="{kind}"/></svg>'
    )


def _shades(found: MonthOfSlo, x: _Scale) -> Iterator[str]:
    if found.ledger is None:
        return
    number = 0
    for entry in found.ledger.entries:
        if entry.start is None or entry.end is None:
            continue
        number += 1
        left, right = x(entry.start), x(entry.end)
        width = max(right - left, 3.0)
        yield (
            f'<rect x="{left:.1f}" y="{_TOP}" width="{width:.1f}" height="{_HEIGHT}"'
            f' class="shade {entry.kind}"/>'
            f'<text x="{left + width / 2:.1f}" y="{_TOP - 5}" class="number">{number}</text>'
        )


def _budget_axis(bottom: float, y: _Level) -> Iterator[str]:
    marks = [1.0, 0.5, 0.0, *([bottom] if bottom < -0.2 else [])]
    for left in marks:
        kind = "zero" if left == 0 else "grid"
        yield (
            f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y(left):.1f}" y2="{y(left):.1f}" class="{kind}"/>'
            f'<text x="{_LEFT - 5}" y="{y(left) + 3.5:.1f}" class="axis right">{left:.0%}</text>'
        )


def _days(period: Period, x: _Scale) -> Iterator[str]:
    for number, at in enumerate(period.midnights):
        day = period.local(at)
        if day.weekday() == 0 or (number == 0 and day.weekday() < 5):
            yield (
                f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{_TOP}" y2="{_TOP + _HEIGHT}" class="grid"/>'
                f'<text x="{x(at):.1f}" y="{_TOP + _HEIGHT + 13}" class="axis">{day.day} {day:%b}</text>'
            )


def _line(points: Sequence[tuple[datetime, float]], x: _Scale, y: _Level) -> Iterator[str]:
    if not points:
        return
    first = f"{x(points[0][0]):.1f},{y(1.0):.1f}"
    drawn = " ".join(f"{x(at):.1f},{y(left):.1f}" for at, left in points)
    yield f'<polyline points="{first} {drawn}" class="line"/>'
    at, left = points[-1]
    yield f'<circle cx="{x(at):.1f}" cy="{y(left):.1f}" r="3" class="dot"/>'


def _bars(found: MonthOfSlo, x: _Scale, top: float) -> Iterator[str]:
    """Bad share of each day, against what the objective allows: above it they are red, cut at three times."""
    allowed = float(found.slo.budget)
    shares = [(day, 1 - day.sli) for day in found.days if day.sli is not None]
    most = min(max([allowed * 1.5, *(share for _, share in shares)]), allowed * 3)
    base = top + _BARS
    limit = base - _BARS * allowed / most
    for day, share in shares:
        height = min(max(_BARS * share / most, 0.6), _BARS)
        kind = "bad" if share > allowed else "ok"
        width = max(x(day.end) - x(day.start) - 2, 1)
        yield (
            f'<rect x="{x(day.start) + 1:.1f}" y="{base - height:.1f}" width="{width:.1f}"'
            f' height="{height:.1f}" class="day {kind}"/>'
        )
    yield (
        f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{limit:.1f}" y2="{limit:.1f}" class="limit"/>'
        f'<text x="{_LEFT - 5}" y="{limit + 3.5:.1f}" class="axis right">{allowed * 100:.4g}%</text>'
    )
