"""What may explain a burn or a page: a drill of our own, something bought that is down, a change just before.

An explanation is only ever what a label, a mark or the catalog names. That an alert's name looks like a
dependency's is no reason to tell an on-call that it is somebody else's fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.observe.model import AlertState
from sretool.core.slo.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sretool.core.catalog.model import Dependency
    from sretool.core.observe.model import Alert, Change, Drill, Snapshot

OPEN: Final = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED})
"""States of an alert that nobody and nothing has put aside."""

CHANGED_LATELY: Final = timedelta(hours=2)
"""How long before a burn a change still counts as a suspect."""

_SUSPECTS: Final = frozenset({"deploy", "flag", "scale"})

DEPENDENCY: Final = "dependency"
"""Label of alerts and probes that names a dependency of the catalog."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A dependency that an alert, its own measure or a probe says is down."""

    dependency: Dependency
    since: datetime | None
    """None: only a probe says so, and when it began is not known."""
    said_by: str

    @property
    def foreign(self) -> bool:
        return self.dependency.provider is not None


def broken(snapshot: Snapshot, *, alerts_known: bool, services: Iterable[str] = ()) -> list[Broken]:
    """Dependencies that are down, foreign ones first, then the one down longest.

    With `services`, only what one of them stands on, where the topology knows them; a topology that does not
    know them is that of the whole system.
    """
    by_id = {each.id: each for each in snapshot.dependencies}
    reached = _below(by_id, services)
    found: dict[str, Broken] = {}
    for alert in snapshot.alerts if alerts_known else ():
        named = by_id.get(alert.labels.get(DEPENDENCY, ""))
        if named is None or alert.state not in OPEN or alert.severity is None:
            continue
        known = found.get(named.id)
        if known is None or (known.since is not None and alert.since < known.since):
            found[named.id] = Broken(named, alert.since, alert.name)
    for each in snapshot.down:
        named = by_id.get(each.dependency)
        if named is not None and named.id not in found:
            found[named.id] = Broken(named, each.since, named.up or named.id)
    for probe in snapshot.probes:
        named = by_id.get(probe.dependency or "")
        if named is not None and not probe.up and named.id not in found:
            found[named.id] = Broken(named, None, probe.name)
    latest = snapshot.at
    hit = [each for each in found.values() if each.dependency.id in reached]
    return sorted(hit, key=lambda each: (not each.foreign, each.since or latest, each.dependency.id))


def _below(by_id: dict[str, Dependency], services: Iterable[str]) -> set[str]:
    start = [service for service in services if service in by_id]
    if not start:
        return set(by_id)
    reached, waiting = set(start), start
    while waiting:
        node = by_id.get(waiting.pop())
        new = [need for need in (node.needs if node is not None else ()) if need not in reached]
        reached.update(new)
        waiting += new
    return reached


def drill_on(snapshot: Snapshot, service: str, began: datetime | None) -> Drill | None:
    """The drill that explains trouble of this service; not one that started after it `began`."""
    return next(
        (
            drill
            for drill in snapshot.drills
            if (not drill.services or service in drill.services) and (began is None or began >= drill.started)
        ),
        None,
    )


def suspect(snapshot: Snapshot, service: str, began: datetime | None, now: datetime) -> Change | None:
    """The last change to the service before it began to burn; `began` None: before now."""
    until = began if began is not None else now
    return max(
        (
            change
            for change in snapshot.changes
            if change.kind in _SUSPECTS
            and until - CHANGED_LATELY <= change.at <= until
            and change.labels.get("service", service) == service
        ),
        key=lambda change: change.at,
        default=None,
    )


def pages(alerts: Iterable[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.severity is Severity.PAGE]


def open_pages(alerts: Iterable[Alert]) -> list[Alert]:
    return [alert for alert in pages(alerts) if alert.state in OPEN]
