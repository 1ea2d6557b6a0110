"""Measured values as people say them; programs get the numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sretool.units import format_duration

NONE: Final = "-"
"""Stands where there is no data; never 0."""


def value_words(value: float | str | None, unit: str, digits: int = 0) -> str:
    """`99.62%`, `410ms`, `1.2s`, `120/s`; with `digits` latencies have so many significant ones."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if unit == "ratio":
        return f"{value * 100:.4g}%"
    if unit == "s":
        return seconds_words(value, digits)
    if unit == "1/s":
        return f"{number_words(value)}/s"
    return f"{number_words(value)}{unit}"


def seconds_words(seconds: float | None, digits: int = 0) -> str:
    """`0.05ms`, `8.1ms`, `410ms`, `1.68s`, `2m5s`; with `digits` so many significant ones: `410.3ms`."""
    if seconds is None:
        return NONE
    if seconds >= 120:
        return format_duration(timedelta(seconds=round(seconds)))
    millis = seconds * 1000
    # What would be rounded to 1000ms is a second.
    if seconds >= 1 or float(f"{millis:.{digits or 3}g}") >= 1000:
        return f"{_significant(seconds, digits or 3)}s"
    if digits:
        return f"{_significant(millis, digits)}ms"
    return f"{millis:.0f}ms" if millis >= 9.95 else f"{millis:.1f}ms" if millis >= 1 else f"{millis:.2g}ms"


def _significant(value: float, digits: int) -> str:
    """Without an exponent, however large or small."""
    text = f"{value:.{digits}g}"
    return f"{float(text):f}".rstrip("0").rstrip(".") if "e" in text else text


def number_words(value: float) -> str:
    """Four digits of it, or all before the point: `0.25`, `97.54`, `23,287`."""
    return count_words(value) if abs(value) >= 999.5 else f"{value:.4g}"


def count_words(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"


def share_words(share: float | None) -> str:
    """`0%`, `0.004%`, `1.96%`: what is not nothing is never shown as nothing."""
    if share is None:
        return NONE
    percent = share * 100
    if percent == 0:
        return "0%"
    if percent < 0.001:
        return "<0.001%"
    return f"{percent:.2f}%" if percent >= 0.01 else f"{percent:.3f}%"


def clock_words(seconds: float) -> str:
    """`04:12`, `1:04:12`: a time since the run began."""
    whole = max(int(seconds), 0)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"
