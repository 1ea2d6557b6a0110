"""`sretool dash --replay` of a game day."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sretool.cli import diagnostics
from sretool.core.runs.model import RunKind, RunState
from sretool.errors import UsageError

if TYPE_CHECKING:
    from sretool.adapters.store.runs import StoredRun
    from sretool.cli.context import Settings
    from sretool.cli.looks import Looks

_REFRESH: Final = timedelta(seconds=5)


def find(settings: Settings, name: str) -> StoredRun | None:
    """The game day that is meant, by its name or its folder; None: something else is."""
    from sretool import wiring

    path = Path(name)
    if path.exists() and not path.is_dir():
        return None
    # A folder of the project's own runs may be given as a path.
    wanted = path.resolve().name if os.sep in name or path.exists() else name
    try:
        stored = wiring.runs(settings.project, settings.environment or {}).open(wanted)
    except UsageError:
        return None
    return stored if stored.record.kind is RunKind.GAMEDAY else None


def play(stored: StoredRun, chosen: Looks, *, why_no_screen: str | None) -> int:
    """UsageError where there is nothing to play."""
    from sretool.adapters.store.tail import EventTail
    from sretool.adapters.store.writer import EVENTS
    from sretool.core.observe.replay import Player
    from sretool.core.runs.replay import RunRecording

    record = stored.record
    if record.state is RunState.RUNNING:
        raise UsageError(
            f"game day {record.id} still goes on", remedy="`sretool dash gameday` shows it as it goes"
        )
    tail = EventTail(stored.folder / EVENTS)
    recording = RunRecording(list(tail.rest()), tail.first_unreadable)
    player = Player(recording, recording.start)
    if why_no_screen is not None:
        from sretool.tui import gameday
        from sretool.tui.board import Board
        from sretool.tui.cockpit_app import NoServers
        from sretool.tui.gameday_replay import page_at
        from sretool.tui.line import plain

        player.go(recording.end)
        board = Board(
            NoServers(recording.end).snapshot,
            refresh=_REFRESH,
            glyphs=chosen.glyphs(),
            alerts_configured=False,
        )
        view, page = board.view(recording.end), page_at(record, player)
        width = max(shutil.get_terminal_size(fallback=(100, 24)).columns, 40)
        drawn = [gameday.headline(page, view, width), *gameday.whole(page, view, width)]
        click.echo("\n".join(plain(line).rstrip() for line in drawn))
        diagnostics.talk(f"printed its last moment: {why_no_screen}")
        return diagnostics.OK
    from sretool.tui.gameday_replay import GameDayPlayed

    app = GameDayPlayed(
        record, player, refresh=_REFRESH, jitter=_steady, glyphs=chosen.glyphs(), theme=chosen.theme
    )
    app.run()
    return diagnostics.BROKEN if app.return_code else diagnostics.OK


def _steady() -> float:
    return 1.0
