"""The dashboard as an application: one loop per source, one board, screens that draw it."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.events import Event, Key, Paste
from textual.worker import Worker, WorkerState

from sretool.core.observe.questions import Answers, Wanted
from sretool.core.observe.recording import Seen
from sretool.errors import SourceError, UsageError
from sretool.tui import keys, slo_charts
from sretool.tui.board import Board
from sretool.tui.pace import Pace
from sretool.tui.pages import LoopState
from sretool.tui.reader import Reader
from sretool.tui.screens.base import BoardScreen
from sretool.tui.screens.detail import DetailScreen
from sretool.tui.screens.pages import ExplainScreen, HelpScreen, LogScreen
from sretool.tui.shell import Shell
from sretool.tui.slo_charts import Charted, Drawn, Past
from sretool.tui.themes import ANSI_THEMES, THEMES
from sretool.tui.timeline import Timeline
from sretool.tui.triage import UPKEEP_EVERY, Triage
from sretool.tui.views import ROOT, VIEWS, read_ahead
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from textual.binding import BindingType
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.worker import WorkType

    from sretool.adapters.files.runbooks import Runbooks
    from sretool.adapters.store.notebook import Notebook
    from sretool.core.catalog.model import System
    from sretool.core.observe.model import Alert, Snapshot
    from sretool.core.runs.model import RunKind
    from sretool.core.slo.model import Slo, SloId
    from sretool.tui.board import Notice, View
    from sretool.tui.contexts import Contexts
    from sretool.tui.format import Glyphs
    from sretool.tui.screens.runs import RunShelf
    from sretool.tui.sessions import Session, SessionKeeper
    from sretool.tui.source import Watched

NOT_DRAWN = "the screen could not be drawn"
_UPKEEP_TICK = 5.0
_TICK = 1.0
"""Seconds between two looks at the clock."""
_PASSING = 0.15
"""Seconds a row must stay under the cursor before its history is asked for."""
_HISTORY_EVERY = 300.0
"""Its points are hours apart."""
_HISTORY_RETRY = 5.0
_PANELS = "panels"
_KEYS_NOTED = 5
_STEPS_EVERY = 3.0
_READ_AHEAD = 2.0
"""Seconds after the start at which the code of the other views is read."""
_RESTART_AFTER = 1.0
"""Seconds until a loop that broke is started again."""


@dataclass(frozen=True, slots=True)
class _Poll:
    """One source that is asked again and again."""

    ask: Callable[[], Awaitable[bool]]
    every: float
    """Seconds."""
    wake: asyncio.Event
    """Set: ask now."""


class DashApp(Shell):
    """`sretool dash`."""

    TITLE = "sretool"
    CSS_PATH = "sretool.tcss"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {view.name: view.make for view in VIEWS}
    DEFAULT_MODE = ROOT
    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("pause", "freeze"),
        keys.bind("refresh", "refresh_now"),
        keys.bind("time", "toggle_time"),
        keys.bind("help"),
        keys.bind("explain"),
        keys.bind("dashboards"),
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
        view: str = ROOT,
        readonly: bool = False,
        system: System | None = None,
        triage: Triage | None = None,
        reader: Reader | None = None,
        contexts: Contexts | None = None,
        notebook: Notebook | None = None,
        commands: Collection[str] = (),
        runbooks: Runbooks | None = None,
        environment: Mapping[str, str] | None = None,
        addresses: Mapping[str, str] | None = None,
        sessions: SessionKeeper | None = None,
    ) -> None:
        # Known before the theme is set: Textual chooses what NO_COLOR strips when the app is made.
        # Textual strips colours wherever it is set, even to nothing, which means that nobody asked for it.
        no_color = os.environ.pop("NO_COLOR", None)
        if no_color:
            os.environ["NO_COLOR"] = no_color
        super().__init__(ansi_color=True if theme in ANSI_THEMES else None)
        if no_color is not None:
            # Textual takes it away from the environment; the programs we start must still see it.
            os.environ["NO_COLOR"] = no_color
        self.animation_level = "none"
        for own in THEMES:
            self.register_theme(own)
        self.theme = theme
        self.clock = clock
        self.readonly = readonly
        """Whether every key that changes anything outside the screen is taken away."""
        self.reader = reader or Reader()
        self.own_keys = self.reader.keys
        self.set_keymap(dict(self.own_keys))
        self.contexts = contexts
        """Where else `:ctx` leads; None: nowhere."""
        self.notebook = notebook
        """Runs, marks and ticks of the project; None: there is nowhere to keep them."""
        self.commands = commands
        """What `sretool` can do beside this dashboard."""
        self.runbooks = runbooks
        """None: nobody knows where they lie."""
        self.environment = environment or {}
        """Of programs that are given the terminal: as it was before this program changed its own."""
        self.addresses = addresses or {}
        """What commands of runbooks call by name: `PROMETHEUS`, `APP`, …"""
        self.bell_rings = self.reader.bell
        self.system = system
        """The catalog; None: only objectives are known."""
        self.triage = triage or Triage(
            system=system, me=self.reader.me or None, teams=tuple(sorted(self.reader.teams))
        )
        self.answers = Answers()
        """To what the screen on top wants to know beside the objectives."""
        self._wanted = Wanted()
        self._wanted_by: Screen[object] | None = None
        self.timeline = Timeline()
        """The time that every chart shows."""
        self._drawn = Drawn()
        self.sessions = sessions
        """Writes down what is seen; None: there is nowhere to keep it."""
        self._keys_typed: tuple[str, ...] = ()
        self._asking_soon: Timer | None = None
        self.board = Board(
            watch.snapshot,
            refresh=refresh,
            origin=origin,
            glyphs=glyphs,
            alerts_configured=alerts_configured,
        )
        self.board.readonly = readonly
        self.board.production = contexts is not None and contexts.production
        self.board.turn_to(ROOT)
        self._watch = watch
        self._jitter = jitter
        self._alerts_configured = alerts_configured
        self._first_view = view
        self._polls: dict[str, _Poll] = {}
        self._broke: dict[str, str] = {}
        """Why a loop ended last, by its name."""
        self._pasts: dict[SloId, Past] = {}
        self._followed: Slo | None = None
        self._painted_at = 0.0
        self._steps: dict[tuple[str, str], tuple[float, tuple[tuple[str, bool], ...]]] = {}
        """When the steps of a runbook were read for a subject, and what they were."""

    # --- data in ------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.open_view(self._first_view)
        self._poll_source("prometheus", lambda: self._watch.poll_metrics())
        if self._alerts_configured:
            self._poll_source("alertmanager", lambda: self._watch.poll_alerts())
        self.set_interval(_TICK, self._tick)
        self.set_interval(_UPKEEP_TICK, self._look_after_acks)
        self.set_timer(_READ_AHEAD, self._read_ahead)

    def _read_ahead(self) -> None:
        """Read the code of the other views while nobody waits for it."""
        Thread(target=read_ahead, name="views", daemon=True).start()

    def _look_after_acks(self) -> None:
        """From the first ack on, renew what is near its end and drop what is over, whatever is on screen."""
        wanted = not self.readonly and self.triage.desk is not None
        if wanted and "acks" not in self._polls and self.triage.has_acks(self.board.snapshot):
            self.start_poll("acks", lambda: self.triage.poll_silences(self.clock, upkeep=True), UPKEEP_EVERY)

    def _poll_source(self, source: str, ask: Callable[[], Awaitable[Snapshot]]) -> None:
        async def asked() -> bool:
            snapshot = await ask()
            self._take(snapshot)
            health = snapshot.source(source)
            return health is not None and health.ok

        self.start_poll(source, asked, self.board.refresh)

    def start_poll(self, name: str, ask: Callable[[], Awaitable[bool]], every: timedelta) -> None:
        """Call `ask` at once and then for ever: never twice at once, never faster than it answers.

        It says whether there was an answer; without one it is called again sooner. What it learned is its
        own to keep; the screen is drawn anew by whoever knows that something changed. A poll of the same
        name takes the place of the one before.
        """
        self._polls[name] = _Poll(ask, every.total_seconds(), asyncio.Event())
        self._start_loop(name)

    def stop_poll(self, name: str) -> None:
        if self._polls.pop(name, None) is not None:
            self.workers.cancel_group(self, name)

    def wake_poll(self, name: str) -> None:
        """Ask this one now."""
        if name in self._polls:
            self._polls[name].wake.set()

    def _start_loop(self, name: str) -> None:
        poll = self._polls.get(name)
        if poll is None:
            return

        # A function: a worker that is replaced before its first step leaves no coroutine behind.
        async def keep_asking() -> None:
            await self._keep_asking(name, poll)

        work: WorkType[None] = keep_asking
        self.run_worker(work, name=name, group=name, exclusive=True, exit_on_error=False)

    async def _keep_asking(self, name: str, poll: _Poll) -> None:
        pace = Pace(poll.every, self._jitter)
        while True:
            poll.wake.clear()
            ok = await poll.ask()
            pause = pace.pause(time.monotonic(), ok=ok)
            if ok:
                self.board.retries.pop(name, None)
            else:
                self.board.retries[name] = self.clock() + timedelta(seconds=pause)
            await _wait(poll.wake, pause)

    def want(self, wanted: Wanted | None) -> None:
        """Keep `answers` to these questions fresh, and to no others; None: nobody asks any more."""
        if wanted is None:
            # The screen that is left may be told so after the next one has asked.
            if self._wanted_by is not self.screen:
                self.stop_poll(_PANELS)
            return
        self._wanted_by = self.screen
        changed, self._wanted = wanted != self._wanted, wanted
        running = self._polls.get(_PANELS)
        if running is None:
            self.start_poll(_PANELS, self._ask_wanted, self.board.refresh)
        elif changed:
            # What is only passed by on the way to something else is not asked for.
            if self._asking_soon is not None:
                self._asking_soon.stop()
            self._asking_soon = self.set_timer(_PASSING, running.wake.set)

    async def _ask_wanted(self) -> bool:
        self.answers = await self._watch.ask(self._wanted)
        self.repaint()
        return self.answers.error is None

    def _take(self, snapshot: Snapshot) -> None:
        if snapshot.seq < self.board.snapshot.seq:
            return
        self._announce(self.board.take(snapshot, self.clock()))
        self.repaint()

    def _tick(self) -> None:
        """Ages and the clock go on; what an answer has just painted is not painted again."""
        self._announce(self.board.tick(self.clock()))
        self._mark_session()
        if time.monotonic() - self._painted_at > _TICK / 2:
            self.repaint()

    def _announce(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self.notify(notice.text, severity="warning" if notice.bad else "information", markup=False)
            if notice.bad:
                self.ring()
            elif notice.text.startswith("Prometheus back") and self._followed is not None:
                followed, self._followed = self._followed, None
                self.follow(followed)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is not WorkerState.ERROR:
            return
        self.board.log.append((self.clock(), f"loop {event.worker.name} broke: {event.worker.error!r}"))
        self._broke[event.worker.name] = repr(event.worker.error)
        if event.worker.name in self._polls:
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

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        """PromQL of the bad share of one SLO at points `step` apart."""
        return self._watch.error_ratio(slo, step)

    def charted(self, slo: Slo) -> Charted:
        """What the charts of an SLO are drawn from."""
        ratio = slo_charts.ratio(slo, self.error_ratio, self.timeline, self.answers)
        return Charted(self.past(slo.id), ratio, self.timeline, self._drawn, self.triage.silences_of(slo))

    def show_time(self, text: str) -> None:
        """As `:t` says: `2h`, `03:00 +2h`, `live`."""
        try:
            self.timeline.go(text, self.clock(), local=self.board.local_time)
        except UsageError as error:
            said = f"{error.message}; {error.remedy}" if error.remedy else error.message
            self.tell(said, bad=True)
        self.repaint()

    def toggle_recording(self) -> None:
        """Write down from now on what is seen, or stop that."""
        if self.sessions is None:
            self.tell(tr("a session cannot be recorded here"), bad=True)
        elif self.sessions.session.running:
            folder = self.sessions.stop()
            name = folder.name if folder is not None else ""
            self.tell(tr("recorded: sretool dash --replay {name}", name=name))
        else:
            try:
                folder = self.sessions.start()
            except UsageError as error:
                self.tell(error.message, bad=True)
                return
            self._hand_over_known(self.sessions.session)
            self.tell(tr("recording into {folder}; :record again stops it", folder=str(folder)))
        self._mark_session()

    def _hand_over_known(self, session: Session) -> None:
        """What is already known belongs to the recording."""
        session.snapshot(self.board.snapshot)
        session.answers(self.answers)
        for slo, past in self._pasts.items():
            if past.history is not None:
                session.history(slo, past.history)

    def _mark_session(self) -> None:
        if self.sessions is None:
            return
        if self.sessions.problem is not None:
            self.tell(self.sessions.problem, bad=True)
            self.sessions.stop()
        mark = "REC" if self.sessions.session.running else ""
        if mark != self.board.session_mark:
            self.board.session_mark = mark
            self.repaint()

    def forget_histories(self) -> None:
        """Another time is shown: what is known of the past is asked again."""
        self._pasts.clear()
        followed, self._followed = self._followed, None
        self.follow(followed)

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

    @cached_property
    def shelf(self) -> RunShelf | None:
        """The runs that screens look at; None without a notebook."""
        from sretool.tui.screens.runs import RunShelf

        return RunShelf(self.notebook) if self.notebook is not None else None

    @property
    def context_name(self) -> str:
        """What the present servers are called; empty where they have no name."""
        return self.contexts.current if self.contexts is not None else ""

    def open_runbook(self, name: str | None, subject: str, about: str = "", service: str = "") -> None:
        """Read a runbook for `subject` (what is worked on), whose ticks are shown and kept."""
        from sretool.tui.screens.runbook import RunbookScreen

        if name:
            self.push_screen(RunbookScreen(name, subject, about, service))
        else:
            self.tell(tr("no runbook is named for it: set runbook in the SLO or the alert rule"), bad=True)

    def runbook_steps(self, name: str | None, subject: str) -> tuple[tuple[str, bool], ...]:
        """The steps of a runbook, and which of them are done for `subject`; none until it is read."""
        if not name or "://" in name or self.runbooks is None:
            return ()
        asked = (name, subject)
        known = self._steps.get(asked)
        if known is None or time.monotonic() - known[0] > _STEPS_EVERY:
            # Put down first: it is read once at a time.
            self._steps[asked] = (time.monotonic(), known[1] if known is not None else ())
            self.run_worker(self._read_steps(name, subject), group="steps", exit_on_error=False)
        return self._steps[asked][1]

    async def _read_steps(self, name: str, subject: str) -> None:
        # The first time the Markdown library is loaded; keys are answered meanwhile.
        from sretool.tui.runbook import steps_of

        before = self._steps[name, subject][1]
        found = await asyncio.to_thread(steps_of, self.runbooks, self.notebook, name, subject)
        self._steps[name, subject] = (time.monotonic(), found)
        if found != before:
            self.repaint()

    def open_runbook_of_slo(self, slo: Slo) -> None:
        self.open_runbook(slo.runbook, f"slo:{slo.id}", slo.id, slo.service)

    def open_runbook_of_alert(self, alert: Alert) -> None:
        # One firing is one incident: the next one begins with nothing done.
        subject = f"alert:{alert.fingerprint}@{int(alert.since.timestamp())}"
        known = self.board.status(alert.slo) if alert.slo is not None else None
        named = alert.annotations.get("runbook") or alert.annotations.get("runbook_url")
        service = alert.labels.get("service") or (known.slo.service if known is not None else "")
        self.open_runbook(
            named or (known.slo.runbook if known is not None else None), subject, alert.name, service
        )

    def open_slo(self, slo: SloId) -> None:
        self.push_screen(DetailScreen(slo))

    def open_service(self, service: str) -> None:
        from sretool.tui.screens.service import ServiceScreen

        self.push_screen(ServiceScreen(service))

    def open_run(self, run: str, kinds: Sequence[RunKind], words: str) -> None:
        """One run of a view of some kinds, which is called like `words`."""
        from sretool.tui.screens.runs import RunScreen

        self.push_screen(RunScreen(run, kinds, words))

    def open_alert(self, fingerprint: str) -> None:
        from sretool.tui.screens.alerts import OpenAlertScreen

        self.push_screen(OpenAlertScreen(fingerprint))

    def open_dashboard(self, name: str) -> None:
        """One of the catalog's, by its id."""
        from sretool.tui.screens.boards import DashboardScreen

        boards = self.system.dashboards if self.system is not None else ()
        board = next((board for board in boards if board.id == name), None)
        if board is None:
            known = ", ".join(board.id for board in boards) or tr("none")
            self.tell(
                tr("there is no dashboard {name}; there are: {known}", name=name, known=known), bad=True
            )
        else:
            self.push_screen(DashboardScreen(board))

    def action_dashboards(self) -> None:
        from sretool.tui.screens.boards import DashboardsScreen

        self.push_screen(DashboardsScreen())

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key | Paste) and not event.is_forwarded and isinstance(self.screen, BoardScreen):
            self.board.touched(self.clock())
            asked = self.screen.takes_text
            if not self.screen.take_input(event):
                await super().on_event(event)
            # What is typed into a line is not written down: it may be anything.
            self._note_seen(event.key if isinstance(event, Key) and not asked else "")
            return
        await super().on_event(event)

    def _note_seen(self, key: str) -> None:
        """Into the recording, where there is one: what is on screen, and the last keys."""
        if self.sessions is None or not self.sessions.session.running:
            return
        if key:
            self._keys_typed = (*self._keys_typed, key)[-_KEYS_NOTED:]
        screen = self.screen
        about = getattr(screen, "slo", "") or getattr(screen, "fingerprint", "")
        words = str(getattr(screen, "TITLE_WORDS", ""))
        self.sessions.session.seen(Seen(words, str(about), self._keys_typed))

    # --- keys ---------------------------------------------------------------------------------------------

    def action_freeze(self) -> None:
        self.board.freeze(self.clock())
        self.repaint()

    def action_refresh_now(self) -> None:
        for poll in self._polls.values():
            poll.wake.set()
        followed, self._followed = self._followed, None
        self.follow(followed)

    def action_toggle_time(self) -> None:
        self.board.local_time = not self.board.local_time
        self.repaint()

    def action_help(self) -> None:
        if isinstance(self.screen, BoardScreen):
            self.push_screen(HelpScreen(self.screen.TITLE_WORDS, tuple(self._ids_here())))

    def _ids_here(self) -> set[str]:
        """Ids of the keys that work on the screen on top, on whichever of its panes."""
        nodes = [self, self.screen, *self.screen.query("*").results()]
        bound = {binding.id for node in nodes for _, binding in node._bindings}
        return {id for id in bound if id in keys.KEYS and self.offers(id)}

    def action_explain(self) -> None:
        self.push_screen(ExplainScreen())

    def open_log(self) -> None:
        self.push_screen(LogScreen())

    def loops(self) -> list[LoopState]:
        """Every loop that asks something, and whether it runs."""
        running = {worker.name for worker in self.workers if worker.is_running}
        return [
            LoopState(name, name in running, poll.every, self._broke.get(name, ""))
            for name, poll in self._polls.items()
        ]

    def action_never_quit(self) -> None:
        leave = keys.first("leave", self.own_keys)
        self.tell(tr("ctrl+c does not quit here; {key} does, on the overview", key=leave))


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
