"""Recorded sessions: one compressed file of lines in a run folder.

`snapshots.jsonl.gz` is an ordinary gzip stream of JSON lines, flushed after each line: `zcat` reads it, also
while it is written. Whatever ends the program costs the line that was being written and nothing else; a torn
end is left out when reading.
"""

from __future__ import annotations

import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sretool.errors import RunUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE: Final = "snapshots.jsonl.gz"
MOST: Final = 256 * 1024 * 1024
"""Bytes after which a session is no longer written."""

_GZIP: Final = 31
_CHUNK: Final = 1 << 20


class SessionFile:
    """Appends lines, from any thread. What cannot be written ends the recording, not the program."""

    def __init__(self, folder: Path, *, most: int = MOST) -> None:
        """OSError where the file cannot be made."""
        self.path = folder / FILE
        self.problem: str | None = None
        """Why nothing is written any more; None: it is."""
        self._most = most
        self._size = 0
        self._file = self.path.open("xb", buffering=0)
        self._zip = zlib.compressobj(6, wbits=_GZIP)
        self._lock = threading.Lock()
        self._closed = False

    def write(self, line: Any) -> None:
        with self._lock:
            if self.problem is not None or self._closed:
                return
            data = self._zip.compress(msgspec.json.encode(line) + b"\n")
            self._append(data + self._zip.flush(zlib.Z_SYNC_FLUSH))
            if self._size >= self._most and self.problem is None:
                self.problem = f"the recording has reached {self._most >> 20} MiB"

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._append(self._zip.flush())
            with suppress(OSError):
                self._file.close()

    def _append(self, data: bytes) -> None:
        try:
            self._size += self._file.write(data)
        except OSError as error:
            self.problem = f"the recording cannot be written: {error.strerror or error}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The lines of a session."""

    lines: tuple[Any, ...]
    torn: bool
    """Whether the end is missing: the program was killed, or is still writing."""


def read(path: Path) -> Recorded:
    """Every whole line of a session file, or of the run folder it is in; RunUnreadable where it is none."""
    file = path / FILE if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RunUnreadable(
            f"{file}: {error.strerror or error}",
            remedy="sretool runs list shows recorded sessions; sretool dash --record makes one",
        ) from error
    text, ended = _unzipped(data)
    *whole, rest = text.split(b"\n")
    lines, broken = _decoded(whole)
    if not lines:
        raise RunUnreadable(
            f"{file} holds no recorded session", remedy="sretool runs list shows those there are"
        )
    return Recorded(lines, broken or bool(rest) or not ended)


def _unzipped(data: bytes) -> tuple[bytes, bool]:
    """As much as can be had, and whether that is all: only what follows a damage is lost."""
    unzip = zlib.decompressobj(wbits=_GZIP)
    parts: list[bytes] = []
    place, size = 0, _CHUNK
    while place < len(data):
        before = unzip.copy()
        try:
            parts.append(unzip.decompress(data[place : place + size]))
            place += size
        except zlib.error:
            if size == 1:
                break
            # A damage takes its whole piece with it: smaller pieces lose less.
            unzip, size = before, max(size // 16, 1)
    return b"".join(parts), unzip.eof


def _decoded(raw: Iterable[bytes]) -> tuple[tuple[Any, ...], bool]:
    """The lines up to the first that is none, and whether there was such a one."""
    lines = []
    for line in raw:
        try:
            lines.append(msgspec.json.decode(line))
        except msgspec.DecodeError:
            return tuple(lines), True
    return tuple(lines), False
