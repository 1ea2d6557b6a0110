"""One alert in front of somebody who has to decide: who owns it, why it fires, what it does, who is next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from sretool.core.alerting import escalation
from sretool.core.catalog.oncall import OnCall
from sretool.core.observe.model import AlertState
from sretool.core.slo.model import Severity
from sretool.core.slo.windows import threshold
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sretool.core.alerting.escalation import Row
    from sretool.core.catalog.model import System
    from sretool.core.observe.model import Alert, Change, SloStatus
    from sretool.core.slo.model import BurnAlert

CHANGED_BEFORE: Final = timedelta(hours=1)
"""How long before an alert something is looked for that may have caused it."""

_OWN_KINDS: Final = frozenset({"alert", "resolved", "source"})
"""Changes that are consequences rather than causes."""


class Stage(StrEnum):
    """Where an alert is between its first firing and its end."""

    NEW = "new"
    ACKED = "acked"
    SILENCED = "silenced"
    INHIBITED = "inhibited"


@dataclass(frozen=True, slots=True)
class Open:
    """One open alert with everything that is known about it."""

    alert: Alert
    stage: Stage
    owner: str | None
    """None: neither the alert, its objective nor its service names one."""
    steps: tuple[Row, ...] = ()
    """Its escalation; empty where the catalog has none for it."""
    escalates_in: timedelta | None = None


def stage_of(alert: Alert) -> Stage:
    match alert.state:
        case AlertState.ACKNOWLEDGED:
            return Stage.ACKED
        case AlertState.SILENCED:
            return Stage.SILENCED
        case AlertState.INHIBITED:
            return Stage.INHIBITED
        case _:
            return Stage.NEW


class Reader:
    """Reads alerts with the help of one catalog, as many and as often as are looked at."""

    def __init__(self, system: System | None) -> None:
        self._owners = _owners(system)
        self._oncall = system.oncall if system is not None else OnCall()

    def open(self, alert: Alert, now: datetime) -> Open:
        stage, labels = stage_of(alert), alert.labels
        owner = self.owner(alert)
        rule = escalation.rule_for(self._oncall, labels, alert.since)
        if rule is None:
            return Open(alert, stage, owner)
        acked = alert.ack.since if alert.ack is not None else None
        steps = escalation.timetable(self._oncall, rule, alert.since, now, acked)
        waiting = stage is Stage.NEW
        return Open(alert, stage, owner, steps, escalation.escalates_in(steps, now) if waiting else None)

    def owner(self, alert: Alert) -> str | None:
        labels, owners = alert.labels, self._owners
        return labels.get("owner") or owners.get(alert.slo or "") or owners.get(labels.get("service", ""))


def opened(alerts: Iterable[Alert], system: System | None, now: datetime) -> tuple[Open, ...]:
    """The alerts in the order given."""
    reader = Reader(system)
    return tuple(reader.open(alert, now) for alert in alerts)


def _owners(system: System | None) -> dict[str, str]:
    """Owner by id of objective and of service."""
    if system is None:
        return {}
    of_services = {service.id: service.owner for service in system.services}
    of_slos = {str(slo.id): slo.owner for slo in system.slos}
    return {id_: owner for id_, owner in (of_services | of_slos).items() if owner is not None}


def mine(found: Open, me: str | None, teams: Iterable[str], oncall: OnCall) -> bool:
    """Whether it belongs to me: I own or have taken it, or I am one of those its page has reached."""
    people = {me, *teams} - {None, ""}
    ack = found.alert.ack
    if found.owner in people or (ack is not None and ack.owner in people):
        return True
    reached = {target.member for row in found.steps if row.due is escalation.Due.PAST for target in row.who}
    return bool(people & reached)


def why(alert: Alert, status: SloStatus | None) -> str | None:
    """Why it fires, in figures where an objective burns; None where nothing says it."""
    if status is not None:
        pair = _pair(alert, status)
        if pair is not None:
            return _burns(pair, status)
    return alert.annotations.get("description") or alert.annotations.get("summary")


def _pair(alert: Alert, status: SloStatus) -> BurnAlert | None:
    windows = alert.labels.get("long"), alert.labels.get("short")
    return next(
        (
            pair
            for pair in status.slo.alerts
            if (format_duration(pair.long), format_duration(pair.short)) == windows
        ),
        None,
    )


def _burns(pair: BurnAlert, status: SloStatus) -> str:
    slo = status.slo
    limit = float(threshold(pair, slo.window, slo.budget) / Fraction(slo.budget))
    burns = [(window, status.burns.get(window)) for window in (pair.long, pair.short)]
    said = " and ".join(
        f"{format_duration(window)} " + (f"{burn:.1f}x" if burn is not None else "no data")
        for window, burn in burns
    )
    known = [burn for _, burn in burns if burn is not None]
    over = "both over" if len(known) == 2 and min(known) > limit else "limit"
    share = f"{float(pair.spends) * 100:.3g}% of the budget in {format_duration(pair.long)}"
    return f"{said}, {over} {limit:.3g}x: {share} is the limit"


def changes_before(alert: Alert, changes: Iterable[Change]) -> tuple[tuple[Change, timedelta], ...]:
    """What changed within an hour before it began, nearest first, with how long before."""
    found = [
        (change, alert.since - change.at)
        for change in changes
        if change.kind not in _OWN_KINDS
        and timedelta(0) <= alert.since - change.at <= CHANGED_BEFORE
        and change.labels.get("service", alert.labels.get("service")) == alert.labels.get("service")
    ]
    return tuple(sorted(found, key=lambda each: each[1]))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What needs somebody now."""

    pages: int
    """Pages that nobody has taken."""
    oldest: timedelta | None
    escalates_in: timedelta | None
    """The soonest of them."""


def waiting(found: Sequence[Open], now: datetime) -> Waiting:
    new = [each for each in found if each.stage is Stage.NEW and each.alert.severity is Severity.PAGE]
    soon = [each.escalates_in for each in new if each.escalates_in is not None]
    return Waiting(
        pages=len(new),
        oldest=max((now - each.alert.since for each in new), default=None),
        escalates_in=min(soon, default=None),
    )
