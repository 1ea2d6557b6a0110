from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.tui.pace import Pace


def _pace(refresh: float = 5.0, jitter: float = 1.0) -> Pace:
    return Pace(refresh, lambda: jitter)


def test_the_beat_does_not_drift_with_the_time_a_request_takes() -> None:
    pace, now, starts = _pace(), 100.0, []
    for _ in range(20):
        now += 0.7
        now += pace.pause(now, ok=True)
        starts.append(now)
    assert starts[-1] - starts[0] == pytest.approx(19 * 5.0)


def test_a_request_slower_than_the_beat_skips_beats_and_never_piles_up() -> None:
    pace = _pace()
    pace.pause(100.0, ok=True)
    assert pace.pause(118.0, ok=True) == pytest.approx(2.0)


@given(failures=st.integers(1, 200), jitter=st.floats(0, 1), refresh=st.floats(1, 300))
def test_a_lost_source_is_asked_again_within_two_seconds(
    failures: int, jitter: float, refresh: float
) -> None:
    pace = _pace(refresh, jitter)
    pauses = [pace.pause(float(number), ok=False) for number in range(failures)]
    assert all(0 < pause <= 2.0 for pause in pauses)


def test_retries_are_uneven_and_start_soon() -> None:
    shares = iter([0.0, 0.5, 1.0, 0.25])
    pace = Pace(5.0, lambda: next(shares))
    pauses = [pace.pause(float(number), ok=False) for number in range(4)]
    assert pauses[0] == pytest.approx(0.5)
    assert len(set(pauses)) == 4


def test_mean_retry_allows_recovery_within_two_seconds() -> None:
    shares = iter(number / 99 for number in range(100))
    pace = Pace(5.0, lambda: next(shares))
    assert statistics.mean(pace.pause(float(number), ok=False) for number in range(100)) < 1.7


def test_after_a_failure_the_beat_starts_anew() -> None:
    pace = _pace()
    pace.pause(100.0, ok=True)
    pace.pause(105.0, ok=False)
    assert pace.pause(107.3, ok=True) == pytest.approx(5.0)
