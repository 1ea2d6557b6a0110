"""The cockpit of a game day: what it shows and keeps to itself, and what its keys do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.store.notebook import Notebook
from sretool.adapters.store.tail import EventTail
from sretool.core.observe.replay import Player
from sretool.core.runs.events import (
    Asked,
    Checked,
    FaultOff,
    Held,
    PhaseBegan,
    RunEvent,
    SloTick,
    Started,
    StepEnded,
)
from sretool.core.runs.model import Check, Outcome, RunKind, Verdict
from sretool.core.runs.replay import RunRecording
from sretool.core.runs.story import Story
from sretool.tui import format as fmt
from sretool.tui import words
from sretool.tui.gameday import guard_line
from sretool.tui.gameday_app import GameDayApp
from sretool.tui.gameday_replay import GameDayPlayed
from sretool.tui.runs import RunPage
from sretool.tui.screens.gameday import GameDayCockpit, GameDayReplay, letters
from tests.support.gameday_live import live
from tests.support.runs import BEGAN
from tests.tui.screens import REFRESH, SMALL, WIDE, Dash, check_screen, dashboard
from tests.tui.test_cockpit import store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sretool.adapters.store.runs import RunStore
    from sretool.adapters.store.writer import RunWriter
    from sretool.core.runs.events import What
    from tests.support.runs import RunClock

__all__ = ["store"]

SIZES = [pytest.param(80, 24, id="80x24"), WIDE, SMALL]


class Work:
    """A game day as the screen knows it."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.running = True
        self.failed = False
        self.told: list[tuple[str, ...]] = []
        self.refuses = ""

    def abort(self, by: str) -> None:
        self.told.append(("abort", by))

    def stop(self, why: str) -> None:
        self.told.append(("stop", why))

    def hold(self, by: str) -> None:
        self.told.append(("hold", by))

    def go_on(self, by: str) -> None:
        self.told.append(("go on", by))

    def note(self, text: str, by: str) -> None:
        self.told.append(("note", text, by))

    def mark(self, by: str) -> None:
        self.told.append(("mark", by))

    def answer(self, step: str, text: str, by: str) -> str:
        self.told.append(("answer", step, text, by))
        return self.refuses

    def report(self) -> Path:
        return Path("report.html")


@asynccontextmanager
async def cockpit(
    work: Work, clock: RunClock, width: int = 80, height: int = 24, glyphs: fmt.Glyphs = fmt.UNICODE
) -> AsyncIterator[Dash]:
    notebook = Notebook(Path(".sretool"), "mia")
    async with dashboard(
        width, height, glyphs=glyphs, make=partial(GameDayApp, work), notebook=notebook
    ) as dash:
        dash.clock.moment = clock.now()
        app = dash.app
        assert isinstance(app, GameDayApp)
        await dash.until(lambda: isinstance(app.screen, GameDayCockpit))
        await dash.poll()
        await dash.until(lambda: app.page(app.view()))
        dash.app.repaint()
        await dash.settle()
        yield dash


@pytest.mark.parametrize(
    ("guard", "told"),
    [
        ("budget > 50%", "spent 40.00% of a/durable"),
        ("budget a/available > 50%", "spent 10.00% of a/available"),
    ],
)
def test_what_is_spent_is_told_of_the_budget_that_is_guarded(
    store: tuple[RunStore, RunClock], guard: str, told: str
) -> None:
    story = Story()
    ticks = (SloTick("a/available", 0.9, None, 0.1), SloTick("a/durable", 0.9, None, 0.4))
    started = Started(RunKind.GAMEDAY, "day", guards=(guard, "after 5m"))
    story.take_all(RunEvent(BEGAN, 0, what) for what in (started, *ticks))
    with store[0].create(RunKind.GAMEDAY, "day") as run:
        (line,) = guard_line(RunPage(run.run, story), 120)
        assert "".join(each.text for each in line).rstrip().endswith(told)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("phase", "until"), [("fault", 80), ("asked", 130), ("hidden", 200), ("told", 250)])
async def test_everything_is_seen_at_a_glance(
    store: tuple[RunStore, RunClock], phase: str, until: int, width: int, height: int
) -> None:
    with live(*store, until) as run:
        async with cockpit(Work(run.run.id), store[1], width, height) as dash:
            check_screen(f"gameday-cockpit-{phase}", dash)
        run.close()


async def test_in_ascii_nothing_else_is_drawn(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        async with cockpit(Work(run.run.id), store[1], glyphs=fmt.ASCII) as dash:
            assert dash.text().isascii(), dash.text()
        run.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(40, 10), (60, 16), (100, 30), (200, 60), (300, 90)])
