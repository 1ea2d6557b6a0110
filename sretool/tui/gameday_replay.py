"""`sretool dash --replay` of a game day: its cockpit as it was, to go to and fro in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sretool.core.runs.model import Measures, RunState
from sretool.core.runs.story import Story
from sretool.tui.cockpit_app import NoServers
from sretool.tui.replay import PlayedApp
from sretool.tui.runs import RunPage
from sretool.tui.screens.gameday import GameDayReplay

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.observe.replay import Player
    from sretool.core.runs.model import RunRecord


class GameDayPlayed(PlayedApp[Story]):
    """Opens on the game day, which is all there is: no server is asked."""

    def __init__(self, record: RunRecord, player: Player[Story], **rest: Any) -> None:
        super().__init__(player, NoServers(player.now), view="gameday", alerts_configured=False, **rest)
        self._record = record

    def on_mount(self) -> None:
        # PlayedApp's own is called by Textual, too.
        self.call_after_refresh(self.push_screen, GameDayReplay())

    def page(self) -> RunPage:
        return page_at(self._record, self.player)

    def action_leave(self) -> None:
        """There is nothing behind it."""
        if isinstance(self.screen, GameDayReplay):
            self.exit()
        else:
            super().action_leave()


def page_at(record: RunRecord, player: Player[Story]) -> RunPage:
    """The game day as it stood then."""
    return RunPage(_as_of(record, player.now, player.recording.end), player.known())


def _as_of(record: RunRecord, now: datetime, end: datetime) -> RunRecord:
    if now >= end:
        return record
    return replace(record, state=RunState.RUNNING, ended=None, verdict=None, measures=Measures())
