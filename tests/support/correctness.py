"""Shapes of traffic and faults of which the truth about budgets and alerts is known: by counting events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sretool.core.slo.feed import Phase
from sretool.core.slo.model import EventRatio
from sretool.core.slo.proof import Episode, episodes
from sretool.core.slo.rules import Rule, group
from sretool.core.slo.simulate import MINUTE, Timeline
from sretool.core.slo.windows import threshold
from tests.support.slos import slo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sretool.core.slo.model import Slo

DAY = 24 * 60
DAYS = 30
MONTH = DAYS * DAY

BY_CASE = slo(
    id="bar/cases",
    sli=EventRatio(bad="errors_total", total="requests_total"),
    group_by=("case",),
)
"""One SLO for each case: they share every query, as series of a label `case`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Thirty days of traffic: events in each minute."""

    name: str
    bad: NDArray[np.int64]
    total: NDArray[np.int64]
    first_error: int = 0
    """Minute before which the series of errors does not exist."""

    @property
    def truth(self) -> float:
        return float(self.bad.sum() / self.total.sum())

    def counters(self) -> tuple[list[float | None], list[float | None]]:
        """Samples of both counters, one a minute from minute 0 on."""
        bad, total = ([0, *np.cumsum(each).tolist()] for each in (self.bad, self.total))
        return [None] * self.first_error + bad[self.first_error :], list(total)


def shapes() -> tuple[Shape, ...]:
    minute = np.arange(MONTH)
    of_day, day = minute % DAY, minute // DAY
    hour = of_day // 60
    even = np.full(MONTH, 1000)
    night_and_day = np.where((hour >= 8) & (hour < 20), 1000, 20)
    closed_at_night = np.where((hour >= 6) & (hour < 22), 1000, 0)
    burst = (day == 12) & (hour >= 2) & (hour < 4)
    last_day = (day == DAYS - 1) & (hour >= 2) & (hour < 22)
    return (
        Shape("flat", np.full(MONTH, 1), even),
        Shape("night burst", np.where(burst, 10, 0), night_and_day),
        Shape("daytime errors", np.where((hour >= 10) & (hour < 16), 2, 0), night_and_day),
        Shape("no traffic at night", np.where(closed_at_night > 0, 1, 0), closed_at_night),
        Shape("first error on day 30", np.where(last_day, 10, 0), even, (DAYS - 1) * DAY + 120),
    )


USUAL_RATIO = "sum by (case) (rate(errors_total[5m])) / sum by (case) (rate(requests_total[5m]))"
"""What the common generators record every minute; over the window they take its average."""


def usual_rules() -> tuple[Rule, ...]:
    return (Rule(record="usual:ratio_rate5m", expr=USUAL_RATIO),)


def usual_average(days: int = DAYS) -> str:
    return f"sum_over_time(usual:ratio_rate5m[{days}d]) / count_over_time(usual:ratio_rate5m[{days}d])"


def sums() -> tuple[Rule, Rule]:
    """The rules that record bad and all events over the window."""
    rules = {rule.record: rule for rule in group(BY_CASE).rules}
    return rules["slo:bad:sum"], rules["slo:total:sum"]


def simulated_budgets() -> dict[str, tuple[float, float | None]]:
    """By shape the recorded bad share after 30 days, and the average of ratios; None: it is not a number."""
    timeline = Timeline(MONTH + 1)
    for shape in shapes():
        for name, values in zip(("errors_total", "requests_total"), shape.counters(), strict=True):
            timeline.feed({"__name__": name, "case": shape.name}, values)
    rates = [rule for rule in group(BY_CASE).rules if str(rule.record).endswith("rate5m")]
    timeline.play([*rates, *usual_rules(), *sums()])
    share = timeline.at("slo:bad:sum / slo:total:sum", MONTH)
    usual = timeline.at(usual_average(), MONTH)
    return {shape.name: (_of(share, shape.name) or 0.0, _of(usual, shape.name)) for shape in shapes()}


def _of(found: dict[frozenset[tuple[str, str]], float], case: str) -> float | None:
    values = [value for labels, value in found.items() if dict(labels)["case"] == case]
    return values[0] if values and np.isfinite(values[0]) else None


# --- faults


CLEAN = 3 * DAY


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong after three clean days, and that it ends."""

    name: str
    phases: tuple[Phase, ...]
    step: float | None = None
    """Error ratio, where the fault is a step at even traffic."""

    def whole(self, clean: int = CLEAN) -> tuple[Phase, ...]:
        """With the clean minutes before it and the time in which alerts clear."""
        return (Phase(clean, EVENTS), *self.phases, Phase(AFTER, EVENTS))

    @property
    def lasts(self) -> int:
        return sum(phase.minutes for phase in self.phases)


