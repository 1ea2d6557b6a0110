"""Who has which role: by name, whoever asks, or whoever has duty now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.alerting import oncall as calendar
from sretool.core.plans.gameday.plan import ME, ON_CALL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sretool.core.catalog.oncall import OnCall
    from sretool.core.plans.gameday.plan import GameDayPlan


def resolve(
    plan: GameDayPlan, *, given: Mapping[str, str], me: str, oncall: OnCall | None, now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """Role → person, and role → why it has none. `given` goes before the plan; no `oncall`: no catalog."""
    people: dict[str, str] = {}
    nobody: dict[str, str] = {}
    for role in plan.roles:
        wanted = given.get(role.id) or role.person
        if wanted == ME:
            people[role.id] = me
        elif wanted == ON_CALL:
            found = on_duty(oncall, now)
            if found:
                people[role.id] = found
            else:
                nobody[role.id] = (
                    "is of whoever is on call, and no catalog with a calendar is known"
                    if oncall is None or not oncall.schedules
                    else "is of whoever is on call, and nobody is now"
                )
        elif wanted:
            people[role.id] = wanted
        else:
            nobody[role.id] = "has no person"
    return people, nobody


def on_duty(oncall: OnCall | None, now: datetime) -> str:
    """Name of the first schedule's primary who has duty; empty: nobody."""
    if oncall is None:
        return ""
    for schedule in oncall.schedules:
        primary, _ = calendar.on_duty(oncall, schedule, now)
        if primary is not None:
            member = oncall.member(primary)
            return member.title if member is not None else primary
    return ""
