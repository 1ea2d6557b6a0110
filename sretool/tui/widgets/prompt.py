"""One line to type a filter into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sretool.tui.line import Span
from sretool.tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from textual.events import Key

Outcome = Literal["open", "kept", "dropped"]


class Prompt(Sheet):
    """Shows what is typed. It is handed its keys, so that none typed in one burst goes astray."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = ""
        self._problem = ""

    def open(self, text: str) -> None:
        self.text = text
        self._problem = ""
        self._repaint()

    def complain(self, problem: str | None) -> None:
        """Say why the text is not a regular expression."""
        self._problem = problem or ""
        self._repaint()

    def take(self, key: Key) -> Outcome:
        """One key; what became of the prompt."""
        match key.key:
            case "enter":
                return "kept"
            case "escape" | "ctrl+c":
                return "dropped"
            case "backspace" | "ctrl+h":
                self.text = self.text[:-1]
            case "ctrl+u":
                self.text = ""
            case "ctrl+w":
                self.text = self.text.rstrip().rpartition(" ")[0]
            case _ if key.is_printable and key.character:
                self.text += key.character
        self._repaint()
        return "open"

    def paste(self, text: str) -> None:
        self.text += " ".join(text.split())
        self._repaint()

    def _repaint(self) -> None:
        hint = self._problem or "regex, !not, key=value; enter keeps, esc clears"
        typed = [Span(" /", "key"), Span(self.text, "bold"), Span("_", "key")]
        self.show([[*typed, Span(f"   {hint}", "dim")]])
