"""The first frame, painted before Textual is even loaded: what was known last, marked with its age.

Loading the program that draws the screen takes longer than reading the last snapshot from disk. Until it is
there the overview's own lines are written to the terminal as they are; Textual then paints over them.
"""

from __future__ import annotations

import os
import shutil
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sretool.tui import overview
from sretool.tui.line import Span, crop
from sretool.tui.palettes import PALETTES
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from sretool.tui.board import View
    from sretool.tui.line import Line
    from sretool.tui.palettes import Palette

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
_SGR = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "reverse": "7"}


def lines(view: View, width: int, height: int) -> list[Line]:
    """The overview without charts, keys and cursor; `height` lines of `width` cells."""
    plan = overview.layout(width, height, len(view.statuses), len(view.alerts), len(view.snapshot.changes))
    columns = overview.table_columns(width, view.snapshot.statuses)
    full = len({status.slo.service for status in view.snapshot.statuses}) > 1
    of_slo = overview.alerts_by_slo(view)
    rows = [overview.row_of(each, view, of_slo.get(each.slo.id, ())) for each in view.statuses[: plan.table]]
    blank = crop([], width)
    drawn: list[Line] = [
        overview.status_line(view, width),
        overview.verdict_line(view, width),
        overview.table_header(columns, width, view),
        *(overview.slo_row(row, columns, view.glyphs, full_names=full) for row in rows),
    ]
    drawn += [blank] * (3 + plan.table - len(drawn))
    if plan.lower:
        left = width // 2 if plan.chart else 0
        pane = width - left
        found: list[Line] = [overview.alerts_heading(view, pane)]
        found += [
            overview.alert_row(alert, view, pane) for alert in view.alerts[: plan.lower - plan.side - 1]
        ]
        if not view.alerts:
            found.append(overview.no_alerts_line(view, pane))
        found = (found + [crop([], pane)] * plan.lower)[: plan.lower - plan.side]
        found += overview.changes_lines(view, pane, plan.side)
        drawn += [[*crop([], left), *line] for line in found]
    drawn += overview.changes_lines(view, width, plan.changes)
    drawn = (drawn + [blank] * height)[: height - 1]
    return [*drawn, crop([Span(f" {tr('loading ...')}", "dim")], width)]


class EarlyFrame:
    """Paints one frame; on leaving without having been followed by the real screen it takes it away again."""

    def __init__(self, theme: str, environment: Mapping[str, str]) -> None:
        palette = next(each for each in PALETTES if each.name == theme)
        exact = environment.get("COLORTERM", "").lower() in ("truecolor", "24bit")
        coloured = exact and not palette.ansi and environment.get("NO_COLOR") is None
        self._palette: Palette = palette
        self._coloured = coloured
        self._painted = False
        self._followed = False
        self._terminal: list[Any] | None = None

    def paint(self, view: View) -> None:
        size = shutil.get_terminal_size()
        self._be_quiet()
        self._painted = True
        drawn = lines(view, size.columns, size.lines)
        base = self._sgr("text")
        text = "".join(
            f"\x1b[{number};1H" + "".join(f"{self._sgr(span.role)}{span.text}" for span in line)
            for number, line in enumerate(drawn, 1)
        )
        _write(f"{_ENTER}{base}\x1b[2J{text}{base}")

    def followed(self) -> None:
        """The real screen takes over: the terminal is its business from here on."""
        self._followed = True

    def __enter__(self) -> EarlyFrame:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._painted and not self._followed:
            _write(_LEAVE)
        if self._terminal is not None:
            with suppress(termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._terminal)

    def _be_quiet(self) -> None:
        """Keys wait unseen for the real screen instead of being written into the frame."""
        if self._painted:
            return
        with suppress(termios.error):
            self._terminal = termios.tcgetattr(sys.stdin.fileno())
            quiet = termios.tcgetattr(sys.stdin.fileno())
            quiet[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, quiet)

    def _sgr(self, role: str) -> str:
        codes = ["0"]
        name = role.replace("_", "-")
        if role != "text":
            codes += [_SGR[word] for word in self._palette.style(name).split() if word in _SGR]
        if self._coloured:
            colour = self._palette.text if role == "text" else self._palette.colour(name)
            codes += [f"38;2;{_rgb(colour)}", f"48;2;{_rgb(self._palette.background)}"]
        return f"\x1b[{';'.join(codes)}m"


def _rgb(colour: str) -> str:
    return ";".join(str(int(colour[start : start + 2], 16)) for start in (1, 3, 5))


def _write(text: str) -> None:
    rest = memoryview(text.encode(sys.stdout.encoding or "utf-8", "replace"))
    while rest:
        rest = rest[os.write(sys.stdout.fileno(), rest) :]
