"""`sretool mark`: write down what was changed, so that nobody has to ask at 3 a.m."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from sretool.cli import output
from sretool.errors import UsageError
from sretool.units import format_time, parse_time

if TYPE_CHECKING:
    from sretool.cli.context import Settings


@click.command(name="mark")
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--kind",
    default="note",
    show_default=True,
    metavar="KIND",
    help="deploy, flag, scale, note, or another lower-case word.",
)
@click.option("--service", metavar="NAME", help="What was changed; without it the mark concerns everything.")
@click.option("--at", "moment", metavar="TIME", help="When; by default now. Like 2026-01-31T14:00:00Z.")
@click.option("--label", "pairs", multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@click.option("--by", metavar="NAME", help="Who; by default the user who is logged in.")
@output.format_option
@click.pass_context
def command(
    ctx: click.Context,
    text: tuple[str, ...],
    kind: str,
    service: str | None,
    moment: str | None,
    pairs: tuple[str, ...],
    by: str | None,
    output_format: str,
) -> None:
    """Write down a deploy, a flag, a scaling or a note.

    The dashboard shows it among the changes, as a line in its charts, and beside alerts that follow it:

    \b
      sretool mark --kind deploy --service checkout v412
    """
    from sretool import wiring
    from sretool.core.observe import marks

    settings: Settings = ctx.obj
    environment = settings.environment or {}
    words = " ".join(" ".join(text).split())
    if not words:
        raise UsageError("the mark has no text", remedy="say what was changed")
    mark = marks.Mark(
        at=parse_time(moment) if moment is not None else datetime.now(UTC),
        kind=marks.checked_kind(kind),
        text=words,
        service=service or None,
        by=by if by is not None else environment.get("USER") or environment.get("LOGNAME") or "",
        labels=marks.parse_labels(pairs),
    )
    file = wiring.marks(settings.project, environment)
    file.append(mark)
    if output_format == "json":
        fields = {"at": mark.at, "kind": mark.kind, "text": mark.text, "service": mark.service, "by": mark.by}
        output.write_json(fields | {"labels": mark.labels, "file": file.path})
    else:
        click.echo(f"{format_time(mark.at)}  {mark.kind}  {marks.as_change(mark).text}")
