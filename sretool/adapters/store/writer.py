"""Writing a run: a folder of appended events and one small document that says what it is.

    with store.create(RunKind.LOAD, "checkout-peak", targets=[url]) as run:
        run.record(Started(...))
        run.record(LoadTick(...))
        run.finish(Verdict(Outcome.PASSED, "every check held"), measures)

What is on the disk when: every event is handed to the system at once, so that it outlives this program. The
`DECISIVE` ones (starts, faults, guards, notes, the end) are also flushed to the disk before `record` returns,
the others at most `SYNC_EVERY` later; a power cut costs no more than that. `run.json` is replaced whole.

As long as the writer lives it holds a lock on `events.jsonl`: that is how a reader knows that a run is
running, whatever killed its program.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sretool.adapters import project
from sretool.core.runs import lines
from sretool.core.runs.events import DECISIVE, Finished, RunEvent
from sretool.core.runs.model import Measures, Outcome, RunInput, RunState, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from sretool.core.runs.events import What
    from sretool.core.runs.model import RunRecord

RECORD: Final = "run.json"
EVENTS: Final = "events.jsonl"
INPUT: Final = "input"
RAW: Final = "raw"
SYNC_EVERY: Final = 1.0
"""Seconds until an event that is not decisive is flushed to the disk with the next one."""


class RunWriter:
    """One run that is being written. Not for several threads at once."""

    def __init__(
        self,
        folder: Path,
        record: RunRecord,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        """`folder` is new and ours alone; use `RunStore.create`."""
        self.folder = folder
        self._record = record
        self._now = now
        self._monotonic = monotonic
        self._began = self._synced = monotonic()
        self._unsynced = False
        self._events = os.open(
            folder / EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644
        )
        fcntl.flock(self._events, fcntl.LOCK_EX)
        self._closed = False
        self._finished: tuple[RunEvent, Finished] | None = None
        """The last event, once the disk has taken it."""
        project.replace_file(folder / RECORD, lines.encode_record(record))

    @property
    def run(self) -> RunRecord:
        """What run.json says now."""
        return self._record

    @property
    def raw(self) -> Path:
        """Folder for journals and logs of the programs that take part."""
        folder = self.folder / RAW
        folder.mkdir(exist_ok=True)
        return folder

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._monotonic() - self._began

    def record(self, what: What, *, at: datetime | None = None, t: float | None = None) -> RunEvent:
        """Append one event, of now unless `at` and `t` say otherwise (an event seen elsewhere).

        OSError where the disk does not take it; then nothing of it is left, and it may be tried again.
        """
        event = RunEvent(at or self._now(), self.elapsed() if t is None else t, what)
        end = self.look().st_size
        try:
            project.write_all(self._events, lines.encode(event))
            self._unsynced = True
            if isinstance(what, DECISIVE) or self._monotonic() - self._synced >= SYNC_EVERY:
                self.sync()
        except OSError:
            # The beginning of a line would make the next one unreadable.
            with contextlib.suppress(OSError):
                os.ftruncate(self._events, end)
            raise
        return event

    def look(self) -> os.stat_result:
        """What the file of events is now; FileNotFoundError where it was deleted, and nobody can read it."""
        found = os.fstat(self._events)
        if not found.st_nlink:
            raise FileNotFoundError(errno.ENOENT, "its file was deleted", str(self.folder / EVENTS))
        return found

    def sync(self) -> None:
        """Everything recorded so far outlives a power cut."""
        if self._unsynced:
            os.fdatasync(self._events)
            self._unsynced = False
        self._synced = self._monotonic()

    def keep_input(self, name: str, data: bytes, path: str) -> None:
        """Copy a file the run is made from into the folder, and put it on record under its own `path`."""
        folder = self.folder / INPUT
        folder.mkdir(exist_ok=True)
        project.replace_file(folder / name, data)
        entry = RunInput(path, hashlib.sha256(data).hexdigest())
        self._replace(replace(self._record, inputs=(*self._record.inputs, entry)))

    def finish(self, verdict: Verdict, measures: Measures | None = None) -> None:
        """The last event and the verdict in run.json; the run is over and the writer closed.

        OSError where the disk does not take both; it may be tried again. A verdict that is an event already
        stays the only one.
        """
        if self._closed:
            return
        if self._finished is None:
            what = Finished(verdict, measures or Measures())
            self._finished = self.record(what), what
        event, told = self._finished
        self._replace(
            replace(
                self._record,
                state=RunState.FINISHED,
                ended=event.at,
                verdict=told.verdict,
                measures=told.measures,
            )
        )
        self.close()

    def end(self) -> None:
        """Over without a verdict: nothing was to hold."""
        if not self._closed:
            self._replace(replace(self._record, state=RunState.FINISHED, ended=self._now()))
            self.close()

    def discard(self) -> None:
        """As if it had never been: nothing was done yet."""
        self.close()
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Let go of the folder; a run that is not finished is lost from now on."""
        if not self._closed:
            self._closed = True
            self.sync()
            os.close(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closed:
            return
        if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            self.finish(Verdict(Outcome.ABORTED, "interrupted by hand"))
        elif error is not None:
            # What went wrong is told, not that it cannot be written down.
            with contextlib.suppress(OSError):
                self.finish(Verdict(Outcome.ERROR, f"the run itself failed: {error or type(error).__name__}"))
            with contextlib.suppress(OSError):
                self.close()
        else:
            self.finish(Verdict(Outcome.ERROR, "the program ended without a verdict"))

    def _replace(self, record: RunRecord) -> None:
        self._record = record
        project.replace_file(self.folder / RECORD, lines.encode_record(record))
