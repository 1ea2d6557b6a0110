"""`sretool slo`: objectives, as text for people and JSON for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics
from sretool.cli.output import format_option, write_json
from sretool.core.slo.model import Level
from sretool.units import format_decimal, format_duration, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.cli.context import Settings
    from sretool.core.observe.model import SloStatus, Snapshot
    from sretool.core.slo.model import BurnAlert, Slo
    from sretool.ports import Endpoint

_PATIENCE: Final = timedelta(seconds=30)
"""For one query: nobody waits for a refresh here, and without rules it may read weeks of raw counters."""

_OLD: Final = timedelta(minutes=3)
"""Rules are evaluated every minute; older than this, some evaluations are missing."""

_FIRST_PLAUSIBLE: Final = datetime.fromtimestamp(1_000_000_000, UTC)
"""2001-09-09: fewer seconds since the epoch are a typing error or meant as "ago"."""

_STYLES: Final[dict[Level, dict[str, Any]]] = {
    Level.PAGE: {"fg": "red", "bold": True},
    Level.SPENT: {"fg": "red", "bold": True},
    Level.TICKET: {"fg": "yellow"},
    Level.NO_DATA: {"dim": True},
    Level.OK: {},
}


@click.group(name="slo")
def command() -> None:
    """Objectives: how they stand, now or at a past moment."""


@command.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--at", "at_text", metavar="TIME", help="A past moment: RFC 3339 or seconds since the epoch.")
@format_option
@click.pass_context
def status(ctx: click.Context, ids: tuple[str, ...], at_text: str | None, output_format: str) -> None:
    """How the objectives stand: budgets, burn rates and what fires.

    ID is service/name, the beginning of it, or a pattern with * and ?; all objectives without one.

    Ends with 0 where all are ok or at most need a ticket, 1 where one pages or has spent its budget, 6 where
    none does but some have no data, 3 where Prometheus cannot be asked.
    """
    from sretool.adapters.files import catalog
    from sretool.core.slo.select import select

    settings: Settings = ctx.obj
    at = _past_moment(at_text) if at_text is not None else None
    sources = settings.resolve_sources()
    slos = select(catalog.load(sources.catalog).slos, ids)
    snapshot = _read(sources.prometheus, slos, at)
    if output_format == "json":
        write_json({"at": at or snapshot.at, "slos": [_as_json(status) for status in snapshot.statuses]})
    else:
        click.echo(_table(snapshot, at or snapshot.at))
    _tell_doubts(snapshot.statuses, at or snapshot.at)
    ctx.exit(_exit_code(snapshot.statuses))


def _past_moment(text: str) -> datetime:
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


def _read(prometheus: Endpoint, slos: Sequence[Slo], at: datetime | None) -> Snapshot:
    """One snapshot; raises SourceError where Prometheus could not be asked."""
    import asyncio

    from sretool import wiring
    from sretool.errors import SourceUnreachable

    async def once() -> Snapshot:
        watch = wiring.watch(wiring.Endpoints(tuple(slos), prometheus, deadline=_PATIENCE))
        try:
            return await watch.poll_metrics(at)
        finally:
            await watch.aclose()

    snapshot = asyncio.run(once())
    failed = next((source for source in snapshot.sources if not source.ok), None)
    if failed is not None:
        raise SourceUnreachable(failed.error or f"{failed.name} gave no answer", remedy=failed.remedy)
    return snapshot


def _tell_doubts(statuses: Sequence[SloStatus], at: datetime) -> None:
    """Say on stderr which figures are old or cannot be right."""
    for status in statuses:
        if status.problem is not None:
            diagnostics.tell(f"{status.slo.id}: {status.problem}", "check the selectors of its SLI")
    oldest = min((status.at for status in statuses), default=at)
    if at - oldest > _OLD:
        diagnostics.tell(
            f"some figures are {_span(at - oldest)} old",
            "check that Prometheus still scrapes and evaluates the rules of the objectives",
        )


def _exit_code(statuses: Sequence[SloStatus]) -> int:
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
    }


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
        click.style(_line(row, widths), **_STYLES[status.level])
        for row, status in zip(rows, snapshot.statuses, strict=True)
    ]
    reasons = [reason for status in snapshot.statuses for reason in _reasons(status)]
    return "\n".join([_summary(snapshot.statuses, at), "", *lines, *([""] if reasons else []), *reasons])


def _summary(statuses: Sequence[SloStatus], at: datetime) -> str:
    levels = [status.level for status in statuses]
    counts = (f"{levels.count(level)} {_word(level)}" for level in Level if level in levels)
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
        _word(status.level),
        status.slo.id,
        f"{status.sli * 100:.{decimals}f}" if status.sli is not None else "-",
        wanted,
        f"{status.budget_left * 100:.1f}%" if status.budget_left is not None else "-",
        _burn(status.burns.get(timedelta(hours=1))),
        _span(status.exhausts_in),
    )


def _reasons(status: SloStatus) -> list[str]:
    slo = status.slo
    lines = [
        f"{slo.id}: {pair.severity}, burns {_burn(status.burns.get(pair.long))} over"
        f" {format_duration(pair.long)} and {_burn(status.burns.get(pair.short))} over"
        f" {format_duration(pair.short)}, limit {float(pair.factor(slo.window)):.4g}x"
        for pair in status.firing
    ]
    if status.budget_left is not None and status.budget_left < 0:
        back = (
            f"back in {_span(status.recovers_in)}" if status.recovers_in else "not back at the present burn"
        )
        lines.append(f"{slo.id}: budget spent, {back}")
    if status.coverage is not None and status.coverage < 0.99:
        lines.append(f"{slo.id}: only {status.coverage:.1%} of its {format_duration(slo.window)} has data")
    return lines


def _word(level: Level) -> str:
    return level.value.replace("_", " ")


def _burn(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def _span(duration: timedelta | None) -> str:
    """At most two units: 18h29m, 6d4h, 12m."""
    if duration is None:
        return "-"
    minutes = max(round(duration / timedelta(minutes=1)), 0)
    if minutes >= 2 * 24 * 60:
        days, rest = divmod(minutes, 24 * 60)
        return f"{days}d{rest // 60}h" if rest >= 60 else f"{days}d"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m"
