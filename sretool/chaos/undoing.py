"""What every action does before it makes a fault: put on the disk how to undo it.

    undoing.before("latency 200ms service → database", target="database", undo={"kind": "toxic_remove", …})
    …make the fault…

The log is that of the run whose program started us (`SRETOOL_UNDO_LOG`). Where there is none, because the
experiment runs under `chaos run`, this program keeps one of its own with a warden beside it: what it leaves,
however it ends, is undone all the same.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sretool.chaos.telling import tell
from sretool.undo import index, warden
from sretool.undo.apply import apply
from sretool.undo.entry import UndoEntry
from sretool.undo.lease import RENEW, Lease
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.undo.entry import Result

LOG: Final = "SRETOOL_UNDO_LOG"
"""Environment variable: folder of the run's undo log."""

_numbers = itertools.count(1)
_told: set[str] = set()
"""Entries that were told as faults."""


def before(
    fault: str,
    target: str,
    undo: Mapping[str, Any],
    *,
    prior: str = "",
    ttl: float | None = None,
    heals: str = "undo",
    helper: bool = False,
) -> UndoEntry:
    """Put on the disk how to undo a fault that is about to be made; fields as of `UndoEntry`.

    `helper`: it hurts nothing (a ledger, a proxy of ours) and only has to be put away in the end.

    Raises `sretool.undo.log.Sealed` where faults are being undone and OSError where the disk takes nothing:
    then make none.
    """
    entry = UndoEntry(
        f"{os.getpid()}-{next(_numbers)}", fault, target, undo, prior=prior, ttl=ttl, heals=heals
    )
    opened = log().open(entry)
    if not helper:
        _told.add(entry.id)
        tell("fault_on", fault=entry.id, text=fault, target=target, ttl=ttl)
    return opened


def after(entry: UndoEntry) -> Result:
    """Undo it now, and put on the disk what became of it."""
    result = apply(entry)
    log().close(result)
    if entry.id in _told:
        tell("fault_off", fault=entry.id, how=result.how, ok=result.ok, text=result.text)
    return result


def undo(*, fault: str | None = None, target: str | None = None) -> list[Result]:
    """Undo what is open, the newest first; with `fault` or `target` only what carries these words."""
    return [
        after(each.entry)
        for each in log().left()
        if fault in (None, each.entry.fault) and target in (None, each.entry.target)
    ]


def faults() -> list[UndoEntry]:
    """Every fault that this program has made, undone or not, the oldest first; helpers are none."""
    return [each.entry for each in log().read() if each.entry.id in _told]


@cache
def log() -> UndoLog:
    """The log of this run, one of our own where nobody gave us one."""
    given = os.environ.get(LOG)
    return UndoLog(Path(given)) if given else _of_our_own()


def _of_our_own() -> UndoLog:
    places = index.place(os.environ)
    runs = places.parent / "undo-alone"
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=runs))
    lease = Lease(folder)
    index.add(places, folder)
    process = subprocess.Popen(
        warden.command(folder, lease, places),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[lease.descriptor],
        start_new_session=True,
    )
    ended = threading.Event()

    def say(word: bytes) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(word + b"\n")
            process.stdin.flush()

    def beat() -> None:
        while not ended.wait(RENEW):
            say(b"beat")

    def end() -> None:
        ended.set()
        say(b"done")
        assert process.stdin is not None
        process.stdin.close()
        if process.wait() == 0:
            _remove(folder)

    threading.Thread(target=beat, daemon=True, name="beats of the undo log").start()
    atexit.register(end)
    return UndoLog(folder)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
