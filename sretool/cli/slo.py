"""`sretool slo`: objectives, as text for people and JSON for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

import click

from sretool.cli import diagnostics
from sretool.cli.output import format_option, write_json
from sretool.core.slo.model import Level
from sretool.units import format_decimal, format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.cli.context import Settings
    from sretool.core.catalog.model import System
    from sretool.core.observe.model import SloStatus, Snapshot
    from sretool.core.slo.model import BurnAlert, Exclusion, Slo
    from sretool.core.slo.policy import GateState, Policy
    from sretool.ports import Endpoint
    from sretool.services.reading import Reading

PATIENCE: Final = timedelta(seconds=30)
"""For one query: nobody waits for a refresh here, and without rules it may read weeks of raw counters."""

_OLD: Final = timedelta(minutes=3)
"""Rules are evaluated every minute; older than this, some evaluations are missing."""

_FIRST_PLAUSIBLE: Final = datetime.fromtimestamp(1_000_000_000, UTC)
"""2001-09-09: fewer seconds since the epoch are a typing error or meant as "ago"."""

_MOST_UNMATCHED: Final = 10
"""Lines about selectors that match nothing; a wrong server would need one for every SLO."""

STYLES: Final[dict[Level, dict[str, Any]]] = {
    Level.PAGE: {"fg": "red", "bold": True},
    Level.SPENT: {"fg": "red", "bold": True},
    Level.TICKET: {"fg": "yellow"},
    Level.NO_DATA: {"dim": True},
    Level.OK: {},
}


_LAZY: Final[dict[str, str]] = {
    "rules": "sretool.cli.slo_rules:command",
    "convert": "sretool.cli.slo_convert:command",
    "backtest": "sretool.cli.slo_backtest:command",
    "explain": "sretool.cli.slo_explain:command",
    "report": "sretool.cli.slo_report:command",
    "gate": "sretool.cli.slo_gate:command",
    "lint": "sretool.cli.slo_lint:command",
}
"""Subcommand → module and name of its click command, imported when it is called or listed with its help."""


class _Group(click.Group):
    """A group whose commands, `status` apart, are modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_LAZY]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAZY:
            return super().get_command(ctx, cmd_name)
        module, _, name = _LAZY[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(module), name))


@click.group(name="slo", cls=_Group)
def command() -> None:
    """Objectives: how they stand, now or at a past moment; their rules."""


@command.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--at", "at_text", metavar="TIME", help="A past moment: RFC 3339 or seconds since the epoch.")
@click.option(
    "--explain-plan",
    is_flag=True,
    help="Show where the figures come from instead: every query, its purpose, time and samples.",
)
@format_option
@click.pass_context
def status(
    ctx: click.Context, ids: tuple[str, ...], at_text: str | None, explain_plan: bool, output_format: str
) -> None:
    """How the objectives stand: budgets, burn rates and what fires.

    ID is service/name, the beginning of it, or a pattern with * and ?; all objectives without one. Without a
    catalog those are shown that the rules of Sloth or Pyrra already record on the server.

    Ends with 0 where all are ok or at most need a ticket, 1 where one pages or has spent its budget, 6 where
    none does but some have no data, 3 where Prometheus cannot be asked.
    """
    from sretool.cli import objectives, slo_plan
    from sretool.core.slo.select import select

    settings: Settings = ctx.obj
    at = past_moment(at_text) if at_text is not None else None
    sources = settings.resolve_sources(catalog_needed=False)
    system = objectives.load(sources)
    snapshot, reading = _read(sources.prometheus, select(system.slos, ids), at, system.policy)
    if output_format == "json":
        document = {"at": at or snapshot.at, "slos": [_as_json(status) for status in snapshot.statuses]}
        write_json(document | ({"plan": slo_plan.as_json(reading)} if explain_plan else {}))
    else:
        click.echo(slo_plan.as_text(reading) if explain_plan else _table(snapshot, at or snapshot.at))
    _tell_unmatched(snapshot.statuses, system)
    _tell_doubts(snapshot.statuses, at or snapshot.at)
    ctx.exit(exit_code(snapshot.statuses))


def past_moment(text: str) -> datetime:
    from sretool.errors import UsageError
    from sretool.units import parse_time

    at, now = parse_time(text), datetime.now(UTC)
    if at > now:
        raise UsageError(
            f"--at {text} lies in the future", remedy=f"give a time up to now, {format_time(now)}"
        )
    if at < _FIRST_PLAUSIBLE:
        raise UsageError(
            f"--at {text} is {format_time(at)}: no server has figures that old",
            remedy="write it like 2026-01-31T14:00:00Z or as seconds since the epoch",
        )
    return at


