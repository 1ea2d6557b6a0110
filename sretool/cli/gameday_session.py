"""A game day's session, from all that is known of it: its order, its programs, its record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sretool.errors import ChaosError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sretool.adapters.lab.record import LabRecord
    from sretool.adapters.store.writer import RunWriter
    from sretool.cli.context import Settings
    from sretool.cli.gameday_prepare import Prepared
    from sretool.core.plans.chaos.gates import Approval, Refusal
    from sretool.core.plans.gameday.plan import Played
    from sretool.ports import MetricsSource
    from sretool.services.chaos_watch import Sources
    from sretool.services.gameday import GameDaySession
    from sretool.services.gameday_children import Child

DEADLINE: Final = timedelta(seconds=2)
"""For one question to a server."""
CATALOG: Final = "catalog-"
"""The names of a catalog's copies among the inputs begin so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How it is to be carried out, besides its plan."""

    approvals: tuple[str, ...] = ()
    """As given: NAME:HASH."""
    waived: tuple[str, ...] = ()
    target: str | None = None
    meant: bool = False
    tui: bool = False
    reveal: bool = False

    @property
    def approved(self) -> tuple[Approval, ...]:
        """UsageError where one is none."""
        from sretool.cli.chaos_run import approval

        return tuple(approval(each) for each in self.approvals)


def session(
    settings: Settings,
    prepared: Prepared,
    answers: Mapping[str, str],
    wanted: Wanted,
    opened: tuple[Refusal, ...],
    sources: Sources,
    metrics: MetricsSource,
    journal: RunWriter,
) -> GameDaySession:
    from sretool import wiring
    from sretool.core.plans.gameday.planned import hidden, planned_steps
    from sretool.services.gameday import Around, GameDaySession, Order

    environment, plan = settings.environment or {}, prepared.plan
    told = [
        (each.step.id, prepared.known.experiments[each.step.id])
        for each in prepared.table.slots
        if each.step.id in prepared.known.experiments and not hidden(plan, each.step)
    ]
    order = Order(
        plan=plan,
        steps=tuple(each.step for each in prepared.table.slots),
        planned=planned_steps(plan, prepared.table.slots),
        people=prepared.people,
        by=prepared.me,
        answers=answers,
        remarks=(
            *(f"approved by {each.by} ({each.hash[:12]})" for each in wanted.approved),
            *(f"gate {each.gate} opened by hand: {each.text}" for each in opened),
        ),
        expected_alerts=frozenset(
            alert.name for each in prepared.known.experiments.values() for alert in each.block.expected_alerts
        ),
        seconds=prepared.table.whole.most,
        blast_radius=tuple(
            f"{step}: {', '.join(dict.fromkeys(target.target for target in each.targets))}"
            for step, each in told
            if each.targets
        ),
        services=services(prepared),
        plan_hash=_hash(prepared),
    )
    around = Around(
        child=_children(settings, prepared, wanted, journal),
        sources=sources,
        clock=wiring.SystemClock(),
        stop_file=lambda: str(wiring.chaos_stop_file(environment) or ""),
        metrics=metrics,
        slos=prepared.system.slos if prepared.system is not None else (),
        releasing=wiring.releasing(plan.release, prepared.system, prepared.sources.prometheus)
        if plan.release is not None and prepared.sources is not None
        else None,
    )
    return GameDaySession(order, around, journal)


