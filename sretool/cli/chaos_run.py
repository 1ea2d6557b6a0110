"""`sretool chaos run`: one experiment, from its plan to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import diagnostics, output
from sretool.cli.chaos_prepare import prepare, tell_problems, vars_option
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from sretool.cli.chaos_prepare import Prepared
    from sretool.cli.context import Settings
    from sretool.cli.context import Sources as SourcesKnown
    from sretool.core.catalog.model import System
    from sretool.core.plans.chaos.gates import Approval, Refusal
    from sretool.core.runs.events import RunEvent
    from sretool.core.runs.model import RunRecord
    from sretool.core.runs.story import LogLine
    from sretool.ports import LoadChild
    from sretool.services.chaos import Control
    from sretool.services.chaos_watch import Sources
    from sretool.services.ending import Ending
    from sretool.wiring import Endpoints

_ENDING: Final = {
    signal.SIGINT: "interrupted by hand (Ctrl-C)",
    signal.SIGTERM: "interrupted by SIGTERM",
    signal.SIGHUP: "its terminal was closed (SIGHUP)",
    signal.SIGQUIT: "interrupted by hand (SIGQUIT)",
}
_STALE: Final = 10.0
"""Seconds after which the gates are looked at again: much happens while somebody makes up their mind."""


@click.command()
@click.argument("experiment", metavar="FILE")
@vars_option
@click.option("--yes", is_flag=True, help="Do not ask; in production an approval is needed all the same.")
@click.option(
    "--approve",
    "approvals",
    metavar="NAME:HASH",
    multiple=True,
    help="Who else has looked at this plan, and its hash, as `sretool chaos approve` prints it.",
)
@click.option(
    "--waive",
    "waived",
    metavar="GATE",
    multiple=True,
    help="Run although this gate is closed; on record, and never in production.",
)
@output.format_option
@click.pass_obj
def run(
    settings: Settings,
    experiment: str,
    variables: tuple[str, ...],
    yes: bool,
    approvals: tuple[str, ...],
    waived: tuple[str, ...],
    output_format: str,
) -> None:
    """Carry out an experiment, undo it, and judge what it showed.

    FILE is an experiment of Chaos Toolkit (YAML or JSON), or a name of
    `sretool chaos list`. What is hurt is shown before, and everything is
    undone however this ends. The run's folder is the last line of stdout.

    \b
    Exit: 0 passed, 1 failed, 2 the file or the command line is wrong,
    4 aborted or refused by a guard, 5 something could not be undone,
    6 inconclusive, 7 the run itself failed, 130 interrupted and undone.
    """
    from sretool import wiring

    check_waived(waived)
    given = [approval(each) for each in approvals]
    environment = settings.environment or {}
    with wiring.chaos_lock(environment, experiment) as busy:
        if busy:
            from sretool.core.plans.chaos.gates import Refusal

            raise refused([Refusal("lock", f"another experiment runs: {busy}", "wait for its end")])
        prepared = _prepared(settings, experiment, variables)
        ending, folder = asyncio.run(_carry_out(settings, prepared, given, frozenset(waived), yes=yes))
    _report(ending, folder)
    _say_end(ending, folder, output_format)
    raise click.exceptions.Exit(exit_code(ending))


def _prepared(settings: Settings, experiment: str, variables: tuple[str, ...]) -> Prepared:
    with tell_problems():
        return prepare(settings, experiment, variables)


def check_waived(waived: Sequence[str]) -> None:
    """UsageError where one of them is no gate that somebody may open."""
    from sretool.core.plans.chaos.gates import WAIVABLE

    unknown = [each for each in waived if each not in WAIVABLE]
    if unknown:
        raise UsageError(f"{unknown[0]!r} cannot be waived", remedy=f"these can: {', '.join(WAIVABLE)}")


def approval(text: str) -> Approval:
    """UsageError where it is none."""
    from sretool.core.plans.chaos.gates import LEAST_OF_HASH, Approval

    by, colon, digits = text.rpartition(":")
    if not colon or not by or len(digits) < LEAST_OF_HASH:
        raise UsageError(
            f"--approve {text}: not an approval",
            remedy="write NAME:HASH, as `sretool chaos approve FILE` prints it",
        )
    return Approval(by, digits)


async def _carry_out(
    settings: Settings, prepared: Prepared, approvals: list[Approval], waived: frozenset[str], *, yes: bool
) -> tuple[Ending, Path]:
    from sretool import wiring

    sources = wiring.chaos_sources(endpoints(prepared), prepared.lab.name if prepared.lab else None)
    try:
        return await _carry_out_with(sources, settings, prepared, approvals, waived, yes=yes)
    finally:
        await sources.aclose()


async def _carry_out_with(
    sources: Sources,
    settings: Settings,
    prepared: Prepared,
    approvals: list[Approval],
    waived: frozenset[str],
    *,
    yes: bool,
) -> tuple[Ending, Path]:
    from sretool import wiring
    from sretool.cli import chaos_shown
    from sretool.services import chaos

    environment = settings.environment or {}
    diagnostics.talk(chaos_shown.text(prepared.plan))
    opened, load = await _pass_gates(settings, prepared, tuple(approvals), sources, waived)
    if not yes and ask() > _STALE:
        opened, load = await _pass_gates(settings, prepared, tuple(approvals), sources, waived)
    journal = wiring.chaos_journal(settings.project, environment, prepared.plan, prepared.file, prepared.data)
    order = chaos.Order(
        plan=prepared.plan,
        given={
            "experiment": prepared.plan.experiment.document,
            "path": str(prepared.file),
            "configuration": dict(prepared.overrides),
            "runtime": prepared.plan.experiment.document.get("runtime") or {},
        },
        environment=prepared.environment,
        by=prepared.me,
        remarks=(
            *(f"approved by {each.by} ({each.hash[:12]})" for each in approvals),
            *(f"gate {each.gate} opened by hand: {each.text}" for each in opened),
        ),
        announced=environment.get(wiring.ANNOUNCED, ""),
    )
    around = chaos.Around(
        session=wiring.chaos_session(journal.folder, environment),
        sources=sources,
        clock=wiring.SystemClock(),
        stop_file=lambda: str(wiring.chaos_stop_file(environment) or ""),
        load=load(journal.folder) if load is not None else None,
    )
    control = chaos.Control()
    listen(control)
    with journal:
        ending = await chaos.run(order, around, journal, control, Lines().show)
    return ending, journal.folder


async def _pass_gates(
    settings: Settings,
    prepared: Prepared,
    approvals: tuple[Approval, ...],
    sources: Sources,
    waived: frozenset[str],
) -> tuple[tuple[Refusal, ...], Callable[[Path], LoadChild] | None]:
    """Gates that are opened by hand, and what makes the experiment's load; Exit where one is closed."""
    from sretool import wiring
    from sretool.core.plans.chaos.gates import refusals

    plan = prepared.plan
    facts = await wiring.chaos_facts(
        settings.project, settings.environment or {}, prepared.me, approvals, sources
    )
    load, facts = wiring.chaos_load(plan, settings.project, prepared.environment, prepared.lab, facts)
    closed = refusals(plan, facts, waived)
    if closed:
        raise refused(closed)
    return refusals(plan, facts), load


