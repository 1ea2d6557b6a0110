"""The explanation of the verdict as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.tui import format as fmt
from sretool.tui import overview
from sretool.tui.line import Span, crop, rule
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.tui.board import View
    from sretool.tui.line import Line


def explanation(view: View, log: Sequence[tuple[datetime, str]], width: int) -> list[Line]:
    """How the verdict was reached, how the sources are, and what the program itself noticed."""
    verdict = view.verdict
    lines: list[Line] = [overview.verdict_line(view, width), crop([], width)]
    lines.append(rule(tr("HOW IT WAS REACHED"), width, view.glyphs.rule))
    for reason in verdict.reasons:
        lines += _bullets([reason.said(tr)], width)
    lines.append(rule(tr("FULL TEXT"), width, view.glyphs.rule))
    lines += _bullets([verdict.text(10_000, tr)], width)
    if log:
        lines.append(rule(tr("LOG of this dashboard, newest first"), width, view.glyphs.rule))
        for moment, text in reversed(log):
            lines += _bullets([f"{view.clock(moment)}  {text}"], width)
    return lines


def _bullets(texts: Iterable[str], width: int) -> list[Line]:
    lines: list[Line] = []
    for text in texts:
        rows = fmt.wrapped(text, max(width - 4, 10))
        lines += [crop([Span("  "), Span(row)], width) for row in rows]
    return lines
