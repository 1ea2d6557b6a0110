"""Runbooks as files: read when they are opened, so that what somebody just wrote is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FOLDER: Final = "runbooks"
_LARGEST: Final = 2**20


class Runbooks:
    """Those beside the catalog, and those in the project's own folder."""

    def __init__(
        self, catalog: Sequence[Path] = (), own: Path | None = None, known: Mapping[str, str] | None = None
    ) -> None:
        """`known` are texts without a file, which count where there is no file of that name."""
        self._catalog = tuple(catalog)
        self._own = own / FOLDER if own is not None else None
        self._known = dict(known or {})

    def names(self) -> list[str]:
        return sorted({file.stem for file in self._files()} | self._known.keys())

    def file(self, name: str) -> Path | None:
        return next((file for file in self._files() if file.stem == name), None)

    def text(self, name: str) -> str | None:
        """The Markdown; None where there is no such runbook. OSError where its file cannot be read."""
        file = self.file(name)
        if file is None:
            return self._known.get(name)
        with file.open("rb") as stream:
            return stream.read(_LARGEST).decode(errors="replace")

    def place(self, name: str) -> Path | None:
        """Where a runbook of this name would be looked for first."""
        for folder in self._folders():
            return folder / f"{name}.md"
        return None

    def _folders(self) -> Iterator[Path]:
        for path in self._catalog:
            yield (path if path.is_dir() else path.parent) / FOLDER
        if self._own is not None:
            yield self._own

    def _files(self) -> Iterator[Path]:
        for folder in self._folders():
            if folder.is_dir():
                yield from sorted(folder.rglob("*.md"))
