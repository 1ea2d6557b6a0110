"""The objectives a command is about: those of the catalog, or those that already run on the server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.cli import diagnostics
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.cli.context import Sources
    from sretool.core.catalog.model import System


def load(sources: Sources) -> System:
    """The catalog where one is given, else what Sloth's or Pyrra's rules record; says on stderr what is odd.

    UsageError where there is neither, SourceError where the server cannot be asked.
    """
    if sources.catalog:
        system = of_catalog(sources.catalog)
        diagnostics.tell_warnings(system.warnings)
        return system
    return _running(sources)


def of_catalog(paths: Sequence[Path]) -> System:
    """What these files and folders say."""
    from sretool import wiring

    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return wiring.system(paths, Path(home) / "sretool")


def _running(sources: Sources) -> System:
    import asyncio

    from sretool import wiring
    from sretool.core.catalog.model import System

    found = asyncio.run(wiring.running(sources.prometheus))
    for note in found.notes:
        diagnostics.tell(note)
    if not found.slos:
        raise UsageError(
            "no catalog of objectives is known, and none of Sloth or Pyrra run on this Prometheus",
            remedy="give --catalog PATH or set SRETOOL_CATALOG",
        )
    name = sources.prometheus.url.partition("://")[2]
    return System(name=name, title=name, slos=found.slos)
