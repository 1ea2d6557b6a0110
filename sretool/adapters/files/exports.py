"""New files for what people take out of the dashboard."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_new(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Write `stem.suffix`, or `stem-2.suffix` and so on where that exists already; gives the file.

    OSError where nothing could be written; no half-written file stays.
    """
    for number in count(1):
        file = folder / (f"{stem}.{suffix}" if number == 1 else f"{stem}-{number}.{suffix}")
        try:
            opened = file.open("x", encoding="utf-8")
        except FileExistsError:
            continue
        try:
            with opened:
                opened.write(text)
        except OSError:
            file.unlink(missing_ok=True)
            raise
        return file
    raise AssertionError("count ends")
