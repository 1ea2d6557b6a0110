"""`sretool chaos`: experiments. A command is imported only when it is called, so that faults begin sooner."""

from __future__ import annotations

from typing import Final

import click

from sretool.cli import lazy

COMMANDS: Final = {
    "list": ("chaos_list.list_", "The experiments that can be run by their name."),
    "plan": ("chaos_plan.plan", "Show exactly what an experiment would hurt, and how it is put back."),
    "approve": ("chaos_approve.approve", "Approve a plan, for somebody else to run it in production."),
    "run": ("chaos_run.run", "Carry out an experiment, undo it, and judge what it showed."),
    "heal": ("chaos_heal.heal", "Undo every fault that an experiment has left on this machine."),
    "doctor": ("chaos_doctor.doctor", "Which faults this machine can make, and why not the others."),
    "docs": ("chaos_docs.docs", "The probes, actions and controls of sretool, for any experiment."),
    "verify": ("chaos_verify.verify", "Work out a run's verdict again, and find what was changed since."),
}
"""Name → where it is in `sretool.cli`, and its line in the list."""


@click.command(cls=lazy.Group, table=COMMANDS)
def command() -> None:
    """Experiments: what they would hurt, one of them carried out, and what is left of them."""
