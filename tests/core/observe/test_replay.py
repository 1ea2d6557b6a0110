from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.observe import replay
from sretool.core.observe.questions import Span, Wanted
from sretool.core.observe.recording import RecordingUnreadable
from sretool.core.observe.replay import Player, Recording
from sretool.core.slo.model import Level
from tests.support.session import (
    END,
    ENDED_AT,
    HOURS,
    LOST_AT,
    MINUTE,
    OF,
    PAGED_AT,
    RATIO,
    START,
    lines,
    session,
)

if TYPE_CHECKING:
    from sretool.core.observe.model import Snapshot

SECOND = timedelta(seconds=1)
LEVELS = [Level.PAGE if 3 <= number < 8 else Level.OK for number in range(11)]


def _shown(recording: Recording, after: timedelta) -> Snapshot:
    snapshot = recording.at(START + after).snapshot
    assert snapshot is not None
    return snapshot


@pytest.mark.slow
@given(st.lists(st.integers(0, 10), min_size=1, max_size=12))
def test_whatever_way_one_goes_a_moment_shows_what_was_known_then(way: list[int]) -> None:
    recording = session()
    for number in way:
        shown = _shown(recording, number * MINUTE + 30 * SECOND)
        assert shown.seq == number + 1
        assert shown.statuses[0].level is LEVELS[number]


def test_going_back_over_many_lines() -> None:
    recording = Recording(lines()[:1] + lines()[1:] * 60)
    last = recording.at(recording.end)
    assert recording.at(recording.start).snapshot is not None
    assert recording.at(recording.end).snapshot == last.snapshot


def test_before_the_first_snapshot_there_is_the_first() -> None:
    assert _shown(session(), -timedelta(days=1)).seq == 1
    assert _shown(session(), timedelta(days=1)).seq == 11


def test_changes_and_pages_can_be_gone_to() -> None:
    recording = session()
    first = recording.following(START)
    assert first is not None
    assert (first.at, first.page) == (PAGED_AT, True)
    assert [m.at for m in recording.moments() if m.page] == [PAGED_AT, PAGED_AT, ENDED_AT, ENDED_AT]
    assert [m.text for m in recording.moments() if m.at == LOST_AT] == ["prometheus lost"]
    last = recording.preceding(END)
    assert last is not None
    assert last.at == ENDED_AT
    assert recording.following(END) is None
    assert recording.preceding(START) is None


def test_a_history_fails_when_it_failed_then_and_comes_back() -> None:
    recording = session()
    assert OF.id not in recording.at(START).histories
    assert recording.at(START + 2 * MINUTE).histories[OF.id].at == START + MINUTE
    assert recording.at(LOST_AT).failures == {OF.id: "connection refused"}
    assert recording.at(END).failures == {}


def test_curves_are_cut_out_of_what_was_recorded() -> None:
    known = session().at(END)
    now = START + 9 * MINUTE
    exact = replay.answered(known, Wanted(now=("up", "down"), past=((RATIO, HOURS),)), now)
    assert exact.found["up"].error is None
    assert exact.found["down"].error == replay.NOT_RECORDED
    whole = exact.track(RATIO, HOURS).series[0].points
    part = Span(timedelta(hours=1), MINUTE, until=START - timedelta(hours=1))
    cut = replay.answered(known, Wanted(past=((RATIO, part),)), now).track(RATIO, part)
    points = cut.series[0].points
    assert points == tuple(p for p in whole if part.start(now) <= p[0] <= part.end(now))
    assert cut.until == part.end(now)
    finer = Span(timedelta(hours=1), 15 * SECOND)
    assert replay.answered(known, Wanted(past=((RATIO, finer),)), now).track(RATIO, finer).error
    other = replay.answered(known, Wanted(past=(("other", part),)), now)
    assert other.track("other", part).error == replay.NOT_RECORDED


def test_what_was_asked_then_is_asked_now() -> None:
    known = session().at(END)
    assert replay.query_of(known, OF, MINUTE) == RATIO
    assert replay.NOT_RECORDED in replay.query_of(known, OF, 5 * MINUTE)


def test_a_clock_that_was_set_back_hides_nothing() -> None:
    written = lines()
    written[-1] = written[-1] | {"t": START.isoformat()}
    assert Recording(written).end >= START + 9 * MINUTE


@pytest.mark.parametrize(
    "written",
    [
        [],
        [1],
        [{}],
        [{"k": "head", "schema": 99, "head": None, "t": START.isoformat()}],
        lines()[:1],
        lines()[1:],
        [*lines()[:1], {"k": "snapshot", "t": "noon"}],
    ],
)
def test_what_is_no_session_is_told(written: list[object]) -> None:
    with pytest.raises(RecordingUnreadable):
        Recording(written)


def test_a_session_ends_before_a_line_that_is_damaged() -> None:
    written = lines()
    place = next(number for number, line in enumerate(written) if line["t"] >= LOST_AT.isoformat())
    written[place] = {"k": "history", "t": written[place]["t"]}
    recording = Recording(written)
    assert recording.at(END).snapshot == session().at(LOST_AT - SECOND).snapshot
    assert recording.end < LOST_AT
    assert "damaged" in (recording.problem or "")
    assert [moment.at for moment in recording.moments()] == [PAGED_AT, PAGED_AT]


def test_a_session_whose_first_snapshot_is_damaged_is_told() -> None:
    written = lines()
    written[1] = {"k": "snapshot", "t": written[1]["t"], "whole": {"c": ["observe.model:Snapshot", {}]}}
    with pytest.raises(RecordingUnreadable):
        Recording(written)


def test_lines_of_a_newer_version_are_passed_over() -> None:
    extra = {"k": "weather", "t": START.isoformat()}
    first, *rest = json.loads(json.dumps(lines()))
    assert _shown(Recording([first, extra, *rest]), timedelta()).seq == 1


# --- playing ----------------------------------------------------------------------------------------------


def test_time_goes_on_with_the_speed_and_stops_at_the_end() -> None:
    player = Player(session(), START)
    player.advance(SECOND)
    player.faster(1)
    player.advance(SECOND)
    assert player.now == START + 11 * SECOND
    player.faster(5)
    assert player.speed == 60
    player.advance(MINUTE)
    assert (player.now, player.playing) == (END, False)
    player.advance(MINUTE)
    assert player.now == END
    player.toggle()
    assert (player.now, player.playing) == (START, True)
    player.faster(-9)
    assert player.speed == 1


def test_a_paused_player_stands() -> None:
    player = Player(session(), START)
    player.toggle()
    player.advance(MINUTE)
    assert player.now == START


def test_stepping_goes_from_change_to_change() -> None:
    player = Player(session(), START)
    seen = []
    while (moment := player.step(1)) is not None:
        seen.append(moment.at)
    assert seen == [PAGED_AT, LOST_AT, ENDED_AT]
    assert player.step(-1, pages=True) is not None
    assert player.now == PAGED_AT


def test_no_jump_leaves_the_session() -> None:
    player = Player(session(), START)
    player.go(START - timedelta(days=1))
    assert player.now == START
    player.go(START + timedelta(days=1))
    assert player.now == END
