"""An experiment and a load beside each other: what rounds and searches for a dose have in common."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from sretool.cli import chaos_prepare, chaos_run, diagnostics, gameday_session
from sretool.cli.load_run import DURATION, RATE
from sretool.cli.options import parsed
from sretool.errors import UsageError
from sretool.units import parse_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from pathlib import Path

    from sretool.adapters.files.profiles import StoredProfile
    from sretool.adapters.store.writer import RunWriter
    from sretool.cli.context import Settings
    from sretool.core.plans.chaos.gates import Approval, Refusal
    from sretool.core.runs.events import RunEvent
    from sretool.services.chaos import Control
    from sretool.services.chaos_watch import Sources
    from sretool.services.ending import Ending
    from sretool.services.gameday_children import Child
    from sretool.services.gameday_together import Around, Limits

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")

_ENDS: Final = 120.0
"""Seconds that an experiment may take beyond what its plan says, before its begin and after its end."""


def options(function: F) -> F:
    """EXPERIMENT and what says how it is made beside a load; all of them but `--yes` come as one `Wanted`."""
    listed = [
        click.argument("experiment", metavar="EXPERIMENT"),
        click.option("--rate", type=RATE, metavar="R", help="Highest rate of the load, like 20/s."),
        click.option("--users", type=click.IntRange(min=1), metavar="N", help="Highest number of users."),
        click.option("--target", metavar="URL",
                     help="What is put under load; the running lab's without it."),
        click.option("--yes-this-is-mine", "meant", is_flag=True,
                     help="Make load against another machine than this one."),
        chaos_prepare.vars_option,
        click.option("--budget", default="50%", show_default=True, metavar="SHARE",
                     help="Of any error budget: all experiments together end when they took more."),
        click.option("--patience", type=DURATION, default="10m", show_default=True, metavar="D",
                     help="How long it may take until everything is as before."),
        click.option("--approve", "approvals", metavar="NAME:HASH", multiple=True,
                     help="Who else has looked at the plan, as `sretool chaos approve` prints it."),
        click.option("--waive", "waived", metavar="GATE", multiple=True,
                     help="Begin although this gate is closed; never in production."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    ]  # fmt: skip
    found: Any = function
    for option in reversed(listed):
        found = option(found)
    return found  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Wanted:
    """`options` as given, and the load."""

    experiment: str
    profile: str | None
    rate: float | None
    users: int | None
    target: str | None
    meant: bool
    variables: tuple[str, ...]
    budget: str
    patience: float
    approvals: tuple[str, ...]
    waived: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    settings: Settings
    wanted: Wanted
    experiment: chaos_prepare.Prepared
    stored: StoredProfile | None
    """The load's profile."""
    limits: Limits
    approvals: tuple[Approval, ...]

    @property
    def longest(self) -> float:
        """Seconds that one experiment may take."""
        plan = self.experiment.plan
        most = plan.most_seconds if plan.most_seconds is not None else 1800.0
        block = plan.block
        watched = block.baseline.total_seconds() + block.recovery_deadline.total_seconds()
        return most + watched + _ENDS

    @property
    def blast_radius(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.target for each in self.experiment.plan.targets))

    def load(self) -> tuple[str, ...]:
        """Arguments of `sretool` for the load; it goes on for longer than whatever it is there for."""
        assert self.wanted.profile is not None
        return (
            *self._before(),
            *("load", "run", self.wanted.profile, "--duration", f"{self.longest + _ENDS:.0f}s"),
            # What breaks is measured, not avoided.
            "--no-abort-on-breach",
            *self._amount(),
            *self._target(),
        )

    def capacity(self, within: float, most: float | None) -> tuple[str, ...]:
        """The same for a search for the highest rate."""
        assert self.wanted.profile is not None
        return (
            *self._before(),
            *("load", "capacity", self.wanted.profile, "--within", f"{within:.0f}s"),
            *(("--to", f"{most:g}") if most is not None else ()),
            *self._target(),
        )

    def chaos(self) -> tuple[str, ...]:
        wanted = self.wanted
        return (
            *self._before(),
            *("chaos", "run", str(self.experiment.file), "--yes"),
            *gameday_session.each_as("--vars", wanted.variables),
            *gameday_session.each_as("--approve", wanted.approvals),
            *gameday_session.each_as("--waive", wanted.waived),
        )

    def _before(self) -> tuple[str, ...]:
        return gameday_session.global_options(self.settings, self.experiment.lab)

    def _amount(self) -> tuple[str, ...]:
        if self.wanted.rate is not None:
            return ("--rate", f"{self.wanted.rate:g}")
        return ("--users", str(self.wanted.users)) if self.wanted.users is not None else ()

    def _target(self) -> tuple[str, ...]:
        return gameday_session.target_options(self.wanted.target, meant=self.wanted.meant)


