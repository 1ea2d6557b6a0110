"""The `sretool` command: global options and a group that imports a command only when it is called.

`sretool --help` and the completion of command names read `COMMANDS` and import no command module, so that
they answer at once whatever the commands themselves need.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from sretool import __version__
from sretool.cli import diagnostics, lazy, leftovers
from sretool.cli.context import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "demo": "Bring up the lab with its traffic and open the dashboard.",
    "lab": "A real system on this machine: up, down, status, logs, reset.",
    "dash": "The live dashboard.",
    "slo": "Objectives: status, why, rules, lint, backtest, gate, reports.",
    "alerts": "What is open and who has it; acks, silences, history, routes.",
    "load": "Load tests: profiles, runs and their verdicts.",
    "canary": "Releases: whether a canary is promoted, held or rolled back.",
    "chaos": "Experiments: plans, runs that undo themselves, verdicts.",
    "gameday": "Game days: load, faults and people in one exercise, scored.",
    "runs": "What was run: list, reports, comparisons, scores, KPIs, bundles.",
    "mark": "Write down a deploy, a flag, a scaling or a note.",
    "init": "Propose a catalog of objectives from a server's metrics.",
    "doctor": "What this machine and the endpoints can do, with remedies.",
    "completion": "Print the completion script of a shell.",
}
"""Command → line in the list of commands. The command is `command` of module `sretool.cli.<name>`."""


class LazyGroup(lazy.Group):
    """A group over `COMMANDS`, whose names it completes without importing them."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=line)
            for name, (_, line) in self.table.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def _change_directory(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    """Enter the project folder before any other option is read: their relative paths start there."""
    if value is None or ctx.resilient_parsing:
        return
    ctx.call_on_close(partial(os.chdir, Path.cwd()))
    os.chdir(value)


@click.command(
    cls=LazyGroup,
    table={name: (f"{name}.command", line) for name, line in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_change_directory,
    help="Work in this project folder.",
)
@click.option(
    "--catalog",
    metavar="PATH",
    multiple=True,
    envvar="SRETOOL_CATALOG",
    show_envvar=True,
    type=click.Path(exists=True, path_type=Path),
    help="File or folder with objectives; may be repeated.",
)
@click.option(
    "--prometheus",
    metavar="URL[,URL]",
    multiple=True,
    envvar="SRETOOL_PROMETHEUS_URL",
    show_envvar=True,
    help="Prometheus or a store that speaks its API; several hold the same and stand in for each other.",
)
@click.option(
    "--alertmanager",
    metavar="URL[,URL]",
    multiple=True,
    envvar="SRETOOL_ALERTMANAGER_URL",
    show_envvar=True,
    help="Alertmanager; several are members of one cluster.",
)
@click.option("--lab", metavar="NAME", help="Use the endpoints and the catalog of this running lab.")
@click.option(
    "--context",
    metavar="NAME",
    help="Use the servers and the catalog of this context of the configuration file.",
)
@click.version_option(__version__, prog_name="sretool", message="%(prog)s %(version)s")
@click.pass_context
def group(
    ctx: click.Context,
    catalog: tuple[Path, ...],
    prometheus: tuple[str, ...],
    alertmanager: tuple[str, ...],
    lab: str | None,
    context: str | None,
) -> None:
    """Objectives, alerts and drills for people on call, in the terminal.

    Without --prometheus, --alertmanager, --lab and --context the one running lab is used.

    \b
    Contexts, keys and looks are read from ~/.config/sretool/config.toml
    and the project's .sretool/config.toml.

    \b
    Identification comes from the environment, for ALERTMANAGER likewise:
      SRETOOL_PROMETHEUS_TOKEN or _TOKEN_FILE   bearer token
      SRETOOL_PROMETHEUS_USERNAME, _PASSWORD    basic authentication
      SRETOOL_PROMETHEUS_CA_FILE                authorities to trust
      SRETOOL_PROMETHEUS_CLIENT_CERT, _CLIENT_KEY
      SRETOOL_PROMETHEUS_HEADERS                Name=value,Name=value (tenants)
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False
    # What the shell has set says nothing about a context that is named: it must not mix into it.
    if context is not None:
        from_shell = click.core.ParameterSource.ENVIRONMENT
        catalog = () if ctx.get_parameter_source("catalog") is from_shell else catalog
        prometheus = () if ctx.get_parameter_source("prometheus") is from_shell else prometheus
        alertmanager = () if ctx.get_parameter_source("alertmanager") is from_shell else alertmanager
    ctx.obj = Settings(
        project=Path.cwd(),
        catalog=catalog,
        prometheus=_joined(prometheus),
        alertmanager=_joined(alertmanager),
        lab=lab,
        context=context,
        environment=os.environ,
    )


def _joined(urls: tuple[str, ...]) -> str | None:
    return ",".join(urls) or None


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the `sretool` program; always ends in SystemExit."""
    leftovers.undo(os.environ, sys.argv[1:] if argv is None else argv)
    sys.exit(diagnostics.run(group, argv))
