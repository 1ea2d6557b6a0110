"""`sretool load compare`, `runs compare` and `load baseline`: is it slower than it was?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics, output
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sretool.adapters.store.baselines import BaselineStore
    from sretool.adapters.store.runs import RunStore, StoredRun
    from sretool.cli.context import Settings
    from sretool.core.analysis.compare import Comparison, Row
    from sretool.core.runs.counted import Counted

_OTHER_LOAD: Final = 0.02
"""How far planned rates may differ, in relation, for two runs to be the same test."""


@click.command(short_help="Two load tests or game days: what became worse?")
@click.argument("runs", metavar="RUN [RUN]", nargs=-1, required=True)
@click.option("--baseline", metavar="NAME", help="Compare RUN with this kept baseline.")
@click.option(
    "--smallest",
    default="5%",
    show_default=True,
    metavar="SHARE",
    help="Smallest relevant change of latencies and rates.",
)
@click.option(
    "--smallest-time",
    default="1ms",
    show_default=True,
    metavar="D",
    help="And of latencies as a time; both must be exceeded.",
)
@click.option(
    "--smallest-errors",
    default="0.1%",
    show_default=True,
    metavar="SHARE",
    help="Smallest relevant change of the share of failures, in points.",
)
@click.option(
    "--level",
    default="5%",
    show_default=True,
    metavar="SHARE",
    help="How probable a false alarm may be, over all that is compared.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Of the resampling; the same gives the same verdict.",
)
@click.option("--any-load", is_flag=True, help="Compare runs of different rates or users all the same.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs, Markdown for pages.",
)
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    *,
    runs: tuple[str, ...],
    baseline: str | None,
    smallest: str,
    smallest_time: str,
    smallest_errors: str,
    level: str,
    seed: int,
    any_load: bool,
    output_format: str,
) -> None:
    """Compare two load tests or game days, or a load test with a kept baseline: what became worse?

    The first RUN is the one before; RUN is `last`, or the beginning of a run's id or of its folder's
    name. Worse is what changed by more than matters, and by more than chance explains: seconds of
    both runs are resampled in blocks. Of game days nothing is measured twice: worse is what held and
    does not any more, and times and budgets that differ by more than 20% and 5s (or 1 point).

    \b
    Exit: 0 nothing is worse, 1 something is, 6 too little data or not the
    same load.
    """  # fmt: skip
    from sretool.cli import gameday_compare
    from sretool.core.analysis.compare import Change, Settings
    from sretool.core.analysis.compare import compare as compared
    from sretool.core.plans.gameday.compare import Relevant
    from sretool.core.plans.load.objectives import parse
    from sretool.core.runs.model import RunKind
    from sretool.units import parse_ratio

    if len(runs) + (baseline is not None) != 2:
        raise UsageError(
            "two runs are compared, or one with a baseline",
            remedy="give RUN RUN, or RUN --baseline NAME; `sretool runs list --kind load` shows them",
        )
    chosen = Settings(
        relative=float(parse_ratio(smallest)),
        # The limit of an objective is such a time.
        seconds=parse(f"max <= {smallest_time}").limit,
        errors=float(parse_ratio(smallest_errors)),
        level=float(parse_ratio(level)),
        seed=seed,
    )
    if seed < 0 or chosen.level <= 0:
        raise UsageError("a seed is from 0 on, and a level above 0")
    store = _runs(ctx)
    before = _baselines(ctx).open(baseline) if baseline is not None else store.open(runs[0])
    after = store.open(runs[-1])
    if before.record.kind is after.record.kind is RunKind.GAMEDAY:
        given = {name for name in ("smallest", "smallest_time") if _given(ctx, name)}
        relevant = Relevant(
            **({"relative": chosen.relative} if "smallest" in given else {}),
            **({"seconds": chosen.seconds} if "smallest_time" in given else {}),
        )
        code = gameday_compare.compare(
            before, after, relevant, any_plan=any_load, output_format=output_format
        )
        raise click.exceptions.Exit(code)
    if baseline is None and RunKind.GAMEDAY in {before.record.kind, after.record.kind}:
        kinds = " and ".join(f"{each.record.id} is a {each.record.kind.value}" for each in (before, after))
        raise UsageError(
            f"{kinds}; two load tests are compared, or two game days",
            remedy="`sretool runs list` shows of which kind a run is",
        )
    sides = _counted(before), _counted(after)
    found = compared(sides[0].slices, sides[1].slices, chosen)
    other_load = None if any_load else _other_load(*sides)
    notes = (*found.notes, *_notes(before, after))
    verdict = Change.UNCLEAR if other_load is not None else found.verdict
    reason = other_load or _reason(found)
    names = (baseline or before.record.id, after.record.id)
    if output_format == "json":
        output.write_json(
            {
                "before": {"run": before.record.id, "baseline": baseline, "folder": before.folder},
                "after": {"run": after.record.id, "folder": after.folder},
                "verdict": verdict.value,
                "reason": reason,
                "rows": [_as_json(row) for row in found.rows],
                "notes": list(notes),
                "settings": {
                    "relative": chosen.relative,
                    "seconds": chosen.seconds,
                    "errors": chosen.errors,
                    "level": chosen.level,
                    "seed": chosen.seed,
                },
            }
        )
    elif output_format == "md":
        for line in markdown(names, verdict.value, reason, _HEAD, _cells(found), notes):
            click.echo(line)
    else:
        for line in _text(names, verdict.value, reason, found, notes):
            click.echo(line)
    codes = {Change.WORSE: diagnostics.FAILED, Change.UNCLEAR: diagnostics.NO_DATA}
    raise click.exceptions.Exit(codes.get(verdict, diagnostics.OK))


@click.group()
def baseline() -> None:
    """Runs that later ones are compared with, kept under a name."""


@baseline.command()
@click.argument("run", metavar="RUN")
@click.option("--name", default="main", show_default=True, metavar="NAME", help="What it is called.")
@click.pass_context
def keep(ctx: click.Context, run: str, name: str) -> None:
    """Keep a run as a baseline, in place of what had this name; it stays when runs are pruned."""
    found = _runs(ctx).open(run)
    if not _counted(found).slices:
        raise UsageError(
            f"run {found.record.id} has no load that counts",
            remedy="keep one that is over, and did something",
        )
    click.echo(str(_baselines(ctx).keep(found, name)))


@baseline.command(name="list")
@output.format_option
@click.pass_context
def list_(ctx: click.Context, output_format: str) -> None:
    """The baselines of this project."""
    store = _baselines(ctx)
    found = [(name, store.open(name)) for name in store.names()]
    if output_format == "json":
        output.write_json(
            {
                "baselines": [
                    {
                        "name": name,
                        "run": run.record.id,
                        "title": run.record.title,
                        "started": run.record.started,
                        "folder": run.folder,
                    }
                    for name, run in found
                ]
            }
        )
        return
    if not found:
        click.echo(f"no baselines in {store.root}", err=True)
        return
    wide = max(len("NAME"), *(len(name) for name, _ in found))
    click.echo(f"{'NAME':<{wide}}  {'RUN':<6}  {'STARTED':<20}  TITLE")
    for name, run in found:
        record = run.record
        click.echo(f"{name:<{wide}}  {record.id:<6}  {record.started:%Y-%m-%d %H:%M:%SZ}  {record.title}")


@baseline.command()
@click.argument("name", metavar="NAME")
@click.pass_context
def drop(ctx: click.Context, name: str) -> None:
    """Forget a baseline."""
    _baselines(ctx).drop(name)


def _given(ctx: click.Context, name: str) -> bool:
    """Whether somebody asked for it, rather than its default."""
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _runs(ctx: click.Context) -> RunStore:
    from sretool import wiring

    settings: Settings = ctx.obj
    return wiring.runs(settings.project, settings.environment or {})


def _baselines(ctx: click.Context) -> BaselineStore:
    from sretool import wiring

    settings: Settings = ctx.obj
    return wiring.baselines(settings.project, settings.environment or {})


def _counted(run: StoredRun) -> Counted:
    """UsageError where it is no load test, or still going on."""
    from sretool import wiring
    from sretool.core.runs.model import RunKind, RunState

    if run.record.kind is not RunKind.LOAD:
        raise UsageError(
            f"run {run.record.id} is of kind {run.record.kind.value};"
            " only load tests can be compared, or two game days",
            remedy="`sretool runs list --kind load` shows them",
        )
    if run.record.state is RunState.RUNNING:
        raise UsageError(f"run {run.record.id} is not over yet", remedy="wait for its end, or stop it")
    found, unreadable = wiring.counted_load(run)
    if unreadable:
        diagnostics.tell(f"run {run.record.id}: {unreadable} lines are no events and left out")
    return found


def _other_load(before: Counted, after: Counted) -> str | None:
    """Why the two cannot be the same test; None: they may be."""
    planned, planned_after = before.load.planned_rate, after.load.planned_rate
    if planned is not None and planned_after is not None:
        if abs(planned_after - planned) > _OTHER_LOAD * max(planned, planned_after):
            return f"not the same load: {planned:,.4g}/s before, {planned_after:,.4g}/s after (--any-load)"
    elif planned is not None or planned_after is not None:
        return "not the same load: one has a rate of arrivals, the other a number of users (--any-load)"
    elif before.users != after.users:
        return f"not the same load: {before.users} users before, {after.users} after (--any-load)"
    return None


def _notes(before: StoredRun, after: StoredRun) -> list[str]:
    notes = []
    one, other = before.record, after.record
    if one.targets != other.targets:
        notes.append(f"other targets: {', '.join(one.targets)} before, {', '.join(other.targets)} after")
    if one.title != other.title:
        notes.append(f"other profiles: {one.title} before, {other.title} after")
    for run in (one, other):
        if run.verdict is not None and run.verdict.outcome.value in ("aborted", "inconclusive", "error"):
            notes.append(f"{run.id} was {run.verdict.outcome.value}: {run.verdict.reason}")
        elif run.verdict is None:
            notes.append(f"{run.id} broke off")
    return notes


def _reason(found: Comparison) -> str:
    from sretool.core.analysis.compare import Change

    if found.worse:
        names = ", ".join(f"{row.request or 'all requests'} {row.measure}" for row in found.worse[:4])
        more = f" and {len(found.worse) - 4} more" if len(found.worse) > 4 else ""
        return f"{names}{more}"
    match found.verdict:
        case Change.UNCLEAR:
            lacking = next((row.why for row in found.rows if not row.request and row.why), "no load")
            return f"too little data: {lacking}"
        case Change.BETTER:
            return "nothing is worse, something is better"
        case _:
            return "no change that matters and that chance does not explain"


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "request": row.request or None,
        "measure": row.measure,
        "unit": row.unit,
        "before": row.before,
        "after": row.after,
        "change": row.change,
        "low": row.low,
        "high": row.high,
        "chance": row.chance,
        "verdict": row.verdict.value,
        "why": row.why,
    }


_HEAD: Final = ("REQUEST", "MEASURE", "BEFORE", "AFTER", "CHANGE", "95% INTERVAL", "VERDICT")


def _cells(found: Comparison) -> list[tuple[str, ...]]:
    from sretool.core.runs.words import value_words

    rows: list[tuple[str, ...]] = []
    last = None
    for row in found.rows:
        request = "" if row.request == last else row.request or "all requests"
        last = row.request
        interval = (
            f"{_change(row, row.low)} to {_change(row, row.high)}"
            if row.low is not None and row.high is not None
            else "-"
        )
        rows.append(
            (
                request,
                row.measure,
                value_words(row.before, row.unit, 3),
                value_words(row.after, row.unit, 3),
                _change(row, row.change),
                interval,
                f"{row.verdict.value}: {row.why}" if row.why else row.verdict.value,
            )
        )
    return rows


def _change(row: Row, change: float | None) -> str:
    if change is None:
        return "-"
    return f"{change * 100:+.2f}pp" if row.measure == "errors" else f"{change * 100:+.1f}%"


def _text(
    names: tuple[str, str], verdict: str, reason: str, found: Comparison, notes: tuple[str, ...]
) -> list[str]:
    cells = _cells(found)
    longest = max((len(row[0]) for row in cells), default=0)
    lines = [f"{names[1]} against {names[0]}: {verdict}: {reason}", ""]
    widths = [max(len(row[column]) for row in (_HEAD, *cells)) for column in range(6)]
    widths[0] = min(max(longest, len(_HEAD[0])), 24)
    for row in (_HEAD, *cells):
        # A long name has a line of its own.
        if len(row[0]) > widths[0]:
            lines.append(row[0])
            row = ("", *row[1:])
        shown = [
            f"{cell:<{width}}" if column < 2 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row[:6], widths, strict=True))
        ]
        lines.append("  ".join((*shown, row[6])).rstrip())
    return lines + ([""] if notes else []) + [f"note: {note}" for note in notes]


def markdown(
    names: tuple[str, str],
    verdict: str,
    reason: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Sequence[str],
) -> list[str]:
    """A comparison as GitHub's Markdown; figures are all columns but the first two and the last."""
    from sretool.report.templating import cell

    lines = [f"**{verdict}** {cell(reason)} (`{names[1]}` against `{names[0]}`)", ""]
    lines.append("| " + " | ".join(title.capitalize() for title in head) + " |")
    lines.append("| --- | --- | " + "---: | " * (len(head) - 3) + "--- |")
    lines += ["| " + " | ".join(cell(each) for each in row) + " |" for row in rows]
    return lines + ([""] if notes else []) + [f"- {cell(note)}" for note in notes]
