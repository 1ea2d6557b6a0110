"""What is done next on a game day: events in, commands out; nothing is known but what was told.

    >> Begin                       << StartLoad(evening)
    >> Tick, StepDone, Answered,   << StartExperiment, StartCapacity, StopStep, Ask, Withdraw, Watch, Unwatch
       Observed
    >> Hold, GoOn                     no step begins meanwhile, and no time passes for those that wait
    >> Tripped, Abort              << StopAll
    >> AllStopped                  << Finish

`t` is seconds of the game day's own monotonic clock. Loads go on beside the steps that follow. One experiment
runs at a time. After the last step loads are ended, and what must be true is waited for. Whatever is stopped
early is undone by whoever carries `StopAll` out, before `AllStopped` says how that went.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from sretool.core.plans.gameday.plan import (
    YES,
    AskStep,
    CapacityStep,
    CheckStep,
    ExperimentStep,
    LoadStep,
    Otherwise,
    Until,
    WaitForStep,
    WaitStep,
)
from sretool.core.runs.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.plans.gameday.plan import Played

END: Final = "end"
"""What `Watch` and `Observed` call what must be true at the end."""


@dataclass(frozen=True, slots=True)
class Begin:
    pass


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A load, a search or an experiment is over, its faults undone."""

    step: str
    outcome: Outcome
    undone: bool = True
    """False: a fault of it is still in."""


@dataclass(frozen=True, slots=True)
class Answered:
    step: str
    answer: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What is watched for is so; `step` may be `END`."""

    step: str


@dataclass(frozen=True, slots=True)
class Hold:
    pass


@dataclass(frozen=True, slots=True)
class GoOn:
    pass


@dataclass(frozen=True, slots=True)
class Tripped:
    """A guard of the game day wants it to end."""

    guard: str
    blind: bool = False
    """Because nobody can see any more."""


@dataclass(frozen=True, slots=True)
class Abort:
    by: str


@dataclass(frozen=True, slots=True)
class AllStopped:
    undone: bool = True


Event: TypeAlias = Begin | Tick | StepDone | Answered | Observed | Hold | GoOn | Tripped | Abort | AllStopped


@dataclass(frozen=True, slots=True)
class StartLoad:
    step: str


@dataclass(frozen=True, slots=True)
class StartCapacity:
    step: str


@dataclass(frozen=True, slots=True)
class StartExperiment:
    step: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class StopStep:
    """End it in order; `StepDone` follows."""

    step: str


@dataclass(frozen=True, slots=True)
class Ask:
    step: str
    role: str
    question: str
    answers: tuple[str, ...]
    """Empty: any text."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The answer is no longer waited for."""

    step: str


@dataclass(frozen=True, slots=True)
class Watch:
    step: str


@dataclass(frozen=True, slots=True)
class Unwatch:
    step: str


@dataclass(frozen=True, slots=True)
class StopAll:
    """Undo every fault, then end everything that runs; `AllStopped` follows."""

    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    outcome: Outcome
    why: str
    """Empty where every step came out as it should."""


Command: TypeAlias = (
    StartLoad
    | StartCapacity
    | StartExperiment
    | StopStep
    | Ask
    | Withdraw
    | Watch
    | Unwatch
    | StopAll
    | Finish
)


class Phase(StrEnum):
    READY = "ready"
    RUNNING = "running"
    HELD = "held"
    ENDING = "ending"
    """The last step is over; loads are ended."""
    SETTLING = "settling"
    """What must be true at the end is waited for."""
    STOPPING = "stopping"
    """Everything is being undone."""
    FINISHED = "finished"


WORSE: Final = (
    Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.FAILED, Outcome.ABORTED, Outcome.ERROR,
)  # fmt: skip
"""The worst of all steps is that of the game day."""


