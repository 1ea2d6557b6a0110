"""What is known of the past, as named spans of whoever knows some.

That is `--incidents FILE`, or the `incidents.yaml` beside a catalog, and the project's own experiments and
game days; another source of spans is one more entry of `_PROVIDERS`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from sretool.adapters.files.texts import text_of

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


def _of_runs(given: Path | None, catalog: Sequence[Path]) -> Iterator[Span]:
    """Experiments and game days of this project: what they burnt was burnt on purpose."""
    from datetime import UTC, datetime

    from sretool import wiring
    from sretool.core.runs.model import RunKind
    from sretool.core.slo.ledger import Kind, Span

    store = wiring.runs(Path.cwd(), os.environ)
    try:
        found = store.newest(_MOST_RUNS, (RunKind.CHAOS, RunKind.GAMEDAY))
    except OSError:
        return
    for run in found:
        record = run.shown
        end = record.ended
        if end is None:
            # It still runs, or was lost: its last event is the last that is known.
            with contextlib.suppress(OSError):
                end = datetime.fromtimestamp((run.folder / "events.jsonl").stat().st_mtime, UTC)
        if end is not None and end > record.started:
            yield Span(record.title, record.started, end, Kind.CHAOS, source=f"run {record.id}")


_MOST_RUNS: Final = 1000

_PROVIDERS: Final[Sequence[Callable[[Path | None, Sequence[Path]], Iterable[Span]]]] = (_of_files, _of_runs)
"""Each gives what it knows, in any order; the ledger sorts out who has which minutes."""
