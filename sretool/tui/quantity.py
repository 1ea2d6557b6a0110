"""Values with their units as they stand in a cell: short, never more exact than they are, right in size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.tui import format as fmt

if TYPE_CHECKING:
    from collections.abc import Callable

_EACH = {"per_s": "/s", "per_min": "/min", "per_h": "/h", "per_day": "/d"}

UNIT_WORDS = {
    "ratio": "%",
    "s": "s",
    "ms": "ms",
    "per_s": "1/s",
    "per_min": "1/min",
    "per_h": "1/h",
    "per_day": "1/d",
    "count": "count",
    "bytes": "bytes",
    "bytes_per_s": "bytes/s",
    "state": "state",
    "score": "score",
    "money": "money",
}
"""For the heading of a panel."""


def quantity(value: float | None, unit: str, currency: str | None = None) -> str:
    """`96.8%`, `388ms`, `412/s`, `1.2GiB`; `-` without a value."""
    if value is None:
        return fmt.NONE
    match unit:
        case "ratio":
            return share(value)
        case "s":
            return seconds(value)
        case "ms":
            return seconds(value / 1000)
        case "bytes":
            return size(value)
        case "bytes_per_s":
            return f"{size(value)}/s"
        case "money":
            return f"{currency or ''} {number(value)}".strip()
        case "state":
            return f"{value:g}"
    return number(value) + _EACH.get(unit, "")


def of_unit(unit: str, currency: str | None = None) -> Callable[[float], str]:
    """For the axis of a chart."""
    return lambda value: quantity(value, unit, currency)


def share(value: float) -> str:
    """A share as percent. Near 0 and near 100 the digits that differ are kept: `0.02%`, `99.97%`."""
    percent = value * 100
    if percent == 0:
        return "0%"
    if abs(percent) < 1:
        return fmt.ratio_percent(value)
    if 99 <= percent < 100:
        digits = 1 if percent < 99.9 else 2 if percent < 99.99 else 3
        text = f"{percent:.{digits}f}"
        # Rounding must not turn what fails into 100.
        return "99.999%" if text.startswith("100") else f"{text}%"
    return f"{percent:.1f}%" if abs(percent) < 10 and percent != int(percent) else f"{percent:.0f}%"


def success(value: float | None) -> str:
    """A share that should be near 1, with a digit that tells 96.8 % from 97.4 %."""
    if value is None:
        return fmt.NONE
    return share(value) if value >= 0.99 else f"{value * 100:.1f}%"


def seconds(value: float) -> str:
    """`0s`, `18us`, `0.4ms`, `388ms`, `1.2s`, `4m10s`, `3h05m`."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    if value == 0:
        return "0s"
    if value < 0.0001:
        return f"{sign}{value * 1e6:.0f}us"
    if value < 0.0095:
        return f"{sign}{value * 1000:.1f}".removesuffix(".0") + "ms"
    if value < 0.9995:
        return f"{sign}{value * 1000:.0f}ms"
    if value < 60:
        return (f"{sign}{value:.1f}".removesuffix(".0") if value < 9.95 else f"{sign}{value:.0f}") + "s"
    if value < 3600:
        return f"{sign}{int(value // 60)}m{int(value % 60):02d}s"
    if value < 172800:
        return f"{sign}{int(value // 3600)}h{int(value % 3600 // 60):02d}m"
    return f"{sign}{value / 86400:.0f}d"


def size(value: float) -> str:
    """Bytes by powers of 1024: `812B`, `1.2MiB`."""
    amount = abs(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    text = f"{amount:.0f}" if unit == "B" or amount >= 100 else f"{amount:.1f}"
    return f"{'-' if value < 0 else ''}{text}{unit}"


def number(value: float) -> str:
    """`0.04`, `2.5`, `212`, `1,200`, `131k`, `2.4M`."""
    amount = abs(value)
    for least, unit_size, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e5, 1e3, "k")):
        if amount >= least:
            return (
                f"{value / unit_size:.1f}{unit}"
                if amount < 1e2 * unit_size
                else f"{value / unit_size:.0f}{unit}"
            )
    if value == int(value):
        return f"{int(value):,}"
    if amount >= 99.5:
        return f"{value:,.0f}"
    if amount >= 9.95:
        return f"{value:.0f}" if amount >= 20 else f"{value:.1f}"
    return f"{value:.2g}" if amount >= 0.01 else f"{value:.1g}"


def change(value: float | None, before: float | None, *, least: float = 0.03) -> str:
    """How much more than before: `+12%`, `-30%`, `x31`, `to 0`, `same`; `-` where either is not known."""
    if value is None or before is None:
        return fmt.NONE
    if before == 0:
        return "same" if value == 0 else "new"
    if value == 0:
        return "to 0"
    ratio = value / before
    if ratio >= 2.95:
        return f"x{ratio:.0f}"
    percent = round((ratio - 1) * 100)
    return "same" if abs(ratio - 1) < least else f"{percent:+d}%"
