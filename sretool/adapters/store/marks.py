"""`marks.jsonl` of a project: changes that people and pipelines wrote down, one JSON line each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec

from sretool.adapters import project as projects
from sretool.core.observe.marks import Mark, as_change

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sretool.core.observe.model import Change

FILE: Final = "marks.jsonl"
_KEPT: Final = 1000
"""The newest marks that are kept on hand."""
_AT_ONCE: Final = 16 * 2**20
_DECODER: Final = msgspec.json.Decoder(Mark)


class MarkFile:
    """Writes marks and reads those of everybody; what was read is not read again."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE
        self._offset = 0
        self._inode = 0
        self._marks: list[Mark] = []
        self._changes: tuple[Change, ...] = ()

    def append(self, mark: Mark) -> None:
        """On the disk when this returns; OSError where it cannot be kept."""
        projects.append_line(self.path, msgspec.json.encode(mark))

    def changes(self) -> Sequence[Change]:
        """Every mark on hand as a change, oldest first. A file that cannot be read has none."""
        if self._read():
            self._marks = sorted(self._marks, key=lambda mark: mark.at)[-_KEPT:]
            self._changes = tuple(as_change(mark) for mark in self._marks)
        return self._changes

    def _read(self) -> bool:
        """Take in what is new; whether there was anything."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            status = os.fstat(descriptor)
            if status.st_ino != self._inode or status.st_size < self._offset:
                self._inode, self._offset, self._marks = status.st_ino, 0, []
            if status.st_size == self._offset:
                return False
            data = os.pread(descriptor, _AT_ONCE, self._offset)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        whole, end, _torn = data.rpartition(b"\n")
        if not end:
            return False
        self._offset += len(whole) + 1
        for line in whole.split(b"\n"):
            try:
                self._marks.append(_DECODER.decode(line))
            except msgspec.MsgspecError:
                # Half a line of a program that was killed, or an edit by hand: the other marks count.
                continue
        return True
