"""Experiments that come with sretool: beside the sources, or in the installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PLACES: Final = tuple(Path(__file__).resolve().parents[each] / "experiments" for each in (3, 2))
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def experiments() -> dict[str, Path]:
    """Name → file, sorted: `experiments/NAME.yaml` and `experiments/NAME/experiment.yaml`."""
    found: dict[str, Path] = {}
    for place in _PLACES:
        if not place.is_dir():
            continue
        for file in sorted(place.iterdir()):
            if file.suffix in _SUFFIXES and file.is_file():
                found.setdefault(file.stem, file)
            elif file.is_dir():
                inner = next(
                    (
                        file / f"experiment{each}"
                        for each in _SUFFIXES
                        if (file / f"experiment{each}").is_file()
                    ),
                    None,
                )
                if inner is not None:
                    found.setdefault(file.name, inner)
    return dict(sorted(found.items()))
