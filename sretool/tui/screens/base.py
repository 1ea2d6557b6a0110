"""What every screen of the dashboard has: row 1, a key bar, and a way to be told of new data."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding
from textual.screen import Screen

from sretool.tui import overview
from sretool.tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType
    from textual.events import Key, Paste, Resize

    from sretool.tui.app import DashApp
    from sretool.tui.board import View


class BoardScreen(Screen[None]):
    """A screen that shows a View."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", id="back", show=False),
    ]
    KEYS: ClassVar[Sequence[tuple[str, str]]] = ()
    """Key and word for the key bar, the most useful first."""
    OWN_KEYS: ClassVar[Sequence[tuple[str, str]]] = ()
    """Keys of this screen with a sentence each."""
    TITLE_WORDS: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self._composed = False

    @property
    def dash(self) -> DashApp:
        return cast("DashApp", self.app)

    def show(self, view: View) -> None:
        """Draw `view`; called after each refresh, each second and each key that changes what is shown."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self._composed = True

    def repaint(self) -> None:
        if self._composed and self.size.width:
            self.show(self.dash.view())

    def show_frame(self, view: View, crumbs: str = "") -> None:
        width = self.size.width
        self.query_one("#status", Sheet).show([overview.status_line(view, width, crumbs)])
        keys = [(view.glyphs.enter if key == "enter" else key, word) for key, word in self.KEYS]
        self.query_one("#keys", Sheet).show([overview.key_bar(keys, width)])

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self.dash.repaint)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.dash.repaint)

    def take_input(self, event: Key | Paste) -> bool:
        """See a key or a paste before anything else does; True keeps it from everything else."""
        return False

    def action_back(self) -> None:
        """One step back; the root of a view has none."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
