"""Keys and hints of the overview that depend on what is shown."""

from __future__ import annotations

from tests.tui.screens import dashboard


async def test_the_key_to_the_alerts_is_named_only_while_there_are_some() -> None:
    async with dashboard() as dash:
        assert "tab alerts" in dash.lines()[-1]
        assert dash.row("ALERTS").rstrip("─ ").endswith(" tab")
        dash.watch.alerts = ()
        await dash.poll()
        assert "tab" not in dash.lines()[-1]
        assert "tab" not in dash.row("ALERTS none open")
