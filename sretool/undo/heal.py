"""Undoing everything that a log holds, and every log of the machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from sretool.undo import identity, index, lease
from sretool.undo.apply import apply, longest
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sretool.undo.entry import Result

_TURN: Final = "undo.healing"
_TURN_PATIENCE: Final = 10.0
"""Seconds that somebody else may take for his healing beside what it waits for."""
_WRITING: Final = 0.5
"""Seconds that writing one entry takes at most, the disk's own time included."""
_STOPPING: Final = 0.5
_REST: Final = 0.1
"""Seconds before an undo that failed is tried again."""


@dataclass(slots=True)
class Healed:
    """What healing one log came to."""

    folder: Path
    results: list[Result] = field(default_factory=list)
    problem: str = ""
    """Why the log as a whole could not be dealt with."""
    unwritten: str = ""
    """Why the log does not say that it was undone."""

    @property
    def complete(self) -> bool:
        return not self.problem and all(each.ok for each in self.results)


def heal(folder: Path, *, tries: int = 3, only: set[str] | None = None) -> Healed:
    """Undo what the log of `folder` holds, the newest first; `only`: these entries, and no seal on the log.

    Whoever makes faults by this log is held meanwhile, so that nothing is made behind our back, and the log
    takes no further faults. Programs that heal at once take turns.
    """
    log = UndoLog(folder)
    healed = Healed(folder)
    try:
        with _turn(folder), _held(log):
            if only is None:
                _noted(healed, log.seal)
            try:
                standing = log.left()
            except ValueError as error:
                # What can be read is undone all the same.
                healed.problem = str(error)
                standing = log.left(whole=False)
            left = [each.entry for each in standing if only is None or each.entry.id in only]
            for attempt in range(tries):
                time.sleep(_REST * attempt)
                results = [apply(each) for each in left]
                for result in results:
                    _noted(healed, partial(log.close, result))
                done = {each.id for each in results}
                healed.results = [each for each in healed.results if each.id not in done] + results
                left = [each for each, result in zip(left, results, strict=True) if not result.ok]
                if not left:
                    break
    except (OSError, ValueError) as error:
        healed.problem = str(error)
    return healed


def _noted(healed: Healed, write: Callable[[], None]) -> None:
    """What cannot be written down (the disk is full) is undone all the same; it stays open in the log."""
    try:
        write()
    except OSError as error:
        healed.unwritten = str(error)


def settle(folder: Path, *, tries: int = 3) -> Healed:
    """Look once more at everything the log ever held, when nobody is left who makes faults by it.

    A program that was held between writing an entry and making its fault may have made the fault after it was
    undone.
    """
    log = UndoLog(folder)
    healed = heal(folder, tries=tries)
    try:
        with _turn(folder):
            for each in reversed(log.read()):
                if each.closed in ("undone", "already"):
                    result = apply(each.entry)
                    if result.how in ("undone", "failed"):
                        _noted(healed, partial(log.close, result))
                        healed.results.append(result)
    except (OSError, ValueError) as error:
        healed.problem = healed.problem or str(error)
    return healed


def finish(folder: Path, places: Path, *, tries: int = 3) -> Healed:
    """Undo what a log holds whose programs are all gone or hang, and take it off the index `places`."""
    first = heal(folder, tries=tries)
    end_actors(UndoLog(folder))
    healed = settle(folder, tries=tries if first.complete else 1)
    seen = {each.id for each in healed.results}
    healed.results = [each for each in first.results if each.id not in seen] + healed.results
    if healed.complete:
        index.drop(places, folder)
    return healed


def left_over(places: Path) -> list[Path]:
    """Folders of logs on the index `places` that hold something to undo and that nobody looks after."""
    found = []
    for folder in index.folders(places):
        if lease.live(folder):
            continue
        try:
            nothing = not UndoLog(folder).left()
        except (OSError, ValueError):
            nothing = False
        if nothing:
            index.drop(places, folder)
        else:
            found.append(folder)
    return found


def open_faults(places: Path) -> tuple[str, ...]:
    """What is still in of every log on the index, in words; also of logs that somebody looks after."""
    found = []
    for folder in index.folders(places):
        try:
            found += [f"{each.entry.fault} ({each.entry.target})" for each in UndoLog(folder).left()]
        except (OSError, ValueError) as error:
            found.append(f"{folder} cannot be read: {error}")
    return tuple(found)


def patience(folder: Path) -> float:
    """Seconds that undoing what a log holds takes at most; nobody waits longer for somebody who does it."""
    try:
        left = UndoLog(folder).left()
    except (OSError, ValueError):
        left = []
    return _TURN_PATIENCE + sum(longest(each.entry.undo) for each in left)


def end_actors(log: UndoLog) -> None:
    """Kill whoever makes faults by this log: nobody watches over them any more."""
    for pid in log.actors():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        until = time.monotonic() + 1
        while pid in log.actors() and time.monotonic() < until:
            time.sleep(0.005)


@contextlib.contextmanager
def _held(log: UndoLog) -> Iterator[None]:
    """No program that makes faults runs meanwhile."""
    # One that were stopped while it writes would keep us from writing.
    descriptor = _lock(log)
    held = [pid for pid in log.actors() if pid != os.getpid()]
    for pid in held:
        _send(pid, signal.SIGSTOP)
    _wait(lambda: all(identity.stopped(pid) or identity.start_time(pid) is None for pid in held), _STOPPING)
    if descriptor is not None:
        os.close(descriptor)
    try:
        yield
    finally:
        for pid in held:
            _send(pid, signal.SIGCONT)


def _lock(log: UndoLog) -> int | None:
    """Keep everybody from writing; None where somebody can be brought neither to finish nor to end."""
    for hasten in (None, signal.SIGCONT, signal.SIGKILL):
        if hasten is not None:
            # Whoever writes for so long was stopped, or hangs.
            for pid in log.actors():
                if pid != os.getpid():
                    _send(pid, hasten)
        until = time.monotonic() + _WRITING
        while True:
            descriptor = log.try_lock()
            if descriptor is not None:
                return descriptor
            if time.monotonic() > until:
                break
            time.sleep(0.005)
    return None


def _wait(seen: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not seen() and time.monotonic() < until:
        time.sleep(0.001)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / _TURN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def ours() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        # Somebody who heals and hangs holds nobody back: undoing twice does no harm.
        _wait(ours, patience(folder))
        yield
    finally:
        os.close(descriptor)
