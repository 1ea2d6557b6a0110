"""One line to type a filter into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from sretool.tui.line import Span
from sretool.tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from textual.events import Key, Paste


class Prompt(Sheet, can_focus=True):
    """Shows what is typed and reports every change; enter keeps it, escape drops it."""

    @dataclass
    class Changed(Message):
        text: str

    @dataclass
    class Closed(Message):
        kept: bool

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""
        self._problem = ""

    def open(self, text: str) -> None:
        self._text = text
        self._problem = ""
        self._repaint()
        self.focus()

    def complain(self, problem: str | None) -> None:
        """Say why the text is not a regular expression."""
        self._problem = problem or ""
        self._repaint()

    def on_key(self, event: Key) -> None:
        if event.key in ("tab", "shift+tab"):
            return
        event.stop()
        event.prevent_default()
        if event.key in ("enter", "escape"):
            self.post_message(self.Closed(kept=event.key == "enter"))
        elif event.key == "ctrl+c":
            self.post_message(self.Closed(kept=False))
        elif event.key in ("backspace", "ctrl+h"):
            self._edit(self._text[:-1])
        elif event.key == "ctrl+u":
            self._edit("")
        elif event.key == "ctrl+w":
            self._edit(self._text.rstrip().rpartition(" ")[0])
        elif event.is_printable and event.character:
            self._edit(self._text + event.character)

    def on_paste(self, event: Paste) -> None:
        event.stop()
        self._edit(self._text + " ".join(event.text.split()))

    def _edit(self, text: str) -> None:
        self._text = text
        self._repaint()
        self.post_message(self.Changed(text))

    def _repaint(self) -> None:
        help_text = self._problem or "regex, !not, key=value; enter keeps, esc clears"
        self.show(
            [[Span(" /", "key"), Span(self._text, "bold"), Span("_", "key"), Span(f"   {help_text}", "dim")]]
        )
