"""The screen of one alert, and the explanation of the verdict, as lines."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from sretool.core.observe.model import AlertState
from sretool.tui import format as fmt
from sretool.tui import overview
from sretool.tui.line import Span, crop, rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.observe.model import Alert
    from sretool.tui.board import View
    from sretool.tui.line import Line, Role

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
    lines.append(rule("HOW IT WAS REACHED", width, view.glyphs.rule))
    for reason in verdict.reasons:
        lines += _bullets([reason], width)
    lines.append(rule("FULL TEXT", width, view.glyphs.rule))
    lines += _bullets([verdict.text(10_000)], width)
    if log:
        lines.append(rule("LOG of this dashboard, newest first", width, view.glyphs.rule))
        for moment, text in reversed(log):
            lines += _bullets([f"{view.clock(moment)}  {text}"], width)
    return lines


def help_lines(
    view: View,
    screen: str,
    keys: Iterable[tuple[str, str]],
    everywhere: Iterable[tuple[str, str]],
    width: int,
) -> list[Line]:
    """The keys of one screen, then those that work everywhere, then what the signs mean."""
    from sretool.core.slo.model import Level
    from sretool.tui.line import LEVEL_ROLES

    lines: list[Line] = [rule(f"KEYS: {screen}", width, view.glyphs.rule)]
    lines += _keys(keys, width)
    lines.append(rule("EVERYWHERE", width, view.glyphs.rule))
    lines += _keys(everywhere, width)
    lines.append(rule("SIGNS", width, view.glyphs.rule))
    meanings = {
        Level.PAGE: "page: a burn that needs a human now",
        Level.SPENT: "spent: the budget is gone; hold risky changes",
        Level.TICKET: "slow: a burn for this shift",
        Level.NO_DATA: "no data: unknown, never counted as ok",
        Level.OK: "ok",
    }
    for level, meaning in meanings.items():
        lines.append(
            crop([Span(f"  {view.glyphs.levels[level]}   ", LEVEL_ROLES[level]), Span(meaning)], width)
        )
    signs = (
        (view.glyphs.stale, "beside a sign: the last state known; its source is away or its samples are old"),
        (view.glyphs.silenced, "its alert is silenced"),
        (view.glyphs.acknowledged, "its alert is acknowledged"),
    )
    role: Role = "silenced"
    for sign, meaning in signs:
        lines.append(crop([Span(f"  {sign}   ", role), Span(meaning)], width))
    return lines


def _keys(keys: Iterable[tuple[str, str]], width: int) -> list[Line]:
    lines: list[Line] = []
    for key, meaning in keys:
        rows = wrap(meaning, max(width - 20, 10))
        for number, row in enumerate(rows):
            head = key if number == 0 else ""
            lines.append(crop([Span(f"  {fmt.fit(head, 16)}", "key"), Span(row)], width))
    return lines


def _bullets(texts: Iterable[str], width: int) -> list[Line]:
    lines: list[Line] = []
    for text in texts:
        rows = wrap(text, max(width - 4, 10))
        lines += [crop([Span("  "), Span(row)], width) for row in rows]
    return lines
