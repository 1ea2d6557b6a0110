"""What works on every screen: keys, commands, palette, filters, jumps, copies, exports, contexts, looks."""

from __future__ import annotations

import json
import pkgutil
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from textual.binding import Binding
from textual.command import CommandPalette

import sretool.tui
from sretool.errors import UsageError
from sretool.tui import format as fmt
from sretool.tui import keys, words
from sretool.tui.reader import Reader
from sretool.tui.screens.base import BoardScreen
from sretool.tui.screens.detail import DetailScreen
from sretool.tui.screens.overview import OverviewScreen
from sretool.tui.screens.pages import HelpScreen, LogScreen
from sretool.tui.shell import Shell
from sretool.tui.views import VIEWS
from sretool.tui.widgets.rows import Rows
from tests.support.dashboard import slo, status
from tests.tui.screens import WIDE, Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textual.dom import DOMNode

    from sretool.tui.pages import LoopState


def toasts(dash: Dash) -> list[str]:
    return [note.message for note in dash.app._notifications]


async def command(dash: Dash, text: str) -> None:
    await dash.press("colon", *["space" if sign == " " else sign for sign in text], "enter")


def _more_toasts(dash: Dash, than: int) -> bool:
    return len(toasts(dash)) > than


# --- views ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
async def test_every_view_has_its_digit_and_its_command(view: object) -> None:
    from sretool.tui.views import TopView

    assert isinstance(view, TopView)
    async with dashboard() as dash:
        await dash.press(view.key)
        assert dash.app.current_mode == view.name
        await dash.press("1")
        await command(dash, view.name)
        assert dash.app.current_mode == view.name


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (300, 100)])
async def test_no_view_overflows(view: object, width: int, height: int) -> None:
    from rich.cells import cell_len

    from sretool.tui.views import TopView

    assert isinstance(view, TopView)
    async with dashboard(width, height, view=view.name) as dash:
        lines = dash.lines()
        assert len(lines) == height
        assert all(cell_len(line) <= width for line in lines)
        assert lines[-1].rstrip().endswith("? help")


async def test_the_last_view_is_one_key_away() -> None:
    async with dashboard() as dash:
        await dash.press("2", "grave_accent")
        assert dash.app.current_mode == "overview"
        await dash.press("grave_accent")
        assert dash.app.current_mode == "alerts"


async def test_leaving_a_view_leads_to_the_overview_and_then_out() -> None:
    async with dashboard(view="alerts") as dash:
        await dash.press("q")
        assert dash.app.current_mode == "overview"
        assert dash.app.is_running
        await dash.press("q")
        assert not dash.app.is_running


async def test_a_view_keeps_its_drill_down_and_its_filter() -> None:
    async with dashboard() as dash:
        await dash.press("slash", *"latency", "enter", "enter")
        assert isinstance(dash.app.screen, DetailScreen)
        await dash.press("2")
        assert dash.app.board.filter.text == ""
        await dash.press("1")
        assert isinstance(dash.app.screen, DetailScreen)
        assert dash.app.board.filter.text == "latency"


async def test_ctrl_q_quits_from_anywhere() -> None:
    async with dashboard() as dash:
        await dash.press("enter", "question_mark", "ctrl+q")
        assert not dash.app.is_running


# --- keys -------------------------------------------------------------------------------------------------


def test_a_key_means_one_thing_in_the_whole_program() -> None:
    assert list(keys.problems({})) == []
    assert not {one for key in keys.KEYS.values() for one in key.keys.split(",")} & {keys.NEVER}


def test_every_key_of_the_table_works_somewhere() -> None:
    for module in pkgutil.walk_packages(sretool.tui.__path__, "sretool.tui."):
        import_module(module.name)
    classes: list[type[DOMNode]] = [Rows, *_all_below(Shell), *_all_below(BoardScreen)]
    bound = {binding.id for each in classes for binding in each.BINDINGS if isinstance(binding, Binding)}
    assert set(keys.KEYS) - bound == set()
    assert bound - set(keys.KEYS) == {None}


def _all_below(of: type[DOMNode]) -> list[type[DOMNode]]:
    return [of, *(each for below in of.__subclasses__() for each in _all_below(below))]


