"""`sretool load`: load tests. A command is imported only when it is called, so that load begins sooner."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

import click

COMMANDS: Final = {
    "list": ("load_run.list_", "The load profiles of this project and those that come with sretool."),
    "run": ("load_run.run", "Carry out a load profile and judge it by its objectives."),
    "capacity": ("load_capacity.capacity", "The highest rate that holds the objectives."),
    "compare": ("load_compare.compare", "Whether one load test was worse than another, beyond noise."),
    "baseline": ("load_compare.baseline", "Runs that others are compared with."),
}
"""Name → where it is in `sretool.cli`, and its line in the list."""


class Group(click.Group):
    """A group over `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(".")
        return cast("click.Command", getattr(import_module(f"sretool.cli.{module}"), name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=Group)
def command() -> None:
    """Load tests: profiles, runs, the highest rate that holds, comparisons."""
