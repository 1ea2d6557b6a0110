"""One line of the screen as text with roles, before any terminal, theme or widget is involved.

A role says what a piece means (`page`, `dim`, `title`); a theme decides how that looks. The same lines make
the live screen, the plain table without a terminal and the text the tests compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from sretool.core.slo.model import Level

Role = Literal[
    "text", "dim", "bold", "title", "key", "page", "spent", "ticket", "no_data", "stale", "silenced",
    "tag", "tag_alarm", "lost", "chart", "chart2", "chart3", "chart4", "limit", "mark", "band", "inspect",
]  # fmt: skip


class Span(NamedTuple):
    text: str
    role: Role = "text"


Line = Sequence[Span]

LEVEL_ROLES: dict[Level, Role] = {
    Level.PAGE: "page",
    Level.SPENT: "spent",
    Level.TICKET: "ticket",
    Level.NO_DATA: "no_data",
    Level.OK: "dim",
}


def plain(line: Line) -> str:
    return "".join(span.text for span in line)


def cells(line: Iterable[Span]) -> int:
    return sum(cell_len(span.text) for span in line)


def crop(line: Line, width: int) -> list[Span]:
    """The line in exactly `width` cells."""
    out: list[Span] = []
    room = width
    for span in line:
        size = cell_len(span.text)
        if size > room:
            out.append(Span(set_cell_size(span.text, room), span.role))
            return out
        out.append(span)
        room -= size
    if room:
        out.append(Span(" " * room))
    return out


def crop_text(line: Line, width: int, ellipsis: str) -> list[Span]:
    """As `crop`, but a text that is cut says so with `ellipsis`."""
    if cells(line) <= width:
        return crop(line, width)
    kept = crop(line, max(width - cell_len(ellipsis), 0))
    return crop([*kept, Span(ellipsis, kept[-1].role if kept else "dim")], width)


def spread(left: Line, right: Line, width: int) -> list[Span]:
    """`left` and `right` at the two edges; the left one is cut where both do not fit."""
    room = width - cells(right)
    if room <= 0:
        return crop(right, width)
    return [*crop(left, room), *right]


def rule(title: str, width: int, stroke: str, right: str = "") -> list[Span]:
    """A heading: `── ALERTS ─────── tab ──`."""
    head = f"{stroke * 2} {title} " if title else stroke * 2
    tail = f" {right} {stroke * 2}" if right else ""
    room = width - cell_len(head) - cell_len(tail)
    if room < 0:
        return crop([Span(head, "title")], width)
    return [Span(head, "title"), Span(stroke * room, "dim"), Span(tail, "dim")]
