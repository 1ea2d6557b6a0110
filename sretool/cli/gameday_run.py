"""`sretool gameday run`: a whole game day, from its plan to its verdict."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import chaos_run, diagnostics, gameday_options, gameday_session, output
from sretool.cli.gameday_session import Wanted
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sretool.cli.context import Settings
    from sretool.cli.gameday_prepare import Prepared
    from sretool.cli.gameday_ready import Ready
    from sretool.core.plans.chaos.gates import Refusal
    from sretool.core.runs.model import RunRecord
    from sretool.services.ending import Ending

_STALE: Final = 10.0
"""Seconds after which the gates are looked at again: much happens while somebody makes up their mind."""


@click.command()
@click.argument("gameday", metavar="FILE|NAME")
@gameday_options.role_option
@gameday_options.seed_option("what is left to chance")
@click.option(
    "--answers",
    "answers_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Answers given beforehand, as YAML: STEP: ANSWER.",
)
@click.option("--yes", is_flag=True, help="Do not ask; in production approvals are needed all the same.")
@click.option(
    "--approve",
    "approvals",
    metavar="NAME:HASH",
    multiple=True,
    help="Who else has looked at an experiment's plan, as `sretool chaos approve` prints it.",
)
@click.option(
    "--waive",
    "waived",
    metavar="GATE",
    multiple=True,
    help="Begin although this gate is closed; on record, and never in production.",
)
@click.option("--target", metavar="URL", help="What is put under load; the running lab's without it.")
@click.option(
    "--yes-this-is-mine", "meant", is_flag=True, help="Make load against another machine than this one."
)
@click.option("--tui", is_flag=True, help="Watch and steer it on a screen; x undoes everything.")
@click.option("--reveal", is_flag=True, help="Show what is hidden from whoever responds, too.")
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the result for a CI system there as well.",
)
@output.format_option
@click.pass_obj
def run(
    settings: Settings,
    gameday: str,
    roles: tuple[str, ...],
    seed: int,
    answers_file: Path | None,
    yes: bool,
    approvals: tuple[str, ...],
    waived: tuple[str, ...],
    target: str | None,
    meant: bool,
    tui: bool,
    reveal: bool,
    junit: Path | None,
    output_format: str,
) -> None:
    """Carry out a game day: its load, its experiments, its questions; judge it, and report.

    FILE is a plan in YAML, or a name of `sretool gameday list`. What it would
    do is shown before. Every step's run keeps its own folder; whatever ends
    the game day, everything is undone. On a terminal what is asked is answered
    there, and `n TEXT` makes a note. The run's folder is the last line of
    stdout.

    \b
    Exit: 0 passed, 1 failed, 2 the plan or the command line is wrong,
    4 aborted or refused by a guard, 5 something could not be undone,
    6 inconclusive, 7 the run itself failed, 130 interrupted and undone.
    """
    from sretool import wiring
    from sretool.cli import gameday_prepare, gameday_shown, runs_score
    from sretool.core.plans.chaos.gates import Refusal
    from sretool.core.plans.gameday.answers import read_answers

    chaos_run.check_waived(waived)
    if junit is not None and not junit.absolute().parent.is_dir():
        raise UsageError(f"--junit {junit}: there is no folder {junit.parent}")
    if tui:
        from sretool.cli.load_cockpit import needs_a_terminal

        needs_a_terminal("what happens goes to stderr, a line at a time")
    answers: dict[str, str] = {}
    if answers_file is not None:
        # Before anything is asked that takes longer.
        _, plan = wiring.gameday(gameday, settings.project)
        answers = read_answers(str(answers_file), _text(answers_file), plan.steps)
    wanted = Wanted(approvals, waived, target, meant, tui, reveal)
    prepared = gameday_prepare.prepare(
        settings,
        gameday,
        given=gameday_prepare.people_given(roles),
        seed=seed,
    )
    if prepared.problems:
        _tell_problems(prepared)
        raise click.exceptions.Exit(diagnostics.USAGE)
    with wiring.gameday_lock(settings.environment or {}, prepared.plan.title) as busy:
        if busy:
            raise chaos_run.refused([Refusal("lock", busy, "wait for its end")])
        opened, ready = _pass_gates(prepared, wanted)
        diagnostics.talk(gameday_shown.text(prepared, ready, reveal=reveal))
        if not yes and chaos_run.ask("Begin?") > _STALE:
            opened, ready = _pass_gates(prepared, wanted)
        ending, folder = _carry_out(settings, prepared, answers, wanted, opened)
    _report(folder, ending.record, junit, runs_score.known(settings))
    _say_end(ending, folder, output_format)
    raise click.exceptions.Exit(chaos_run.exit_code(ending))


def _text(file: Path) -> str:
    from sretool.adapters.files import texts

    return texts.text_of(file)


# --- before it begins -------------------------------------------------------------------------------------


def _tell_problems(prepared: Prepared) -> None:
    """On stderr: stdout is for what came of it."""
    from sretool.cli import gameday_plan

    for each in prepared.problems:
        diagnostics.talk(str(each))
    diagnostics.tell_warnings(prepared.warnings)
    name = prepared.file if prepared.file.is_relative_to(prepared.project) else prepared.plan.name
    gameday_plan.tell_count(prepared, f"`sretool gameday plan {name} --offline`")


def _pass_gates(prepared: Prepared, wanted: Wanted) -> tuple[tuple[Refusal, ...], Ready]:
    """Gates that are opened by hand, and what was found; Exit where one is closed."""
    from sretool.cli import gameday_ready
    from sretool.core.plans.chaos.gates import Refusal

    if prepared.sources is None:
        raise chaos_run.refused(
            [Refusal("sources", "no Prometheus is known", "a game day that nobody watches is not begun")]
        )
    found = asyncio.run(gameday_ready.look(prepared, wanted.approved))
    refusals = (
        *found.refusals,
        *(Refusal("sources", each, "a game day that nobody watches is not begun") for each in found.silent),
    )
    each_once = tuple({(each.gate, each.text): each for each in refusals}.values())
    open_by_hand = frozenset() if prepared.production else frozenset(wanted.waived)
    closed = [each for each in each_once if each.gate not in open_by_hand]
    if closed:
        raise chaos_run.refused(closed)
    return each_once, found


# --- while it runs ----------------------------------------------------------------------------------------


def _carry_out(
    settings: Settings,
    prepared: Prepared,
    answers: Mapping[str, str],
    wanted: Wanted,
    opened: tuple[Refusal, ...],
) -> tuple[Ending, Path]:
    from sretool import wiring
    from sretool.cli.gameday_talk import Lines, listening

    environment = settings.environment or {}
    assert prepared.sources is not None
    sources = wiring.chaos_sources(
        chaos_run.endpoints_of(prepared.sources, prepared.system),
        prepared.lab.name if prepared.lab else None,
    )
    journal = wiring.gameday_journal(
        settings.project,
        environment,
        prepared.plan.name,
        targets=gameday_session.services(prepared),
        production=prepared.production,
        inputs=tuple(gameday_session.inputs(settings, prepared)),
    )
    lines = Lines(reveal=wanted.reveal)
    metrics = wiring.metrics(prepared.sources.prometheus, gameday_session.DEADLINE)
    session = gameday_session.session(settings, prepared, answers, wanted, opened, sources, metrics, journal)

    async def carry_out() -> Ending:
        try:
            return await session.run()
        finally:
            await sources.aclose()
            await metrics.aclose()

    async def in_lines() -> Ending:
        session.listen(lines.show)
        chaos_run.when_asked_to_end(session.interrupt)
        with listening(session, prepared.me):
            return await carry_out()

    with journal:
        if wanted.tui:
            from sretool.cli import gameday_cockpit

            ending = gameday_cockpit.run(settings, session.run_id, session, carry_out, reveal=wanted.reveal)
        else:
            ending = asyncio.run(in_lines())
    return ending, journal.folder


# --- when it is over --------------------------------------------------------------------------------------


def _report(folder: Path, record: RunRecord, junit: Path | None, known: Mapping[str, Sequence[str]]) -> None:
    """Reports into the run's folder; what they are made from is there whether they can be written or not."""
    from sretool.adapters.store import seal
    from sretool.cli import run_reports

    try:
        run_reports.write(folder, record, datetime.now(UTC), known)
        diagnostics.talk(f"sealed {seal.digest(folder)}")
        if junit is not None:
            junit.write_bytes((folder / "junit.xml").read_bytes())
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        diagnostics.tell(
            f"the reports cannot be written: {error.strerror}{where}",
            f"make room and try `sretool runs report {record.id} --to html`",
        )


