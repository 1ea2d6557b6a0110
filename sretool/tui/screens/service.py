"""One service and everything around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from sretool.core.observe import service as rules
from sretool.core.observe.questions import Wanted
from sretool.tui import keys, service
from sretool.tui.line import Span, crop, plain
from sretool.tui.screens.panels import PanelScreen
from sretool.tui.widgets.rows import Rows
from sretool.tui.widgets.sheet import Sheet
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from sretool.core.catalog.model import Service
    from sretool.core.observe.service import ServicePage
    from sretool.tui.board import View
    from sretool.tui.line import Line


class ServiceScreen(PanelScreen):
    """Objectives, alerts, requests, latency budget, dependencies in both directions, changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("left", "other(-1)"),
        keys.bind("right", "other(1)"),
        keys.bind("copy"),
    ]
    BAR = (
        "back",
        ("down", later("scroll")),
        ("right", later("next service")),
        "copy",
        "refresh",
        "time",
        "explain",
    )
    TITLE_WORDS = later("one service")

    def __init__(self, service_id: str) -> None:
        super().__init__()
        self.service_id = service_id

    def compose(self) -> ComposeResult:
        yield Sheet(id="status")
        yield Sheet(id="summary")
        yield Rows(self._draw, id="body", cursor="")
        yield Sheet(id="keys")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#body").focus()

    @property
    def _service(self) -> Service | None:
        system = self.dash.system
        every = system.services if system is not None else ()
        return next((each for each in every if each.id == self.service_id), None)

    def wanted(self) -> Wanted:
        found, system = self._service, self.dash.system
        return rules.wanted(system, found) if system is not None and found is not None else Wanted()

    def _page(self, view: View) -> ServicePage | None:
        found, system = self._service, self.dash.system
        if system is None or found is None:
            return None
        return rules.assemble(system, found, self.dash.answers, view.now)

    def show(self, view: View) -> None:
        width = self.size.width
        self.show_frame(view, f"{tr('service')} > {self.service_id}")
        page = self._page(view)
        summary, body = self.query_one("#summary", Sheet), self.query_one("#body", Rows)
        if page is None:
            said = tr("not configured: the catalog has no `services` with the id {id}", id=self.service_id)
            summary.show([crop([Span(f" {said}", "dim")], width)])
            body.show([])
            return
        statuses = [each for each in view.snapshot.statuses if each.slo.service == self.service_id]
        if self.dash.answers.error is not None:
            said = tr("no answer: {error}", error=self.dash.answers.error)
            summary.show([crop([Span(f" {said}", "lost")], width)])
        else:
            summary.show([service.state_line(page, statuses, view, width)])
        lines = service.page_lines(page, statuses, view, width)
        body.show([(str(number), tuple(line)) for number, line in enumerate(lines)])

    def _draw(self, value: Hashable, width: int) -> Line:
        return cast("Line", value)

    def action_other(self, step: int) -> None:
        system = self.dash.system
        ids = [each.id for each in system.services] if system is not None else []
        if self.service_id in ids:
            self.service_id = ids[(ids.index(self.service_id) + step) % len(ids)]
            self.ask_again()
            self.dash.repaint()

    def action_copy(self) -> None:
        view = self.dash.view()
        page = self._page(view)
        if page is not None:
            statuses = [each for each in view.snapshot.statuses if each.slo.service == self.service_id]
            lines = service.page_lines(page, statuses, view, 120)
            self.dash.copy_to_clipboard("\n".join(plain(line).rstrip() for line in lines))
            self.notify(f"{tr('copied')}: {self.service_id}", markup=False)
