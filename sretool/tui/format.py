"""Numbers, spans of time and glyphs as they stand in a cell: pure, and right about cell widths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Final, Literal

from rich.cells import cell_len, chop_cells, set_cell_size

from sretool.core.observe.model import AlertState
from sretool.core.slo.model import CalendarUnit, Level
from sretool.tui.words import later
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from sretool.core.slo.model import Slo
    from sretool.tui.braille import Graph

NONE = "-"
"""Stands where there is no data; never 0."""

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Every sign that is not a letter, so that `--ascii` swaps them in one place."""

    levels: Mapping[Level, str]
    stale: str
    """Beside the glyph of a state that is no longer known to be true."""
    silenced: str
    acknowledged: str
    cursor: str
    full: str
    empty: str
    eighths: str
    """Partial blocks, one eighth first; empty where only whole cells can be drawn."""
    rule: str
    corner: str
    axis: str
    tick: str
    missing: str
    """On the axis under a stretch without data."""
    threshold: str
    ideal: str
    ellipsis: str
    dot: str
    enter: str
    time_tick: str
    mark: str
    band: str
    graph: Graph
    """What charts are drawn with."""


UNICODE = Glyphs(
    levels={Level.PAGE: "▲", Level.SPENT: "✖", Level.TICKET: "△", Level.NO_DATA: "?", Level.OK: "·"},
    stale="?",
    silenced="z",
    acknowledged="a",
    cursor=">",
    full="█",
    empty="·",
    eighths="▏▎▍▌▋▊▉",
    rule="─",
    corner="└",
    axis="│",
    tick="┤",
    missing="╌",
    threshold="╌",
    ideal="·",
    ellipsis="…",
    dot="·",
    enter="⏎",
    time_tick="┬",
    mark="┆",
    band="░",
    graph="braille",
)

ASCII = Glyphs(
    levels={Level.PAGE: "!", Level.SPENT: "X", Level.TICKET: "~", Level.NO_DATA: "?", Level.OK: "."},
    stale="?",
    silenced="z",
    acknowledged="a",
    cursor=">",
    full="#",
    empty="-",
    eighths="",
    rule="-",
    corner="+",
    axis="|",
    tick="|",
    missing=" ",
    threshold="-",
    ideal=".",
    ellipsis="~",
    dot=".",
    enter="enter",
    time_tick="+",
    mark="|",
    band=":",
    graph="ascii",
)

LEVEL_WORDS = {
    Level.PAGE: later("page"),
    Level.SPENT: later("spent"),
    Level.TICKET: later("slow"),
    Level.NO_DATA: later("no data"),
    Level.OK: later("ok"),
}

STATE_WORDS = {
    AlertState.PENDING: later("pending"),
    AlertState.FIRING: later("firing"),
    AlertState.ACKNOWLEDGED: later("acked"),
    AlertState.SILENCED: later("silenced"),
    AlertState.INHIBITED: later("inhibited"),
    AlertState.RESOLVED: later("resolved"),
}


