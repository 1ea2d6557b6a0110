"""Reading and printing quantities: durations, ratios, times.

Inside the program a duration is a `timedelta`, a ratio a number from 0 to 1 and an instant an aware UTC
`datetime`; the text forms of this module live at the edges only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from sretool.errors import UsageError, Wrong

_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION = re.compile(r"(?:(\d+)(ms|[smhdwy]))")


def parse_duration(text: str) -> timedelta:
    """`"1h30m"` → 5400 s: Prometheus's notation, largest unit first; UsageError where it is not."""
    stripped = text.strip()
    parts = _DURATION.findall(stripped)
    if not parts or "".join(n + u for n, u in parts) != stripped:
        raise UsageError(f"{text!r} is not a duration", remedy="write it like 30s, 5m, 1h30m or 30d")
    sizes = [_UNIT_SECONDS[unit] for _, unit in parts]
    if sizes != sorted(set(sizes), reverse=True):
        raise UsageError(f"{text!r} is not a duration: units go from large to small, each once")
    try:
        return timedelta(seconds=sum(int(n) * _UNIT_SECONDS[unit] for n, unit in parts))
    except (OverflowError, ValueError):
        # Python neither knows so long a time nor reads a number of thousands of digits.
        raise UsageError("a duration is longer than time is known", remedy="write it like 30d") from None


def format_duration(duration: timedelta) -> str:
    """The shortest Prometheus notation: 90 min → `"1h30m"`, 30 days → `"30d"`, 0 → `"0s"`."""
    millis = round(duration / timedelta(milliseconds=1))
    if millis < 0:
        return "-" + format_duration(-duration)
    if millis == 0:
        return "0s"
    out = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, millis = divmod(millis, size)
        if count:
            out += f"{count}{unit}"
    return out


def parse_ratio(text: str | int | float | Decimal) -> Decimal:
    """`"99.9%"` or `0.999` → Decimal("0.999"), exactly as written; UsageError outside 0..1."""
    raw = str(text).strip()
    percent = raw.endswith("%")
    try:
        value = Decimal(raw.removesuffix("%").strip())
    except InvalidOperation:
        raise UsageError(f"{text!r} is not a ratio", remedy="write it like 0.999 or 99.9%") from None
    if percent:
        value = value / 100
    if not value.is_finite() or not 0 <= value <= 1:
        meant_percent = not percent and value.is_finite() and 1 < value <= 100
        remedy = f"did you mean {raw}%?" if meant_percent else "write it like 0.999 or 99.9%"
        wrong = Wrong.MIXED_UP if meant_percent else Wrong.VALUE
        raise UsageError(f"{text!r} is not a ratio between 0 and 1", remedy=remedy, wrong=wrong)
    return value.normalize()


def format_decimal(value: Decimal) -> str:
    """The shortest exact decimal without an exponent: Decimal("0.0010") → `"0.001"`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_time(text: str) -> datetime:
    """RFC 3339 or seconds since the epoch → aware UTC; UsageError where it is neither."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a time", remedy="write it like 2026-01-31T14:00:00Z") from None


def format_time(moment: datetime) -> str:
    """RFC 3339 UTC with whole seconds: `"2026-01-31T14:00:00Z"`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
