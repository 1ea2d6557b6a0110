"""`sretool gameday`: game days. A command is imported only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

import click

COMMANDS: Final = {
    "list": ("gameday_list.list_", "The game days and experiments there are, and which of them are due."),
    "run": ("gameday_run.run", "Carry one out: load, experiments, questions, verdict, report."),
    "rounds": ("gameday_rounds.rounds", "What a fault changes: rounds of the same load with and without it."),
    "dose": ("gameday_dose.dose", "The smallest dose of a fault that breaks an objective."),
    "plan": ("gameday_plan.plan", "What would happen when, to whom, who takes part, and what it may cost."),
    "bundle": ("bundles.bundle", "One file of evidence: a game day with the runs that were its steps."),
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
    """Game days: which are due, and what one of them would do."""
