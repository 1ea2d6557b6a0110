"""Reading events that are still being written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.runs import lines
from sretool.core.runs.story import Story
from sretool.core.runs.veil import Veil
from sretool.errors import RunUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sretool.core.runs.events import RunEvent

_AT_ONCE: Final = 4 * 2**20
"""Bytes read by one call: a long run is caught up with in several, and keys are answered in between."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one look at the file brought."""

    events: tuple[RunEvent, ...]
    restarted: bool = False
    """The file is another one or became shorter: what was read before is void, these are from its start."""


class EventTail:
    """Gives each whole line once. A torn last line waits for its end; what is no event is counted."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._line = 0
        self.unreadable = 0
        self.first_unreadable: str | None = None
        """`events.jsonl:17: not an event: …`."""
        self.torn = False
        """Whether the file ended within a line when it was last read."""

    def read(self) -> Read:
        """What is new; nothing where there is no file (yet). OSError where it cannot be read."""
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return Read(())
        try:
            status = os.fstat(descriptor)
            restarted = self._restart_if_replaced((status.st_dev, status.st_ino), status.st_size)
            data = os.pread(descriptor, _AT_ONCE, self._offset)
        finally:
            os.close(descriptor)
        whole, end, rest = data.rpartition(b"\n")
        self.torn = bool(rest)
        if not end:
            return Read((), restarted)
        self._offset += len(whole) + 1
        found = tuple(event for line in whole.split(b"\n") if (event := self._event(line)) is not None)
        return Read(found, restarted)

    def rest(self) -> Iterator[RunEvent]:
        """Every event that was not read yet, for whoever does not follow what is written."""
        while found := self.read().events:
            yield from found

    @property
    def lost(self) -> str:
        """How much could not be read, in words; empty: nothing."""
        if self.unreadable <= 1:
            return "1 line is no event" if self.unreadable else ""
        return f"{self.unreadable} lines are no events"

    def _restart_if_replaced(self, identity: tuple[int, int], size: int) -> bool:
        same = self._identity in (None, identity) and size >= self._offset
        self._identity = identity
        if same:
            return False
        self._offset = self._line = self.unreadable = 0
        self.first_unreadable = None
        return True

    def _event(self, line: bytes) -> RunEvent | None:
        self._line += 1
        if not line.strip():
            return None
        try:
            return lines.decode(line)
        except RunUnreadable as error:
            self.unreadable += 1
            self.first_unreadable = (
                self.first_unreadable or f"{self._file.name}:{self._line}: {error.message}"
            )
            return None


@dataclass(frozen=True, slots=True)
class News:
    """What a follower has read and not yet taken in."""

    events: tuple[RunEvent, ...]
    story: Story | None = None
    """In place of the one so far, which is void."""


class Follower:
    """The story of a run, told again from the start where its events are replaced.

    What a game day keeps from whoever responds is told when it may be: then, too, from the start.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._veil = Veil()
        self.tail = EventTail(file)
        self.story = Story()

    def advance(self) -> bool:
        """Take in what is new, some megabytes at most; whether there was anything."""
        news = self.read()
        self.take(news)
        return bool(news.events) or news.story is not None

    def catch_up(self) -> None:
        """Take in everything there is."""
        while self.advance():
            pass

    def unveil(self) -> None:
        """Nothing is kept back any more."""
        if self._veil.keeps:
            self.story = self._again(Veil(open=True))

    def read(self) -> News:
        """What is new, some megabytes at most. It leaves the story alone, which another thread may read."""
        read = self.tail.read()
        fresh = None
        if read.restarted:
            self._veil, fresh = Veil(), Story()
        seen = _seen(self._veil, read.events)
        if self._veil.lifted:
            return News((), self._again(self._veil.again()))
        return News(seen, fresh)

    def take(self, news: News) -> None:
        self.story = news.story or self.story
        self.story.take_all(news.events)

    def _again(self, veil: Veil) -> Story:
        """The whole story from the first event on."""
        while True:
            tail, story = EventTail(self._file), Story()
            while (read := tail.read()).events:
                story.take_all(_seen(veil, read.events))
            if not veil.lifted:
                self._veil, self.tail = veil, tail
                return story
            veil = veil.again()


def _seen(veil: Veil, found: Iterable[RunEvent]) -> tuple[RunEvent, ...]:
    return tuple(event for each in found if (event := veil.seen(each)) is not None)
