"""Files as bytes, for commands that judge files instead of using them."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.adapters.files.catalog import files_of, shown
from sretool.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Collected:
    contents: dict[str, bytes]
    """Name as shown → content, at most `limit` bytes and one more."""
    paths: dict[str, Path]
    unreadable: tuple[Problem, ...]


def collect(paths: Sequence[Path], limit: int) -> Collected:
    """Every file of `paths`, folders searched as for a catalog; what cannot be read becomes a problem."""
    found = Collected({}, {}, ())
    problems: list[Problem] = []
    for path in paths:
        try:
            files = list(files_of(path))
        except UsageError as error:
            problems.append(Problem(str(path), 1, error.message))
            continue
        for file in files:
            try:
                with file.open("rb") as stream:
                    content = stream.read(limit + 1)
            except OSError as error:
                problems.append(Problem(shown(file), 1, f"cannot be read: {error.strerror}"))
                continue
            found.contents[shown(file)] = content
            found.paths[shown(file)] = file
    return Collected(found.contents, found.paths, tuple(problems))


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, its mode kept; a link stays a link. UsageError where it cannot be."""
    target = path.resolve()
    try:
        mode = target.stat().st_mode & 0o7777
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except OSError:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
