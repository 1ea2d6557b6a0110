"""A game day as planned: who takes part, what is believed, what happens in which order, and what must hold.

Spans are seconds, shares `Decimal` from 0 to 1. A step is known by its `id`, unique within its plan.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - fields are looked up where documents are made
from dataclasses import dataclass, field
from decimal import Decimal  # noqa: TC003
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sretool.core.analysis.release import Release  # noqa: TC001
from sretool.core.plans.chaos.experiment import StopCondition  # noqa: TC001
from sretool.core.plans.gameday.claims import Claim  # noqa: TC001
from sretool.core.plans.often import Every  # noqa: TC001

ME: Final = "me"
"""A person who is whoever runs the game day."""
ON_CALL: Final = "on-call"
"""A person who is whoever has duty by the catalog's calendar."""


class Otherwise(StrEnum):
    """What is done where a step does not come out as it should."""

    GO_ON = "go on"
    STOP = "stop"
    """Everything is undone, and the game day ends."""
    NOTE = "note"
    """It is written down, and alone makes no game day fail."""


@dataclass(frozen=True, slots=True)
class Role:
    id: str
    person: str
    """A name, `ME` or `ON_CALL`; empty: nobody yet."""
    does: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    id: str
    line: int = 1
    at: float | None = None
    """After the game day's begin, not earlier; None: as soon as the step before is over."""
    otherwise: Otherwise = Otherwise.GO_ON


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStep(Step):
    """Begins, and goes on beside the steps that follow, until it ends or the last of them is over."""

    profile: str
    rate: float | None = None
    """Highest, per second; None: as the profile says. `users` and `seconds` likewise."""
    users: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityStep(Step):
    """A search for the highest rate that holds the objectives; the next step waits for its end."""

    profile: str
    most: float | None = None
    """Highest rate tried, per second; None: as the search itself decides."""
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentStep(Step):
    """One experiment of Chaos Toolkit, from its steady state to its recovery."""

    experiment: str
    """Its name, or its file relative to the plan's folder."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False
    """Whoever responds is not told what happens, nor when."""
    under: str = ""
    """Id of the load that must be there from its begin to its end."""
    within: float | None = None
    """It is stopped then; None: by its own stop condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsStep(ExperimentStep):
    """The same load with and without the experiment's fault, in pairs."""

    profile: str
    """Of the load."""
    rate: float | None = None
    pairs: int | None = None
    """None: as the command decides. `window` likewise."""
    window: float | None = None
    """Seconds that are compared, from the fault on."""
    capacity: bool = False
    """Whether the highest rate that holds is compared instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseStep(ExperimentStep):
    """A search for the smallest dose of the experiment's fault that breaks something."""

    profile: str = ""
    """Of the load; empty: the traffic that is there."""
    rate: float | None = None
    variable: str
    """Is the dose; in `variables` it has its harshest value."""
    mild: str
    """As written, so that a whole number stays one. `harsh` likewise."""
    harsh: str
    slo: str = ""
    """Objective of the catalog that is to break, or else `check`."""
    check: str = ""
    """The same as the load sees it: `p95 < 200ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStep(Step):
    seconds: float


class Until(StrEnum):
    NO_PAGE = "no page"
    FIRES = "fires"
    RESOLVED = "resolved"
    LOAD_ENDS = "load ends"


@dataclass(frozen=True, slots=True)
class Condition:
    kind: Until
    text: str
    """As written."""
    name: str = ""
    """Of the alert or of the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForStep(Step):
    condition: Condition
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStep(Step):
    """Somebody is asked; the answer is written down."""

    role: str
    question: str
    answers: tuple[str, ...] = ()
    """The only ones that count; empty: any text."""
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStep(Step):
    """Somebody looks whether something holds: yes or no."""

    role: str
    that: str
    within: float

    @property
    def answers(self) -> tuple[str, ...]:
        return (YES, NO)


YES: Final = "yes"
NO: Final = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle(Step):
    """Some experiments, hidden, in an order and with pauses that only the seed decides."""

    steps: tuple[ExperimentStep, ...]
    pick: int
    pause: tuple[float, float]
    """Least and most, before each."""


Played: TypeAlias = LoadStep | CapacityStep | ExperimentStep | WaitStep | WaitForStep | AskStep | CheckStep
"""A step as it is carried out."""


@dataclass(frozen=True, slots=True)
class GameDayPlan:
    name: str
    title: str
    steps: tuple[Played | Shuffle, ...]
    about: str = ""
    every: Every | None = None
    """How often it is due; None: whenever somebody wants."""
    roles: tuple[Role, ...] = ()
    hypotheses: tuple[Claim, ...] = ()
    """What is believed to hold, whatever is done."""
    at_end: tuple[Claim, ...] = ()
    """What must be true at the end."""
    settle: float = 0.0
    """How long it may take after the last step until it is."""
    stop_when: tuple[StopCondition, ...] = ()
    budget_price: Decimal | None = None
    """Share of any objective's error budget that the whole may take; None: not told."""
    release: Release | None = None
    """What is asked of a release; None: there is none to decide on."""
    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Key → line in the file."""

    def line(self, key: str) -> int:
        return self.lines.get(key, 1)

    def role(self, id_: str) -> Role | None:
        return next((each for each in self.roles if each.id == id_), None)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.hypotheses, *self.at_end)))

    @property
    def shuffled(self) -> bool:
        """Whether a seed decides anything."""
        return any(isinstance(each, Shuffle) for each in self.steps)

    @property
    def experiments(self) -> tuple[ExperimentStep, ...]:
        """All that may be carried out, those to pick from included, in the file's order."""
        found: list[ExperimentStep] = []
        for each in self.steps:
            if isinstance(each, ExperimentStep):
                found.append(each)
            elif isinstance(each, Shuffle):
                found += each.steps
        return tuple(found)

    @property
    def loads(self) -> tuple[LoadStep | CapacityStep, ...]:
        return tuple(each for each in self.steps if isinstance(each, LoadStep | CapacityStep))

    @property
    def beside(self) -> tuple[RoundsStep | DoseStep, ...]:
        """Experiments that bring a load of their own."""
        found = [each for each in self.experiments if isinstance(each, RoundsStep | DoseStep)]
        return tuple(each for each in found if each.profile)

    @property
    def limit(self) -> float | None:
        """Seconds after which a guard ends it whatever happens; None: no such guard."""
        spans = [each.after for each in self.stop_when if each.kind == "after" and each.after is not None]
        return min(spans).total_seconds() if spans else None
