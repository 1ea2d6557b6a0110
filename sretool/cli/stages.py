"""What a dashboard is opened on, and going from one to the next: contexts of the configuration and labs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sretool import wiring
from sretool.cli import looks, objectives

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.adapters.files.runbooks import Runbooks
    from sretool.adapters.store.snapshots import SnapshotFile
    from sretool.cli.context import Settings, Sources
    from sretool.core.catalog.model import System
    from sretool.tui.reader import Reader
    from sretool.wiring import Endpoints

_LAB: Final = "lab:"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything of one context."""

    name: str
    """As `:ctx` calls it; empty: servers that were given by address."""
    endpoints: Endpoints
    system: System
    origin: str
    """Where the data comes from, for row 1: `lab amas ÷10`."""
    production: bool
    reader: Reader
    runbooks: Runbooks
    environment: Mapping[str, str]
    """Of programs that are given the terminal, as it is now."""
    addresses: Mapping[str, str]
    """What commands of runbooks call by name."""


def open_stage(settings: Settings) -> Stage:
    """Reads files and, without a catalog, asks the server; SretoolError where that cannot be done."""
    sources = settings.resolve_sources(catalog_needed=False)
    system = objectives.load(sources)
    endpoints = wiring.Endpoints(
        tuple(system.slos),
        sources.prometheus,
        sources.alertmanager,
        policy=system.policy,
        state=sources.state,
        dependencies=system.dependencies,
        snapshots=_snapshots(sources),
    )
    reader = looks.reader(settings.configuration(), sources.context, settings.project)
    production = sources.context is not None and sources.context.production
    return Stage(
        _name(sources),
        endpoints,
        system,
        _origin(sources),
        production,
        reader,
        wiring.runbooks(sources.catalog, sources.state, system.runbooks),
        dict(settings.environment or {}),
        _addresses(sources),
    )


def _snapshots(sources: Sources) -> SnapshotFile | None:
    """The last snapshot of these servers and catalogs."""
    if sources.state is None:
        return None
    servers = (sources.prometheus, sources.alertmanager)
    urls = [server.url if server is not None else "" for server in servers]
    return wiring.snapshots(sources.state, [*urls, *(str(path.absolute()) for path in sources.catalog)])


class Stages:
    """The contexts a dashboard can go to."""

    def __init__(self, settings: Settings, first: Stage) -> None:
        self._settings = settings
        self._current = first
        self.next: Stage | None = first
        """What is opened as soon as the present one is closed; None: nothing."""

    @property
    def current(self) -> str:
        return self._current.name

    @property
    def production(self) -> bool:
        return self._current.production

    @property
    def names(self) -> Sequence[str]:
        from sretool.adapters.lab import record

        labs = [f"{_LAB}{lab.name}" for lab in record.running()]
        return (*self._settings.configuration().contexts, *labs)

    def prepare(self, name: str) -> None:
        # Servers and catalogs that were given belong to the context they were given for.
        lab = name.removeprefix(_LAB) if name.startswith(_LAB) else None
        settings = replace(
            self._settings,
            catalog=(),
            prometheus=None,
            alertmanager=None,
            lab=lab,
            context=None if lab is not None else name,
        )
        self._current = self.next = open_stage(settings)


def _name(sources: Sources) -> str:
    if sources.context is not None:
        return sources.context.name
    return f"{_LAB}{sources.lab.name}" if sources.lab is not None else ""


def _addresses(sources: Sources) -> dict[str, str]:
    """`PROMETHEUS`, `ALERTMANAGER`, and in a lab `APP` and the others that `sretool lab status` prints."""
    found = {"PROMETHEUS": sources.prometheus.url}
    if sources.alertmanager is not None:
        found["ALERTMANAGER"] = sources.alertmanager.url
    if sources.lab is not None:
        found |= {name.upper().replace("-", "_"): url for name, url in sources.lab.endpoints.items()}
    return found


def _origin(sources: Sources) -> str:
    if sources.context is not None:
        return sources.context.name
    if sources.lab is not None:
        return f"lab {sources.lab.name} ÷{sources.scale}" if sources.scale != 1 else f"lab {sources.lab.name}"
    return sources.prometheus.url.partition("://")[2]
