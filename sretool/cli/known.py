"""What is known of the past: `--incidents FILE`, or the `incidents.yaml` beside a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.slo.ledger import Span

F = TypeVar("F")


def incidents_option(function: F) -> F:
    """`--incidents FILE`, as the parameter `incidents`."""
    option = click.option(
        "--incidents",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Known incidents, chaos runs and maintenance; incidents.yaml beside the catalog without it.",
    )
    decorated: F = option(function)  # type: ignore[type-var]
    return decorated


def spans(given: Path | None, catalog: Sequence[Path]) -> tuple[Span, ...]:
    """What the file says, or the files beside the catalog; CatalogError with every problem, UsageError."""
    from sretool.core.catalog import incidents
    from sretool.core.catalog.read import INCIDENTS_FILE

    beside = {(path if path.is_dir() else path.parent) / INCIDENTS_FILE for path in catalog}
    files = [given] if given is not None else sorted(file for file in beside if file.is_file())
    return tuple(span for file in files for span in incidents.read(str(file), _text(file)))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {file}: it is not UTF-8 text") from error