def endpoints(prepared: Prepared) -> Endpoints | None:
    from sretool.cli import objectives

    sources = prepared.sources
    if sources is None:
        return None
    return endpoints_of(sources, objectives.load(sources) if sources.catalog else None)


def endpoints_of(sources: SourcesKnown, system: System | None) -> Endpoints:
    """What is watched while faults are made."""
    from datetime import timedelta

    from sretool import wiring

    return wiring.Endpoints(
        slos=system.slos if system is not None else (),
        prometheus=sources.prometheus,
        alertmanager=sources.alertmanager,
        deadline=timedelta(seconds=2),
        policy=system.policy if system is not None else None,
    )


def refused(closed: Iterable[Refusal]) -> click.exceptions.Exit:
    for each in closed:
        diagnostics.tell(f"refused ({each.gate}): {each.text}", each.remedy or None)
    return click.exceptions.Exit(diagnostics.ABORTED)


def ask(question: str = "Run it?") -> float:
    """Whether it is to be run; seconds until that was decided."""
    began = time.monotonic()
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here", remedy="give --yes")
    # asyncio's own handler would let the question go on after a Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        click.confirm(question, abort=True, err=True)
    finally:
        signal.signal(signal.SIGINT, before)
    return time.monotonic() - began


def listen(control: Control) -> None:
    """Whatever asks this program to end ends the experiment in order."""

    def stop(how: str) -> None:
        control.stopped_by = control.stopped_by if control.stop.is_set() else how
        control.stop.set()

    when_asked_to_end(stop)


