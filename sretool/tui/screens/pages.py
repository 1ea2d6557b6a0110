"""Pages to read: the keys, and how the verdict was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding

from sretool.tui import alert
from sretool.tui.screens.base import BoardScreen
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.tui.board import View
    from sretool.tui.line import Line

EVERYWHERE = (
    ("p", "hold the screen still; data is still collected"),
    ("R", "ask every source now"),
    ("T", "UTC or local time"),
    ("i", "how the verdict was reached, and the log"),
    ("?", "the keys of the screen you are on"),
    ("esc, q", "back; q quits on the overview"),
    ("ctrl+c", "nothing: it never quits"),
)


class _Page(BoardScreen):
    KEYS = (("esc", "back"), ("j k", "scroll"))

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Rows(self._draw, id="body", cursor="")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#body").focus()

    def show_lines(self, view: View, crumbs: str, lines: Sequence[Line]) -> None:
        self.show_frame(view, crumbs)
        rows = [(str(number), tuple(line)) for number, line in enumerate(lines)]
        self.query_one("#body", Rows).show(rows)

    def _draw(self, value: Hashable, width: int) -> Line:
        return cast("Line", value)


class HelpScreen(_Page):
    """Keys of the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark", "back", "back", show=False)]
    TITLE_WORDS = "help"

    def __init__(self, screen: str, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._screen = screen
        self._keys = keys

    def show(self, view: View) -> None:
        lines = alert.help_lines(view, self._screen, self._keys, EVERYWHERE, self.size.width)
        self.show_lines(view, "help", lines)


class ExplainScreen(_Page):
    """Why row 2 says what it says."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("i", "back", "back", show=False)]
    TITLE_WORDS = "why"

    def show(self, view: View) -> None:
        self.show_lines(view, "why", alert.explanation(view, self.dash.board.log, self.size.width))
