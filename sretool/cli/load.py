"""`sretool load`: load tests."""

from __future__ import annotations

import click

from sretool.cli import load_capacity, load_compare, load_run


@click.group()
def command() -> None:
    """Load tests: profiles, runs, the highest rate that holds, comparisons."""


for _each in (
    load_run.list_,
    load_run.run,
    load_capacity.capacity,
    load_compare.compare,
    load_compare.baseline,
):
    command.add_command(_each)
