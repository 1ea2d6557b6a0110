"""What each role of a line looks like in the dashboard's own themes, as data without a terminal or Textual.

A state never lives in its colour alone: glyph, word and place say it too, so that `sre-mono` and a terminal
without colours lose nothing but speed of eye.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = (
    "dim", "bold", "title", "key", "page", "spent", "ticket", "no-data", "stale", "silenced", "tag",
    "tag-alarm", "lost", "chart", "chart2", "chart3", "chart4", "limit", "mark", "band", "inspect",
)  # fmt: skip

_STYLES = {
    "dim": "none",
    "bold": "bold",
    "title": "bold",
    "key": "bold",
    "page": "bold",
    "spent": "bold",
    "ticket": "none",
    "no-data": "italic",
    "stale": "dim italic",
    "silenced": "none",
    "tag": "bold reverse",
    "tag-alarm": "bold reverse",
    "lost": "bold reverse",
    "chart": "none",
    "chart2": "none",
    "chart3": "none",
    "chart4": "none",
    "limit": "none",
    "mark": "bold",
    "band": "none",
    "inspect": "reverse",
}


@dataclass(frozen=True, slots=True)
class Palette:
    """One theme."""

    name: str
    background: str
    """`#rrggbb`, or a colour of the terminal's own."""
    text: str
    cursor: str
    """Behind the row under the cursor."""
    colours: Mapping[str, str]
    """Role → colour; the text's where it has none."""
    styles: Mapping[str, str] = field(default_factory=dict)
    """Role → how it is written where that differs from all other themes."""
    dark: bool = True
    ansi: bool = False
    """Whether it is in the terminal's own colours."""

    def colour(self, role: str) -> str:
        return self.colours.get(role, self.text)

    def style(self, role: str) -> str:
        """Words as in a style sheet: `"bold reverse"`, `"none"`."""
        return self.styles.get(role, _STYLES[role])


_ANSI_STYLES = {"dim": "dim", "limit": "dim", "band": "dim", "no-data": "dim italic"}

PALETTES = (
    Palette(
        "sre-dark",
        background="#101418",
        text="#d5dae0",
        cursor="#232b33",
        colours={
            "dim": "#7d8894",
            "title": "#9fb3c8",
            "key": "#8fbcd4",
            "page": "#ff6b6b",
            "spent": "#ff6b6b",
            "ticket": "#e5c07b",
            "no-data": "#a3adb8",
            "stale": "#7d8894",
            "silenced": "#62b6c4",
            "tag": "#e5c07b",
            "tag-alarm": "#ff6b6b",
            "lost": "#e5c07b",
            "chart": "#8fbcd4",
            "limit": "#8a7a55",
            "chart2": "#c39bd3",
            "chart3": "#8fc79a",
            "chart4": "#d9a066",
            "mark": "#e0c7f0",
            "band": "#5b6673",
        },
    ),
    Palette(
        "sre-light",
        background="#fbfbf9",
        text="#1f2428",
        cursor="#e6e8ea",
        dark=False,
        colours={
            "dim": "#6a737d",
            "title": "#34506b",
            "key": "#1c5f8a",
            "page": "#b3151f",
            "spent": "#b3151f",
            "ticket": "#8a5a00",
            "no-data": "#57606a",
            "stale": "#6a737d",
            "silenced": "#0b7285",
            "tag": "#8a5a00",
            "tag-alarm": "#b3151f",
            "lost": "#8a5a00",
            "chart": "#1c5f8a",
            "limit": "#a08a55",
            "chart2": "#7a3e9d",
            "chart3": "#2b7a3d",
            "chart4": "#9a5a00",
            "mark": "#5a2d7a",
            "band": "#b9bdc2",
        },
    ),
    Palette(
        "sre-ansi",
        background="ansi_default",
        text="ansi_default",
        cursor="ansi_default",
        ansi=True,
        colours={
            "page": "ansi_red",
            "spent": "ansi_red",
            "ticket": "ansi_yellow",
            "silenced": "ansi_cyan",
            "tag": "ansi_yellow",
            "tag-alarm": "ansi_red",
            "lost": "ansi_yellow",
            "chart": "ansi_blue",
            "chart2": "ansi_magenta",
            "chart3": "ansi_cyan",
            "chart4": "ansi_yellow",
            "mark": "ansi_magenta",
            "key": "ansi_cyan",
        },
        styles=_ANSI_STYLES,
    ),
    Palette(
        "sre-mono",
        background="ansi_default",
        text="ansi_default",
        cursor="ansi_default",
        ansi=True,
        colours={},
        styles=_ANSI_STYLES | {"page": "bold reverse", "spent": "bold underline", "ticket": "bold"},
    ),
    Palette(
        "sre-deuteranopia",
        background="#101418",
        text="#d5dae0",
        cursor="#232b33",
        colours={
            "dim": "#7d8894",
            "title": "#9fb3c8",
            "key": "#8fbcd4",
            "page": "#ff9f1c",
            "spent": "#e27bff",
            "ticket": "#f3e27a",
            "no-data": "#a3adb8",
            "stale": "#7d8894",
            "silenced": "#6aa5ff",
            "tag": "#f3e27a",
            "tag-alarm": "#ff9f1c",
            "lost": "#f3e27a",
            "chart": "#8fbcd4",
            "limit": "#8a8455",
            "chart2": "#e27bff",
            "chart3": "#f3e27a",
            "chart4": "#ff9f1c",
            "mark": "#e0c7f0",
            "band": "#5b6673",
        },
    ),
)
