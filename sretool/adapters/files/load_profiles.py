"""Load profiles on disk: those that come with sretool, and any other by its path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sretool.errors import CatalogError, Problem, UsageError, Wrong, did_you_mean

if TYPE_CHECKING:
    from sretool.core.plans.load.profile import LoadProfile

_SUFFIXES: Final = (".yaml", ".yml")


def folder() -> Path:
    """Where the profiles that come with sretool lie: inside the package, or beside it in its source tree."""
    package = Path(str(resources.files("sretool")))
    inside = package / "loadprofiles"
    return inside if inside.is_dir() else package.parent / "loadprofiles"


def bundled() -> dict[str, Path]:
    """Name → file, in the order of the names."""
    return {file.stem: file for file in sorted(folder().glob("*.yaml"))}


def find(name: str) -> Path:
    """The file of a bundled profile by its name, or any file by its path; UsageError where there is none."""
    if "/" in name or name.endswith(_SUFFIXES):
        file = Path(name)
        if not file.is_file():
            what = "is a folder" if file.is_dir() else "does not exist"
            raise UsageError(
                f"{name} {what}", remedy="give the path of a profile, or the name of a bundled one"
            )
        return file
    known = bundled()
    if name not in known:
        hint = did_you_mean(name, known).removeprefix("; ")
        raise UsageError(
            f"there is no load profile {name!r}", remedy=f"{hint} (`sretool load list` has them all)"
        )
    return known[name]


def load(name: str, mapping: Path | None = None) -> LoadProfile:
    """A profile with its requests, by name or path; those of `mapping` instead of its own.

    CatalogError with every problem in the file that is read.
    """
    from sretool.core.plans.load.read import read, with_mapping

    file = find(name)
    profile = read(str(file), _text(file))
    if mapping is None and profile.mapping:
        mapping = file.parent / profile.mapping
        if not mapping.is_file():
            what = f"mapping: there is no file {mapping}"
            raise CatalogError((Problem(str(file), profile.lines.get("mapping", 1), what),))
    if mapping is not None:
        profile = with_mapping(profile, str(mapping), _text(mapping))
    for key, path in (
        ("locustfile", profile.locustfile),
        *((f"data.{k}", v) for k, v in profile.data.items()),
    ):
        if not (file.parent / path).is_file():
            what = f"{key.removeprefix('data.')}: there is no file {file.parent / path}"
            raise CatalogError((Problem(str(file), profile.lines.get(key, 1), what),))
    return profile


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CatalogError((Problem(str(file), line, "is not UTF-8 text", Wrong.UNREADABLE),)) from None
