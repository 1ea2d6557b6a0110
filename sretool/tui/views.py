"""The views behind the digit keys. Nothing here needs Textual: `sretool dash --help` names them too."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from sretool.tui.words import later

if TYPE_CHECKING:
    from sretool.tui.screens.base import BoardScreen


class TopView(NamedTuple):
    """One view, the root of its own stack of screens."""

    key: str
    """The digit that opens it."""
    name: str
    """For the command line and `:`."""
    title: str
    """What people call it."""
    screen: str
    """`module:Class`, imported when the view is first opened."""

    def make(self) -> BoardScreen:
        module, _, name = self.screen.partition(":")
        return cast("BoardScreen", getattr(import_module(module), name)())


VIEWS = (
    TopView("1", "overview", later("overview"), "sretool.tui.screens.overview:OverviewScreen"),
    TopView("2", "alerts", later("alerts"), "sretool.tui.screens.alerts:AlertsScreen"),
    TopView("3", "infra", later("infrastructure"), "sretool.tui.screens.infra:InfraScreen"),
    TopView("4", "users", later("experience & business"), "sretool.tui.screens.users:UsersScreen"),
    TopView("5", "gameday", later("game day"), "sretool.tui.screens.runs:GameDayScreen"),
    TopView("6", "load", later("load"), "sretool.tui.screens.runs:LoadScreen"),
    TopView("7", "oncall", later("on-call & escalation"), "sretool.tui.screens.oncall:OnCallScreen"),
)

ROOT = "overview"
"""Where leaving leads to, and what quits."""


def read_ahead() -> None:
    """Import every view, so that the first look at it takes no longer than any other."""
    for view in VIEWS:
        import_module(view.screen.partition(":")[0])


NAMES = tuple(view.name for view in VIEWS)
