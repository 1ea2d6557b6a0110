"""The experience and business view."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from sretool.core.catalog.model import Dashboard, Panel, PanelQuery
from sretool.core.catalog.watched import FigureGroup, Watched
from sretool.core.observe import experience as rules
from sretool.core.observe.experience import Against, Experience, JourneyRow
from sretool.core.observe.panels import Condition
from sretool.tui import keys, users
from sretool.tui.line import plain
from sretool.tui.screens.boards import DashboardScreen
from sretool.tui.screens.panels import PanelScreen
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.observe.questions import Answers, Wanted
    from sretool.tui.board import View
    from sretool.tui.line import Line
    from sretool.tui.users import Row


class UsersScreen(PanelScreen):
    """Journeys, business figures, speed, probes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("next_pane", "app.focus_next"),
        keys.bind("previous_pane", "app.focus_previous"),
        keys.bind("compare"),
        keys.bind("abnormal"),
        keys.bind("filter", priority=True),
        keys.bind("depends"),
        keys.bind("copy"),
    ]
    BAR = (
        ("open", later("charts")),
        ("compare", later("usual, hour, day, week")),
        "next_pane",
        "depends",
        "copy",
        "abnormal",
        "filter",
        "refresh",
    )
    TITLE_WORDS = later("experience & business")

    def __init__(self) -> None:
        super().__init__()
        self._against = Against.USUAL
        self._found = Experience()
        self._found_of: Answers | None = None
        self._looks: Hashable = None

    def compose(self) -> ComposeResult:
        sign = self.dash.board.glyphs.cursor
        yield Sheet(id="status")
        yield Sheet(id="summary")
        yield Sheet(id="journeys-heading")
        yield Rows(self._draw, id="journeys", cursor=sign)
        yield Sheet(id="figures-heading")
        yield Rows(self._draw, id="figures", cursor=sign)
        yield Sheet(id="others")
        yield Sheet(id="about")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#about").styles.height = "1fr"
        self.query_one("#journeys").focus()

    @property
    def _watched(self) -> Watched:
        return self.dash.system.watched if self.dash.system is not None else Watched()

    def wanted(self) -> Wanted:
        return rules.wanted(self._watched)

    def show(self, view: View) -> None:
        width, height = self.size
        found = self._read(view)
        against = tr(users.AGAINST[self._against])
        self.show_frame(view, f"{tr('experience & business')}  {tr('vs')} {against}")
        error = self.dash.answers.error
        self.query_one("#summary", Sheet).show([users.summary(found, view, error, width)])
        journeys = self._kept(found.journeys, view)
        figures = self._kept(found.group(FigureGroup.BUSINESS), view)
        others = users.other_lines(found, view, width)
        room = height - 3 - 2 - len(others)
        upper = min(max(len(journeys), 1), max(room // 2, 1))
        lower = min(max(len(figures), 1), max(room - upper, 1))
        looks = (width, self._against, view.glyphs, view.stale, view.filter)
        afresh, self._looks = looks != self._looks, looks
        for pane, rows, tall, section in (
            ("journeys", journeys, upper, "journeys"),
            ("figures", figures, lower, "figures"),
        ):
            listed = self.query_one(f"#{pane}", Rows)
            listed.styles.height = tall
            listed.can_focus = bool(rows)
            listed.show(
                [(users.key_of(row), (row, view)) for row in rows],
                users.nothing(section, width, view.glyphs),
                afresh=afresh,
            )
        heading = users.journeys_heading(view, width, self._against)
        self.query_one("#journeys-heading", Sheet).show([heading])
        self.query_one("#figures-heading", Sheet).show([users.figures_heading(view, width, self._against)])
        sheet = self.query_one("#others", Sheet)
        sheet.styles.height = len(others)
        sheet.show(others)
        row = self._selected()
        about, spare = self.query_one("#about", Sheet), room - upper - lower
        about.display = spare >= 3
        about.show(users.about(row, view, width, spare) if row is not None else [])

    def _read(self, view: View) -> Experience:
        """Made once for each answer."""
        answers = self.dash.answers
        if self._found_of is not answers:
            self._found = rules.assemble(self._watched, answers, view.now)
            self._found_of = answers
        return self._found

    def _kept(self, rows: tuple[Row, ...], view: View) -> list[Row]:
        kept = users.ordered(rows)
        if view.filter.abnormal_only:
            kept = [row for row in kept if row.condition is not Condition.OK]
        return [row for row in kept if view.filter.keeps(*users.words(row))]

    def _draw(self, value: Hashable, width: int) -> Line:
        row, view = cast("tuple[Row, View]", value)
        return users.row_line(row, view, width, self._against)

    def _selected(self) -> Row | None:
        focused = self.focused
        pane = (
            focused.id if isinstance(focused, Rows) and focused.id in ("journeys", "figures") else "journeys"
        )
        cursor = self.query_one(f"#{pane}", Rows).cursor
        rows: tuple[Row, ...] = self._found.journeys if pane == "journeys" else self._found.figures
        return next((row for row in rows if users.key_of(row) == cursor), None)

    def on_rows_moved(self, event: Rows.Moved) -> None:
        self.dash.repaint()

    def on_descendant_focus(self) -> None:
        self.dash.repaint()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        row = self._selected()
        board = charts_of(row) if row is not None else None
        if board is not None:
            self.app.push_screen(DashboardScreen(board, tr("experience & business")))

    def action_compare(self) -> None:
        """The next of usual, an hour, a day, a week ago."""
        every = list(Against)
        self._against = every[(every.index(self._against) + 1) % len(every)]
        self.dash.repaint()

    def action_abnormal(self) -> None:
        self.dash.board.toggle_abnormal()
        self.dash.repaint()

    def action_depends(self) -> None:
        """The page of the service that carries the journey, or of the only one there is."""
        system, row = self.dash.system, self._selected()
        services = system.services if system is not None else ()
        wanted = row.journey.service if isinstance(row, JourneyRow) else None
        service = next((each for each in services if wanted in (None, each.id)), None)
        if service is None:
            self.notify(tr("no service is declared in the catalog"), markup=False)
        else:
            self.dash.open_service(service.id)

    def action_copy(self) -> None:
        row = self._selected()
        if row is not None:
            lines = [plain(line).rstrip() for line in users.about(row, self.dash.view(), 120, 20)]
            self.dash.copy_to_clipboard("\n".join(line for line in lines if line))
            self.notify(f"{tr('copied')}: {users.name_of(row)}", markup=False)


def charts_of(row: Row) -> Dashboard | None:
    """A journey with its steps, or a figure, as charts; None where there is nothing to draw."""
    if isinstance(row, JourneyRow):
        of = row.journey
        if of.sli is None:
            return None
        whole = Panel(
            of.title, "chart", "ratio", None, (PanelQuery(of.sli, of.title),), of.thresholds, of.source
        )
        steps = tuple(
            Panel(step.title, "chart", "ratio", None, (PanelQuery(step.expr, step.title),), (), of.source)
            for step in of.steps
        )
        return Dashboard(of.id, of.title, timedelta(seconds=30), timedelta(hours=6), (whole, *steps))
    figure = row.figure
    if figure.expr is None:
        return None
    legend = " ".join(f"{{{{{label}}}}}" for label in figure.by) or figure.title
    panel = Panel(
        figure.title,
        "chart",
        figure.unit,
        None,
        (PanelQuery(figure.expr, legend),),
        figure.thresholds,
        figure.source,
    )
    return Dashboard(figure.id, figure.title, timedelta(seconds=30), timedelta(days=1), (panel,))
