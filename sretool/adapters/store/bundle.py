"""Evidence in one file: a plain tar of run folders under one seal, the same bytes whenever it is made.

    seal.json                                      digests of everything below, line by line
    20261120T025000Z-chaos-db-failover-abcde/…     a run's folder as it is: events, inputs, reports, its seal

Whoever gets one may have got it from anybody, so nothing in it is believed before it was looked at: only
plain files below folders of runs, each once, none too large.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from sretool.adapters import project
from sretool.adapters.store import seal
from sretool.adapters.store.runs import FOLDER
from sretool.errors import RunUnreadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

MOST_BYTES: Final = 2**30
"""Of a bundle, and so of everything in it."""
MOST_FILES: Final = 10_000
_LONGEST_NAME: Final = 1000
_END: Final = bytes(2 * tarfile.BLOCKSIZE)
"""What a tar ends with."""
_AT_ONCE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Bundled:
    files: int
    size: int
    """Bytes."""
    seal: str
    """Digest of the seal over all of it."""


def write(folders: Sequence[Path], at: datetime, out: Path) -> Bundled:
    """These run folders as one file, dated `at`; OSError where it cannot be written.

    UsageError where a file changes meanwhile, or where it would be more than anybody reads again.
    """
    files = {
        f"{folder.name}/{name}": folder / name
        for folder in folders
        for name in (*seal.names(folder), seal.FILE)
        if (folder / name).is_file()
    }
    size = sum(each.stat().st_size for each in files.values())
    if size > MOST_BYTES or len(files) > MOST_FILES:
        raise UsageError(
            f"{len(files)} files of {size / 2**20:.0f} MiB are too much for a bundle"
            f" (at most {MOST_FILES} of {MOST_BYTES // 2**20} MiB)",
            remedy="remove recordings in `raw` that nobody needs",
        )
    text = seal.text(files)
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            _pack(file, files, text, int(at.timestamp()))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    project.sync_folder(out.parent)
    return Bundled(len(files), size, hashlib.sha256(text).hexdigest())


def _pack(file: IO[bytes], files: Mapping[str, Path], text: bytes, at: int) -> None:
    digests = seal.decode(text, seal.FILE).files
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(_entry(seal.FILE, len(text), at), io.BytesIO(text))
        for name in sorted(files):
            data = files[name].read_bytes()
            if hashlib.sha256(data).hexdigest() != digests[name].sha256:
                raise UsageError(f"{files[name]} changed meanwhile", remedy="bundle it again")
            archive.addfile(_entry(name, len(data), at), io.BytesIO(data))


def _entry(name: str, size: int, at: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, at, 0o644
    return entry


def unpack(file: Path, into: Path) -> tuple[Path, ...]:
    """The run folders of a bundle, below the empty folder `into`, where its seal is as well.

    RunUnreadable where it is none, breaks off, or has something in it that no bundle has.
    """
    try:
        size = file.stat().st_size
        if not file.is_file():
            raise RunUnreadable(f"{file} is no file")
        if size > MOST_BYTES:
            raise RunUnreadable(f"{file} is no bundle: it has more than {MOST_BYTES // 2**20} MiB")
        with file.open("rb") as stream:
            _look_at_ends(file, stream, size)
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                _unpack(file, archive, size, into)
    except (tarfile.TarError, ValueError, ArithmeticError, EOFError) as error:
        raise RunUnreadable(f"{file} is no bundle: {error or 'it cannot be read'}") from error
    except OSError as error:
        raise RunUnreadable(f"{file} cannot be read: {error.strerror or error}") from error
    return tuple(sorted(each for each in into.iterdir() if each.is_dir()))


def _look_at_ends(file: Path, stream: IO[bytes], size: int) -> None:
    """Clearer words for what people give by mistake than a library's."""
    head = stream.read(6)
    if (
        head[:2] == b"\x1f\x8b"
        or head == b"\xfd7zXZ\0"
        or head[:3] == b"BZh"
        or head[:4] == b"\x28\xb5\x2f\xfd"
    ):
        raise RunUnreadable(f"{file} is compressed", remedy="unpack it first: gunzip, unxz, unzstd")
    stream.seek(0)
    if not tarfile.is_tarfile(stream):
        raise RunUnreadable(f"{file} is no bundle", remedy="`sretool runs bundle RUN` makes one")
    stream.seek(max(size - len(_END), 0))
    if stream.read() != _END:
        raise RunUnreadable(f"{file} breaks off: its end is missing", remedy="copy it again")
    stream.seek(0)


def _unpack(file: Path, archive: tarfile.TarFile, size: int, into: Path) -> None:
    seen: set[str] = set()
    for number, member in enumerate(archive):
        name = member.name
        wrong = _wrong(member, seen)
        if not number and name != seal.FILE:
            wrong = f"begins with {name!r} instead of {seal.FILE}"
        if member.offset_data + member.size > size:
            wrong = f"breaks off within {name!r}"
        if number >= MOST_FILES:
            wrong = f"has more than {MOST_FILES} files"
        if wrong:
            raise RunUnreadable(f"{file} is no bundle of ours: it {wrong}")
        seen.add(name)
        _take(file, archive, member, into / name)
    if not seen:
        raise RunUnreadable(f"{file} is no bundle: it is empty")


def _wrong(member: tarfile.TarInfo, seen: set[str]) -> str:
    """What no bundle has; empty: nothing."""
    name = member.name
    parts = PurePosixPath(name).parts
    if not member.isreg() or member.issparse():
        return f"has {name!r}, which is no plain file"
    if len(name) > _LONGEST_NAME or not name.isprintable() or "\\" in name:
        return f"has a file with the name {name[:60]!r}"
    if name.startswith("/") or ".." in parts or "/".join(parts) != name:
        return f"has {name!r}, which is outside of it"
    if name != seal.FILE and (len(parts) < 2 or not FOLDER.fullmatch(parts[0])):
        return f"has {name!r}, which is in no folder of a run"
    if name in seen:
        return f"has {name!r} twice"
    if not 0 <= member.size <= MOST_BYTES:
        return f"has {name!r} with {member.size} bytes"
    return ""


def _take(file: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None, "it is a plain file"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as copy:
            left = member.size
            while left and (data := source.read(min(left, _AT_ONCE))):
                left -= len(data)
                copy.write(data)
    except OSError as error:
        raise RunUnreadable(f"{file}: {member.name!r} cannot be unpacked: {error.strerror}") from error
    if left:
        raise RunUnreadable(f"{file} breaks off within {member.name!r}", remedy="copy it again")
