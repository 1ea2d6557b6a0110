"""A recorded session on the same screens: the clock of the recording, no network, nothing that writes."""

from __future__ import annotations

import time
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from sretool.core.observe import replay
from sretool.core.observe.replay import Known
from sretool.errors import SourceUnreachable, UsageError
from sretool.tui import format as fmt
from sretool.tui import keys
from sretool.tui.app import DashApp
from sretool.tui.screens.base import BoardScreen
from sretool.tui.timeline import parse_moment
from sretool.tui.words import tr

if TYPE_CHECKING:
    from textual.binding import BindingType

    from sretool.core.observe.model import SloHistory, Snapshot
    from sretool.core.observe.questions import Answers, Wanted
    from sretool.core.observe.replay import Moment, Player
    from sretool.core.slo.model import Slo
    from sretool.tui.board import View
    from sretool.tui.source import Watched

K = TypeVar("K")

_EVERY = 0.25
"""Seconds between two looks at the recording."""


class ReplayWatch:
    """Answers as the servers did then."""

    def __init__(self, player: Player[Known]) -> None:
        self._player = player

    @property
    def snapshot(self) -> Snapshot:
        snapshot = self._player.known().snapshot
        assert snapshot is not None
        return snapshot

    async def poll_metrics(self) -> Snapshot:
        return self.snapshot

    async def poll_alerts(self) -> Snapshot:
        return self.snapshot

    async def history(self, slo: Slo) -> SloHistory:
        known = self._player.known()
        found = known.histories.get(slo.id)
        failed = known.failures.get(slo.id)
        if found is None or failed is not None:
            raise SourceUnreachable(failed or tr(replay.NOT_RECORDED))
        return found

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        return replay.query_of(self._player.known(), slo, step)

    async def ask(self, wanted: Wanted) -> Answers:
        return replay.answered(self._player.known(), wanted, self._player.now)

    async def aclose(self) -> None:
        pass


class PlayedApp(DashApp, Generic[K]):
    """What is played has the clock of then; keys go to and fro in it, and nothing writes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("faster", "speed(1)"),
        keys.bind("slower", "speed(-1)"),
        keys.bind("next_change", "step(1)"),
        keys.bind("previous_change", "step(-1)"),
        keys.bind("next_page", "step(1, True)"),
        keys.bind("previous_page", "step(-1, True)"),
        keys.bind("jump_to", "jump_to"),
    ]

    def __init__(self, player: Player[K], watch: Watched, **rest: Any) -> None:
        self.player = player
        self._looked_at = time.monotonic()
        self._told = False
        """Whether it was said that it ends early."""
        super().__init__(watch, clock=lambda: player.now, readonly=True, **rest)

    def on_mount(self) -> None:
        # DashApp's own is called by Textual, too.
        self._looked_at = time.monotonic()
        self.set_interval(_EVERY, self._look)

    def _look(self) -> None:
        """Time went on; show what was known then."""
        now = time.monotonic()
        elapsed, self._looked_at = now - self._looked_at, now
        if self.player.playing:
            self.player.advance(timedelta(seconds=elapsed))
            self.show_moment()

    def show_moment(self) -> None:
        """What the player stands at, also where that is earlier than what was shown."""
        self.player.known()
        problem = self.player.recording.problem
        if problem is not None and not self._told:
            self._told = True
            self.tell(problem, bad=True)
        self.repaint()

    def view(self) -> View:
        self.board.session_mark = self.words()
        return super().view()

    def words(self) -> str:
        """When, and how fast."""
        player = self.player
        state = ">" if player.playing else "="
        clock = fmt.clock(player.now, local=self.board.local_time)
        over = f" {tr('END')}" if player.now >= player.recording.end else ""
        return f"REPLAY {clock} {state} x{player.speed}{over}"

    # --- keys ---------------------------------------------------------------------------------------------

    def action_freeze(self) -> None:
        """Pause means the recording here."""
        self.player.toggle()
        self.show_moment()

    def action_speed(self, steps: int) -> None:
        self.player.faster(steps)
        self.show_moment()

    def action_step(self, direction: int, pages: bool = False) -> None:
        moment = self.player.step(direction, pages=pages)
        if moment is None:
            what = tr("no page") if pages else tr("no change")
            self.notify(f"{what} {tr('after this') if direction > 0 else tr('before this')}")
            return
        self.player.playing = False
        self.show_moment()
        self._tell(moment)

    def _tell(self, moment: Moment) -> None:
        self.clear_notifications()
        self.notify(f"{self.board.view(moment.at).clock(moment.at)} {moment.text}", markup=False)

    def action_jump_to(self) -> None:
        screen = self.screen
        if isinstance(screen, BoardScreen):
            first, last = self.player.recording.start, self.player.recording.end
            view = self.view()
            span = f"{view.clock(first)} .. {view.clock(last)}"
            screen.ask_line(f"{tr('go to')} ", self._jump, hint=lambda text: f"{span}, 03:10, -5m")

    def _jump(self, text: str | None) -> None:
        if not text:
            return
        zone = None if self.board.local_time else UTC
        relative = text.strip().startswith("-")
        try:
            moment = parse_moment(text, self.player.now if relative else self.player.recording.end, zone)
        except UsageError as error:
            self.notify(f"{error.message}; {error.remedy}", severity="warning", markup=False)
            return
        self.player.go(moment)
        self.show_moment()


class ReplayApp(PlayedApp[Known]):
    """`sretool dash --replay` of a session."""

    def __init__(self, player: Player[Known], **rest: Any) -> None:
        super().__init__(player, ReplayWatch(player), **rest)

    def show_moment(self) -> None:
        snapshot = self.player.known().snapshot
        if snapshot is not None and snapshot is not self.board.snapshot:
            if snapshot.seq < self.board.snapshot.seq:
                self.board.rewind(snapshot)
                self.forget_histories()
            self._take(snapshot)
        super().show_moment()

    def words(self) -> str:
        """What was on screen then, too."""
        seen = self.player.known().seen
        shown = f"  {tr('saw')} {seen.about or seen.screen}" if seen.screen else ""
        typed = f" [{' '.join(seen.keys)}]" if seen.keys else ""
        return f"{super().words()}{shown}{typed}"
