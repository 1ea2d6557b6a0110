"""`sretool gameday plan`: what a game day would do, without doing it, or all that is wrong with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from sretool.cli import diagnostics, gameday_options, output

if TYPE_CHECKING:
    from sretool.cli.context import Settings
    from sretool.cli.gameday_prepare import Prepared
    from sretool.cli.gameday_ready import Ready


@click.command()
@click.argument("gameday", metavar="FILE|NAME")
@gameday_options.role_option
@gameday_options.seed_option("what is left to chance")
@click.option(
    "--reveal", is_flag=True, help="Show what is hidden from whoever responds: not on their screen."
)
@click.option("--offline", is_flag=True, help="Ask neither what would be hurt, nor Prometheus.")
@output.format_option
@click.pass_obj
def plan(
    settings: Settings,
    gameday: str,
    roles: tuple[str, ...],
    seed: int,
    reveal: bool,
    offline: bool,
    output_format: str,
) -> None:
    """Show what a game day would do: when, to whom, with whom, at what price.

    FILE is a plan in YAML, or a name of `sretool gameday list`. Nothing is
    hurt: experiments are asked what they would do, as `sretool chaos plan`
    asks them, and Prometheus whether the budgets have room for it.

    \b
    Exit: 0 it can begin, 1 something keeps it from beginning now,
    2 something is wrong with it (`file:line: what`), 3 no answer of a server.
    """
    from sretool.cli import gameday_prepare, gameday_ready, gameday_shown

    given = gameday_prepare.people_given(roles)
    prepared = gameday_prepare.prepare(
        settings,
        gameday,
        given=given,
        seed=seed,
        offline=offline,
    )
    if prepared.problems:
        tell_problems(prepared, output_format)
        raise click.exceptions.Exit(diagnostics.USAGE)
    ready = gameday_ready.NOT_LOOKED if offline else asyncio.run(gameday_ready.look(prepared))
    if output_format == "json":
        output.write_json(gameday_shown.document(prepared, ready, reveal=reveal))
    else:
        click.echo(gameday_shown.text(prepared, ready, reveal=reveal))
    raise click.exceptions.Exit(_code(ready))


def _code(ready: Ready) -> int:
    if ready.refusals:
        return diagnostics.FAILED
    return diagnostics.UNREACHABLE if ready.silent else diagnostics.OK


def tell_problems(prepared: Prepared, output_format: str) -> None:
    from sretool.cli import gameday_prepare

    if output_format == "json":
        output.write_json(
            {
                "problems": gameday_prepare.plain(prepared.problems),
                "warnings": gameday_prepare.plain(prepared.warnings),
            }
        )
    else:
        for each in prepared.problems:
            click.echo(str(each))
        diagnostics.tell_warnings(prepared.warnings)
    tell_count(prepared, "--offline")


def tell_count(prepared: Prepared, offline: str) -> None:
    """`offline`: what shows the timetable where nothing can be asked."""
    count = len(prepared.problems)
    remedy = None
    if prepared.lab is None and prepared.sources is None and prepared.asked:
        remedy = f"without a lab or servers, {offline} shows the timetable alone"
    diagnostics.tell(f"the game day has {count} problem{'s' if count != 1 else ''}", remedy)
