"""Every key of every screen and every command is pressed once, and does what it is there for.

A key that is bound and has no step below fails the test of the table; so does a step whose key is gone.
"""

from __future__ import annotations

import pkgutil
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from textual.binding import Binding

import sretool.tui
from sretool.adapters.store.notebook import Notebook
from sretool.core.catalog.read import read
from sretool.tui import keys, words
from sretool.tui.commands import COMMANDS
from sretool.tui.reader import Reader
from sretool.tui.screens.base import BoardScreen
from sretool.tui.shell import Shell
from sretool.tui.views import VIEWS
from sretool.tui.widgets.rows import Rows
from tests.support import watched
from tests.support.dashboard import slo, status
from tests.support.gameday_live import live as live_game_day
from tests.support.session import LOST_AT, MINUTE, PAGED_AT, START
from tests.tui.duty import Room
from tests.tui.screens import dashboard
from tests.tui.test_alerts import alerts_view
from tests.tui.test_cockpit import Work, at_work, cockpit
from tests.tui.test_gameday import Work as GameDayWork
from tests.tui.test_gameday import cockpit as gameday_cockpit
from tests.tui.test_infra import infra
from tests.tui.test_oncall import oncall_view
from tests.tui.test_replay import replayed
from tests.tui.test_runbook import project, reading
from tests.tui.test_runs import on_view, store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from textual.dom import DOMNode

    from sretool.tui.app import DashApp
    from tests.tui.screens import Dash

    Seen = Callable[[Any], object]

__all__ = ["project", "store"]


class Step(NamedTuple):
    """One key pressed: each of those that mean `id`."""

    id: str
    seen: Seen
    """Of the Dash: not so before the key, so after it."""
    before: tuple[str, ...] = ()
    """Keys that lead to where this one does something."""
    after: tuple[str, ...] = ()
    """Keys that lead back."""
    arrange: Callable[[Any], object] = lambda dash: None
    """Just before the key."""


# --- what can be seen -------------------------------------------------------------------------------------


def top(name: str) -> Seen:
    """A screen of this class is on top."""
    return lambda dash: type(dash.app.screen).__name__ == name


def mode(name: str) -> Seen:
    return lambda dash: dash.app.current_mode == name


def pane(id: str) -> Seen:
    """The keys go to this list."""
    return lambda dash: dash.app.screen.focused is not None and dash.app.screen.focused.id == id


def told(words: str) -> Seen:
    return lambda dash: any(words in note.message for note in dash.app._notifications)


def last_row(words: str) -> Seen:
    return lambda dash: words in dash.lines()[-1]


def typing(dash: Dash) -> bool:
    return isinstance(dash.app.screen, BoardScreen) and dash.app.screen.takes_text


def copied(words: str) -> Seen:
    return lambda dash: words in dash.app.clipboard


def own(name: str, value: object) -> Seen:
    """An attribute of the screen on top."""
    return lambda dash: getattr(dash.app.screen, name) == value


def row(number: int) -> Seen:
    """The cursor of the first list is on this row."""
    return lambda dash: dash.app.screen.query(Rows).first()._row() == number


def at(moment: object) -> Seen:
    """The replay stands there."""
    return lambda replay: replay.player.now == moment


def go(moment: Any) -> Callable[[Any], object]:
    return lambda replay: replay.player.go(moment)


def no_clipboard(dash: Dash) -> None:
    dash.app._clipboard = ""


def abnormal_only(dash: Dash) -> bool:
    return dash.app.board.filter.abnormal_only


def live(dash: Dash) -> bool:
    return dash.app.timeline.window.end is None


def span(hours: int) -> Seen:
    return lambda dash: dash.app.timeline.window.span == timedelta(hours=hours)


def zoomed(dash: Any) -> bool:
    return dash.app.screen.look.window is not None


def read_at(dash: Any) -> object:
    """Where the cursor of a game day's charts stands."""
    return dash.app.screen.look.cursor