def share(option: str, text: str) -> float:
    """0..1; UsageError that names the option."""
    return float(parsed(option, parse_ratio, text))


def prepare(settings: Settings, wanted: Wanted, *, extra: Sequence[str] = ()) -> Prepared:
    """`extra`: further `--vars`. UsageError and CatalogError for what cannot be."""
    from sretool import wiring
    from sretool.services.gameday_together import Limits

    chaos_run.check_waived(wanted.waived)
    approvals = tuple(chaos_run.approval(each) for each in wanted.approvals)
    limits = Limits(share("--budget", wanted.budget), wanted.patience)
    if wanted.rate is not None and wanted.users is not None:
        raise UsageError("a rate and a number of users are two kinds of load", remedy="give one of them")
    stored = None
    if wanted.profile is not None:
        stored = wiring.load_profile(wanted.profile, settings.project, None)
        stored.profile.adjusted(rate=wanted.rate, users=wanted.users)
    with chaos_prepare.tell_problems():
        experiment = chaos_prepare.prepare(settings, wanted.experiment, (*wanted.variables, *extra))
    if stored is not None and experiment.plan.block.load is not None:
        raise UsageError(
            f"the experiment brings the load {experiment.plan.block.load.profile!r} of its own, which would"
            " run beside this one",
            remedy="give an experiment without `load`",
        )
    return Prepared(settings, wanted, experiment, stored, limits, approvals)


@dataclass(frozen=True, slots=True)
class Surrounded:
    around: Around
    journal: RunWriter
    control: Control
    on_event: Callable[[RunEvent], None]
    sources: Sources


def carry_out(
    prepared: Prepared,
    title: str,
    *,
    plan: dict[str, Any],
    yes: bool,
    show: Iterable[str],
    work: Callable[[Surrounded], Coroutine[Any, Any, T]],
) -> tuple[T, Path]:
    """What `work` gives, and the run's folder. `plan`: what was asked for, for the record.

    What would be done is shown, and somebody asked, unless `yes`. Exit where a gate is closed.
    """
    from contextlib import nullcontext

    from sretool import wiring
    from sretool.cli import chaos_shown
    from sretool.core.plans.chaos.gates import Refusal

    environment = prepared.settings.environment or {}
    # As a step of a game day, that one holds the lock.
    inside = bool(environment.get(wiring.PARENT))
    with nullcontext("") if inside else wiring.gameday_lock(environment, title) as busy:
        if busy:
            raise chaos_run.refused([Refusal("lock", busy, "wait for its end")])
        diagnostics.talk(chaos_shown.text(prepared.experiment.plan))
        for line in show:
            diagnostics.talk(line)
        closed = asyncio.run(_closed(prepared))
        if closed:
            raise chaos_run.refused(closed)
        if not yes:
            chaos_run.ask("Begin?")
        journal = wiring.gameday_journal(
            prepared.settings.project,
            environment,
            title,
            targets=prepared.experiment.plan.block.blast_radius.services,
            production=prepared.experiment.plan.production,
            inputs=_inputs(prepared, plan),
        )
        with journal:
            return asyncio.run(_work(prepared, journal, work)), journal.folder


