"""Catalog files from disk, and where the bundled systems lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.errors import Problem, UsageError, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sretool.core.catalog.model import System

_CATALOG_SUFFIXES = {".yaml", ".yml"}
_RUNBOOKS = "runbooks"

_RIGHTS = "check that it is there and that you may read it"
_NO_TEXT = "is not UTF-8 text; save it as UTF-8, or name only the files with objectives"


def load(paths: Sequence[Path]) -> System:
    """The system that files and folders describe together.

    Of a folder: every `*.yaml` and `*.yml` below it, and the `*.md` in folders named `runbooks`; hidden ones
    are left out. CatalogError names every file that cannot be read and every problem in those that can.
    """
    return read_anew(tuple(file for path in paths for file in files_of(path)))


def read_anew(files: Iterable[Path]) -> System:
    """As `load`, of files and no folders."""
    # Reading takes ten times as long as finding out that nothing has changed.
    from sretool.core.catalog.read import read

    texts: dict[str, str] = {}
    unreadable: list[Problem] = []
    for file in files:
        try:
            texts[shown(file)] = file.read_text(encoding="utf-8")
        except OSError as error:
            why = f"cannot be read: {error.strerror}; {_RIGHTS}"
            unreadable.append(Problem(shown(file), 1, why, Wrong.UNREADABLE))
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            unreadable.append(Problem(shown(file), line, _NO_TEXT, Wrong.UNREADABLE))
    return read(texts, unreadable)


@dataclass(frozen=True, slots=True)
class Seen:
    """The files of a catalog, and what tells whether any of them has changed."""

    files: tuple[Path, ...]
    place: str
    """The same for the same paths in the same folder."""
    state: str


def seen(paths: Sequence[Path]) -> Seen:
    """Which files the paths stand for now; raises UsageError where one cannot be looked at."""
    files = tuple(file for path in paths for file in files_of(path))
    facts = []
    for file in files:
        try:
            found = file.stat()
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}", remedy=_RIGHTS) from error
        facts.append(f"{shown(file)} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}")
    place = _digest([str(Path.cwd()), *map(str, paths)])
    return Seen(files, place, _digest(facts))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=12).hexdigest()


def bundled(system: str) -> Path:
    """Folder of a system that comes with sretool; UsageError with the known ones for any other name."""
    root = Path(str(resources.files("sretool.systems")))
    folder = root / system
    if system in _systems(root):
        return folder
    known = ", ".join(_systems(root))
    raise UsageError(f"there is no bundled system {system!r}", remedy=f"known: {known}")


def _systems(root: Path) -> list[str]:
    return sorted(entry.name for entry in root.iterdir() if (entry / "system.yaml").is_file())


def files_of(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is neither a file nor a folder")
        yield path
        return
    try:
        below = sorted(entry for entry in path.rglob("*") if entry.is_file())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", remedy=_RIGHTS) from error
    wanted = [file for file in below if _belongs(file.relative_to(path), path.name)]
    if not wanted:
        raise UsageError(f"no catalog files in {path}", remedy="it should hold *.yaml files with `slos`")
    yield from wanted


def _belongs(file: Path, folder: str) -> bool:
    if any(part.startswith(".") for part in file.parts):
        return False
    parent = file.parent.name or folder
    return file.suffix in _CATALOG_SUFFIXES or (file.suffix == ".md" and parent == _RUNBOOKS)


def shown(file: Path) -> str:
    """As short as it can be from the working directory, for messages."""
    try:
        return str(file.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)
