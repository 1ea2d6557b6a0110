"""What is being typed into a dialog: fields, buttons, what has the focus. Pure; a widget shows it.

Where something risky is asked, Cancel comes first among the buttons and Enter leads to it: whoever only
presses Enter changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from rich.cells import cell_len, set_cell_size

from sretool.tui import format as fmt
from sretool.tui.line import Span, crop, rule
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.tui.format import Glyphs
    from sretool.tui.line import Line

Outcome = Literal["open", "cancelled", "done"]

_LABEL = 12
"""Cells before a field's value."""


@dataclass(frozen=True, slots=True)
class Text:
    """A line to type."""

    name: str
    label: str
    value: str = ""
    required: bool = False
    hint: str = ""
    """Shown while nothing is typed."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values; left and right change it."""

    name: str
    label: str
    options: tuple[str, ...]
    value: str


Field: TypeAlias = Text | Choice


@dataclass(slots=True)
class FormState:
    """One dialog: values, focus, complaint."""

    title: str
    verb: str
    """What the button does: `Silence 15m`."""
    fields: tuple[Field, ...] = ()
    risky: bool = True
    word: str = ""
    """Must be typed before the button works, where the mistake would be dear; empty: nothing."""
    notes: Sequence[Line] = ()
    """Under the fields: what this would do."""
    complaint: str = ""
    focus: int = 0
    """Fields first, then the buttons."""
    _carets: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.word:
            asked = Text(_WORD, tr("type {word}", word=self.word), required=True)
            self.fields = (*self.fields, asked)
        self.focus = 0 if self.fields else self._default_button

    @property
    def _default_button(self) -> int:
        """Cancel is the first button of a risky dialog and the second of a safe one."""
        return len(self.fields)

    @property
    def buttons(self) -> tuple[str, str]:
        return (CANCEL, self.verb) if self.risky else (self.verb, CANCEL)

    @property
    def values(self) -> dict[str, str]:
        return {each.name: each.value.strip() for each in self.fields if each.name != _WORD}

    def take(self, key: str, character: str | None = None) -> Outcome:
        """One key; what became of the dialog."""
        match key:
            case "escape" | "ctrl+c":
                return "cancelled"
            case "tab" | "down":
                self.focus = (self.focus + 1) % (len(self.fields) + 2)
            case "shift+tab" | "up":
                self.focus = (self.focus - 1) % (len(self.fields) + 2)
            case "enter":
                return self._enter()
            case "left" | "right" if self.focus >= len(self.fields):
                self.focus = len(self.fields) + (1 if self.focus == len(self.fields) else 0)
            case _ if self.focus < len(self.fields):
                self._edit(key, character)
        return "open"

    def paste(self, text: str) -> None:
        """Several lines become one."""
        if self.focus < len(self.fields):
            for character in " ".join(text.split()):
                self._edit(character, character)

    def _enter(self) -> Outcome:
        if self.focus < len(self.fields):
            self.focus += 1
            return "open"
        if self.buttons[self.focus - len(self.fields)] == CANCEL:
            return "cancelled"
        self.complaint = self._missing()
        return "open" if self.complaint else "done"

    def _missing(self) -> str:
        for number, each in enumerate(self.fields):
            if each.name == _WORD and each.value.strip() != self.word:
                self.focus = number
                return tr("type {word} to go on", word=self.word)
            if isinstance(each, Text) and each.required and not each.value.strip():
                self.focus = number
                return tr("{label}: something is needed here", label=each.label)
        return ""

    def _edit(self, key: str, character: str | None) -> None:
        edited = self.fields[self.focus]
        self.complaint = ""
        if isinstance(edited, Choice):
            step = {"left": -1, "right": 1, "space": 1}.get(key, 0)
            position = edited.options.index(edited.value) if edited.value in edited.options else 0
            changed: Field = replace(edited, value=edited.options[(position + step) % len(edited.options)])
        else:
            changed = self._edit_text(edited, key, character)
        self.fields = (*self.fields[: self.focus], changed, *self.fields[self.focus + 1 :])

    def _edit_text(self, edited: Text, key: str, character: str | None) -> Text:
        text = edited.value
        caret = self.caret(edited)
        before, after = text[:caret], text[caret:]
        match key:
            case "left":
                before, after = before[:-1], before[-1:] + after
            case "right":
                before, after = before + after[:1], after[1:]
            case "home" | "ctrl+a":
                before, after = "", text
            case "end" | "ctrl+e":
                before, after = text, ""
            case "backspace" | "ctrl+h":
                before = before[:-1]
            case "delete" | "ctrl+d":
                after = after[1:]
            case "ctrl+u":
                before = ""
            case "ctrl+w":
                before = before.rstrip().rpartition(" ")[0]
            case _ if character and character.isprintable():
                before += character
        self._carets[edited.name] = len(before)
        return replace(edited, value=before + after)

    def caret(self, edited: Text) -> int:
        """Position in the text; at its end where nobody moved it."""
        return min(self._carets.get(edited.name, len(edited.value)), len(edited.value))


CANCEL = "Cancel"
_WORD = "__word__"


def lines(state: FormState, width: int, glyphs: Glyphs) -> list[Line]:
    """The dialog in `width` cells."""
    out: list[Line] = [rule(state.title, width, glyphs.rule)]
    out += [_field(state, number, width, glyphs) for number in range(len(state.fields))]
    out += [crop([Span(" "), *note], width) for note in state.notes]
    # Without one not even its margin: a role may be drawn in reverse.
    out.append(crop([Span(f" {state.complaint}", "page")] if state.complaint else [], width))
    out.append(_buttons(state, width))
    out.append(rule(tr("tab next  enter go on  esc cancel"), width, glyphs.rule))
    return out


def _field(state: FormState, number: int, width: int, glyphs: Glyphs) -> Line:
    shown = state.fields[number]
    focused = state.focus == number
    sign = Span(glyphs.cursor if focused else " ", "key")
    label = Span(fmt.fit(shown.label, max(_LABEL, cell_len(shown.label))) + " ", "title")
    if isinstance(shown, Choice):
        spans: list[Span] = [sign, label]
        for option in shown.options:
            chosen = option == shown.value
            spans.append(Span(f"[{option}]" if chosen else f" {option} ", "bold" if chosen else "dim"))
        return crop(spans, width)
    room = max(width - cell_len(label.text) - 3, 4)
    if not focused:
        said = Span(shown.value, "text") if shown.value else Span(_empty(shown), "dim")
        return crop([sign, label, Span(fmt.fit(said.text, room, ellipsis=glyphs.ellipsis), said.role)], width)
    caret = state.caret(shown)
    before, after = shown.value[:caret], shown.value[caret:]
    # The end that is being typed stays in sight.
    while cell_len(before) > room - 1:
        before = before[1:]
    hint = Span(f" {_empty(shown)}" if not shown.value else "", "dim")
    rest = Span(set_cell_size(after, max(room - cell_len(before) - 1, 0)) if after else "", "bold")
    return crop([sign, label, Span(before, "bold"), Span("_", "key"), rest, hint], width)


def _empty(shown: Text) -> str:
    needed = tr("required") if shown.required else ""
    return ", ".join(filter(None, (shown.hint, needed)))


def _buttons(state: FormState, width: int) -> Line:
    spans: list[Span] = [Span("  ")]
    for number, button in enumerate(state.buttons):
        focused = state.focus == len(state.fields) + number
        word = tr(button)
        spans.append(Span(f"> {word} <" if focused else f"  {word}  ", "tag" if focused else "text"))
        spans.append(Span("   "))
    return crop(spans, width)