def read_snapshot(
    prometheus: Endpoint, slos: Sequence[Slo], at: datetime | None, policy: Policy | None = None
) -> Snapshot:
    """One snapshot; raises SourceError where Prometheus could not be asked."""
    return _read(prometheus, slos, at, policy)[0]


def _read(
    prometheus: Endpoint, slos: Sequence[Slo], at: datetime | None, policy: Policy | None
) -> tuple[Snapshot, Reading]:
    import asyncio

    from sretool import wiring
    from sretool.errors import SourceUnreachable

    answer: list[tuple[Snapshot, Reading]] = []

    async def once() -> None:
        watch = wiring.watch(wiring.Endpoints(tuple(slos), prometheus, deadline=PATIENCE, policy=policy))
        try:
            # Not returned: asyncio.run makes a text of what its task returns, all samples among it.
            answer.append((await watch.poll_metrics(at, changes=False), watch.reading))
        finally:
            await watch.aclose()

    asyncio.run(once())
    ((snapshot, reading),) = answer
    failed = next((source for source in snapshot.sources if not source.ok), None)
    if failed is not None:
        raise SourceUnreachable(failed.error or f"{failed.name} gave no answer", remedy=failed.remedy)
    return snapshot, reading


def _tell_unmatched(statuses: Sequence[SloStatus], system: System) -> None:
    """Say on stderr which SLOs have no data because what they read is not there at all."""
    lines = [
        f"{_where(status.slo, system)}{status.slo.id}: no series match {selector}"
        for status in statuses
        for selector in status.unmatched
    ]
    more = len(lines) - _MOST_UNMATCHED
    remedy = "check metric and labels with: sretool slo lint --live"
    for number, line in enumerate(lines[:_MOST_UNMATCHED], 1):
        diagnostics.tell(line, remedy if number == len(lines) else None)
    if more > 0:
        diagnostics.tell(f"and {more} more selectors that match nothing", remedy)


def _where(slo: Slo, system: System) -> str:
    """`file:line: ` of its declaration; nothing where no file declares it."""
    place = system.places.get(slo.base_id)
    return f"{place[0]}:{place[1]}: " if place is not None else ""


def _tell_doubts(statuses: Sequence[SloStatus], at: datetime) -> None:
    """Say on stderr which figures are old or cannot be right."""
    for status in statuses:
        if status.problem is not None:
            diagnostics.tell(f"{status.slo.id}: {status.problem}", "check the selectors of its SLI")
        if (blind := status.blind) is not None:
            said = (
                f"{status.slo.id}: 0 of {blind.of} targets of {blind.job} are up, so nothing new is counted"
            )
            diagnostics.tell(said, "look at the targets first: what is down counts no failures")
    oldest = min((status.at for status in statuses), default=at)
    if at - oldest > _OLD:
        diagnostics.tell(
            f"some figures are {span_text(at - oldest)} old",
            "check that Prometheus still scrapes and evaluates the rules of the objectives",
        )


def exit_code(statuses: Sequence[SloStatus]) -> int:
    levels = {status.level for status in statuses}
    if levels & {Level.PAGE, Level.SPENT}:
        return diagnostics.FAILED
    return diagnostics.NO_DATA if Level.NO_DATA in levels or not levels else diagnostics.OK


def _as_json(status: SloStatus) -> dict[str, Any]:
    slo = status.slo
    return {
        "id": slo.id,
        "service": slo.service,
        "objective": slo.objective,
        "window_s": slo.window,
        "sli": status.sli,
        "sli_1h": status.sli_1h,
        "good": status.good,
        "total": status.total,
        "budget_left": status.budget_left,
        "burn": {format_duration(window): value for window, value in status.burns.items()},
        "level": status.level,
        "firing": [_firing_as_json(pair, slo) for pair in status.firing],
        "exhausts_in_s": status.exhausts_in,
        "recovers_in_s": status.recovers_in,
        "coverage": status.coverage,
        "group": dict(slo.group),
        "calendar": _calendar_as_json(status),
        "exclusions": [
            {"start": each.start, "end": each.end, "reason": each.reason} for each in _exclusions(status)
        ],
        "unmatched": list(status.unmatched),
        "blind": None
        if status.blind is None
        else {"job": status.blind.job, "up": status.blind.up, "targets": status.blind.of},
    }


def _calendar_as_json(status: SloStatus) -> dict[str, Any] | None:
    """The period that is running; its budget is that of the events so far. None: the window rolls."""
    calendar = status.slo.calendar
    if calendar is None:
        return None
    start, end = calendar.start(status.at), calendar.end(status.at)
    zone, unit = calendar.zone, calendar.unit
    return {"unit": unit, "timezone": zone, "start": start, "end": end, "budget_of": "events so far"}


