"""The run folders of a project: made, listed, opened and pruned.

`<state>/runs/<utc>-<kind>-<name>-<id>/`: names sort by time, so that the newest of thousands are found
without reading any of them.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sretool.adapters import project
from sretool.adapters.store.hidden import HiddenSteps
from sretool.adapters.store.tail import Follower
from sretool.adapters.store.writer import EVENTS, RECORD, RunWriter
from sretool.core.runs import lines
from sretool.core.runs.model import RunRecord, RunState
from sretool.errors import RunUnreadable, UsageError
from sretool.undo import lease
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from sretool.adapters.store.tail import EventTail
    from sretool.core.runs.model import RunKind
    from sretool.core.runs.story import Story

HIDDEN: Final = "hidden step"
"""Title of a run that a game day keeps back."""
FOLDER: Final = re.compile(r"\d{8}T\d{6}Z-[a-z]+-.+-[a-z0-9]+")
"""Name of a run's folder."""
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz"
_SIGNS: Final = _LETTERS + "23456789"
_SHOWN: Final = 5
"""Candidates named where a prefix fits several."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run folder as it is now."""

    folder: Path
    record: RunRecord
    """Its state is `lost` where nobody writes any more."""
    hidden: bool = False
    """Whether it is a hidden step of a game day that goes on, and not told of yet."""

    @property
    def shown(self) -> RunRecord:
        """The record as people may see it."""
        if not self.hidden:
            return self.record
        of = self.record
        return RunRecord(of.id, of.kind, HIDDEN, of.state, of.started, of.ended, parent=of.parent)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A run folder whose run.json cannot be read."""

    folder: Path
    problem: str


@dataclass(frozen=True, slots=True)
class Pruned:
    folder: Path
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that was to go and stays."""

    folder: Path
    reason: str


