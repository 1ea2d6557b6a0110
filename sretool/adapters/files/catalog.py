"""Catalog files from disk, and where the bundled systems lie."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.core.catalog.read import read
from sretool.errors import Problem, UsageError, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    files: dict[str, str] = {}
    unreadable: list[Problem] = []
    for file in (file for path in paths for file in files_of(path)):
        try:
            files[shown(file)] = file.read_text(encoding="utf-8")
        except OSError as error:
            why = f"cannot be read: {error.strerror}; {_RIGHTS}"
            unreadable.append(Problem(shown(file), 1, why, Wrong.UNREADABLE))
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            unreadable.append(Problem(shown(file), line, _NO_TEXT, Wrong.UNREADABLE))
    return read(files, unreadable)


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