def when_asked_to_end(act: Callable[[str], None]) -> None:
    """`act` is told by what."""
    loop = asyncio.get_running_loop()
    for number, how in _ENDING.items():
        # A shell's background job ignores SIGINT and SIGQUIT unless somebody handles them; under nohup a
        # closed terminal is no reason to end.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, act, how)


class Lines:
    """What happens, a line at a time, on stderr."""

    def __init__(self) -> None:
        from sretool.core.runs.story import Story

        self._story = Story()
        self._shown = 0

    def show(self, event: RunEvent) -> None:
        self._story.take(event)
        for line in self._story.log[self._shown :]:
            aside(told(line))
        self._shown = len(self._story.log)


def told(line: LogLine) -> str:
    result = f"  {line.result}" if line.result else ""
    return f"{line.t:7.1f}s  {line.source:<5}  {line.text}{result}"


def aside(text: str) -> None:
    """On stderr; where that goes to a full disk, what runs goes on without an audience."""
    with contextlib.suppress(OSError):
        diagnostics.talk(text)


def _report(ending: Ending, folder: Path) -> None:
    """Reports into the run's folder; what they are made from is there whether they can be written or not."""
    from sretool.adapters.store import seal
    from sretool.cli import chaos_reports

    try:
        chaos_reports.write(folder, ending.record, datetime.now(UTC))
        diagnostics.talk(f"sealed {seal.digest(folder)}")
    except OSError as error:
        remedy = f"make room and try `sretool runs report {ending.record.id} --to html`"
        diagnostics.tell(f"the reports cannot be written: {error.strerror}", remedy)


def _say_end(ending: Ending, folder: Path, output_format: str) -> None:
    record = ending.record
    tell_left(ending.left)
    if output_format == "json":
        import msgspec

        from sretool.core.runs import lines

        document = msgspec.to_builtins(lines.document(record))
        output.write_json({**document, "folder": folder})
        return
    _summary(record)
    click.echo(str(folder))


def tell_left(left: Iterable[str]) -> None:
    """What could not be undone, each in words."""
    for each in left:
        diagnostics.tell(f"not undone: {each}", "try again with `sretool chaos heal`")


def _summary(record: RunRecord) -> None:
    from sretool.core.runs.words import value_words

    verdict = record.verdict
    assert verdict is not None
    click.echo(f"{verdict.outcome.value}: {verdict.reason}")
    for check in verdict.checks:
        sign = {True: "ok", False: "BROKEN", None: "?"}[check.ok]
        got, want = value_words(check.got, check.unit, 3), value_words(check.want, check.unit, 3)
        click.echo(f"  {sign:<6}  {check.name}: {got} (wanted {want})")


def exit_code(ending: Ending) -> int:
    if not ending.undone:
        return diagnostics.NOT_UNDONE
    if ending.interrupted:
        return diagnostics.INTERRUPTED
    return diagnostics.verdict_code(ending.record.verdict)
