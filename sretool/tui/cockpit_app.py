"""`sretool load run --tui`: the dashboard on a load test that this program makes itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from sretool.core.observe.model import Snapshot
from sretool.tui.app import DashApp
from sretool.tui.line import Span
from sretool.tui.screens.cockpit import CockpitScreen
from sretool.tui.widgets.dialog import Confirm
from sretool.tui.words import later, tr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.core.observe.model import SloHistory
    from sretool.core.observe.questions import Answers, Wanted
    from sretool.core.runs.model import RunKind
    from sretool.core.slo.model import Slo
    from sretool.tui.line import Line
    from sretool.tui.screens.base import BoardScreen
    from sretool.tui.source import Watched

_LOOK: Final = 0.25
"""Seconds between two looks at whether the run is over."""
_ENDS: Final = (signal.SIGHUP, signal.SIGTERM)


class LoadAtWork(Protocol):
    """The load test that goes on beside the screen, and survives it."""

    @property
    def run(self) -> str:
        """Id of its run."""
        ...

    @property
    def running(self) -> bool: ...

    @property
    def failed(self) -> bool:
        """Whether it ended without anything to show."""
        ...

    def stop(self, why: str) -> None:
        """Let it end in order: requests under way end, verdict and report are written. Returns at once."""
        ...


class NoServers:
    """What is watched where no Prometheus is known: nothing, for ever."""

    def __init__(self, now: datetime) -> None:
        self._snapshot = Snapshot(0, now, timedelta(), (), (), ())

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    async def poll_metrics(self) -> Snapshot:
        await asyncio.Event().wait()
        return self._snapshot

    async def poll_alerts(self) -> Snapshot:
        return await self.poll_metrics()

    async def history(self, slo: Slo) -> SloHistory:
        raise AssertionError("there is no objective")

    def error_ratio(self, slo: Slo, step: timedelta) -> str:
        raise AssertionError("there is no objective")

    async def ask(self, wanted: Wanted) -> Answers:
        await asyncio.Event().wait()
        raise AssertionError("never asked")

    async def aclose(self) -> None:
        pass


class CockpitApp(DashApp):
    """Opens on the run. Leaving stops it first, and asks whether that is meant."""

    VIEW: ClassVar[str] = "load"
    OWN: ClassVar[type[BoardScreen]] = CockpitScreen
    """The screen of the run."""
    OVER: ClassVar[str] = later("the run is over; its reports are in its folder")

    def __init__(self, work: LoadAtWork, watch: Watched, **rest: Any) -> None:
        super().__init__(watch, view=self.VIEW, **rest)
        self.work = work
        self._leaving = False
        self._told = False

    def on_mount(self) -> None:
        # DashApp's own is called by Textual, too.
        self.call_after_refresh(self.push_screen, self.OWN())
        self.set_interval(_LOOK, self._look)
        loop = asyncio.get_running_loop()
        for number in _ENDS:
            # Not on the main thread: whoever runs it in a test sends no signals.
            with contextlib.suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, self._end, number)

    def open_run(self, run: str, kinds: Sequence[RunKind], words: str) -> None:
        if run == self.work.run:
            self.push_screen(self.OWN())
        else:
            super().open_run(run, kinds, words)

    def _look(self) -> None:
        if self.work.running or self._told:
            return
        self._told = True
        if self._leaving or self.work.failed:
            self.exit()
            return
        self.action_refresh_now()
        self.tell(tr(self.OVER))

    def _end(self, number: signal.Signals) -> None:
        """The terminal was closed, or somebody ends this program: nobody can be asked any more."""
        self.work.stop(f"ended by {signal.Signals(number).name}")
        self.exit()

    def ask_to_stop(self, *, leave: bool = False) -> None:
        """Stop the load, where that is meant; `leave`: and quit when it has ended."""
        if not self.work.running:
            self.tell(tr("the run is over"))
            return
        said: list[Line] = [
            [Span(tr("Requests under way may end; verdict and reports are written."))],
            [Span(tr("The verdict will say that it was stopped by hand."), "dim")],
        ]

        def act(answer: dict[str, str] | None) -> None:
            if answer is None:
                return
            if not self.work.running:
                self.ended_meanwhile(leave=leave)
                return
            self.work.stop("stopped by hand")
            self._leaving = leave
            self.tell(tr("stopping: requests under way may end"))

        title = tr("STOP THE LOAD AND QUIT?") if leave else tr("STOP THE LOAD?")
        self.push_screen(Confirm(title, said, verb=tr("Stop it"), glyphs=self.board.glyphs), act)

    def ended_meanwhile(self, *, leave: bool) -> None:
        """It came to its end by itself while somebody made up their mind."""
        if leave:
            self.leave_program()
        else:
            self.tell(tr("the run is over"))

    async def action_quit(self) -> None:
        self.leave_program()

    def action_leave(self) -> None:
        if isinstance(self.screen, self.OWN):
            self.leave_program()
        else:
            super().action_leave()

    def leave_program(self) -> None:
        if self.work.running:
            self.ask_to_stop(leave=True)
        else:
            super().leave_program()
