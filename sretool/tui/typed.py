"""A line being typed, whatever it is for: text, cursor, and what each key does to it."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["open", "kept", "dropped", "complete"]


class TypedLine:
    """Edited key by key. It is handed its keys, so that none typed in one burst goes astray."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.cursor = len(text)
        """Characters left of it."""

    def take(self, key: str, character: str | None) -> Outcome:
        """One key, named as Textual does, and the character it prints, if any."""
        before, after = self.text[: self.cursor], self.text[self.cursor :]
        match key:
            case "enter":
                return "kept"
            case "escape" | "ctrl+c":
                return "dropped"
            case "tab":
                return "complete"
            case "backspace" | "ctrl+h":
                self._set(before[:-1], after)
            case "delete":
                self._set(before, after[1:])
            case "ctrl+u":
                self._set("", after)
            case "ctrl+k":
                self._set(before, "")
            case "ctrl+w":
                self._set(before.rstrip().rpartition(" ")[0], after)
            case "left":
                self.cursor = max(self.cursor - 1, 0)
            case "right":
                self.cursor = min(self.cursor + 1, len(self.text))
            case "home" | "ctrl+a":
                self.cursor = 0
            case "end" | "ctrl+e":
                self.cursor = len(self.text)
            case _ if character is not None and character.isprintable():
                self._set(before + character, after)
        return "open"

    def paste(self, text: str) -> None:
        before, after = self.text[: self.cursor], self.text[self.cursor :]
        self._set(before + " ".join(text.split()), after)

    def replace(self, text: str) -> None:
        self._set(text, "")

    def _set(self, before: str, after: str) -> None:
        self.text = before + after
        self.cursor = len(before)
