"""What a budget that runs low means: who does what, and which changes may still go out.

The table is data of the catalog; `DEFAULT` holds where a catalog has none. The SLO with the least budget
decides. A budget that is not known is never taken for a full one: the caller says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sretool.core.slo.model import SloId


@dataclass(frozen=True, slots=True)
class Mark:
    """A height of the budget from which on, downwards, something holds."""

    value: Decimal
    """Share of the budget that is left, 0..1."""
    inclusive: bool
    """Whether it holds at exactly `value`, too."""

    def reached(self, left: float) -> bool:
        return left <= float(self.value) if self.inclusive else left < float(self.value)


@dataclass(frozen=True, slots=True)
class ResponseLevel:
    """What is done about a budget below a mark."""

    mark: Mark
    title: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateStep:
    """Which changes go out from a mark downwards."""

    name: str
    """What people call it: `FREEZE`."""
    allows: tuple[str, ...]
    """Kinds of changes that may go out."""
    mark: Mark | None = None
    """None: the first step, that of a full budget."""
    asks: str | None = None
    """What a change needs besides; None: nothing."""


@dataclass(frozen=True, slots=True)
class ExceptionKind:
    """A reason that opens the gate at any budget, at the price of a record."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The error budget policy of a system."""

    levels: tuple[ResponseLevel, ...]
    """From the highest mark down."""
    gate: tuple[GateStep, ...]
    """From the full budget down; the first has no mark and allows every kind there is."""
    exceptions: tuple[ExceptionKind, ...]

    @property
    def changes(self) -> tuple[str, ...]:
        """Every kind of change that the policy knows."""
        return self.gate[0].allows

    def level(self, left: float) -> int:
        """Number of the response level that holds, 1 the mildest; 0: none."""
        return sum(1 for level in self.levels if level.mark.reached(left))

    def step(self, left: float) -> GateStep:
        """The step of the gate that holds."""
        return [step for step in self.gate if step.mark is None or step.mark.reached(left)][-1]

    def always(self, change: str) -> bool:
        """Whether no known budget can stop this kind of change."""
        return all(change in step.allows for step in self.gate)


_ALL = ("normal", "non-critical", "hotfix", "emergency-fix", "rollback")

DEFAULT: Final = Policy(
    levels=(
        ResponseLevel(Mark(Decimal("0.5"), False), "Less than half of the budget is left"),
        ResponseLevel(Mark(Decimal("0.25"), False), "Less than a quarter of the budget is left"),
        ResponseLevel(Mark(Decimal(0), True), "The budget is spent"),
    ),
    gate=(
        GateStep("OPEN", _ALL),
        GateStep("REVIEW", _ALL, Mark(Decimal("0.8"), True), "a second reviewer"),
        GateStep(
            "FREEZE FEATURES",
            ("normal", "hotfix", "emergency-fix", "rollback"),
            Mark(Decimal("0.5"), False),
            "a second reviewer",
        ),
        GateStep("FREEZE", ("hotfix", "emergency-fix", "rollback"), Mark(Decimal("0.25"), False)),
        GateStep("EMERGENCY ONLY", ("emergency-fix", "rollback"), Mark(Decimal(0), True)),
    ),
    exceptions=(
        ExceptionKind("security-fix", "Fix of a security hole"),
        ExceptionKind("data-loss-risk", "Data would be lost otherwise"),
        ExceptionKind("compliance", "A law or a contract asks for it"),
    ),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What one SLO has left."""

    slo: SloId
    left: float | None
    """Share of its budget; None: not known."""


@dataclass(frozen=True, slots=True)
class GateState:
    """The step that holds for a system, and the SLO that decides it."""

    step: GateStep
    level: int
    """Number of the response level, 0 where none holds."""
    slo: SloId
    left: float
    frozen: tuple[str, ...]
    """Kinds of changes that wait."""
    response: ResponseLevel | None = None
    """What is to be done at this level; None: nothing."""


def state(policy: Policy, standings: Iterable[Standing]) -> GateState | None:
    """By the known budget that is lowest; None where none is known."""
    known = [(each.left, each.slo) for each in standings if each.left is not None]
    if not known:
        return None
    left, slo = min(known)
    step = policy.step(left)
    frozen = tuple(change for change in policy.changes if change not in step.allows)
    level = policy.level(left)
    return GateState(step, level, slo, left, frozen, policy.levels[level - 1] if level else None)


class Outcome(StrEnum):
    GO = "go"
    STOP = "stop"
    UNKNOWN = "unknown"
    """It depends on a budget that is not known."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says to one change."""

    outcome: Outcome
    reason: str
    """One line."""
    state: GateState | None
    """None: no budget is known."""
    unknown: tuple[SloId, ...]
    """SLOs whose budget is not known."""
    recorded: bool = False
    """Whether it goes whatever the budgets are, for an exception or unseen: who let it is to be recorded."""
    needs: str | None = None
    """What the change needs besides; None: nothing."""


def decide(
    policy: Policy,
    standings: Sequence[Standing],
    change: str,
    *,
    exception: str | None = None,
    allow_unknown: bool = False,
    why_unknown: str | None = None,
) -> Decision:
    """Whether a change of this kind may go out now.

    A known budget that stops it decides even where others are unknown; an unknown one holds up every kind of
    change, those too that pass at any budget. `why_unknown` says in one line why budgets are not known.
    """
    unknown = tuple(each.slo for each in standings if each.left is None)
    found = state(policy, standings)

    def decision(outcome: Outcome, reason: str) -> Decision:
        return Decision(outcome, reason, found, unknown)

    if exception is not None:
        return replace(decision(Outcome.GO, f"exception {exception}; {_said(found)}"), recorded=True)
    if found is not None and change not in found.step.allows:
        return decision(Outcome.STOP, f"{_said(found)}: {change} changes wait, {_passing(found.step)} go")
    blind = _blind(unknown, why_unknown) if unknown or found is None else None
    if blind is None and found is not None:
        # What even an empty budget lets pass is not held up by anything else either.
        needs = found.step.asks if not policy.always(change) else None
        asks = f"; needs {needs}" if needs else ""
        return replace(decision(Outcome.GO, f"{_said(found)}: {change} changes go{asks}"), needs=needs)
    if allow_unknown:
        return replace(decision(Outcome.GO, f"allowed although {blind}"), recorded=True)
    return decision(Outcome.UNKNOWN, f"cannot decide: {blind}")


def _said(found: GateState | None) -> str:
    if found is None:
        return "budgets unknown"
    return f"{found.step.name}, {found.slo} has {found.left * 100:.1f}% of its budget left"


def _passing(step: GateStep) -> str:
    return ", ".join(step.allows) or "none"


def _blind(unknown: Sequence[SloId], why: str | None) -> str:
    named = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
    what = f"the budget of {named} is unknown" if unknown else "no budget is known"
    return f"{what}: {why}" if why else what
