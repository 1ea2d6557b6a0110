"""Help and log as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sretool.core.slo.model import Level
from sretool.tui import format as fmt
from sretool.tui import keys
from sretool.tui.line import LEVEL_ROLES, Span, crop, rule
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sretool.tui.board import View
    from sretool.tui.line import Line, Role

_LEVELS = {
    Level.PAGE: later("page: a burn that needs a human now"),
    Level.SPENT: later("spent: the budget is gone; hold risky changes"),
    Level.TICKET: later("slow: a burn for this shift"),
    Level.NO_DATA: later("no data: unknown, never counted as ok"),
    Level.OK: later("ok"),
}
_STALE = later("beside a sign: the last state known; its source is away or its samples are old")
_SILENCED = later("its alert is silenced")
_ACKNOWLEDGED = later("its alert is acknowledged")


class LoopState(NamedTuple):
    """One loop that keeps asking a source, as the log shows it."""

    name: str
    running: bool
    every: float
    """Seconds between two questions."""
    broke: str
    """Why it ended last; empty: it never did."""


def help_lines(
    view: View, screen: str, ids: Collection[str], own: Mapping[str, str], width: int
) -> list[Line]:
    """The keys that work on one screen, from the same table as its bindings; then what the signs mean."""
    lines: list[Line] = [rule(f"{tr('KEYS')}: {screen}", width, view.glyphs.rule)]
    for title, group in keys.GROUPS:
        known = [key for key in group if key.id in ids]
        if not known:
            continue
        lines.append(crop([Span(f" {tr(title)}", "title")], width))
        for key in known:
            lines += _described(keys.shown(key.id, own), tr(key.meaning), width)
    lines += _described(keys.NEVER, tr("nothing: it never quits"), width)
    lines.append(rule(tr("SIGNS"), width, view.glyphs.rule))
    for level, meaning in _LEVELS.items():
        lines.append(_sign(view.glyphs.levels[level], LEVEL_ROLES[level], tr(meaning), width))
    lines.append(_sign(view.glyphs.stale, "silenced", tr(_STALE), width))
    lines.append(_sign(view.glyphs.silenced, "silenced", tr(_SILENCED), width))
    lines.append(_sign(view.glyphs.acknowledged, "silenced", tr(_ACKNOWLEDGED), width))
    return lines


def log_lines(
    view: View, log: Sequence[tuple[datetime, str]], loops: Iterable[LoopState], width: int
) -> list[Line]:
    """Every loop of the program and whether it runs; what went wrong, newest first."""
    lines: list[Line] = [rule(tr("LOOPS"), width, view.glyphs.rule)]
    for loop in loops:
        state = tr("runs every {seconds}s", seconds=f"{loop.every:g}") if loop.running else tr("DEAD")
        role: Role = "text" if loop.running else "page"
        broke = f"   {tr('broke before')}: {loop.broke}" if loop.broke else ""
        name = Span(f"  {fmt.fit(loop.name, 16)}")
        lines.append(crop([name, Span(state, role), Span(broke, "dim")], width))
    lines.append(rule(tr("LOG, newest first"), width, view.glyphs.rule))
    if not log:
        lines.append(crop([Span(f"  {tr('nothing went wrong')}", "dim")], width))
    for moment, text in reversed(log):
        rows = fmt.wrapped(text, max(width - 13, 10)) or [""]
        for number, row in enumerate(rows):
            head = view.clock(moment) if number == 0 else ""
            lines.append(crop([Span(f"  {fmt.fit(head, 10)}", "dim"), Span(row)], width))
    return lines


def nothing_found() -> Span:
    return Span(f"  {tr('no line matches the filter')}", "dim")


def _sign(sign: str, role: Role, meaning: str, width: int) -> Line:
    return crop([Span(f"  {sign}   ", role), Span(meaning)], width)


def _described(key: str, meaning: str, width: int) -> list[Line]:
    rows = fmt.wrapped(meaning, max(width - 20, 10)) or [""]
    return [
        crop([Span(f"  {fmt.fit(key if number == 0 else '', 16)}", "key"), Span(row)], width)
        for number, row in enumerate(rows)
    ]