AFTER = 365
EVENTS = 10_000


def _step(name: str, ratio: float, minutes: int) -> Fault:
    return Fault(name, (Phase(minutes, EVENTS, round(EVENTS * ratio)),), ratio)


def faults() -> tuple[Fault, ...]:
    night = EVENTS // 20
    return (
        _step("100 %", 1, 60),
        _step("10 %", 0.1, 120),
        _step("1.5 %", 0.015, 360),
        _step("0.7 %", 0.007, 720),
        _step("0.35 %", 0.0035, 1440),
        _step("0.09 %", 0.0009, 1440),
        _step("5-minute blip", 1, 5),
        Fault("night burst", (Phase(240, night), Phase(90, night, night // 2), Phase(90, night))),
        Fault("slow ramp", tuple(Phase(30, EVENTS, 10 * number) for number in range(1, 21))),
    )


def expected(fault: Fault, clean: int = CLEAN, subject: Slo = BY_CASE) -> list[tuple[Episode, ...]]:
    """When each pair has to fire, by counting."""
    return [
        episodes(
            threshold(pair, subject.window, subject.budget),
            pair.long // MINUTE,
            pair.short // MINUTE,
            fault.whole(clean),
        )
        for pair in subject.alerts
    ]


def simulated(fault: Fault) -> list[tuple[Episode, ...]]:
    """When each pair fires, as the rules say it."""
    subject = slo()
    timeline = Timeline(1 + sum(phase.minutes for phase in fault.whole()))
    bad, total = _counters(fault.whole())
    timeline.feed({"__name__": "errors_total"}, bad)
    timeline.feed({"__name__": "requests_total"}, total)
    timeline.play(rule for rule in group(subject).rules if "30d" not in rule.expr)
    fired = {dict(labels)["long"]: trace.present for labels, trace in timeline.named("ALERTS").items()}
    nothing = np.zeros(timeline.instants, dtype=np.bool_)
    return [_episodes(fired.get(rule.labels["long"], nothing)) for rule in group(subject).rules if rule.alert]


def _counters(phases: Sequence[Phase]) -> tuple[list[float | None], list[float | None]]:
    bad = np.cumsum([0, *(phase.bad for phase in phases for _ in range(phase.minutes))])
    total = np.cumsum([0, *(phase.total or 0 for phase in phases for _ in range(phase.minutes))])
    return bad.tolist(), total.tolist()


def _episodes(fires: NDArray[np.bool_]) -> tuple[Episode, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], fires.astype(np.int8), [0]))))
    ends = [int(end) if end < len(fires) else None for end in edges[1::2]]
    return tuple(Episode(int(start), end) for start, end in zip(edges[::2], ends, strict=True))


def within(found: Sequence[Episode], wanted: Sequence[Episode], minutes: int = 1) -> bool:
    """Whether there are as many, none starting or ending further apart."""
    return len(found) == len(wanted) and all(
        abs(one.start - other.start) <= minutes
        and (one.end is None) == (other.end is None)
        and abs((one.end or 0) - (other.end or 0)) <= minutes
        for one, other in zip(found, wanted, strict=True)
    )


def since_start(fault: Fault, found: Sequence[Episode]) -> str:
    """`9-125`: minutes after the fault began in which an alert starts and is over."""
    if not found:
        return "never"
    return " ".join(f"{e.start - CLEAN}-{'' if e.end is None else e.end - CLEAN}" for e in found)
