"""One service with all around it: what it answers, whom it needs, how long each hop takes, who suffers.

The topology is the catalog's. A service is made of the dependencies its `parts` name; whoever needs one of
those, directly or through others, breaks with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.observe import infra
from sretool.core.observe.panels import Condition
from sretool.core.observe.questions import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sretool.core.catalog.model import CriticalPath, Dependency, Hop, Impact, Owner, Service, System, Tier
    from sretool.core.observe.infra import CallRow
    from sretool.core.observe.questions import Answers


@dataclass(frozen=True, slots=True)
class DependencyRow:
    """Something the service needs, or something that needs the service."""

    dependency: Dependency
    depth: int
    """1: directly."""
    condition: Condition
    watched: bool
    """Whether anybody looks whether it works."""
    calls: tuple[CallRow, ...] = ()
    """What is asked of it."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HopRow:
    """One step of a critical path, or a part of one."""

    hop: Hop
    depth: int
    """0, or 1 for a part."""
    took: timedelta | None
    """None: not measured, or no data."""
    condition: Condition
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PathRows:
    path: CriticalPath
    hops: tuple[HopRow, ...]

    @property
    def took(self) -> timedelta | None:
        """Of the hops that are measured; None where none is."""
        known = [row.took for row in self.hops if row.depth == 0 and row.took is not None]
        return sum(known, timedelta()) if known else None

    @property
    def unmeasured(self) -> int:
        return len([row for row in self.hops if row.depth == 0 and row.took is None])


@dataclass(frozen=True, slots=True)
class ServicePage:
    service: Service
    tier: Tier | None
    owner: Owner | None
    calls: tuple[CallRow, ...]
    """What it answers."""
    needs: tuple[DependencyRow, ...]
    """Nearest first."""
    breaks: tuple[DependencyRow, ...]
    """What breaks with it, nearest first."""
    paths: tuple[PathRows, ...]
    impacts: tuple[Impact, ...]
    """Of its tier and those below."""


def wanted(system: System, service: Service) -> Wanted:
    calls = [call for call in system.watched.calls if call.service in (None, service.id)]
    ups = [dependency.up for dependency in system.dependencies if dependency.up is not None]
    hops = [hop.measured for path in _paths(system, service) for hop, _ in _hops(path) if hop.measured]
    return Wanted((*ups, *hops)) | infra.of_calls(calls)


def assemble(system: System, service: Service, answers: Answers, now: datetime) -> ServicePage:
    calls = [call for call in system.watched.calls if call.service in (None, service.id)]
    rows = [row for call in calls for row in infra.call_rows(call, answers, now)]
    parts = _parts(system, service)
    return ServicePage(
        service=service,
        tier=next((tier for tier in system.tiers if tier.number == service.tier), None),
        owner=next((owner for owner in system.owners if owner.id == service.owner), None),
        calls=tuple(row for row in rows if row.call.to is None and row.call.service == service.id),
        needs=tuple(_row(each, depth, rows, answers) for each, depth in needs(system, parts)),
        breaks=tuple(_row(each, depth, rows, answers) for each, depth in breaks(system, parts)),
        paths=tuple(_path(path, answers) for path in _paths(system, service)),
        impacts=tuple(
            impact for impact in system.impacts if service.tier is None or impact.tier >= service.tier
        ),
    )


def needs(system: System, parts: Iterable[str]) -> list[tuple[Dependency, int]]:
    """What these parts call, directly (1) or through others, without themselves."""
    called = {each.id: each.needs for each in system.dependencies}
    return _reached(system, parts, called)


def breaks(system: System, parts: Iterable[str]) -> list[tuple[Dependency, int]]:
    """What calls these parts, directly (1) or through others, without themselves."""
    callers: dict[str, tuple[str, ...]] = {}
    for each in system.dependencies:
        for needed in each.needs:
            callers[needed] = (*callers.get(needed, ()), each.id)
    return _reached(system, parts, callers)


def _reached(
    system: System, parts: Iterable[str], edges: dict[str, tuple[str, ...]]
) -> list[tuple[Dependency, int]]:
    by_id = {each.id: each for each in system.dependencies}
    seen = set(parts)
    front, depth, found = list(seen), 0, []
    while front:
        depth += 1
        following = [other for each in front for other in edges.get(each, ()) if other in by_id]
        front = [other for other in dict.fromkeys(following) if other not in seen]
        seen.update(front)
        found += [(by_id[each], depth) for each in front]
    return found


def _parts(system: System, service: Service) -> tuple[str, ...]:
    """The parts the catalog names; else the dependency of the same name."""
    ids = {each.id for each in system.dependencies}
    return service.parts or ((service.id,) if service.id in ids else ())


def _row(dependency: Dependency, depth: int, rows: Iterable[CallRow], answers: Answers) -> DependencyRow:
    calls = tuple(row for row in rows if row.call.to == dependency.id)
    if dependency.up is None:
        return DependencyRow(dependency, depth, Condition.NO_DATA, False, calls)
    found = answers.now(dependency.up)
    values = [sample.value for sample in found.samples]
    condition = Condition.NO_DATA
    if values:
        down = [value for value in values if value <= 0]
        condition = (
            Condition.OK if not down else Condition.BAD if len(down) == len(values) else Condition.WARN
        )
    return DependencyRow(dependency, depth, condition, True, calls, found.error)


def _paths(system: System, service: Service) -> list[CriticalPath]:
    return [path for path in system.critical_paths if path.service in (None, service.id)]


def _hops(path: CriticalPath) -> Iterator[tuple[Hop, int]]:
    for hop in path.hops:
        yield hop, 0
        for part in hop.parts:
            yield part, 1


def _path(path: CriticalPath, answers: Answers) -> PathRows:
    return PathRows(path, tuple(_hop(hop, depth, answers) for hop, depth in _hops(path)))


def _hop(hop: Hop, depth: int, answers: Answers) -> HopRow:
    if hop.measured is None:
        return HopRow(hop, depth, None, Condition.NO_DATA)
    found = answers.now(hop.measured)
    value = max((sample.value for sample in found.samples), default=None)
    if value is None:
        return HopRow(hop, depth, None, Condition.NO_DATA, found.error)
    took = timedelta(milliseconds=value) if hop.unit == "ms" else timedelta(seconds=value)
    return HopRow(hop, depth, took, Condition.WARN if took > hop.budget else Condition.OK, found.error)
