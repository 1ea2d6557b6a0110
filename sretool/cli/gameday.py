"""`sretool gameday`: game days. A command is imported only when it is called."""

from __future__ import annotations

from typing import Final

import click

from sretool.cli import lazy

COMMANDS: Final = {
    "list": ("gameday_list.list_", "The game days and experiments there are, and which of them are due."),
    "plan": ("gameday_plan.plan", "What would happen when, to whom, who takes part, and what it may cost."),
    "run": ("gameday_run.run", "Carry one out: load, experiments, questions, verdict, report."),
    "rounds": ("gameday_rounds.rounds", "What a fault changes: rounds of the same load with and without it."),
    "dose": ("gameday_dose.dose", "The smallest dose of a fault that breaks an objective."),
    "bundle": ("bundles.bundle", "One file of evidence: a game day with the runs that were its steps."),
}
"""Name → where it is in `sretool.cli`, and its line in the list."""


@click.command(cls=lazy.Group, table=COMMANDS)
def command() -> None:
    """Game days: load, faults and people in one exercise that is rehearsed, watched, scored and kept.

    `sretool runs` tells of those that were: reports, comparisons, scores, KPIs, drafts of post-mortems.
    """
