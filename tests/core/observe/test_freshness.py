from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.observe.freshness import SAMPLE_EVERY, Freshness, judge
from tests.support.dashboard import NOW, health

REFRESH = timedelta(seconds=5)


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("ok", "answered_ago", "expected"),
    [
        pytest.param(True, 0, Freshness.FRESH, id="just answered"),
        pytest.param(True, 10, Freshness.FRESH, id="two refreshes old"),
        pytest.param(True, 11, Freshness.AGEING, id="slow, but no failure known"),
        pytest.param(True, 60, Freshness.AGEING, id="a minute without a word"),
        pytest.param(True, 61, Freshness.LOST, id="hangs for more than a minute"),
        pytest.param(False, 9, Freshness.FRESH, id="one failure between two answers"),
        pytest.param(False, 11, Freshness.LOST, id="fails, and the last answer is old"),
    ],
)
def test_time_since_the_last_answer_decides(ok: bool, answered_ago: int, expected: Freshness) -> None:
    source = health(ok=ok, ago=_seconds(answered_ago))
    assert judge(source, NOW, REFRESH).freshness is expected


def test_a_dead_source_is_lost_within_two_refreshes_and_a_second() -> None:
    source = health(ok=False, ago=2 * REFRESH + _seconds(1))
    assert judge(source, NOW, REFRESH).freshness is Freshness.LOST


@pytest.mark.parametrize(
    ("samples_ago", "expected"),
    [
        pytest.param(59, Freshness.FRESH, id="rules keep their minute"),
        pytest.param(101, Freshness.AGEING, id="one evaluation missed"),
        pytest.param(181, Freshness.STALE, id="three evaluations missed"),
    ],
)
def test_a_good_answer_with_old_samples_is_not_fresh(samples_ago: int, expected: Freshness) -> None:
    source = health(ago=_seconds(0), data_ago=_seconds(samples_ago))
    assert judge(source, NOW, REFRESH, SAMPLE_EVERY).freshness is expected


def test_age_is_that_of_the_answer_while_samples_keep_their_rhythm() -> None:
    source = health(ago=_seconds(2), data_ago=_seconds(50))
    assert judge(source, NOW, REFRESH, SAMPLE_EVERY).age == _seconds(2)


def test_age_is_that_of_the_samples_once_they_are_late() -> None:
    source = health(ago=_seconds(2), data_ago=_seconds(200))
    judged = judge(source, NOW, REFRESH, SAMPLE_EVERY)
    assert (judged.age, judged.as_of) == (_seconds(200), NOW - _seconds(200))


def test_a_source_not_asked_yet_waits() -> None:
    unasked = replace(health(ok=False, ago=None), error=None)
    assert judge(unasked, NOW, REFRESH).freshness is Freshness.WAITING


def test_a_source_that_never_answered_is_lost_and_has_no_age() -> None:
    judged = judge(health(ok=False, ago=None, error="refused"), NOW, REFRESH)
    assert (judged.freshness, judged.age, judged.as_of) == (Freshness.LOST, None, None)


def test_an_answer_from_a_clock_ahead_of_ours_is_fresh() -> None:
    judged = judge(health(ago=_seconds(-30)), NOW, REFRESH)
    assert (judged.freshness, judged.age) == (Freshness.FRESH, timedelta())


_ORDER = [Freshness.FRESH, Freshness.AGEING, Freshness.STALE, Freshness.LOST]


@given(
    ok=st.booleans(),
    answered=st.integers(0, 600),
    samples=st.none() | st.integers(0, 600),
    later=st.integers(0, 600),
    refresh=st.integers(1, 60),
)
def test_time_without_news_never_makes_a_source_fresher(
    ok: bool, answered: int, samples: int | None, later: int, refresh: int
) -> None:
    data_ago = None if samples is None else _seconds(samples)
    source = health(ok=ok, ago=_seconds(answered), data_ago=data_ago)
    now = judge(source, NOW, _seconds(refresh), SAMPLE_EVERY).freshness
    then = judge(source, NOW + _seconds(later), _seconds(refresh), SAMPLE_EVERY).freshness
    assert _ORDER.index(then) >= _ORDER.index(now)