class Machine:
    """One game day. Steps are those of `timetable.arranged`."""

    def __init__(self, steps: Sequence[Played], *, settle: float = 0.0) -> None:
        """`settle`: seconds that what must be true at the end is waited for; 0: it is not waited for."""
        self._steps = tuple(steps)
        self._settle = settle
        self.phase = Phase.READY
        self.outcomes: dict[str, Outcome] = {}
        """Id of a step that is over → how it came out."""
        self.reasons: dict[str, str] = {}
        """Likewise, why it did not come out as it should."""
        self.why = ""
        """Of the worst step, or why it was stopped."""
        self._worst = Outcome.PASSED
        self._t = 0.0
        self._held_at: float | None = None
        self._held = 0.0
        self._next = 0
        self._now: Played | None = None
        self._since = 0.0
        """On `clock`; `_began`: on the clock that goes on while the game day is held."""
        self._began = 0.0
        self._stopping_step = False
        self._loads: dict[str, bool] = {}
        """Id of a load that runs → whether it was asked to end."""
        self._ending: Outcome | None = None
        """Of a game day that is stopped early."""
        self._settled_by = 0.0

    @property
    def step(self) -> Played | None:
        """The one that is carried out now, loads apart."""
        return self._now

    @property
    def loads(self) -> tuple[str, ...]:
        return tuple(self._loads)

    @property
    def clock(self) -> float:
        """Seconds since the begin, those it was held left out."""
        until = self._t if self._held_at is None else self._held_at
        return until - self._held

    def take(self, t: float, event: Event) -> tuple[Command, ...]:
        # A clock that goes back must not make anything last longer.
        self._t = max(self._t, t)
        if self.phase is Phase.FINISHED:
            return ()
        out: list[Command] = []
        match event:
            case Begin() if self.phase is Phase.READY:
                self.phase, self._held = Phase.RUNNING, self._t
                self._advance(out)
            case Begin():
                pass
            case Tick():
                self._tick(out)
            case StepDone():
                self._done(event, out)
            case Answered(step, answer):
                self._answered(step, answer, out)
            case Observed(step):
                self._observed(step, out)
            case Hold():
                if self.phase is Phase.RUNNING and self._held_at is None:
                    self._held_at, self.phase = self._t, Phase.HELD
            case GoOn():
                self._go_on(out)
            case Tripped(guard, blind):
                self._stop(Outcome.INCONCLUSIVE if blind else Outcome.ABORTED, guard, out)
            case Abort(by):
                self._stop(Outcome.ABORTED, f"aborted by {by}", out)
            case AllStopped(undone):
                self._all_stopped(out, undone=undone)
        return tuple(out)

    def _advance(self, out: list[Command]) -> None:
        """Begin every step whose turn it is."""
        while self.phase is Phase.RUNNING and self._now is None:
            if self._next == len(self._steps):
                self._end(out)
                return
            step = self._steps[self._next]
            if step.at is not None and self.clock < step.at:
                return
            self._next += 1
            self._begin(step, out)

    def _begin(self, step: Played, out: list[Command]) -> None:
        if isinstance(step, LoadStep):
            self._loads[step.id] = False
            out.append(StartLoad(step.id))
            return
        self._now, self._since, self._began, self._stopping_step = step, self.clock, self._t, False
        match step:
            case CapacityStep():
                out.append(StartCapacity(step.id))
            case ExperimentStep():
                if step.under and step.under not in self._loads:
                    self._over(step, Outcome.INCONCLUSIVE, f"the load {step.under} is gone", out)
                    return
                out.append(StartExperiment(step.id, step.hidden))
            case WaitForStep(condition=condition):
                if condition.kind is not Until.LOAD_ENDS:
                    out.append(Watch(step.id))
                elif condition.name not in self._loads:
                    self._over(step, Outcome.PASSED, "", out)
            case AskStep(role=role, question=question, answers=answers):
                out.append(Ask(step.id, role, question, answers))
            case CheckStep(role=role, that=that, answers=answers):
                out.append(Ask(step.id, role, that, answers))
            case WaitStep():
                pass

    def _tick(self, out: list[Command]) -> None:
        if self.phase is Phase.SETTLING:
            if self._t >= self._settled_by:
                out.append(Unwatch(END))
                self._judge(END, Outcome.FAILED, "what must be true at the end is not")
                self._finish(out)
            return
        step = self._now
        if self.phase in (Phase.RUNNING, Phase.HELD) and isinstance(step, ExperimentStep | CapacityStep):
            self._overtime(step, out)
        if self.phase is not Phase.RUNNING:
            return
        if step is not None:
            self._deadline(step, self.clock - self._since, out)
        self._advance(out)

    def _deadline(self, step: Played, passed: float, out: list[Command]) -> None:
        match step:
            case WaitStep(seconds=seconds) if passed >= seconds:
                self._over(step, Outcome.PASSED, "", out)
            case WaitForStep(within=within, condition=condition) if passed >= within:
                if condition.kind is not Until.LOAD_ENDS:
                    out.append(Unwatch(step.id))
                self._over(step, Outcome.FAILED, f"{condition.text}: not in time", out)
            case AskStep(within=within) | CheckStep(within=within) if passed >= within:
                out.append(Withdraw(step.id))
                self._over(step, Outcome.INCONCLUSIVE, f"{step.role} gave no answer", out)

    def _overtime(self, step: ExperimentStep | CapacityStep, out: list[Command]) -> None:
        """A fault must not stay because nobody begins anything else."""
        late = step.within is not None and self._t - self._began >= step.within
        if late and not self._stopping_step:
            self._stopping_step = True
            out.append(StopStep(step.id))

    def _done(self, event: StepDone, out: list[Command]) -> None:
        if not event.undone:
            self.outcomes[event.step] = Outcome.ERROR
            self._loads.pop(event.step, None)
            if self._now is not None and self._now.id == event.step:
                self._now = None
            self._stop(Outcome.ERROR, f"{event.step}: a fault is not undone", out)
            return
        if event.step in self._loads:
            self._load_done(event, out)
            return
        step = self._now
        if step is None or step.id != event.step or not isinstance(step, ExperimentStep | CapacityStep):
            return
        outcome, why = event.outcome, f"{step.id} {event.outcome.value}"
        late = isinstance(step, ExperimentStep) or outcome is Outcome.ABORTED
        if self._stopping_step and late:
            # A fault that stays too long has failed; a search that takes too long has told nothing.
            outcome = Outcome.FAILED if isinstance(step, ExperimentStep) else Outcome.INCONCLUSIVE
            why = f"{step.id} was not over in time"
        self._over(step, outcome, "" if outcome is Outcome.PASSED else why, out)
        self._advance(out)

    def _load_done(self, event: StepDone, out: list[Command]) -> None:
        asked = self._loads.pop(event.step)
        lost = event.outcome in (Outcome.ERROR, Outcome.ABORTED) and not asked
        self.outcomes[event.step] = event.outcome
        if event.outcome is not Outcome.PASSED and not (asked and event.outcome is Outcome.ABORTED):
            self._judge(event.step, event.outcome, f"{event.step} {event.outcome.value}")
        if self.phase is Phase.STOPPING:
            return
        if self.phase is Phase.ENDING:
            self._ended(out)
            return
        step = self._now
        needs = isinstance(step, ExperimentStep) and step.under == event.step
        otherwise = next(each.otherwise for each in self._steps if each.id == event.step)
        if needs:
            what = "lost" if lost else "over"
            self._stop(Outcome.INCONCLUSIVE, f"the load {event.step} is {what}", out)
            return
        if otherwise is Otherwise.STOP and event.outcome is not Outcome.PASSED:
            self._stop(event.outcome, f"{event.step} {event.outcome.value}", out)
            return
        if isinstance(step, WaitForStep):
            of = step.condition
            if of.kind is Until.LOAD_ENDS and of.name == event.step:
                self._over(step, Outcome.PASSED, "", out)
                self._advance(out)

    def _answered(self, id_: str, answer: str, out: list[Command]) -> None:
        step = self._now
        if self.phase not in (Phase.RUNNING, Phase.HELD) or step is None or step.id != id_:
            return
        if isinstance(step, CheckStep) and answer in step.answers:
            good = answer == YES
            outcome = Outcome.PASSED if good else Outcome.FAILED
            self._over(step, outcome, "" if good else f"{step.role}: not so: {step.that}", out)
        elif isinstance(step, AskStep) and (not step.answers or answer in step.answers):
            self._over(step, Outcome.PASSED, "", out)
        self._advance(out)

    def _observed(self, id_: str, out: list[Command]) -> None:
        step = self._now
        if id_ == END and self.phase is Phase.SETTLING:
            self._finish(out)
        elif self.phase in (Phase.RUNNING, Phase.HELD) and isinstance(step, WaitForStep) and step.id == id_:
            self._over(step, Outcome.PASSED, "", out)
            self._advance(out)

    def _go_on(self, out: list[Command]) -> None:
        if self._held_at is None or self.phase is not Phase.HELD:
            return
        self._held += self._t - self._held_at
        self._held_at, self.phase = None, Phase.RUNNING
        self._advance(out)

    def _over(self, step: Played, outcome: Outcome, why: str, out: list[Command]) -> None:
        """A step that is not a load has come out."""
        self._now = None
        self.outcomes[step.id], self.reasons[step.id] = outcome, why
        self._judge(step.id, outcome, why)
        # What a guard of its own has ended, or what broke, is no ground to go on from.
        ended = outcome in (Outcome.ABORTED, Outcome.ERROR)
        if ended or (outcome is not Outcome.PASSED and step.otherwise is Otherwise.STOP):
            self._stop(outcome, why, out)

    def _judge(self, id_: str, outcome: Outcome, why: str) -> None:
        noted = any(each.id == id_ and each.otherwise is Otherwise.NOTE for each in self._steps)
        if noted and outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
            return
        if self._ending is None and WORSE.index(outcome) > WORSE.index(self._worst):
            self._worst, self.why = outcome, why or id_

    def _end(self, out: list[Command]) -> None:
        self.phase = Phase.ENDING
        for id_, asked in self._loads.items():
            if not asked:
                self._loads[id_] = True
                out.append(StopStep(id_))
        self._ended(out)

    def _ended(self, out: list[Command]) -> None:
        if self._loads:
            return
        if self._settle <= 0:
            self._finish(out)
            return
        self.phase, self._settled_by = Phase.SETTLING, self._t + self._settle
        out.append(Watch(END))

    def _stop(self, outcome: Outcome, why: str, out: list[Command]) -> None:
        """Once only: whoever stops first gives the reason; only a fault that is not undone is worse."""
        if self._ending is not None:
            if outcome is Outcome.ERROR:
                self._ending, self.why = outcome, why
            return
        step = self._now
        if isinstance(step, AskStep | CheckStep):
            out.append(Withdraw(step.id))
        elif isinstance(step, WaitForStep) and step.condition.kind is not Until.LOAD_ENDS:
            out.append(Unwatch(step.id))
        elif self.phase is Phase.SETTLING:
            out.append(Unwatch(END))
        self._ending, self.why = outcome, why
        self.phase = Phase.STOPPING
        out.append(StopAll(why))

    def _all_stopped(self, out: list[Command], *, undone: bool) -> None:
        if self.phase is not Phase.STOPPING:
            return
        if not undone:
            self._ending, self.why = Outcome.ERROR, f"{self.why}; a fault is not undone"
        self._finish(out)

    def _finish(self, out: list[Command]) -> None:
        self.phase = Phase.FINISHED
        out.append(Finish(self._ending or self._worst, self.why))
