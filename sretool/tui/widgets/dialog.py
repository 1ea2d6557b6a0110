"""Questions before something is changed: a modal over the data, drawn with the same lines as the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.screen import ModalScreen

from sretool.tui import form
from sretool.tui.form import FormState
from sretool.tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.events import Key, Paste

    from sretool.tui.form import Field
    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line

_WIDTH = 78


class Form(ModalScreen[dict[str, str] | None]):
    """Asks for values; gives them, or None where it was cancelled.

    `notes` says under the fields what the values typed so far would do; `verb` names the button after them;
    `check` gives what is wrong with them, or nothing; `word` what must be typed before the button works.
    """

    DEFAULT_CSS: ClassVar[str] = """
    Form { align: center middle; background: $background 40%; }
    Form > #dialog { background: $panel; max-width: 100%; max-height: 100%; }
    """

    def __init__(
        self,
        title: str,
        fields: Sequence[Field] = (),
        *,
        verb: str | Callable[[Mapping[str, str]], str],
        glyphs: Glyphs,
        notes: Callable[[Mapping[str, str]], Sequence[Line]] | None = None,
        check: Callable[[Mapping[str, str]], str | None] | None = None,
        risky: bool = True,
        word: str = "",
    ) -> None:
        super().__init__()
        self._verb = verb
        self._notes = notes
        self._check = check
        self._glyphs = glyphs
        first = verb if isinstance(verb, str) else ""
        self.state = FormState(title, first, tuple(fields), risky=risky, word=word)

    def compose(self) -> ComposeResult:
        yield Sheet(id="dialog")

    def on_mount(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw the dialog; to be called, too, where what `notes` says has changed by itself."""
        values = self.state.values
        if not isinstance(self._verb, str):
            self.state.verb = self._verb(values)
        self.state.notes = self._notes(values) if self._notes is not None else ()
        width = min(_WIDTH, self.app.size.width)
        lines = form.lines(self.state, width, self._glyphs)
        for sheet in self.query("#dialog").results(Sheet):
            sheet.styles.width, sheet.styles.height = width, len(lines)
            sheet.show(lines)

    def on_key(self, event: Key) -> None:
        event.stop()
        event.prevent_default()
        outcome = self.state.take(event.key, event.character)
        if outcome == "cancelled":
            self.dismiss(None)
            return
        if outcome == "done":
            wrong = self._check(self.state.values) if self._check is not None else None
            if wrong is None:
                self.dismiss(self.state.values)
                return
            self.state.complaint = wrong
        self.redraw()

    def on_paste(self, event: Paste) -> None:
        event.stop()
        self.state.paste(event.text)
        self.redraw()


class Confirm(Form):
    """Asks whether something is meant; gives an empty mapping for yes and None for no."""

    def __init__(
        self,
        title: str,
        said: Sequence[Line],
        *,
        verb: str,
        glyphs: Glyphs,
        word: str = "",
        risky: bool = True,
    ) -> None:
        super().__init__(title, verb=verb, glyphs=glyphs, notes=lambda _: said, word=word, risky=risky)
