"""Files that people name, as text and as they are told of."""

from __future__ import annotations

from pathlib import Path

from sretool.errors import UsageError


def text_of(file: Path) -> str:
    """UsageError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {file}: it is not UTF-8 text") from error


def shown(file: Path) -> str:
    """As short as it can be from where we are."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)
