"""The warden of one log: a process of its own session that undoes when nobody else can.

    python -m sretool.undo.warden FOLDER --lease FD --index FOLDER

Its standard input is a pipe from the supervisor of the experiment, a line at a time: `beat` at least every
`lease.RENEW` seconds, `heal` to undo everything now, `done` when the experiment is over. It answers each of
the last two with one line of JSON on standard output. It undoes by itself when the pipe ends without `done`,
when no beat came for `PATIENCE` seconds, and when the time an entry was allowed is over; in the first two
cases it also ends whoever makes faults. Then it looks once more and goes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sretool.undo import index
from sretool.undo.heal import Healed, end_actors, heal, settle
from sretool.undo.lease import RENEW, Lease
from sretool.undo.log import UndoLog

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE: Final = 5.0
"""Seconds without a beat after which the supervisor counts as hung."""
_LOOK: Final = 0.25
"""Seconds between two looks at what is overdue."""


def command(folder: Path, lease: Lease, places: Path) -> list[str]:
    """What starts the warden of `folder`; it inherits the descriptor of `lease`."""
    return [
        *(sys.executable, "-m", "sretool.undo.warden", str(folder)),
        *("--lease", str(lease.descriptor), "--index", str(places)),
    ]


class Warden:
    """Watches over one log until its experiment is over or everything is undone."""

    def __init__(self, folder: Path, lease: Lease, places: Path, pipe: int = 0) -> None:
        self._folder = folder
        self._log = UndoLog(folder)
        self._kept: int | None = None
        self._lease = lease
        self._places = places
        self._pipe = pipe
        self._beaten = time.monotonic()
        self._buffer = b""
        self._told_to_end = False

    def run(self) -> int:
        """0 when nothing is left to undo, 5 when something is."""
        signal.signal(signal.SIGTERM, self._end)
        renewed = 0.0
        while True:
            now = time.monotonic()
            if now - renewed >= RENEW:
                self._lease.renew()
                renewed = now
            self._keep()
            readable, _, _ = select.select([self._pipe], [], [], _LOOK)
            if readable:
                data = os.read(self._pipe, 4096)
                if not data:
                    return self._abandoned()
                self._beaten = time.monotonic()
                for line in self._lines(data):
                    if line == b"heal":
                        self._keep()
                        self._answer(heal(self._folder))
                    elif line == b"done":
                        return self._finish()
            if self._told_to_end or time.monotonic() - self._beaten > PATIENCE:
                return self._abandoned()
            self._undo_overdue()

    def _keep(self) -> None:
        """What was to be undone is not forgotten because somebody deletes the folder."""
        # Where the disk takes nothing there may be room at the next look.
        with contextlib.suppress(OSError):
            self._kept = self._log.kept() if self._kept is None else self._log.restore(self._kept)

    def _end(self, number: int, frame: object) -> None:
        self._told_to_end = True

    def _lines(self, data: bytes) -> list[bytes]:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [line.strip() for line in lines]

    def _undo_overdue(self) -> None:
        now = time.time()
        try:
            left = self._log.left()
        except (OSError, ValueError):
            return  # Whoever asks to heal is told why nobody can.
        overdue = {
            each.entry.id
            for each in left
            if each.entry.ttl is not None and now > each.entry.at + each.entry.ttl and each.failures < 3
        }
        if overdue:
            heal(self._folder, only=overdue, tries=1)

    def _abandoned(self) -> int:
        """The supervisor is gone or hangs: undo first, then end who makes faults, then look again."""
        self._keep()
        heal(self._folder)
        end_actors(self._log)
        return self._left(settle(self._folder))

    def _finish(self) -> int:
        self._keep()
        end_actors(self._log)
        healed = settle(self._folder)
        self._answer(healed)
        return self._left(healed)

    def _left(self, healed: Healed) -> int:
        if not healed.complete:
            return 5
        index.drop(self._places, self._folder)
        return 0

    def _answer(self, healed: Healed) -> None:
        document = {
            "complete": healed.complete,
            "problem": healed.problem,
            "results": [
                {"id": each.id, "fault": each.fault, "how": each.how, "text": each.text}
                for each in healed.results
            ],
        }
        try:
            sys.stdout.write(json.dumps(document) + "\n")
            sys.stdout.flush()
        except OSError:
            # Nobody listens any more; the pipe's end tells what to do.
            pass


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sretool.undo.warden")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lease", type=int, required=True)
    parser.add_argument("--index", type=Path, required=True)
    given = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    return Warden(given.folder, Lease.inherited(given.lease), given.index).run()


if __name__ == "__main__":
    sys.exit(main())
