"""The system's own dashboards: the list, one of them, one of its panels alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from sretool.core.observe import panels as panel_data
from sretool.tui import boards, keys
from sretool.tui import panel as panels
from sretool.tui.screens.base import BoardScreen
from sretool.tui.screens.panels import ChartsScreen
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.catalog.model import Dashboard
    from sretool.core.observe.panels import PanelData
    from sretool.core.observe.questions import Answers, Span, Wanted
    from sretool.tui.board import View
    from sretool.tui.boards import Placed
    from sretool.tui.line import Line
    from sretool.tui.panel import Surroundings


class DashboardScreen(ChartsScreen):
    """Panels in a grid; a single one fills the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("down", "select(1)"),
        keys.bind("up", "select(-1)"),
        keys.bind("first", "select(-10000)"),
        keys.bind("last", "select(10000)"),
        keys.bind("page_down", "scroll(1)"),
        keys.bind("page_up", "scroll(-1)"),
        keys.bind("open"),
    ]
    BAR = (
        ("down", later("next panel")),
        ("open", later("whole screen")),
        "range",
        "zoom_in",
        "zoom_out",
        "pan_back",
        "now",
        "inspect",
        "compare",
        "copy",
        "back",
    )
    TITLE_WORDS = later("one dashboard")

    def __init__(self, board: Dashboard, crumbs: str = "dash") -> None:
        super().__init__()
        self.board = board
        self.own_range = board.range
        self._crumbs = crumbs
        self._selected = 0
        self._top = 0
        self._data: tuple[PanelData, ...] = ()
        self._data_of: tuple[Answers, Span, Span | None] | None = None
        self._drawn: dict[int, tuple[object, list[Line]]] = {}

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="summary")
        yield Sheet(id="body")
        yield Sheet(id="keys")

    def wanted(self) -> Wanted:
        return panel_data.wanted(self.board, self.span(), self.compared())

    def show(self, view: View) -> None:
        width, height = self.size
        window = self.window().words(local=view.local_time)
        self.show_frame(view, f"{self._crumbs} > {tr(self.board.title)}  {window}")
        data = self._read(self.dash.answers)
        error = self.dash.answers.error
        summary = boards.summary(self.board, data, view, error, width)
        self.query_one("#summary", Sheet).show([summary])
        room = max(height - 3, 1)
        grid = boards.grid(data, width, room)
        self._selected = min(self._selected, len(data) - 1)
        self._top = grid.scroll(self._selected, self._top, room)
        around = self.around(view)
        lines = boards.grid_lines(
            grid, lambda place: self._panel(place, view, around), view, width, self._top, room
        )
        self.query_one("#body", Sheet).show(lines)

    def _read(self, answers: Answers) -> tuple[PanelData, ...]:
        """Made once for each answer and range."""
        span, compared = self.span(), self.compared()
        if self._data_of is None or self._data_of[0] is not answers or self._data_of[1:] != (span, compared):
            self._data = tuple(panel_data.data(panel, answers, span, compared) for panel in self.board.panels)
            self._data_of = (answers, span, compared)
        return self._data

    def _panel(self, place: Placed, view: View, around: Surroundings) -> list[Line]:
        """Drawn again only where it looks different: charts move on with their steps, not each second."""
        data = self._data[place.number]
        focused = place.number == self._selected and len(self._data) > 1
        key = (
            id(data),
            place.width,
            place.height,
            focused,
            around,
            view.stale,
            view.local_time,
            panels.old(data.at, view),
            view.glyphs.graph,
        )
        known = self._drawn.get(place.number)
        if known is None or known[0] != key:
            known = (key, panels.draw(data, view, around, place.width, place.height, focused=focused))
            self._drawn[place.number] = known
        return known[1]

    def action_select(self, step: int) -> None:
        self._selected = min(max(self._selected + step, 0), len(self.board.panels) - 1)
        self.dash.repaint()

    def action_scroll(self, pages: int) -> None:
        """To the first panel half a screen on."""
        width, height = self.size
        grid = boards.grid(self._data, width, max(height - 3, 1))
        wanted = grid.placed[self._selected].top + pages * max(height // 2, 1)
        near = min(grid.placed, key=lambda place: (abs(place.top - wanted), place.number))
        self._selected = near.number
        self.dash.repaint()

    def action_open(self) -> None:
        if len(self.board.panels) > 1:
            panel = replace(self.board.panels[self._selected], row=None)
            alone = replace(self.board, panels=(panel,))
            self.app.push_screen(DashboardScreen(alone, self._crumbs))

    def copied(self) -> str | None:
        """The selected panel's values with their PromQL and time."""
        return panels.copied(self._data[self._selected]) if self._data else None


class DashboardsScreen(BoardScreen):
    """All dashboards of the catalog."""

    BAR = ("open", "down", "back")
    TITLE_WORDS = later("dashboards")

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="summary")
        yield Rows(self._draw, id="body", cursor=self.dash.board.glyphs.cursor)
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#body").focus()

    def show(self, view: View) -> None:
        width = self.size.width
        self.show_frame(view, tr("dashboards"))
        self.query_one("#summary", Sheet).show([boards.list_heading(view, width)])
        system = self.dash.system
        found = system.dashboards if system is not None else ()
        rows = [(board.id, board) for board in found]
        self.query_one("#body", Rows).show(rows, boards.no_dashboards(width))

    def _draw(self, value: Hashable, width: int) -> Line:
        return boards.list_row(cast("Dashboard", value), width)

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        system = self.dash.system
        board = next((each for each in system.dashboards if each.id == event.key), None) if system else None
        if board is not None:
            self.app.push_screen(DashboardScreen(board))
