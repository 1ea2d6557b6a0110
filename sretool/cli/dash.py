"""`sretool dash`: the live dashboard, or one plain table where no screen can be drawn."""

from __future__ import annotations

import gc
import os
import random
import shutil
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import diagnostics
from sretool.errors import SourceUnreachable, UsageError
from sretool.tui import views
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.notebook import Notebook
    from sretool.cli.context import Settings, Sources
    from sretool.core.catalog.model import System
    from sretool.tui.board import Board
    from sretool.tui.format import Glyphs
    from sretool.tui.source import Watched
    from sretool.wiring import Endpoints

THEMES: Final = ("sre-dark", "sre-light", "sre-ansi", "sre-mono", "sre-deuteranopia")
"""Names of `sretool.tui.themes`, written out so that `--help` needs no Textual."""

_FASTEST: Final = timedelta(seconds=1)
_SLOWEST: Final = timedelta(hours=1)


def _refresh(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    duration = parse_duration(value)
    if not _FASTEST <= duration <= _SLOWEST:
        raise UsageError(f"--refresh {value} is not between {format_duration(_FASTEST)} and 1h")
    return duration


@click.command(name="dash")
@click.argument("view", type=click.Choice(views.NAMES), default=views.ROOT)
@click.option(
    "--refresh",
    metavar="DURATION",
    default="5s",
    show_default=True,
    callback=_refresh,
    help="How often every source is asked.",
)
@click.option("--theme", type=click.Choice(THEMES), default="sre-dark", show_default=True)
@click.option("--ascii", "only_ascii", is_flag=True, help="Draw with ASCII only.")
@click.option("--readonly", is_flag=True, help="Offer no key that changes anything.")
@click.pass_context
def command(
    ctx: click.Context, view: str, refresh: timedelta, theme: str, only_ascii: bool, readonly: bool
) -> None:
    """The live dashboard: objectives, budgets, burn rates, alerts and what changed.

    Without a terminal to draw on (a pipe, TERM=dumb) the same data is printed once as a table.
    """
    settings: Settings = ctx.obj
    sources = settings.resolve_sources(catalog_needed=False)
    shown = show(sources, view=view, refresh=refresh, theme=theme, only_ascii=only_ascii, readonly=readonly)
    ctx.exit(shown)


def show(
    sources: Sources,
    *,
    view: str = views.ROOT,
    refresh: timedelta = timedelta(seconds=5),
    theme: str = "sre-dark",
    only_ascii: bool = False,
    readonly: bool = False,
) -> int:
    """Open the dashboard, or print its table; gives the exit code."""
    from sretool import wiring
    from sretool.cli import objectives

    system = objectives.load(sources)
    endpoints = wiring.Endpoints(
        tuple(system.slos),
        sources.prometheus,
        sources.alertmanager,
        policy=system.policy,
        state=sources.state,
        dependencies=system.dependencies,
    )
    hint = _why_no_screen()
    only_ascii = only_ascii or not (sys.stdout.encoding or "").lower().startswith("utf")
    if hint is not None:
        _print_once(endpoints, _origin(sources, only_ascii=only_ascii), only_ascii=only_ascii)
        diagnostics.talk(f"printed once: {hint}")
        return diagnostics.OK
    return _open(
        endpoints,
        system,
        _origin(sources, only_ascii=only_ascii),
        view=view,
        refresh=refresh,
        # Only a theme in the terminal's own colours can be stripped of every colour code.
        theme="sre-mono" if os.environ.get("NO_COLOR") is not None else theme,
        only_ascii=only_ascii,
        readonly=readonly,
    )


def _why_no_screen() -> str | None:
    if os.environ.get("TERM", "") in ("", "dumb"):
        return "TERM is empty or dumb; set it to what the terminal is (xterm-256color) for the live screen"
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return "stdin, stdout and stderr must be a terminal for the live screen"
    return None


def _origin(sources: Sources, *, only_ascii: bool) -> str:
    """Whose data this is, and on which time scale: `lab amas ÷10`."""
    if sources.lab is None:
        return sources.prometheus.url.partition("://")[2]
    by = "/" if only_ascii else "÷"
    return f"lab {sources.lab.name} {by}{sources.scale}" if sources.scale != 1 else f"lab {sources.lab.name}"


def _open(
    endpoints: Endpoints,
    system: System,
    origin: str,
    *,
    view: str,
    refresh: timedelta,
    theme: str,
    only_ascii: bool,
    readonly: bool,
) -> int:
    from sretool import wiring
    from sretool.cli.main import COMMANDS
    from sretool.tui.source import BackgroundWatch

    # What is made while starting lives to the end: searching it for garbage would cost a tenth of the start.
    gc.disable()
    watch = BackgroundWatch(lambda: wiring.watch(endpoints))
    try:
        # Importing Textual takes longer than the first answers; they arrive meanwhile.
        from sretool.tui.app import DashApp

        app = DashApp(
            watch,
            refresh=refresh,
            clock=_now,
            jitter=random.random,
            glyphs=_glyphs(only_ascii=only_ascii),
            origin=origin,
            theme=theme,
            alerts_configured=endpoints.alertmanager is not None,
            view=view,
            readonly=readonly,
            system=system,
            notebook=_notebook(endpoints.state),
            commands=tuple(COMMANDS),
        )
        gc.freeze()
        gc.enable()
        app.run()
    finally:
        watch.close()
    return diagnostics.BROKEN if app.return_code else diagnostics.OK


def _print_once(endpoints: Endpoints, origin: str, *, only_ascii: bool) -> None:
    """The overview as text; raises SourceUnreachable where Prometheus gave nothing to print."""
    import asyncio

    from sretool import wiring
    from sretool.tui import overview
    from sretool.tui.board import Board

    async def poll() -> Board:
        watch: Watched = wiring.watch(endpoints)
        try:
            await asyncio.gather(watch.poll_metrics(), watch.poll_alerts())
        finally:
            await watch.aclose()
        return Board(
            watch.snapshot,
            refresh=timedelta(seconds=5),
            origin=origin,
            glyphs=_glyphs(only_ascii=only_ascii),
            alerts_configured=endpoints.alertmanager is not None,
        )

    board = asyncio.run(poll())
    health = board.snapshot.source("prometheus")
    if health is not None and not health.ok:
        raise SourceUnreachable(health.error or "Prometheus gave no answer", remedy=health.remedy)
    width = max(shutil.get_terminal_size(fallback=(100, 24)).columns, 40)
    click.echo("\n".join(overview.plain_table(board.view(_now()), width)))


def _notebook(state: Path | None) -> Notebook | None:
    from sretool import wiring

    who = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    return wiring.notebook(state, who) if state is not None else None


def _glyphs(*, only_ascii: bool) -> Glyphs:
    from sretool.tui import format as fmt

    return fmt.ASCII if only_ascii else fmt.UNICODE


def _now() -> datetime:
    return datetime.now(UTC)
