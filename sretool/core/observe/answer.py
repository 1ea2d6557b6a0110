"""What a verdict is, and how it is fitted into a line."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sretool.core.observe.phrase import Phrase
    from sretool.core.slo.model import Level

_LEAST_OF_SUBJECT = 12
"""Cells that are left of a long name where the line is too narrow for all of it."""

_CUT = ".."


class Tag(StrEnum):
    """The answer to "is it us?"."""

    US = "IT IS US"
    NOT_US = "NOT US"
    CLEAR = "ALL CLEAR"
    UNSURE = "UNSURE"
    STALE = "STALE"
    DRILL = "DRILL"


def _as_written(pattern: str) -> str:
    return pattern


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, the words that carry it and the reasons behind it."""

    tag: Tag
    parts: tuple[Phrase, ...]
    """What follows the tag, the most important first; joined they read as one line."""
    level: Level | None
    """State that gives the tag its colour; None: quiet."""
    reasons: tuple[Phrase, ...]
    """How it was reached: the rule, then what it looked at."""
    rest: tuple[Phrase, ...] = ()
    """What explains `parts`; the most important first."""
    key: str = ""
    """The keys that lead on; said last, but worth more than the rest. Empty: none."""

    def text(self, width: int, translate: Callable[[str], str] = _as_written) -> str:
        """The line in at most `width` cells: first the parts, then the key, then what fits of the rest.

        A name at the head that is too long for the line is cut before anything that follows is left out.
        """
        line = translate(self.tag.value)
        parts = [part.said(translate) for part in self.parts]
        ending = f"  > {self.key}" if self.key else ""
        if parts:
            parts[0] = _shortened(parts[0], width - cells(line) - 2 - cells("".join(parts[1:]) + ending))
        for number, part in enumerate(parts):
            longer = f"{line}  {part}" if number == 0 else f"{line}{part}"
            if cells(longer) > width:
                return _cut(longer, width) if number == 0 else self._with_key(line, width)
            line = longer
        for rest in self.rest:
            part = rest.said(translate)
            if cells(line + part + ending) <= width:
                line += part
        return self._with_key(line, width)

    def _with_key(self, line: str, width: int) -> str:
        longer = f"{line}  > {self.key}"
        return longer if self.key and cells(longer) <= width else line


def _shortened(name: str, room: int) -> str:
    if cells(name) <= room or room < _LEAST_OF_SUBJECT:
        return name
    return _cut(name, room - len(_CUT)) + _CUT


def cells(text: str) -> int:
    """Terminal cells: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _cut(text: str, width: int) -> str:
    out, used = "", 0
    for char in text:
        size = cells(char)
        if used + size > width:
            break
        out, used = out + char, used + size
    return out
