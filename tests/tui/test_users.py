from __future__ import annotations

from dataclasses import replace

import pytest

from sretool.core.catalog.read import read
from sretool.core.observe.questions import Answers
from sretool.tui import format as fmt
from sretool.tui.users import whole_texts
from tests.support import watched
from tests.tui.screens import WIDE, check_screen
from tests.tui.test_infra import infra, row


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_journeys_and_figures_stand_beside_their_usual(width: int, height: int) -> None:
    async with infra(width, height, view="users") as dash:
        check_screen("users", dash)


async def test_ascii_needs_no_other_signs() -> None:
    async with infra(glyphs=fmt.ASCII, view="users") as dash:
        assert dash.text().isascii()


async def test_row_2_says_whether_users_are_hurt_and_where() -> None:
    async with infra(view="users") as dash:
        assert dash.lines()[1].startswith(" USERS ARE HURT 3.2% of pay fail (pay)")


async def test_what_is_far_below_its_usual_is_marked_and_what_wavers_is_not() -> None:
    async with infra(view="users") as dash:
        assert row(dash, "orders").startswith(" △ orders")
        assert "below p5" in row(dash, "orders")
        assert row(dash, "sign-ups").startswith(" · sign-ups")


async def test_a_figure_by_channel_is_a_row_for_each() -> None:
    async with infra(view="users") as dash:
        assert row(dash, "paid card")
        assert row(dash, "paid wallet")


async def test_compare_goes_through_usual_hour_day_and_week() -> None:
    async with infra(view="users") as dash:
        seen = []
        for _ in range(5):
            seen.append(dash.lines()[0].partition(" vs ")[2].split("  ")[0])
            await dash.press("c")
        assert seen == ["usual", "1h ago", "1d ago", "1w ago", "usual"]


async def test_a_week_ago_is_the_value_of_then() -> None:
    async with infra(view="users") as dash:
        await dash.press("c", "c", "c")
        shown = row(dash, "orders").split()
        assert shown[2] == "212/min"
        assert 285 <= float(shown[3].removesuffix("/min")) <= 315


async def test_without_enough_history_nothing_is_called_usual() -> None:
    async with infra(160, 48, view="users") as dash:
        of_today = {
            expr: tuple(replace(each, points=each.points[-60:]) for each in every)
            for expr, every in watched.curves().items()
        }
        dash.watch.curves = of_today
        dash.watch.answers = Answers(dash.watch.answers.found)
        await dash.poll()
        assert "too little history: 0 of 3 weeks" in row(dash, "orders")
        assert row(dash, "orders").startswith((" · ", ">· "))


@pytest.mark.slow
async def test_what_is_not_configured_says_how() -> None:
    async with infra(160, 48, view="users") as dash:
        assert "not configured: load the answers of the survey into a gauge." in row(dash, "NPS")
    bare = read({"a.yaml": watched.CATALOG.partition("figures:")[0]})
    async with infra(160, 48, view="users", system=bare) as dash:
        assert "export them from the browser" in row(dash, "WEB VITALS")
        assert "`group: money`" in row(dash, "MONEY  ")
        assert "add `apdex`" in row(dash, "APDEX")
        assert "add `probes`" in row(dash, "PROBES  ")
        assert "add `figures` to the catalog" in dash.text()


async def test_a_probe_that_fails_from_one_place_is_named() -> None:
    async with infra(160, 48, view="users") as dash:
        assert "home page 2/3 ok (failed: sg)" in row(dash, "PROBES  ")


async def test_enter_opens_the_steps_and_d_the_service() -> None:
    async with infra(view="users") as dash:
        await dash.press("enter")
        assert "experience & business > pay" in dash.lines()[0]
        await dash.press("escape", "d")
        assert " service > amas" in dash.lines()[0]


async def test_copy_filter_and_abnormal() -> None:
    async with infra(view="users") as dash:
        await dash.press("y")
        assert "step" not in dash.app.clipboard
        assert "pay 97.1%" in dash.app.clipboard
        await dash.press("!")
        assert "browse" not in dash.text()
        await dash.press("!", "/", *"sign", "enter")
        assert "sign-ups" in dash.text()
        assert "orders" not in "\n".join(dash.lines()[3:])


def test_a_figure_in_the_headline_is_told_whole_or_counted() -> None:
    texts = ["learners active 219 below p5", "answers 327/min below p5", "orders 2 below p5"]
    assert whole_texts(texts, 200) == ", ".join(texts)
    assert whole_texts(texts, 60) == "learners active 219 below p5, answers 327/min below p5 +1"
    assert whole_texts(texts, 40) == "learners active 219 below p5 +2"
    assert whole_texts([], 40) == ""


async def test_the_signs_before_journeys_and_figures_are_explained() -> None:
    async with infra(view="users") as dash:
        heading = row(dash, "SPEED, PROBES")
        assert "▲ limit broken  △ unusual  · in bounds  ? no data" in heading
        assert row(dash, "orders")[1] == "△"
        assert row(dash, "NPS").rstrip().endswith("…")
