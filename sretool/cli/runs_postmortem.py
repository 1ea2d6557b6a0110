"""`sretool runs postmortem`: what the events of a run that did not pass know, as a draft to be finished."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics
from sretool.errors import UsageError

if TYPE_CHECKING:
    from sretool.cli.context import Settings
    from sretool.report.chaos_story import ChaosReport


@click.command(short_help="A draft of a post-mortem of what failed.")
@click.argument("run", metavar="RUN")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write here, not to stdout. What is there already stays.",
)
@click.pass_obj
def postmortem(settings: Settings, run: str, out: Path | None) -> None:
    """A draft of a post-mortem, in Markdown, of a run that did not pass.

    RUN is `last` or the beginning of its id or of its folder's name. Timeline, impact, detection, recovery,
    what went wrong and well, and an action item for each check that broke come from its events, of a game day
    also from those of its steps; what people
    must find out or decide is left open, in italics.
    """
    from datetime import UTC, datetime

    from sretool import wiring
    from sretool.cli import chaos_reports, gameday_reports
    from sretool.core.runs.model import RunKind, RunState
    from sretool.report import gameday_postmortem
    from sretool.report import postmortem as drafts

    found = wiring.runs(settings.project, settings.environment or {}).open(run)
    record = found.record
    if record.state is RunState.RUNNING:
        raise UsageError(f"{record.id} is still running", remedy="ask again when it is over")
    report: ChaosReport
    findings = None
    if record.kind is RunKind.GAMEDAY:
        day, happened = gameday_reports.told(found.folder, record)
        report, findings = day, gameday_postmortem.findings(day)
    else:
        report, happened = chaos_reports.told(found.folder, record)
    outcome = report.verdict.outcome if report.verdict is not None else None
    if not happened:
        raise UsageError(f"{record.id} has no events", remedy="a draft is made of what happened")
    if not drafts.needed(outcome):
        raise UsageError(
            f"{record.id} passed: nothing went wrong",
            remedy=f"sretool runs report {record.id} tells what it saw",
        )
    text = drafts.markdown(report, drafts.Requests.of(happened), datetime.now(UTC), findings)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        # Somebody may have worked on an earlier draft.
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{out} exists already", remedy="choose another name, or remove it") from None
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    diagnostics.tell(f"wrote {out}")
