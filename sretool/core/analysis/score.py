"""The resiliency score of a service, 0..100: how much of what chaos experiments asked of it is proven.

**One run** is asked about four things, each worth a quarter:

- `hypotheses`: the steady state held during and after the fault, without unexpected alerts, within its price;
- `detection`: every expected alert fired in time and reached Alertmanager;
- `recovery`: RTO and RPO were kept, no write was lost, everything was as before by the deadline;
- `undo`: every fault was put back, and is felt no more.

Of each it gets the share of answers that are "yes". "Nobody knows" counts as "no", and what was not asked at
all is worth nothing. A run whose fault did not work as ordered, that was cut off, or whose record has gaps
says nothing but whether its faults were undone: only that quarter counts.

**A service** has the mean over the experiments that are known to concern it; of each the newest run counts,
and 0 where there is none. So data that is missing (an answer, a run, a whole experiment) lowers the score and
never raises it, and 100 means that everything was asked, measured and held.

**The trend** is that mean after each run, always over the experiments known at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

FULL: Final = 100.0


class Aspect(StrEnum):
    HYPOTHESES = "hypotheses"
    DETECTION = "detection"
    RECOVERY = "recovery"
    UNDO = "undo"


Answers = tuple[bool | None, ...]
"""One for each thing that was to hold; None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of one experiment."""

    run: str
    experiment: str
    at: datetime
    services: tuple[str, ...]
    answers: Mapping[Aspect, Answers]
    valid: bool = True
    """False: it says nothing about its fault, only whether it was undone."""
    parent: str | None = None
    """Id of the game day it was a step of."""

    def credit(self, aspect: Aspect) -> float:
        """0..1."""
        asked = self.answers.get(aspect, ())
        if not asked or not (self.valid or aspect is Aspect.UNDO):
            return 0.0
        return sum(answer is True for answer in asked) / len(asked)

    @property
    def score(self) -> float:
        """0..100."""
        return FULL * sum(self.credit(each) for each in Aspect) / len(Aspect)


@dataclass(frozen=True, slots=True)
class Standing:
    """One experiment, as far as it concerns a service."""

    experiment: str
    newest: Trial | None
    """None: it was not tried in the time that counts."""

    @property
    def score(self) -> float:
        return self.newest.score if self.newest is not None else 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """The score after one run."""

    at: datetime
    run: str
    parent: str | None
    score: float


@dataclass(frozen=True, slots=True)
class ServiceScore:
    service: str
    experiments: tuple[Standing, ...]
    """By name; at least one."""
    trend: tuple[Point, ...]
    """Oldest first; empty where none was tried in the time that counts."""

    @property
    def score(self) -> float:
        """0..100."""
        return sum(each.score for each in self.experiments) / len(self.experiments)

    def part(self, aspect: Aspect) -> float:
        """0..1, the mean over the experiments."""
        tried = [each.newest for each in self.experiments if each.newest is not None]
        return sum(each.credit(aspect) for each in tried) / len(self.experiments)

    @property
    def change(self) -> float | None:
        """From the run before the last to the last; None: there are not two."""
        return self.trend[-1].score - self.trend[-2].score if len(self.trend) > 1 else None

    @property
    def days(self) -> tuple[Point, ...]:
        """The score after each game day, oldest first."""
        last = {point.parent: point for point in self.trend if point.parent is not None}
        return tuple(sorted(last.values(), key=lambda point: point.at))


def scores(
    trials: Iterable[Trial],
    known: Mapping[str, Iterable[str]] | None = None,
    since: datetime | None = None,
) -> tuple[ServiceScore, ...]:
    """One for each service that any trial or `known` names, by name.

    `known`: service → experiments that are there for it, tried or not. Trials before `since` count no more,
    but what they tried is still known.
    """
    experiments: dict[str, set[str]] = {service: set(each) for service, each in (known or {}).items()}
    counted: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda each: (each.at, each.run)):
        for service in dict.fromkeys(trial.services):
            experiments.setdefault(service, set()).add(trial.experiment)
            if since is None or trial.at >= since:
                counted.setdefault(service, []).append(trial)
    return tuple(
        _of_service(service, sorted(names), counted.get(service, []))
        for service, names in sorted(experiments.items())
        if names
    )


def _of_service(service: str, experiments: Sequence[str], trials: Sequence[Trial]) -> ServiceScore:
    """`trials`: oldest first."""
    newest: dict[str, Trial] = {}
    trend = []
    for trial in trials:
        newest[trial.experiment] = trial
        mean = sum(each.score for each in newest.values()) / len(experiments)
        trend.append(Point(trial.at, trial.run, trial.parent, mean))
    standing = tuple(Standing(each, newest.get(each)) for each in experiments)
    return ServiceScore(service, standing, tuple(trend))
