"""Sessions on disk: `dash --record` makes one, `dash --replay` plays it."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sretool import __version__
from sretool.cli import diagnostics, gameday_replay
from sretool.core.runs.model import RunKind
from sretool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.adapters.store.runs import RunStore
    from sretool.adapters.store.sessions import Recorded, SessionFile
    from sretool.adapters.store.writer import RunWriter
    from sretool.cli.context import Settings
    from sretool.cli.looks import Looks
    from sretool.cli.stages import Stage
    from sretool.core.observe.replay import Known, Player
    from sretool.services.recording import Session

_REFRESH: Final = timedelta(seconds=5)


class SessionFolder:
    """A run folder for what is seen of one stage, made when recording starts."""

    def __init__(self, stage: Stage, session: Session, store: RunStore, refresh: timedelta) -> None:
        self.session = session
        self._stage = stage
        self._store = store
        self._refresh = refresh
        self._run: RunWriter | None = None
        self._file: SessionFile | None = None

    @property
    def problem(self) -> str | None:
        return self._file.problem if self._file is not None else None

    def start(self) -> Path:
        from sretool.adapters.store.sessions import SessionFile

        if self._run is not None:
            return self._run.folder
        stage, endpoints = self._stage, self._stage.endpoints
        servers = [server.url for server in (endpoints.prometheus, endpoints.alertmanager) if server]
        try:
            run = self._store.create(
                RunKind.SESSION,
                stage.name or stage.system.name,
                targets=servers,
                versions={"sretool": __version__},
                production=stage.production,
            )
            self._file = SessionFile(run.folder)
        except OSError as error:
            raise UsageError(
                f"{self._store.root}: a session cannot be recorded: {error.strerror or error}",
                remedy="set XDG_STATE_HOME to a folder that can be written",
            ) from error
        self._run = run
        self.session.start(self._file.write, self._head())
        return run.folder

    def stop(self) -> Path | None:
        self.session.stop()
        if self._run is None or self._file is None:
            return None
        folder = self._run.folder
        self._file.close()
        self._run.end()
        self._run = self._file = None
        return folder

    def _head(self) -> dict[str, Any]:
        stage = self._stage
        return {
            "origin": stage.origin,
            "production": stage.production,
            "refresh": self._refresh,
            "alerts": stage.endpoints.alertmanager is not None,
            "system": stage.system,
        }


def folder(settings: Settings, stage: Stage, session: Session, refresh: timedelta) -> SessionFolder:
    """Where sessions of the project go."""
    from sretool import wiring

    return SessionFolder(stage, session, wiring.runs(settings.project, settings.environment or {}), refresh)


def play(settings: Settings, name: str, chosen: Looks, *, view: str, why_no_screen: str | None) -> int:
    """Show a recorded session or a game day; UsageError where it cannot be read."""
    from sretool.core.observe.replay import Player, Recording

    game_day = gameday_replay.find(settings, name)
    if game_day is not None:
        return gameday_replay.play(game_day, chosen, why_no_screen=why_no_screen)
    found = _read(settings, name)
    session = Recording(found.lines)
    player = Player(session, session.start)
    if found.torn:
        diagnostics.talk("the end of this session is missing: it was not closed, or is still being written")
    if why_no_screen is not None:
        player.go(session.end)
        _print_once(player, session.head, chosen)
        diagnostics.talk(f"printed its last moment: {why_no_screen}")
        return diagnostics.OK
    from sretool.tui.replay import ReplayApp

    head = session.head
    app = ReplayApp(
        player,
        refresh=head.get("refresh", _REFRESH),
        jitter=_steady,
        glyphs=chosen.glyphs(),
        origin=head.get("origin", ""),
        theme=chosen.theme,
        alerts_configured=bool(head.get("alerts", True)),
        view=view,
        system=session.system,
    )
    app.run()
    return diagnostics.BROKEN if app.return_code else diagnostics.OK


def _steady() -> float:
    return 1.0


def _read(settings: Settings, name: str) -> Recorded:
    from sretool import wiring
    from sretool.adapters.store import sessions

    path = Path(name)
    if os.sep in name or path.suffix == ".gz" or path.exists():
        return sessions.read(path)
    stored = wiring.runs(settings.project, settings.environment or {}).open(name)
    if stored.record.kind is not RunKind.SESSION:
        raise UsageError(
            f"run {name} is neither a recorded session nor a game day but a run of kind {stored.record.kind}",
            remedy="sretool runs list --kind session, or --kind gameday, shows those there are",
        )
    return sessions.read(stored.folder)


def _print_once(player: Player[Known], head: Mapping[str, Any], chosen: Looks) -> None:
    from sretool.tui import overview
    from sretool.tui.board import Board

    snapshot = player.known().snapshot
    assert snapshot is not None
    board = Board(
        snapshot,
        refresh=head.get("refresh", _REFRESH),
        origin=head.get("origin", ""),
        glyphs=chosen.glyphs(),
        alerts_configured=bool(head.get("alerts", True)),
    )
    board.session_mark = "REPLAY"
    width = max(shutil.get_terminal_size(fallback=(100, 24)).columns, 40)
    click.echo("\n".join(overview.plain_table(board.view(player.now), width)))
