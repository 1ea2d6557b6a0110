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

from sretool.cli import diagnostics, looks, serving, sessions
from sretool.cli.stages import Stages, open_stage
from sretool.errors import SourceUnreachable, UsageError
from sretool.tui import views, words
from sretool.units import format_duration, parse_duration

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.adapters.store.notebook import Notebook
    from sretool.cli.context import Settings
    from sretool.cli.looks import Looks
    from sretool.cli.stages import Stage
    from sretool.tui.board import Board
    from sretool.tui.desk import BackgroundDesk
    from sretool.tui.early import EarlyFrame
    from sretool.tui.source import Watched
    from sretool.tui.triage import Triage
    from sretool.wiring import Endpoints

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
@click.option("--theme", type=click.Choice(looks.THEMES), help="Colours; dark by default.")
@click.option(
    "--graph", type=click.Choice(looks.GRAPHS), help="What charts are drawn with; braille by default."
)
@click.option("--lang", "language", type=click.Choice(words.LANGUAGES), help="Language; LANG's by default.")
@click.option("--ascii", "only_ascii", is_flag=True, help="Draw with ASCII only.")
@click.option("--readonly", is_flag=True, help="Offer no key that changes anything.")
@click.option("--record", is_flag=True, help="Write down everything that is seen; :record does it later.")
@click.option("--replay", metavar="RUN|FILE", help="Show a recorded session; asks no server.")
@click.option("--serve", "served", is_flag=True, help="Show it in a browser on this machine, read-only.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Of --serve; a free one by default.",
)
@click.pass_context
def command(
    ctx: click.Context,
    view: str,
    refresh: timedelta,
    theme: str | None,
    graph: str | None,
    language: str | None,
    only_ascii: bool,
    readonly: bool,
    record: bool,
    replay: str | None,
    served: bool,
    port: int,
) -> None:
    """The live dashboard: objectives, budgets, burn rates, alerts and what changed.

    Without a terminal to draw on (a pipe, TERM=dumb) the same data is printed once as a table.
    """
    settings: Settings = ctx.obj
    if replay is not None and (served or record):
        raise UsageError("--replay goes with neither --record nor --serve: nothing new is seen")
    if served:
        looking = serving.looks_of(refresh, theme, graph, language, only_ascii=only_ascii)
        ctx.exit(serving.serve(settings, [view, *looking], port, f"sretool {view}"))
    chosen = looks.choose(
        settings.configuration(),
        os.environ,
        theme=theme,
        graph=graph,
        language=language,
        only_ascii=only_ascii,
        encoding=sys.stdout.encoding or "",
    )
    if replay is not None:
        words.speak(chosen.language)
        ctx.exit(sessions.play(settings, replay, chosen, view=view, why_no_screen=_why_no_screen()))
    ctx.exit(show(settings, chosen, view=view, refresh=refresh, readonly=readonly, record=record))


def show(
    settings: Settings,
    chosen: Looks | None = None,
    *,
    view: str = views.ROOT,
    refresh: timedelta = timedelta(seconds=5),
    readonly: bool = False,
    record: bool = False,
) -> int:
    """Open the dashboard, or print its table; gives the exit code."""
    chosen = chosen or looks.choose(settings.configuration(), os.environ, encoding=sys.stdout.encoding or "")
    words.speak(chosen.language)
    stage = open_stage(settings)
    hint = _why_no_screen()
    if hint is not None:
        _print_once(stage.endpoints, stage.origin, chosen)
        diagnostics.talk(f"printed once: {hint}")
        return diagnostics.OK
    contexts = Stages(settings, stage)
    while contexts.next is not None:
        stage, contexts.next = contexts.next, None
        code = _open(settings, stage, contexts, chosen, view, refresh, readonly=readonly, record=record)
    return code


def _why_no_screen() -> str | None:
    if serving.is_served(os.environ):
        return None
    if os.environ.get("TERM", "") in ("", "dumb"):
        return "TERM is empty or dumb; set it to what the terminal is (xterm-256color) for the live screen"
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return "stdin, stdout and stderr must be a terminal for the live screen"
    return None


