"""`sretool slo report`: a month for people who don't open a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics, known
from sretool.cli.options import parsed
from sretool.cli.output import json_text
from sretool.cli.slo import PATIENCE
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.cli.context import Settings
    from sretool.core.observe.month import Month, Period
    from sretool.core.slo.ledger import Span
    from sretool.core.slo.model import Slo
    from sretool.ports import Endpoint


@click.command(name="report")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--month", "month_text", metavar="YYYY-MM", required=True, help="A calendar month.")
@click.option(
    "--zone",
    "zone_text",
    metavar="ZONE",
    help="Whose midnights cut month, weeks and days: Europe/Berlin. Without it UTC, and of an objective with"
    " a calendar window the zone of that.",
)
@click.option(
    "--to",
    "form",
    type=click.Choice(["md", "html", "json"]),
    default="md",
    show_default=True,
    help="Markdown, one self-contained HTML page, or JSON.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here, not to stdout.",
)
@known.incidents_option
@click.pass_context
def command(
    ctx: click.Context,
    ids: tuple[str, ...],
    month_text: str,
    zone_text: str | None,
    form: str,
    out: Path | None,
    incidents: Path | None,
) -> None:
    """Targets, attainment, what spent the budgets, alerts and weeks of one month.

    The month is the calendar's, whatever window an objective has; the report says how it stands over both.
    Of the present month it covers what has passed. With ID only those objectives.

    Ends with 0 where the report was made, whatever it says.
    """
    from sretool.cli import objectives
    from sretool.core.catalog import values
    from sretool.core.observe.month import period, period_of
    from sretool.core.slo.select import select
    from sretool.wiring import SystemClock

    settings: Settings = ctx.obj
    now = SystemClock().now()
    zone = parsed("--zone", values.zone, zone_text) if zone_text is not None else None
    asked = period(month_text, now, zone or "UTC")
    sources = settings.resolve_sources(catalog_needed=False)
    slos = select(objectives.load(sources).slos, ids)
    months = [(slo, period_of(slo, month_text, now, zone)) for slo in slos]
    found = _read(sources.prometheus, months, asked, now, known.spans(incidents, sources.catalog))
    text = _rendered(found, form, now)
    if out is None:
        click.echo(text, nl=False)
    else:
        _write(out, text)
        diagnostics.tell(f"wrote {out}")


def _read(
    prometheus: Endpoint,
    slos: Sequence[tuple[Slo, Period]],
    asked: Period,
    now: datetime,
    spans: Sequence[Span],
) -> Month:
    import asyncio

    from sretool import wiring
    from sretool.services import reporting

    async def once() -> Month:
        source = wiring.metrics(prometheus, PATIENCE)
        try:
            return await reporting.report(slos, source, asked, now, spans)
        finally:
            await source.aclose()

    return asyncio.run(once())


def _rendered(found: Month, form: str, now: datetime) -> str:
    if form == "json":
        from sretool.report import documents

        return json_text(documents.month(found)) + "\n"
    from sretool.report import month

    return month.html(found, now) if form == "html" else month.markdown(found, now)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
