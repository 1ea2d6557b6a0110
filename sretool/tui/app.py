"""The dashboard as an application: one loop per source, one board, screens that draw it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.events import Event, Key, Paste
from textual.worker import Worker, WorkerState

from sretool.errors import SourceError
from sretool.tui.board import Board
from sretool.tui.detail import Past
from sretool.tui.pace import Pace
from sretool.tui.screens.base import BoardScreen
from sretool.tui.screens.detail import AlertScreen, DetailScreen
from sretool.tui.screens.overview import OverviewScreen
from sretool.tui.screens.pages import ExplainScreen, HelpScreen
from sretool.tui.themes import ANSI_THEMES, THEMES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime, timedelta

    from textual.binding import BindingType

    from sretool.core.observe.model import Snapshot
    from sretool.core.slo.model import Slo, SloId
    from sretool.tui.board import Notice, View
    from sretool.tui.format import Glyphs
    from sretool.tui.source import Watched

NOT_DRAWN = "the screen could not be drawn"
_TICK = 1.0
"""Seconds between two looks at the clock."""
_PASSING = 0.15
"""Seconds a row must stay under the cursor before its history is asked for."""
_HISTORY_EVERY = 60.0
_HISTORY_RETRY = 5.0
_RESTART_AFTER = 1.0
"""Seconds until a loop that broke is started again."""


class DashApp(App[None]):
    """`sretool dash`."""

    TITLE = "sretool"
    CSS_PATH = "sretool.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "back; quits the overview", id="leave", show=False),
        Binding("p", "freeze", "pause", id="pause", show=False),
        Binding("R", "refresh_now", "refresh", id="refresh", show=False),
        Binding("T", "toggle_time", "UTC/local", id="time", show=False),
        Binding("question_mark", "help", "help", id="help", show=False),
        Binding("i", "explain", "why", id="explain", show=False),
        Binding("ctrl+c", "never_quit", "", show=False, priority=True, system=True),
    ]

    def __init__(
        self,
        watch: Watched,
        *,
        refresh: timedelta,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
        glyphs: Glyphs,
        origin: str = "",
        theme: str = "sre-dark",
        alerts_configured: bool = True,
    ) -> None:
        # Known before the theme is set: Textual chooses what NO_COLOR strips when the app is made.
        super().__init__(ansi_color=True if theme in ANSI_THEMES else None)
        self.animation_level = "none"
        for own in THEMES:
            self.register_theme(own)
        self.theme = theme
        self.clock = clock
        self.board = Board(
            watch.snapshot,
            refresh=refresh,
            origin=origin,
            glyphs=glyphs,
            alerts_configured=alerts_configured,
        )
        self._watch = watch
        self._jitter = jitter
        self._alerts_configured = alerts_configured
        self._wake: dict[str, asyncio.Event] = {}
        self._pasts: dict[SloId, Past] = {}
        self._followed: Slo | None = None
        self._painted_at = 0.0

    # --- data in ------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.push_screen(OverviewScreen())
        self._start_loop("prometheus")
        if self._alerts_configured:
            self._start_loop("alertmanager")
        self.set_interval(_TICK, self._tick)

    def _start_loop(self, source: str) -> None:
        ask = self._watch.poll_metrics if source == "prometheus" else self._watch.poll_alerts
        self._wake[source] = asyncio.Event()
        self.run_worker(
            self._poll(source, ask), name=source, group=source, exclusive=True, exit_on_error=False
        )

    async def _poll(self, source: str, ask: Callable[[], Awaitable[Snapshot]]) -> None:
        """Ask for ever: never twice at once, never faster than answers come."""
        pace = Pace(self.board.refresh.total_seconds(), self._jitter)
        wake = self._wake[source]
        while True:
            wake.clear()
            snapshot = await ask()
            self._take(snapshot)
            health = snapshot.source(source)
            await _wait(wake, pace.pause(time.monotonic(), ok=health is not None and health.ok))

    def _take(self, snapshot: Snapshot) -> None:
        if snapshot.seq < self.board.snapshot.seq:
            return
        self._announce(self.board.take(snapshot, self.clock()))
        self.repaint()

    def _tick(self) -> None:
        """Ages and the clock go on; what an answer has just painted is not painted again."""
        self._announce(self.board.tick(self.clock()))
        if time.monotonic() - self._painted_at > _TICK / 2:
            self.repaint()

    def _announce(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self.notify(notice.text, severity="warning" if notice.bad else "information", markup=False)
            if notice.bad:
                self.bell()
            elif notice.text.startswith("Prometheus back") and self._followed is not None:
                followed, self._followed = self._followed, None
                self.follow(followed)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is not WorkerState.ERROR:
            return
        self.board.log.append((self.clock(), f"loop {event.worker.name} broke: {event.worker.error!r}"))
        if event.worker.name in self._wake:
            self.set_timer(_RESTART_AFTER, lambda: self._start_loop(event.worker.name))

    # --- history of the SLO on screen ---------------------------------------------------------------------

    def follow(self, slo: Slo | None) -> None:
        """Keep the history of this SLO on hand, and of no other."""
        if slo == self._followed:
            return
        self._followed = slo
        if slo is None:
            self.workers.cancel_group(self, "history")
            return
        self.run_worker(
            self._keep_history(slo), name="history", group="history", exclusive=True, exit_on_error=False
        )

    def past(self, slo: SloId) -> Past:
        return self._pasts.get(slo, Past())

    async def _keep_history(self, slo: Slo) -> None:
        await asyncio.sleep(_PASSING)
        while True:
            known = self.past(slo.id)
            try:
                history = await self._watch.history(slo)
            except SourceError as error:
                self._pasts[slo.id] = Past(known.history, error.message)
            else:
                self._pasts[slo.id] = Past(history)
            self.repaint()
            failed = self.past(slo.id).error is not None
            await asyncio.sleep(_HISTORY_RETRY if failed else _HISTORY_EVERY)

    # --- what screens ask for -----------------------------------------------------------------------------

    def view(self) -> View:
        return self.board.view(self.clock())

    def repaint(self) -> None:
        """Draw the screen on top; data that cannot be drawn is told, and never ends the program."""
        self._painted_at = time.monotonic()
        if not isinstance(self.screen, BoardScreen):
            return
        try:
            self.screen.repaint()
        except Exception as error:
            told = f"{NOT_DRAWN}: {error!r}"
            if all(text != told for _, text in self.board.log):
                self.board.log.append((self.clock(), told))
                self.notify(told, severity="error", markup=False)

    def open_slo(self, slo: SloId) -> None:
        self.push_screen(DetailScreen(slo))

    def open_alert(self, fingerprint: str) -> None:
        self.push_screen(AlertScreen(fingerprint))

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key | Paste) and not event.is_forwarded and isinstance(self.screen, BoardScreen):
            self.board.touched(self.clock())
            if self.screen.take_input(event):
                return
        await super().on_event(event)

    # --- keys ---------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        if isinstance(self.screen, OverviewScreen):
            self.exit()
        else:
            self.pop_screen()

    def action_freeze(self) -> None:
        self.board.freeze(self.clock())
        self.repaint()

    def action_refresh_now(self) -> None:
        for wake in self._wake.values():
            wake.set()
        followed, self._followed = self._followed, None
        self.follow(followed)

    def action_toggle_time(self) -> None:
        self.board.local_time = not self.board.local_time
        self.repaint()

    def action_help(self) -> None:
        if isinstance(self.screen, BoardScreen):
            self.push_screen(HelpScreen(self.screen.TITLE_WORDS, self.screen.OWN_KEYS))

    def action_explain(self) -> None:
        self.push_screen(ExplainScreen())

    def action_never_quit(self) -> None:
        self.notify("ctrl+c does not quit here; q does, on the overview")


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
