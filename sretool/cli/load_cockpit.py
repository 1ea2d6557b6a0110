"""A run and its screen at once: the run on a thread of its own, so that it outlives the terminal."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from sretool.cli import dash, diagnostics, looks
from sretool.cli.stages import open_stage
from sretool.errors import SourceError, UsageError
from sretool.tui import words

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sretool.cli.context import Settings
    from sretool.cli.stages import Stage
    from sretool.tui.cockpit_app import CockpitApp
    from sretool.tui.source import Watched

T = TypeVar("T")

_REFRESH: Final = timedelta(seconds=5)


def needs_a_terminal(otherwise: str = "a line a second goes to stderr") -> None:
    """UsageError where there is no screen to draw on; `otherwise`: what there is without one."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if os.environ.get("TERM", "") in ("", "dumb") or not all(stream.isatty() for stream in streams):
        raise UsageError(
            "--tui needs stdin, stdout and stderr to be a terminal, and TERM to say which",
            remedy=f"leave it out: then {otherwise}",
        )


class LoadThread(Generic[T]):
    """Work that goes on beside the screen. Its own loop: nothing the screen does can keep it waiting."""

    def __init__(
        self, run: str, work: Callable[[], Coroutine[Any, Any, T]], stop: Callable[[str], None]
    ) -> None:
        """`stop` is called within the work's loop with the reason."""
        self.run = run
        self._work = work
        self._stop = stop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun = threading.Event()
        self._done: Future[T] = Future()
        self._thread = threading.Thread(target=self._main, name="load")

    def start(self) -> None:
        self._thread.start()
        self._begun.wait()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self, why: str) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._stop, why)
        except RuntimeError:
            # It ended a moment ago.
            return

    @property
    def failed(self) -> bool:
        """Whether it ended without any result."""
        return self._done.done() and self._done.exception() is not None

    def result(self) -> T:
        """Waits for its end; raises what it raised."""
        self._thread.join()
        return self._done.result()

    def _main(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._begun.set()
                self._done.set_result(runner.run(self._work()))
        except BaseException as error:
            # Raised again where its result is asked for.
            self._done.set_exception(error)
        finally:
            self._begun.set()


def run(settings: Settings, load: LoadThread[T]) -> T:
    """Show the load until it is over and somebody leaves; its result, whatever became of the screen."""
    return run_beside(settings, load, _screen, "load", "ends when the requests under way have ended")


def _screen() -> type[CockpitApp]:
    from sretool.tui.cockpit_app import CockpitApp

    return CockpitApp


def run_beside(
    settings: Settings,
    work: LoadThread[T],
    screen: Callable[[], Callable[..., CockpitApp]],
    command: str,
    ends: str,
) -> T:
    """The same for any work: `screen` gives its application, `ends` says what it waits for at its end."""
    work.start()
    try:
        _show(settings, work, screen, command)
    except Exception as error:
        # The screen is gone, the work is not: it ends in order, and its own result counts.
        work.stop("its screen is gone")
        diagnostics.tell(f"the screen ended: {error}")
    finally:
        work.stop("its screen was left")
        if work.running:
            diagnostics.talk(ends)
    return work.result()


def _show(
    settings: Settings, work: LoadThread[Any], screen: Callable[[], Callable[..., CockpitApp]], command: str
) -> None:
    from sretool import wiring
    from sretool.tui.cockpit_app import NoServers
    from sretool.tui.lasting import outliving_the_terminal
    from sretool.tui.source import BackgroundWatch

    chosen = looks.choose(settings.configuration(), os.environ, encoding=sys.stdout.encoding or "")
    words.speak(chosen.language)
    stage = _stage(settings)
    watch: Watched
    watch = BackgroundWatch(lambda: wiring.watch(stage.endpoints)) if stage is not None else NoServers(_now())
    state = settings.state()
    reader = looks.reader(settings.configuration(), None, settings.project) if stage is None else stage.reader
    desk = dash.desk_of(stage) if stage is not None else None
    try:
        app = screen()(
            work,
            watch,
            refresh=_REFRESH,
            clock=_now,
            jitter=random.random,
            glyphs=chosen.glyphs(),
            theme=chosen.theme,
            origin=stage.origin if stage is not None else "",
            alerts_configured=stage is not None and stage.endpoints.alertmanager is not None,
            system=stage.system if stage is not None else None,
            triage=dash.triage_of(stage, desk) if stage is not None else None,
            reader=reader,
            notebook=wiring.notebook(state, reader.me or os.environ.get("USER") or ""),
            commands=(command,),
        )
        with outliving_the_terminal():
            app.run()
    finally:
        if isinstance(watch, BackgroundWatch):
            watch.close()
        if desk is not None:
            desk.close()


def _stage(settings: Settings) -> Stage | None:
    """The servers to look at beside the load; None where none is known, or none answers."""
    try:
        return open_stage(settings)
    except (UsageError, SourceError):
        return None


def _now() -> datetime:
    return datetime.now(UTC)
