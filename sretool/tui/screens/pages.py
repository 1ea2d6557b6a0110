"""Pages to read: the keys, how the verdict was reached, what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from sretool.tui import alert, keys, pages
from sretool.tui.line import plain
from sretool.tui.screens.base import BoardScreen
from sretool.tui.search import Filter
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.tui.board import View
    from sretool.tui.line import Line


class Page(BoardScreen):
    """Lines that scroll, and a filter over them."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("filter", priority=True)]
    BAR = ("back", "down", "up", "filter", "export")

    def __init__(self) -> None:
        super().__init__()
        self._filter = Filter()

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Rows(self._draw, id="body", cursor="")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        self.query_one("#body").focus()

    def filter_text(self) -> str:
        return self._filter.text

    def filter_by(self, text: str) -> None:
        self._filter = Filter(text)

    def filter_problem(self) -> str | None:
        return self._filter.problem

    def action_back(self) -> None:
        if self._filter:
            self._filter = Filter()
            self.dash.repaint()
        else:
            super().action_back()

    def show_lines(self, view: View, crumbs: str, lines: Sequence[Line]) -> None:
        searched = f"{crumbs}  {self._filter.words}" if self._filter else crumbs
        self.show_frame(view, searched)
        kept = [line for line in lines if self._filter.keeps(plain(line), {})]
        rows = [(str(number), tuple(line)) for number, line in enumerate(kept)]
        self.query_one("#body", Rows).show(rows, [pages.nothing_found()])

    def _draw(self, value: Hashable, width: int) -> Line:
        return cast("Line", value)


class HelpScreen(Page):
    """Keys of the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("help", "back")]
    TITLE_WORDS = later("help")

    def __init__(self, screen: str, ids: Sequence[str]) -> None:
        super().__init__()
        self._screen = screen
        self._ids = ids

    def show(self, view: View) -> None:
        lines = pages.help_lines(view, tr(self._screen), self._ids, self.dash.own_keys, self.size.width)
        self.show_lines(view, tr("help"), lines)


class ExplainScreen(Page):
    """Why row 2 says what it says."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("explain", "back")]
    TITLE_WORDS = later("why")

    def show(self, view: View) -> None:
        self.show_lines(view, tr("why"), alert.explanation(view, self.dash.board.log, self.size.width))


class LogScreen(Page):
    """What went wrong since the dashboard was opened, and which of its loops run."""

    TITLE_WORDS = later("log")

    def show(self, view: View) -> None:
        lines = pages.log_lines(view, self.dash.board.log, self.dash.loops(), self.size.width)
        self.show_lines(view, tr("log"), lines)
