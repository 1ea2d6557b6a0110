"""The dashboard's palettes as themes of Textual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES, Theme

from sretool.tui.palettes import PALETTES, ROLES

if TYPE_CHECKING:
    from sretool.tui.palettes import Palette


def _theme(palette: Palette) -> Theme:
    # Textual's own style sheet names variables that only its ansi themes define.
    base = BUILTIN_THEMES["ansi-dark"].variables if palette.ansi else {}
    own = {f"sre-{role}": palette.colour(role) for role in ROLES}
    own |= {f"sre-{role}-style": palette.style(role) for role in ROLES}
    return Theme(
        name=palette.name,
        primary=palette.colour("key"),
        warning=palette.colour("ticket"),
        error=palette.colour("page"),
        foreground=palette.text,
        background=palette.background,
        surface=palette.background,
        panel=palette.cursor,
        dark=palette.dark,
        ansi=palette.ansi,
        variables=base | own | {"sre-cursor": palette.cursor},
    )


THEMES = tuple(_theme(palette) for palette in PALETTES)
THEME_NAMES = tuple(palette.name for palette in PALETTES)
ANSI_THEMES = tuple(palette.name for palette in PALETTES if palette.ansi)
"""Themes in the terminal's own colours."""
