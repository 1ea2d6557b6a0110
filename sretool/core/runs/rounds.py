"""Rounds with and without a fault, as events tell them: the figures of each, and what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.core.analysis.paired import Pair, difference
from sretool.core.runs import events
from sretool.core.runs.load import Load
from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sretool.core.analysis.paired import Difference
    from sretool.core.runs.events import RunEvent

MISSING: Final = 0.2
"""Share of the time that is measured: a round whose load leaves more of it out does not count."""
_EDGES: Final = 2.0
"""Seconds that may be missing in any case: ticks that only begin or end within do not count."""
_LEAST_TAIL: Final = 10
"""Requests beyond a percentile that it takes to compare it."""
_CLOCK: Final = 2.0
"""Seconds by which the clock on the wall may go otherwise than the one nobody sets."""


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    unit: str
    """`s`, `ratio`, `1/s`."""
    relative: bool
    less_is_better: bool


MEASURES: Final = (
    Measure("p95", "s", relative=True, less_is_better=True),
    Measure("p99", "s", relative=True, less_is_better=True),
    Measure("errors", "ratio", relative=False, less_is_better=True),
    Measure("throughput", "1/s", relative=True, less_is_better=False),
    Measure("capacity", "1/s", relative=True, less_is_better=False),
)
"""`throughput`: requests answered well; `capacity`: the highest rate that holds the objectives."""
_TAILS: Final = {"p95": 0.95, "p99": 0.99}


@dataclass(slots=True)
class RoundSeen:
    """One round, as far as its events tell."""

    step: str
    fault: bool
    pair: int
    begin: datetime | None = None
    """Of what is measured."""
    end: datetime | None = None
    figures: dict[str, float] = field(default_factory=dict)
    """Name of a measure → what it was; those that could not be measured are missing."""
    requests: int = 0
    why: str = ""
    """Why it does not count; empty: it does."""


@dataclass(frozen=True, slots=True)
class Compared:
    measure: Measure
    found: Difference

    @property
    def worse(self) -> bool | None:
        """None: nothing is clear."""
        if not self.found.clear:
            return None
        return (self.found.change > 0) == self.measure.less_is_better


@dataclass(frozen=True, slots=True)
class Rounds:
    """All of them."""

    rounds: tuple[RoundSeen, ...]
    compared: tuple[Compared, ...]
    pairs: int
    """Those of which both rounds count."""


def rounds(found: Iterable[RunEvent], names: Mapping[str, tuple[int, bool]], phase: str) -> Rounds:
    """`names`: step → its pair, and whether the fault was in; `phase`: the one that is measured."""
    seen = _seen(list(found), names, phase)
    by_pair: dict[int, dict[bool, RoundSeen]] = {}
    for each in seen:
        if not each.why:
            by_pair.setdefault(each.pair, {})[each.fault] = each
    whole = [each for _, each in sorted(by_pair.items()) if len(each) == 2]
    compared = []
    for measure in MEASURES:
        pairs = [
            Pair(each[False].figures[measure.name], each[True].figures[measure.name])
            for each in whole
            if all(measure.name in side.figures for side in each.values())
        ]
        told = difference(pairs, relative=measure.relative)
        if told is not None:
            compared.append(Compared(measure, told))
    return Rounds(tuple(seen), tuple(compared), len(whole))


def _seen(found: Sequence[RunEvent], names: Mapping[str, tuple[int, bool]], phase: str) -> list[RoundSeen]:
    seen: list[tuple[RoundSeen, list[RunEvent]]] = []
    now: RoundSeen | None = None
    for event in found:
        if isinstance(event.what, events.StepBegan) and event.what.step in names:
            pair, fault = names[event.what.step]
            now = RoundSeen(event.what.step, fault, pair, why="it was not over")
            seen.append((now, []))
        if now is None:
            continue
        seen[-1][1].append(event)
        match event.what:
            case events.PhaseBegan(name):
                if name == phase:
                    now.begin = event.at
                elif now.begin is not None and now.end is None:
                    now.end = event.at
            case events.CapacityFound(lower=lower) if lower is not None:
                now.figures["capacity"] = lower
            case events.StepEnded(step, outcome, why) if step == now.step:
                now.why = "" if outcome is Outcome.PASSED else why or outcome.value
                now = None
            case _:
                pass
    for each, mine in seen:
        _measure(each, mine)
    return [each for each, _ in seen]


def _measure(of: RoundSeen, mine: Sequence[RunEvent]) -> None:
    """The load of the stretch; ticks are told later than they are, so that their own times count."""
    if of.begin is None or of.end is None or "capacity" in of.figures:
        return
    load = Load()
    for event in mine:
        tick = event.what
        if not isinstance(tick, events.LoadTick) or tick.seconds <= 0:
            continue
        if event.at - timedelta(seconds=tick.seconds) >= of.begin and event.at <= of.end:
            load.take(tick)
    whole = load.totals.whole
    of.requests = whole.requests
    of.why = of.why or _lacks(load, (of.end - of.begin).total_seconds(), mine)
    for name, share in _TAILS.items():
        value = whole.quantile(share)
        if value is not None and whole.latency.count * (1 - share) >= _LEAST_TAIL:
            of.figures[name] = value
    if whole.error_share is not None:
        of.figures["errors"] = whole.error_share
    if load.totals.seconds:
        of.figures["throughput"] = (whole.requests - whole.failures) / load.totals.seconds


def _lacks(load: Load, seconds: float, mine: Sequence[RunEvent]) -> str:
    ahead = [event.at - timedelta(seconds=event.t) for event in mine]
    if (max(ahead) - min(ahead)).total_seconds() > _CLOCK:
        return "the clock was set meanwhile"
    if not load.totals.whole.requests:
        return "there were no requests"
    if seconds - load.totals.seconds > max(MISSING * seconds, _EDGES):
        return f"the load tells {load.totals.seconds:.0f} of {seconds:.0f} s"
    return ""
