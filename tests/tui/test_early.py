from __future__ import annotations

from datetime import timedelta

import pytest
from rich.cells import cell_len

from sretool.core.observe.remembered import as_it_was
from sretool.tui import early
from sretool.tui import format as fmt
from sretool.tui.board import Board
from sretool.tui.line import plain
from sretool.tui.palettes import PALETTES
from tests.support.dashboard import NOW, amas, snapshot, some_alerts, some_changes

LATER = NOW + timedelta(minutes=5)


def _board() -> Board:
    last = snapshot(amas(), alerts=some_alerts(), changes=some_changes())
    return Board(as_it_was(last, LATER), refresh=timedelta(seconds=5), origin="lab amas")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 48), (40, 10), (300, 100)])
def test_the_first_frame_fills_the_screen_and_says_how_old_it_is(width: int, height: int) -> None:
    drawn = early.lines(_board().view(LATER), width, height)
    assert [cell_len(plain(line)) for line in drawn] == [width] * height
    text = "\n".join(plain(line) for line in drawn)
    assert "OLD" in plain(drawn[0])
    assert plain(drawn[1]).startswith(" STALE")
    assert plain(drawn[3])[1:3] == f"{fmt.UNICODE.levels[amas()[0].level]}?"
    assert "learning-availability" in text
    assert plain(drawn[-1]).strip() == "loading ..."


@pytest.mark.parametrize("palette", PALETTES, ids=lambda each: each.name)
def test_colours_are_left_out_where_the_terminal_or_the_reader_has_none(palette: object) -> None:
    name = palette.name  # type: ignore[attr-defined]
    for environment in ({}, {"COLORTERM": "truecolor", "NO_COLOR": ""}):
        frame = early.EarlyFrame(name, environment)
        assert ";2;" not in frame._sgr("page")
    exact = early.EarlyFrame(name, {"COLORTERM": "truecolor"})._sgr("page")
    assert ("38;2;" in exact) is (not palette.ansi)  # type: ignore[attr-defined]
