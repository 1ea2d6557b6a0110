"""A game day as its events tell it, with the runs that were its steps."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.plans.gameday import claims
from sretool.core.runs import events
from sretool.core.runs.model import RunKind
from sretool.errors import UsageError
from sretool.report.chaos_story import Alert, ChaosReport, Moment

if TYPE_CHECKING:
    from sretool.core.analysis.release import Judged
    from sretool.core.analysis.score import ServiceScore
    from sretool.core.catalog.model import RecoveryObjective
    from sretool.core.plans.chaos.criteria import Criteria
    from sretool.core.runs.model import ChaosMeasures, GameDayMeasures, RunRecord, Verdict
    from sretool.core.runs.rounds import Rounds
    from sretool.core.runs.story import Firing, StepSpan

PAGE: Final = "page"
"""Severity of what wakes somebody."""
ESCALATES: Final = 300.0
"""Seconds until a page that nobody has taken goes on to the next."""
EXPERIMENT: Final = "experiment"
"""Kind of a step."""
ANSWERED: Final = ("ask", "check")
"""Kinds of steps that somebody answers."""


@dataclass(frozen=True, slots=True)
class Child:
    """A run that was a step, as its folder says."""

    step: str
    folder: str
    """Its name, beside the game day's own."""
    record: RunRecord
    criteria: Criteria | None = None
    """Of an experiment; None: of something else, or it cannot be read."""
    page: bool = False
    """Whether its own report lies in its folder."""

    @property
    def verdict(self) -> Verdict | None:
        return self.record.verdict

    @property
    def measures(self) -> ChaosMeasures | None:
        return self.record.measures.chaos


class GameDayReport(ChaosReport):
    """A run as far as its events were taken; they are those of its steps as well."""

    def __init__(
        self,
        record: RunRecord,
        children: tuple[Child, ...] = (),
        scores: tuple[ServiceScore, ...] = (),
        recovery: tuple[RecoveryObjective, ...] = (),
    ) -> None:
        """`recovery`: what the catalog promises for each kind of failure."""
        super().__init__(record)
        self.children = {each.step: each for each in children}
        self.scores = scores
        self.recovery = recovery
        self.objectives: dict[str, float] = {}
        """Objective → share of events that must be good, where the catalog is known."""
        self.release: Judged | None = None
        """What was found out about a release; None: nothing was asked of one."""
        self.rounds: Rounds | None = None
        """Of a measurement: what its rounds with and without the fault differ by."""
        self.held: list[Moment] = []
        """When no step began because somebody held it."""
        self.missing: list[str] = []
        """Steps whose runs cannot be read, each in words."""

    def _take(self, t: float, what: events.What) -> None:
        super()._take(t, what)
        match what:
            case events.Held(by):
                self.held.append(Moment(by, t))
            case events.WentOn() if self.held and self.held[-1].end is None:
                self.held[-1].end = t
            case events.Mark(by, text):
                said = text or "mark"
                self.marks.append((t, "mark", f"{by}: {said}" if by else said))
            case _:
                pass

    @property
    def steps(self) -> list[StepSpan]:
        return list(self.story.steps.values())

    @property
    def experiments(self) -> list[StepSpan]:
        return [each for each in self.steps if self._kind(each) == EXPERIMENT]

    def _kind(self, step: StepSpan) -> str:
        child = self.children.get(step.plan.id)
        # What only the seed decided may not have been planned as what it was.
        return EXPERIMENT if child is not None and child.record.kind is RunKind.CHAOS else step.plan.kind

    @property
    def rehearsal(self) -> bool:
        """Whether it followed a plan; rounds and searches for a dose measure, and rehearse nothing."""
        started = self.story.started
        return started is None or bool(started.plan_hash or started.checks)

    @property
    def name(self) -> str:
        """As its plan calls it for people; `record.title` is what its file is called."""
        started = self.story.started
        return started.title if started is not None and started.title else self.record.title

    @property
    def hurt(self) -> tuple[str, ...]:
        """Services, or where none is named what its faults were made in."""
        started = self.story.started
        return self.record.targets or (started.blast_radius if started is not None else ())

    @property
    def day(self) -> GameDayMeasures | None:
        finished = self.story.finished
        return finished.measures.gameday if finished is not None else self.record.measures.gameday

    @property
    def fired(self) -> list[tuple[float, Alert]]:
        """Each time that an alert fired, not only the first."""
        found: list[tuple[float, Alert]] = []
        for alert in self.alerts.values():
            last = None
            for moment in alert.spans:
                if moment.state != "firing":
                    continue
                # All that one rule fires for at once is one thing to look at.
                if last is None or moment.begin - last > _TOGETHER:
                    found.append((moment.begin, alert))
                last = moment.begin
        return sorted(found, key=lambda each: each[0])

    def step_of(self, firing: Firing) -> str | None:
        """The step whose fault was the newest one when it fired; None: there was none before."""
        before = [each for each in self.story.faults.values() if each.on_at <= firing.at]
        if not before:
            return None
        return max(before, key=lambda each: each.on_at).fault.partition("/")[0]

    @staticmethod
    def is_page(firing: Firing) -> bool:
        return firing.severity == PAGE

    @property
    def take_within(self) -> float:
        """Seconds in which somebody is to take a page, as the game day claims."""
        for name in self.story.checks:
            # Conditions of a release are no claims.
            with contextlib.suppress(UsageError):
                claim = claims.parse(name)
                if claim.kind is claims.Claims.ACKED and claim.bound is not None:
                    return claim.bound
        return ESCALATES

    def lasted(self, firing: Firing) -> float:
        """Seconds that it fired, until now where it still does."""
        over = self.end if firing.resolved_at is None else self.seconds_of(firing.resolved_at)
        return max((over or 0.0) - self.seconds(firing), 0.0)

    def missed(self, firing: Firing) -> bool:
        """Whether it is a page that nobody took, although it stayed for longer than that may take."""
        return self.is_page(firing) and firing.taken_at is None and self.lasted(firing) > self.take_within

    def seconds(self, firing: Firing) -> float:
        """When it fired, by the run's clock."""
        return self.seconds_of(firing.at) or 0.0


_TOGETHER: Final = 15.0
"""Seconds."""
