"""A list of rows with a cursor that stays on its row, whatever moves around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sretool.tui import keys
from sretool.tui.line import Span, plain
from sretool.tui.themes import cursor_style
from sretool.tui.widgets.sheet import Styled

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from textual.binding import BindingType
    from textual.events import Click

    from sretool.tui.line import Line


class Rows(Styled, ScrollView, can_focus=True):
    """Draws visible rows only, through a function from value to line; the first cell shows the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("down", "move(1)"),
        keys.bind("up", "move(-1)"),
        keys.bind("first"),
        keys.bind("last"),
        keys.bind("page_down", "page(1)"),
        keys.bind("page_up", "page(-1)"),
        keys.bind("open", "choose"),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another row."""

        rows: Rows
        key: str | None

    @dataclass
    class Chosen(Message):
        """Enter, or a click on the row under the cursor."""

        rows: Rows
        key: str

    def __init__(
        self, draw: Callable[[Hashable, int], Line], *, id: str | None = None, cursor: str = ">"
    ) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._cursor_sign = cursor
        self._values: Sequence[tuple[str, Hashable]] = ()
        self._index: dict[str, int] = {}
        self._cursor: str | None = None
        self._moved = False
        """Whether somebody put the cursor where it is; until then it is on the first row, the worst."""
        self._drawn: dict[str, tuple[Line, Strip]] = {}
        self._placeholder: Line = ()

    @property
    def cursor(self) -> str | None:
        """Key of the row under the cursor."""
        return self._cursor

    def show(
        self, values: Sequence[tuple[str, Hashable]], placeholder: Line = (), *, afresh: bool = False
    ) -> None:
        """Replace the rows, which are not copied; `afresh` where every row may look different.

        That is so at another width and with another filter.
        """
        # Drawn first: where a value cannot be drawn, the rows stay as they are.
        top = self.scroll_offset.y
        visible = values[top : top + self.size.height]
        lines = {key: self._draw(value, self.size.width) for key, value in visible}
        moved = False
        if values is not self._values:
            self._values = values
            before, self._index = self._index, {key: row for row, (key, _) in enumerate(values)}
            moved = list(before) != list(self._index)
        self._place_cursor()
        if moved or afresh or placeholder != self._placeholder:
            self._placeholder = placeholder
            self._drawn.clear()
            self.virtual_size = Size(1, max(len(self._values), 1))
            self._keep_cursor_visible()
            self.refresh()
            return
        self._refresh_changed(lines)

    def _place_cursor(self) -> None:
        if self._moved and self._cursor in self._index:
            return
        before, self._cursor = self._cursor, self._values[0][0] if self._values else None
        self._moved = False
        if before != self._cursor:
            for key in (before, self._cursor):
                self._drawn.pop(key or "", None)
            self.post_message(self.Moved(self, self._cursor))

    def _refresh_changed(self, lines: Mapping[str, Line]) -> None:
        regions = []
        for offset, (key, line) in enumerate(lines.items()):
            known = self._drawn.get(key)
            if known is None or known[0] != line:
                self._drawn.pop(key, None)
                regions.append(Region(0, offset, self.size.width, 1))
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        row = self.scroll_offset.y + y
        if not self._values and y == 0 and self._placeholder:
            return self.strip(self._placeholder, width)
        if row >= len(self._values):
            return Strip.blank(width, self.rich_style)
        key, value = self._values[row]
        if key not in self._drawn:
            line = self._draw(value, width)
            self._drawn[key] = (line, self._strip_of(key, line, width))
        return self._drawn[key][1]

    def _strip_of(self, key: str, line: Line, width: int) -> Strip:
        if key != self._cursor or not self._cursor_sign:
            return self.strip(line, width)
        sign = self._cursor_sign if self.has_focus else " "
        head = Span(sign + line[0].text[1:], "key") if line else Span(sign, "key")
        under = cursor_style(self.app.theme) if self.has_focus else None
        return self.strip([head, *line[1:]], width, under)

    def cursor_text(self) -> str:
        """The row under the cursor as plain text."""
        return self.line_text(self._row())[1:].strip() if self._values else ""

    def line_text(self, row: int) -> str:
        """Row `row` as plain text."""
        return plain(self._draw(self._values[row][1], self.size.width))

    def notify_style_update(self) -> None:
        self._drawn.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        self._drawn.clear()
        self._keep_cursor_visible()

    def on_focus(self) -> None:
        self._redraw_cursor()

    def on_blur(self) -> None:
        self._redraw_cursor()

    def _redraw_cursor(self) -> None:
        if self._cursor is not None:
            self._drawn.pop(self._cursor, None)
            self.refresh()

    def _go(self, row: int) -> None:
        if not self._values:
            return
        key = self._values[min(max(row, 0), len(self._values) - 1)][0]
        if key == self._cursor:
            return
        for touched in (self._cursor, key):
            if touched is not None:
                self._drawn.pop(touched, None)
        self._cursor = key
        self._keep_cursor_visible()
        self.refresh()
        self.post_message(self.Moved(self, key))

    def _keep_cursor_visible(self) -> None:
        if self._cursor is None or not self.size.height:
            return
        row, top = self._index[self._cursor], self.scroll_offset.y
        if row < top:
            self.scroll_to(y=row, animate=False)
        elif row >= top + self.size.height:
            self.scroll_to(y=row - self.size.height + 1, animate=False)

    def _row(self) -> int:
        return self._index.get(self._cursor, 0) if self._cursor is not None else 0

    def action_move(self, step: int) -> None:
        self._moved = True
        self._go(self._row() + step)

    def action_page(self, pages: int) -> None:
        self._moved = True
        self._go(self._row() + pages * max(self.size.height // 2, 1))

    def action_first(self) -> None:
        """To the first row, and from now on to whatever row is the first."""
        self._moved = False
        self._go(0)

    def action_last(self) -> None:
        self._moved = True
        self._go(len(self._values) - 1)

    def action_choose(self) -> None:
        if self._cursor is not None:
            self.post_message(self.Chosen(self, self._cursor))

    def on_click(self, event: Click) -> None:
        row = self.scroll_offset.y + event.y
        if row >= len(self._values):
            return
        if self._values[row][0] == self._cursor:
            self.action_choose()
        else:
            self._moved = True
            self._go(row)
