"""Recording what is on screen, and playing it again: keys, jumps, no network, nothing that writes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.core.observe.replay import NOT_RECORDED, Player, Recording
from sretool.errors import UsageError
from sretool.services.recording import Session
from sretool.tui import format as fmt
from sretool.tui import keys
from sretool.tui.app import NOT_DRAWN
from sretool.tui.replay import ReplayApp
from tests.support.dashboard import amas
from tests.support.session import END, LOST_AT, MINUTE, PAGED_AT, START, lines, session
from tests.tui.screens import REFRESH, WIDE, Dash, check_screen, dashboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

FIRST = amas()[0].slo


class Replay(Dash):
    """A session that is played in a test; it stands unless it is told to go on."""

    def __init__(self, app: ReplayApp, pilot: Any) -> None:
        super().__init__(app, None, None, pilot)  # type: ignore[arg-type]
        self.player = app.player

    async def go(self, moment: datetime) -> None:
        self.player.go(moment)
        self.app.show_moment()  # type: ignore[attr-defined]
        await self.settle()


@asynccontextmanager
async def replayed(
    width: int = 80, height: int = 24, played: Recording | None = None
) -> AsyncIterator[Replay]:
    recording = played or session()
    player = Player(recording, recording.start, playing=False)
    app = ReplayApp(player, refresh=REFRESH, jitter=lambda: 1.0, glyphs=fmt.UNICODE, origin="lab amas")
    async with app.run_test(size=(width, height)) as pilot:
        replay = Replay(app, pilot)
        await replay.settle()
        yield replay
        assert not [text for _, text in app.board.log if text.startswith(NOT_DRAWN)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_the_screens_are_those_of_then(width: int, height: int) -> None:
    async with replayed(width, height) as replay:
        await replay.go(PAGED_AT + MINUTE)
        await replay.settle()
        assert "REPLAY" in replay.lines()[0]
        assert "03:16:41Z" in replay.lines()[0]
        assert "IT IS US" in replay.lines()[1]
        # The budget may have been asked for before there was an answer in the recording.
        await replay.press("R")
        await replay.until(lambda: "asking Prometheus" not in replay.text())
        await replay.until(lambda: "not recorded" not in replay.text())
        check_screen("replay", replay)


async def test_a_lost_source_is_lost_again() -> None:
    async with replayed() as replay:
        await replay.go(LOST_AT + MINUTE)
        assert "PROM LOST" in replay.lines()[0]
        await replay.go(END)
        assert "PROM LOST" not in replay.lines()[0]
        assert "END" in replay.lines()[0]


async def test_pause_plays_and_stands_and_the_clock_is_that_of_then() -> None:
    async with replayed() as replay:
        await replay.press("}", "}", "p")
        assert replay.player.playing
        await replay.until(lambda: replay.player.now > START + 30 * timedelta(seconds=1))
        await replay.press("p")
        stood = replay.player.now
        assert "= x60" in replay.lines()[0]
        assert stood.strftime("%H:%M:%SZ") in replay.lines()[0]
        await replay.press("{")
        assert "x10" in replay.lines()[0]


async def test_steps_go_to_changes_and_pages_and_say_what_they_are() -> None:
    async with replayed() as replay:
        await replay.press("full_stop")
        assert replay.player.now == PAGED_AT
        assert "ok -> page" in str(list(replay.app._notifications)[-1].message)
        await replay.press("full_stop")
        assert replay.player.now == LOST_AT
        await replay.press("comma")
        assert replay.player.now == PAGED_AT
        await replay.press(")")
        assert replay.player.now == START + 8 * MINUTE
        await replay.press("(")
        assert replay.player.now == PAGED_AT
        await replay.press("(")
        assert "no page before this" in str(list(replay.app._notifications)[-1].message)
        assert "IT IS US" in replay.lines()[1]


async def test_going_back_shows_what_was_known_then_and_no_toast_of_the_future() -> None:
    async with replayed() as replay:
        await replay.go(END)
        await replay.go(START + 4 * MINUTE)
        assert replay.row(f" {FIRST.name} ").startswith(">▲")
        await replay.go(START)
        assert "7 ok" in replay.lines()[0]


async def test_a_time_can_be_typed() -> None:
    async with replayed() as replay:
        await replay.press("@", *"03:17", "enter")
        assert replay.player.now == START.replace(minute=17, second=0)
        await replay.press("@", *"-1m", "enter")
        assert replay.player.now == START.replace(minute=16, second=0)
        await replay.press("@", *"never", "enter")
        assert "'never' is not a time" in str(list(replay.app._notifications)[-1].message)
        await replay.press("@", "escape")
        assert replay.player.now == START.replace(minute=16, second=0)


async def test_charts_are_those_that_were_on_screen() -> None:
    async with replayed(160, 48) as replay:
        await replay.go(START + 2 * MINUTE)
        await replay.press("enter")
        await replay.charts()
        assert "budget" in replay.row("ERROR RATIO")
        await replay.press("down")
        await replay.until(lambda: NOT_RECORDED in replay.text())


async def test_what_was_on_screen_then_is_told() -> None:
    async with replayed(160, 40) as replay:
        await replay.go(START + 4 * MINUTE)
        assert f"saw {FIRST.id} [enter v]" in replay.lines()[0]


async def test_a_damaged_line_ends_the_session_and_is_told_once() -> None:
    written = lines()
    place = next(number for number, line in enumerate(written) if line["t"] >= LOST_AT.isoformat())
    written[place] = {"k": "history", "t": written[place]["t"]}
    async with replayed(played=Recording(written)) as replay:
        await replay.go(END)
        await replay.go(END)
        assert len([note for note in replay.app._notifications if "damaged" in note.message]) == 1
        assert "END" in replay.lines()[0]


async def test_no_key_that_writes_is_left() -> None:
    async with replayed() as replay:
        bar = replay.lines()[-1]
        for where in ([], ["enter"]):
            await replay.press(*where)
            bound = {each.binding.id for each in replay.app.screen.active_bindings.values() if each.enabled}
            assert not {each for each in bound if each in keys.KEYS and keys.KEYS[each].writes}
        assert " ack" not in bar


# --- recording --------------------------------------------------------------------------------------------


class Keeper:
    """Keeps a session in memory."""

    def __init__(self, clock: Any) -> None:
        class Clock:
            def now(self) -> datetime:
                moment: datetime = clock()
                return moment

        self.session = Session(Clock())
        self.lines: list[Any] = []
        self.problem: str | None = None
        self.refuses = False

    def start(self) -> Path:
        from pathlib import Path

        if self.refuses:
            raise UsageError("no such folder")
        self.session.start(self.lines.append, {"origin": "lab"})
        return Path("/runs/20261120T031241Z-session-amas-k7x2mq")

    def stop(self) -> Path | None:
        from pathlib import Path

        self.session.stop()
        return Path("/runs/20261120T031241Z-session-amas-k7x2mq")


async def test_recording_starts_with_what_is_known_and_is_shown_in_row_1() -> None:
    async with dashboard() as dash:
        keeper = Keeper(dash.clock)
        dash.app.sessions = keeper
        await dash.press("enter")
        await dash.charts()
        dash.app.toggle_recording()
        await dash.settle()
        assert " REC " in dash.lines()[0]
        await dash.press("v")
        dash.app.toggle_recording()
        await dash.settle()
        assert " REC " not in dash.lines()[0]
        assert "dash --replay 20261120" in str(list(dash.app._notifications)[-1].message)
        known = Recording(keeper.lines).at(dash.clock())
        assert known.snapshot == dash.app.board.snapshot
        assert FIRST.id in known.histories
        assert known.answers.tracks == dash.app.answers.tracks
        assert known.seen.about == FIRST.id
        assert known.seen.keys[-1] == "v"


async def test_what_is_typed_into_a_line_is_not_written_down() -> None:
    async with dashboard() as dash:
        keeper = Keeper(dash.clock)
        dash.app.sessions = keeper
        dash.app.toggle_recording()
        await dash.press("slash", *"secret", "enter")
        assert "".join(str(line) for line in keeper.lines if line["k"] == "seen").count("'s', 'e', 'c'") == 0
        keys_seen = [key for line in keeper.lines if line["k"] == "seen" for key in line["keys"]]
        assert not {"s", "c", "r", "t"} & set(keys_seen)


async def test_a_folder_that_cannot_be_made_is_told() -> None:
    async with dashboard() as dash:
        keeper = Keeper(dash.clock)
        keeper.refuses = True
        dash.app.sessions = keeper
        dash.app.toggle_recording()
        await dash.settle()
        assert "no such folder" in str(list(dash.app._notifications)[-1].message)
        assert " REC " not in dash.lines()[0]


async def test_a_recording_that_cannot_be_written_any_more_is_told_and_over() -> None:
    async with dashboard() as dash:
        keeper = Keeper(dash.clock)
        dash.app.sessions = keeper
        dash.app.toggle_recording()
        keeper.problem = "the recording cannot be written: No space left on device"
        dash.app._tick()
        keeper.problem = None
        await dash.settle()
        assert "No space left" in str(list(dash.app._notifications)[-1].message)
        assert " REC " not in dash.lines()[0]


@pytest.mark.slow
async def test_without_a_place_to_keep_it_there_is_no_recording() -> None:
    async with dashboard() as dash:
        await dash.press(":", *"record", "enter")
        assert "cannot be recorded here" in str(list(dash.app._notifications)[-1].message)


async def test_the_time_can_be_given_as_a_command() -> None:
    async with dashboard() as dash:
        await dash.press("enter")
        await dash.charts()
        await dash.press(":", *"t 2h", "enter")
        assert "ERROR RATIO 2h live" in dash.text()
        await dash.press(":", *"t never", "enter")
        assert "'never' is not a time" in str(list(dash.app._notifications)[-1].message)
