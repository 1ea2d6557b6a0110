"""`sretool chaos approve`: a second person's word for exactly one plan."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics
from sretool.cli.chaos_prepare import prepare, tell_problems, vars_option
from sretool.errors import UsageError

if TYPE_CHECKING:
    from sretool.cli.context import Settings


@click.command()
@click.argument("experiment", metavar="FILE")
@vars_option
@click.option("--yes", is_flag=True, help="Do not ask: you have read the plan.")
@click.pass_obj
def approve(settings: Settings, experiment: str, variables: tuple[str, ...], yes: bool) -> None:
    """Look at an experiment's plan, and approve it for somebody else to run.

    What is printed is for `sretool chaos run FILE --approve`. It holds for
    this plan alone: another target, value or server needs another approval.
    """
    from sretool.cli import chaos_shown

    with tell_problems():
        prepared = prepare(settings, experiment, variables)
    diagnostics.talk(chaos_shown.text(prepared.plan))
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here", remedy="give --yes")
        click.confirm(f"Do you, {prepared.me}, approve this plan?", abort=True, err=True)
    click.echo(f"{prepared.me}:{prepared.plan.hash}")
