from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.analysis.recording import (
    Points,
    Sheet,
    chunks,
    counters_query,
    recorded_query,
)
from sretool.core.slo.model import Exclusion
from tests.support.slos import slo

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EPOCH = int(START.timestamp())
CHECKOUT, SEARCH = slo(), slo(id="shop/search")


def points(first: int, values: list[float], **labels: str) -> Points:
    """A value a minute from `first` minutes after START on."""
    times = EPOCH + 60 * np.arange(first, first + len(values), dtype=np.int64)
    return Points(labels, times, np.array(values))


def recorded(what: str, first: int, values: list[float], id: str = "shop/checkout", **more: str) -> Points:
    return points(first, values, __name__=f"slo:{what}:rate5m", slo=id, **more)


@given(st.integers(0, 60 * 24 * 60))
def test_chunks_cover_every_minute_once_and_stay_below_the_limit(minutes: int) -> None:
    end = START + minutes * MINUTE
    found = list(chunks(START, end))
    assert (found[0][0], found[-1][1]) == (START, end)
    assert all(later[0] - earlier[1] == MINUTE for earlier, later in pairwise(found))
    assert all((last - first) / MINUTE + 1 < 11_000 for first, last in found)


def test_queries_name_what_they_ask_for() -> None:
    assert recorded_query([CHECKOUT, SEARCH]) == (
        '{__name__=~"slo:(bad|total):rate5m",slo=~"shop/checkout|shop/search"}'
    )
    asked = counters_query(CHECKOUT)
    assert "sum(rate(errors_total[5m]))" in asked
    assert asked.count("label_replace") == 2


def test_what_rules_recorded_becomes_arrays() -> None:
    sheet = Sheet([CHECKOUT, SEARCH], START, START + 4 * MINUTE)
    sheet.enter_recorded(
        [
            recorded("total", 0, [1, 2, 3]),
            recorded("total", 3, [4]),
            recorded("bad", 0, [0.5, 0.5, 0.5]),
            recorded("total", 0, [9.0] * 5, "shop/other"),
        ]
    )
    checkout, search = sheet.recordings()
    assert checkout.slo == CHECKOUT
    np.testing.assert_array_equal(checkout.total, [1, 2, 3, 4, np.nan])
    np.testing.assert_array_equal(checkout.bad, [0.5, 0.5, 0.5, 0, np.nan])
    assert (checkout.origin, checkout.coverage(START)) == ("rules", 0.8)
    assert checkout.coverage(START + 3 * MINUTE) == 0.5
    assert (search.origin, search.coverage(START)) == ("nothing", 0)


def test_counters_fill_what_rules_left_out() -> None:
    sheet = Sheet([CHECKOUT], START, START + 3 * MINUTE)
    sheet.enter_recorded([recorded("total", 2, [7, 7]), recorded("bad", 2, [1, 1])])
    assert sheet.lacking(START, START + 3 * MINUTE) == (CHECKOUT,)
    assert sheet.lacking(START + 2 * MINUTE, START + 3 * MINUTE) == ()
    counters = [points(0, [3, 3, 3, 3], figure="total"), points(0, [2, 2, 2, 2], figure="bad")]
    sheet.enter_counters(CHECKOUT, counters)
    (found,) = sheet.recordings()
    np.testing.assert_array_equal(found.total, [3, 3, 7, 7])
    np.testing.assert_array_equal(found.bad, [2, 2, 1, 1])
    assert found.origin == "rules and counters"
    assert sheet.lacking(START, START + 3 * MINUTE) == ()


def test_the_same_slo_recorded_twice_counts_once() -> None:
    sheet = Sheet([CHECKOUT], START, START + MINUTE)
    both = [recorded("total", 0, [5, 5], replica="a"), recorded("total", 0, [5, np.nan], replica="b")]
    sheet.enter_recorded(both)
    np.testing.assert_array_equal(sheet.recordings()[0].total, [5, 5])


def test_each_group_is_an_slo_of_its_own() -> None:
    grouped = slo(group_by=("route",))
    sheet = Sheet([grouped], START, START + MINUTE)
    sheet.enter_recorded([recorded("total", 0, [5, 5], route="/b"), recorded("total", 0, [4, 4], route="/a")])
    assert [(found.slo.id, found.total.tolist()) for found in sheet.recordings()] == [
        ('shop/checkout{route="/a"}', [4, 4]),
        ('shop/checkout{route="/b"}', [5, 5]),
    ]


def test_of_groups_that_were_chosen_the_others_are_left_out() -> None:
    grouped = slo(group_by=("route",))
    chosen = [grouped.member({"route": "/a"}), grouped.member({"route": "/c"})]
    sheet = Sheet(chosen, START, START + MINUTE)
    sheet.enter_recorded([recorded("total", 0, [5, 5], route="/b"), recorded("total", 0, [4, 4], route="/a")])
    assert [(found.slo.id, found.origin) for found in sheet.recordings()] == [
        ('shop/checkout{route="/a"}', "rules"),
        ('shop/checkout{route="/c"}', "nothing"),
    ]
    assert sheet.lacking(START, START + MINUTE) == (chosen[1],)


def test_excluded_time_is_no_data_until_the_rates_no_longer_see_it() -> None:
    move = Exclusion(START + 10 * MINUTE, START + 20 * MINUTE, "move")
    sheet = Sheet([replace(CHECKOUT, exclusions=(move,))], START, START + 39 * MINUTE)
    sheet.enter_recorded([recorded("total", 0, [5.0] * 40), recorded("bad", 0, [1.0] * 40)])
    (found,) = sheet.recordings()
    assert np.flatnonzero(np.isnan(found.total)).tolist() == list(range(10, 25))
    assert np.array_equal(np.isnan(found.bad), np.isnan(found.total))


@pytest.mark.parametrize("first", [-3, 38])
def test_values_outside_the_span_are_left_out(first: int) -> None:
    sheet = Sheet([CHECKOUT], START, START + 39 * MINUTE)
    sheet.enter_recorded([recorded("total", first, [1.0, np.inf, 1.0, 1.0])])
    assert int(np.isfinite(sheet.recordings()[0].total).sum()) == 1