async def test_it_fits_any_terminal(store: tuple[RunStore, RunClock], width: int, height: int) -> None:
    with live(*store, 250) as run:
        async with cockpit(Work(run.run.id), store[1], width, height) as dash:
            assert "RUNNING" in dash.lines()[1]
            assert "ASKED" in dash.lines()[2]
            assert "x abort + undo all" in dash.lines()[-1]
            assert all(len(line) <= width for line in dash.lines())
        run.close()


async def test_in_chinese_no_english_word_of_ours_is_left(store: tuple[RunStore, RunClock]) -> None:
    words.speak("zh")
    try:
        with live(*store, 250) as run:
            async with cockpit(Work(run.run.id), store[1], 160, 48) as dash:
                text = dash.text()
                assert "中止并全部恢复" in dash.lines()[-1]
                for word in ("ASKED", "STOPS WHEN", "TIMELINE", "HYPOTHESES", "PEOPLE", "MAY HURT", "taken"):
                    assert word not in text
            run.close()
    finally:
        words.speak("en")


# --- what is kept back ------------------------------------------------------------------------------------

_SECRETS = ("cache-loss", "blackhole", "the cache answers", "wait 20s", "cache-1")


@pytest.mark.parametrize(("width", "height"), [pytest.param(80, 24), WIDE])
async def test_what_is_hidden_is_told_when_it_is_over(
    store: tuple[RunStore, RunClock], width: int, height: int
) -> None:
    with live(*store, 200) as run:
        async with cockpit(Work(run.run.id), store[1], width, height) as dash:
            assert not [word for word in _SECRETS if word in dash.text()]
            run.record(FaultOff("secret/f1", "undone"))
            await dash.poll()
            assert "cache-1" not in dash.text()
            run.record(StepEnded("secret", Outcome.PASSED))
            await dash.until(lambda: "blackhole cache-1" in dash.text())
        run.close()


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(PhaseBegan("stopping"), id="everything is undone"),
        pytest.param(FaultOff("secret/f1", "undone", ok=False), id="it could not be undone"),
    ],
)
async def test_what_is_hidden_is_told_when_it_must_be_known(
    store: tuple[RunStore, RunClock], told: What
) -> None:
    with live(*store, 200, [told]) as run:
        async with cockpit(Work(run.run.id), store[1]) as dash:
            assert "blackhole cache-1" in dash.text()
        run.close()


async def test_what_a_lost_game_day_hid_may_still_be_in_and_is_named(
    store: tuple[RunStore, RunClock],
) -> None:
    run = live(*store, 200)
    run.close()
    async with cockpit(Work(run.run.id), store[1]) as dash:
        assert "LOST" in dash.lines()[1]
        assert "may still be in: blackhole cache-1" in dash.lines()[1]


async def test_the_dashboards_own_view_keeps_it_back_as_well(store: tuple[RunStore, RunClock]) -> None:
    store_, clock = store
    with live(*store, 200) as run:
        child = store_.create(RunKind.CHAOS, "cache-loss", targets=["cache-1"], parent=run.run.id)
        drills = Notebook(Path(".sretool")).drills()
        assert [each.name for each in drills] == ["amas-quarterly"]
        async with dashboard(view="gameday", notebook=Notebook(Path(".sretool"), "bo")) as dash:
            dash.clock.moment = clock.now()
            await dash.until(lambda: "amas-quarterly" in dash.text() and "CLAIMS" in dash.text())
            assert not [word for word in _SECRETS if word in dash.text()]
            child.finish(Verdict(Outcome.PASSED, "all checks held"))
            run.finish(Verdict(Outcome.FAILED, "noticed was not so"))
            await dash.until(lambda: "FAILED" in dash.text() and "cache-loss" in dash.text())


# --- keys -------------------------------------------------------------------------------------------------