async def test_every_binding_is_in_the_table_with_its_keys() -> None:
    async with dashboard() as dash:
        for view in VIEWS:
            await dash.press(view.key)
            screen = dash.app.screen
            for node in (dash.app, screen, *screen.query(Rows).results()):
                for key, binding in node._bindings:
                    if key == keys.NEVER:
                        continue
                    if binding.id is None:
                        # Textual's own: scrolling and the like, on keys of no other meaning here.
                        assert binding.action.startswith(
                            ("scroll", "page", "app.focus", "screen.copy", "screen.")
                        )
                        continue
                    known = [keys.one_name(each) for each in keys.KEYS[binding.id].keys.split(",")]
                    assert keys.one_name(key) in known


async def test_a_readers_own_keys_replace_the_tables() -> None:
    reader = Reader(keys={"pause": "z", "help": "f1,H", "handover": "ctrl+n"})
    async with dashboard(reader=reader) as dash:
        assert "f1 help" in dash.lines()[-1]
        assert "z pause" in dash.lines()[-1]
        await dash.press("p")
        assert "PAUSED" not in dash.text()
        await dash.press("z")
        assert "PAUSED" in dash.text()
        await dash.press("f1")
        assert isinstance(dash.app.screen, HelpScreen)
        await dash.press("G")
        assert "f1, H" in dash.row("the keys of this screen")


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ({"ack": "s"}, "s already means silence"),
        ({"ack": "question_mark"}, "? already means help"),
        ({"akc": "s"}, "there is no key akc; did you mean ack?"),
        ({"pause": "ctrl+c"}, "ctrl+c cannot be bound"),
        ({"pause": "contrl+x"}, "'contrl+x' is no key"),
        ({"pause": ""}, "'' is no key"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(own: dict[str, str], why: str) -> None:
    assert any(found.startswith(why) for _, found in keys.problems(own)), list(keys.problems(own))


def test_two_keys_may_change_places() -> None:
    assert list(keys.problems({"ack": "s", "silence": "a"})) == []


async def test_help_is_drawn_from_the_bindings() -> None:
    async with dashboard(80, 100) as dash:
        bound = set(dash.app._ids_here())
        await dash.press("question_mark")
        text = dash.text()
        assert {"filter", "abnormal", "copy", "export", "jump", "view_alerts"} <= bound
        for id in bound:
            assert keys.KEYS[id].meaning[:50] in text, id
        assert "ack" not in bound


async def test_readonly_takes_writing_keys_from_bar_and_help() -> None:
    async with dashboard(120, 100, view="alerts", readonly=True) as dash:
        assert "read-only" in dash.lines()[0]
        assert " ack" not in dash.lines()[-1]
        await dash.press("question_mark")
        for key in keys.KEYS.values():
            if key.writes:
                shown = [line for line in dash.lines() if line.startswith(f"  {keys.shown(key.id, {})} ")]
                assert not any(line.rstrip().endswith(f" {key.meaning}") for line in shown)


# --- commands ---------------------------------------------------------------------------------------------


async def test_a_command_opens_an_slo_and_tab_completes_it() -> None:
    async with dashboard() as dash:
        await dash.press("colon", *"slo", "space", *"write", "tab", "enter")
        assert "slo > amas/write-durability" in dash.lines()[0]


async def test_tab_goes_through_what_may_be_meant() -> None:
    async with dashboard() as dash:
        await dash.press("colon", *"slo", "space", *"learning", "tab")
        first = dash.lines()[-1]
        await dash.press("tab")
        assert "learning-" in first
        assert dash.lines()[-1] != first
        await dash.press("escape")
        assert isinstance(dash.app.screen, OverviewScreen)


async def test_an_ambiguous_or_unknown_slo_is_told() -> None:
    async with dashboard() as dash:
        await command(dash, "slo learning")
        await command(dash, "slo nothing-like-it")
        assert toasts(dash)[0].startswith("several SLOs match: amas/learning-availability")
        assert toasts(dash)[1] == "there is no SLO nothing-like-it"


async def test_an_unknown_command_names_the_nearest() -> None:
    async with dashboard() as dash:
        await command(dash, "themee dark")
        assert toasts(dash) == ["there is no command :themee; did you mean :theme?"]
        await command(dash, "slo")
        assert toasts(dash)[-1] == ":slo needs ID"


async def test_a_view_command_filters_the_view() -> None:
    async with dashboard() as dash:
        await command(dash, "al severity=ticket")
        assert dash.app.current_mode == "alerts"
        assert "HighMemory" in dash.text()
        assert "DeployInProgress" not in dash.text()


@pytest.mark.slow
async def test_theme_graph_and_language_change_at_once() -> None:
    try:
        async with dashboard(160, 48) as dash:
            await dash.charts()
            await command(dash, "theme light")
            assert dash.app.theme == "sre-light"
            await command(dash, "graph ascii")
            assert dash.app.board.glyphs.graph == "ascii"
            await command(dash, "lang zh")
            assert (
                words.WORDS_IN_USE == "zh" if hasattr(words, "WORDS_IN_USE") else words.tr("help") != "help"
            )
            await command(dash, "theme pink")
            await command(dash, "graph oil")
            await command(dash, "lang tlh")
            assert len(toasts(dash)) == 3
    finally:
        words.speak("en")


async def test_quit_by_command() -> None:
    async with dashboard() as dash:
        await command(dash, "q")
        assert not dash.app.is_running


async def test_letters_typed_into_a_command_are_no_keys() -> None:
    async with dashboard() as dash:
        await dash.press("colon", *"qpRT2?")
        assert isinstance(dash.app.screen, OverviewScreen)
        assert ":qpRT2?_" in dash.lines()[-1]
        await dash.press("left", "backspace", "escape")
        assert dash.app.current_mode == "overview"


# --- palette ----------------------------------------------------------------------------------------------


async def test_the_palette_finds_an_slo() -> None:
    async with dashboard(100, 30) as dash:
        await dash.press("ctrl+p", *"wridur")
        assert isinstance(dash.app.screen, CommandPalette)
        await dash.until(lambda: "amas/write-durability" in dash.text())
        await dash.press("down", "enter")
        await dash.until(lambda: isinstance(dash.app.screen, DetailScreen))
        assert "write-durability" in dash.lines()[0]


async def test_the_palette_is_drawn_with_ascii_where_that_is_asked_for() -> None:
    async with dashboard(80, 24, glyphs=fmt.ASCII) as dash:
        await dash.press("ctrl+p", *"find")
        await dash.until(lambda: "find an SLO" in dash.text())
        assert dash.text().isascii()


async def test_the_palette_does_what_a_key_does() -> None:
    async with dashboard(100, 30) as dash:
        await dash.press("ctrl+p", *"notok")
        await dash.until(lambda: "only what is not ok" in dash.text())
        await dash.press("escape", "escape")
        assert isinstance(dash.app.screen, OverviewScreen)
        actions = dict(dash.app.actions_here())
        actions["abnormal"]()
        await dash.until(lambda: dash.app.board.filter.abnormal_only)


async def test_the_palette_offers_no_writing_key_when_readonly() -> None:
    async with dashboard(view="alerts", readonly=True) as dash:
        assert not {"ack", "silence", "end"} & {id for id, _ in dash.app.actions_here()}
    async with dashboard(view="alerts") as dash:
        assert {"ack", "silence"} <= {id for id, _ in dash.app.actions_here()}


# --- filters ----------------------------------------------------------------------------------------------


async def test_mine_keeps_what_the_reader_and_their_teams_own() -> None:
    async with dashboard(reader=Reader(me="mia", teams=frozenset({"data"}))) as dash:
        await dash.press("m")
        assert "write-durability" in dash.text()
        assert "learning-latency" not in dash.text()
        assert "mine" in dash.lines()[0]
        await dash.press("m")
        assert "learning-latency" in dash.text()


async def test_mine_without_a_name_says_where_to_write_it() -> None:
    async with dashboard() as dash:
        await dash.press("m")
        assert "config.toml" in toasts(dash)[0]


async def test_a_page_is_filtered_by_its_lines() -> None:
    async with dashboard() as dash:
        await dash.press("question_mark", "slash", *"palette")
        assert "no line matches" in dash.text()
        await dash.press(*["backspace"] * 7, *"pause|still", "enter")
        assert "hold the screen still" in dash.text()
        assert "UTC or local" not in dash.text()
        await dash.press("escape")
        assert isinstance(dash.app.screen, HelpScreen)
        await dash.press("escape")
        assert isinstance(dash.app.screen, OverviewScreen)


# --- panes and mouse --------------------------------------------------------------------------------------


async def test_jump_letters_go_to_panes() -> None:
    async with dashboard() as dash:
        await dash.press("ctrl+o")
        assert " a " in dash.lines()[3][:6]
        assert "go to" in dash.lines()[-1]
        await dash.press("s")
        assert dash.app.screen.focused is dash.app.screen.query_one("#alerts")
        assert "go to" not in dash.text()
        await dash.press("ctrl+o", "z")
        assert dash.app.screen.focused is dash.app.screen.query_one("#alerts")
        await dash.press("enter", "ctrl+o")
        assert "there is only one pane" in toasts(dash)[-1]


async def test_a_click_moves_the_cursor_and_a_second_one_opens() -> None:
    async with dashboard() as dash:
        await dash.pilot.click("#slos", offset=(5, 1))
        await dash.settle()
        assert dash.row("write-durability").startswith(">")
        await dash.pilot.click("#slos", offset=(5, 1))
        await dash.settle()
        assert isinstance(dash.app.screen, DetailScreen)


async def test_the_wheel_scrolls() -> None:
    many = [status(slo(f"svc-{number:03}/availability")) for number in range(300)]
    async with dashboard(80, 24, many) as dash:
        from textual.events import MouseScrollDown

        rows = dash.app.screen.query_one("#slos", Rows)
        event = MouseScrollDown(rows, 5, 3, 0, 1, 0, False, False, False, 5, 6, None)
        rows.post_message(event)
        await dash.until(lambda: rows.scroll_offset.y > 0)
        assert "svc-000" not in dash.text()


# --- copies and exports -----------------------------------------------------------------------------------


async def test_a_row_is_copied_with_its_query_and_time() -> None:
    async with dashboard() as dash:
        await dash.press("y")
        text = dash.app.clipboard
        assert text.startswith("amas/learning-availability  PAGE")
        assert "at 2026-11-20T03:12:41Z  lab amas ÷10" in text
        assert "PromQL: " in text
        assert "http_request_5xx_total" in text
        assert toasts(dash)[0].startswith("copied: amas/learning-availability")
        await dash.press("tab", "y")
        assert 'ALERTS{alertname="' in dash.app.clipboard


async def test_what_cannot_be_copied_is_told() -> None:
    async with dashboard(40, 10, []) as dash:
        await dash.press("y")
        assert toasts(dash) == ["there is nothing to copy here"]


@pytest.mark.slow
@pytest.mark.parametrize(("key", "suffix"), [("t", "txt"), ("s", "svg"), ("j", "json"), ("m", "md")])
async def test_a_screen_is_written_into_a_new_file(tmp_path: Path, key: str, suffix: str) -> None:
    async with dashboard(reader=Reader(folder=tmp_path)) as dash:
        shown = dash.text().splitlines()[3]
        for _ in range(2):
            before = len(toasts(dash))
            await dash.press("e", key)
            await dash.until(partial(_more_toasts, dash, before))
        first = tmp_path / f"sretool-overview-20261120T031241Z.{suffix}"
        second = tmp_path / f"sretool-overview-20261120T031241Z-2.{suffix}"
        assert toasts(dash) == [f"written: {first}", f"written: {second}"]
        text = first.read_text()
        if suffix == "json":
            document = json.loads(text)
            assert document["slos"][0]["id"] == "amas/learning-availability"
            assert document["verdict"]["tag"] == "IT IS US"
            assert document["at"] == "2026-11-20T03:12:41Z"
            assert shown in document["lines"]
        elif suffix == "svg":
            assert ElementTree.fromstring(text).tag.endswith("svg")
            assert "learning-availability" in text
        else:
            assert shown in text
            assert "write this screen" not in text


async def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    async with dashboard(reader=Reader(folder=tmp_path / "gone")) as dash:
        await command(dash, "export text")
        await dash.until(lambda: toasts(dash))
        assert toasts(dash) == [f"nothing written to {tmp_path / 'gone'}: No such file or directory"]
        await command(dash, "export pdf")
        assert toasts(dash)[-1].startswith("there is no format pdf")


# --- bell, log --------------------------------------------------------------------------------------------


async def test_the_bell_rings_unless_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    rung = []
    async with dashboard() as dash:
        monkeypatch.setattr(dash.app, "bell", lambda: rung.append(1))
        dash.watch.down.add("prometheus")
        dash.clock.forward(11)
        await dash.poll()
        assert len(rung) == 1
        dash.watch.down.clear()
        await dash.poll()
        await dash.press("b")
        dash.watch.down.add("prometheus")
        dash.clock.forward(11)
        await dash.poll()
        assert len(rung) == 1


async def test_the_log_shows_dead_loops_and_what_broke() -> None:
    async with dashboard(120, 30) as dash:
        # First: a dead loop is started again within a second.
        await command(dash, "log")
        assert isinstance(dash.app.screen, LogScreen)
        dash.watch.crash = RuntimeError("a fault of ours")
        await dash.poll()
        dash.app.repaint()
        await dash.settle()
        assert "DEAD" in dash.row("prometheus ")
        assert "a fault of ours" in dash.row("prometheus ")
        assert "runs every 5s" in dash.row("alertmanager ")
        await dash.until(lambda: _loop(dash, "prometheus").running)
        await dash.press("R")
        assert "DEAD" not in dash.row("prometheus ")


def _loop(dash: Dash, name: str) -> LoopState:
    return next(loop for loop in dash.app.loops() if loop.name == name)


# --- contexts ---------------------------------------------------------------------------------------------


@dataclass
class Known:
    """Contexts of which one cannot be used."""

    names: Sequence[str] = ("prod-eu", "test", "broken")
    current: str = "test"
    production: bool = False
    prepared: list[str] = field(default_factory=list)

    def prepare(self, name: str) -> None:
        if name == "broken":
            raise UsageError("its catalog has an error", remedy="mend it")
        self.prepared.append(name)


async def test_a_context_is_made_ready_before_this_one_is_left() -> None:
    known = Known()
    async with dashboard(contexts=known) as dash:
        await command(dash, "ctx prod-eu")
        await dash.until(lambda: not dash.app.is_running)
        assert known.prepared == ["prod-eu"]


async def test_a_context_that_cannot_be_used_is_not_gone_to() -> None:
    known = Known()
    async with dashboard(contexts=known) as dash:
        await command(dash, "ctx broken")
        await dash.until(lambda: len(toasts(dash)) > 1)
        assert toasts(dash)[-1] == "staying here: its catalog has an error; mend it"
        await command(dash, "ctx nowhere")
        assert toasts(dash)[-1] == "there is no context nowhere; there are prod-eu, test, broken"
        await command(dash, "ctx")
        assert toasts(dash)[-1] == "contexts: prod-eu, test, broken; now test"
        assert dash.app.is_running
        assert known.prepared == []


async def test_production_is_marked_on_every_screen() -> None:
    async with dashboard(contexts=Known(production=True)) as dash:
        assert dash.lines()[0].startswith(" PROD ")
        await dash.press("enter")
        assert dash.lines()[0].startswith(" PROD ")
    async with dashboard() as dash:
        assert "PROD" not in dash.lines()[0]


# --- languages --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "presses", [[view.key] for view in VIEWS] + [["enter"], ["question_mark"], ["i"]], ids=str
)
async def test_no_chinese_screen_overflows(presses: list[str]) -> None:
    from rich.cells import cell_len

    words.speak("zh")
    try:
        async with dashboard(80, 24) as dash:
            await dash.press(*presses)
            lines = dash.lines()
            assert len(lines) == 24
            assert all(cell_len(line) <= 80 for line in lines)
            assert any("\u4e00" <= sign <= "\u9fff" for sign in dash.text())
            assert "? " in lines[-1]
    finally:
        words.speak("en")


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_the_overview_in_chinese(width: int, height: int) -> None:
    words.speak("zh")
    try:
        async with dashboard(width, height) as dash:
            if width > 140:
                await dash.charts()
            check_screen("overview-zh", dash)
    finally:
        words.speak("en")


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_the_help_and_the_log(width: int, height: int) -> None:
    async with dashboard(width, height) as dash:
        await dash.press("question_mark")
        check_screen("help", dash)
        await dash.press("escape")
        dash.watch.down.add("prometheus")
        dash.clock.forward(11)
        await dash.poll()
        dash.app.clear_notifications()
        await command(dash, "log")
        check_screen("log", dash)