def worked(what: str) -> Seen:
    """That is what the game day was told."""
    return lambda dash: [told[0] for told in dash.app.work.told] == [what]


def idle(dash: Any) -> None:
    dash.app.work.told.clear()


# --- the table --------------------------------------------------------------------------------------------

_FILTER = Step("filter", typing, after=("escape",))
_ABNORMAL = Step("abnormal", abnormal_only, after=("!",))
_SERVICE = Step("depends", top("ServiceScreen"), after=("escape",))
_RUNBOOK = Step("runbook", top("RunbookScreen"), after=("escape",))

STEPS: dict[str, tuple[Step, ...]] = {
    "Shell": (
        Step("leave", mode("overview"), before=("2",)),
        *(
            Step(f"view_{view.name}", mode(view.name), before=("2" if view.key == "1" else "1",))
            for view in VIEWS
        ),
        Step("last_view", mode("alerts"), before=("2", "1"), after=("1",)),
        Step("command", typing, after=("escape",)),
        Step("palette", top("CommandPalette"), after=("escape",)),
        Step("jump", last_row("go to"), after=("escape",)),
        Step("copy", copied("amas/learning-availability")),
        Step("export", last_row("write this screen as"), after=("escape",)),
        Step("bell", lambda dash: not dash.app.bell_rings),
        Step("quit", lambda dash: not dash.app.is_running),
    ),
    "DashApp": (
        Step("pause", lambda dash: "PAUSED" in dash.lines()[0], after=("p",)),
        Step(
            "refresh",
            lambda dash: dash.watch.asked["prometheus"],
            arrange=lambda dash: dash.watch.asked.update(prometheus=0),
        ),
        Step("time", lambda dash: dash.app.board.local_time, after=("T",)),
        Step("help", top("HelpScreen"), after=("escape",)),
        Step("explain", top("ExplainScreen"), after=("escape",)),
        Step("dashboards", top("DashboardsScreen"), after=("escape",)),
    ),
    "PlayedApp": (
        Step("faster", lambda replay: replay.player.speed == 10, after=("{",)),
        Step("slower", lambda replay: replay.player.speed == 1, before=("}",)),
        Step("next_change", at(PAGED_AT), arrange=go(START)),
        Step("previous_change", at(PAGED_AT), arrange=go(LOST_AT)),
        Step("next_page", at(START + 8 * MINUTE), arrange=go(PAGED_AT)),
        Step("previous_page", at(PAGED_AT), arrange=go(START + 8 * MINUTE)),
        Step("jump_to", typing, after=("escape",)),
    ),
    "BoardScreen": (
        Step("back", top("OverviewScreen"), before=("enter",)),
        Step("note", last_row("note: "), after=("escape",)),
    ),
    "Rows": (
        Step("down", row(1), after=("g",)),
        Step("up", row(0), before=("j",)),
        Step("last", row(39), after=("g",)),
        Step("first", row(0), before=("G",)),
        Step("page_down", lambda dash: dash.app.screen.query(Rows).first()._row() > 1, after=("g",)),
        Step("page_up", row(0), before=("ctrl+d",)),
        Step("open", top("DetailScreen"), after=("escape",)),
    ),
    "OverviewScreen": (
        _FILTER,
        _ABNORMAL,
        Step("mine", lambda dash: dash.app.board.filter.owners, after=("m",)),
        _RUNBOOK,
        _SERVICE,
        Step("next_pane", pane("alerts"), after=("shift+tab",)),
        Step("previous_pane", pane("slos"), before=("tab",)),
    ),
    "DetailScreen": (
        Step("down", lambda dash: dash.app.screen.slo != "amas/learning-availability", after=("k",)),
        Step("up", lambda dash: dash.app.screen.slo != "amas/learning-availability", after=("j",)),
        _SERVICE,
        _RUNBOOK,
    ),
    "TimedScreen": (
        Step("range", typing, after=("escape",)),
        Step("pan_back", lambda dash: not live(dash), after=("0",)),
        Step("pan_forward", live, before=("[",)),
        Step("zoom_in", span(3), after=("-",)),
        Step("zoom_out", span(12), after=("+",)),
        Step("now", live, before=("[",)),
        Step("inspect", lambda dash: dash.app.timeline.cursor is not None, after=("escape",)),
        Step("compare", lambda dash: dash.app.timeline.compare.back, after=("c", "c", "c")),
        Step("left", lambda dash: dash.app.timeline.cursor.minute == 11, before=("v",), after=("escape",)),
        Step(
            "right",
            lambda dash: dash.app.timeline.cursor.minute == 12,
            before=("v", "h"),
            after=("escape",),
        ),
    ),
    "AlertActions": (
        Step("ack", top("Form"), after=("escape",)),
        Step("silence", top("Form"), after=("escape",)),
        Step("end", top("Confirm"), before=("j", "j"), after=("escape", "g")),
        _RUNBOOK,
    ),
    "AlertsScreen": (
        _FILTER,
        _ABNORMAL,
        Step("mine", own("_mine", True), after=("m",)),
        Step("mark", lambda dash: dash.app.triage.marked, after=("escape",)),
        Step("silences", top("SilencesScreen"), after=("escape",)),
    ),
    "SilencesScreen": (
        Step("abnormal", own("_odd_only", True), after=("!",)),
        Step("mine", own("_mine", True), after=("m",)),
        Step(
            "mark",
            lambda dash: dash.app.triage.marked,
            arrange=lambda dash: dash.app.triage.marked.clear(),
        ),
        Step("more", top("Form"), after=("escape",)),
    ),
    "InfraScreen": (
        Step("next_pane", pane("calls"), after=("shift+tab",)),
        Step("previous_pane", pane("use"), before=("tab",)),
        Step("group", lambda dash: dash.app.screen._by is not None, after=("B", "B")),
        Step("wide", own("_wide", True), after=("w",)),
        _SERVICE,
        _ABNORMAL,
        _FILTER,
        Step("copy", copied("node-17")),
    ),
    "UsersScreen": (
        Step("next_pane", pane("figures"), after=("shift+tab",)),
        Step("previous_pane", pane("journeys"), before=("tab",)),
        Step("compare", lambda dash: "vs 1h ago" in dash.lines()[0], after=("c", "c", "c")),
        _ABNORMAL,
        _FILTER,
        _SERVICE,
        Step("copy", copied("pay")),
    ),
    "ServiceScreen": (
        Step("right", own("service_id", "depot"), after=("h",)),
        Step("left", own("service_id", "depot"), after=("l",)),
        Step("copy", copied("LATENCY BUDGET")),
    ),
    "DashboardScreen": (
        Step("down", own("_selected", 1), after=("g",)),
        Step("up", own("_selected", 0), before=("j",)),
        Step("last", own("_selected", 7), after=("g",)),
        Step("first", own("_selected", 0), before=("G",)),
        Step("page_down", lambda dash: dash.app.screen._selected > 0, after=("g",)),
        Step("page_up", own("_selected", 0), before=("ctrl+d",)),
        Step("open", lambda dash: len(dash.app.screen.board.panels) == 1, after=("escape",)),
    ),
    "RunsScreen": (_FILTER, Step("copy", copied(".sretool"))),
    "RunScreen": (Step("copy", copied(".sretool")),),
    "GameDayPage": (
        Step("pan_back", zoomed, after=("0",)),
        Step("pan_forward", zoomed, after=("0",)),
        Step("zoom_in", zoomed, after=("0",)),
        Step("zoom_out", zoomed, after=("0",)),
        Step("now", lambda dash: dash.app.screen.look.window is None, before=("plus",)),
        Step("inspect", lambda dash: dash.app.screen.look.cursor is not None, after=("escape",)),
        Step("left", lambda dash: read_at(dash) != dash.clock.moment, before=("v",), after=("escape",)),
        Step("right", lambda dash: read_at(dash) == dash.clock.moment, before=("v", "h"), after=("escape",)),
        Step("next_pane", lambda dash: dash.app.screen.look.first == 1, after=("shift+tab",)),
        Step("previous_pane", lambda dash: dash.app.screen.look.first == 0, before=("tab",)),
    ),
    "GameDayCockpit": (
        Step("copy", copied(".sretool")),
        Step("end", worked("abort"), arrange=idle),
        Step("pause", worked("hold"), arrange=idle),
        Step("mine", worked("mark"), arrange=idle),
        Step("open", last_row("y yes"), after=("escape",)),
        Step("note", last_row("note: "), after=("escape",)),
    ),
    "CockpitScreen": (
        Step("copy", copied(".sretool")),
        Step("end", lambda dash: "STOP THE LOAD?" in dash.text(), after=("escape",)),
    ),
    "RunbookScreen": (
        Step("mark", lambda dash: "[x]" in dash.text(), after=("space",)),
        Step("copy", copied("http_request_5xx_total")),
        # Programs that are lent the terminal have their own tests; a terminal of a test cannot be lent.
        Step("pager", told("cannot be lent")),
        Step("editor", told("cannot be lent")),
    ),
    "OnCallScreen": (
        Step("handover", top("HandoverScreen"), after=("escape",)),
        Step("calendar", top("CalendarScreen"), after=("escape",)),
    ),
    "CalendarScreen": (Step("calendar", top("OnCallScreen"), before=("C",)),),
    "HandoverScreen": (Step("handover", top("OnCallScreen"), before=("H",)),),
    "Page": (_FILTER,),
    "HelpScreen": (Step("help", top("OverviewScreen"), before=("?",)),),
    "ExplainScreen": (Step("explain", top("OverviewScreen"), before=("i",)),),
}
"""By the class that binds the key."""

