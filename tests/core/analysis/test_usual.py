from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.usual import percentile, usual

WEEK = tuple(float(value) for value in range(100, 113))


def test_the_band_of_several_weeks_goes_from_the_5th_to_the_95th_percentile() -> None:
    found = usual([WEEK, WEEK, WEEK, WEEK])
    assert found is not None
    assert (found.low, found.middle, found.high, found.periods) == (100, 106, 112, 4)


@pytest.mark.parametrize(
    "periods",
    [
        pytest.param([], id="no week"),
        pytest.param([WEEK, WEEK], id="two weeks"),
        pytest.param([WEEK, (), WEEK, ()], id="two of four weeks"),
        pytest.param([(1.0,), (2.0,), (3.0,)], id="three weeks of one sample"),
    ],
)
def test_little_history_makes_no_custom(periods: list[tuple[float, ...]]) -> None:
    assert usual(periods) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1))
def test_a_percentile_is_between_the_least_and_the_greatest(values: list[float], share: float) -> None:
    ordered = sorted(values)
    assert ordered[0] <= percentile(ordered, share) <= ordered[-1] or len(set(values)) == 1
