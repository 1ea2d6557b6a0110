"""`sretool completion`: the script that teaches a shell our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash   sretool completion bash > ~/.local/share/bash-completion/completions/sretool
    zsh    sretool completion zsh > ~/.zfunc/_sretool     (a folder of your fpath, before compinit)
    fish   sretool completion fish > ~/.config/fish/completions/sretool.fish

    For the running shell only: eval "$(sretool completion bash)".
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click has no completion for {shell}", ctx)
    click.echo(kind(ctx.find_root().command, {}, "sretool", "_SRETOOL_COMPLETE").source())
