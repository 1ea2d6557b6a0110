"""A game day on a plain terminal: a line for each thing that happens, and what people type meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from sretool.cli import chaos_run
from sretool.cli.chaos_run import aside
from sretool.core.runs.events import Asked
from sretool.core.runs.story import Story
from sretool.core.runs.veil import Veil

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.runs.events import RunEvent
    from sretool.services.gameday import GameDaySession

_HOW: Final = (
    "type `n TEXT` for a note, `m` for a mark, `p` to hold and to go on,\n"
    "`x` to undo everything and end; anything else answers what is asked"
)
_AT_ONCE: Final = 4096


class Lines:
    """What happens, a line at a time, on stderr; what is hidden is told when it is over."""

    def __init__(self, *, reveal: bool) -> None:
        self._veil = Veil(open=reveal)
        self._story = Story()
        self._events: list[RunEvent] = []
        self._shown: set[int] = set()

    def show(self, event: RunEvent) -> None:
        keeps = self._veil.keeps or not self._events
        if keeps:
            self._events.append(event)
        seen = self._veil.seen(event)
        if self._veil.lifted:
            self._tell_again()
        elif seen is not None:
            if keeps:
                self._shown.add(id(event))
            self._tell(seen)

    def _tell_again(self) -> None:
        """What was kept back till now; the story of it begins anew, as names are known now."""
        self._veil, self._story = self._veil.again(), Story()
        for each in self._events:
            seen = self._veil.seen(each)
            if seen is not None:
                self._tell(seen, silent=id(each) in self._shown)
                self._shown.add(id(each))

    def _tell(self, event: RunEvent, *, silent: bool = False) -> None:
        self._story.take(event)
        lines, self._story.log = self._story.log, []
        if silent:
            return
        for line in lines:
            aside(chaos_run.told(line))
        if isinstance(event.what, Asked) and event.what.answers:
            aside(f"{'':>8}  one of: {', '.join(event.what.answers)}")


@contextlib.contextmanager
def listening(session: GameDaySession, me: str) -> Iterator[None]:
    """What is typed meanwhile steers the game day; nothing where stdin is no terminal."""
    if not sys.stdin.isatty():
        yield
        return
    loop = asyncio.get_running_loop()
    typed = Typed(session, me)
    descriptor = sys.stdin.fileno()

    def read() -> None:
        try:
            data = os.read(descriptor, _AT_ONCE)
        except OSError:
            data = b""
        if not data:
            # Nobody types there any more.
            loop.remove_reader(descriptor)
            return
        typed.take(data)

    aside(_HOW)
    try:
        loop.add_reader(descriptor, read)
    except (OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


class Typed:
    """Whole lines of what comes from a terminal."""

    def __init__(self, session: GameDaySession, me: str) -> None:
        self._session, self._me = session, me
        self._rest = b""

    def take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(" ".join(line.decode(errors="replace").split()))

    def _line(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        session, asked = self._session, next(iter(tuple(self._session.asked)), None)
        match word:
            case "":
                return
            case "n" if rest:
                session.note(rest, self._me)
            case "m":
                session.mark(self._me, rest)
            case "p" if not rest:
                self._hold_or_go_on()
            case "x" if not rest:
                session.abort(self._me)
            case _ if asked is not None:
                problem = session.answer(asked, text, self._me)
                if problem:
                    aside(problem)
            case _:
                aside(_HOW)

    def _hold_or_go_on(self) -> None:
        from sretool.core.plans.gameday.machine import Phase

        if self._session.machine.phase is Phase.HELD:
            self._session.go_on(self._me)
        else:
            self._session.hold(self._me)
