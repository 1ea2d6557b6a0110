"""Screens and dialogs that no other test looks at as a whole; and that every screen has its pictures."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sretool.tui
from sretool.adapters.store.notebook import Notebook
from sretool.core.observe.questions import Answers
from sretool.core.slo.model import SloId
from sretool.tui.screens.base import BoardScreen
from sretool.tui.screens.pages import Page
from sretool.tui.screens.runs import RunsScreen
from sretool.tui.widgets.dialog import Form
from tests.tui.duty import Room
from tests.tui.screens import GOLDEN, PICTURED, SNAPSHOTS, check_screen, dashboard
from tests.tui.test_alerts import alerts_view
from tests.tui.test_infra import infra
from tests.tui.test_oncall import oncall_view
from tests.tui.test_runbook import project, reading

if TYPE_CHECKING:
    from textual.screen import Screen

__all__ = ["project"]

pytestmark = pytest.mark.slow
SIZES = pytest.mark.parametrize(("width", "height"), PICTURED, ids=lambda size: str(size))

PICTURES = {
    "OverviewScreen": "overview",
    "DetailScreen": "detail",
    "AlertsScreen": "alerts",
    "OpenAlertScreen": "alert",
    "SilencesScreen": "silences",
    "InfraScreen": "infra",
    "UsersScreen": "users",
    "ServiceScreen": "service",
    "DashboardsScreen": "dashboards",
    "DashboardScreen": "dashboard",
    "LoadScreen": "load-running",
    "CockpitScreen": "cockpit",
    "GameDayScreen": "gameday-running",
    "GameDayCockpit": "gameday-cockpit-fault",
    "GameDayReplay": "gameday-replay",
    "RunScreen": "run-aborted",
    "RunbookScreen": "runbook",
    "OnCallScreen": "oncall",
    "CalendarScreen": "calendar",
    "HandoverScreen": "handover",
    "HelpScreen": "help",
    "ExplainScreen": "why",
    "LogScreen": "log",
}
"""The picture of each screen as it is on an ordinary bad night."""


def test_every_screen_has_its_pictures() -> None:
    for module in pkgutil.walk_packages(sretool.tui.__path__, "sretool.tui."):
        import_module(module.name)
    bases: set[type[Screen[None]]] = {BoardScreen, Page, RunsScreen}
    shown = {each.__name__ for each in _all_below(BoardScreen) if each not in bases and _is_whole(each)}
    assert shown == set(PICTURES)
    for name in PICTURES.values():
        for width, height in PICTURED:
            assert (GOLDEN / f"{name}-{width}x{height}.txt").is_file(), name
            assert (SNAPSHOTS / f"{name}-{width}x{height}.svg").is_file(), name


def test_pictures_and_texts_belong_together() -> None:
    sizes = tuple(f"-{width}x{height}" for width, height in PICTURED)
    texts = {file.stem for file in GOLDEN.glob("*.txt") if file.stem.endswith(sizes)}
    assert {file.stem for file in SNAPSHOTS.glob("*.svg")} == texts


def _all_below(of: type[Screen[None]]) -> list[type[Screen[None]]]:
    return [of, *(each for below in of.__subclasses__() for each in _all_below(below))]


def _is_whole(screen: type[Screen[None]]) -> bool:
    """Whether it is shown itself, and is no base of others: only those have a title."""
    return screen.__module__.startswith("sretool.") and bool(screen.__dict__.get("TITLE_WORDS"))


# --- pages ------------------------------------------------------------------------------------------------


@SIZES
async def test_why_the_verdict_is_what_it_is(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        await dash.press("i")
        check_screen("why", dash)


@SIZES
async def test_the_hand_over(width: int, height: int) -> None:
    async with oncall_view(width, height) as (dash, _):
        await dash.press("H")
        dash.app.clear_notifications()
        await dash.settle()
        check_screen("handover", dash)


@SIZES
async def test_the_list_of_dashboards(width: int, height: int) -> None:
    async with infra(width, height, view="overview") as dash:
        await dash.press("D")
        check_screen("dashboards", dash)


@SIZES
async def test_the_charts_of_a_resource(width: int, height: int) -> None:
    async with infra(width, height) as dash:
        await dash.press("enter")
        await dash.until(lambda: "asking" not in dash.text())
        check_screen("resource", dash)


@SIZES
async def test_the_charts_of_a_journey(width: int, height: int) -> None:
    async with infra(width, height, view="users") as dash:
        await dash.press("enter")
        await dash.until(lambda: "asking" not in dash.text())
        check_screen("journey", dash)


@SIZES
async def test_one_panel_over_the_whole_screen(width: int, height: int) -> None:
    async with infra(width, height, view="overview") as dash:
        await dash.press("D", "enter")
        await dash.until(lambda: "asking" not in dash.text())
        await dash.press("j", "enter")
        await dash.until(lambda: "asking" not in dash.text())
        check_screen("panel", dash)


# --- what is missing or lost ------------------------------------------------------------------------------


@SIZES
async def test_the_first_frame_with_everything_down(width: int, height: int) -> None:
    async with dashboard(width, height, down=["prometheus", "alertmanager"]) as dash:
        await dash.until(lambda: "asking Prometheus" not in dash.text())
        dash.app.clear_notifications()
        await dash.settle()
        check_screen("down", dash)


@SIZES
async def test_an_slo_that_is_gone(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        dash.app.open_slo(SloId("amas/gone"))
        await dash.settle()
        check_screen("detail-gone", dash)


@SIZES
@pytest.mark.parametrize("view", ["infra", "users", "oncall"])
async def test_a_view_of_which_the_catalog_says_nothing(view: str, width: int, height: int) -> None:
    async with dashboard(width, height, view=view) as dash:
        check_screen(f"{view}-none", dash)


@SIZES
@pytest.mark.parametrize("view", ["infra", "users"])
async def test_a_view_with_prometheus_lost(view: str, width: int, height: int) -> None:
    async with infra(width, height, view=view) as dash:
        known = dash.app.answers
        assert isinstance(known, Answers)
        dash.watch.down.add("prometheus")
        dash.clock.forward(130)
        await dash.poll()
        await dash.until(lambda: dash.app.answers.error)
        dash.app.clear_notifications()
        await dash.settle()
        check_screen(f"{view}-lost", dash)


@SIZES
async def test_the_alerts_with_alertmanager_lost(width: int, height: int) -> None:
    async with alerts_view(width, height) as (dash, _):
        await dash.until(lambda: "times in 30d" in dash.text())
        dash.watch.down.add("alertmanager")
        dash.clock.forward(130)
        await dash.poll()
        dash.app.clear_notifications()
        await dash.settle()
        check_screen("alerts-lost", dash)


@SIZES
async def test_a_service_that_is_not_in_the_catalog(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        await dash.press("d")
        check_screen("service-none", dash)


# --- dialogs ----------------------------------------------------------------------------------------------


@SIZES
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("ack", ("a",)),
        ("silence", ("s",)),
        ("end", ("j", "j", "x")),
        ("expire", ("S", "x")),
        ("extend", ("S", "greater_than_sign")),
    ],
)
async def test_a_dialog_over_the_alerts(name: str, keys: tuple[str, ...], width: int, height: int) -> None:
    async with alerts_view(width, height, Room()) as (dash, _):
        await dash.until(lambda: "times in 30d" in dash.text())
        await dash.press(*keys)
        if name == "silence":
            await dash.until(lambda: "in the last 30d" in dash.text())
        await dash.settle()
        assert isinstance(dash.app.screen, Form)
        check_screen(f"dialog-{name}", dash)


@SIZES
@pytest.mark.usefixtures("project")
async def test_the_question_before_a_command_is_run(
    monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/srv/shop")
    async with reading(width, height, notebook=Notebook(Path(".sretool"), "mia")) as dash:
        await dash.press("j", "j", "j", "j", "enter")
        assert isinstance(dash.app.screen, Form)
        check_screen("dialog-run", dash)


@SIZES
async def test_a_line_that_is_typed(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        if width > 80:
            await dash.charts()
        await dash.press("colon", *"slo", "space", *"learn")
        check_screen("typed", dash)
