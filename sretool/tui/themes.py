"""The dashboard's palettes as themes of Textual."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from sretool.tui.palettes import PALETTES

if TYPE_CHECKING:
    from sretool.tui.line import Role
    from sretool.tui.palettes import Palette


def _theme(palette: Palette) -> Theme:
    # Textual's own style sheet names variables that only its ansi themes define.
    base = BUILTIN_THEMES["ansi-dark"].variables if palette.ansi else {}
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
        variables=dict(base),
    )


THEMES = tuple(_theme(palette) for palette in PALETTES)
THEME_NAMES = tuple(palette.name for palette in PALETTES)
_PALETTES = {palette.name: palette for palette in PALETTES}
ANSI_THEMES = tuple(palette.name for palette in PALETTES if palette.ansi)
"""Themes in the terminal's own colours."""


# No component classes of a style sheet: Textual matches every one of them against every rule whenever a
# widget is shown, focused or left.
@cache
def role_style(theme: str, role: Role) -> Style:
    """What the role adds to text on any background."""
    if role == "text":
        return Style.null()
    palette = _PALETTES[theme]
    name = role.replace("_", "-")
    return Style(color=Color.parse(palette.colour(name)).rich_color) + Style.parse(palette.style(name))


@cache
def cursor_style(theme: str) -> Style:
    """Under the row that has the cursor."""
    return Style(bgcolor=Color.parse(_PALETTES[theme].cursor).rich_color)
