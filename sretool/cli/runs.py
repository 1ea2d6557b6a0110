"""`sretool runs`: what was tried, when, and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sretool.cli import bundles, diagnostics, load_compare, output, runs_kpi, runs_postmortem, runs_score
from sretool.errors import UsageError
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from sretool.adapters.store.runs import RunStore, StoredRun
    from sretool.cli.context import Settings
    from sretool.core.runs.model import Check, Measures
    from sretool.core.runs.story import LogLine, Story


@click.group()
def command() -> None:
    """Load tests, experiments and game days of this project.

    They are in `.sretool/runs` where such a folder is found upward from here, otherwise below
    $XDG_STATE_HOME/sretool.
    """


command.add_command(load_compare.compare)
command.add_command(runs_score.score)
command.add_command(bundles.bundle)
command.add_command(runs_kpi.kpi)
command.add_command(runs_postmortem.postmortem)

_KINDS = click.Choice(["load", "chaos", "gameday", "capacity", "canary"])


@command.command(name="list")
@click.option("--kind", type=_KINDS, multiple=True, help="Only runs of this kind; may be repeated.")
@click.option("-n", "--newest", type=click.IntRange(min=1), help="Only the newest N.", metavar="N")
@output.format_option
@click.pass_context
def list_(ctx: click.Context, kind: tuple[str, ...], newest: int | None, output_format: str) -> None:
    """The runs, newest first."""
    from sretool.core.runs.model import RunKind

    store = _store(ctx)
    runs = store.newest(newest, [RunKind(each) for each in kind])
    for damaged in store.damaged:
        diagnostics.tell(f"left out: {damaged.folder}: {damaged.problem}")
    if output_format == "json":
        output.write_json({"folder": store.root, "runs": [_as_json(run) for run in runs]})
        return
    if not runs:
        click.echo(f"no runs in {store.root}", err=True)
        return
    now = _now()
    rows: list[tuple[str, ...]] = [("ID", "KIND", "STARTED", "TOOK", "VERDICT", "TITLE")]
    rows += [_row(run, now) for run in runs]
    for line in output.columns(rows):
        click.echo(line)


@command.command()
@click.argument("run", metavar="RUN")
@click.option("--log", "whole_log", is_flag=True, help="The whole log, not only its end.")
@output.format_option
@click.pass_context
def show(ctx: click.Context, run: str, whole_log: bool, output_format: str) -> None:
    """One run: how it ended, what was checked and measured, and its log.

    RUN is `last` or the beginning of its id or of its folder's name.
    """
    store = _store(ctx)
    found = store.open(run)
    story, tail = store.story(found)
    if tail.lost:
        diagnostics.tell(f"{tail.lost}, the first is {tail.first_unreadable}")
    if output_format == "json":
        log = [
            {"at": line.at, "t": line.t, "source": line.source, "text": line.text, "result": line.result}
            for line in story.log
        ]
        output.write_json(
            _as_json(found, _measured(found, story)) | {"log": log, "unreadable_lines": tail.unreadable}
        )
        return
    for line in _pages(found, story, whole_log=whole_log):
        click.echo(line)


@command.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--to",
    "form",
    type=click.Choice(["html", "md", "json", "junit", "csv"]),
    default="md",
    show_default=True,
    help="One self-contained page, Markdown, JSON, JUnit's XML, or of load CSV files with Locust's columns.",
)
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Write here, not to stdout; of csv a folder or the beginning of the files' names.",
)
@click.pass_context
def report(ctx: click.Context, run: str, form: str, out: Path | None) -> None:
    """A run for people who were not there, and for CI.

    RUN is `last` or the beginning of its id or of its folder's name. Everything is made from the events in
    its folder, so it works while the run goes on, and for one that broke off.
    """
    from sretool.cli import run_reports
    from sretool.core.runs.model import RunKind

    store = _store(ctx)
    found = store.open(run)
    if store.keeps_back(found):
        raise UsageError(
            f"{found.record.id} goes on, and a report would tell its hidden steps",
            remedy=f"ask when it is over; `sretool runs show {found.record.id}` tells what may be told",
        )
    known = runs_score.known(ctx.obj) if found.record.kind is RunKind.GAMEDAY else None
    texts = run_reports.texts(found.folder, found.record, form, _now(), known)
    if out is not None:
        for file in _written(texts, out, one=form != "csv"):
            diagnostics.tell(f"wrote {file}")
    elif form == "csv":
        # One table fits on stdout: the one that people look at.
        click.echo(texts["stats.csv"], nl=False)
    else:
        click.echo("".join(texts.values()), nl=False)


def _written(texts: Mapping[str, str], out: Path, *, one: bool) -> list[Path]:
    """The files written; UsageError where one cannot be."""
    files = []
    for name, text in texts.items():
        file = out / name if out.is_dir() else out if one else out.with_name(f"{out.name}_{name}")
        try:
            file.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(f"cannot write {file}: {error.strerror}") from error
        files.append(file)
    return files


@command.command()
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="The newest N stay.")
@click.option("--older-than", metavar="DURATION", help="Only runs that began longer ago, like 30d.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@output.format_option
@click.pass_context
def prune(
    ctx: click.Context, keep: int | None, older_than: str | None, dry_run: bool, output_format: str
) -> None:
    """Remove old run folders. Running ones stay, and broken ones that may have something to undo."""
    if keep is None and older_than is None:
        raise UsageError("nothing says which runs may go", remedy="give --keep N, --older-than 30d, or both")
    store = _store(ctx)
    age = parse_duration(older_than) if older_than is not None else None
    pruned, kept = store.prune(keep=keep, older_than=age, dry_run=dry_run)
    for stays in kept:
        diagnostics.talk(f"stays: {stays.folder.name}: {stays.reason}")
    if output_format == "json":
        output.write_json(
            {
                "removed": [{"folder": each.folder, "bytes": each.size} for each in pruned],
                "kept": [{"folder": each.folder, "reason": each.reason} for each in kept],
                "dry_run": dry_run,
            }
        )
        return
    for each in pruned:
        click.echo(f"{'would remove' if dry_run else 'removed'} {each.folder.name}")
    size = sum(each.size for each in pruned) / 2**20
    count = f"{len(pruned)} run{'s' if len(pruned) != 1 else ''}"
    click.echo(f"{count}, {size:.1f} MiB{' would go' if dry_run else ''}", err=True)


def _store(ctx: click.Context) -> RunStore:
    from sretool import wiring

    settings: Settings = ctx.obj
    return wiring.runs(settings.project, settings.environment or {})


def _measured(run: StoredRun, story: Story) -> Measures:
    """What run.json says, or the events of a run that is not over or broke off."""
    from dataclasses import replace

    measures = run.record.measures
    return measures if measures.load is not None else replace(measures, load=story.load_measures())


def _as_json(run: StoredRun, measures: Measures | None = None) -> dict[str, Any]:
    from dataclasses import replace

    import msgspec

    from sretool.core.runs import lines

    record = run.shown if measures is None else replace(run.record, measures=measures)
    document: dict[str, Any] = msgspec.to_builtins(lines.document(record))
    # The name of the folder tells what is in it.
    return document | {"folder": None if run.hidden else str(run.folder)}


def _row(run: StoredRun, now: datetime) -> tuple[str, ...]:
    record = run.shown
    return (
        record.id,
        record.kind.value,
        record.started.strftime("%Y-%m-%d %H:%M:%SZ"),
        _span(record.took(now)) if record.state.value != "lost" else "-",
        record.verdict.outcome.value if record.verdict is not None else record.state.value,
        record.title,
    )


def _span(span: timedelta) -> str:
    from datetime import timedelta

    return format_duration(timedelta(seconds=round(span.total_seconds())))


_LOG_END = 20


def _pages(run: StoredRun, story: Story, *, whole_log: bool) -> list[str]:
    record = run.record
    lines = [f"{record.kind.value} {record.title}  {record.id}"]
    verdict = record.verdict
    if verdict is not None:
        lines.append(f"{verdict.outcome.value}: {verdict.reason}")
    elif record.state.value == "lost":
        lines.append("lost: its program ended without a word; nobody writes to it any more")
    else:
        lines.append("running")
    lines.append(f"started  {record.started:%Y-%m-%d %H:%M:%SZ}")
    if record.ended is not None:
        lines[-1] += f", took {_span(record.ended - record.started)}"
    facts = {
        "targets": ", ".join(record.targets),
        "inputs": ", ".join(each.path for each in record.inputs),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "parent": record.parent or "",
        "folder": str(run.folder),
    }
    lines += [f"{name:<8} {text}" for name, text in facts.items() if text]
    if story.checks:
        lines += ["", "CHECKS"]
        lines += [_check(check) for check in story.checks.values()]
    if story.steps:
        lines += ["", "STEPS", *_steps(story)]
    measures = _measures(_measured(run, story))
    if measures:
        lines += ["", "MEASURES", *measures]
    if story.steps:
        from sretool.cli import gameday_release

        released = gameday_release.of_run(run.folder, record)
        lines += ["", *gameday_release.lines(released)] if released is not None else []
        if story.started is not None and not (story.started.plan_hash or story.started.checks):
            lines += _differences(run, story)
    log = story.log if whole_log else story.log[-_LOG_END:]
    if log:
        hidden = len(story.log) - len(log)
        lines += ["", f"LOG, the last {len(log)} of {len(story.log)} (--log shows all)" if hidden else "LOG"]
        lines += [_log_line(line) for line in log]
    return lines


def _differences(run: StoredRun, story: Story) -> list[str]:
    """Of rounds with and without a fault; nothing of any other run."""
    from sretool.cli import chaos_reports, gameday_reports, gameday_rounds

    found = gameday_reports.rounds_of(story, chaos_reports.read(run.folder)[0])
    if found is None or not found.compared:
        return []
    return ["", "WHAT THE FAULT CHANGES", *gameday_rounds.table(found)]


def _steps(story: Story) -> list[str]:
    """How each step of a game day ended, and which run is its own."""
    rows = []
    for each in story.steps.values():
        ended = each.ended
        word = ended.outcome.value if ended is not None else "running" if each.begin is not None else "-"
        run = f"  run {each.run.rpartition('-')[2]}" if each.run else ""
        said = f": {each.answer.answer}" if each.answer is not None else ""
        why = f"  {ended.why}" if ended is not None and ended.why else ""
        rows.append(f"  {word:<12}  {each.plan.id}{said}{run}{why}")
    return rows


def _check(check: Check) -> str:
    from sretool.core.runs.words import value_words

    sign = {True: "ok", False: "BROKEN", None: "?"}[check.ok]
    got = "not measured" if check.got is None else value_words(check.got, check.unit, 4)
    want = "" if check.want is None else f"  wanted {value_words(check.want, check.unit, 4)}"
    return f"  {sign:<6}  {check.name}: {got}{want}"


def _measures(measures: Measures) -> list[str]:
    from dataclasses import fields

    found = {
        field.name: value
        for part in (measures.load, measures.chaos, measures.gameday)
        if part is not None
        for field in fields(part)
        if (value := getattr(part, field.name)) is not None and not isinstance(value, tuple)
    }
    width = max([14, *(len(name) for name in found)])
    return [
        f"  {name:<{width}} {f'{value:.4g}' if isinstance(value, float) else value}"
        for name, value in found.items()
    ]


def _log_line(line: LogLine) -> str:
    result = f"  {line.result}" if line.result else ""
    return f"  {line.at:%H:%M:%SZ}  {line.source:<5}  {line.text}{result}"


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)