class RunStore:
    """The runs below one state folder. Documents that did not change are not read twice."""

    def __init__(
        self,
        state: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root = state / "runs"
        self._now = now
        self._monotonic = monotonic
        self._known: dict[str, tuple[tuple[int, int], RunRecord]] = {}
        self._folders: dict[str, str] = {}
        """Id of a run → name of its folder, as they were when last listed."""
        self._hiding: dict[str, HiddenSteps] = {}
        """Folder of a game day that goes on → what it keeps back."""
        self.damaged: tuple[Damaged, ...] = ()
        """Folders the last listing had to leave out."""

    def create(
        self,
        kind: RunKind,
        title: str,
        *,
        targets: Sequence[str] = (),
        versions: Mapping[str, str] | None = None,
        parent: str | None = None,
        production: bool = False,
    ) -> RunWriter:
        """A new run, on record as running; OSError where its folder cannot be made."""
        started = self._now()
        self.root.mkdir(parents=True, exist_ok=True)
        while True:
            run_id = secrets.choice(_LETTERS) + "".join(secrets.choice(_SIGNS) for _ in range(5))
            folder = self.root / f"{started:%Y%m%dT%H%M%SZ}-{kind.value}-{slug(title)}-{run_id}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            break
        project.sync_folder(self.root)
        record = RunRecord(
            id=run_id,
            kind=kind,
            title=title,
            state=RunState.RUNNING,
            started=started,
            targets=tuple(targets),
            versions=dict(versions or {}),
            parent=parent,
            production=production,
        )
        return RunWriter(folder, record, now=self._now, monotonic=self._monotonic)

    def newest(self, most: int | None = None, kinds: Sequence[RunKind] = ()) -> tuple[StoredRun, ...]:
        """The newest `most` runs (None: every run), newest first, only of `kinds` where any are given."""
        found: list[StoredRun] = []
        damaged: list[Damaged] = []
        wanted = {kind.value for kind in kinds}
        for name in self._names():
            if wanted and name.split("-")[1] not in wanted:
                continue
            if most is not None and len(found) >= most:
                break
            run = self._read(name)
            if isinstance(run, StoredRun):
                found.append(run)
            elif run is not None:
                damaged.append(run)
        self.damaged = tuple(damaged)
        return tuple(found)

    def open(self, name: str) -> StoredRun:
        """The run `name`: `last`, or a unique beginning of its id or of its folder's name.

        `last` is the newest that is no step of another one: what somebody has begun last.

        UsageError where there is none or several, or where it is hidden from whoever responds; RunUnreadable
        where its run.json is damaged.
        """
        names = self._names()
        if name == "last":
            fitting = self._last(names)
        else:
            fitting = [
                each for each in names if name and (each.startswith(name) or _id(each).startswith(name))
            ]
        if not fitting:
            known = f"`sretool runs list` shows what there is in {self.root}"
            raise UsageError(
                "there is no run yet" if name == "last" else f"there is no run {name!r}", remedy=known
            )
        if len(fitting) > 1:
            shown = ", ".join(_id(each) for each in fitting[:_SHOWN]) + (
                ", …" if len(fitting) > _SHOWN else ""
            )
            raise UsageError(
                f"{len(fitting)} runs begin with {name!r}: {shown}", remedy="give one more letter"
            )
        run = self._read(fitting[0])
        if isinstance(run, StoredRun):
            if run.hidden:
                raise UsageError(
                    f"run {run.record.id} is a hidden step of a game day that goes on",
                    remedy="it is told once the step is over",
                )
            return run
        problem = run.problem if run is not None else "it has just been removed"
        raise RunUnreadable(f"{self.root / fitting[0]}: {problem}")

    def _last(self, names: Sequence[str]) -> list[str]:
        known = {_id(each) for each in names}
        for each in names:
            run = self._read(each)
            if not isinstance(run, StoredRun) or run.record.parent not in known:
                return [each]
        return []

    def keeps_back(self, run: StoredRun) -> bool:
        """Whether it is a game day that goes on and has hidden steps that nobody is told of yet."""
        try:
            return run.record.state is RunState.RUNNING and HiddenSteps(run.folder / EVENTS).any()
        except OSError:
            return False

    def children(self, run: StoredRun) -> tuple[StoredRun, ...]:
        """The runs that were steps of it, oldest first."""
        return tuple(each for each in reversed(self.newest()) if each.record.parent == run.record.id)

    def follow(self, run: StoredRun) -> Follower:
        """Its story, from the first event; nothing is read before its first `advance`."""
        return Follower(run.folder / EVENTS)

    def story(self, run: StoredRun) -> tuple[Story, EventTail]:
        """All its events so far, and how they could be read."""
        follower = self.follow(run)
        follower.catch_up()
        return follower.story, follower.tail

    def prune(
        self, *, keep: int | None, older_than: timedelta | None, dry_run: bool = False
    ) -> tuple[list[Pruned], list[Kept]]:
        """Remove runs beyond the newest `keep` and those that began more than `older_than` ago.

        With both given a run goes only where both say so. Runs that are running stay, and those that have
        something to undo.
        """
        now = self._now()
        pruned: list[Pruned] = []
        kept: list[Kept] = []
        for place, run in enumerate(self.newest()):
            beyond = keep is None or place >= keep
            old = older_than is None or now - run.record.started > older_than
            if not (beyond and old):
                continue
            reason = _why_kept(run)
            if reason is not None:
                kept.append(Kept(run.folder, reason))
                continue
            pruned.append(Pruned(run.folder, _size(run.folder)))
            if not dry_run:
                self._remove(run.folder)
        return pruned, kept

    def _names(self) -> list[str]:
        """Newest first."""
        try:
            names = [entry.name for entry in os.scandir(self.root)]
        except FileNotFoundError:
            return []
        found = sorted((name for name in names if FOLDER.fullmatch(name)), reverse=True)
        self._folders = {_id(name): name for name in found}
        return found

    def _read(self, name: str) -> StoredRun | Damaged | None:
        """None where it has gone meanwhile, or is just being made."""
        folder = self.root / name
        try:
            record = self._record(folder)
        except FileNotFoundError:
            return None
        except (RunUnreadable, OSError) as error:
            message = error.message if isinstance(error, RunUnreadable) else str(error.strerror)
            return Damaged(folder, message)
        if record.state is RunState.RUNNING and not _written(folder / EVENTS):
            # Finished between the two looks, or lost.
            record = self._record(folder)
            if record.state is RunState.RUNNING:
                record = replace(record, state=RunState.LOST)
        return StoredRun(folder, record, self._hidden(name, record))

    def _hidden(self, name: str, record: RunRecord) -> bool:
        """Whether a game day that goes on keeps it back, or the run it is a step of."""
        step, seen = name, {name}
        while (parent := self._folders.get(record.parent or "")) is not None and parent not in seen:
            seen.add(parent)
            folder = self.root / parent
            try:
                record = self._record(folder)
                if record.state is not RunState.RUNNING or not _written(folder / EVENTS):
                    self._hiding.pop(parent, None)
                elif self._hiding.setdefault(parent, HiddenSteps(folder / EVENTS)).keep(step):
                    return True
            except (OSError, RunUnreadable):
                return False
            step = parent
        return False

    def _record(self, folder: Path) -> RunRecord:
        file = folder / RECORD
        status = file.stat()
        mark = (status.st_mtime_ns, status.st_ino)
        known = self._known.get(folder.name)
        if known is not None and known[0] == mark:
            return known[1]
        record = lines.decode_record(file.read_bytes())
        self._known[folder.name] = (mark, record)
        return record

    def _remove(self, folder: Path) -> None:
        # Renamed first: what is half removed is no run any more.
        grave = self.root / f".pruned-{folder.name}"
        folder.rename(grave)
        shutil.rmtree(grave)


def slug(title: str) -> str:
    """A title as it stands in the name of a folder."""
    found = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return found[:40].strip("-") or "run"


def _id(name: str) -> str:
    return name.rpartition("-")[2]


def _written(events: Path) -> bool:
    """Whether a writer holds the lock on the events."""
    try:
        descriptor = os.open(events, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _why_kept(run: StoredRun) -> str | None:
    record = run.record
    if record.state is RunState.RUNNING:
        return "it is running"
    if lease.live(run.folder):
        return "its faults are still watched over"
    try:
        left = UndoLog(run.folder).left()
    except (OSError, ValueError) as error:
        return f"what is to be undone cannot be read: {error}"
    if left:
        return f"not undone: {left[0].entry.fault}; `sretool chaos heal` does it"
    return None


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    yield from (entry for entry in folder.rglob("*") if entry.is_file())