def _exclusions(status: SloStatus) -> list[Exclusion]:
    """Those that take something from the window."""
    begin = status.slo.window_start(status.at)
    return [each for each in status.slo.exclusions if each.end > begin and each.start < status.at]


def _firing_as_json(pair: BurnAlert, slo: Slo) -> dict[str, Any]:
    return {
        "severity": pair.severity,
        "long_s": pair.long,
        "short_s": pair.short,
        "factor": pair.factor(slo.window),
    }


_HEADINGS: Final = ("STATE", "OBJECTIVE", "SLI %", "GOAL", "LEFT", "BURN 1h", "GONE IN")
_NUMERIC_FROM: Final = 2


def _table(snapshot: Snapshot, at: datetime) -> str:
    """Aligned to 80 columns for ids up to 30 characters; below it, what needs somebody."""
    rows = [_cells(status) for status in snapshot.statuses]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    lines = [_line(_HEADINGS, widths)]
    lines += [
        click.style(_line(row, widths), **STYLES[status.level])
        for row, status in zip(rows, snapshot.statuses, strict=True)
    ]
    reasons = [reason for status in snapshot.statuses for reason in _reasons(status)]
    if snapshot.gate is not None and snapshot.gate.frozen:
        reasons.append(_freeze(snapshot.gate))
    return "\n".join([_summary(snapshot.statuses, at), "", *lines, *([""] if reasons else []), *reasons])


def _summary(statuses: Sequence[SloStatus], at: datetime) -> str:
    levels = [status.level for status in statuses]
    counts = (f"{levels.count(level)} {level_word(level)}" for level in Level if level in levels)
    return f"{', '.join(counts)}  at {format_time(at)}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = (
        cell.ljust(width) if number < _NUMERIC_FROM else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return " ".join(aligned).rstrip()


def _cells(status: SloStatus) -> tuple[str, ...]:
    wanted = format_decimal(status.slo.objective * 100)
    decimals = len(wanted.partition(".")[2]) + 2
    return (
        level_word(status.level),
        status.slo.id,
        f"{status.sli * 100:.{decimals}f}" if status.sli is not None else "-",
        wanted,
        f"{status.budget_left * 100:.1f}%" if status.budget_left is not None else "-",
        burn_text(status.burns.get(timedelta(hours=1))),
        span_text(status.exhausts_in),
    )


def _freeze(gate: GateState) -> str:
    return (
        f"{gate.step.name}: {', '.join(gate.frozen)} changes wait,"
        f" {gate.slo} has {gate.left * 100:.1f}% of its budget left"
        + (f" (response level {gate.level}: {gate.response.title})" if gate.response else "")
    )


def _reasons(status: SloStatus) -> list[str]:
    slo = status.slo
    lines = [
        f"{slo.id}: {pair.label}, burns {burn_text(status.burns.get(pair.long))} over"
        f" {format_duration(pair.long)} and {burn_text(status.burns.get(pair.short))} over"
        f" {format_duration(pair.short)}, limit {float(pair.factor(slo.window)):.4g}x"
        for pair in status.firing
    ]
    if status.budget_left is not None and status.budget_left < 0:
        back = (
            f"back in {span_text(status.recovers_in)}"
            if status.recovers_in
            else "not back at the present burn"
        )
        lines.append(f"{slo.id}: budget spent, {back}")
    if status.coverage is not None and status.coverage < 0.99:
        whole = f"{slo.calendar.unit} so far" if slo.calendar is not None else format_duration(slo.window)
        lines.append(f"{slo.id}: only {status.coverage:.1%} of its {whole} has data")
    if slo.calendar is not None:
        begin = format_time(slo.calendar.start(status.at))
        lines.append(f"{slo.id}: {slo.calendar} since {begin}, budget of the events so far")
    lines += [
        f"{slo.id}: without {format_time(each.start)} to {format_time(each.end)}: {each.reason}"
        for each in _exclusions(status)
    ]
    if _exclusions(status):
        lines.append(f"{slo.id}: alerts evaluated before an exclusion was written stay as they were")
    return lines


def level_word(level: Level) -> str:
    return level.value.replace("_", " ")


def burn_text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def span_text(duration: timedelta | None) -> str:
    """At most two units: 18h29m, 6d4h, 12m."""
    if duration is None:
        return "-"
    minutes = max(round(duration / timedelta(minutes=1)), 0)
    if minutes >= 2 * 24 * 60:
        days, rest = divmod(minutes, 24 * 60)
        return f"{days}d{rest // 60}h" if rest >= 60 else f"{days}d"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m"
