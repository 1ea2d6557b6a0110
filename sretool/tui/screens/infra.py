"""The infrastructure view: three lists, worst first, and what the row under the cursor says in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import Container, Vertical

from sretool.core.catalog.watched import Watched
from sretool.core.observe import infra as rules
from sretool.core.observe.infra import CallRow
from sretool.tui import infra, keys
from sretool.tui.line import plain
from sretool.tui.screens.boards import DashboardScreen
from sretool.tui.screens.panels import PanelScreen
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.observe.infra import Infrastructure
    from sretool.core.observe.questions import Answers, Wanted
    from sretool.tui.board import View
    from sretool.tui.infra import Row
    from sretool.tui.line import Line

_PANES = ("use", "calls", "headroom")


class InfraScreen(PanelScreen):
    """Utilisation, saturation, errors; rate, errors, duration; headroom."""

    DEFAULT_CSS = """
    InfraScreen #infra { height: 1fr; width: 1fr; layout: vertical; }
    InfraScreen #infra.-wide { layout: horizontal; }
    InfraScreen #infra-left, InfraScreen #infra-right { width: 1fr; height: auto; }
    InfraScreen #infra.-wide > Vertical { height: 1fr; }
    InfraScreen #about { display: none; height: 1fr; }
    InfraScreen #infra.-wide #about { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("next_pane", "app.focus_next"),
        keys.bind("previous_pane", "app.focus_previous"),
        keys.bind("group"),
        keys.bind("wide"),
        keys.bind("depends"),
        keys.bind("abnormal"),
        keys.bind("filter", priority=True),
        keys.bind("copy"),
    ]
    BAR = (
        ("open", later("charts")),
        "next_pane",
        "depends",
        "group",
        "wide",
        "abnormal",
        "filter",
        "refresh",
    )
    TITLE_WORDS = later("infrastructure")

    def __init__(self) -> None:
        super().__init__()
        self._by: str | None = None
        self._wide = False
        self._found = rules.Infrastructure()
        self._found_of: Answers | None = None
        self._view: View | None = None
        self._looks: Hashable = None

    def compose(self) -> ComposeResult:
        sign = self.dash.board.glyphs.cursor
        yield Sheet(id="status")
        yield Sheet(id="summary")
        with Container(id="infra"):
            with Vertical(id="infra-left"):
                yield Sheet(id="use-heading")
                yield Rows(self._draw, id="use", cursor=sign)
                yield Sheet(id="calls-heading")
                yield Rows(self._draw, id="calls", cursor=sign)
            with Vertical(id="infra-right"):
                yield Sheet(id="headroom-heading")
                yield Rows(self._draw, id="headroom", cursor=sign)
                yield Sheet(id="about")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#about").styles.height = "1fr"
        self.query_one("#use").focus()

    @property
    def _watched(self) -> Watched:
        return self.dash.system.watched if self.dash.system is not None else Watched()

    def wanted(self) -> Wanted:
        return rules.wanted(self._watched)

    def show(self, view: View) -> None:
        width, height = self.size
        self.show_frame(view, tr("infrastructure"))
        found = self._read(view)
        self._view = view
        error = self.dash.answers.error
        self.query_one("#summary", Sheet).show([infra.summary(found, view, error, width)])
        use, calls, headroom = (self._kept(rows, view) for rows in (found.use, found.calls, found.headroom))
        wide = width >= 140 and height >= 36
        self.query_one("#infra").set_class(wide, "-wide")
        half = width // 2 if wide else width
        self._measure(wide, height - 3, (len(use), len(calls), len(headroom)))
        looks = (wide, width, self._by, self._wide, view.glyphs, view.stale, view.filter)
        afresh, self._looks = looks != self._looks, looks
        heading = infra.use_heading(view, half, use, self._by)
        self.query_one("#use-heading", Sheet).show([heading])
        self.query_one("#calls-heading", Sheet).show([infra.calls_heading(view, half, calls)])
        self.query_one("#headroom-heading", Sheet).show([infra.headroom_heading(view, half, headroom)])
        rows = infra.grouped([row for row in use if isinstance(row, rules.UseRow)], self._by)
        self._fill("use", rows, afresh, "resources", "what can be used up")
        self._fill("calls", calls, afresh, "calls", "what is asked of services and dependencies")
        self._fill("headroom", headroom, afresh, "headroom", "what can become full")
        self._show_about(view, half)

    def _read(self, view: View) -> Infrastructure:
        """Made once for each answer."""
        answers = self.dash.answers
        if self._found_of is not answers:
            self._found = rules.assemble(self._watched, answers, view.now)
            self._found_of = answers
        return self._found

    def _kept(self, rows: Sequence[Row], view: View) -> list[Row]:
        kept = infra.ordered(rows, abnormal_only=view.filter.abnormal_only)
        if not view.filter.text:
            return kept
        return [row for row in kept if view.filter.keeps(*infra.words(row))]

    def _measure(self, wide: bool, room: int, counts: tuple[int, int, int]) -> None:
        """Heights of the three lists: as much as they need, or a fair share of what there is."""
        use, calls, headroom = counts
        if wide:
            upper = min(max(use, 1), room - 2 - min(max(calls, 1), room // 3))
            heights = (upper, room - 2 - upper, min(max(headroom, 1), room * 2 // 3))
        else:
            left = max(room - 3, 3)
            heights = _shares(left, (max(use, 1), max(calls, 1), max(headroom, 1)))
        for pane, rows in zip(_PANES, heights, strict=True):
            self.query_one(f"#{pane}", Rows).styles.height = max(rows, 1)

    def _fill(
        self, pane: str, rows: Sequence[Row | infra.Heading], afresh: bool, section: str, how: str
    ) -> None:
        view = self._view
        values = [
            (f"-- {row.text}" if isinstance(row, infra.Heading) else row.key, (row, view)) for row in rows
        ]
        list_of = self.query_one(f"#{pane}", Rows)
        list_of.can_focus = bool(values)
        empty = infra.nothing(section, how, self.size.width, self.dash.board.glyphs)
        if view is not None and view.filter:
            empty = infra.filtered(self.size.width)
        list_of.show(values, empty, afresh=afresh)

    def _draw(self, value: Hashable, width: int) -> Line:
        row, view = cast("tuple[Row | infra.Heading, View]", value)
        return infra.row_line(row, view, width, wide=self._wide or width >= 130)

    def _selected(self) -> Row | None:
        focused = self.focused
        pane = focused.id if isinstance(focused, Rows) and focused.id in _PANES else "use"
        cursor = self.query_one(f"#{pane}", Rows).cursor
        every: dict[str, Sequence[Row]] = {
            "use": self._found.use,
            "calls": self._found.calls,
            "headroom": self._found.headroom,
        }
        return next((row for row in every[pane or "use"] if row.key == cursor), None)

    def _show_about(self, view: View, width: int) -> None:
        sheet = self.query_one("#about", Sheet)
        row = self._selected()
        sheet.show(infra.about(row, view, width, sheet.size.height) if row is not None else [])

    def on_rows_moved(self, event: Rows.Moved) -> None:
        self.dash.repaint()

    def on_descendant_focus(self) -> None:
        self.dash.repaint()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        row = self._selected()
        board = infra.charts_of(row) if row is not None else None
        if board is not None:
            self.app.push_screen(DashboardScreen(board, tr("infrastructure")))

    def action_group(self) -> None:
        """By nothing, by kind, by each label."""
        every = infra.groupings(self._found.use)
        self._by = every[(every.index(self._by) + 1) % len(every)] if self._by in every else None
        self.dash.repaint()

    def action_wide(self) -> None:
        self._wide = not self._wide
        self.dash.repaint()

    def action_abnormal(self) -> None:
        self.dash.board.toggle_abnormal()
        self.dash.repaint()

    def action_depends(self) -> None:
        """The page of the service whose requests these are, or of the only one there is."""
        system, row = self.dash.system, self._selected()
        services = system.services if system is not None else ()
        wanted = row.call.service if isinstance(row, CallRow) else None
        service = next((each for each in services if wanted in (None, each.id)), None)
        if service is None:
            self.notify(tr("no service is declared in the catalog"), markup=False)
        else:
            self.dash.open_service(service.id)

    def action_copy(self) -> None:
        row, view = self._selected(), self._view
        if row is not None and view is not None:
            lines = [plain(line).rstrip() for line in infra.about(row, view, 120, 20)]
            self.dash.copy_to_clipboard("\n".join(line for line in lines if line))
            self.notify(tr("copied") + f": {row.name}", markup=False)


def _shares(room: int, wanted: tuple[int, int, int]) -> tuple[int, int, int]:
    """`room` rows for three lists: the shortest get what they want, the others share the rest."""
    given = [0, 0, 0]
    left, open_lists = room, sorted(range(3), key=lambda place: wanted[place])
    for number, place in enumerate(open_lists):
        given[place] = min(wanted[place], left // (len(open_lists) - number))
        left -= given[place]
    return given[0], given[1], given[2] + left
