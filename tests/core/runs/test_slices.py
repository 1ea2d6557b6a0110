"""Load cut into slices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.runs.events import LoadTick, WorkerTick
from sretool.core.runs.slices import Slices
from tests.support.runs import request_tick


def tick(latencies: list[float], **more: object) -> LoadTick:
    return LoadTick(1.0, 5, (request_tick("GET /", latencies),), 10.0, **more)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(2, 20))
def test_however_many_ticks_the_slices_are_few_and_lose_no_request(counts: list[int], most: int) -> None:
    slices = Slices(most)
    for second, count in enumerate(counts, 1):
        slices.take(float(second), tick([0.01 * second] * count, late_starts=1))
    assert len(slices) <= most
    assert sum(each.whole.requests for each in slices) == sum(counts)
    assert sum(each.whole.latency.count for each in slices) == sum(counts)
    assert sum(each.late_starts for each in slices) == len(counts)
    assert sum(each.seconds for each in slices) == len(counts)
    begins = [each.begin for each in slices]
    assert begins == sorted(begins)
    assert all(each.end - each.begin == slices.width for each in slices)


def test_a_slice_counts_and_keeps_the_worst() -> None:
    slices = Slices(1)
    slices.take(1.0, tick([0.1] * 9, workers=(WorkerTick("w", 0.5),), lag_s=0.2, in_flight=4))
    slices.take(2.0, tick([0.9] * 11, workers=(WorkerTick("w", 0.9),), lag_s=0.1, in_flight=3))
    (one,) = slices
    assert (one.begin, one.end, one.rate, one.planned_rate) == (0.0, 2.0, 10.0, 10.0)
    assert (one.cpu, one.lag_s, one.in_flight, one.users) == (0.9, 0.2, 4, 5)
    assert one.whole.most == 0.9
    assert one.whole.quantile(0.45) == pytest.approx(0.1, rel=0.001)


def test_time_without_load_has_no_slice() -> None:
    slices = Slices()
    slices.take(1.0, tick([0.1]))
    slices.take(61.0, tick([0.1]))
    slices.take(62.0, LoadTick(0.0, None, ()))
    assert [each.begin for each in slices] == [0.0, 60.0]