async def test_one_key_aborts_and_asks_nothing(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press("x")
            assert work.told == [("abort", "mia")]
            assert isinstance(dash.app.screen, GameDayCockpit)
        run.close()


async def test_holding_and_going_on(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press("p")
            assert work.told == [("hold", "mia")]
            assert any("not taken out: kill app-2" in note.message for note in dash.app._notifications)
            run.record(Held("mia"))
            await dash.until(lambda: "ON HOLD" in dash.lines()[1] and "p go on" in dash.lines()[-1])
            await dash.press("p")
            assert work.told[-1] == ("go on", "mia")
        run.close()


async def test_notes_and_marks_go_to_the_game_day(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press("n", *"all well", "enter")
            await dash.press("m")
            assert work.told == [("note", "all well", "mia"), ("mark", "mia")]
            await dash.press("n", "escape", "n", "enter")
            assert len(work.told) == 2
        run.close()


async def test_a_choice_is_answered_with_one_key(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 250) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            assert "⏎ answer" in dash.lines()[-1]
            await dash.press("enter")
            assert "y yes" in dash.lines()[-1]
            await dash.press("n")
            assert work.told == [("answer", "noticed", "no", "mia for ann")]
        run.close()


async def test_whatever_is_asked_the_way_out_stays(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 250) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press("enter", "x")
            assert work.told == [("abort", "mia")]
        run.close()


async def test_no_answer_takes_the_key_of_the_way_out(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        run.record(Asked("seen", "lead", "Which?", ("x", "x-ray"), 300))
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press("enter")
            assert "1 x" in dash.lines()[-1]
            await dash.press("x")
            assert work.told == [("abort", "mia")]
        run.close()


async def test_an_answer_in_words_is_typed(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 130) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press("enter", *"about x", "enter")
            assert work.told == [("answer", "guess", "about x", "mia for ann")]
            work.refuses = "the answer is no longer waited for"
            await dash.press("enter", *"12", "enter")
            assert any(work.refuses == note.message for note in dash.app._notifications)
        run.close()


async def test_a_question_is_announced_wherever_one_is(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        async with cockpit(Work(run.run.id), store[1]) as dash:
            await dash.press("2")
            run.record(Asked("guess", "lead", "How many?", seconds=300))
            await dash.until(
                lambda: any("lead is asked: How many?" in note.message for note in dash.app._notifications)
            )
        run.close()


async def test_a_cursor_reads_the_charts(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        async with cockpit(Work(run.run.id), store[1]) as dash:
            await dash.press("v")
            assert "02:51:20Z  99.62%" in dash.row("── amas/learning-availability")
            await dash.press("H", "H", "H", "H")
            assert "99.99%" in dash.row("── amas/learning-availability")
            await dash.press("escape")
            assert isinstance(dash.app.screen, GameDayCockpit)
            await dash.press("tab")
            assert "── LATENCY" in dash.text()
            assert "amas/learning" not in dash.row("── L")
        run.close()


async def test_time_is_zoomed_and_moved(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 250) as run:
        async with cockpit(Work(run.run.id), store[1]) as dash:
            page = dash.app.screen
            assert isinstance(page, GameDayCockpit)
            whole = page.look.window
            await dash.press("[")
            assert page.look.window is not None
            assert page.look.window.end is not None
            await dash.press("-", "0")
            assert page.look.window is whole is None
        run.close()


async def test_the_report_is_one_of_the_forms(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 80) as run:
        async with cockpit(Work(run.run.id), store[1]) as dash:
            await dash.press("e")
            assert "r the report so far" in dash.lines()[-1]
            await dash.press("r")
            await dash.until(
                lambda: any("written: report.html" in note.message for note in dash.app._notifications)
            )
        run.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["q", "ctrl+q"])
async def test_leaving_while_it_runs_aborts_it_first(store: tuple[RunStore, RunClock], way: str) -> None:
    with live(*store, 80) as run:
        work = Work(run.run.id)
        async with cockpit(work, store[1]) as dash:
            await dash.press(way)
            assert "ABORT THE GAME DAY AND QUIT?" in dash.text()
            await dash.press("enter")
            assert work.told == []
            await dash.press(way, "tab", "enter")
            assert work.told == [("abort", "mia")]
            assert dash.app._exit is False
            work.running = False
            await dash.until(lambda: dash.app._exit)
        run.close()


async def test_the_end_is_shown_until_somebody_leaves(store: tuple[RunStore, RunClock]) -> None:
    run = live(*store, 250)
    work = Work(run.run.id)
    async with cockpit(work, store[1]) as dash:
        run.finish(Verdict(Outcome.FAILED, "lead: not so: nobody noticed"))
        work.running = False
        await dash.until(lambda: "FAILED" in dash.lines()[1] and "q quit" in dash.lines()[-1])
        await dash.press("x", "p", "m", "n")
        assert work.told == []
        await dash.press("q")
        await dash.until(lambda: dash.app._exit)


async def test_where_it_ends_while_leaving_is_asked_about_nothing_is_aborted(
    store: tuple[RunStore, RunClock],
) -> None:
    run = live(*store, 80)
    work = Work(run.run.id)
    async with cockpit(work, store[1]) as dash:
        await dash.press("q")
        assert "ABORT THE GAME DAY AND QUIT?" in dash.text()
        run.finish(Verdict(Outcome.PASSED, "everything held"))
        work.running = False
        await dash.until(lambda: any("day is over" in note.message for note in dash.app._notifications))
        await dash.press("tab", "enter")
        await dash.until(lambda: dash.app._exit)
    assert work.told == []


def test_every_answer_has_a_key_of_its_own() -> None:
    assert letters(["yes", "no"]) == ["y", "n"]
    assert letters(["exit", "x-ray", "x"], "x") == ["e", "r", "3"]
    assert letters(["2nd", "2"]) == ["2", "3"]
    assert len(set(letters(["是"] * 20))) == 20
    assert letters(["app-1", "app-2", "app-1 or 2"]) == ["a", "p", "1"]
    assert letters(["是", "否"]) == ["1", "2"]


# --- played again -----------------------------------------------------------------------------------------


@asynccontextmanager
async def played(store: tuple[RunStore, RunClock], width: int = 80, height: int = 24) -> AsyncIterator[Dash]:
    run = live(*store, 260)
    run.finish(Verdict(Outcome.FAILED, "cache-loss failed"))
    async with replayed(store[0], run, width, height) as dash:
        yield dash


@asynccontextmanager
async def replayed(store: RunStore, run: RunWriter, width: int, height: int) -> AsyncIterator[Dash]:
    found = EventTail(run.folder / "events.jsonl").read().events
    recording = RunRecording(found)
    player = Player(recording, recording.start, playing=False)
    app = GameDayPlayed(
        store.open(run.run.id).record, player, refresh=REFRESH, jitter=lambda: 1.0, glyphs=fmt.UNICODE
    )
    async with app.run_test(size=(width, height)) as pilot:
        dash = Dash(app, None, None, pilot)  # type: ignore[arg-type]
        await dash.until(lambda: isinstance(app.screen, GameDayReplay))
        yield dash


@pytest.mark.parametrize(("width", "height"), [pytest.param(80, 24), WIDE])
async def test_a_game_day_is_played_again(store: tuple[RunStore, RunClock], width: int, height: int) -> None:
    async with played(store, width, height) as dash:
        app = dash.app
        assert isinstance(app, GameDayPlayed)
        assert "REPLAY 02:50:00Z = x1" in dash.lines()[0]
        app.player.go(BEGAN + timedelta(seconds=200))
        app.show_moment()
        await dash.settle()
        check_screen("gameday-replay", dash)
        assert "blackhole cache-1" in dash.text()
        app.player.go(BEGAN + timedelta(seconds=260))
        app.show_moment()
        await dash.settle()
        assert "FAILED" in dash.lines()[1]
        # Back, and everything that came later has not happened yet.
        app.player.go(BEGAN + timedelta(seconds=60))
        app.show_moment()
        await dash.settle()
        assert "fault: kill app-2" in dash.lines()[1]
        assert "blackhole" not in dash.text()


@pytest.mark.parametrize(("width", "height"), [pytest.param(80, 24), WIDE])
async def test_the_trials_of_a_search_for_a_dose_are_called_that(
    store: tuple[RunStore, RunClock], width: int, height: int
) -> None:
    store_, clock = store
    with store_.create(RunKind.GAMEDAY, "dose of latency") as run:
        run.record(Started(RunKind.GAMEDAY, "dose of latency"))
        for number, (dose, got) in enumerate(((10, 0.061), (400, 0.83), (205, 0.41)), 1):
            clock.sleep(20)
            name = f"trial-{number}: latency={dose}"
            run.record(Checked(Check(name, 0.2, got, "s", got < 0.2)))
        run.finish(Verdict(Outcome.PASSED, "p95 < 200ms holds up to latency 10 and breaks from 205 on"))
    async with replayed(store_, run, width, height) as dash:
        app = dash.app
        assert isinstance(app, GameDayPlayed)
        app.player.go(app.player.recording.end)
        app.show_moment()
        await dash.settle()
        assert "trial-3: latency=205" in dash.text()
        assert "TRIALS" in dash.text()
        assert "HYPOTHESES" not in dash.text()
        assert "CLAIMS" not in dash.text()


async def test_the_replay_goes_from_change_to_change_and_page_to_page(
    store: tuple[RunStore, RunClock],
) -> None:
    async with played(store) as dash:
        app = dash.app
        assert isinstance(app, GameDayPlayed)
        await dash.press(")")
        assert app.player.now == BEGAN + timedelta(seconds=76)
        await dash.press(".", "comma")
        assert app.player.now == BEGAN + timedelta(seconds=76)
        await dash.press("p")
        assert app.player.playing
        await dash.press("x", "n", "m", "enter")
        assert "q quit" in dash.lines()[-1] or "play or pause" in dash.lines()[-1]
        await dash.press("q")
        await dash.until(lambda: app._exit)


async def test_to_whoever_leads_it_everything_is_told(store: tuple[RunStore, RunClock]) -> None:
    with live(*store, 200) as run:
        make = partial(GameDayApp, Work(run.run.id), reveal=True)
        async with dashboard(make=make, notebook=Notebook(Path(".sretool"), "mia")) as dash:
            dash.clock.moment = store[1].now()
            await dash.until(lambda: "blackhole cache-1" in dash.text())
        run.close()
