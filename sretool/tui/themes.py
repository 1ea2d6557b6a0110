"""The dashboard's own themes: what each role of a line looks like, in colour and without.

A state never lives in its colour alone: glyph, word and place say it too, so that `sre-mono` and a terminal
without colours lose nothing but speed of eye.
"""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

_ROLES = (
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


def _variables(colours: dict[str, str], styles: dict[str, str], text: str, cursor: str) -> dict[str, str]:
    out = {f"sre-{role}": colours.get(role, text) for role in _ROLES}
    out |= {f"sre-{role}-style": (_STYLES | styles)[role] for role in _ROLES}
    return out | {"sre-cursor": cursor}


def _theme(
    name: str,
    *,
    background: str,
    text: str,
    cursor: str,
    colours: dict[str, str],
    styles: dict[str, str] | None = None,
    dark: bool = True,
    ansi: bool = False,
) -> Theme:
    # Textual's own style sheet names variables that only its ansi themes define.
    base = BUILTIN_THEMES["ansi-dark"].variables if ansi else {}
    return Theme(
        name=name,
        primary=colours.get("key", text),
        warning=colours.get("ticket", text),
        error=colours.get("page", text),
        foreground=text,
        background=background,
        surface=background,
        panel=cursor,
        dark=dark,
        ansi=ansi,
        variables=base | _variables(colours, styles or {}, text, cursor),
    )


_ANSI_STYLES = {"dim": "dim", "limit": "dim", "band": "dim", "no-data": "dim italic"}

THEMES = (
    _theme(
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
    _theme(
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
    _theme(
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
    _theme(
        "sre-mono",
        background="ansi_default",
        text="ansi_default",
        cursor="ansi_default",
        ansi=True,
        colours={},
        styles=_ANSI_STYLES | {"page": "bold reverse", "spent": "bold underline", "ticket": "bold"},
    ),
    _theme(
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

THEME_NAMES = tuple(theme.name for theme in THEMES)
ANSI_THEMES = tuple(theme.name for theme in THEMES if theme.ansi)
"""Themes in the terminal's own colours."""
