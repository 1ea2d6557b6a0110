"""The screen of one alert, and the explanation of the verdict, as lines."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from sretool.core.observe.model import AlertState
from sretool.tui import format as fmt
from sretool.tui import overview
from sretool.tui.line import Span, crop, rule
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.observe.model import Alert
    from sretool.tui.board import View
    from sretool.tui.line import Line

_FIRST = ("summary", "description", "impact", "runbook")


def alert_lines(view: View, alert: Alert | None, width: int, height: int) -> list[Line]:
    """`height` rows at most under row 1."""
    if alert is None:
        gone = "this alert is no longer open"
        return [crop([], width), crop([Span(f"  {gone}", "dim")], width)]
    lines: list[Line] = [overview.alert_row(alert, view, width)]
    facts = [
        ("STATE", f"{fmt.STATE_WORDS[alert.state]}{' (not known any more)' if view.alerts_stale else ''}"),
        ("SINCE", f"{view.clock(alert.since)}, {fmt.age(view.now - alert.since)} ago"),
    ]
    if alert.state is AlertState.SILENCED:
        facts.append(("SILENCE", ", ".join(alert.silenced_by)))
    known = [name for name in _FIRST if alert.annotations.get(name)]
    facts += [(name.upper(), alert.annotations[name]) for name in known]
    rest = sorted(set(alert.annotations) - set(known))
    facts += [(name.upper(), alert.annotations[name]) for name in rest]
    if alert.receivers:
        facts.append(("SENT TO", ", ".join(alert.receivers)))
    facts.append(("LABELS", "  ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()))))
    for name, text in facts:
        lines += _paragraph(name, text, width)
    return lines[:height]


def _paragraph(name: str, text: str, width: int) -> list[Line]:
    margin = 14
    rows = wrap(text, max(width - margin - 1, 10)) or [""]
    return [
        crop([Span(fmt.fit(f" {name if number == 0 else ''}", margin), "title"), Span(row)], width)
        for number, row in enumerate(rows)
    ]


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
        rows = wrap(text, max(width - 4, 10))
        lines += [crop([Span("  "), Span(row)], width) for row in rows]
    return lines
