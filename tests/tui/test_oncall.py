"""The on-call view in the running dashboard."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from sretool.errors import SourceUnreachable
from sretool.tui import format as fmt
from sretool.tui.screens.oncall import CalendarScreen, HandoverScreen, OnCallScreen
from tests.tui.duty import ONCALL, SYSTEM, Room
from tests.tui.screens import SMALL, WIDE, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.tui.screens import Dash


@asynccontextmanager
async def oncall_view(
    width: int = 80, height: int = 24, room: Room | None = None, **options: Any
) -> AsyncIterator[tuple[Dash, Room]]:
    room = room or Room(me="bo")
    async with dashboard(width, height, **{**room.options, **options}) as dash:
        await room.into(dash)
        dash.app.clear_notifications()
        await dash.press("7")
        await dash.until(lambda: room.triage.week is not None or room.triage.week_error is not None)
        await dash.until(
            lambda: room.triage.silences_at is not None or room.triage.silences_error is not None
        )
        yield dash, room


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE, SMALL])
async def test_who_is_on_call(width: int, height: int) -> None:
    async with oncall_view(width, height) as (dash, _):
        check_screen("oncall", dash)


async def test_it_says_that_it_is_me_until_when_and_who_is_next() -> None:
    async with oncall_view() as (dash, _):
        line = dash.lines()[1]
        assert "YOU ARE PRIMARY" in line
        assert "sre until Mon 08:00Z" in line
        assert "Next: Mia" in line
        await dash.press("2")
        assert "YOU ARE PRIMARY  until Mon 08:00Z" in dash.lines()[1]


@pytest.mark.parametrize(
    ("me", "said"),
    [
        ("mia", "you (mia) are backup of sre"),
        ("zoe", "you (zoe) are not on call"),
        (None, "who you are is not configured"),
    ],
)
async def test_it_says_so_where_it_is_not_me(me: str | None, said: str) -> None:
    async with oncall_view(room=Room(me=me)) as (dash, _):
        assert said in dash.lines()[1]


async def test_a_gap_in_the_rota_stands_out() -> None:
    async with oncall_view() as (dash, _):
        line = dash.row(" backend ")
        assert "NOBODY" in line
        assert "a gap in the rota" in line
        assert "05:00Z" in line


@pytest.mark.slow
async def test_a_gap_outside_the_hours_is_planned() -> None:
    schedule = replace(ONCALL.schedules[0], hours="working")
    system = replace(SYSTEM, oncall=replace(ONCALL, schedules=(schedule,)))
    async with oncall_view(room=Room(system=system)) as (dash, _):
        assert "outside its hours" in dash.row(" sre ")


async def test_without_a_rota_it_says_how_to_write_one() -> None:
    async with oncall_view(room=Room(system=None)) as (dash, _):
        assert "on-call is not configured: no `oncall` section in the catalog" in dash.text()
        assert "Add members, schedules" in dash.text()
        await dash.press("C")
        assert "not configured" in dash.text()


async def test_without_prometheus_the_rota_still_stands() -> None:
    room = Room(me="bo")
    room.metrics.error = SourceUnreachable("Prometheus cannot be reached")
    async with oncall_view(room=room) as (dash, _):
        assert "not known: Prometheus cannot be reached" in dash.text()
        assert "YOU ARE PRIMARY" in dash.text()


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_the_calendar_has_every_shift_of_four_weeks(width: int, height: int) -> None:
    async with oncall_view(width, height) as (dash, _):
        await dash.press("C")
        assert isinstance(dash.app.screen, CalendarScreen)
        check_screen("calendar", dash)
        await dash.press("C")
        assert isinstance(dash.app.screen, OnCallScreen)


async def test_the_hand_over_is_text_in_the_clipboard() -> None:
    async with oncall_view() as (dash, _):
        await dash.press("H")
        assert isinstance(dash.app.screen, HandoverScreen)
        copied = dash.app.clipboard
        assert "Hand-over 2026-11-20 03:12Z" in copied
        assert "- SRE on call: Bo until Mon 08:00Z, then Mia" in copied
        assert "open: ServiceDown" in copied
        assert all(line.strip() in dash.text() for line in copied.splitlines()[:4])
        await dash.press("escape")
        assert isinstance(dash.app.screen, OnCallScreen)


async def test_one_ack_takes_every_page_that_nobody_has() -> None:
    async with oncall_view() as (dash, room):
        await dash.press("a", "enter", "enter", "enter")
        await dash.until(lambda: len(room.alertmanager.written) == 2)
        await room.refresh(dash)
        assert "stopped by the ack" in dash.text()
        await dash.press("a")
        assert isinstance(dash.app.screen, OnCallScreen)


async def test_a_page_without_an_escalation_says_so() -> None:
    system = replace(SYSTEM, oncall=replace(ONCALL, escalations=()))
    async with oncall_view(room=Room(system=system)) as (dash, _):
        assert "no escalation of the catalog fits its labels" in dash.text()


async def test_noise_and_load_are_told() -> None:
    async with oncall_view(120, 40) as (dash, room):
        assert "load on sre: nights" in dash.text()
        assert room.triage.week is not None
        short = [replace(f, end=f.start + timedelta(minutes=2)) for f in room.triage.week]
        room.triage.week = (*short, *short)
        dash.app.repaint()
        await dash.settle()
        assert "noise: " in dash.text()


async def test_nothing_overflows_and_ascii_is_ascii() -> None:
    async with oncall_view(200, 60, glyphs=fmt.ASCII) as (dash, _):
        for width, height in ((140, 40), (99, 30), (57, 17), (40, 10)):
            await dash.resize(width, height)
            await dash.settle()
            assert dash.text().isascii()
            assert all(cell_len(line) <= width for line in dash.lines())
