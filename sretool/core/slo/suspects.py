"""Which label values carry the bad events: those with more than their share of the traffic explains."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALWAYS_BAD: Final = 0.98
"""A value whose events are bad by nature (`status="503"`); extrapolated counters are off by a little."""

_SIGNIFICANT: Final = 0.001
"""Of the bad events: values below it are rounding."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One value of one label."""

    value: str
    bad: float
    """Events."""
    share: float
    """Of all bad events."""
    traffic_share: float | None
    """Of all events; None where these are not counted by this label."""
    error_ratio: float | None
    """Bad share of the value's own events; None likewise."""

    @property
    def excess(self) -> float:
        """How much of the bad events its traffic does not explain."""
        return self.share - (self.traffic_share or 0.0)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The bad events by one label."""

    label: str
    values: tuple[Suspect, ...]
    """Biggest suspects first."""
    tells_kind: bool
    """The label says what went wrong (a status), not where: all events with these values are bad."""


def breakdowns(
    bad: Iterable[tuple[Mapping[str, str], float]], total: Iterable[tuple[Mapping[str, str], float]]
) -> tuple[Breakdown, ...]:
    """By every label that can tell anything, the most telling first; empty where nothing went bad.

    A label of which the traffic has one value only tells nothing.
    """
    of_bad, of_total = _by_label(bad), _by_label(total)
    found = (
        _breakdown(label, values, of_total.get(label)) for label, values in of_bad.items() if any(values)
    )
    telling = [each for each in found if each is not None]
    return tuple(sorted(telling, key=lambda each: (each.tells_kind, -each.values[0].excess, each.label)))


def bad_from_good(
    good: Iterable[tuple[Mapping[str, str], float]], total: Iterable[tuple[Mapping[str, str], float]]
) -> list[tuple[Mapping[str, str], float]]:
    """Bad events of each label set: those of the total that are not good."""
    remaining: dict[tuple[tuple[str, str], ...], float] = defaultdict(float)
    for labels, value in total:
        remaining[tuple(sorted(labels.items()))] += value
    for labels, value in good:
        remaining[tuple(sorted(labels.items()))] -= value
    return [(dict(labels), max(value, 0.0)) for labels, value in remaining.items()]


def _by_label(events: Iterable[tuple[Mapping[str, str], float]]) -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for labels, value in events:
        for label, name in labels.items():
            sums[label][name] += value
    return sums


def _breakdown(label: str, bad: Mapping[str, float], total: Mapping[str, float] | None) -> Breakdown | None:
    all_bad = sum(bad.values())
    if all_bad <= 0 or (len(bad) < 2 and total is not None and len(total) < 2):
        return None
    all_events = sum(total.values()) if total is not None else 0.0
    suspects = []
    for value, events in bad.items():
        if events / all_bad < _SIGNIFICANT:
            continue
        own = total.get(value) if total is not None else None
        suspects.append(
            Suspect(
                value,
                events,
                events / all_bad,
                own / all_events if own is not None and all_events > 0 else None,
                events / own if own else None,
            )
        )
    tells_kind = all(each.error_ratio is None or each.error_ratio >= _ALWAYS_BAD for each in suspects)
    ordered = sorted(suspects, key=lambda each: (-each.excess, each.value))
    return Breakdown(label, tuple(ordered), tells_kind)