def fit(text: str, width: int, align: Align = "left", ellipsis: str = "…") -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis; wide characters are never halved."""
    if width <= 0:
        return ""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - cell_len(ellipsis)) + ellipsis if width > 1 else ellipsis[:width]
    padding = " " * (width - size)
    return padding + text if align == "right" else text + padding


def wrapped(text: str, width: int, most: int | None = None, ellipsis: str = "…") -> list[str]:
    """Rows of at most `width` cells, `most` of them; wide characters may stand in the next row each alone."""
    if cell_len(text) == len(text):
        return wrap(text, width, max_lines=most, placeholder=f" {ellipsis}")
    rows, row = [], ""
    for piece in _PIECES.findall(" ".join(text.split())):
        if cell_len(row + piece.rstrip()) > width:
            rows.append(row.rstrip())
            row = ""
        *whole, rest = chop_cells(piece.rstrip(), width)
        rows += whole
        row += rest + piece[len(piece.rstrip()) :]
    rows = [each for each in (*rows, row.rstrip()) if each]
    if most is None or len(rows) <= most:
        return rows
    return [*rows[: most - 1], fit(f"{rows[most - 1]} {rows[most]}", width, ellipsis=f" {ellipsis}")]


_PIECES: Final = re.compile(r"[\u1100-\U0003ffff] ?|[^\u1100-\U0003ffff ]+ ?")
"""Words, and what may be wide by itself, with the space behind it."""


def percent_of_objective(ratio: float | None, objective: Decimal) -> str:
    """A good share in percent, with one digit more than its objective needs: `98.520` against 99.9."""
    if ratio is None:
        return "no data"
    digits = min(max(_decimals(objective * 100) + 2, 2), 4)
    text = f"{ratio * 100:.{digits}f}"
    # Rounding must not turn a failing ratio into 100.
    if ratio < 1 and float(text) >= 100:
        return f"{100 - 10**-digits:.{digits}f}"
    return text


def objective_percent(objective: Decimal) -> str:
    """`99.9`, `99.999`, `50`."""
    text = f"{objective * 100:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(value: Decimal) -> int:
    text = f"{value:f}".rstrip("0")
    return len(text.partition(".")[2])


def budget_percent(left: float | None) -> str:
    """`38%`, `-12%`; below -999 % as a multiple (`-41x`), so that the column keeps its width."""
    if left is None:
        return NONE
    whole = round(left * 100)
    if whole == 0 and left < 0:
        return "-0%"
    if left < 1 and whole == 100:
        whole = 99
    if whole < -999:
        return f"{left:.0f}x" if left > -999.5 else "<-1kx"
    return f"{whole}%"


def bar(share: float | None, width: int, glyphs: Glyphs) -> str:
    """A bar of `width` cells filled by a share of 0..1, beyond which it is just full or empty."""
    if share is None:
        return fit("", width)
    filled = min(max(share, 0.0), 1.0) * width
    whole = int(filled)
    part = ""
    if glyphs.eighths and whole < width:
        eighth = int((filled - whole) * 8)
        part = glyphs.eighths[eighth - 1] if eighth else ""
    elif not glyphs.eighths:
        whole = round(filled)
    return glyphs.full * whole + part + glyphs.empty * (width - whole - len(part))


def burn(value: float | None) -> str:
    """`14.8x`, `0.3x`, `412x`, at most five cells; `-` without data."""
    if value is None:
        return NONE
    if value < 99.95:
        return f"{value:.1f}x"
    if value < 9999.5:
        return f"{value:.0f}x"
    return f"{value / 1000:.0f}kx" if value < 999_500 else ">1Mx"


def left_for(span: timedelta | None) -> str:
    """Time until something, in at most five cells: `18h29`, `6d`, `41m`; `-` where it does not come."""
    if span is None:
        return NONE
    seconds = max(int(span.total_seconds()), 0)
    if seconds >= 365 * 86400:
        return ">1y"
    if seconds >= 48 * 3600:
        return f"{seconds // 86400}d"
    if seconds >= 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}"
    if seconds >= 60:
        return f"{seconds // 60}m"
    return f"{seconds}s"


def age(span: timedelta | None) -> str:
    """How long ago: `1s`, `2m10s`, `3h05m`, `6d`."""
    if span is None:
        return NONE
    seconds = max(int(span.total_seconds()), 0)
    if seconds >= 48 * 3600:
        return f"{seconds // 86400}d"
    if seconds >= 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    if seconds >= 600:
        return f"{seconds // 60}m"
    if seconds >= 60:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    return f"{seconds}s"


def clock(moment: datetime, *, local: bool, seconds: bool = True) -> str:
    """`03:12:41Z`, or local time without the Z."""
    pattern = "%H:%M:%S" if seconds else "%H:%M"
    return moment.astimezone().strftime(pattern) if local else moment.astimezone(UTC).strftime(pattern + "Z")


def day_or_time(moment: datetime, span: timedelta, *, local: bool) -> str:
    """A label of a time axis: the time where the axis spans up to two days, otherwise the day."""
    shown = moment.astimezone() if local else moment.astimezone(UTC)
    if span <= timedelta(days=2):
        return shown.strftime("%H:%M") + ("" if local else "Z")
    return f"{shown.day} {shown:%b}"


def ratio_percent(value: float) -> str:
    """An error ratio as percent with two significant digits: `1.6%`, `0.016%`, `12%`, `0%`."""
    percent = value * 100
    if percent == 0:
        return "0%"
    if abs(percent) >= 10:
        return f"{percent:.0f}%"
    text = f"{percent:.2g}"
    if "e" in text:
        text = f"{percent:.7f}".rstrip("0")
    return f"{text}%"


def events(count: float | None) -> str:
    """`81204`, `131.0M`."""
    if count is None:
        return NONE
    for least, size, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e5, 1e3, "k")):
        if count >= least:
            return f"{count / size:.1f}{unit}"
    return f"{count:.0f}"


_SHORT_UNITS = {CalendarUnit.WEEK: "wk", CalendarUnit.MONTH: "mth", CalendarUnit.QUARTER: "qtr"}


def window_name(slo: Slo) -> str:
    """`30d`, or `this month` of a calendar window."""
    return format_duration(slo.window) if slo.calendar is None else f"this {slo.calendar.unit}"


def window_short(slo: Slo) -> str:
    """In three cells, as far as durations of whole days go."""
    return format_duration(slo.window) if slo.calendar is None else _SHORT_UNITS[slo.calendar.unit]
