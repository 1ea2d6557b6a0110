"""Keys of screens with charts: range, pan, zoom, cursor, comparison, copy."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.observe.model import Change, Drill, Series
from sretool.core.observe.questions import Span
from sretool.tui.screens.detail import _fired_question
from tests.support.dashboard import NOW, amas
from tests.tui.duty import Room, silence
from tests.tui.screens import WIDE, check_screen, dashboard

if TYPE_CHECKING:
    from tests.tui.screens import Dash

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
FIRST = amas()[0].slo


async def opened(dash: Dash) -> None:
    await dash.press("enter")
    await dash.charts()
    await dash.settle()


async def asked(dash: Dash, span: Span) -> None:
    expr = dash.app.error_ratio(FIRST, span.step)
    await dash.until(lambda: dash.app.answers.track(expr, span).at)


async def test_panning_shows_an_earlier_time_and_0_the_present() -> None:
    async with dashboard() as dash:
        await opened(dash)
        assert "ERROR RATIO 6h live" in dash.text()
        await dash.press("[")
        assert "ERROR RATIO 19 Nov 18:12:41Z +6h" in dash.text()
        await asked(dash, Span(6 * HOUR, MINUTE, until=NOW - 3 * HOUR))
        await dash.press("[", "]", "]")
        assert "6h live" in dash.text()
        await dash.press("[", "0")
        assert "6h live" in dash.text()


async def test_zooming_changes_the_span() -> None:
    async with dashboard() as dash:
        await opened(dash)
        await dash.press("+")
        assert "ERROR RATIO 3h live" in dash.text()
        await dash.press("-", "-")
        assert "ERROR RATIO 12h live" in dash.text()


async def test_a_range_is_typed_with_a_preview_and_completed_with_tab() -> None:
    async with dashboard(100, 30) as dash:
        await opened(dash)
        await dash.press("t")
        assert "15m  1h  6h  1d" in dash.lines()[-1]
        await dash.press(*"-3h +30m")
        assert "20 Nov 00:12:41Z +30m" in dash.lines()[-1]
        await dash.press("enter")
        assert "ERROR RATIO 20 Nov 00:12:41Z +30m" in dash.text()
        await dash.press("t", *"soon")
        assert "'soon' is not a time" in dash.lines()[-1]
        await dash.press("escape")
        assert "+30m" in dash.text()
        await dash.press("t", *"soon", "enter")
        assert "'soon' is not a time" in str(list(dash.app._notifications)[-1].message)
        await dash.press("t", "tab", "tab", "enter")
        assert "ERROR RATIO 1h live" in dash.text()


async def test_the_cursor_reads_exact_values_and_moves() -> None:
    async with dashboard() as dash:
        await opened(dash)
        await dash.press("v")
        assert "03:12:00Z 1.393%" in dash.row("ERROR RATIO")
        await dash.press("h")
        assert "03:11:00Z" in dash.row("ERROR RATIO")
        await dash.press("H")
        assert "03:01:00Z" in dash.row("ERROR RATIO")
        await dash.press("right", "L", "L")
        assert "03:12:4" in dash.row("ERROR RATIO") or "03:12:00Z" in dash.row("ERROR RATIO")
        await dash.press("escape")
        assert "Z 1." not in dash.row("ERROR RATIO")
        assert dash.app.timeline.cursor is None
        assert len(dash.app.screen_stack) == 2
        await dash.press("escape")
        assert len(dash.app.screen_stack) == 1


async def test_the_cursor_says_where_nothing_was_measured() -> None:
    async with dashboard() as dash:
        await opened(dash)
        await dash.press("v")
        dash.app.timeline.cursor = NOW - 225 * MINUTE
        dash.app.repaint()
        await dash.settle()
        assert "no data" in dash.row("ERROR RATIO")


async def test_a_cursor_stays_on_its_moment_while_time_goes_on() -> None:
    async with dashboard() as dash:
        await opened(dash)
        await dash.press("v", "h")
        dash.clock.forward(120)
        await dash.poll()
        assert "03:11:00Z" in dash.row("ERROR RATIO")


async def test_comparing_goes_round_and_tells_how_much_it_differs() -> None:
    async with dashboard(120, 40) as dash:
        await opened(dash)
        for words, back in (("1 hour ago", HOUR), ("1 day ago", 24 * HOUR), ("1 week ago", 168 * HOUR)):
            await dash.press("c")
            await asked(dash, Span(6 * HOUR, MINUTE, back))
            assert words in dash.row("ERROR RATIO")
        assert "vs 1 week ago" in dash.row("ERROR RATIO")
        await dash.press("c")
        assert "ago" not in dash.row("ERROR RATIO")


async def test_what_is_read_is_copied_with_its_query_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard() as dash:
        copied: list[str] = []
        monkeypatch.setattr(dash.app, "copy_to_clipboard", copied.append)
        await opened(dash)
        await dash.press("v", "h", "y")
        (text,) = copied
        head, query, _ = text.split("\n")
        assert head.startswith("amas/learning-availability error ratio 1.")
        assert head.endswith("% at 2026-11-20T03:11:00Z")
        assert query == "error_ratio(amas/learning-availability)[1m]"


async def test_there_is_nothing_to_copy_before_there_is_data(monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard(down=["prometheus"]) as dash:
        copied: list[str] = []
        monkeypatch.setattr(dash.app, "copy_to_clipboard", copied.append)
        await dash.press("enter", "y")
        assert copied == []
        assert "nothing to copy" in str(list(dash.app._notifications)[-1].message)


async def test_pausing_holds_the_charts_and_local_time_moves_their_labels() -> None:
    async with dashboard() as dash:
        await opened(dash)
        await dash.press("p")
        before = [line for line in dash.lines() if "Z" in line and "22:00" in line]
        dash.clock.forward(600)
        await dash.poll()
        assert [line for line in dash.lines() if "Z" in line and "22:00" in line] == before
        await dash.press("T")
        assert "22:00Z" not in dash.text()


async def test_the_time_is_the_same_on_every_screen() -> None:
    async with dashboard(160, 48) as dash:
        await dash.charts()
        await opened(dash)
        await dash.press("+", "escape")
        assert "ERROR RATIO 3h live" in dash.text()


async def test_only_what_is_on_screen_is_asked_for() -> None:
    async with dashboard() as dash:
        await dash.poll()
        assert dash.watch.asked["panels"] == 0
        await opened(dash)
        assert [expr for expr, _ in dash.watch.wanted.past] == [dash.app.error_ratio(FIRST, MINUTE)]
        await dash.press("escape")
        before = dash.watch.asked["panels"]
        await dash.poll()
        assert dash.watch.asked["panels"] == before


async def test_a_short_way_past_many_rows_asks_for_the_last_only() -> None:
    async with dashboard(160, 48) as dash:
        await dash.charts()
        seen = []
        plain = dash.watch.ask

        async def noted(wanted: object) -> object:
            seen.append(wanted)
            return await plain(wanted)  # type: ignore[arg-type]

        dash.watch.ask = noted  # type: ignore[method-assign,assignment]
        await dash.press("j", "j", "j")
        await dash.charts()
        assert len(seen) <= 2


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_a_cursor_a_comparison_and_bands(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        dash.watch.changes = (
            *dash.watch.changes,
            Change(NOW - 90 * MINUTE, "deploy", "v412 by mia", {"service": "amas"}),
            Change(NOW - 80 * MINUTE, "deploy", "of another service", {"service": "shop"}),
            Change(NOW - 2 * MINUTE, "note", "mia: looking, v412 suspect", {"service": "amas"}),
        )
        drill = Drill("zone-loss", NOW - 200 * MINUTE, ("amas",), NOW - 170 * MINUTE)
        dash.watch.drills = (drill,)
        expr, _ = _fired_question(FIRST)
        fired = [NOW - timedelta(days=3) + number * 5 * MINUTE for number in range(5)]
        labels = {"alertname": "SLOBudgetBurn", "severity": "page", "long": "1h", "short": "5m"}
        dash.watch.curves[expr] = (Series(labels, tuple((at.replace(second=0), 1.0) for at in fired)),)
        await dash.poll()
        await opened(dash)
        await dash.press("c", "c", "v", "H")
        await asked(dash, Span(6 * HOUR, MINUTE, 24 * HOUR))
        text = dash.text()
        assert "another service" not in text
        assert "░ drill zone-loss" in text or width < 100
        check_screen("timed", dash)


async def test_when_the_page_of_an_slo_was_silenced_is_a_band_on_its_charts() -> None:
    room = Room()
    for number, matchers in enumerate(('slo="amas/learning-availability"', 'alertname="DiskFull"')):
        kept = silence(f"band{number}", matchers, by=f"mia{number}")
        room.alertmanager.kept[kept.id] = kept
    options: dict[str, Any] = room.options
    async with dashboard(160, 48, **options) as dash:
        await room.into(dash)
        await opened(dash)
        await dash.until(lambda: room.triage.silences_at is not None)
        await dash.settle()
        assert "░ silenced by mia0 " in dash.row("ERROR RATIO")
        assert "mia1" not in dash.text()
        assert "bo" not in dash.row("ERROR RATIO")
