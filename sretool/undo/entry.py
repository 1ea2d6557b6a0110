"""One thing to undo, as it stands in a log: what was changed, where, and how to put it back.

The words of `undo` depend on its `kind`; `sretool.undo.apply` knows them all. Identities are part of the
words (pid, start time and boot; inode of a control group), so that a stranger who got a pid or a path later
is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class UndoEntry:
    """What is written before a fault is made."""

    id: str
    """Unique in its log."""
    fault: str
    """The fault as people know it: `latency 200ms service → database`."""
    target: str
    """What is hurt: `app-1 (pid 812)`."""
    undo: Mapping[str, Any]
    """`{"kind": …}` and the words of that kind; no secrets."""
    prior: str = ""
    """What was there before, in words."""
    boot: str = ""
    """Boot of the machine it was made on; most faults do not outlive it."""
    at: float = 0.0
    """Unix time of the entry."""
    ttl: float | None = None
    """Seconds after which it is undone whatever the experiment says; None: no such limit."""
    heals: str = "undo"
    """How it ends without us: `undo` (it stays until undone), `restart` (when its process ends), `duration`
    (by itself after a time), `reboot`."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one entry."""

    id: str
    fault: str
    how: str
    """`undone`, `already` (nothing left to undo), `gone` (what was changed is no longer there), `foreign`
    (somebody else has changed it since: theirs stands), `failed`."""
    text: str = ""

    @property
    def ok(self) -> bool:
        return self.how != "failed"


@dataclass(slots=True)
class Standing:
    """An entry and what has become of it so far."""

    entry: UndoEntry
    closed: str | None = None
    """As `Result.how`; None: open."""
    text: str = ""
    failures: int = field(default=0)
    """How often undoing it failed."""


def as_document(entry: UndoEntry) -> dict[str, Any]:
    return asdict(entry)


def from_document(document: Mapping[str, Any]) -> UndoEntry:
    """ValueError where it is no entry."""
    try:
        known = {name: document[name] for name in UndoEntry.__dataclass_fields__ if name in document}
        entry = UndoEntry(**known)
    except TypeError as error:
        raise ValueError(f"not an entry of an undo log: {error}") from error
    if not isinstance(entry.undo, dict) or not isinstance(entry.undo.get("kind"), str):
        raise ValueError(f"entry {entry.id!r} does not say how to undo it")
    return entry
