"""When each step begins and ends, at the earliest and at the latest, and what of that is impossible.

All times are seconds after the begin of the game day. `None` is "as long as it takes": a step whose end
nothing bounds, and everything after it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.plans.gameday.plan import (
    AskStep,
    CapacityStep,
    CheckStep,
    DoseStep,
    ExperimentStep,
    LoadStep,
    RoundsStep,
    Shuffle,
    Until,
    WaitForStep,
    WaitStep,
)
from sretool.errors import Problem
from sretool.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sretool.core.plans.chaos.plan import ChaosPlan
    from sretool.core.plans.gameday.plan import GameDayPlan, Played
    from sretool.core.plans.load.profile import LoadProfile


@dataclass(frozen=True, slots=True)
class Span:
    """Least and most seconds."""

    least: float
    most: float | None

    def plus(self, other: Span) -> Span:
        most = None if self.most is None or other.most is None else self.most + other.most
        return Span(self.least + other.least, most)

    def not_before(self, moment: float) -> Span:
        return Span(max(self.least, moment), None if self.most is None else max(self.most, moment))

    def before(self, other: Span) -> Span:
        """Whichever comes first."""
        bounds = [each for each in (self.most, other.most) if each is not None]
        return Span(min(self.least, other.least), min(bounds, default=None))


@dataclass(frozen=True, slots=True)
class Slot:
    step: Played
    begin: Span
    end: Span


@dataclass(frozen=True, slots=True)
class Known:
    """What the plan refers to, as far as it is known, by the id of the step."""

    experiments: Mapping[str, ChaosPlan] = field(default_factory=dict)
    profiles: Mapping[str, LoadProfile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timetable:
    slots: tuple[Slot, ...]
    """In their order; those that one begins while others go on are loads."""
    steps_end: Span
    whole: Span
    """With the time that it may take to settle, and no longer than the guard on time lets it."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def arranged(plan: GameDayPlan, seed: int) -> tuple[Played, ...]:
    """The steps in the order they are carried out; the same seed picks and shuffles alike everywhere."""
    return tuple(_arranged(plan, seed))


def _arranged(plan: GameDayPlan, seed: int) -> Iterator[Played]:
    for step in plan.steps:
        if not isinstance(step, Shuffle):
            yield step
            continue
        order = sorted(step.steps, key=lambda each: drawn(seed, step.id, each.id))
        least, most = step.pause
        for number, each in enumerate(order[: step.pick], 1):
            pause = round(least + (most - least) * drawn(seed, step.id, f"pause {number}"))
            if pause or (number == 1 and step.at is not None):
                yield WaitStep(
                    id=f"{step.id}-{number}",
                    line=step.line,
                    at=step.at if number == 1 else None,
                    seconds=float(pause),
                )
            yield each


