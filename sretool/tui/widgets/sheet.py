"""Widgets that show lines: they turn roles into styles and repaint only what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from sretool.tui.line import crop
from sretool.tui.themes import role_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style

    from sretool.tui.line import Line, Role


class Styled(Widget):
    """Gives every role the style the theme has for it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._role_styles: dict[Role, Style] = {}

    def on_mount(self) -> None:
        # Themes may differ in nothing but roles, of which Textual knows nothing.
        self.app.theme_changed_signal.subscribe(self, lambda theme: self.refresh())

    def role_style(self, role: Role) -> Style:
        """The role on the widget's own background; looked up once per theme."""
        if role not in self._role_styles:
            self._role_styles[role] = self.rich_style + role_style(self.app.theme, role)
        return self._role_styles[role]

    def strip(self, line: Line, width: int, under: Style | None = None) -> Strip:
        styles = ((span.text, self.role_style(span.role)) for span in crop(line, width))
        return Strip(
            [Segment(text, style if under is None else style + under) for text, style in styles], width
        )

    def notify_style_update(self) -> None:
        self._role_styles.clear()
        super().notify_style_update()


class Sheet(Styled):
    """Some lines of text; longer lists scroll elsewhere."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._strips: dict[int, Strip] = {}

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines; rows that look the same are not painted again."""
        before, self._lines = self._lines, lines
        changed = [
            row
            for row in range(max(len(before), len(lines)))
            if row >= len(before) or row >= len(lines) or before[row] != lines[row]
        ]
        for row in changed:
            self._strips.pop(row, None)
        if changed:
            self.refresh(*(Region(0, row, self.size.width, 1) for row in changed))

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        if y not in self._strips:
            self._strips[y] = self.strip(self._lines[y], width)
        return self._strips[y]
