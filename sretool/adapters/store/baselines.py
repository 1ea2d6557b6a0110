"""Runs that later ones are compared with, kept under a name: `<state>/baselines/<name>/`.

A baseline is a copy of the run's record and events. It stays when its run is pruned.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from sretool.adapters import project
from sretool.adapters.store.runs import StoredRun
from sretool.adapters.store.writer import EVENTS, RECORD
from sretool.core.catalog.values import identifier
from sretool.core.runs import lines
from sretool.errors import RunUnreadable, UsageError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

_FILES = (RECORD, EVENTS)


class BaselineStore:
    def __init__(self, state: Path) -> None:
        self.root = state / "baselines"

    def keep(self, run: StoredRun, name: str) -> Path:
        """Copy the run under this name, in place of what had it before; OSError where it cannot be kept."""
        identifier(name)
        self.root.mkdir(parents=True, exist_ok=True)
        draft = self.root / f".{name}.{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for file in _FILES:
            project.replace_file(draft / file, (run.folder / file).read_bytes())
        place, old = self.root / name, self.root / f".{name}.old.{os.getpid()}"
        if place.exists():
            place.rename(old)
        draft.rename(place)
        shutil.rmtree(old, ignore_errors=True)
        project.sync_folder(self.root)
        return place

    def names(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(each.name for each in self.root.iterdir() if each.is_dir() and each.name[0] != ".")

    def open(self, name: str) -> StoredRun:
        """UsageError where there is none of this name, RunUnreadable where it is damaged."""
        folder = self.root / name
        known = self.names()
        if name not in known:
            near = did_you_mean(name, known)
            raise UsageError(
                f"there is no baseline {name!r}{near}",
                remedy=f"keep one: sretool load baseline keep RUN --name {name or 'main'}",
            )
        try:
            return StoredRun(folder, lines.decode_record((folder / RECORD).read_bytes()))
        except (OSError, RunUnreadable) as error:
            message = error.message if isinstance(error, RunUnreadable) else str(error.strerror)
            raise RunUnreadable(f"{folder}: {message}") from error

    def drop(self, name: str) -> None:
        """UsageError where there is none of this name."""
        folder = self.root / name
        if name not in self.names():
            self.open(name)
        grave = self.root / f".{name}.dropped.{os.getpid()}"
        folder.rename(grave)
        shutil.rmtree(grave)