def drawn(seed: int, *names: str) -> float:
    """0..1, as at random, and the same for the same words everywhere."""
    digest = hashlib.sha256("\0".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def timetable(plan: GameDayPlan, known: Known, seed: int = 0) -> Timetable:
    return _Clock(plan, known).through(arranged(plan, seed))


@dataclass(frozen=True, slots=True)
class _Going:
    """A load that goes on beside the steps."""

    step: LoadStep
    begin: Span
    age: Span
    """How long it has gone on by now, which is better known than now and its begin are."""


class _Clock:
    def __init__(self, plan: GameDayPlan, known: Known) -> None:
        self._plan = plan
        self._known = known
        self._now = Span(0.0, 0.0)
        self._slots: list[Slot] = []
        self._loads: dict[str, _Going] = {}
        """By id."""
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []

    def through(self, steps: tuple[Played, ...]) -> Timetable:
        for step in steps:
            self._take(step)
        end = self._now
        slots = [
            replace(each, end=each.end.before(end)) if isinstance(each.step, LoadStep) else each
            for each in self._slots
        ]
        whole = Span(end.least, None if end.most is None else end.most + self._plan.settle)
        self._limit(whole)
        limit = self._plan.limit
        return Timetable(
            tuple(slots),
            end,
            whole if limit is None else whole.before(Span(limit, limit)),
            tuple(self._problems),
            tuple(self._warnings),
        )

    def _limit(self, whole: Span) -> None:
        limit = self._plan.limit
        if limit is None:
            return
        line, told = self._plan.line("stop_when"), _words(limit)
        if whole.least > limit:
            self._problems.append(
                Problem(
                    self._plan.file,
                    line,
                    f"the steps take {_words(whole.least)} at least,"
                    f" but the game day is stopped after {told}",
                )
            )
        elif whole.most is None or whole.most > limit:
            most = "any time" if whole.most is None else _words(whole.most)
            self._warnings.append(
                Problem(
                    self._plan.file, line, f"the steps may take {most}; the game day is stopped after {told}"
                )
            )

    def _take(self, step: Played) -> None:
        if step.at is not None:
            self._wait_until(step, step.at)
        begin = self._now
        if isinstance(step, LoadStep):
            takes = self._load(step)
            self._loads[step.id] = _Going(step, begin, Span(0.0, 0.0))
            self._slots.append(Slot(step, begin, begin.plus(takes)))
            return
        takes = self._takes(step)
        self._now = begin.plus(takes)
        if isinstance(step, WaitForStep) and step.condition.kind is Until.LOAD_ENDS:
            takes = self._until_load_ends(step)
            self._now = begin.plus(takes)
        self._pass(takes)
        self._slots.append(Slot(step, begin, self._now))
        if isinstance(step, ExperimentStep) and step.under:
            self._under(step)

    def _wait_until(self, step: Played, at: float) -> None:
        if self._now.least > at:
            self._problem(
                step,
                f"step {step.id!r} is to begin {_words(at)} after the begin, but those before it take"
                f" {_words(self._now.least)} at least",
            )
            return
        if self._now.most is None or self._now.most > at:
            most = "any time" if self._now.most is None else _words(self._now.most)
            self._warn(
                step,
                f"step {step.id!r} may begin later than {_words(at)} after the begin:"
                f" those before it may take {most}",
            )
        before = self._now
        self._now = before.not_before(at)
        self._pass(Span(0.0, max(at - before.least, 0.0)))
        self._loads = {id_: replace(each, age=self._age(each)) for id_, each in self._loads.items()}

    def _age(self, of: _Going) -> Span:
        """After a wait for a moment: known at least as well as now and its begin are."""
        begin, age = of.begin, of.age
        least = age.least if begin.most is None else max(age.least, self._now.least - begin.most)
        if self._now.most is None or age.most is None:
            return Span(least, age.most)
        return Span(least, min(age.most, self._now.most - begin.least))

    def _pass(self, takes: Span) -> None:
        """What runs beside goes on for as long."""
        self._loads = {id_: replace(each, age=each.age.plus(takes)) for id_, each in self._loads.items()}

    def _load(self, step: LoadStep) -> Span:
        profile = self._known.profiles.get(step.id)
        seconds = step.seconds if step.seconds is not None else profile.seconds if profile else None
        return Span(0.0 if seconds is None else seconds, seconds)

    def _takes(self, step: Played) -> Span:
        match step:
            case WaitStep(seconds=seconds):
                return Span(seconds, seconds)
            case RoundsStep(within=within) | DoseStep(within=within):
                return Span(0.0, within)
            case ExperimentStep():
                return self._experiment(step)
            case WaitForStep(within=within) | AskStep(within=within) | CheckStep(within=within):
                return Span(0.0, within)
            case CapacityStep(within=within):
                return Span(0.0, within)
            case _:
                return Span(0.0, 0.0)

    def _experiment(self, step: ExperimentStep) -> Span:
        found = self._known.experiments.get(step.id)
        if found is None:
            return Span(0.0, step.within)
        least, most = found.least_seconds, found.most_seconds
        if most is not None:
            most += found.block.baseline.total_seconds() + found.block.recovery_deadline.total_seconds()
        if step.within is not None:
            if step.within < least:
                self._problem(
                    step,
                    f"experiment {step.experiment!r} takes {_words(least)} at least,"
                    f" but is to be over within {_words(step.within)}",
                )
            most = step.within if most is None else min(most, step.within)
        if most is None:
            self._problem(
                step,
                f"nothing ends experiment {step.experiment!r}:"
                " give it a limit in `stop_when`, or `within` here",
            )
        return Span(least, most)

    def _until_load_ends(self, step: WaitForStep) -> Span:
        load = self._loads.get(step.condition.name)
        if load is None:
            self._problem(step, f"no load {step.condition.name!r} has begun by then{_or_none(self._loads)}")
            return Span(0.0, 0.0)
        of, age = load.step, load.age
        takes = self._load(of)
        if takes.most is None:
            return Span(0.0, step.within)
        # It has gone on for `age` already.
        least = 0.0 if age.most is None else max(takes.least - age.most, 0.0)
        if least > step.within:
            self._problem(
                step,
                f"load {of.id!r} goes on for {_words(least)} more at least,"
                f" but only {_words(step.within)} are waited",
            )
        return Span(min(least, step.within), min(max(takes.most - age.least, 0.0), step.within))

    def _under(self, step: ExperimentStep) -> None:
        load = self._loads.get(step.under)
        if load is None:
            self._problem(step, f"no load {step.under!r} has begun by then{_or_none(self._loads)}")
            return
        of, age = load.step, load.age
        takes = self._load(of)
        if takes.most is None:
            return
        if age.least > takes.most:
            self._problem(
                step,
                f"load {of.id!r} ends after {_words(takes.most)}, but experiment {step.experiment!r} is over"
                f" {_words(age.least)} after the load's begin at the earliest",
            )
        elif age.most is None or age.most > takes.most:
            most = "any time" if age.most is None else _words(age.most)
            self._warn(
                step,
                f"load {of.id!r} ends after {_words(takes.most)}; experiment {step.experiment!r} may be over"
                f" {most} after the load's begin only",
            )

    def _problem(self, step: Played, message: str) -> None:
        self._problems.append(Problem(self._plan.file, step.line, message))

    def _warn(self, step: Played, message: str) -> None:
        self._warnings.append(Problem(self._plan.file, step.line, message))


def _or_none(loads: Mapping[str, object]) -> str:
    return f"; those that have: {', '.join(loads)}" if loads else ""


def _words(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds, 3)))