def _say_end(ending: Ending, folder: Path, output_format: str) -> None:
    from sretool.cli import gameday_release

    record = ending.record
    released = gameday_release.of_run(folder, record)
    chaos_run.tell_left(ending.left)
    if output_format == "json":
        import msgspec

        from sretool.core.runs import lines

        document = msgspec.to_builtins(lines.document(record))
        if released is not None:
            from sretool.report import release

            document["release"] = release.document(released)
        output.write_json({**document, "folder": folder})
        return
    for line in summary(record):
        click.echo(line)
    if released is not None:
        click.echo("\n".join(("", *gameday_release.lines(released))))
    click.echo(str(folder))


def summary(record: RunRecord) -> Iterator[str]:
    """How it ended, in a few lines."""
    from sretool.core.runs.words import NONE, seconds_words, share_words, value_words

    verdict, found = record.verdict, record.measures.gameday
    assert verdict is not None
    yield f"{verdict.outcome.value}: {verdict.reason}"
    for check in verdict.checks:
        sign = {True: "ok", False: "BROKEN", None: "?"}[check.ok]
        yield f"  {sign:<6}  {check.name}: {value_words(check.got, check.unit, 3)}"
    if found is None:
        return
    figures = (
        ("detected", seconds_words(found.mttd_s)),
        ("acknowledged", seconds_words(found.mtta_s)),
        ("recovered", seconds_words(found.mttr_s)),
        ("RTO", seconds_words(found.rto_s)),
        ("lost writes", value_words(found.lost_writes, "")),
        ("budget spent", share_words(found.budget_spent)),
    )
    known = [f"{name} {value}" for name, value in figures if value != NONE]
    if known:
        yield "  ".join(known)
