"""The running dashboard: keys, loops, outages, sizes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.cells import cell_len

from sretool.core.slo.model import Level
from sretool.tui import format as fmt
from sretool.tui.app import NOT_DRAWN
from sretool.tui.screens.alerts import OpenAlertScreen
from sretool.tui.screens.detail import DetailScreen
from sretool.tui.screens.overview import OverviewScreen
from sretool.tui.screens.pages import ExplainScreen, HelpScreen
from sretool.tui.themes import THEMES
from tests.support.dashboard import amas, quiet, slo, status
from tests.tui.screens import SMALL, WIDE, check_screen, dashboard

SIZES = [(80, 24), WIDE, SMALL]
CHARTS_FROM = 140
"""Columns from which the overview shows charts."""


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_overview(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        if width >= CHARTS_FROM:
            await dash.charts()
        check_screen("overview", dash)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_overview_when_all_is_well(width: int, height: int) -> None:
    async with dashboard(width, height, quiet()) as dash:
        dash.watch.alerts = ()
        await dash.poll()
        if width >= CHARTS_FROM:
            await dash.charts()
        check_screen("quiet", dash)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_detail_of_an_slo(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        await dash.press("enter")
        await dash.charts()
        check_screen("detail", dash)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_overview_with_prometheus_lost(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        if width >= CHARTS_FROM:
            await dash.charts()
        dash.watch.down.add("prometheus")
        dash.clock.forward(130)
        await dash.poll()
        if width >= CHARTS_FROM:
            await dash.until(lambda: dash.app.past(amas()[0].slo.id).error)
        dash.app.clear_notifications()
        await dash.settle()
        check_screen("lost", dash)


async def test_the_overview_in_ascii() -> None:
    async with dashboard(80, 24, glyphs=fmt.ASCII) as dash:
        assert dash.text().isascii()
        check_screen("ascii", dash)


@pytest.mark.slow
@pytest.mark.parametrize("keys", [[], ["enter"], ["question_mark"], ["i"]], ids=str)
async def test_no_screen_overflows_at_any_size(keys: list[str]) -> None:
    async with dashboard(200, 60) as dash:
        await dash.press(*keys)
        for width, height in ((200, 60), (140, 40), (99, 30), (57, 17), (40, 10)):
            await dash.resize(width, height)
            await dash.settle()
            lines = dash.lines()
            assert len(lines) == height
            assert all(cell_len(line) <= width for line in lines)
            assert lines[0].strip()
            assert "? help" in lines[-1]


async def test_a_resize_lays_the_screen_out_anew() -> None:
    async with dashboard(80, 24) as dash:
        await dash.resize(160, 48)
        await dash.settle()
        assert "OWNER" in dash.text()
        assert "ERROR RATIO" in dash.text()
        await dash.resize(40, 10)
        await dash.settle()
        assert "OWNER" not in dash.text()
        assert all(cell_len(line) <= 40 for line in dash.lines())


# --- outages ----------------------------------------------------------------------------------------------


async def test_the_first_frame_is_there_before_any_answer_and_claims_nothing() -> None:
    async with dashboard(down=["prometheus", "alertmanager"]) as dash:
        text = dash.text()
        assert "forgetting-alert-delivery" in text
        assert " ok" not in text.splitlines()[0]
        assert "Prometheus has never answered: connection refused" in text


async def test_a_lost_prometheus_clears_nothing_and_turns_nothing_ok() -> None:
    async with dashboard() as dash:
        before = dash.row(" learning-availability ")
        dash.watch.down.add("prometheus")
        dash.watch.statuses = quiet()
        dash.clock.forward(11)
        await dash.poll()
        after = dash.row(" learning-availability ")
        assert after.replace("▲?", "▲ ") == before
        assert "STALE" in dash.lines()[1]
        assert "PROM LOST 11s, retry" in dash.lines()[0]


async def test_it_recovers_without_a_key() -> None:
    async with dashboard(refresh=timedelta(seconds=1)) as dash:
        dash.watch.down.add("prometheus")
        dash.clock.forward(11)
        await dash.poll()
        assert "STALE" in dash.lines()[1]
        dash.watch.down.clear()
        dash.watch.statuses = quiet()
        dash.watch.alerts = ()
        await dash.until(lambda: "STALE" not in dash.lines()[1])
        assert "▲" not in dash.row(" learning-availability ")
        assert "PROM LOST" not in dash.text()


async def test_a_lost_alertmanager_marks_its_alerts_only() -> None:
    async with dashboard() as dash:
        dash.watch.down.add("alertmanager")
        dash.clock.forward(11)
        await dash.poll()
        assert "AM LOST 11s" in dash.lines()[0]
        assert "as of 03:12:41Z" in dash.row("ALERTS")
        assert "PAGE  ?" in dash.row("SLOBudgetBurn")
        assert "▲?" not in dash.text()
        assert "IT IS US" in dash.lines()[1]


@pytest.mark.slow
async def test_an_outage_is_told_in_one_toast() -> None:
    async with dashboard() as dash:
        dash.watch.down.add("prometheus")
        for _ in range(4):
            dash.clock.forward(11)
            await dash.poll()
        assert [note.message for note in dash.app._notifications] == ["Prometheus lost: connection refused"]


async def test_a_fault_in_a_loop_is_logged_and_the_loop_starts_again() -> None:
    async with dashboard() as dash:
        dash.watch.crash = RuntimeError("a fault of ours")
        await dash.poll()
        assert dash.app.is_running
        await dash.press("i")
        assert "a fault of ours" in dash.text()
        asked = dash.watch.asked["prometheus"]
        await dash.until(lambda: dash.watch.asked["prometheus"] > asked)


async def test_data_that_cannot_be_drawn_is_told_and_ends_nothing() -> None:
    async with dashboard() as dash:
        dash.watch.statuses = (replace(amas()[0], burns=None),)  # type: ignore[arg-type]
        await dash.poll()
        assert dash.app.is_running
        assert NOT_DRAWN in dash.app.board.log[-1][1]
        dash.app.board.log.clear()
        dash.watch.statuses = amas()
        await dash.poll()


async def test_a_failed_history_keeps_the_last_and_says_so() -> None:
    async with dashboard() as dash:
        await dash.press("enter")
        await dash.charts()
        dash.watch.down.add("prometheus")
        await dash.press("R")
        await dash.until(lambda: dash.app.past(amas()[0].slo.id).error)
        assert "last 6h" in dash.text()
        assert "as of 03:12:41Z" in dash.row("ERROR RATIO")
        await dash.resize(160, 48)
        await dash.settle()
        assert "as of 03:12:41Z, failed: connection refused" in dash.text()


# --- keys -------------------------------------------------------------------------------------------------


async def test_q_goes_back_and_quits_only_at_the_root() -> None:
    async with dashboard() as dash:
        await dash.press("enter")
        assert isinstance(dash.app.screen, DetailScreen)
        await dash.press("q")
        assert isinstance(dash.app.screen, OverviewScreen)
        assert dash.app.is_running
        await dash.press("q")
        assert not dash.app.is_running


@pytest.mark.slow
@pytest.mark.parametrize("where", [[], ["enter"], ["question_mark"], ["slash"]])
async def test_ctrl_c_never_quits(where: list[str]) -> None:
    async with dashboard() as dash:
        await dash.press(*where, "ctrl+c", "ctrl+c")
        assert dash.app.is_running


async def test_moving_and_opening_follow_the_cursor() -> None:
    async with dashboard() as dash:
        assert dash.row(" learning-availability ").startswith(">")
        await dash.press("j", "j")
        assert dash.row("learning-latency").startswith(">")
        await dash.press("k")
        assert dash.row("write-durability").startswith(">")
        await dash.press("G")
        assert dash.row("admin-availability").startswith(">")
        await dash.press("g", "enter")
        assert "slo > amas/learning-availability" in dash.lines()[0]
        await dash.press("j")
        assert "slo > amas/write-durability" in dash.lines()[0]
        await dash.press("escape")
        assert isinstance(dash.app.screen, OverviewScreen)


async def test_half_pages_in_a_long_list() -> None:
    many = [status(slo(f"svc-{number:03}/availability")) for number in range(300)]
    async with dashboard(80, 24, many) as dash:
        await dash.press("ctrl+d", "ctrl+d")
        assert "svc-000" not in dash.text()
        await dash.press("G")
        assert "svc-299" in dash.text()
        await dash.press("ctrl+u", "g")
        assert dash.row("svc-000").startswith(">")


async def test_the_cursor_stays_on_its_slo_when_the_order_changes() -> None:
    async with dashboard() as dash:
        await dash.press("j", "j")
        first, *rest = dash.watch.statuses
        dash.watch.statuses = (replace(first, level=Level.OK), *rest)
        dash.clock.forward(3)
        await dash.poll()
        assert dash.row("learning-latency").startswith(">")
        assert dash.lines()[3].startswith(" ✖")


async def test_an_untouched_cursor_stays_on_the_worst() -> None:
    async with dashboard(80, 24, quiet()) as dash:
        assert dash.lines()[3].startswith(">")
        dash.watch.statuses = (status(slo("amas/learning-latency"), Level.PAGE, burn=20), *quiet()[:2])
        await dash.poll()
        assert dash.row(" learning-latency ").startswith(">▲")
        assert dash.lines()[3].startswith(">▲")


async def test_a_filter_narrows_while_typing_and_escape_clears_it() -> None:
    async with dashboard() as dash:
        await dash.press("slash", *"latency")
        assert "write-durability" not in dash.text()
        assert "6 hidden" in dash.text()
        await dash.press("enter")
        assert "/latency" in dash.lines()[0]
        await dash.press("escape")
        assert "write-durability" in dash.text()
        assert "/latency" not in dash.lines()[0]


async def test_escape_while_typing_drops_the_filter() -> None:
    async with dashboard() as dash:
        await dash.press("slash", *"!lat", "escape")
        assert "learning-latency" in dash.text()
        assert dash.app.board.filter.text == ""


async def test_letters_typed_into_the_filter_are_no_keys() -> None:
    async with dashboard() as dash:
        await dash.press("slash", *"qpRTi?")
        assert isinstance(dash.app.screen, OverviewScreen)
        assert dash.app.board.filter.text == "qpRTi?"
        assert "no SLO matches the filter" in dash.text()


async def test_abnormal_only() -> None:
    async with dashboard() as dash:
        await dash.press("exclamation_mark")
        assert "stats-availability" not in dash.text()
        await dash.press("exclamation_mark")
        assert "stats-availability" in dash.text()


async def test_pause_holds_the_screen_and_counts() -> None:
    async with dashboard() as dash:
        await dash.press("p")
        dash.watch.statuses = quiet()
        await dash.poll()
        assert "PAUSED" in dash.lines()[0]
        assert "▲" in dash.row(" learning-availability ")
        await dash.press("p")
        assert "PAUSED" not in dash.lines()[0]
        assert "▲" not in dash.row(" learning-availability ")


async def test_refresh_asks_every_source_at_once() -> None:
    async with dashboard() as dash:
        before = dict(dash.watch.asked)
        await dash.press("R")
        assert dash.watch.asked["prometheus"] == before["prometheus"] + 1
        assert dash.watch.asked["alertmanager"] == before["alertmanager"] + 1


async def test_times_are_utc_until_asked_otherwise() -> None:
    async with dashboard() as dash:
        assert dash.lines()[0].rstrip().endswith("03:12:41Z")
        await dash.press("T")
        assert not dash.lines()[0].rstrip().endswith("Z")


async def test_help_lists_the_keys_of_the_screen_it_was_opened_on() -> None:
    async with dashboard() as dash:
        await dash.press("question_mark")
        assert isinstance(dash.app.screen, HelpScreen)
        assert "KEYS: overview" in dash.text()
        await dash.press("G")
        assert "SIGNS" in dash.text()
        await dash.press("question_mark", "enter", "question_mark")
        assert "KEYS: one SLO" in dash.text()


async def test_explaining_the_verdict() -> None:
    async with dashboard() as dash:
        await dash.press("i")
        assert isinstance(dash.app.screen, ExplainScreen)
        assert "1h and 5m both above 14.4x" in dash.text()
        assert "Prometheus: fresh" in dash.text()


async def test_an_alert_opens_with_its_annotations() -> None:
    async with dashboard() as dash:
        await dash.press("tab", "j", "j", "enter")
        assert isinstance(dash.app.screen, OpenAlertScreen)
        assert "HighMemory summary" in dash.text()
        assert "users wait" in dash.text()


async def test_tab_stays_on_the_slos_while_no_alert_is_open() -> None:
    async with dashboard() as dash:
        dash.watch.alerts = ()
        await dash.poll()
        await dash.press("tab")
        assert dash.row(" learning-availability ").startswith(">")
        await dash.press("enter")
        assert isinstance(dash.app.screen, DetailScreen)


@pytest.mark.parametrize("ending", ["resolved", "filtered"])
async def test_alerts_that_end_under_the_cursor_hand_it_back_to_the_slos(ending: str) -> None:
    async with dashboard() as dash:
        await dash.press("tab")
        assert not dash.row(" learning-availability ").startswith(">")
        if ending == "resolved":
            dash.watch.alerts = ()
            await dash.poll()
        else:
            await dash.press("slash", *"tier=1", "enter")
        assert dash.row(" learning-availability ").startswith(">")


@pytest.mark.slow
@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_theme_draws_the_same_text(theme: str) -> None:
    async with dashboard(theme=theme) as dash:
        assert "IT IS US" in dash.lines()[1]
        assert dash.row(" learning-availability ").startswith(">▲")


async def test_only_one_request_per_source_is_under_way() -> None:
    async with dashboard() as dash:
        started = asyncio.Event()
        release = asyncio.Event()
        under_way = 0
        most = 0
        plain_poll = dash.watch.poll_metrics

        async def slow() -> object:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            started.set()
            await release.wait()
            under_way -= 1
            return await plain_poll()

        dash.watch.poll_metrics = slow  # type: ignore[method-assign,assignment]
        dash.app._start_loop("prometheus")
        await started.wait()
        for _ in range(3):
            await dash.press("R")
        assert most == 1
        release.set()


async def test_history_is_asked_for_the_row_the_cursor_rests_on() -> None:
    async with dashboard(160, 48) as dash:
        await dash.press("j", "k", "j", "k")
        asked = dash.watch.asked["history"]
        await asyncio.sleep(0.3)
        assert dash.watch.asked["history"] - asked <= 1


@pytest.mark.slow
async def test_an_age_counts_on_without_answers() -> None:
    async with dashboard() as dash:
        dash.clock.forward(7)
        dash.app._painted_at = 0.0
        dash.app._tick()
        await dash.settle()
        assert "prom 7s" in dash.lines()[0]
        assert dash.clock() - dash.app.board.snapshot.at == timedelta(seconds=7)
