"""The composition root: which adapters serve which service.

Imports stand inside the functions, so that a command loads only what it uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sretool.adapters.files.runbooks import Runbooks
    from sretool.adapters.store.marks import MarkFile
    from sretool.adapters.store.notebook import Notebook
    from sretool.adapters.store.runs import RunStore
    from sretool.adapters.store.snapshots import SnapshotFile
    from sretool.core.catalog.model import Dependency, System
    from sretool.core.observe.running import Running
    from sretool.core.slo.model import Severity, Slo
    from sretool.core.slo.policy import Policy
    from sretool.ports import Endpoint, HistorySource, MetricsSource, SurveySource
    from sretool.services.duty import Duty
    from sretool.services.watch import Watch


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a watch looks at, and where."""

    slos: tuple[Slo, ...]
    prometheus: Endpoint
    alertmanager: Endpoint | None = None
    """None: alerts are not known."""
    deadline: timedelta = timedelta(seconds=5)
    """For one question, answer included."""
    policy: Policy | None = None
    """What a low budget means; None: the standard policy."""
    state: Path | None = None
    """Folder of marks and runs; None: none are shown."""
    dependencies: tuple[Dependency, ...] = ()
    """What the system stands on."""
    snapshots: SnapshotFile | None = None
    """Where the last snapshot is; None: it is not kept."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def system(paths: Sequence[Path], cache: Path) -> System:
    """What catalog files and folders say; read again only where one of them has changed since the last time.

    Raises as `adapters.files.catalog.load` does.
    """
    from sretool.adapters.files.catalog import read_anew, seen
    from sretool.adapters.store import freezer
    from sretool.core.catalog.model import System

    facts = seen(paths)
    place = cache / "catalogs" / facts.place
    found, _ = freezer.kept(place, tuple)
    if found is not None and len(found) == 2 and found[0] == facts.state and isinstance(found[1], System):
        return found[1]
    read = read_anew(facts.files)
    freezer.keep(place, (facts.state, read))
    return read


async def running(prometheus: Endpoint) -> Running:
    """The objectives that other tools' rules record on a server; raises SourceError."""
    from sretool.adapters.prometheus.source import Prometheus
    from sretool.services.recognising import running

    source = Prometheus(prometheus, deadline=timedelta(seconds=30))
    try:
        return await running(source)
    finally:
        await source.aclose()


def watch(sources: Endpoints) -> Watch:
    """A Watch over real servers; nothing is asked before its first poll."""
    from sretool.adapters.prometheus.source import Prometheus
    from sretool.core.slo.policy import DEFAULT
    from sretool.services.watch import Watch

    alerts = None
    if sources.alertmanager is not None:
        from sretool.adapters.alertmanager.source import Alertmanager

        alerts = Alertmanager(sources.alertmanager, deadline=sources.deadline)
    prometheus = Prometheus(sources.prometheus, deadline=sources.deadline)
    diary = None
    if sources.state is not None:
        from sretool.adapters.store.notebook import Notebook

        diary = Notebook(sources.state)
    policy = sources.policy or DEFAULT
    return Watch(
        sources.slos,
        prometheus,
        alerts,
        SystemClock(),
        policy,
        diary,
        sources.dependencies,
        sources.snapshots,
    )


def snapshots(state: Path, context: Iterable[str]) -> SnapshotFile:
    """The last snapshot of the servers and catalogs that `context` names."""
    from sretool.adapters.store.snapshots import SnapshotFile

    return SnapshotFile(state, context)


def duty(alertmanager: Endpoint, prometheus: Endpoint, severities: Mapping[Severity, str]) -> Duty:
    """Alert duty at real servers; nothing is asked or told before its first use."""
    from sretool.adapters.alertmanager.source import Alertmanager
    from sretool.adapters.prometheus.source import Prometheus
    from sretool.services.duty import Duty

    # A month of alerts takes longer than a refresh may.
    metrics = Prometheus(prometheus, deadline=timedelta(seconds=30))
    return Duty(Alertmanager(alertmanager), metrics, SystemClock(), severities)


def metrics(endpoint: Endpoint, deadline: timedelta) -> MetricsSource:
    """A Prometheus-compatible server; nothing is asked before its first query."""
    from sretool.adapters.prometheus.source import Prometheus

    return Prometheus(endpoint, deadline=deadline)


def survey(endpoint: Endpoint, deadline: timedelta) -> SurveySource:
    """A Prometheus-compatible server that is asked what it has; nothing is asked before that."""
    from sretool.adapters.prometheus.source import Prometheus

    return Prometheus(endpoint, deadline=deadline)


def history(endpoint: Endpoint) -> HistorySource:
    """Long ranges of a Prometheus-compatible server; nothing is asked before its first query."""
    from sretool.adapters.prometheus.history import PrometheusHistory

    return PrometheusHistory(endpoint)


def state_folder(project: Path, environment: Mapping[str, str]) -> Path:
    """Where sretool keeps what it writes for the project that `project` lies in."""
    from sretool.adapters.project import state_folder

    return state_folder(project, environment)


def notebook(state: Path, who: str) -> Notebook:
    """Marks, runs and ticks in `state`, written to in the name of `who`."""
    from sretool.adapters.store.notebook import Notebook

    return Notebook(state, who)


def runbooks(catalog: Sequence[Path], state: Path | None, known: Mapping[str, str]) -> Runbooks:
    """The runbooks of a catalog and of the project; `known` are those without a file."""
    from sretool.adapters.files.runbooks import Runbooks

    return Runbooks(catalog, state, known)


def runs(project: Path, environment: Mapping[str, str]) -> RunStore:
    """The run folders of the project that `project` lies in."""
    from sretool.adapters.project import state_folder
    from sretool.adapters.store.runs import RunStore

    return RunStore(state_folder(project, environment))


def marks(project: Path, environment: Mapping[str, str]) -> MarkFile:
    """The changes written down in the project that `project` lies in."""
    from sretool.adapters.project import state_folder
    from sretool.adapters.store.marks import MarkFile

    return MarkFile(state_folder(project, environment))