def _children(
    settings: Settings, prepared: Prepared, wanted: Wanted, journal: RunWriter
) -> Callable[[Played], Child]:
    """What makes the program of a step."""
    from sretool import wiring
    from sretool.core.plans.gameday import planned
    from sretool.core.plans.gameday.plan import CapacityStep, DoseStep, ExperimentStep, LoadStep, RoundsStep

    before = global_options(settings, prepared.lab)
    opened = planned.opened_gates(prepared.plan, production=prepared.production)
    gates = each_as("--approve", wanted.approvals)
    gates += each_as("--waive", dict.fromkeys((*wanted.waived, *opened)))
    to = target_options(wanted.target, meant=wanted.meant)

    def arguments(step: Played) -> tuple[str, ...]:
        match step:
            case LoadStep():
                return (*before, *planned.load_arguments(step), *to)
            case CapacityStep():
                return (*before, *planned.capacity_arguments(step), *to)
            case ExperimentStep():
                file = prepared.files[step.id]
                loaded = to if isinstance(step, RoundsStep | DoseStep) else ()
                return (*before, *planned.experiment_arguments(step, str(file)), *gates, *loaded)
            case _:
                raise ChaosError(f"step {step.id} is no program")

    def child(step: Played) -> Child:
        return wiring.gameday_child(
            settings.project,
            settings.environment or {},
            journal,
            step.id,
            arguments(step),
            load=isinstance(step, LoadStep | CapacityStep),
            announced=prepared.plan.title if planned.hidden(prepared.plan, step) else "",
        )

    return child


def global_options(settings: Settings, lab: LabRecord | None) -> tuple[str, ...]:
    """For another `sretool`: the same servers, lab and catalog as ours."""
    found: list[str] = []
    for path in settings.catalog:
        found += ["--catalog", str(path)]
    if settings.prometheus is not None:
        found += ["--prometheus", settings.prometheus]
    if settings.alertmanager is not None:
        found += ["--alertmanager", settings.alertmanager]
    if settings.context is not None:
        found += ["--context", settings.context]
    elif lab is not None:
        found += ["--lab", lab.name]
    return tuple(found)


def each_as(option: str, values: Iterable[str]) -> tuple[str, ...]:
    """An option that may be repeated, once for each value."""
    return tuple(part for each in values for part in (option, each))


def target_options(target: str | None, *, meant: bool) -> tuple[str, ...]:
    """What is put under load."""
    to = ("--target", target) if target is not None else ()
    return (*to, "--yes-this-is-mine") if meant else to


def services(prepared: Prepared) -> tuple[str, ...]:
    """What may feel it; what is hidden is not told by it."""
    from sretool.core.plans.gameday.planned import hidden

    steps = [each.step for each in prepared.table.slots if not hidden(prepared.plan, each.step)]
    found = [prepared.known.experiments[each.id] for each in steps if each.id in prepared.known.experiments]
    return tuple(dict.fromkeys(name for each in found for name in each.block.blast_radius.services))


def _hash(prepared: Prepared) -> str:
    return hashlib.sha256(_document(prepared)).hexdigest()


def _document(prepared: Prepared) -> bytes:
    from sretool.cli import gameday_ready, gameday_shown

    document = gameday_shown.document(prepared, gameday_ready.NOT_LOOKED, reveal=True)
    return json.dumps(document, indent=1, default=str).encode()


def inputs(settings: Settings, prepared: Prepared) -> Iterator[tuple[str, bytes, str]]:
    """The plan, what it refers to, and the catalog it is judged by."""
    from sretool import wiring

    yield prepared.file.name, prepared.file.read_bytes(), str(prepared.file)
    yield "plan.json", _document(prepared), "plan.json"
    played = {each.step.id for each in prepared.table.slots}
    for step, file in prepared.files.items():
        if step in played and step in prepared.known.experiments:
            document = prepared.known.experiments[step].experiment.document
            content = wiring.without_secrets(file.read_bytes(), document)
            yield f"experiment-{step}{file.suffix}", content, str(file)
    for load in prepared.plan.loads:
        stored = wiring.load_profile(load.profile, settings.project, None)
        for name, content in stored.files:
            yield f"load-{load.id}-{name.replace('/', '_')}", content, str(stored.folder / name)
    for path in prepared.sources.catalog if prepared.sources is not None else ():
        for file in sorted(path.rglob("*.y*ml")) if path.is_dir() else (path,):
            name = str(file.relative_to(path.parent)).replace("/", "_")
            yield f"{CATALOG}{name}", file.read_bytes(), str(file)