TWO_SERVICES = watched.CATALOG.replace(
    "dependencies:\n", "  - {id: depot, title: Depot, owner: payments, tier: 1, parts: [db]}\ndependencies:\n"
)


@asynccontextmanager
async def scene(name: str, request: pytest.FixtureRequest) -> AsyncIterator[Dash]:
    """A dashboard with a screen on top on which the keys of the class `name` work."""
    opened: tuple[str, ...] = ()
    made: AbstractAsyncContextManager[Any]
    match name:
        case "PlayedApp":
            made = replayed()
        case "Rows":
            made = dashboard(80, 24, [status(slo(f"svc-{number:02}/availability")) for number in range(40)])
        case "AlertActions" | "AlertsScreen":
            made = alerts_view()
        case "SilencesScreen":
            made, opened = alerts_view(room=Room()), ("S",)
        case "OnCallScreen" | "CalendarScreen" | "HandoverScreen":
            made = oncall_view()
        case "InfraScreen":
            made = infra()
        case "UsersScreen":
            made = infra(view="users")
        case "ServiceScreen":
            made, opened = infra(view="overview", system=read({"shop.yaml": TWO_SERVICES})), ("d",)
        case "DashboardScreen":
            made, opened = infra(view="overview"), ("D", "enter")
        case "RunsScreen" | "RunScreen":
            made = on_view("load", request.getfixturevalue("store")[1])
            opened = ("enter",) if name == "RunScreen" else ()
        case "GameDayPage" | "GameDayCockpit":
            runs, clock = request.getfixturevalue("store")
            run = live_game_day(runs, clock, 250)
            request.addfinalizer(run.close)
            made = gameday_cockpit(GameDayWork(run.run.id), clock)
        case "CockpitScreen":
            runs, clock = request.getfixturevalue("store")
            run = at_work(runs, clock)
            request.addfinalizer(run.close)
            made = cockpit(Work(run.run.id), clock)
        case "RunbookScreen":
            request.getfixturevalue("project")
            made = reading()
        case "DetailScreen" | "TimedScreen":
            made, opened = dashboard(), ("enter",)
        case "Page":
            made, opened = dashboard(), ("?",)
        case _:
            folder: Path = request.getfixturevalue("tmp_path")
            reader = Reader(me="mia", teams=frozenset({"data"}), folder=folder)
            made = dashboard(reader=reader, notebook=Notebook(folder, "mia"))
    async with made as given:
        dash = given[0] if isinstance(given, tuple) else given
        await dash.press(*opened)
        if name == "TimedScreen":
            await dash.charts()
        if name == "DashboardScreen":
            await dash.until(lambda: "asking" not in dash.text())
        yield dash


