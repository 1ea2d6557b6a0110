"""One SLO, and one alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sretool.core.alerting import firings
from sretool.core.alerting.silences import Matcher
from sretool.core.observe import service as services
from sretool.core.observe.questions import Span as Stretch
from sretool.core.observe.questions import Wanted
from sretool.tui import detail, keys, slo_charts
from sretool.tui.line import Span, crop
from sretool.tui.screens.base import ScreenPoll
from sretool.tui.screens.body import BodyScreen, TimedScreen
from sretool.tui.triage import SILENCES_EVERY
from sretool.tui.words import later, tr
from sretool.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType

    from sretool.core.alerting.firings import Firing
    from sretool.core.catalog.model import Service
    from sretool.core.observe.model import SloStatus
    from sretool.core.observe.questions import Track
    from sretool.core.slo.model import Slo, SloId
    from sretool.tui.board import View

_FIRED_STEP = firings.step_for(firings.BACK)


class DetailScreen(TimedScreen, BodyScreen):
    """State, burn, budget and charts of one SLO, and what stands around it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("down", "next(1)"),
        keys.bind("up", "next(-1)"),
        keys.bind("depends"),
        keys.bind("runbook"),
    ]
    BAR = (
        "back", "runbook", "down", "range", "pan_back", "pan_forward", "zoom_in", "zoom_out", "now",
        "inspect", "compare", "copy", "depends", "refresh", "time", "explain",
    )  # fmt: skip
    TITLE_WORDS = later("one SLO")

    def __init__(self, slo: SloId) -> None:
        super().__init__()
        self.slo = slo

    def polls(self) -> Sequence[ScreenPoll]:
        if self.dash.triage.desk is None:
            return ()
        return (ScreenPoll("silences", self._poll_silences, SILENCES_EVERY),)

    async def _poll_silences(self) -> bool:
        answered = await self.dash.triage.poll_silences(self.dash.clock, upkeep=not self.dash.readonly)
        self.dash.repaint()
        return answered

    def on_screen_suspend(self) -> None:
        super().on_screen_suspend()
        self.dash.want(None)

    def show(self, view: View) -> None:
        width, height = self.size
        self.show_frame(view, f"slo > {self.slo}")
        status = self.dash.board.status(self.slo)
        if status is None:
            said = tr("this SLO is no longer in the catalog")
            self.show_body([crop([Span(f" {said}", "dim")], width)])
            return
        self.dash.follow(status.slo)
        if not view.waiting:
            self.dash.want(self._wanted(status.slo, wide=detail.is_wide(width, height - 2)))
        self.show_body(detail.detail_lines(view, status, self._around(view, status), width, height - 2))

    def _wanted(self, slo: Slo, *, wide: bool) -> Wanted:
        wanted = slo_charts.wanted(slo, self.dash.error_ratio, self.dash.timeline)
        if not wide:
            return wanted
        wanted |= Wanted(past=(_fired_question(slo),))
        service = self._service(slo)
        if service is not None and self.dash.system is not None:
            wanted |= services.wanted(self.dash.system, service)
        return wanted

    def _around(self, view: View, status: SloStatus) -> detail.Around:
        answers, slo = self.dash.answers, status.slo
        service, system = self._service(slo), self.dash.system
        needs = None
        if service is not None and system is not None and (service.parts or system.dependencies):
            needs = services.assemble(system, service, answers, view.now).needs
        return detail.Around(
            charted=self.dash.charted(slo),
            needs=needs,
            fired=_fired(answers.track(*_fired_question(slo))),
            steps=tuple(
                detail.RunbookStep(text, done)
                for text, done in self.dash.runbook_steps(slo.runbook, f"slo:{slo.id}")
            ),
        )

    def _service(self, slo: Slo) -> Service | None:
        known = self.dash.system.services if self.dash.system is not None else ()
        return next((service for service in known if service.id == slo.service), None)

    def note_service(self) -> str | None:
        status = self.dash.board.status(self.slo)
        return status.slo.service if status is not None else None

    def action_runbook(self) -> None:
        status = self.dash.board.status(self.slo)
        if status is not None:
            self.dash.open_runbook_of_slo(status.slo)

    def copied(self) -> str | None:
        status = self.dash.board.status(self.slo)
        if status is None:
            return None
        charted = self.dash.charted(status.slo)
        read = slo_charts.read_ratio(charted)
        if read is None:
            return None
        at, value = read
        return f"{self.slo} error ratio {value * 100:.4g}% at {format_time(at)}\n{charted.ratio.expr}\n"

    def action_depends(self) -> None:
        self.dash.open_service(self.slo.partition("/")[0])

    def action_next(self, step: int) -> None:
        order = [status.slo.id for status in self.dash.view().statuses]
        if self.slo in order:
            self.slo = order[(order.index(self.slo) + step) % len(order)]
            self.dash.repaint()


def _fired_question(slo: Slo) -> tuple[str, Stretch]:
    """When alerts of this SLO fired, as a curve that is there meanwhile."""
    matchers = [Matcher("slo", slo.base_id), *(Matcher(name, value) for name, value in slo.group)]
    return firings.query(matchers, _FIRED_STEP), Stretch(firings.BACK, _FIRED_STEP)


def _fired(track: Track) -> tuple[Firing, ...] | None:
    if track.until is None:
        return None
    found = ((series.labels, series.points) for series in track.series)
    return firings.firings(found, _FIRED_STEP, track.until)
