from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.errors import UsageError
from sretool.tui.timeline import (
    MOST_POINTS,
    PRESETS,
    Compare,
    Timeline,
    TimeWindow,
    comparison_words,
    parse_moment,
    parse_window,
    shifted,
    step_for,
    times_as_much,
)

NOW = datetime(2026, 11, 20, 3, 12, 41, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_live_window_ends_now_whenever_that_is() -> None:
    window = TimeWindow(HOUR)
    assert window.bounds(NOW) == (NOW - HOUR, NOW)
    assert window.bounds(NOW + DAY) == (NOW + DAY - HOUR, NOW + DAY)


def test_panning_goes_by_half_a_span_and_back_to_live() -> None:
    once = TimeWindow(2 * HOUR).pan(-1, NOW)
    assert once.bounds(NOW) == (NOW - 3 * HOUR, NOW - HOUR)
    assert once.bounds(NOW + DAY) == once.bounds(NOW)
    assert once.pan(1, NOW) == TimeWindow(2 * HOUR)
    assert TimeWindow(HOUR).pan(5, NOW).live


def test_zooming_a_live_window_keeps_its_end() -> None:
    assert TimeWindow(6 * HOUR).zoom(1, NOW) == TimeWindow(3 * HOUR)
    assert TimeWindow(6 * HOUR).zoom(-1, NOW) == TimeWindow(12 * HOUR)
    assert TimeWindow(5 * MINUTE).zoom(1, NOW) == TimeWindow(5 * MINUTE)
    assert TimeWindow(90 * DAY).zoom(-1, NOW) == TimeWindow(90 * DAY)
    assert TimeWindow(100 * MINUTE).zoom(1, NOW).span == HOUR


def test_zooming_a_window_that_stands_keeps_its_middle() -> None:
    middle = NOW - 5 * HOUR
    window = TimeWindow(6 * HOUR, middle + 3 * HOUR).zoom(1, NOW)
    assert window.bounds(NOW) == (middle - 1.5 * HOUR, middle + 1.5 * HOUR)


def test_zooming_keeps_the_cursor_where_it_is() -> None:
    cursor = NOW - 5 * HOUR
    window = TimeWindow(6 * HOUR, NOW).zoom(1, NOW, cursor)
    start, end = window.bounds(NOW)
    assert (cursor - start) / (end - start) == pytest.approx(1 / 6)


@given(
    span=st.timedeltas(min_value=MINUTE, max_value=400 * DAY),
    columns=st.integers(0, 400),
    least=st.sampled_from([timedelta(seconds=15), MINUTE]),
)
def test_no_question_is_larger_than_prometheus_answers(
    span: timedelta, columns: int, least: timedelta
) -> None:
    step = step_for(span, columns, least)
    assert span / step <= min(max(columns, 1) * 2, MOST_POINTS)
    assert step >= least


@pytest.mark.parametrize("span", PRESETS)
def test_there_is_about_a_point_for_each_column(span: timedelta) -> None:
    assert span / step_for(span, 90) > 30


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        pytest.param("2h", NOW - 2 * HOUR, None, id="a span up to now"),
        pytest.param("  1h30m ", NOW - 1.5 * HOUR, None, id="spaces around"),
        pytest.param("live", NOW - 6 * HOUR, None, id="live keeps the span"),
        pytest.param("0", NOW - 6 * HOUR, None, id="as the key"),
        pytest.param(
            "2026-11-01 03:00 +2h",
            datetime(2026, 11, 1, 3, tzinfo=UTC),
            datetime(2026, 11, 1, 5, tzinfo=UTC),
            id="start and span",
        ),
        pytest.param(
            "2026-11-01T03:00:00+01:00 + 2h",
            datetime(2026, 11, 1, 2, tzinfo=UTC),
            datetime(2026, 11, 1, 4, tzinfo=UTC),
            id="a zone of its own",
        ),
        pytest.param(
            "2026-11-01 03:00 .. 2026-11-01 03:30",
            datetime(2026, 11, 1, 3, tzinfo=UTC),
            datetime(2026, 11, 1, 3, 30, tzinfo=UTC),
            id="start and end",
        ),
        pytest.param(
            "2026-11-01",
            datetime(2026, 11, 1, tzinfo=UTC),
            datetime(2026, 11, 2, tzinfo=UTC),
            id="a day",
        ),
        pytest.param("-3h +30m", NOW - 3 * HOUR, NOW - 2.5 * HOUR, id="ago"),
        pytest.param(
            "02:00 +10m",
            datetime(2026, 11, 20, 2, tzinfo=UTC),
            datetime(2026, 11, 20, 2, 10, tzinfo=UTC),
            id="today",
        ),
        pytest.param(
            "23:00Z +10m",
            datetime(2026, 11, 19, 23, tzinfo=UTC),
            datetime(2026, 11, 19, 23, 10, tzinfo=UTC),
            id="yesterday, where today's is not yet",
        ),
        pytest.param("-1h +5h", NOW - HOUR, NOW, id="not beyond now"),
    ],
)
def test_a_range_as_people_type_it(text: str, start: datetime, end: datetime | None) -> None:
    window = parse_window(text, TimeWindow(), NOW)
    assert window.bounds(NOW) == (start, end or NOW)
    assert window.end == end


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yesterday", "'yesterday' is not a time"),
        ("25:00 +1h", "'25:00' is not a time"),
        ("2026-13-01", "'2026-13-01' is not a time"),
        ("2027-01-01 +1h", "in the future"),
        ("03:00 +soon", "'soon' is not a duration"),
        ("03:00 .. 02:00", "ends before it starts"),
        ("1s", "1s is not between 1m and 400d"),
        ("0001-01-01 00:00:00+23:00", "is beyond all time"),
        ("5y", "is not between 1m and 400d"),
        ("99999999999999y", "is"),
    ],
)
def test_a_range_that_cannot_be_read_is_told_with_how_to_write_it(text: str, why: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_window(text, TimeWindow(), NOW)
    assert why in raised.value.message
    assert "+2h" in (raised.value.remedy or "")


@given(text=st.text(max_size=30))
def test_whatever_is_typed_is_a_window_or_an_error(text: str) -> None:
    try:
        window = parse_window(text, TimeWindow(), NOW)
    except UsageError:
        return
    start, end = window.bounds(NOW)
    assert start < end <= NOW


def test_times_without_a_zone_are_of_the_zone_that_is_shown() -> None:
    zone = datetime(2026, 1, 1, tzinfo=UTC).astimezone(tz=None).tzinfo
    assert parse_moment("2026-11-01 03:00", NOW, zone) == datetime(2026, 11, 1, 3, tzinfo=zone)
    assert parse_moment("03:10", NOW) == datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


def test_the_cursor_stays_inside_the_window() -> None:
    timeline = Timeline(TimeWindow(HOUR))
    timeline.toggle_cursor(NOW)
    assert timeline.cursor == NOW.replace(second=0)
    timeline.move_cursor(-10, MINUTE, NOW)
    assert timeline.cursor == NOW.replace(second=0) - 10 * MINUTE
    timeline.move_cursor(-999, MINUTE, NOW)
    assert timeline.cursor == NOW - HOUR
    timeline.move_cursor(999, MINUTE, NOW)
    assert timeline.cursor == NOW
    timeline.pan(-4, NOW)
    assert timeline.cursor == NOW - 2 * HOUR
    timeline.toggle_cursor(NOW)
    timeline.move_cursor(1, MINUTE, NOW)
    assert timeline.cursor is None


def test_back_to_now_keeps_the_span_and_drops_the_cursor() -> None:
    timeline = Timeline()
    timeline.go("-5h +30m", NOW)
    timeline.toggle_cursor(NOW)
    timeline.reset()
    assert (timeline.window, timeline.cursor) == (TimeWindow(30 * MINUTE), None)


def test_comparisons_go_round() -> None:
    timeline = Timeline()
    seen = []
    for _ in range(4):
        timeline.next_comparison()
        seen.append(timeline.compare)
    assert seen == [Compare.HOUR, Compare.DAY, Compare.WEEK, Compare.NONE]


def test_what_is_asked_ends_where_the_window_does_and_earlier_for_a_comparison() -> None:
    live = TimeWindow(HOUR).asked(60)
    assert live.live
    assert live.end(NOW) == NOW.replace(second=0)
    week = TimeWindow(HOUR).asked(60, back=Compare.WEEK.back)
    assert week.end(NOW) == NOW.replace(second=0) - 7 * DAY
    stands = TimeWindow(HOUR, NOW - DAY).asked(60)
    assert stands.end(NOW) == stands.end(NOW + DAY) == NOW.replace(second=0) - DAY


def test_how_a_window_is_named() -> None:
    assert TimeWindow().words(local=False) == "6h live"
    assert TimeWindow(2 * HOUR, datetime(2026, 11, 1, 5, tzinfo=UTC)).words(local=False) == "1 Nov 03:00Z +2h"


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        ([2.6], [2.0], "x1.3 vs 1 week ago"),
        ([62.0, None], [2.0], "x31 vs 1 week ago"),
        ([1.0], [1.01], "same as 1 week ago"),
        ([1.0], [0.0], "? vs 1 week ago"),
        ([1.0], [None], "? vs 1 week ago"),
        ([float("nan")], [1.0], "? vs 1 week ago"),
    ],
)
def test_how_much_it_differs(now: list[float | None], before: list[float | None], words: str) -> None:
    ratio = times_as_much([(NOW, value) for value in now], [(NOW, value) for value in before])
    assert comparison_words(ratio, Compare.WEEK) == words
    assert comparison_words(ratio, Compare.NONE) == ""


def test_compared_points_are_drawn_under_those_of_the_window() -> None:
    assert shifted([(NOW - 7 * DAY, 1.0)], 7 * DAY) == ((NOW, 1.0),)
