"""The screen of the load test that this program makes itself, as lines: everything at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.slo.model import Level
from sretool.tui import format as fmt
from sretool.tui import runs
from sretool.tui.line import LEVEL_ROLES, Span, cells, crop
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.observe.model import SloStatus
    from sretool.tui.board import View
    from sretool.tui.chart import Chart
    from sretool.tui.line import Line, Role
    from sretool.tui.runs import RunPage

_WIDE: Final = 140
_SIDE: Final = 54
"""Cells beside the charts where there is room."""
_PANE: Final = 38
"""Cells that a chart needs beside another one."""
_TALL: Final = 9
"""Rows a chart should have before there is one more below it."""


def lines(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    """Exactly `height` rows."""
    if page.story.last is None:
        found: list[Line] = [crop([Span(f"  {tr('nothing has happened yet')}", "dim")], width)]
    elif width >= _WIDE and height >= 24:
        found = _wide(page, view, width, height)
    else:
        found = _narrow(page, view, width, height)
    return [*found[:height], *([crop([], width)] * (height - len(found)))]


def _narrow(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    checks = runs.check_lines(page, view, width, "CHECKS")
    server = server_lines(view, width, 2 if height < 30 else 5)
    few = height < 30
    head = [
        *runs.phase_line(page, view, width),
        *runs.request_table(page, view, width, 3 if few else 8),
    ]
    tail = [*runs.generator_lines(page, width), *checks[: 4 if few else 9], *server]
    room = height - len(head) - len(tail)
    log = 0 if room < 2 * _TALL else 6
    return [*head, *_charts(page, view, width, room - log), *tail, *runs.log_lines(page, view, width, log)]


def _wide(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    left = width - _SIDE - 1
    above = [*runs.phase_line(page, view, left), *runs.request_table(page, view, left, 10)]
    below = runs.generator_lines(page, left)
    main = [*above, *_charts(page, view, left, height - len(above) - len(below)), *below]
    side = [
        *runs.check_lines(page, view, _SIDE, "CHECKS"),
        *server_lines(view, _SIDE, 10),
        *runs.plan_lines(page, _SIDE),
        *runs.fact_lines(page, _SIDE),
    ]
    side += runs.log_lines(page, view, _SIDE, max(height - len(side), 0))
    return runs.beside(main, side, view, left, width, height)


def _charts(page: RunPage, view: View, width: int, height: int) -> list[Line]:
    """As many as fit, the most telling first, side by side where they are many; always `height` rows."""
    drawn = [*runs.load_charts(page, view), *runs.generator_charts(page, view)] if page.story.load else []
    across = min(max(width // _PANE, 1), 2)
    down = max(min(height // _TALL, -(-len(drawn) // across)), 1)
    shown = drawn[: across * down]
    if not shown or height < runs.LEAST_CHART:
        return [crop([], width)] * max(height, 0)
    found: list[Line] = []
    each, more = divmod(height, down)
    for row in range(down):
        rows = each + (1 if row < more else 0)
        found += _row(shown[row * across : (row + 1) * across], view, width, rows)
    return found


def _row(drawn: Sequence[tuple[str, Chart]], view: View, width: int, height: int) -> list[Line]:
    if len(drawn) < 2:
        return [line for title, what in drawn for line in runs.chart_pane(title, what, view, width, height)]
    half = (width - 1) // 2
    left = runs.chart_pane(*drawn[0], view, half, height)
    right = runs.chart_pane(*drawn[1], view, width - half - 1, height)
    return [
        crop([*crop(one, half), Span(" "), *other], width) for one, other in zip(left, right, strict=True)
    ]


# --- what the servers say ---------------------------------------------------------------------------------

_BURNS: Final = later("burns {burn}x, {left} left")


def server_lines(view: View, width: int, most: int) -> list[Line]:
    """The objectives of the servers under load, the worst first; nothing where none is known."""
    if not view.statuses or view.waiting:
        return []
    aged = f" {tr('as of {age} ago', age=fmt.age(view.prometheus.age))}" if view.stale else ""
    found: list[Line] = [runs.heading(later("SERVER"), width, aged, stroke=view.glyphs.rule)]
    shown = sorted(view.statuses, key=lambda status: _RANK[status.level])[:most]
    found += [_status(status, view, width) for status in shown]
    hidden = len(view.statuses) - len(shown)
    if hidden and most > 2:
        found.append(crop([Span(f"    {tr('... {count} more', count=hidden)}", "dim")], width))
    return found


_RANK: Final = {level: place for place, level in enumerate(Level)}


def _status(status: SloStatus, view: View, width: int) -> Line:
    role: Role = "stale" if view.stale else LEVEL_ROLES[status.level]
    burn = status.burns.get(min(status.burns)) if status.burns else None
    if burn is None or status.budget_left is None:
        said = tr("no data")
    else:
        said = tr(_BURNS, burn=f"{burn:.1f}", left=fmt.ratio_percent(status.budget_left))
    left = [Span(f" {view.glyphs.levels[status.level]}  ", role)]
    right = [Span(said, role)]
    name = fmt.fit(str(status.slo.id), max(width - cells(left) - cells(right) - 2, 8))
    return crop([*left, Span(name, "text"), Span("  "), *right], width)
