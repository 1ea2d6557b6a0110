"""How key performance indicators stand in a quarter, by run folders and by a server's answers.

What was not measured has no value. A mean of times leaves out the runs that never came to an end of them, so
where there are such it is too good, and a goal is not called met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sretool.core.catalog.kpis import FromRuns
from sretool.core.catalog.model import Bound
from sretool.core.plans.chaos.criteria import FAULT_MADE
from sretool.core.runs.model import RunKind, RunState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sretool.core.catalog.kpis import Kpi, Quarter
    from sretool.core.catalog.model import Target
    from sretool.core.runs.model import LoadMeasures, RunRecord


@dataclass(frozen=True, slots=True)
class RunsSay:
    value: float | None
    """In the KPI's unit."""
    runs: int = 0
    """It is made of."""
    missing: int = 0
    """Runs that should have a value and have none: it never came."""
    days: int = 0
    """Game days among `runs`; each counts once, with the mean over its experiments."""


@dataclass(frozen=True, slots=True)
class ServerSays:
    value: float | None
    days: int = 0
    """With data."""
    of_days: int = 0
    """Whole days of the quarter so far."""


@dataclass(frozen=True, slots=True)
class KpiStanding:
    kpi: Kpi
    target: Target | None
    """None: there is no goal for this quarter."""
    server: ServerSays | None
    """None: no server was asked."""
    runs: RunsSay | None
    """None: runs don't stand for it."""

    @property
    def source(self) -> str | None:
        """`prometheus` or `runs`: what the value is from."""
        if self.server is not None and self.server.value is not None:
            return "prometheus"
        return "runs" if self.runs is not None and self.runs.value is not None else None

    @property
    def value(self) -> float | None:
        match self.source:
            case "prometheus":
                return self.server.value if self.server is not None else None
            case "runs":
                return self.runs.value if self.runs is not None else None
            case _:
                return None

    @property
    def met(self) -> bool | None:
        """None: nobody knows."""
        value, target = self.value, self.target
        if value is None or target is None:
            return None
        within = value >= target.value if target.bound is Bound.ABOVE else value <= target.value
        too_good = self.source == "runs" and self.runs is not None and self.runs.missing > 0
        return None if within and too_good else within


def standing(
    kpi: Kpi,
    quarter: Quarter,
    server: ServerSays | None,
    records: Iterable[RunRecord],
    measuring: Collection[str] = (),
) -> KpiStanding:
    """`records`: of any kind and time; `measuring` as `from_runs` has it."""
    runs = from_runs(kpi.runs, quarter, records, measuring) if kpi.runs is not None else None
    return KpiStanding(kpi, kpi.goal(quarter), server, runs)


def from_runs(
    what: FromRuns, quarter: Quarter, records: Iterable[RunRecord], measuring: Collection[str] = ()
) -> RunsSay:
    """Of runs that began in the quarter and are over.

    `measuring`: ids of rounds and searches for a dose. Their faults are made over and over to be measured, as
    strong and as long as that takes; nobody is to notice or to mend them, so they say nothing of mean times.
    """
    records = list(records)
    of_quarter = [each for each in records if quarter.start <= each.started < quarter.end]
    over = [each for each in of_quarter if each.verdict]
    if what in (FromRuns.MTTR, FromRuns.MTTD):
        # Nobody saw what became of a fault whose run broke off.
        lost = [each for each in of_quarter if each.kind is RunKind.CHAOS and each.state is RunState.LOST]
        days = {each.id: each.parent for each in records}
        times = [*_times(what, over), *((each, None) for each in lost)]
        within = [(_parents(each, days), time) for each, time in times]
        return _mean(
            [
                (above[-1] if above else None, time)
                for above, time in within
                if not any(each in measuring for each in above)
            ]
        )
    # Steps of a game day are under a fault on purpose, and searches for the limit go beyond it.
    loads = [
        each.measures.load
        for each in over
        if each.kind is RunKind.LOAD and not each.parent and each.verdict and each.verdict.outcome.judged
    ]
    measured = [each for each in loads if each is not None and each.requests]
    return (
        _slowest(measured) if what is FromRuns.P95 else _share(measured, good=what is FromRuns.AVAILABILITY)
    )


def _parents(run: RunRecord, parents: Mapping[str, str | None]) -> Sequence[str]:
    """What it was a step of, and what that was a step of; the last one is the game day."""
    found: list[str] = []
    above = run.parent
    while above is not None and above not in found:
        found.append(above)
        above = parents.get(above)
    return found


def _times(what: FromRuns, over: Sequence[RunRecord]) -> Iterator[tuple[RunRecord, float | None]]:
    """Of each experiment."""
    for each in over:
        measured = each.measures.chaos
        checks = each.verdict.checks if each.verdict is not None else ()
        made = any(check.name == FAULT_MADE and check.ok for check in checks)
        if each.kind is not RunKind.CHAOS or measured is None or not made:
            continue
        if what is FromRuns.MTTR:
            yield each, measured.mttr_s
        elif measured.mttd_s is not None or any(alert.expected for alert in measured.alerts):
            yield each, measured.mttd_s


def _mean(times: Sequence[tuple[str | None, float | None]]) -> RunsSay:
    """A game day counts once, however often its faults were made."""
    alone = [each for parent, each in times if parent is None and each is not None]
    days: dict[str, list[float]] = {}
    for parent, each in times:
        if parent is not None and each is not None:
            days.setdefault(parent, []).append(each)
    known = [*alone, *(sum(each) / len(each) for each in days.values())]
    missing = sum(each is None for _, each in times)
    return RunsSay(sum(known) / len(known) if known else None, len(known), missing, len(days))


def _slowest(loads: Sequence[LoadMeasures]) -> RunsSay:
    known = [each.p95_s for each in loads if each.p95_s is not None]
    return RunsSay(max(known, default=None), len(known), len(loads) - len(known))


def _share(loads: Sequence[LoadMeasures], *, good: bool) -> RunsSay:
    known = [(each.requests or 0, each.failures) for each in loads if each.failures is not None]
    requests = sum(each for each, _ in known)
    if not requests:
        return RunsSay(None, 0, len(loads))
    failed = sum(failures or 0 for _, failures in known) / requests
    return RunsSay(1 - failed if good else failed, len(known), len(loads) - len(known))
