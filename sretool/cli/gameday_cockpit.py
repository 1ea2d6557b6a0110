"""A game day and its screen at once: the game day on its own thread, so that it outlives the terminal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sretool.cli import load_cockpit
from sretool.cli.load_cockpit import LoadThread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from sretool.cli.context import Settings
    from sretool.tui.cockpit_app import CockpitApp

T = TypeVar("T")


class Steered(Protocol):
    """A game day that can be steered from any thread; everything returns at once."""

    def abort(self, by: str) -> None:
        """Undo everything, and end."""
        ...

    def interrupt(self, how: str) -> None:
        """The same because this program is asked to end; `how` says by what."""
        ...

    def hold(self, by: str) -> None: ...

    def go_on(self, by: str) -> None: ...

    def note(self, text: str, by: str) -> None: ...

    def mark(self, by: str, text: str = "") -> None: ...

    def answer(self, step: str, text: str, by: str) -> str:
        """Empty, or why it does not count."""
        ...


class GameDayThread(LoadThread[T]):
    """A game day that goes on beside the screen."""

    def __init__(
        self, settings: Settings, run: str, session: Steered, work: Callable[[], Coroutine[Any, Any, T]]
    ) -> None:
        super().__init__(run, work, session.interrupt)
        self._settings = settings
        self._session = session

    def abort(self, by: str) -> None:
        self._session.abort(by)

    def hold(self, by: str) -> None:
        self._session.hold(by)

    def go_on(self, by: str) -> None:
        self._session.go_on(by)

    def note(self, text: str, by: str) -> None:
        self._session.note(text, by)

    def mark(self, by: str) -> None:
        self._session.mark(by)

    def answer(self, step: str, text: str, by: str) -> str:
        return self._session.answer(step, text, by)

    def report(self) -> Path:
        """As far as the game day has come; SretoolError, OSError."""
        from sretool import wiring
        from sretool.adapters import project
        from sretool.cli import run_reports

        stored = wiring.runs(self._settings.project, self._settings.environment or {}).open(self.run)
        ((name, text),) = run_reports.texts(
            stored.folder, stored.record, "html", wiring.SystemClock().now()
        ).items()
        # All of them are written, and sealed, when the screen is left.
        project.replace_file(stored.folder / name, text.encode())
        return stored.folder / name


def run(
    settings: Settings,
    run: str,
    session: Steered,
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    reveal: bool = False,
) -> T:
    """Show the game day until it is over and somebody leaves; its result, whatever became of the screen.

    `run` is the id of its run, `work` makes what carries it out, on a thread of its own. `reveal`: what is
    hidden from whoever responds is shown.
    """

    def screen() -> Callable[..., CockpitApp]:
        from sretool.tui.gameday_app import GameDayApp

        return partial(GameDayApp, reveal=reveal)

    thread = GameDayThread(settings, run, session, work)
    return load_cockpit.run_beside(settings, thread, screen, "gameday", "ends when everything is undone")
