"""The twelve moments an on-call meets, on the screen: what the first two rows say, and all the rest."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from sretool.core.slo.model import Level
from tests.support.dashboard import NOW
from tests.support.scenarios import SCENARIOS, Scenario
from tests.tui.screens import Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sretool.core.slo.model import Slo

CHARTS_FROM = 140
"""Columns from which the overview shows charts."""
_ROW_2 = 78


@asynccontextmanager
async def moment(scenario: Scenario, width: int, height: int) -> AsyncIterator[Dash]:
    """The overview at that moment, by a dashboard that was open before."""
    known = scenario.known
    async with dashboard(width, height, known.statuses) as dash:
        first = known.statuses[0]
        if first.level is Level.NO_DATA:
            dash.watch.silent.add(first.slo.id)
        lost = max(NOW - source.good_at for source in known.sources if source.good_at is not None)
        dash.clock.forward(-lost.total_seconds())
        await dash.poll()
        if width >= CHARTS_FROM:
            await dash.charts()
        dash.clock.moment = NOW
        dash.watch.known = known
        dash.watch.down.update(source.name for source in known.sources if not source.ok)
        await dash.poll()
        if width >= CHARTS_FROM:
            await dash.until(lambda: _charts_are_of_now(dash, first.slo))
        dash.app.clear_notifications()
        await dash.settle()
        yield dash


def _charts_are_of_now(dash: Dash, slo: Slo) -> bool:
    """Whether both charts were asked for at this moment, whatever came of it."""
    past, ratio = dash.app.past(slo.id), dash.app.charted(slo).ratio.track
    if "prometheus" in dash.watch.down:
        return past.error is not None and dash.app.answers.error is not None
    return past.history is not None and past.history.at == ratio.at == NOW


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 48)])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
async def test_the_overview_at_that_moment(scenario: Scenario, width: int, height: int) -> None:
    async with moment(scenario, width, height) as dash:
        check_screen(f"moment-{scenario.name.replace(' ', '-').lower()}", dash)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
async def test_row_2_answers_on_the_narrowest_normal_screen(scenario: Scenario) -> None:
    async with moment(scenario, 80, 24) as dash:
        row = dash.lines()[1].strip()
        assert " ".join(row.split()) == " ".join(scenario.line.split())
        assert row.startswith(scenario.tag.value)
        assert all(said in row for said in scenario.says)
        assert row.endswith(f"> {scenario.key}")
        assert cell_len(row) <= _ROW_2
