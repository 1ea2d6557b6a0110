"""What single values of a catalog file may look like: each function takes the text as written and returns the
value, or raises a `UsageError` that says what is wrong with it and, as its remedy, how to write it."""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from sretool.core.catalog.oncall import WEEKDAYS
from sretool.core.slo.model import WINDOW, CalendarUnit, time_zone
from sretool.errors import UsageError, Wrong
from sretool.units import parse_duration, parse_ratio, parse_time

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_STRING = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`'
_MATCHER = rf"\s*[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=~|!~|!=|=)\s*(?:{_STRING})\s*"
_MATCHERS = re.compile(rf"{_MATCHER}(?:,{_MATCHER})*,?\s*")
_SELECTOR = re.compile(rf"(?P<name>{_NAME})?\s*(?:\{{(?P<matchers>.*)\}})?", re.DOTALL)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_DIGITS = 30
"""More places than any quantity of a catalog has, before or behind the point."""
_WITHOUT_MEANING = re.compile(rf"{_STRING}|#[^\n]*", re.DOTALL)


def text(raw: str) -> str:
    """Any text that says something."""
    if not raw.strip():
        raise UsageError("is empty")
    return raw.strip()


def identifier(raw: str) -> str:
    """`"sre-team"`: small letters, digits, dot, dash, underscore."""
    if not _ID.fullmatch(raw):
        raise UsageError(
            f"{raw!r} is not an id", remedy="use small letters, digits, dots, dashes and underscores"
        )
    return raw


def slo_id(raw: str) -> str:
    """`"service/name"`."""
    service, slash, name = raw.partition("/")
    if not (slash and _ID.fullmatch(service) and _ID.fullmatch(name)):
        raise UsageError(f"{raw!r} is not an SLO's id", remedy="write it like shop/availability")
    return raw


def objective(raw: str) -> Decimal:
    """`"99.9%"` or `"0.999"`: more than 0, less than 1."""
    try:
        value = ratio(raw)
    except UsageError as error:
        wrong = Wrong.TARGET if error.wrong is Wrong.VALUE else error.wrong
        raise UsageError(error.message, remedy=error.remedy, wrong=wrong) from None
    if value == 1:
        raise UsageError(
            f"{raw!r} leaves no error budget, so the first failure would break it for good",
            remedy="aim below 100%, 99.9% for example",
            wrong=Wrong.TARGET,
        )
    if value == 0:
        raise UsageError(
            f"{raw!r} asks for nothing", remedy="write it like 99.9% or 0.999", wrong=Wrong.TARGET
        )
    return value


def share(raw: str) -> Decimal:
    """A ratio above 0, 1 included."""
    value = ratio(raw)
    if value == 0:
        raise UsageError(f"{raw!r} is nothing", remedy="write it like 2% or 0.02")
    return value


def ratio(raw: str) -> Decimal:
    """A ratio, 0 and 1 included."""
    return _measurable(raw, parse_ratio(raw))


def duration(raw: str) -> timedelta:
    """`"30d"`, `"1h30m"`; longer than nothing."""
    value = _duration(raw)
    if not value:
        raise UsageError(f"{raw!r} is no time at all", remedy="write it like 5m or 30d")
    return value


def window(raw: str) -> timedelta | CalendarUnit:
    """A rolling window, `"30d"`, or a calendar one, `"month"`."""
    if raw.strip() in set(CalendarUnit):
        return CalendarUnit(raw.strip())
    try:
        return duration(raw)
    except UsageError as error:
        units = ", ".join(CalendarUnit)
        raise UsageError(error.message, remedy=f"write it like 30d, or one of {units}") from None


def zone(raw: str) -> str:
    """A name of the time zone database: `"Europe/Berlin"`."""
    try:
        time_zone(raw.strip())
    except (ValueError, OSError, LookupError):
        raise UsageError(f"{raw!r} is no time zone", remedy="write it like Europe/Berlin or UTC") from None
    return raw.strip()


def day(raw: str) -> date:
    """`"2026-01-05"`."""
    try:
        return date.fromisoformat(raw.strip())
    except ValueError:
        raise UsageError(f"{raw!r} is no day", remedy="write it like 2026-01-05") from None


def time_of_day(raw: str) -> time:
    """`"09:00"`."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", raw.strip()):
        raise UsageError(f"{raw!r} is no time of day", remedy='write it like "09:00"')
    return time.fromisoformat(raw.strip())


def weekday(raw: str) -> int:
    """`"monday"` → 0."""
    if raw.strip().lower() not in WEEKDAYS:
        raise UsageError(f"{raw!r} is no day of the week", remedy=f"write one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(raw.strip().lower())


def handover(raw: str) -> tuple[int | None, time]:
    """`"monday 09:00"`, or `"09:00"` for turns that are not whole weeks."""
    on, _, at = raw.strip().rpartition(" ")
    return (weekday(on) if on else None), time_of_day(at)


def moment(raw: str) -> datetime:
    """`"2026-01-31T14:00:00Z"`; UTC where it names no offset."""
    return parse_time(raw.strip())


def duration_or_none(raw: str) -> timedelta:
    """A duration that may be 0: `"0s"`, or just `0`."""
    return _duration("0s" if raw.strip() == "0" else raw)


def _duration(raw: str) -> timedelta:
    try:
        return parse_duration(raw)
    except OverflowError:
        raise UsageError(f"{raw!r} is too long") from None


def number(raw: str) -> Decimal:
    """A plain finite number, exactly as written."""
    try:
        value = Decimal(raw.strip())
    except InvalidOperation:
        raise UsageError(f"{raw!r} is not a number", remedy="write it without a unit, like 0.2") from None
    if not value.is_finite():
        raise UsageError(f"{raw!r} is not a finite number")
    return _measurable(raw, value)


def _measurable(raw: str, value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if value and not (isinstance(exponent, int) and exponent > -_DIGITS and value.adjusted() < _DIGITS):
        raise UsageError(f"{raw!r} has more places than can be measured")
    return value


def positive_number(raw: str) -> Decimal:
    value = number(raw)
    if value <= 0:
        raise UsageError(f"{raw!r} is not above 0")
    return value


def whole(raw: str) -> int:
    try:
        return int(raw)
    except ValueError:
        raise UsageError(f"{raw!r} is not a whole number") from None


def positive_whole(raw: str) -> int:
    value = whole(raw)
    if value <= 0:
        raise UsageError(f"{raw!r} is not above 0")
    return value


def metric_name(raw: str) -> str:
    """A histogram's base name: no labels, no suffix."""
    if not re.fullmatch(_NAME, raw):
        raise UsageError(
            f"{raw!r} is not a metric's name", remedy="give the name alone; labels belong into `matchers`"
        )
    suffix = next((s for s in ("_bucket", "_count", "_sum") if raw.endswith(s)), None)
    if suffix:
        raise UsageError(f"{raw!r} is one series of a histogram", remedy=f"write {raw.removesuffix(suffix)}")
    return raw


def label_name(raw: str) -> str:
    if not _LABEL.fullmatch(raw):
        raise UsageError(f"{raw!r} is not a label's name", remedy="use letters, digits and underscores")
    return raw


def matchers(raw: str) -> str:
    """`route="/a",status=~"5.."`: what stands between a selector's braces."""
    stripped = raw.strip()
    if stripped.startswith("{"):
        raise UsageError(f"{raw!r} has braces", remedy="leave them out")
    if stripped and not _MATCHERS.fullmatch(stripped):
        raise UsageError(f"{raw!r} are not label matchers", remedy='write them like status=~"5..",route="/a"')
    return stripped.rstrip(",")


def label_text(raw: str) -> str:
    """A label's value that routes and queries can name: `"critical"`, `"P1"`."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", raw):
        raise UsageError(f"{raw!r} is no name", remedy="use letters, digits, dots, dashes and underscores")
    return raw


def selector(raw: str) -> str:
    """`http_requests_total{status=~"5.."}`: one set of series, without functions and without a range."""
    stripped = raw.strip()
    bare = _WITHOUT_MEANING.sub('""', stripped)
    if "(" in bare or re.search(r"\s(?:by|or|and|unless)\s|[-+*/]\s", bare):
        raise UsageError(
            f"{raw!r} is an expression; a series selector is wanted",
            remedy='leave out rate() and sum(): http_requests_total{status=~"5.."}',
        )
    if "[" in bare:
        raise UsageError(f"{raw!r} has a range", remedy="leave [...] out: each rule puts in its own window")
    found = _SELECTOR.fullmatch(stripped)
    inside = found["matchers"] if found else None
    named = bool(found and found["name"])
    if not found or not (named or inside) or (inside and not _MATCHERS.fullmatch(inside)):
        raise UsageError(
            f"{raw!r} is not a series selector", remedy='write it like http_requests_total{status=~"5.."}'
        )
    return stripped


def ranged_promql(raw: str) -> str:
    """An expression with `{window}` where the length of its range belongs."""
    expression = promql(raw)
    if WINDOW not in expression:
        raise UsageError(f"has no {WINDOW}", remedy=f"put it where the range belongs: rate(x[{WINDOW}])")
    return expression


def good(raw: str) -> str:
    """A side of a threshold (`below`, `above`), or a series selector."""
    return raw.strip() if raw.strip() in ("below", "above") else selector(raw)


def address(raw: str) -> str:
    """`"https://…"`."""
    if not re.match(r"https?://\S+$", raw.strip()):
        raise UsageError(f"{raw!r} is not an address", remedy="write it like https://grafana.example/d/1")
    return raw.strip()


def promql(raw: str) -> str:
    """An expression whose strings and brackets are closed; whether Prometheus takes it, promtool says."""
    stripped = raw.strip()
    if not stripped:
        raise UsageError("is empty")
    bare = _WITHOUT_MEANING.sub("", stripped)
    if any(quote in bare for quote in "\"'`"):
        raise UsageError("has a string that is not closed")
    open_brackets: list[str] = []
    for char in bare:
        if char in "([{":
            open_brackets.append(char)
        elif char in _BRACKETS and (not open_brackets or open_brackets.pop() != _BRACKETS[char]):
            raise UsageError(f"has a {char!r} that nothing opens")
    if open_brackets:
        raise UsageError(f"has a {open_brackets[-1]!r} that nothing closes")
    return stripped
