"""The `oncall` sections of catalog files → `OnCall`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.catalog.oncall import (
    BACKUP,
    PRIMARY,
    Escalation,
    Hours,
    Member,
    OnCall,
    Override,
    Schedule,
    Step,
)
from sretool.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.catalog import spec
    from sretool.core.catalog.document import Intake

_ROLES: Final = (PRIMARY, BACKUP, "manager")


def check(files: Iterable[spec.CatalogFile], intake: Intake) -> None:
    """Whom an escalation names must be a schedule, a member or an owner; a role follows a schedule."""
    schedules = intake.declared.get("schedule", {})
    known = {**schedules, **intake.declared.get("on-call member", {}), **intake.declared.get("owner", {})}
    for file in files:
        for escalation in file.oncall.escalations if file.oncall is not None else ():
            for step in escalation.steps:
                for to in step.to:
                    problem = _unknown(to, schedules, known)
                    if problem is not None:
                        intake.problem(step.place.file, step.place.line_of("to"), f"to: {problem}")


def _unknown(to: str, schedules: Iterable[str], known: Iterable[str]) -> str | None:
    name, slash, role = to.partition("/")
    if slash and name not in schedules:
        return f"no schedule {name!r} is declared{did_you_mean(name, schedules)}"
    if slash and role not in _ROLES:
        return f"{role!r} is no role of a schedule{did_you_mean(role, _ROLES)}"
    if name not in known:
        return f"no schedule, on-call member or owner {name!r} is declared{did_you_mean(name, known)}"
    return None


def oncall(files: Iterable[spec.CatalogFile]) -> OnCall:
    files = tuple(files)
    written = [file.oncall for file in files if file.oncall is not None]
    return OnCall(
        members=tuple(Member(m.id, m.title, m.contact) for each in written for m in each.members),
        hours=tuple(
            Hours(h.id, frozenset(h.weekdays), h.start, h.end, h.zone) for each in written for h in each.hours
        ),
        schedules=tuple(_schedule(schedule) for each in written for schedule in each.schedules),
        escalations=tuple(
            Escalation(
                id=e.id,
                labels=dict(e.labels),
                steps=tuple(Step(step.after, step.to, step.how) for step in e.steps),
                during=e.during,
                outside=e.outside,
            )
            for each in written
            for e in each.escalations
        ),
        titles={owner.id: owner.title for file in files for owner in file.owners},
    )


def _schedule(written: spec.ScheduleSpec) -> Schedule:
    weekday, at = written.handover
    return Schedule(
        id=written.id,
        title=written.title or written.id,
        zone=written.zone,
        since=written.since,
        at=at,
        weekday=weekday,
        turn_days=written.turn.days,
        members=written.members,
        backups=written.backups,
        manager=written.manager,
        hours=written.hours,
        overrides=tuple(Override(o.start, o.end, o.member, o.role) for o in written.overrides),
    )