def _bound() -> set[tuple[str, str]]:
    """Which class of ours binds which key of the table."""
    for module in pkgutil.walk_packages(sretool.tui.__path__, "sretool.tui."):
        import_module(module.name)
    classes: tuple[type[DOMNode], ...] = (Rows, *_all_below(Shell), *_all_below(BoardScreen))
    return {
        (each.__name__, binding.id)
        for each in classes
        if each.__module__.startswith("sretool.")
        for binding in each.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.id in keys.KEYS
    }


def _all_below(of: type[DOMNode]) -> list[type[DOMNode]]:
    return [of, *(each for below in of.__subclasses__() for each in _all_below(below))]


def test_every_binding_has_a_step() -> None:
    assert {(name, step.id) for name, steps in STEPS.items() for step in steps} == _bound()


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
async def test_every_key_does_what_it_is_there_for(name: str, request: pytest.FixtureRequest) -> None:
    async with scene(name, request) as dash:
        for step in STEPS[name]:
            for key in keys.KEYS[step.id].keys.split(","):
                await dash.press(*step.before)
                no_clipboard(dash)
                dash.app.clear_notifications()
                step.arrange(dash)
                assert not step.seen(dash), f"{key} ({step.id}) has nothing to do"
                await dash.press(key)
                for _ in range(100):
                    if step.seen(dash):
                        break
                    await dash.pilot.pause(0.02)
                assert step.seen(dash), f"{key} ({step.id}) did nothing"
                await dash.press(*step.after)


