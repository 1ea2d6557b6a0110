"""`sretool chaos heal`: nothing that an experiment did stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics, leftovers, output

if TYPE_CHECKING:
    from sretool.cli.context import Settings


@click.command()
@output.format_option
@click.pass_obj
def heal(settings: Settings, output_format: str) -> None:
    """Undo every fault that an experiment has left anywhere on this machine.

    Faults of an experiment that still runs stay its own: end it with Ctrl-C.

    Exit: 0 nothing is left, 5 something could not be undone.
    """
    environment = settings.environment or {}
    found = leftovers.heal_all(environment)
    running = leftovers.looked_after(environment)
    complete = all(each.complete for each in found)
    if output_format == "json":
        output.write_json(
            {
                "complete": complete,
                "logs": [
                    {
                        "folder": each.folder,
                        "problem": each.problem or None,
                        "faults": [
                            {"fault": one.fault, "how": one.how, "text": one.text} for one in each.results
                        ],
                    }
                    for each in found
                ],
                "running": [str(folder) for folder in running],
            }
        )
    else:
        for each in found:
            for one in each.results:
                click.echo(f"{one.how:<8}  {one.fault}: {one.text}")
            if each.problem:
                diagnostics.tell(f"{each.folder}: {each.problem}", "look into its undo.jsonl")
        if not found:
            click.echo("nothing to undo")
        for folder in running:
            diagnostics.talk(f"an experiment runs and looks after its own faults: {folder}")
    if not complete:
        raise click.exceptions.Exit(diagnostics.NOT_UNDONE)
