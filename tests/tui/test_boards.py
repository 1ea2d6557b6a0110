from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sretool.core.catalog.read import read
from sretool.core.observe import panels
from sretool.core.observe.questions import Answers, Track
from sretool.tui import boards
from sretool.tui import format as fmt
from tests.support import watched
from tests.support.dashboard import NOW
from tests.tui.screens import WIDE, Dash, check_screen
from tests.tui.test_infra import infra, row


async def opened(dash: Dash) -> None:
    await dash.press("D", "enter")
    await dash.until(lambda: "asking" not in dash.text())


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_a_dashboard_of_the_catalog_is_a_grid_of_panels(width: int, height: int) -> None:
    async with infra(width, height, view="overview") as dash:
        await opened(dash)
        check_screen("dashboard", dash)


async def test_ascii_needs_no_other_signs() -> None:
    async with infra(160, 48, glyphs=fmt.ASCII, view="overview") as dash:
        await opened(dash)
        assert dash.text().isascii()


async def test_every_panel_names_its_source_and_unit_or_how_to_get_it() -> None:
    async with infra(160, 48, view="overview") as dash:
        await opened(dash)
        assert "web · 1/s" in row(dash, "Requests")
        assert "not configured: collect feedback; export a gauge" in dash.text()


async def test_a_broken_panel_shows_its_own_error_and_no_other_does() -> None:
    async with infra(160, 48, view="overview") as dash:
        await opened(dash)
        assert dash.text().count("invalid parameter: unknown function") == 1


async def test_enter_shows_one_panel_on_the_whole_screen_and_esc_goes_back() -> None:
    async with infra(view="overview") as dash:
        await opened(dash)
        await dash.press("j", "enter")
        assert "Latency" in dash.lines()[2]
        assert "Requests" not in dash.text()
        await dash.press("escape")
        assert "Requests" in dash.text() or "Latency" in dash.text()


async def test_moving_brings_the_selected_panel_on_screen() -> None:
    async with infra(view="overview") as dash:
        await opened(dash)
        await dash.press("G")
        assert ">" in row(dash, "Firing")
        await dash.press("g")
        assert ">" in row(dash, "Requests")
        await dash.press("ctrl+d")
        assert ">" not in dash.lines()[3]
        await dash.press("ctrl+u")
        assert ">" in row(dash, "Requests")


@pytest.mark.slow
async def test_time_is_chosen_with_the_keys_of_all_charts() -> None:
    async with infra(view="overview") as dash:
        await opened(dash)
        assert "1h live" in dash.lines()[0]
        await dash.press("+")
        assert "30m live" in dash.lines()[0]
        half_an_hour = {timedelta(minutes=30)}
        await dash.until(lambda: {span.over for _, span in dash.watch.wanted.past} == half_an_hour)
        await dash.press("[")
        assert "live" not in dash.lines()[0]
        await dash.press("0")
        assert "live" in dash.lines()[0]


async def test_compare_asks_for_the_same_time_before() -> None:
    async with infra(view="overview") as dash:
        await opened(dash)
        await dash.press("c")
        both = {timedelta(), timedelta(hours=1)}
        await dash.until(lambda: {span.back for _, span in dash.watch.wanted.past} == both)


async def test_the_cursor_reads_values() -> None:
    async with infra(view="overview") as dash:
        await opened(dash)
        await dash.press("v", "h", "h")
        assert "03:1" in dash.lines()[4]


async def test_copy_takes_values_and_promql() -> None:
    async with infra(view="overview") as dash:
        await opened(dash)
        await dash.press("y")
        assert dash.app.clipboard.startswith("Requests\nat 2026-11-20T03:12:41Z\n")
        assert dash.app.clipboard.endswith("http_rate")


async def test_the_list_says_how_to_have_dashboards() -> None:
    bare = read({"a.yaml": watched.CATALOG.partition("dashboards:")[0]})
    async with infra(view="overview", system=bare) as dash:
        await dash.press("D")
        assert "not configured: add `dashboards` with panels to the catalog" in dash.text()


def test_panels_that_fit_stand_side_by_side_and_spare_rows_go_to_charts() -> None:
    (board,) = watched.system().dashboards
    data = [panels.data(panel, Answers(), panels.chart_span(board.range)) for panel in board.panels]
    narrow, wide = boards.grid(data, 80, 21), boards.grid(data, 160, 45)
    assert {place.left for place in narrow.placed} == {0}
    assert len({place.left for place in wide.placed}) == 3
    assert wide.height == 45
    for place in wide.placed:
        assert place.left + place.width <= 160


def test_the_selected_panel_is_on_screen_wherever_it_is() -> None:
    (board,) = watched.system().dashboards
    data = [panels.data(panel, Answers(), panels.chart_span(board.range)) for panel in board.panels]
    grid = boards.grid(data, 80, 21)
    top = 0
    for number in (*range(len(data)), *reversed(range(len(data)))):
        top = grid.scroll(number, top, 21)
        place = grid.placed[number]
        assert top <= place.top
        assert place.top + min(place.height, 21) <= top + 21


def test_a_chart_that_ended_says_nothing_about_now() -> None:
    (board,) = watched.system().dashboards
    panel = board.panels[0]
    span = panels.chart_span(board.range)
    now = NOW
    (series,) = watched.curves()["http_rate"]
    inside = tuple(
        point for point in series.points if span.start(now) <= point[0] < now - timedelta(minutes=30)
    )
    track = Track((replace(series, points=inside),), span.end(now), now)
    shown = panels.data(panel, Answers(tracks={("http_rate", span): track}), span)
    assert shown.shown[0].value is None
    assert shown.condition is panels.Condition.NO_DATA
