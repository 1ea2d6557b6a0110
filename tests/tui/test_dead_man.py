from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sretool.core.observe.model import DeadMan
from sretool.tui import overview
from sretool.tui.line import plain
from tests.support.dashboard import NOW
from tests.tui.screens import dashboard


async def test_a_missing_dead_man_alert_has_a_row_of_its_own_above_the_alerts() -> None:
    async with dashboard() as dash:
        assert overview.dead_man_line(dash.app.view(), 80) is None
        missing = DeadMan("Watchdog", None, NOW - timedelta(minutes=4))
        dash.app.board.snapshot = replace(dash.app.board.snapshot, dead_man=missing)
        dash.app.repaint()
        await dash.settle()
        lines = dash.lines()
        row = next(number for number, line in enumerate(lines) if "Watchdog is missing for 4m" in line)
        assert " ALERTS " in lines[row - 1]
        assert "SLOBudgetBurn" in lines[row + 1]
        line = overview.dead_man_line(dash.app.view(), 80)
        assert line is not None
        assert line[0].role == "page"
        assert len(plain(line)) == 80
