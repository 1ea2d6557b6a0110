"""What is typed into a dialog, without a terminal."""

from __future__ import annotations

import pytest

from sretool.tui import form
from sretool.tui import format as fmt
from sretool.tui.form import Choice, FormState, Text
from sretool.tui.line import cells, plain


def silence(*, risky: bool = True, word: str = "") -> FormState:
    fields = (
        Text("matchers", "MATCHERS", 'service="amas"'),
        Choice("for", "FOR", ("15m", "1h", "4h"), "1h"),
        Text("comment", "COMMENT", required=True),
    )
    return FormState("SILENCE", "Silence 1h", fields, risky=risky, word=word)


def type_text(state: FormState, text: str) -> None:
    for character in text:
        state.take(character, character)


def test_whoever_only_presses_enter_changes_nothing() -> None:
    state = silence()
    assert [state.take("enter") for _ in range(4)] == ["open", "open", "open", "cancelled"]


def test_a_safe_question_is_answered_with_enter() -> None:
    state = FormState("ACK", "Ack", (Text("note", "NOTE"),), risky=False)
    assert [state.take("enter"), state.take("enter")] == ["open", "done"]


def test_a_required_text_is_asked_for() -> None:
    state = silence()
    for key in ("tab", "tab", "tab", "right", "enter"):
        outcome = state.take(key)
    assert outcome == "open"
    assert "COMMENT" in state.complaint
    assert state.focus == 2
    type_text(state, "deploy")
    assert not state.complaint
    for key in ("enter", "right", "enter"):
        outcome = state.take(key)
    assert outcome == "done"
    assert state.values == {"matchers": 'service="amas"', "for": "1h", "comment": "deploy"}


def test_a_word_that_must_be_typed_guards_the_button() -> None:
    state = FormState("SILENCE", "Silence", word="amas")
    type_text(state, "ama")
    for key in ("tab", "right", "enter"):
        outcome = state.take(key)
    assert outcome == "open"
    assert state.complaint == "type amas to go on"
    type_text(state, "s")
    for key in ("tab", "right", "enter"):
        outcome = state.take(key)
    assert outcome == "done"
    assert state.values == {}


def test_a_choice_goes_round() -> None:
    state = silence()
    state.take("tab")
    seen = []
    for key in ("right", "right", "left"):
        state.take(key)
        seen.append(state.values["for"])
    assert seen == ["4h", "15m", "4h"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        pytest.param(["backspace"], 'service="amas', id="before the caret"),
        pytest.param(["home", "delete"], 'ervice="amas"', id="after the caret"),
        pytest.param(["left", "x"], 'service="amasx"', id="in the middle"),
        pytest.param(["ctrl+u"], "", id="all before"),
        pytest.param(["ctrl+a", "right", "ctrl+u"], 'ervice="amas"', id="from the start"),
        pytest.param(["space"], 'service="amas"', id="a key without a character"),
    ],
)
def test_a_text_is_edited_where_the_caret_is(keys: list[str], text: str) -> None:
    state = silence()
    for key in keys:
        state.take(key, key if len(key) == 1 else None)
    assert state.values["matchers"] == text


def test_what_is_pasted_stays_on_one_line() -> None:
    state = FormState("N", "Go", (Text("note", "NOTE"),))
    state.paste("two\nlines\t here")
    assert state.values["note"] == "two lines here"


@pytest.mark.parametrize("width", [78, 40, 20])
@pytest.mark.parametrize("glyphs", [fmt.UNICODE, fmt.ASCII])
def test_every_line_has_the_width(width: int, glyphs: fmt.Glyphs) -> None:
    state = silence(word="結算服務")
    type_text(state, "結算服務" * 20)
    drawn = form.lines(state, width, glyphs)
    assert {cells(line) for line in drawn} == {width}
    if glyphs is fmt.ASCII:
        state = silence()
        assert all(plain(line).isascii() for line in form.lines(state, width, glyphs))


def test_the_default_button_is_marked() -> None:
    state = FormState("STOP", "Stop it")
    assert "> Cancel <" in plain(form.lines(state, 60, fmt.UNICODE)[-2])
    state.take("right")
    assert "> Stop it <" in plain(form.lines(state, 60, fmt.UNICODE)[-2])
