"""The load test that this program makes itself: everything at a glance, and the key that stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from sretool.tui import cockpit, keys, runs
from sretool.tui.runs import LOAD_KINDS
from sretool.tui.screens.runs import OfRuns
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.tui.board import View
    from sretool.tui.cockpit_app import CockpitApp


class CockpitScreen(OfRuns):
    """One run, as long as it goes on and how it ended."""

    BINDINGS: ClassVar[list[BindingType]] = [keys.bind("end"), keys.bind("copy")]
    KINDS = LOAD_KINDS
    VIEW_WORDS = later("load")
    TITLE_WORDS = later("a running load test")
    POLLED = "one run"

    @property
    def cockpit(self) -> CockpitApp:
        return cast("CockpitApp", self.app)

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="verdict")
        yield Sheet(id="body")
        yield Sheet(id="keys")

    def chosen(self) -> str | None:
        return self.cockpit.work.run

    def bar_items(self) -> Sequence[str | tuple[str, str]]:
        ways = ("note", "copy", "time", "back", "explain")
        return ("end", *ways) if self.cockpit.work.running else (("leave", later("quit")), *ways)

    def show(self, view: View) -> None:
        width, height = self.size
        shelf = self.dash.shelf
        page = shelf.page(self.chosen(), view) if shelf is not None else None
        self.show_frame(view, tr(self.VIEW_WORDS))
        verdict, body = self.query_one("#verdict", Sheet), self.query_one("#body", Sheet)
        body.styles.height = max(height - 3, 0)
        if page is None:
            problem = shelf.problem if shelf is not None else tr("no project folder is known")
            verdict.show([runs.no_headline(problem, width)])
            body.show([])
            return
        verdict.show([runs.headline(page, view, width)])
        body.show(cockpit.lines(page, view, width, max(height - 3, 0)))

    def action_end(self) -> None:
        self.cockpit.ask_to_stop()
