from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.tui import format as fmt
from tests.support import watched
from tests.tui.screens import WIDE, Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sretool.core.catalog.model import System


@asynccontextmanager
async def infra(
    width: int = 80,
    height: int = 24,
    *,
    glyphs: fmt.Glyphs = fmt.UNICODE,
    system: System | None = None,
    view: str = "infra",
) -> AsyncIterator[Dash]:
    async with dashboard(width, height, glyphs=glyphs, system=system or watched.system()) as dash:
        watched.teach(dash.watch)
        dash.app.open_view(view)
        if view != "overview":
            await dash.until(lambda: dash.app.answers.found)
        yield dash


def row(dash: Dash, containing: str) -> str:
    """Of the lists, without row 2."""
    return next(line for line in dash.lines()[2:] if containing in line)


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_what_is_used_up_asked_and_full_stands_worst_first(width: int, height: int) -> None:
    async with infra(width, height) as dash:
        check_screen("infra", dash)


async def test_ascii_needs_no_other_signs() -> None:
    async with infra(glyphs=fmt.ASCII) as dash:
        check_screen("infra-ascii", dash)
        assert dash.text().isascii()


@pytest.mark.slow
async def test_the_summary_names_the_worst_and_when_it_is_full() -> None:
    async with infra(160, 48) as dash:
        summary = dash.lines()[1]
        assert summary.startswith(" 7 out of bounds: eu-1b node-17 cpu 98%"), summary
        assert "conn pool web-1 96% full in" in summary


@pytest.mark.slow
async def test_tab_goes_through_the_lists_and_enter_opens_the_charts_of_a_row() -> None:
    async with infra() as dash:
        await dash.press("enter")
        await dash.settle()
        assert " infrastructure > eu-1b node-17  1h" in dash.lines()[0]
        await dash.press("escape", "tab", "enter")
        assert "infrastructure > -> payments" in dash.lines()[0]
        await dash.press("escape", "tab", "enter")
        assert "infrastructure > conn pool web-1" in dash.lines()[0]


async def test_rows_are_grouped_by_kind_and_by_a_label_they_share() -> None:
    async with infra(100, 40) as dash:
        await dash.press("B")
        assert [line.strip(" >") for line in dash.lines() if line.strip(" >") in ("Node", "Pod")] == [
            "Node",
            "Pod",
        ]
        await dash.press("B")
        assert "USE by zone" in dash.text()
        assert [line.strip(" >") for line in dash.lines() if line.strip(" >") in ("eu-1a", "eu-1b")] == [
            "eu-1b",
            "eu-1a",
        ]
        await dash.press("B")
        assert " by " not in dash.lines()[2]


async def test_wide_shows_every_measure_of_a_row() -> None:
    async with infra(120, 40) as dash:
        assert "mem 70%" not in row(dash, "node-17")
        await dash.press("w")
        assert "mem 70%" in row(dash, "node-17")


async def test_only_the_abnormal_and_a_filter() -> None:
    async with infra() as dash:
        await dash.press("!")
        assert "node-03" not in dash.text()
        assert "node-17" in dash.text()
        await dash.press("!", "/", *"eu-1a", "enter")
        assert "node-03" in dash.text()
        assert "node-17" not in "\n".join(dash.lines()[3:])


async def test_d_opens_the_service_whose_requests_these_are() -> None:
    async with infra() as dash:
        await dash.press("tab", "d")
        assert " service > amas" in dash.lines()[0]


async def test_copy_takes_all_that_is_known_of_a_row() -> None:
    async with infra() as dash:
        await dash.press("y")
        assert "node-17" in dash.app.clipboard
        assert "disk            91%" in dash.app.clipboard


@pytest.mark.slow
async def test_a_value_that_is_too_old_says_how_old_whole() -> None:
    async with infra() as dash:
        dash.watch.down.add("prometheus")
        dash.clock.forward(130)
        await dash.poll()
        rows = [line for line in dash.lines() if "?" in line[1:4] and "not configured" not in line]
        assert len(rows) > 10
        assert all(line.rstrip().endswith("  2m10s old") for line in rows), dash.text()


async def test_nothing_is_asked_any_more_once_the_view_is_left() -> None:
    async with infra() as dash:
        dash.app.open_view("overview")
        await dash.settle()
        asked = dash.watch.asked["panels"]
        await dash.poll()
        assert dash.watch.asked["panels"] == asked


@pytest.mark.slow
async def test_a_view_asks_again_when_what_lay_over_it_is_closed() -> None:
    async with infra() as dash:
        for _ in range(3):
            await dash.press("enter")
            await dash.until(lambda: "asking" not in dash.text())
            await dash.press("escape")
            asked = dash.watch.asked["panels"]
            await dash.poll()
            await dash.until(lambda asked=asked: dash.watch.asked["panels"] > asked)  # type: ignore[misc]
            assert dash.watch.wanted.now


async def test_a_lost_source_clears_nothing_and_ages_stand_beside_the_values() -> None:
    async with infra() as dash:
        before = row(dash, "node-17")[:60]
        dash.watch.down.add("prometheus")
        dash.clock.forward(300)
        await dash.poll()
        text = dash.text()
        assert "no answer: connection refused" in text
        after = row(dash, "node-17")
        assert after[3:60] == before[3:60]
        assert after[1:3] == "✖?"


async def test_a_row_whose_answer_is_old_says_so() -> None:
    async with infra(120, 40) as dash:
        dash.watch.down.add("prometheus")
        dash.clock.forward(timedelta(minutes=5).total_seconds())
        await dash.poll()
        assert "5m00s old" in row(dash, "node-03")


async def test_what_vanished_stays_as_a_row_without_data() -> None:
    async with infra(160, 48) as dash:
        found = dict(dash.watch.answers.found)
        kept = tuple(s for s in found["pod_memory"].samples if s.labels["pod"] != "web-2")
        found["pod_memory"] = type(found["pod_memory"])(kept, found["pod_memory"].at)
        restarts = tuple(s for s in found["pod_restarts"].samples if s.labels["pod"] != "web-2")
        found["pod_restarts"] = type(found["pod_restarts"])(restarts, found["pod_restarts"].at)
        dash.watch.answers = type(dash.watch.answers)(found, dash.watch.answers.tracks)
        await dash.poll()
        assert "no data; there was some within the last hour" in row(dash, "shop web-2")


async def test_without_anything_configured_each_list_says_how() -> None:
    from sretool.core.catalog.read import read

    text = watched.CATALOG.partition("resources:")[0]
    async with infra(100, 30, system=read({"a.yaml": text})) as dash:
        shown = dash.text()
        assert "nothing of the infrastructure is configured" in shown
        for section in ("resources", "calls", "headroom"):
            assert f"not configured: add `{section}` to the catalog" in shown


@pytest.mark.slow
async def test_trends_of_requests_stand_in_one_column_under_those_of_resources() -> None:
    async with infra() as dash:
        at = row(dash, "TREND 1h").index("TREND 1h")
        for name in ("-> payments", "requests ", "-> database"):
            assert row(dash, name)[at - 1 :].rstrip() == " ████████", row(dash, name)


async def test_what_does_not_fit_says_that_it_is_cut() -> None:
    async with infra() as dash:
        assert row(dash, "GPU").rstrip().endswith("…")
