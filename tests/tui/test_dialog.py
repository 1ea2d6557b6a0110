"""Dialogs in a running app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.tui import format as fmt
from sretool.tui.form import Text
from sretool.tui.line import Span
from sretool.tui.widgets.dialog import Confirm, Form
from tests.tui.screens import dashboard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.tui.line import Line


async def test_a_risky_question_is_answered_no_by_enter() -> None:
    answers: list[object] = []
    async with dashboard() as dash:
        said = [[Span("3 alerts would be hidden")]]
        dash.app.push_screen(Confirm("SURE?", said, verb="Do it", glyphs=fmt.UNICODE), answers.append)
        await dash.settle()
        assert "3 alerts would be hidden" in dash.text()
        assert "> Cancel <" in dash.text()
        await dash.press("enter")
    assert answers == [None]


async def test_yes_needs_a_step_to_it() -> None:
    answers: list[object] = []
    async with dashboard() as dash:
        dash.app.push_screen(Confirm("SURE?", (), verb="Do it", glyphs=fmt.UNICODE), answers.append)
        await dash.press("right", "enter")
    assert answers == [{}]


async def test_keys_of_the_dashboard_are_text_in_a_dialog() -> None:
    answers: list[object] = []

    def notes(values: Mapping[str, str]) -> list[Line]:
        return [[Span(f"so far: {values['note']}")]]

    async with dashboard() as dash:
        asked = Form(
            "NOTE", [Text("note", "NOTE")], verb="Keep", glyphs=fmt.UNICODE, notes=notes, risky=False
        )
        dash.app.push_screen(asked, answers.append)
        await dash.press("q", "p", "2", "question_mark", "slash", "e", "colon")
        assert "so far: qp2?/e:" in dash.text()
        await dash.press("enter", "enter")
        assert dash.app.is_running
    assert answers == [{"note": "qp2?/e:"}]


async def test_what_check_finds_wrong_keeps_the_dialog_open() -> None:
    answers: list[object] = []
    async with dashboard() as dash:
        asked = Form(
            "FOR",
            [Text("for", "FOR", "99d")],
            verb=lambda values: f"Silence {values['for']}",
            glyphs=fmt.UNICODE,
            check=lambda values: None if values["for"] == "1h" else "at most 24h",
            risky=False,
        )
        dash.app.push_screen(asked, answers.append)
        await dash.press("enter", "enter")
        assert "at most 24h" in dash.text()
        assert "Silence 99d" in dash.text()
        await dash.press("up", "ctrl+u", "1", "h", "enter", "enter")
    assert answers == [{"for": "1h"}]


async def test_a_dialog_fits_a_small_terminal() -> None:
    async with dashboard(40, 10) as dash:
        dash.app.push_screen(Confirm("SURE?", (), verb="Do it", glyphs=fmt.UNICODE))
        await dash.settle()
        assert "> Cancel <" in dash.text()
        await dash.press("escape")
        assert "SURE?" not in dash.text()
