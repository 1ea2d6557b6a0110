"""Latency buckets against the latencies themselves."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.latency import RELATIVE_ERROR, Histogram, bucket, counted, merged, middle, quantile

MICROSECOND = 1_000
HOUR = 3_600_000_000_000

latencies = st.integers(min_value=MICROSECOND, max_value=HOUR)


def of(*nanoseconds: float) -> Histogram:
    histogram = Histogram()
    histogram.add(nanoseconds)
    return histogram


@given(latencies)
def test_the_middle_of_a_bucket_is_within_a_thousandth(nanoseconds: int) -> None:
    assert abs(middle(bucket(nanoseconds)) / nanoseconds - 1) <= RELATIVE_ERROR < 0.001


@given(latencies, latencies)
def test_buckets_are_in_the_order_of_latencies(one: int, other: int) -> None:
    assert (bucket(one) <= bucket(other)) == (bucket(one) == bucket(other) or one < other)


@given(st.lists(latencies, max_size=50))
def test_many_at_once_are_counted_as_one_by_one(nanoseconds: list[int]) -> None:
    assert counted(nanoseconds) == {
        number: sum(bucket(each) == number for each in nanoseconds)
        for number in {bucket(each) for each in nanoseconds}
    }


@given(st.lists(latencies, min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999, 1.0]))
def test_quantiles_are_those_of_the_sorted_latencies(nanoseconds: list[int], share: float) -> None:
    said = of(*nanoseconds).quantile(share)
    exact = sorted(nanoseconds)[max(math.ceil(share * len(nanoseconds) - 1e-6), 1) - 1]
    assert said == pytest.approx(exact, rel=RELATIVE_ERROR)


@given(st.lists(st.lists(latencies, max_size=30), max_size=8))
def test_parts_add_up_to_the_whole_bit_for_bit(parts: list[list[int]]) -> None:
    assert merged(of(*part) for part in parts) == of(*(each for part in parts for each in part))


def test_the_extremes_are_exact() -> None:
    histogram = of(1_234_567, 7_654_321, 5_000_000)
    assert (histogram.quantile(1), histogram.most, histogram.least) == (7_654_321, 7_654_321, 1_234_567)
    assert histogram.mean == pytest.approx((1_234_567 + 7_654_321 + 5_000_000) / 3)


def test_memory_stays_the_same_however_many_are_counted() -> None:
    histogram, chance = Histogram(), random.Random(7)
    for _ in range(40):
        histogram.add([chance.lognormvariate(15, 1) for _ in range(2_000)])
    before = len(histogram.buckets)
    for _ in range(40):
        histogram.add([chance.lognormvariate(15, 1) for _ in range(2_000)])
    assert histogram.count == 160_000
    assert len(histogram.buckets) < before * 1.2
    assert bucket(HOUR) - bucket(MICROSECOND) < 16_400


def test_a_clock_that_went_backwards_makes_no_negative_latency() -> None:
    assert of(-5, 1_000_000).least == 0


def test_the_share_below_a_limit() -> None:
    histogram = of(*(millisecond * 1e6 for millisecond in range(1, 101)))
    assert histogram.below(95e6) == pytest.approx(0.95)


def test_nothing_counted_is_no_latency() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().mean is None
    assert Histogram().below(1) is None
    assert quantile({}, 0.5) is None


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        of(1).quantile(share)


@given(st.lists(latencies, min_size=1, max_size=50), st.lists(latencies, min_size=1, max_size=50))
def test_what_was_written_down_adds_up_to_what_was_counted(one: list[int], two: list[int]) -> None:
    read = Histogram()
    for part in (of(*one), of(*two)):
        read.add_counts(part.counts(), total=part.total, least=part.least, most=part.most)
    assert read == of(*one, *two)


@given(st.lists(latencies, min_size=1, max_size=50))
def test_where_only_buckets_were_written_down_their_middles_stand_for_the_rest(found: list[int]) -> None:
    read, whole = Histogram(), of(*found)
    read.add_counts(whole.counts())
    assert (read.least, read.most, read.total) == pytest.approx(
        (whole.least, whole.most, whole.total), rel=RELATIVE_ERROR
    )
