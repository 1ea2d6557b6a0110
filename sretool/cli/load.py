"""`sretool load`: load tests. A command is imported only when it is called, so that load begins sooner."""

from __future__ import annotations

from typing import Final

import click

from sretool.cli import lazy

COMMANDS: Final = {
    "list": ("load_run.list_", "The load profiles of this project and those that come with sretool."),
    "run": ("load_run.run", "Carry out a load profile and judge it by its objectives."),
    "capacity": ("load_capacity.capacity", "The highest rate that holds the objectives."),
    "compare": ("load_compare.compare", "Whether one load test was worse than another, beyond noise."),
    "baseline": ("load_compare.baseline", "Runs that others are compared with."),
}
"""Name → where it is in `sretool.cli`, and its line in the list."""


@click.command(cls=lazy.Group, table=COMMANDS)
def command() -> None:
    """Load tests: profiles, runs, the highest rate that holds, comparisons."""
