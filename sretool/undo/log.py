"""The log of what is to be undone: one file beside a run, written before each fault.

`{"open": {…}}` before a fault is made, `{"close": id, …}` when it is undone. Every line is on the disk before
the writer goes on. A last line that was torn by a crash is skipped by readers and removed by the next writer:
its fault was never made. Once a log is sealed no fault can be added: whoever heals is sure that nothing comes
after him.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING, Any

from sretool.undo import identity
from sretool.undo.entry import Result, Standing, UndoEntry, as_document, from_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "undo.jsonl"


class Sealed(RuntimeError):
    """The log takes no further faults: they are being undone."""


class UndoLog:
    """A log by its folder. Several processes may use one at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / FILE

    def open(self, entry: UndoEntry) -> UndoEntry:
        """Put `entry` on the disk, dated; Sealed, or OSError where it cannot be kept: then make no fault."""
        dated = UndoEntry(
            **{**as_document(entry), "boot": entry.boot or identity.boot(), "at": entry.at or time.time()}
        )
        with self._locked() as descriptor:
            if _is_sealed(_lines(descriptor)):
                raise Sealed(f"{self.file} takes no further faults: they are being undone")
            _append(descriptor, {"open": as_document(dated)})
        return dated

    def close(self, result: Result) -> None:
        """Note what became of an entry; one that failed stays open."""
        line = {"close" if result.ok else "failed": result.id, "how": result.how, "text": result.text}
        self._add({**line, "at": time.time()})

    def actor(self, pid: int) -> None:
        """Note a process that makes faults: it is held while they are undone."""
        self._add({"actor": pid, "start": identity.start_time(pid), "boot": identity.boot()})

    def seal(self) -> None:
        """From here on `open` refuses."""
        with self._locked() as descriptor:
            if not _is_sealed(_lines(descriptor)):
                _append(descriptor, {"sealed": True, "at": time.time()})

    def read(self, *, whole: bool = True) -> list[Standing]:
        """Every entry in the order they were opened, and what became of each; no file, no entries.

        `whole`: ValueError where a line makes no sense, as what it asked for would be forgotten.
        """
        standings: dict[str, Standing] = {}
        for line in self._documents(whole=whole):
            if "open" in line:
                try:
                    entry = from_document(line["open"])
                except ValueError:
                    if whole:
                        raise
                    continue
                standings[entry.id] = Standing(entry)
            elif (standing := standings.get(line.get("close") or line.get("failed") or "")) is not None:
                standing.text = line.get("text", "")
                if "close" in line:
                    standing.closed = line.get("how", "undone")
                else:
                    standing.failures += 1
        return list(standings.values())

    def left(self, *, whole: bool = True) -> list[Standing]:
        """What is still to be undone, the newest first; `whole` as of `read`."""
        return [each for each in reversed(self.read(whole=whole)) if each.closed is None]

    def actors(self) -> list[int]:
        """Processes that make faults by this log and still live."""
        here = identity.boot()
        try:
            lines = self._documents()
        except ValueError:
            # A line that makes no sense hides what is to be undone; whoever makes faults can still be held.
            lines = self._documents(whole=False)
        return [
            line["actor"]
            for line in lines
            if "actor" in line
            and line.get("boot") == here
            and line.get("start") is not None
            and identity.start_time(line["actor"]) == line["start"]
        ]

    def kept(self) -> int:
        """A descriptor of the file, for `restore`; the file is made where there is none. OSError."""
        return self._opened()

    def restore(self, descriptor: int) -> int:
        """The descriptor of the file as it is now: where `descriptor`'s was deleted, it is written again.

        What somebody has begun to write in its place comes after what was lost. OSError.
        """
        if os.fstat(descriptor).st_nlink:
            return descriptor
        lost = _lines(descriptor)
        with self._locked() as found:
            since = _lines(found)
            os.ftruncate(found, 0)
            _write(found, lost[: lost.rfind(b"\n") + 1] + since)
        os.close(descriptor)
        return self._opened()

    def _documents(self, *, whole: bool = True) -> list[dict[str, Any]]:
        """`whole`: ValueError where a line makes no sense; else it is skipped."""
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return []
        return _parsed(data, str(self.file), whole=whole)

    def _add(self, line: dict[str, Any]) -> None:
        with self._locked() as descriptor:
            _append(descriptor, line)

    def try_lock(self) -> int | None:
        """Nobody writes until this descriptor is closed; None where somebody writes just now."""
        descriptor = self._opened()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = self._opened()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _opened(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        return os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lines(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _is_sealed(data: bytes) -> bool:
    return b'{"sealed"' in data


def _append(descriptor: int, line: dict[str, Any]) -> None:
    data = json.dumps(line).encode() + b"\n"
    before = _lines(descriptor)
    size = before.rfind(b"\n") + 1
    if size < len(before):
        os.ftruncate(descriptor, size)
    try:
        _write(descriptor, data)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _parsed(data: bytes, where: str, *, whole: bool) -> list[dict[str, Any]]:
    documents = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            document = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break  # It has no end: torn.
            if not whole:
                continue
            raise ValueError(f"{where}:{number}: not a line of an undo log: {error}") from error
        if isinstance(document, dict):
            documents.append(document)
    return documents
