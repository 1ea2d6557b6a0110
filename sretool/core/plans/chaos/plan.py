"""What an experiment would do, exactly: the thing people read, approve and run.

An approval is bound to `ChaosPlan.hash`, the SHA-256 of `basis(plan)` as JSON with sorted keys and without
spaces, in UTF-8: the experiment with the values of its variables, every target with its prior value and undo,
and where it runs. The file's name, the remarks of the linter and the time have no part in it. Whatever else
changes, an approval is no longer one for it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping  # noqa: TC003 - fields are looked up where documents are made
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sretool.core.plans.chaos.experiment import Section
from sretool.core.plans.chaos.targets import UNKNOWN, Target
from sretool.units import format_decimal, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sretool.core.plans.chaos.experiment import Activity, Block, Experiment, Path
    from sretool.core.plans.chaos.targets import Answer

VERSION: Final = 1
"""Of what the hash is made of."""

_SECRET: Final = re.compile(r"password|passwd|secret|token|api_?key|credential", re.IGNORECASE)
HIDDEN: Final = "•••"


@dataclass(frozen=True, slots=True)
class PlannedAction:
    name: str
    call: str
    """`sretool.chaos.actions.network.latency`, `POST http://…`, a program's path."""
    arguments: Mapping[str, Any]
    """Without the values of secrets."""
    targets: tuple[Target, ...] | None
    """None: not known; only the experiment's rollbacks undo it."""


@dataclass(frozen=True, slots=True)
class Step:
    section: str
    name: str
    what: str
    """`action` or `probe`."""
    at: float
    """Seconds after the method begins, at the earliest; of the hypothesis and rollbacks 0."""
    pause_before: float = 0.0
    pause_after: float = 0.0
    background: bool = False


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    file: str
    title: str
    experiment: Experiment
    where: Mapping[str, str]
    """What it runs against: `prometheus`, `alertmanager`, `lab`, `kubernetes` → address or name."""
    actions: tuple[PlannedAction, ...]
    steps: tuple[Step, ...]
    production: bool = False
    remarks: tuple[str, ...] = field(default=())
    """What the linter warns of, `file:line: …`."""

    @property
    def block(self) -> Block:
        return self.experiment.block

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(each for action in self.actions for each in action.targets or ())

    @property
    def unknown(self) -> tuple[PlannedAction, ...]:
        """Actions that do not say what they hurt."""
        return tuple(action for action in self.actions if action.targets is None)

    @property
    def least_seconds(self) -> float:
        """Baseline and pauses: it takes at least this long."""
        method = [each for each in self.steps if each.section == Section.METHOD]
        waits = sum(each.pause_before + each.pause_after for each in method if not each.background)
        return self.block.baseline.total_seconds() + waits

    @property
    def most_seconds(self) -> float | None:
        """By its stop condition on time; None: it has none."""
        spans = [each.after for each in self.block.stop_when if each.kind == "after" and each.after]
        return min(spans).total_seconds() if spans else None

    @property
    def hash(self) -> str:
        text = json.dumps(basis(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def plan(
    experiment: Experiment,
    answers: Mapping[Path, Answer],
    where: Mapping[str, str],
    *,
    production: bool = False,
    remarks: Iterable[str] = (),
) -> ChaosPlan:
    """`answers`: path of an action → what its planning function said; none: it has no such function."""
    actions = tuple(
        PlannedAction(each.name, call(each), _shown(each.arguments), answers.get(each.path, UNKNOWN).targets)
        for each in experiment.actions
    )
    return ChaosPlan(
        file=experiment.file,
        title=experiment.title,
        experiment=experiment,
        where=dict(where),
        actions=actions,
        steps=tuple(_steps(experiment)),
        production=production,
        remarks=tuple(remarks),
    )


def call(activity: Activity) -> str:
    """What an activity calls, in one word or two."""
    match activity.kind:
        case "python":
            return f"{activity.module}.{activity.func}"
        case "http":
            return f"{activity.provider.get('method', 'GET')} {activity.provider.get('url', '')}"
        case _:
            path, given = str(activity.provider.get("path", "")), activity.provider.get("arguments")
            words = given if isinstance(given, list) else [given] if isinstance(given, str) else []
            return " ".join([path, *map(str, words)])


def _steps(experiment: Experiment) -> Iterable[Step]:
    for activity in experiment.hypothesis:
        yield _step(activity, 0.0)
    clock = 0.0
    for activity in experiment.method:
        yield _step(activity, clock + activity.pause_before)
        if not activity.background:
            clock += activity.pause_before + activity.pause_after
    for activity in experiment.rollbacks:
        yield _step(activity, 0.0)


def _step(activity: Activity, at: float) -> Step:
    return Step(
        section=activity.section.value,
        name=activity.name,
        what=activity.what,
        at=at,
        pause_before=activity.pause_before,
        pause_after=activity.pause_after,
        background=activity.background,
    )


def _shown(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {str(key): _shown(each, str(key)) for key, each in value.items()}
    if _SECRET.search(name) and value not in (None, ""):
        return HIDDEN
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return value


def basis(of: ChaosPlan) -> dict[str, Any]:
    """What an approval is bound to."""
    experiment = of.experiment
    whole = {"document": experiment.document, "configuration": experiment.configuration}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), default=str)
    return {
        "version": VERSION,
        "experiment": hashlib.sha256(text.encode()).hexdigest(),
        "where": dict(of.where),
        "production": of.production,
        "actions": [asdict(each) for each in of.actions],
    }


def document(of: ChaosPlan) -> dict[str, Any]:
    """The plan for programs: spans in seconds, shares 0..1."""
    block = of.block
    return {
        "hash": of.hash,
        "file": of.file,
        "title": of.title,
        "fault": block.fault or None,
        "fmea": block.fmea,
        "where": dict(of.where),
        "production": of.production,
        "actions": [
            {
                "name": each.name,
                "call": each.call,
                "arguments": each.arguments,
                "targets": None if each.targets is None else [asdict(target) for target in each.targets],
            }
            for each in of.actions
        ],
        "steps": [asdict(each) for each in of.steps],
        "baseline_s": block.baseline.total_seconds(),
        "least_s": of.least_seconds,
        "most_s": of.most_seconds,
        "recovery_deadline_s": block.recovery_deadline.total_seconds(),
        "dose": None if block.dose is None else _plain(asdict(block.dose)),
        "expected_alerts": [
            {"name": each.name, "within_s": each.within.total_seconds()} for each in block.expected_alerts
        ],
        "unexpected_alerts": "fail" if block.unexpected_alerts_fail else "allow",
        "stop_when": [each.text for each in block.stop_when],
        "budget_price": None if block.budget_price is None else float(block.budget_price),
        "blast_radius": _plain(asdict(block.blast_radius)),
        "load": None if block.load is None else _plain(asdict(block.load)),
        "objectives": _plain(asdict(block.objectives)),
        "remarks": list(of.remarks),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    def one(value: Any) -> Any:
        if isinstance(value, timedelta):
            return value.total_seconds()
        return float(value) if isinstance(value, Decimal) else value

    return {key: one(value) for key, value in values.items()}


def percent(share: Decimal) -> str:
    return f"{format_decimal(share * 100)}%"


def amount(value: Decimal | float, unit: str) -> str:
    """`200ms`, `50%`, `3`."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if unit == "s":
        return format_duration(timedelta(seconds=float(exact)))
    return percent(exact) if unit == "ratio" else format_decimal(exact)