def _open(
    settings: Settings,
    stage: Stage,
    contexts: Stages,
    chosen: Looks,
    view: str,
    refresh: timedelta,
    *,
    readonly: bool,
    record: bool,
) -> int:
    from sretool import wiring
    from sretool.cli.main import COMMANDS
    from sretool.services.recording import RecordedWatch, Session
    from sretool.tui.early import EarlyFrame
    from sretool.tui.source import BackgroundWatch

    endpoints = stage.endpoints
    # What is made while starting lives to the end: searching it for garbage would cost a tenth of the start.
    gc.disable()
    with EarlyFrame(chosen.theme, os.environ) as early:
        _paint_early(early, stage, chosen, refresh)
        session = Session(wiring.SystemClock())
        folder = sessions.folder(settings, stage, session, refresh)
        if record:
            folder.start()
        watch = BackgroundWatch(lambda: RecordedWatch(wiring.watch(endpoints), session))
        desk = desk_of(stage)
        try:
            # Importing Textual takes longer than the first answers; they arrive meanwhile.
            from sretool.tui.app import DashApp

            app = DashApp(
                watch,
                refresh=refresh,
                clock=_now,
                jitter=random.random,
                glyphs=chosen.glyphs(),
                origin=stage.origin,
                theme=chosen.theme,
                alerts_configured=endpoints.alertmanager is not None,
                view=view,
                readonly=readonly,
                system=stage.system,
                triage=triage_of(stage, desk),
                reader=stage.reader,
                contexts=contexts,
                notebook=_notebook(endpoints.state, stage.reader.me),
                commands=tuple(COMMANDS),
                runbooks=stage.runbooks,
                environment=stage.environment,
                addresses=stage.addresses,
                sessions=folder,
            )
            gc.freeze()
            gc.enable()
            early.followed()
            app.run()
        finally:
            watch.close()
            recorded = folder.stop()
            if desk is not None:
                desk.close()
    if recorded is not None:
        diagnostics.talk(f"recorded: sretool dash --replay {recorded.name}")
    return diagnostics.BROKEN if app.return_code else diagnostics.OK


def _paint_early(early: EarlyFrame, stage: Stage, chosen: Looks, refresh: timedelta) -> None:
    """Show what an earlier session knew, where it kept anything."""
    snapshots = stage.endpoints.snapshots
    last = snapshots.last() if snapshots is not None else None
    # What goes to a browser is Textual's own protocol and nothing before it.
    if last is None or serving.is_served(os.environ):
        return
    from sretool.core.observe.remembered import as_it_was
    from sretool.tui.board import Board

    now = _now()
    board = Board(
        as_it_was(last, now),
        refresh=refresh,
        origin=stage.origin,
        glyphs=chosen.glyphs(),
        alerts_configured=stage.endpoints.alertmanager is not None,
    )
    board.production = stage.production
    early.paint(board.view(now))


def desk_of(stage: Stage) -> BackgroundDesk | None:
    """Where alerts are acknowledged and silenced; None without an Alertmanager."""
    from sretool import wiring
    from sretool.tui.desk import BackgroundDesk

    endpoints, severities = stage.endpoints, stage.system.severities
    alertmanager = endpoints.alertmanager
    if alertmanager is None:
        return None
    return BackgroundDesk(lambda: wiring.duty(alertmanager, endpoints.prometheus, severities))


def triage_of(stage: Stage, desk: BackgroundDesk | None) -> Triage:
    from sretool.tui.triage import Triage

    reader = stage.reader
    return Triage(
        desk,
        system=stage.system,
        me=reader.me or None,
        teams=tuple(reader.teams),
        longest=reader.silence_longest,
    )


def _print_once(endpoints: Endpoints, origin: str, chosen: Looks) -> None:
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
            glyphs=chosen.glyphs(),
            alerts_configured=endpoints.alertmanager is not None,
        )

    board = asyncio.run(poll())
    health = board.snapshot.source("prometheus")
    if health is not None and not health.ok:
        raise SourceUnreachable(health.error or "Prometheus gave no answer", remedy=health.remedy)
    width = max(shutil.get_terminal_size(fallback=(100, 24)).columns, 40)
    click.echo("\n".join(overview.plain_table(board.view(_now()), width)))


def _notebook(state: Path | None, who: str) -> Notebook | None:
    from sretool import wiring

    who = who or os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    return wiring.notebook(state, who) if state is not None else None


def _now() -> datetime:
    return datetime.now(UTC)
