"""The run folder of a program that carries out a step for another run.

Which one it is, the program writes into the file that `TOLD` names, as soon as it has one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sretool.adapters.store.runs import FOLDER
from sretool.adapters.store.tail import EventTail
from sretool.adapters.store.writer import EVENTS, RECORD
from sretool.core.runs import lines
from sretool.errors import RunUnreadable
from sretool.undo import heal, lease
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord

TOLD: Final = "SRETOOL_TOLD_RUN"
"""Environment variable: the file into which the first run that is made writes its folder's name."""
_TIME: Final = 16
"""Signs of a folder's name that say when its run began."""
_LOOK: Final = 0.05
"""Seconds between two looks whether somebody still undoes."""


def tell(environment: Mapping[str, str], folder: Path) -> None:
    """Let whoever started us know which run folder is ours; only the first one is told.

    OSError where that cannot be: nobody would know then what is to be undone should we be killed.
    """
    file = environment.get(TOLD)
    if not file:
        return
    draft = Path(f"{file}.{os.getpid()}")
    draft.write_text(folder.name)
    try:
        # Whole or not at all, and never twice.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


class ChildFolder:
    """Found when it is there."""

    def __init__(self, runs: Path, told: Path, places: Path) -> None:
        """`runs`: where run folders lie; `places`: the machine's index of undo logs."""
        self._runs = runs
        self._told = told
        self._places = places
        self._name = ""
        self._tail: EventTail | None = None

    @property
    def name(self) -> str:
        if not self._name:
            with contextlib.suppress(OSError):
                self._name = Path(self._told.read_text().strip()).name
        return self._name

    @property
    def _folder(self) -> Path | None:
        return self._runs / self.name if self.name else None

    def events(self) -> Sequence[RunEvent]:
        folder = self._folder
        if folder is None:
            return ()
        if self._tail is None:
            self._tail = EventTail(folder / EVENTS)
        try:
            return self._tail.read().events
        except OSError:
            return ()

    def record(self) -> RunRecord | None:
        folder = self._folder
        if folder is None:
            return None
        try:
            return lines.decode_record((folder / RECORD).read_bytes())
        except (OSError, RunUnreadable):
            return None

    async def settle(self) -> Sequence[str]:
        folder = self._folder
        return await asyncio.to_thread(self._settle, folder) if folder is not None else ()

    def _settle(self, folder: Path) -> Sequence[str]:
        """What it made faults by itself, and what runs of its own did that it has begun."""
        folders = (folder, *self._begun_by(folder))
        return tuple(text for each in folders for text in _undone(each, self._places))

    def _begun_by(self, folder: Path) -> list[Path]:
        found = []
        for each in sorted(self._runs.iterdir()):
            # Names sort by time; those of one second by chance.
            if each != folder and FOLDER.fullmatch(each.name) and each.name[:_TIME] >= folder.name[:_TIME]:
                with contextlib.suppress(OSError, RunUnreadable):
                    record = lines.decode_record((each / RECORD).read_bytes())
                    if record.parent == folder.name.rpartition("-")[2]:
                        found.append(each)
        return found


def _undone(folder: Path, places: Path) -> list[str]:
    """What cannot be undone, in words."""
    left = _left(folder)
    if not left:
        return []
    # A warden that is still there does it faster than we could.
    until = time.monotonic() + heal.patience(folder)
    while left and lease.live(folder) and time.monotonic() < until:
        time.sleep(_LOOK)
        left = _left(folder)
    if not left:
        return []
    healed = heal.finish(folder, places)
    if healed.complete:
        return []
    return [f"{each.fault}: {each.text}" for each in healed.results if not each.ok] or [healed.problem]


def _left(folder: Path) -> list[str]:
    try:
        return [each.entry.fault for each in UndoLog(folder).left()]
    except (OSError, ValueError) as error:
        return [f"what is to be undone cannot be read: {error}"]
