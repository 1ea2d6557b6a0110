"""The last snapshot of a context on disk, so that a start shows something true before any server answers."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.adapters.store import freezer
from sretool.core.observe.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

EVERY: Final = timedelta(seconds=30)
"""How often a running dashboard writes at most."""


class SnapshotFile:
    """One file for one set of servers and catalogs."""

    def __init__(self, state: Path, context: Iterable[str]) -> None:
        name = hashlib.blake2b("\n".join(context).encode(), digest_size=12).hexdigest()
        self.path = state / "snapshots" / name
        self.problem: str | None = None
        """Why the file was left alone or not written."""
        self._kept_at: datetime | None = None
        self._read = False
        self._last: Snapshot | None = None
        self._newest: Snapshot | None = None
        """What is not on disk yet."""

    def last(self) -> Snapshot | None:
        """The one of an earlier session; read once."""
        if not self._read:
            self._read = True
            found, self.problem = freezer.kept(self.path, Snapshot)
            self._last = found if isinstance(found, Snapshot) else None
        return self._last

    def keep(self, snapshot: Snapshot) -> None:
        """Write it, unless something nearly as new was written already."""
        self._newest, self._last = snapshot, None
        if self._kept_at is None or snapshot.at - self._kept_at >= EVERY:
            self._kept_at = snapshot.at
            self.close()

    def close(self) -> None:
        """Write what is not written yet."""
        snapshot, self._newest = self._newest, None
        if snapshot is not None:
            self.problem = freezer.keep(self.path, snapshot)
