"""`sretool chaos plan`: what an experiment would do, without doing it, or all that is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics, output
from sretool.cli.chaos_prepare import ExperimentProblems, prepare, vars_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sretool.cli.context import Settings
    from sretool.errors import Problem


@click.command()
@click.argument("experiment", metavar="FILE")
@vars_option
@output.format_option
@click.pass_obj
def plan(settings: Settings, experiment: str, variables: tuple[str, ...], output_format: str) -> None:
    """Show exactly what an experiment would hurt, and how it is put back.

    FILE is an experiment of Chaos Toolkit (YAML or JSON), or a name of
    `sretool chaos list`. Nothing is hurt: actions are asked what they would
    do. The hash names this plan; an approval holds for it alone.

    \b
    Exit: 0 it can be run, 2 something is wrong with it (`file:line: what`).
    """
    try:
        prepared = prepare(settings, experiment, variables)
    except ExperimentProblems as error:
        if output_format == "json":
            output.write_json({"problems": _plain(error.problems), "warnings": _plain(error.warnings)})
        else:
            for each in error.problems:
                click.echo(str(each))
            diagnostics.tell_warnings(error.warnings)
        raise
    if output_format == "json":
        from sretool.core.plans.chaos.plan import document

        output.write_json({**document(prepared.plan), "problems": [], "warnings": _plain(prepared.warnings)})
        return
    from sretool.cli import chaos_shown

    click.echo(chaos_shown.text(prepared.plan))


def _plain(found: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{"file": each.file, "line": each.line, "message": each.message} for each in found]
