"""An experiment as read: Chaos Toolkit's own parts, and our block among its extensions.

Chaos Toolkit's parts keep the words of their files, so that anything it runs can be read here; ours are
typed. Spans are `timedelta`, shares and figures `Decimal`, exactly as written.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - fields are looked up where documents are made
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal  # noqa: TC003
from enum import StrEnum
from typing import Any, Final

from sretool.core.plans.often import Every  # noqa: TC001

Path = tuple[str | int, ...]
"""Where something stands in an experiment: `("method", 0, "provider", "func")`."""


class Section(StrEnum):
    HYPOTHESIS = "hypothesis"
    METHOD = "method"
    ROLLBACKS = "rollbacks"


@dataclass(frozen=True, slots=True)
class Activity:
    """One action or probe."""

    section: Section
    path: Path
    name: str
    what: str
    """`action` or `probe`."""
    provider: Mapping[str, Any]
    """As written; `arguments` with their variables put in where they are known."""
    tolerance: Any = None
    """Of a probe: which answers are wanted; None: none is given."""
    background: bool = False
    pause_before: float = 0.0
    """Seconds."""
    pause_after: float = 0.0

    @property
    def kind(self) -> str:
        """`python`, `process`, `http`."""
        return str(self.provider.get("type", ""))

    @property
    def module(self) -> str:
        return str(self.provider.get("module", ""))

    @property
    def func(self) -> str:
        return str(self.provider.get("func", ""))

    @property
    def arguments(self) -> Mapping[str, Any]:
        found = self.provider.get("arguments")
        return found if isinstance(found, dict) else {}


class Measured(StrEnum):
    """What the probe of a dose gives."""

    LEVEL = "level"
    """The strength itself."""
    ADDED = "added"
    """A figure that the fault adds to: the strength is the difference to what it was before."""


@dataclass(frozen=True, slots=True)
class Dose:
    """How strong the fault is to be, and which probe measures it."""

    want: Decimal
    """Seconds, a share 0..1 or a plain number, as `unit` says."""
    unit: str
    """`s`, `ratio`, or empty."""
    tolerance: Decimal
    """In `unit`."""
    probe: str
    """Name of a probe of the experiment whose answer is a number in `unit`."""
    measured: Measured = Measured.LEVEL


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    name: str
    within: timedelta
    """From the fault to firing."""


class Stop(StrEnum):
    """Kinds of stop conditions."""

    BURN = "burn"
    BUDGET = "budget"
    PROBE = "probe"
    AFTER = "after"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class StopCondition:
    """What ends an experiment early."""

    kind: Stop
    text: str
    """As written; names it."""
    bound: Decimal | None = None
    """Of `burn` (a factor) and `budget` (a share)."""
    slo: str | None = None
    """Of `burn` and `budget`: this objective only; None: the worst of all."""
    probe: str | None = None
    after: timedelta | None = None
    """Of `after` and `blind`."""


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """The most that may be hurt; None: no such limit."""

    max_targets: int | None = None
    max_share: Decimal | None = None
    """Of all that could have been chosen, 0..1."""
    services: tuple[str, ...] = ()
    """In words, what may feel it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What load the experiment brings."""

    profile: str
    rate: Decimal | None = None
    """Requests per second."""
    target: str | None = None
    """Address of what is put under load; None: that of the lab."""


@dataclass(frozen=True, slots=True)
class Objectives:
    """What recovery must keep; None: nothing is promised."""

    rto: timedelta | None = None
    rpo: timedelta | None = None
    lost_writes: int = 0
    """The most acknowledged writes that may be gone; counts where `rpo` is promised."""

    @property
    def of_writes(self) -> bool:
        """Whether a ledger of writes is needed."""
        return self.rpo is not None


STRATEGIES: Final = (
    "default", "before-method-only", "after-method-only", "during-method-only", "continuously",
)  # fmt: skip

BASELINE: Final = timedelta(0)
RECOVERY_DEADLINE: Final = timedelta(minutes=5)
BLIND: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Block:
    """`extensions: [{name: sretool, …}]`."""

    fault: str = ""
    """In words."""
    dose: Dose | None = None
    expected_alerts: tuple[ExpectedAlert, ...] = ()
    unexpected_alerts_fail: bool = True
    stop_when: tuple[StopCondition, ...] = ()
    budget_price: Decimal | None = None
    """Share of the error budget that it may take, 0..1; None: not told."""
    blast_radius: BlastRadius = field(default_factory=BlastRadius)
    fmea: str | None = None
    """Entry of the failure mode analysis: `FM-1`."""
    load: Load | None = None
    objectives: Objectives = field(default_factory=Objectives)
    baseline: timedelta = BASELINE
    """How long everything is watched before the fault."""
    recovery_deadline: timedelta = RECOVERY_DEADLINE
    """After the fault everything must be as before within this time."""
    every: Every | None = None
    """How often it is due; None: whenever somebody wants."""

    @property
    def blind_after(self) -> timedelta:
        """How long Prometheus may be silent."""
        told = (each.after for each in self.stop_when if each.kind is Stop.BLIND)
        return next((span for span in told if span is not None), BLIND)


@dataclass(frozen=True, slots=True)
class Experiment:
    file: str
    title: str
    description: str
    tags: tuple[str, ...]
    hypothesis: tuple[Activity, ...]
    method: tuple[Activity, ...]
    rollbacks: tuple[Activity, ...]
    strategy: str
    """When the hypothesis is asked, in the toolkit's words: one of `STRATEGIES`."""
    block: Block
    written: bool
    """Whether the experiment has a block of ours."""
    document: Mapping[str, Any]
    """The whole, as Chaos Toolkit loads it."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """Values that are known before it runs."""
    open_names: frozenset[str] = frozenset()
    """Variables whose values only the run knows: secrets, and configuration asked of a probe."""

    @property
    def asked_before(self) -> bool:
        return self.strategy in ("default", "before-method-only", "continuously")

    @property
    def asked_during(self) -> bool:
        return self.strategy in ("during-method-only", "continuously")

    @property
    def asked_after(self) -> bool:
        return self.strategy in ("default", "after-method-only", "continuously")

    @property
    def activities(self) -> tuple[Activity, ...]:
        return (*self.hypothesis, *self.method, *self.rollbacks)

    @property
    def actions(self) -> tuple[Activity, ...]:
        """Those of the method: what makes faults."""
        return tuple(each for each in self.method if each.what == "action")

    def probe(self, name: str) -> Activity | None:
        found = (each for each in self.activities if each.what == "probe" and each.name == name)
        return next(found, None)
