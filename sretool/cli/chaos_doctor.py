"""`sretool chaos doctor`: which faults this machine can make, and why not the others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics, output
from sretool.cli.doctor import findings_document, write_finding

if TYPE_CHECKING:
    from sretool.cli.context import Settings


@click.command()
@output.format_option
@click.pass_obj
def doctor(settings: Settings, output_format: str) -> None:
    """Which faults this machine can make, why not the others, and what to do about it.

    Exit: 0 experiments can be run, 1 something must be put right first.
    """
    from sretool.adapters.chaostoolkit import host
    from sretool.core.plans.chaos.host import findings
    from sretool.core.plans.findings import State

    found = list(findings(host.look(settings.environment or os.environ, settings.lab or "")))
    failed = sum(each.state is State.FAILED for each in found)
    if output_format == "json":
        output.write_json(findings_document(found, ok=not failed))
    else:
        for each in found:
            write_finding(each)
        click.echo()
        click.echo(_summary(failed, sum(each.state is State.LIMITED for each in found)))
    click.get_current_context().exit(diagnostics.FAILED if failed else diagnostics.OK)


def _summary(failed: int, limited: int) -> str:
    if failed:
        return f"{failed} thing{'s' if failed != 1 else ''} must be put right first."
    if limited:
        return f"Experiments can be run; {limited} kind{'s' if limited != 1 else ''} of fault or target less."
    return "Every kind of fault can be made."
