"""Experiments that lie where they are looked for: a project, beside our sources, the installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = "experiments"
GAMEDAYS: Final = "gamedays"
"""The folder in it for plans of game days, which are no experiments."""
_PLACES: Final = tuple(Path(__file__).resolve().parents[each] / FOLDER for each in (3, 2))
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def experiments() -> dict[str, Path]:
    """Those that come with sretool: name → file, sorted."""
    found: dict[str, Path] = {}
    for place in _PLACES:
        found = _below(place) | found
    return dict(sorted(found.items()))


def of_project(project: Path) -> dict[str, Path]:
    """Those in the folder `experiments` of a project: name → file, sorted."""
    place = project.absolute() / FOLDER
    return {} if place.resolve() in _PLACES else dict(sorted(_below(place).items()))


def _below(place: Path) -> dict[str, Path]:
    """`NAME.yaml`, `NAME/experiment.yaml`, and `KIND/NAME.yaml` as `KIND/NAME`."""
    found: dict[str, Path] = {}
    for file in sorted(place.iterdir()) if place.is_dir() else []:
        if file.suffix in _SUFFIXES and file.is_file():
            found.setdefault(file.stem, file)
        elif file.is_dir() and file.name != GAMEDAYS:
            inside = (file / f"experiment{suffix}" for suffix in _SUFFIXES)
            inner = next((each for each in inside if each.is_file()), None)
            if inner is not None:
                found.setdefault(file.name, inner)
                continue
            for each in sorted(file.iterdir()):
                if each.suffix in _SUFFIXES and each.is_file():
                    found.setdefault(f"{file.name}/{each.stem}", each)
    return found
