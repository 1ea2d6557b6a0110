"""`sretool runs kpi`: key performance indicators of a quarter against their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sretool.cli import diagnostics, output
from sretool.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.cli.context import Settings
    from sretool.core.catalog.kpis import Kpi, Quarter
    from sretool.core.catalog.model import Target
    from sretool.core.plans.kpis import KpiStanding, RunsSay, ServerSays
    from sretool.ports import Endpoint


@click.command(short_help="A quarter's indicators against their targets.")
@click.option("--quarter", "quarter_text", metavar="YYYYQN", help="Like 2026Q4. Without it the present one.")
@output.format_option
@click.pass_context
def kpi(ctx: click.Context, quarter_text: str | None, output_format: str) -> None:
    """Availability, latency, errors, MTTR and MTTD of a quarter, against what was to be reached.

    What is to be reached is `kpis` in the catalog. Where a Prometheus is known its answers count, over the
    quarter so far; otherwise what load tests (no steps of game days) and experiments of the quarter measured.
    A game day counts once, with the mean over its experiments; faults made by `gameday rounds` and `gameday
    dose` are there to be measured and don't count. What nobody measured has no value. A mean time is not
    called met while a fault was never noticed, or its end never seen.

    Ends with 0 whether targets are met or not, with 6 where nothing was measured, with 3 where the Prometheus
    does not answer.
    """
    from datetime import UTC, datetime

    from sretool import wiring
    from sretool.adapters.store.trials import measuring
    from sretool.core.catalog.kpis import quarter, quarter_of
    from sretool.core.plans.kpis import standing

    settings: Settings = ctx.obj
    now = datetime.now(UTC)
    asked = quarter(quarter_text) if quarter_text is not None else quarter_of(now)
    if asked.start >= now:
        raise UsageError(f"{asked} has not begun yet")
    prometheus, catalog = _sources(settings)
    wanted = _kpis(catalog)
    store = wiring.runs(settings.project, settings.environment or {})
    records = [each.record for each in store.newest()]
    for damaged in store.damaged:
        diagnostics.tell(f"left out: {damaged.folder}: {damaged.problem}")
    told: Sequence[ServerSays | None] = [None] * len(wanted)
    failed: SourceError | None = None
    if prometheus is not None:
        told, failed = _of_server(prometheus, wanted, asked, now)
    no_drills = measuring(store)
    found = [
        standing(each, asked, server, records, no_drills) for each, server in zip(wanted, told, strict=True)
    ]
    if output_format == "json":
        output.write_json(_document(asked, now, found))
    else:
        _say(asked, now, found)
    if failed is not None:
        raise failed
    ctx.exit(diagnostics.OK if any(each.value is not None for each in found) else diagnostics.NO_DATA)


def _sources(settings: Settings) -> tuple[Endpoint | None, Sequence[Path]]:
    """The server to ask, if any is known, and the catalog."""
    from pathlib import Path

    if settings.chosen_context() is not None:
        sources = settings.resolve_sources(catalog_needed=False)
        return sources.prometheus, sources.catalog
    lab = settings.chosen_lab()
    prometheus, _ = settings.endpoints(lab)
    return prometheus, settings.catalog or ((Path(lab.catalog),) if lab is not None else ())


def _kpis(catalog: Sequence[Path]) -> Sequence[Kpi]:
    from sretool.cli import objectives
    from sretool.core.catalog.kpis import DEFAULT

    if catalog:
        system = objectives.of_catalog(catalog)
        diagnostics.tell_warnings(system.warnings)
        if system.kpis:
            return system.kpis
    diagnostics.talk("no targets are known: a catalog has them as `kpis`")
    return DEFAULT


def _of_server(
    prometheus: Endpoint, wanted: Sequence[Kpi], quarter: Quarter, now: datetime
) -> tuple[list[ServerSays | None], SourceError | None]:
    """One for each KPI, and the first error; what failed has no answer."""
    import asyncio

    from sretool import wiring
    from sretool.cli.slo import PATIENCE
    from sretool.services import indicators

    async def all_of_them() -> tuple[list[ServerSays | None], SourceError | None]:
        source = wiring.metrics(prometheus, PATIENCE)
        found: list[ServerSays | None] = []
        failed: SourceError | None = None
        try:
            for each in wanted:
                said = None
                # A server that did not answer once is not asked again.
                if each.query is not None and failed is None:
                    try:
                        said = await indicators.ask(each.query, quarter, now, source)
                    except SourceError as error:
                        failed = error
                found.append(said)
        finally:
            await source.aclose()
        return found, failed

    return asyncio.run(all_of_them())


# --- shown ------------------------------------------------------------------------------------------------


def _say(quarter: Quarter, now: datetime, found: Sequence[KpiStanding]) -> None:
    from sretool.core.runs.words import value_words

    days = (min(now, quarter.end) - quarter.start).days
    so_far = f", {days} of {(quarter.end - quarter.start).days} days so far" if now < quarter.end else ""
    click.echo(f"{quarter} ({quarter.start:%Y-%m-%d} to {quarter.end:%Y-%m-%d}, UTC{so_far})")
    rows = [("KPI", "TARGET", "MEASURED", "MET", "FROM")]
    rows += [
        (
            each.kpi.title,
            _target(each.target, each.kpi.unit),
            value_words(each.value, each.kpi.unit, 3),
            {True: "yes", False: "NO", None: "?" if each.target is not None else "-"}[each.met],
            _from(each),
        )
        for each in found
    ]
    for line in output.columns(rows, right=(1, 2)):
        click.echo(line)


def _target(target: Target | None, unit: str) -> str:
    from sretool.core.catalog.model import Bound
    from sretool.core.runs.words import value_words

    if target is None:
        return "-"
    return f"{'>=' if target.bound is Bound.ABOVE else '<='} {value_words(target.value, unit)}"


def _from(of: KpiStanding) -> str:
    server, runs = of.server, of.runs
    if of.source == "prometheus" and server is not None:
        return (
            f"Prometheus, data of {server.days} of {server.of_days} days" if server.of_days else "Prometheus"
        )
    parts = ["Prometheus has no data"] if server is not None else []
    if runs is not None:
        parts.append(_runs(of, runs))
    elif server is None:
        parts.append("no Prometheus was asked, or it did not answer")
    return "; ".join(parts)


def _runs(of: KpiStanding, runs: RunsSay) -> str:
    from sretool.core.catalog.kpis import FromRuns

    times = of.kpi.runs in (FromRuns.MTTR, FromRuns.MTTD)
    word = "experiment" if times else "load test"
    if not runs.runs and not runs.missing:
        return f"no {word}s"
    which = "slowest of " if of.kpi.runs is FromRuns.P95 and runs.runs > 1 else ""
    which = "failed requests of " if of.kpi.runs is FromRuns.ERRORS else which
    never = (
        f", of {runs.missing} more it never came" if times else f", {runs.missing} more did not measure it"
    )
    alone = runs.runs - runs.days
    counted = [_many(alone, word)] if alone or not runs.days else []
    counted += [_many(runs.days, "game day")] if runs.days else []
    return f"{which}{' and '.join(counted)}{never if runs.missing else ''}"


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _document(quarter: Quarter, now: datetime, found: Sequence[KpiStanding]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "quarter": str(quarter),
        "start": quarter.start,
        "end": quarter.end,
        "until": min(now, quarter.end),
        "kpis": [
            {
                "id": each.kpi.id,
                "title": each.kpi.title,
                "unit": each.kpi.unit,
                "target": None if each.target is None else {each.target.bound.value: each.target.value},
                "value": each.value,
                "met": each.met,
                "source": each.source,
                "prometheus": None if each.server is None else asdict(each.server),
                "runs": None if each.runs is None else asdict(each.runs),
            }
            for each in found
        ],
    }