async def _closed(prepared: Prepared) -> Sequence[Refusal]:
    sources = _sources(prepared)
    try:
        return await _refusals(prepared, sources)
    finally:
        await sources.aclose()


async def _work(
    prepared: Prepared, journal: RunWriter, work: Callable[[Surrounded], Coroutine[Any, Any, T]]
) -> T:
    from sretool import wiring
    from sretool.services.chaos import Control
    from sretool.services.gameday_together import Around

    environment = prepared.settings.environment or {}

    def child(step: str, kind: str, arguments: Sequence[str]) -> Child:
        return wiring.gameday_child(
            prepared.settings.project,
            environment,
            journal,
            f"{step}-{kind}",
            arguments,
            load=kind != "experiment",
        )

    sources, control = _sources(prepared), Control()
    chaos_run.listen(control)
    around = Around(child, partial(_calm, prepared, sources), wiring.SystemClock())
    try:
        return await work(Surrounded(around, journal, control, chaos_run.Lines().show, sources))
    finally:
        await sources.aclose()


def _sources(prepared: Prepared) -> Sources:
    from sretool import wiring

    lab = prepared.experiment.lab
    return wiring.chaos_sources(
        chaos_run.endpoints(prepared.experiment), lab.name if lab is not None else None
    )


async def _refusals(prepared: Prepared, sources: Sources) -> Sequence[Refusal]:
    """What the gates of the experiment say now."""
    from sretool import wiring
    from sretool.core.plans.chaos.gates import refusals

    experiment = prepared.experiment
    facts = await wiring.chaos_facts(
        prepared.settings.project, experiment.environment, experiment.me, prepared.approvals, sources
    )
    return refusals(experiment.plan, facts, frozenset(prepared.wanted.waived))


async def _calm(prepared: Prepared, sources: Sources) -> Sequence[str]:
    return [f"{each.gate}: {each.text}" for each in await _refusals(prepared, sources)]


def _inputs(prepared: Prepared, plan: dict[str, Any]) -> list[tuple[str, bytes, str]]:
    from sretool import wiring

    experiment = prepared.experiment
    content = wiring.without_secrets(experiment.data, experiment.plan.experiment.document)
    found = [
        ("plan.json", json.dumps(plan, indent=1, default=str).encode(), "plan.json"),
        (f"experiment-{experiment.file.name}", content, str(experiment.file)),
    ]
    if prepared.stored is not None:
        folder = prepared.stored.folder
        found += [
            (f"load-{name.replace('/', '_')}", each, os.fspath(folder / name))
            for name, each in prepared.stored.files
        ]
    return found


def finish(
    ending: Ending,
    folder: Path,
    name: str,
    document: dict[str, Any],
    lines: Sequence[str],
    output_format: str,
) -> click.exceptions.Exit:
    """The result on stdout and in the run's folder (`NAME.json`, `NAME.txt`), and its reports."""
    from sretool import wiring
    from sretool.cli import output, run_reports

    chaos_run.tell_left(ending.left)
    try:
        wiring.keep_in_run(folder, f"{name}.json", output.json_text(document).encode() + b"\n")
        wiring.keep_in_run(folder, f"{name}.txt", "\n".join(lines).encode() + b"\n")
        run_reports.write(folder, ending.record, datetime.now(UTC))
    except OSError as error:
        diagnostics.tell(
            f"no report was written: {error.strerror}: {error.filename or folder}",
            f"make room and try `sretool runs report {ending.record.id} --to html`",
        )
    if output_format == "json":
        output.write_json({**document, "folder": folder})
    else:
        for line in lines:
            click.echo(line)
        click.echo(str(folder))
    return click.exceptions.Exit(chaos_run.exit_code(ending))
