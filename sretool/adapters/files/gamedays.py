"""Plans of game days on disk: a project's own, and those that come with sretool."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sretool
from sretool.errors import UsageError, did_you_mean

FOLDER: Final = Path("experiments") / "gamedays"
_SUFFIXES: Final = (".yaml", ".yml")


def names(project: Path) -> dict[str, tuple[Path, bool]]:
    """Name → file, and whether it comes with sretool; a project's own go before those of the same name."""
    package = Path(sretool.__file__).absolute().parent
    bundled = [each / FOLDER for each in (package, package.parent)]
    own = project.absolute() / FOLDER
    found: dict[str, tuple[Path, bool]] = {}
    for place in (own, *bundled):
        for file in sorted(place.iterdir()) if place.is_dir() else ():
            if file.suffix in _SUFFIXES and file.is_file():
                found.setdefault(file.stem, (file, place in bundled))
    return dict(sorted(found.items()))


def find(wanted: str, project: Path) -> Path:
    """The file of a path or a name; UsageError where there is none."""
    file = Path(wanted)
    if file.is_file():
        return file.absolute()
    known = names(project)
    if wanted in known:
        return known[wanted][0]
    raise UsageError(
        f"there is no game day {wanted!r}{did_you_mean(wanted, known)}",
        remedy="give a file, or a name that `sretool gameday list` shows",
    )
