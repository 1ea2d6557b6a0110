"""Which stretch of time the charts show, what it is compared with, and where the cursor stands.

Pure: whoever calls says what time it is. A live window ends now, whenever that is; one that was moved stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from sretool.core.observe.questions import Span, floor
from sretool.errors import UsageError
from sretool.tui import format as fmt
from sretool.tui.words import later, tr
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

PRESETS: Final = (15 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY)
"""Offered by name; zooming goes through them and some between."""

_ZOOMS: Final = (
    5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 3 * _DAY,
    7 * _DAY, 14 * _DAY, 30 * _DAY, 90 * _DAY,
)  # fmt: skip
_SHORTEST: Final = _MINUTE
_LONGEST: Final = 400 * _DAY

_STEPS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
)
MOST_POINTS: Final = 10_000
"""Of one series in one answer; Prometheus refuses more than 11,000."""


class Compare(Enum):
    """What a chart is compared with: the same stretch so much earlier."""

    NONE = None
    HOUR = _HOUR
    DAY = _DAY
    WEEK = 7 * _DAY

    @property
    def back(self) -> timedelta:
        return self.value or timedelta()

    @property
    def words(self) -> str:
        return tr(_AGO[self])


_AGO: Final = {
    Compare.NONE: "",
    Compare.HOUR: later("1 hour ago"),
    Compare.DAY: later("1 day ago"),
    Compare.WEEK: later("1 week ago"),
}


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A stretch of time that ends now or at a fixed moment."""

    span: timedelta = 6 * _HOUR
    end: datetime | None = None
    """None: live."""

    @property
    def live(self) -> bool:
        return self.end is None

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        end = self.end or now
        return end - self.span, end

    def pan(self, halves: int, now: datetime) -> TimeWindow:
        """So many half spans later, or earlier; what would reach beyond now is live."""
        return self._ending((self.end or now) + halves * self.span / 2, now)

    def zoom(self, closer: int, now: datetime, around: datetime | None = None) -> TimeWindow:
        """The next shorter span (1) or longer one (-1); one that stands keeps `around`, or its middle."""
        if closer > 0:
            span = next((zoom for zoom in reversed(_ZOOMS) if zoom < self.span), self.span)
        else:
            span = next((zoom for zoom in _ZOOMS if zoom > self.span), self.span)
        if self.end is None and around is None:
            return replace(self, span=span)
        start, end = self.bounds(now)
        middle = around or start + self.span / 2
        share = (end - middle) / self.span if self.span else 0.5
        return replace(self, span=span)._ending(middle + span * share, now)

    def _ending(self, end: datetime, now: datetime) -> TimeWindow:
        return replace(self, end=None if end >= now else end)

    def asked(self, columns: int, *, least: timedelta = _MINUTE, back: timedelta = timedelta()) -> Span:
        """What to ask for to have about a point for each of `columns`; `back`: that much earlier."""
        return Span(self.span, step_for(self.span, columns, least), back, self.end)

    def words(self, *, local: bool) -> str:
        """`6h live`, `1 Nov 03:00Z +2h`."""
        span = format_duration(self.span)
        if self.end is None:
            return f"{span} {tr('live')}"
        return f"{moment_words(self.end - self.span, local=local)} +{span}"


def step_for(span: timedelta, columns: int, least: timedelta = _STEPS[0]) -> timedelta:
    """The finest round step that gives at most two points a column, and never more than are answered."""
    most = min(max(columns, 1) * 2, MOST_POINTS)
    fitting = (step for step in _STEPS if step >= least and span / step <= most)
    return next(fitting, max(_STEPS[-1], floor_up(span / most)))


