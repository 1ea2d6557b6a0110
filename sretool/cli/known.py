"""What is known of the past, as named spans of whoever knows some.

Today that is `--incidents FILE`, or the `incidents.yaml` beside a catalog; another source of spans is one
more entry of `_PROVIDERS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
    """What all providers know; CatalogError with every problem of a file, UsageError."""
    return tuple(span for provide in _PROVIDERS for span in provide(given, catalog))


def _of_files(given: Path | None, catalog: Sequence[Path]) -> Iterator[Span]:
    from sretool.core.catalog import incidents
    from sretool.core.catalog.read import INCIDENTS_FILE

    beside = {(path if path.is_dir() else path.parent) / INCIDENTS_FILE for path in catalog}
    files = [given] if given is not None else sorted(file for file in beside if file.is_file())
    for file in files:
        yield from incidents.read(str(file), text_of(file))


_PROVIDERS: Final[Sequence[Callable[[Path | None, Sequence[Path]], Iterable[Span]]]] = (_of_files,)
"""Each gives what it knows, in any order; the ledger sorts out who has which minutes."""


def text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {file}: it is not UTF-8 text") from error
