"""What stands around a load test: its target, who may be put under load, and who knows how the servers do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sretool.cli import diagnostics, objectives
from sretool.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.lab.record import LabRecord
    from sretool.cli.context import Settings
    from sretool.core.catalog.model import System
    from sretool.core.plans.load.profile import LoadProfile
    from sretool.core.slo.model import Slo
    from sretool.ports import Endpoint


@dataclass(frozen=True, slots=True)
class Around:
    target: str
    """As given, or the running lab's application."""
    production: bool = False
    system: System | None = None
    """What the catalog says; None: there is none."""
    prometheus: Endpoint | None = None
    """That of the servers under load; None: nobody knows it."""

    @property
    def load_targets(self) -> tuple[str, ...]:
        return self.system.load_targets if self.system is not None else ()


def look(settings: Settings, target: str | None) -> Around:
    """Options first, then the context; a lab that nobody named only where the load goes to it.

    UsageError where nothing says what to put under load.
    """
    context = settings.chosen_context()
    if context is not None:
        sources = settings.resolve_sources(catalog_needed=False)
        return Around(_given(target), context.production, _system(sources.catalog), sources.prometheus)
    lab = settings.chosen_lab() if settings.lab is not None or target is None else _lab_at(target)
    if lab is None:
        prometheus, _ = settings.endpoints(None)
        return Around(_given(target), system=_system(settings.catalog), prometheus=prometheus)
    from pathlib import Path

    prometheus, _ = settings.endpoints(lab)
    app = target or lab.endpoints.get("app")
    return Around(
        _given(app), system=_system(settings.catalog or (Path(lab.catalog),)), prometheus=prometheus
    )


def _lab_at(target: str) -> LabRecord | None:
    """The running lab one of whose servers this is."""
    from sretool.adapters.lab import record

    for lab in record.running():
        if target.rstrip("/") in {url.rstrip("/") for url in lab.endpoints.values()}:
            return lab
    return None


def _given(target: str | None) -> str:
    if target is None:
        raise UsageError(
            "nothing says what to put under load",
            remedy="give --target URL, or start the lab with `sretool lab up`",
        )
    return target


def _system(paths: tuple[Path, ...]) -> System | None:
    return objectives.of_catalog(paths) if paths else None


def with_slos(profile: LoadProfile, around: Around) -> tuple[LoadProfile, tuple[Slo, ...]]:
    """The profile without the objectives that nobody here can judge, and those of the catalog it has.

    UsageError where there is a catalog that does not list one of them.
    """
    from sretool.core.plans.load.objectives import Measure

    wanted = [each for each in profile.objectives if each.measure is Measure.SLO]
    if not wanted:
        return profile, ()
    if around.system is None:
        names = ", ".join(each.slo for each in wanted)
        diagnostics.tell(
            f"not judged, because no catalog is known: {names}",
            "give --catalog PATH of the system under load",
        )
        kept = tuple(each for each in profile.objectives if each.measure is not Measure.SLO)
        return replace(profile, objectives=kept), ()
    known = {str(slo.id): slo for slo in around.system.slos}
    for each in wanted:
        if each.slo not in known:
            line = profile.lines.get("objectives", 1)
            raise UsageError(
                f"{profile.file}:{line}: the catalog has no SLO {each.slo!r}{did_you_mean(each.slo, known)}"
            )
    if around.prometheus is None:
        diagnostics.tell(
            "the servers' own figures are not known, only the client's: no Prometheus",
            "give --prometheus URL",
        )
    return profile, tuple(known[each.slo] for each in wanted)