def floor_up(span: timedelta) -> timedelta:
    """In whole days, rounded up."""
    return -(-span // _DAY) * _DAY


def moment_words(moment: datetime, *, local: bool) -> str:
    """`1 Nov 03:00Z`, with seconds where they are not zero."""
    shown = moment.astimezone() if local else moment.astimezone(UTC)
    return f"{shown.day} {shown:%b} {fmt.clock(moment, local=local, seconds=shown.second != 0)}"


@dataclass(slots=True)
class Timeline:
    """What all charts of the program have in common; changed by keys, asked by whoever draws."""

    window: TimeWindow = TimeWindow()
    compare: Compare = Compare.NONE
    cursor: datetime | None = None
    """The moment the inspect cursor stands on; None: there is no cursor."""

    def pan(self, halves: int, now: datetime) -> None:
        self.window = self.window.pan(halves, now)
        self._keep_cursor(now)

    def zoom(self, closer: int, now: datetime) -> None:
        self.window = self.window.zoom(closer, now, self.cursor)
        self._keep_cursor(now)

    def reset(self) -> None:
        """Back to now; the span stays."""
        self.window = replace(self.window, end=None)
        self.cursor = None

    def go(self, text: str, now: datetime, *, local: bool = False) -> None:
        """As `:t` says; UsageError where it cannot be read."""
        self.window = parse_window(text, self.window, now, zone=None if local else UTC)
        self._keep_cursor(now)

    def next_comparison(self) -> None:
        every = list(Compare)
        self.compare = every[(every.index(self.compare) + 1) % len(every)]

    def toggle_cursor(self, now: datetime) -> None:
        self.cursor = floor(self.window.bounds(now)[1], _MINUTE) if self.cursor is None else None

    def move_cursor(self, steps: int, step: timedelta, now: datetime) -> None:
        """So many steps later, inside the window."""
        if self.cursor is not None:
            self.cursor += steps * step
            self._keep_cursor(now)

    def _keep_cursor(self, now: datetime) -> None:
        if self.cursor is not None:
            start, end = self.window.bounds(now)
            self.cursor = min(max(self.cursor, start), end)


# --- what people type -------------------------------------------------------------------------------------

_RANGE_HELP: Final = "write 2h, -3h +30m, 03:00 +2h, 2026-11-01 03:00 +2h, or live"
_SIGNED: Final = re.compile(r"(?P<start>.+?)(?:\s+\+\s*(?P<length>\S+)|\s*\.\.\s*(?P<end>.+))?")


def parse_window(text: str, window: TimeWindow, now: datetime, zone: tzinfo | None = UTC) -> TimeWindow:
    """The window that is meant: a span up to now, or a start with a span or an end.

    `zone` is that of times written without one; None: this machine's. UsageError where it cannot be read.
    """
    try:
        return _parsed(" ".join(text.split()), window, now, zone)
    except OverflowError:
        raise UsageError(f"{text!r} is beyond all time", remedy=_RANGE_HELP) from None


def _parsed(words: str, window: TimeWindow, now: datetime, zone: tzinfo | None) -> TimeWindow:
    if words.lower() in ("", "live", "now", "0"):
        return replace(window, end=None)
    if _is_duration(words):
        return TimeWindow(_checked(parse_duration(words)))
    found = _SIGNED.fullmatch(words)
    assert found is not None
    start, whole_day = _moment(found["start"], now, zone)
    if found["end"] is not None:
        length = _moment(found["end"], now, zone)[0] - start
    elif found["length"] is not None:
        length = _duration(found["length"])
    else:
        length = _DAY if whole_day else window.span
    if start >= now:
        raise UsageError(f"{found['start']} is in the future", remedy=_RANGE_HELP)
    if length <= timedelta():
        raise UsageError(f"{words!r} ends before it starts", remedy=_RANGE_HELP)
    end = min(start + length, now)
    return TimeWindow(_checked(end - start), end)


def parse_moment(text: str, now: datetime, zone: tzinfo | None = UTC) -> datetime:
    """A moment as people write it: `03:10`, `2026-11-01 03:10`, `-20m`; UsageError where it is none."""
    try:
        return _moment(" ".join(text.split()), now, zone)[0]
    except OverflowError:
        raise UsageError(f"{text!r} is beyond all time", remedy=_RANGE_HELP) from None


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except UsageError:
        return False
    return True


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(error.message, remedy=_RANGE_HELP) from None


def _checked(span: timedelta) -> timedelta:
    if not _SHORTEST <= span <= _LONGEST:
        limits = f"{format_duration(_SHORTEST)} and {format_duration(_LONGEST)}"
        raise UsageError(f"{format_duration(span)} is not between {limits}", remedy=_RANGE_HELP)
    return span


def _moment(text: str, now: datetime, zone: tzinfo | None) -> tuple[datetime, bool]:
    """The moment, and whether only its day was written."""
    if text.startswith("-") and _is_duration(text[1:]):
        return now - parse_duration(text[1:]), False
    here = now.astimezone(zone)
    try:
        if re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?Z?", text):
            written = text.removesuffix("Z")
            of = here if written == text else now.astimezone(UTC)
            hour, minute, *second = (int(part) for part in written.split(":"))
            moment = of.replace(hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0)
            # A time of day is the last one there was.
            return (moment if moment <= now else moment - _DAY).astimezone(UTC), False
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a time", remedy=_RANGE_HELP) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
    return moment.astimezone(UTC), ":" not in text


# --- how much it differs ----------------------------------------------------------------------------------


def times_as_much(
    now: Sequence[tuple[datetime, float | None]], before: Sequence[tuple[datetime, float | None]]
) -> float | None:
    """The mean of one stretch over that of another; None where either has no data or the other is 0."""
    means = []
    for points in (now, before):
        known = [value for _, value in points if value is not None and value == value]
        if not known:
            return None
        means.append(sum(known) / len(known))
    return means[0] / means[1] if means[1] else None


def comparison_words(ratio: float | None, compare: Compare) -> str:
    """`x1.3 vs 1 week ago`."""
    if compare is Compare.NONE:
        return ""
    if ratio is None:
        return f"? {tr('vs')} {compare.words}"
    shown = f"x{ratio:.2g}" if ratio < 10 else f"x{ratio:.0f}"
    return (
        f"{tr('same as')} {compare.words}" if 0.95 <= ratio <= 1.05 else f"{shown} {tr('vs')} {compare.words}"
    )


def shifted(
    points: Sequence[tuple[datetime, float]], later_by: timedelta
) -> tuple[tuple[datetime, float], ...]:
    """Points of an earlier stretch where they are drawn."""
    return tuple((at + later_by, value) for at, value in points)


def cursor_words(moment: datetime, value: float | None, label: Callable[[float], str], *, local: bool) -> str:
    """`03:02:00Z 1.4%`, `03:02:00Z no data`."""
    said = tr("no data") if value is None else label(value)
    return f"{fmt.clock(moment, local=local)} {said}"
