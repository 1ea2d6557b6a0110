"""How traffic left the instance that was hurt, and came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.plans.chaos.timeline import finite
from sretool.core.runs import events
from sretool.core.runs.model import TrafficMeasure

if TYPE_CHECKING:
    from sretool.core.plans.chaos.timeline import Timeline

NONE: Final = 0.01
"""A share below this is none: health checks and requests that were under way."""


def measures(timeline: Timeline) -> tuple[TrafficMeasure, ...]:
    told: dict[str, list[tuple[float, float]]] = {}
    for t, what in timeline.of(events.TrafficTick):
        share = finite(what.share)
        if share is not None:
            told.setdefault(what.instance, []).append((t, share))
    return tuple(_of(name, shares, timeline.fault_on) for name, shares in sorted(told.items()))


def _of(name: str, shares: list[tuple[float, float]], on: float | None) -> TrafficMeasure:
    if on is None:
        return TrafficMeasure(name, before=shares[-1][1])
    before = [share for t, share in shares if t <= on]
    after = [(t, share) for t, share in shares if t > on]
    gone = next((t for t, share in after if share < NONE), None)
    half = before[-1] / 2 if before else None
    back = None
    if gone is not None and half is not None:
        back = next((t for t, share in after if t > gone and share >= max(half, NONE)), None)
    return TrafficMeasure(
        name,
        before=before[-1] if before else None,
        least=min((share for _, share in after), default=None),
        after=after[-1][1] if after else None,
        gone_s=None if gone is None else round(gone - on, 6),
        back_s=None if back is None else round(back - on, 6),
    )
