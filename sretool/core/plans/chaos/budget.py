"""What an experiment took of the error budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.plans.chaos import criteria as names
from sretool.core.plans.chaos.timeline import finite
from sretool.core.runs import events
from sretool.core.runs.model import Check

if TYPE_CHECKING:
    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.plans.chaos.timeline import Timeline


def spent(of: Criteria, timeline: Timeline) -> float | None:
    """The largest share of any objective, 0..1; None where one of them was not measured to the end."""
    known = _last(timeline)
    fresh = [share for t, share in known.values() if share is not None and _fresh(t, of, timeline)]
    return max(fresh) if fresh and len(fresh) == len(known) else None


def check(of: Criteria, timeline: Timeline) -> Check:
    price = of.budget_price
    assert price is not None
    got = spent(of, timeline)
    if got is None:
        # What is spent is not given back by losing sight of it.
        told = [share for _, share in _last(timeline).values() if share is not None]
        if told and max(told) > price:
            return Check(names.BUDGET, want=price, got=max(told), unit="ratio", ok=False)
        return Check(names.BUDGET, want=price, got=None, unit="ratio")
    return Check(names.BUDGET, want=price, got=got, unit="ratio", ok=got <= price)


def _last(timeline: Timeline) -> dict[str, tuple[float, float | None]]:
    """Objective → when it was last looked at, and what it had spent then."""
    return {what.slo: (t, finite(what.budget_spent)) for t, what in timeline.of(events.SloTick)}


def _fresh(t: float, of: Criteria, timeline: Timeline) -> bool:
    off, end = timeline.all_off, timeline.watch_ended
    if timeline.fault_on is not None and (off is None or t < off):
        return False
    return end is not None and end - t <= of.blind_s
