"""The picture that Textual exports of a screen, with what is the same on all of them left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App

_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_PREFIX = re.compile(r"terminal-\d+-")
"""Of every class and id: a checksum of the picture, which would make each line differ."""
_CLIPS = re.compile(r'<clipPath id="line-\d+">.*?</clipPath>\s*', re.DOTALL)
"""A rectangle for each row of the screen, where its text ends anyway."""
_CLIPPED = re.compile(r' clip-path="url\(#line-\d+\)"')
_FRAME = 'fill="#292929"'
_LINE_END = re.compile(r"<text [^>]*>\n</text>")


def picture(app: App[None]) -> str:
    """The screen on top as SVG, one element a line, that differs only where the screen does."""
    svg = app.export_screenshot(title="sretool", simplify=True)
    for left_out in (_FONTS, _PREFIX, _CLIPS, _CLIPPED, _LINE_END):
        svg = left_out.sub("", svg)
    # Most cells have the ground's colour: it is painted once, as the frame, and not behind each text.
    ground = app.theme_variables["background"].lower()
    svg = re.sub(rf'<rect fill="{ground}" [^>]*shape-rendering="crispEdges"/>', "", svg)
    svg = (
        svg.replace(_FRAME, f'fill="{ground}"', 1)
        .replace("/><rect", "/>\n<rect")
        .replace("><text", ">\n<text")
    )
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"