# --- commands ---------------------------------------------------------------------------------------------


def _app(seen: Callable[[DashApp], object]) -> Seen:
    return lambda dash: seen(dash.app)


TYPED: dict[str, tuple[str, Seen]] = {
    **{view.name: ("", mode(view.name)) for view in VIEWS},
    "slo": ("amas/write-durability", lambda dash: "amas/write-durability" in dash.lines()[0]),
    "service": ("amas", top("ServiceScreen")),
    "dash": ("shop", top("DashboardScreen")),
    "runbook": ("learning-availability", top("RunbookScreen")),
    "ctx": ("", told("no contexts")),
    "theme": ("light", _app(lambda app: app.theme == "sre-light")),
    "graph": ("ascii", _app(lambda app: app.board.glyphs.graph == "ascii")),
    "lang": ("zh", lambda dash: words.tr("help") != "help"),
    "export": ("text", told("written: ")),
    "t": ("1h", span(1)),
    "record": ("", told("cannot be recorded here")),
    "log": ("", top("LogScreen")),
    "why": ("", top("ExplainScreen")),
    "help": ("", top("HelpScreen")),
    "quit": ("", _app(lambda app: not app.is_running)),
}
"""What follows the name, and what is so afterwards and was not before."""


def test_every_command_is_typed() -> None:
    assert set(TYPED) == {command.names[0] for command in COMMANDS}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for command in COMMANDS for name in command.names])
async def test_every_command_does_what_it_is_there_for(name: str, tmp_path: Path) -> None:
    full = next(command.names[0] for command in COMMANDS if name in command.names)
    argument, seen = TYPED[full]
    try:
        async with dashboard(
            system=watched.system(),
            reader=Reader(folder=tmp_path),
            view="alerts" if full == "overview" else "overview",
        ) as dash:
            assert not seen(dash)
            line = f"{name} {argument}".rstrip()
            await dash.press("colon", *("space" if sign == " " else sign for sign in line), "enter")
            for _ in range(100):
                if seen(dash):
                    break
                await dash.pilot.pause(0.02)
            assert seen(dash), dash.text()
    finally:
        words.speak("en")
