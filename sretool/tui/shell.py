"""What the dashboard offers on every screen: views, commands, palette, copies, exports, contexts, looks."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.screen import ModalScreen

from sretool.adapters.files.exports import write_new
from sretool.errors import SretoolError
from sretool.tui import export, keys, words
from sretool.tui.screens.base import BoardScreen
from sretool.tui.views import ROOT, VIEWS
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from textual.binding import BindingType

    from sretool.core.catalog.model import System
    from sretool.core.slo.model import SloId
    from sretool.tui.board import Board, View
    from sretool.tui.braille import Graph
    from sretool.tui.contexts import Contexts
    from sretool.tui.reader import Reader

_GRAPHS: tuple[Graph, ...] = ("braille", "block", "ascii")

_SWITCH_DELAY = 0.01
"""Seconds that painting is held while a view takes the place of another."""

_BEFORE_OTHERS = frozenset({"command", "export"})
"""Actions of keys with priority that are also letters or signs."""


class Shell(App[None]):
    """An application whose screens are BoardScreens; what they show is its subclass's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        keys.bind("leave"),
        keys.bind("quit", priority=True),
        *(keys.bind(f"view_{view.name}", f"view('{view.name}')") for view in VIEWS),
        keys.bind("last_view"),
        # With priority: typed ahead, the rest of the line must find the line open.
        keys.bind("command", priority=True),
        keys.bind("palette"),
        keys.bind("jump"),
        keys.bind("copy"),
        keys.bind("export", priority=True),
        keys.bind("bell", "toggle_bell"),
    ]

    board: Board
    reader: Reader
    own_keys: Mapping[str, str]
    contexts: Contexts | None
    bell_rings: bool
    readonly: bool
    _last_view = ROOT

    system: System | None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where a dialog is open, keys that come before all others are text typed into it."""
        if action in _BEFORE_OTHERS and isinstance(self.screen, ModalScreen):
            return False
        return super().check_action(action, parameters)

    @abstractmethod
    def view(self) -> View: ...

    @abstractmethod
    def repaint(self) -> None: ...

    @abstractmethod
    def open_slo(self, slo: SloId) -> None: ...

    @abstractmethod
    def open_alert(self, fingerprint: str) -> None: ...

    @abstractmethod
    def open_service(self, service: str) -> None: ...

    @abstractmethod
    def open_runbook(self, name: str | None, subject: str, about: str = "", service: str = "") -> None: ...

    @abstractmethod
    def show_time(self, text: str) -> None: ...

    @abstractmethod
    def toggle_recording(self) -> None: ...

    @abstractmethod
    def open_dashboard(self, name: str) -> None: ...

    @abstractmethod
    def action_dashboards(self) -> None: ...

    @abstractmethod
    def open_log(self) -> None: ...

    @abstractmethod
    def action_help(self) -> None: ...

    @abstractmethod
    def action_explain(self) -> None: ...

    def tell(self, text: str, *, bad: bool = False) -> None:
        """One toast."""
        self.notify(text, severity="warning" if bad else "information", markup=False)

    # --- views --------------------------------------------------------------------------------------------

    def open_view(self, name: str) -> None:
        """Go to a view; it shows what it showed when it was left."""
        if name != self.current_mode:
            self._last_view = self.current_mode
            self.board.turn_to(name)
            self.switch_mode(name)

    def delay_update(self, delay: float = _SWITCH_DELAY) -> None:
        """Hold painting while screens are exchanged: as long as ours need, not what any may need."""
        super().delay_update(delay)

    def go(self, view: str, argument: str) -> None:
        """Go to a view, filtered by `argument` where there is one."""
        self.open_view(view)
        root = self.get_screen_stack(view)[0]
        if argument and isinstance(root, BoardScreen):
            root.filter_by(argument)
            self.repaint()

    def action_view(self, name: str) -> None:
        self.open_view(name)

    def action_last_view(self) -> None:
        self.open_view(self._last_view)

    def action_leave(self) -> None:
        """One step back: from a page to its view, from a view to the root, and out of it."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        elif self.current_mode != ROOT:
            self.open_view(ROOT)
        else:
            self.leave_program()

    def leave_program(self) -> None:
        """Somebody wants out."""
        self.exit()

    # --- commands and palette -----------------------------------------------------------------------------

    def action_command(self) -> None:
        from sretool.tui import commands

        screen = self.screen
        if isinstance(screen, BoardScreen):
            screen.ask_line(
                ":",
                lambda text: commands.run(self, text) if text else None,
                hint=partial(commands.hint, self),
                completions=partial(commands.complete, self),
            )

    def action_palette(self) -> None:
        from sretool.tui.palette import palette

        self.push_screen(palette())

    def action_jump(self) -> None:
        if isinstance(self.screen, BoardScreen):
            self.screen.jump()

    def actions_here(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Keys that work on the data on screen, by id, and what each does."""
        below = next((each for each in reversed(self.screen_stack) if isinstance(each, BoardScreen)), None)
        if below is None:
            return
        ids: set[str] = set()
        for node in (below.focused, below, self):
            for _, binding in node._bindings if node is not None else ():
                if binding.id in keys.KEYS and binding.id not in ids and self.offers(binding.id):
                    ids.add(binding.id)
                    yield binding.id, partial(self._act, node, binding.action)

    def _act(self, node: Any, action: str) -> None:
        self.run_worker(self.run_action(action, node), exit_on_error=False)

    def offers(self, id: str) -> bool:
        """Whether the key may be used; with --readonly those that write may not."""
        return not (self.readonly and keys.KEYS[id].writes)

    # --- copying and exporting ----------------------------------------------------------------------------

    def copy(self, text: str) -> None:
        """Put `text` on the reader's clipboard (OSC 52) and say its first line."""
        self.copy_to_clipboard(text)
        self.tell(tr("copied: {text}", text=text.splitlines()[0] if text else ""))

    def action_copy(self) -> None:
        text = self.screen.copied() if isinstance(self.screen, BoardScreen) else None
        if text:
            self.copy(text)
        else:
            self.tell(tr("there is nothing to copy here"), bad=True)

    def action_export(self) -> None:
        if isinstance(self.screen, BoardScreen):
            choices = {
                key: (tr(word), partial(self.export, name)) for key, (name, word) in export.KEYS.items()
            }
            self.screen.ask_key(tr("write this screen as"), choices)

    def export(self, wanted: str) -> None:
        """Write the screen on top into a new file and say which."""
        screen = self.screen
        if not isinstance(screen, BoardScreen):
            return
        known = [name for name in export.FORMATS if name.startswith(wanted) or export.FORMATS[name] == wanted]
        if not known:
            names = ", ".join(export.FORMATS)
            self.tell(tr("there is no format {name}; there are {names}", name=wanted, names=names), bad=True)
            return
        name = known[0]
        # After the next frame: the question for the format is no part of the screen.
        self.call_after_refresh(self._export, screen, name)

    def _export(self, screen: BoardScreen, name: str) -> None:
        view, title, lines = self.view(), screen.title_words, screen.text_lines()
        if name == "svg":
            text = self.export_screenshot(title=f"sretool {title}")
        elif name == "json":
            text = export.as_json(view, title, lines, screen.exported())
        else:
            text = (export.as_markdown if name == "markdown" else export.as_text)(view, title, lines)
        self.run_worker(self._write(export.stem(title, view.now), export.FORMATS[name], text))

    async def _write(self, stem: str, suffix: str, text: str) -> None:
        folder = self.reader.folder
        try:
            file = await asyncio.to_thread(write_new, folder, stem, suffix, text)
        except OSError as error:
            why = error.strerror or str(error)
            self.tell(tr("nothing written to {folder}: {why}", folder=folder, why=why), bad=True)
        else:
            self.tell(tr("written: {file}", file=file))

    # --- contexts -----------------------------------------------------------------------------------------

    def go_to_context(self, name: str) -> None:
        """Go to other servers; without a name say which there are."""
        if self.contexts is None or not self.contexts.names:
            self.tell(tr("no contexts: write [contexts.NAME] into ~/.config/sretool/config.toml"), bad=True)
        elif not name:
            known = ", ".join(self.contexts.names)
            self.tell(
                tr("contexts: {known}; now {current}", known=known, current=self.contexts.current or "-")
            )
        elif name not in self.contexts.names:
            known = ", ".join(self.contexts.names)
            self.tell(tr("there is no context {name}; there are {known}", name=name, known=known), bad=True)
        else:
            self.tell(tr("going to {name} ...", name=name))
            self.run_worker(self._go_to_context(self.contexts, name), group="context", exclusive=True)

    async def _go_to_context(self, contexts: Contexts, name: str) -> None:
        try:
            await asyncio.to_thread(contexts.prepare, name)
        except SretoolError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            self.tell(tr("staying here: {why}", why=f"{error.message}{remedy}"), bad=True)
        else:
            self.exit()

    # --- looks --------------------------------------------------------------------------------------------

    def use_theme(self, name: str) -> None:
        self.theme = name
        self.repaint()

    def use_graph(self, name: str) -> bool:
        """Draw charts with `name`; whether that is possible."""
        graph = next((known for known in _GRAPHS if known == name), None)
        if graph is None:
            return False
        self.board.glyphs = replace(self.board.glyphs, graph=graph)
        self.repaint()
        return True

    def use_language(self, name: str) -> bool:
        """Speak `name` from now on; whether that language is there."""
        if name not in words.LANGUAGES:
            return False
        words.speak(name)
        self.repaint()
        return True

    def action_toggle_bell(self) -> None:
        self.bell_rings = not self.bell_rings
        self.tell(tr("bell on") if self.bell_rings else tr("bell off"))

    def ring(self) -> None:
        """Sound the bell, unless the reader turned it off."""
        if self.bell_rings:
            self.bell()

    def only_mine(self) -> None:
        """Keep what belongs to the reader and the reader's teams, or show everything again."""
        if self.reader.owners or self.board.filter.owners:
            self.board.only_mine(self.reader.owners)
            self.repaint()
        else:
            why = tr("nobody is known: set me and teams in ~/.config/sretool/config.toml")
            self.tell(why, bad=True)
