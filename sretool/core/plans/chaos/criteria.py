"""What a verdict is made by: written into the first event of a run, so that its events alone are enough.

Spans are seconds, shares 0..1; None: not promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sretool.core.runs.model import Check
from sretool.errors import RunUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.core.plans.chaos.plan import ChaosPlan

STEADY_BEFORE: Final = "steady state before"
STEADY_DURING: Final = "steady state during"
STEADY_AFTER: Final = "steady state after"
FAULT_MADE: Final = "fault made"
PROBES: Final = "probes answered"
WANTED: Final = "answers as wanted"
HELPERS: Final = "helpers worked"
UNDONE: Final = "faults undone"
DOSE: Final = "dose"
DOSE_BEFORE: Final = "dose before"
DOSE_AFTER: Final = "dose after"
RTO: Final = "RTO"
RPO: Final = "RPO"
LOST: Final = "lost writes"
DUPLICATED: Final = "duplicated writes"
RESURRECTED: Final = "resurrected writes"
REDUNDANCY: Final = "redundancy restored"
ONE_PRIMARY: Final = "one primary"
RECOVERED: Final = "recovered"
WATCHED: Final = "alerts watched"
UNEXPECTED: Final = "unexpected alerts"
RESOLVED: Final = "alerts resolved"
BUDGET: Final = "budget spent"
TARGETS: Final = "targets hurt"


def alert_check(name: str) -> str:
    """Name of the check on an expected alert."""
    return f"alert {name}"


def received_check(name: str) -> str:
    """Name of the check that Alertmanager got it and tells somebody."""
    return f"alert {name} received"


@dataclass(frozen=True, slots=True)
class DoseCriterion:
    want: float
    unit: str
    tolerance: float
    probe: str
    added: bool = False
    """The probe gives a figure that the fault adds to, not the strength itself."""


@dataclass(frozen=True, slots=True)
class AlertCriterion:
    name: str
    within_s: float


@dataclass(frozen=True, slots=True)
class Criteria:
    asked_before: bool = False
    """Whether there is a hypothesis, and when it is asked."""
    asked_during: bool = False
    asked_after: bool = False
    actions: tuple[str, ...] = ()
    """Of the method: what makes faults."""
    helpers: tuple[str, ...] = ()
    """Actions of the method that hurt nothing: they undo, wait, bring load, keep ledgers."""
    probes: tuple[str, ...] = ()
    """Of the method: each must answer."""
    tolerated: tuple[str, ...] = ()
    """Those of them that say which answers are wanted; of the others any but False is."""
    unknown: tuple[str, ...] = ()
    """Actions that do not say what they hurt, so that only rollbacks undo them."""
    rollbacks: tuple[str, ...] = ()
    """Names of the experiment's own rollbacks."""
    dose: DoseCriterion | None = None
    expected_alerts: tuple[AlertCriterion, ...] = ()
    unexpected_fail: bool = True
    received: bool = False
    """Whether there is an Alertmanager that must have got what is expected."""
    blind_s: float = 30.0
    """For how long a source may be silent."""
    budget_price: float | None = None
    rto_s: float | None = None
    rpo_s: float | None = None
    lost_writes: int = 0
    max_targets: int | None = None
    recovery_deadline_s: float | None = None


def criteria(plan: ChaosPlan) -> Criteria:
    experiment, block = plan.experiment, plan.block
    there = bool(experiment.hypothesis)
    dose, objectives = block.dose, block.objectives
    probes = [each for each in experiment.method if each.what == "probe"]
    return Criteria(
        asked_before=there and experiment.asked_before,
        asked_during=there and experiment.asked_during,
        asked_after=there and experiment.asked_after,
        actions=tuple(each.name for each in plan.actions if each.targets != ()),
        helpers=tuple(each.name for each in plan.actions if each.targets == ()),
        probes=tuple(each.name for each in probes),
        tolerated=tuple(each.name for each in probes if each.tolerance is not None),
        unknown=tuple(each.name for each in plan.unknown),
        rollbacks=tuple(each.name for each in experiment.rollbacks),
        dose=(
            DoseCriterion(
                float(dose.want), dose.unit, float(dose.tolerance), dose.probe, dose.measured == "added"
            )
            if dose
            else None
        ),
        expected_alerts=tuple(
            AlertCriterion(each.name, each.within.total_seconds()) for each in block.expected_alerts
        ),
        unexpected_fail=block.unexpected_alerts_fail,
        received=bool(plan.where.get("alertmanager")),
        blind_s=block.blind_after.total_seconds(),
        budget_price=None if block.budget_price is None else float(block.budget_price),
        rto_s=None if objectives.rto is None else objectives.rto.total_seconds(),
        rpo_s=None if objectives.rpo is None else objectives.rpo.total_seconds(),
        lost_writes=objectives.lost_writes,
        max_targets=block.blast_radius.max_targets,
        recovery_deadline_s=block.recovery_deadline.total_seconds(),
    )


def document(of: Criteria) -> dict[str, Any]:
    """For the event `Started`."""
    found = msgspec.to_builtins(of)
    assert isinstance(found, dict)
    return found


def from_document(written: Mapping[str, Any]) -> Criteria:
    """RunUnreadable where it is none."""
    try:
        return msgspec.convert(dict(written), Criteria)
    except msgspec.ValidationError as error:
        raise RunUnreadable(f"what the verdict is made by cannot be read: {error}") from error


def to_hold(of: Criteria) -> tuple[Check, ...]:
    """The checks for the event `Started`: what is to hold, before anything is measured."""
    found = []
    if of.actions:
        found += [Check(FAULT_MADE, want="yes"), Check(UNDONE, want="all")]
    if of.dose:
        found.append(Check(DOSE, want=of.dose.want, unit=of.dose.unit))
    for asked, name in (
        (of.asked_before, STEADY_BEFORE),
        (of.asked_during, STEADY_DURING),
        (of.asked_after, STEADY_AFTER),
    ):
        if asked:
            found.append(Check(name, want="met"))
    if of.tolerated:
        found.append(Check(WANTED, want="all"))
    found += [Check(alert_check(each.name), want=each.within_s, unit="s") for each in of.expected_alerts]
    if of.actions and of.recovery_deadline_s is not None:
        found.append(Check(RECOVERED, want=of.recovery_deadline_s, unit="s"))
    if of.expected_alerts:
        found.append(Check(RESOLVED, want="all"))
    if of.unexpected_fail:
        found.append(Check(UNEXPECTED, want=0))
    if of.rto_s is not None:
        found.append(Check(RTO, want=of.rto_s, unit="s"))
    if of.rpo_s is not None:
        found += [
            Check(RPO, want=of.rpo_s, unit="s"),
            Check(LOST, want=of.lost_writes),
            Check(DUPLICATED, want=0),
            Check(RESURRECTED, want=0),
        ]
    if of.budget_price is not None:
        found.append(Check(BUDGET, want=of.budget_price, unit="ratio"))
    if of.max_targets is not None:
        found.append(Check(TARGETS, want=of.max_targets))
    return tuple(found)
