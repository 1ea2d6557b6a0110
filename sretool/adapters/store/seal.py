"""A seal on the folder of a run that is over: which files it holds, and what is in each of their lines.

It finds what was changed since, by hand or by a failing disk, down to the line. Whoever can write the folder
can also write a new seal, so its own digest is told: kept elsewhere, it proves that this is the same seal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sretool.adapters import project
from sretool.errors import RunUnreadable
from sretool.undo import lease, log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILE: Final = "seal.json"
_SCHEMA: Final = 1
_SIGNS: Final = 12
"""Hexadecimal signs of a line's digest: it tells where, the file's whole digest tells whether."""
_AWAY: Final = (FILE, lease.FILE, "undo.healing")
"""Locks, and the seal itself."""
_GROWS: Final = (log.FILE,)
"""Files that may go on after the end: what could not be undone then is undone later."""
_TEXT_MOST: Final = 64 * 2**20
"""Bytes of a file whose lines are told apart, at most."""


class Sealed(msgspec.Struct, frozen=True):
    """One file as it was."""

    sha256: str
    size: int
    lines: str | None = None
    """Digests of its lines, without anything between them; None: it is no text, or too long."""


class Seal(msgspec.Struct, frozen=True):
    schema: int
    files: dict[str, Sealed]
    """Path in the folder → what it was."""


@dataclass(frozen=True, slots=True)
class Difference:
    file: str
    line: int | None
    """Counted from 1; None: it is about the file as a whole."""
    text: str
    """What happened to it: `this line was changed`, `2 lines missing after line 16`."""
    grown: bool = False
    """Lines were added to a file that may go on: no damage."""


def put(folder: Path) -> str:
    """Seal every file of the folder; the digest of the seal."""
    sealed = text({name: folder / name for name in names(folder)})
    project.replace_file(folder / FILE, sealed)
    return hashlib.sha256(sealed).hexdigest()


def text(files: Mapping[str, Path]) -> bytes:
    """A seal on these files, by the names it knows them under."""
    sealed = Seal(_SCHEMA, {name: _sealed(files[name]) for name in sorted(files)})
    return msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n"


def digest(folder: Path) -> str | None:
    """Of the seal itself; None: there is none."""
    try:
        return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def differences(folder: Path) -> list[Difference]:
    """What is not as it was sealed. FileNotFoundError without a seal, RunUnreadable where it is damaged."""
    sealed = decode((folder / FILE).read_bytes(), folder / FILE).files
    there = set(names(folder))
    found = [Difference(name, None, "is missing") for name in sorted(sealed.keys() - there)]
    found += [Difference(name, None, "was added") for name in sorted(there - sealed.keys())]
    for name in sorted(there & sealed.keys()):
        found += _changes(folder, name, sealed[name])
    return found


def decode(text: bytes, place: object) -> Seal:
    """The seal that `text` is; RunUnreadable, which names `place`, where it is none."""
    try:
        seal = msgspec.json.decode(text, type=Seal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RunUnreadable(f"{place}: not a seal: {error}") from error
    if seal.schema != _SCHEMA:
        raise RunUnreadable(
            f"{place} has schema {seal.schema}, this program reads {_SCHEMA}",
            remedy="use a newer sretool",
        )
    return seal


def names(folder: Path) -> Iterator[str]:
    """What is sealed of it, in order."""
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name not in _AWAY:
            yield name


def _sealed(file: Path) -> Sealed:
    data = file.read_bytes()
    return Sealed(hashlib.sha256(data).hexdigest(), len(data), _digests(data))


def _digests(data: bytes) -> str | None:
    if len(data) > _TEXT_MOST or b"\0" in data:
        return None
    return "".join(_of_line(line) for line in _lines(data))


def _lines(data: bytes) -> list[bytes]:
    """With their ends, so that a missing one is seen."""
    whole, end, rest = data.rpartition(b"\n")
    found = [line + b"\n" for line in whole.split(b"\n")] if end else []
    return [*found, rest] if rest else found


def _of_line(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:_SIGNS]


def _changes(folder: Path, name: str, sealed: Sealed) -> Iterator[Difference]:
    data = (folder / name).read_bytes()
    if hashlib.sha256(data).hexdigest() == sealed.sha256:
        return
    if sealed.lines is None:
        yield Difference(name, None, "was changed")
        return
    was = [sealed.lines[at : at + _SIGNS] for at in range(0, len(sealed.lines), _SIGNS)]
    now = [_of_line(line) for line in _lines(data)]
    first = _common(was, now)
    last = _common(was[first:][::-1], now[first:][::-1])
    lost, new = len(was) - first - last, len(now) - first - last
    if not lost and new and not last and name in _GROWS:
        yield Difference(name, first + 1, f"{_count(new)} added since", grown=True)
        return
    yield Difference(name, first + 1, _what(first, lost, new))


def _common(one: list[Any], other: list[Any]) -> int:
    """How many are the same from the beginning on."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _what(first: int, lost: int, new: int) -> str:
    """`lost` lines gave way to `new` ones after the first `first`."""
    if not lost and not new:
        return "was changed"
    if not new:
        where = f"after line {first}" if first else "at the beginning"
        return f"{_count(lost)} missing {where}"
    span = "this line was" if new == 1 else f"lines {first + 1} to {first + new} were"
    if not lost:
        return f"{span} added"
    return f"{span} changed" if lost == new else f"{span} written in the place of {_count(lost)}"


def _count(lines: int) -> str:
    return f"{lines} line{'s' if lines != 1 else ''}"
