"""`sretool gameday run --tui`: the dashboard on a game day that this program carries out itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

from sretool.adapters.store.runs import RunStore
from sretool.core.runs.model import RunState
from sretool.core.runs.story import Story
from sretool.errors import SretoolError
from sretool.tui import export, gameday
from sretool.tui.cockpit_app import CockpitApp, LoadAtWork
from sretool.tui.line import Span
from sretool.tui.runs import RunPage
from sretool.tui.screens.gameday import GameDayCockpit
from sretool.tui.widgets.dialog import Confirm
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.runs import StoredRun
    from sretool.adapters.store.tail import Follower, News
    from sretool.tui.board import View
    from sretool.tui.line import Line
    from sretool.tui.source import Watched

_EVERY: Final = timedelta(seconds=0.5)
_EYE: Final = "this game day"


class GameDayAtWork(LoadAtWork, Protocol):
    """The game day that goes on beside the screen, and survives it. Everything returns at once."""

    def abort(self, by: str) -> None:
        """Every fault is undone, then everything that runs is ended."""
        ...

    def stop(self, why: str) -> None:
        """The same because this program is asked to end; `why` says by what."""
        ...

    def hold(self, by: str) -> None:
        """No step begins until `go_on`; what goes on goes on."""
        ...

    def go_on(self, by: str) -> None: ...

    def note(self, text: str, by: str) -> None: ...

    def mark(self, by: str) -> None: ...

    def answer(self, step: str, text: str, by: str) -> str:
        """To what is asked just now; why it does not count, or nothing."""
        ...

    def report(self) -> Path:
        """Write the report as far as the game day has come; takes a moment. SretoolError, OSError."""
        ...


class Look(NamedTuple):
    stored: StoredRun
    found: list[News]


class RunEye:
    """One run of a project, followed by whoever calls `look`, from one thread at a time."""

    def __init__(self, state: Path, run: str, *, reveal: bool = False) -> None:
        """`reveal`: what it keeps from whoever responds is told at once."""
        self._reveal = reveal
        self._store = RunStore(state)
        self._run = run
        self._follower: Follower | None = None
        self._stored: StoredRun | None = None

    def look(self) -> Look:
        """What is new, to be given to `take`; OSError and RunUnreadable where that cannot be read."""
        stored = self._store.open(self._run)
        if self._follower is None:
            self._follower = self._store.follow(stored)
        if self._reveal or stored.record.state is RunState.LOST:
            self._follower.unveil()
        found = [self._follower.read()]
        while found[-1].events or found[-1].story is not None:
            found.append(self._follower.read())
        return Look(stored, found)

    def take(self, look: Look) -> None:
        """On the thread that draws."""
        assert self._follower is not None
        for news in look.found:
            self._follower.take(news)
        self._stored = look.stored

    @property
    def story(self) -> Story:
        return self._follower.story if self._follower is not None else Story()

    @property
    def folder(self) -> str:
        return str(self._stored.folder) if self._stored is not None else ""

    def page(self) -> RunPage | None:
        """None until it was read once."""
        if self._stored is None or self._follower is None:
            return None
        return RunPage(self._stored.record, self.story, (), self._follower.tail.first_unreadable)


class GameDayApp(CockpitApp):
    """Opens on the game day. Leaving aborts it first, and asks whether that is meant; `x` does not ask."""

    VIEW: ClassVar[str] = "gameday"
    OWN = GameDayCockpit
    OVER: ClassVar[str] = later("the game day is over; its reports are written when you leave")
    work: GameDayAtWork

    def __init__(self, work: GameDayAtWork, watch: Watched, *, reveal: bool = False, **rest: Any) -> None:
        super().__init__(work, watch, **rest)
        assert self.notebook is not None
        self._eye = RunEye(self.notebook.state, work.run, reveal=reveal)
        self._asked = ""
        """The step whose question was announced."""
        self._guards = 0

    def on_mount(self) -> None:
        # CockpitApp's own is called by Textual, too.
        self.start_poll(_EYE, self._read, _EVERY)

    async def _read(self) -> bool:
        before = self.story.last
        try:
            # What was undone long ago may take a while to read again; keys are answered meanwhile.
            self._eye.take(await asyncio.to_thread(self._eye.look))
        except (OSError, SretoolError) as error:
            self.board.log.append((self.clock(), f"{self.work.run}: {error}"))
            return False
        self._announce_asked()
        if self.story.last is not before and isinstance(self.screen, GameDayCockpit):
            self.repaint()
        return True

    def _announce_asked(self) -> None:
        """A question, on whatever screen one is."""
        span = gameday.waiting(self.story)
        step = span.plan.id if span is not None else ""
        if span is not None and span.asked is not None and step != self._asked:
            asked = span.asked
            self.ring()
            if not isinstance(self.screen, GameDayCockpit):
                self.tell(tr("{role} is asked: {question}", role=asked.role, question=asked.question))
        self._asked = step

    @property
    def story(self) -> Story:
        return self._eye.story

    @property
    def folder(self) -> str:
        return self._eye.folder

    @property
    def who(self) -> str:
        """Who sits here."""
        return self.reader.me or (self.notebook.who if self.notebook is not None else "")

    def page(self, view: View) -> RunPage | None:
        return self._eye.page()

    def look_now(self) -> None:
        """Something was done that is to be seen at once."""
        self.wake_poll(_EYE)

    def ask_to_stop(self, *, leave: bool = False) -> None:
        """Abort it, where that is meant; `leave`: and quit when everything is undone."""
        said: list[Line] = [
            [Span(tr("Every fault is undone, every load ends; verdict and report are written."))],
            [Span(tr("To keep it going, leave this screen open; `esc` leads to the other views."), "dim")],
        ]

        def act(answer: dict[str, str] | None) -> None:
            if answer is None:
                return
            if not self.work.running:
                self.ended_meanwhile(leave=leave)
                return
            self.work.abort(self.who or "whoever left the screen")
            self._leaving = leave
            self.tell(tr("aborted: everything is undone"), bad=True)

        title = tr("ABORT THE GAME DAY AND QUIT?")
        self.push_screen(Confirm(title, said, verb=tr("Abort it"), glyphs=self.board.glyphs), act)

    def action_export(self) -> None:
        """On the game day's own screen its report is one of the forms."""
        screen = self.screen
        if not isinstance(screen, GameDayCockpit):
            super().action_export()
            return
        choices = {"r": (tr("the report so far"), self._write_report)}
        for key, (name, word) in export.KEYS.items():
            choices[key] = (tr(word), lambda name=name: self.export(name))  # type: ignore[misc]
        screen.ask_key(tr("write"), choices)

    def _write_report(self) -> None:
        self.run_worker(self._report(), name="report", exit_on_error=False)

    async def _report(self) -> None:
        try:
            file = await asyncio.to_thread(self.work.report)
        except SretoolError as error:
            self.tell(error.message, bad=True)
        except OSError as error:
            self.tell(f"{error.strerror or error}: {error.filename or self.folder}", bad=True)
        else:
            self.tell(tr("written: {file}", file=str(file)))
