"""`sretool canary`: releases that go out step by step."""

from __future__ import annotations

from typing import Final

import click

from sretool.cli import lazy

COMMANDS: Final = {
    "judge": ("canary_judge.judge", "Whether a canary may get more traffic, by its stage's limits."),
    "serve": ("canary_serve.serve", "The same over HTTP, for Argo Rollouts and Flagger."),
}
"""Name → where it is in `sretool.cli`, and its line in the list."""


@click.command(cls=lazy.Group, table=COMMANDS)
def command() -> None:
    """Releases that go out step by step: new version against old, stage by stage."""
