"""Load profiles on disk: the project's own, and those that come with sretool."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sretool
from sretool.errors import CatalogError, Problem, ProfileError, UsageError, Wrong, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sretool.core.plans.load.profile import LoadProfile

FOLDER: Final = "loadprofiles"
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class StoredProfile:
    profile: LoadProfile
    folder: Path
    """Absolute; the profile's own files are relative to it."""
    files: tuple[tuple[str, bytes], ...]
    """(Path relative to the folder, content) of what the profile is made of: itself, locustfile, mapping."""

    @property
    def fingerprint(self) -> str:
        """The same on every machine that has the same profile."""
        digest = hashlib.sha256()
        for name, content in self.files:
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()


def folders(project: Path) -> Iterator[Path]:
    """Where profiles lie: `loadprofiles` here and upward, then the ones that come with sretool."""
    here = project.absolute()
    for each in (here, *here.parents):
        if (each / FOLDER).is_dir():
            yield each / FOLDER
            break
    package = Path(sretool.__file__).absolute().parent
    for each in (package / FOLDER, package.parent / FOLDER):
        if each.is_dir():
            yield each
            break


def names(project: Path) -> dict[str, Path]:
    """Name → file; the project's own come before those of the same name that come with sretool."""
    found: dict[str, Path] = {}
    for folder in folders(project):
        for file in sorted(folder.iterdir()):
            if file.suffix in _SUFFIXES and file.is_file():
                found.setdefault(file.stem, file)
    return found


def every(project: Path) -> tuple[list[StoredProfile], list[Problem]]:
    """All that can be used, by name, and what is wrong with the others."""
    found: list[StoredProfile] = []
    problems: list[Problem] = []
    for _, file in sorted(names(project).items()):
        try:
            found.append(_read(file, None))
        except CatalogError as error:
            problems += error.problems
    return found, problems


def load(wanted: str, project: Path, *, mapping: Path | None = None) -> StoredProfile:
    """The profile of a name or of a file; a Python file is a locustfile that decides everything itself.

    `mapping` takes the place of the profile's own. ProfileError with every problem, UsageError where there is
    no such profile.
    """
    file = Path(wanted)
    if file.suffix == ".py":
        return _bare(file)
    if file.suffix not in _SUFFIXES:
        known = names(project)
        if wanted not in known:
            raise UsageError(
                f"there is no load profile {wanted!r}{did_you_mean(wanted, known)}",
                remedy="`sretool load list` shows them; a file's path will do as well",
            )
        file = known[wanted]
    try:
        return _read(file, mapping)
    except CatalogError as error:
        raise ProfileError(error.problems) from None


def _bare(file: Path) -> StoredProfile:
    from sretool.core.plans.load.profile import LoadProfile, OwnShape

    content = _bytes(file)
    name = "".join(each if each.isalnum() or each in "._-" else "-" for each in file.stem.lower())
    profile = LoadProfile(
        name.lstrip("._-") or "locustfile", file.name, file.name, OwnShape(), file=str(file)
    )
    return StoredProfile(profile, file.absolute().parent, ((file.name, content),))


def _read(file: Path, mapping: Path | None) -> StoredProfile:
    from sretool.core.plans.load.read import read, with_mapping

    shown = _shown(file)
    profile = read(shown, _text(file))
    folder = file.absolute().parent
    used = [(file.name, _bytes(file))]
    if mapping is not None or profile.mapping:
        place = mapping or folder / profile.mapping
        if not place.is_file():
            raise CatalogError((_missing(profile, "mapping", str(place)),))
        profile = with_mapping(profile, _shown(place), _text(place))
        used.append((place.name, _bytes(place)))
    problems = []
    locustfile = folder / profile.locustfile
    if not locustfile.is_file():
        problems.append(_missing(profile, "locustfile", profile.locustfile))
    else:
        used.append((profile.locustfile, _bytes(locustfile)))
    for name, path in profile.data.items():
        if path and not (folder / path).is_file():
            problems.append(_missing(profile, f"data.{name}", path))
    if problems:
        raise CatalogError(tuple(problems))
    return StoredProfile(replace(profile, file=shown), folder, tuple(used))


def _missing(profile: LoadProfile, key: str, path: str) -> Problem:
    return Problem(
        profile.file, profile.lines.get(key, 1), f"{key.partition('.')[0]}: there is no file {path}"
    )


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CatalogError((Problem(_shown(file), line, "is not UTF-8 text", Wrong.UNREADABLE),)) from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None


def _shown(file: Path) -> str:
    """As short as it can be from where we are."""
    try:
        return str(file.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(file)
