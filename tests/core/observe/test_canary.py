from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.core.analysis.canary import Buckets, Events, Missing, Window
from sretool.core.catalog.canary import DEFAULT
from sretool.core.observe import canary
from sretool.core.observe.canary import Answer, Query, Sides
from sretool.core.observe.model import Sample, Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.core.analysis.canary import Observed, Seen
    from sretool.core.catalog.canary import CanaryPolicy

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = Window(AT - 3 * MINUTE, AT)
SIDES = Sides('version="v2"', 'version="v1"')
POLICY = replace(DEFAULT, matchers='job="shop"', criteria=DEFAULT.criteria[:2])


def asked(policy: CanaryPolicy = POLICY, sides: Sides = SIDES) -> dict[tuple[str, str, str], Query]:
    found = canary.queries(policy, sides, WINDOW, MINUTE)
    return {(each.criterion, each.side, each.part): each for each in found}


def test_both_sides_are_asked_for_the_stage_and_for_its_slices() -> None:
    queries = asked()
    assert len(queries) == 6
    bad = queries["errors", "canary", "bad"]
    assert bad.whole == 'sum(increase(http_request_5xx_total{job="shop",version="v2"}[3m]))'
    assert bad.slices == 'sum(increase(http_request_5xx_total{job="shop",version="v2"}[1m]))'
    assert queries["latency", "baseline", "buckets"].whole == (
        'sum by (le) (increase(http_request_duration_seconds_bucket{job="shop",version="v1"}[3m]))'
    )


def test_only_the_baseline_is_looked_up_in_the_past() -> None:
    queries = asked(sides=replace(SIDES, earlier=timedelta(days=7)))
    assert queries["errors", "baseline", "total"].whole.endswith('version="v1"}[3m] offset 7d))')
    assert "offset" not in queries["errors", "canary", "total"].whole
    assert canary.overlap(POLICY, replace(SIDES, earlier=timedelta(days=7))) is None


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("x_total", 'x_total{job="a"}'),
        ('x_total{status=~"5.."}', 'x_total{status=~"5..",job="a"}'),
        ("x_total{}", 'x_total{job="a"}'),
        ('{__name__="x",}', '{__name__="x",job="a"}'),
        ('x{path="/a{b}"}', 'x{path="/a{b}",job="a"}'),
    ],
)
def test_matchers_go_into_the_selector(selector: str, expected: str) -> None:
    assert canary.within(selector, "", 'job="a"', "") == expected


def test_slices_end_with_the_window_and_fit_into_it() -> None:
    assert canary.steps(WINDOW, MINUTE) == [AT - 2 * MINUTE, AT - MINUTE, AT]
    assert canary.steps(Window(AT - timedelta(seconds=59), AT), MINUTE) == []


def test_a_very_long_stage_has_longer_slices() -> None:
    assert canary.slice_length(POLICY, WINDOW) == MINUTE
    long = Window(AT - timedelta(days=30), AT)
    assert len(canary.steps(long, canary.slice_length(POLICY, long))) <= 5000


def test_the_error_counter_is_looked_for_by_its_name_alone() -> None:
    assert canary.known_name(POLICY.criteria[0], WINDOW) == (
        'count(last_over_time({__name__="http_request_5xx_total"}[1h]))'
    )
    assert canary.known_name(POLICY.criteria[1], WINDOW) is None


# -- answers


def vector(values: Mapping[str, float]) -> Answer:
    """By `le`; a plain counter under the empty one. The same in every slice."""
    samples = [Sample({"le": le} if le else {}, AT, value) for le, value in values.items()]
    points = [AT - 2 * MINUTE, AT - MINUTE, AT]
    series = [Series(sample.labels, tuple((at, sample.value / 3) for at in points)) for sample in samples]
    return Answer(samples, series)


NOTHING = Answer((), ())
ERRORS = {"bad": vector({"": 3.0}), "total": vector({"": 300.0})}
BUCKETS = {"buckets": vector({"0.1": 90.0, "0.5": 120.0, "+Inf": 120.0})}


def observed(
    errors: Mapping[str, Answer] = ERRORS, latency: Mapping[str, Answer] = BUCKETS, *, known: bool = True
) -> list[Observed]:
    """What is seen where the canary answers like this and the baseline as it should."""
    answers = {}
    for (criterion, side, part), query in asked().items():
        usual, mine = (ERRORS, errors) if criterion == "errors" else (BUCKETS, latency)
        answers[query] = (mine if side == "canary" else usual)[part]
    return canary.observed(POLICY, WINDOW, MINUTE, answers, {"errors": known})


def of_canary(found: list[Observed], place: int = 0) -> Seen:
    return found[place].whole.canary


def test_counts_are_whole_and_slices_are_in_order() -> None:
    errors, latency = observed()
    assert errors.whole.canary == Events(3, 300)
    assert [each.end for each in errors.slices] == canary.steps(WINDOW, MINUTE)
    assert errors.slices[0].pair.baseline == Events(1, 100)
    assert latency.whole.canary == Buckets((0.1, 0.5, math.inf), (90, 30, 0))


def test_an_error_counter_without_series_has_not_counted_yet() -> None:
    assert of_canary(observed({"bad": NOTHING, "total": vector({"": 300.0})})) == Events(0, 300)


def test_an_error_counter_that_nobody_knows_is_no_zero() -> None:
    found = observed({"bad": NOTHING, "total": vector({"": 300.0})}, known=False)
    assert of_canary(found) == Missing("nothing counts http_request_5xx_total")


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        pytest.param(
            {"bad": NOTHING, "total": NOTHING},
            'no series match http_request_total{job="shop",version="v2"} in 3m',
            id="no series",
        ),
        pytest.param({"bad": NOTHING, "total": vector({"": 0.0})}, "no events in 3m", id="no traffic"),
        pytest.param(
            {"bad": vector({"": 400.0}), "total": vector({"": 300.0})},
            "400 bad events of 300: the bad ones are not a part of all",
            id="no part of all",
        ),
        pytest.param(
            {"bad": vector({"": math.nan}), "total": vector({"": 300.0})},
            'what http_request_5xx_total{job="shop",version="v2"} counts in 3m is no number',
            id="no number",
        ),
        pytest.param(
            {"bad": NOTHING, "total": vector({"": math.inf})},
            'what http_request_total{job="shop",version="v2"} counts in 3m is no number',
            id="infinite",
        ),
    ],
)
def test_shares_that_cannot_be_known(answers: Mapping[str, Answer], why: str) -> None:
    assert of_canary(observed(answers)) == Missing(why)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param({}, "no series match http_request_duration_seconds_bucket", id="no series"),
        pytest.param({"0.1": 0.0, "+Inf": 0.0}, "no events in 3m", id="no traffic"),
        pytest.param({"0.1": 5.0, "0.5": 9.0}, 'has no bucket le="+Inf"', id="no last bucket"),
        pytest.param({"": 5.0}, "no series match", id="no histogram"),
        pytest.param({"nan": 5.0}, "no series match", id="not a number"),
        pytest.param({"0.1": math.nan, "+Inf": 5.0}, "is no number", id="counts that are none"),
    ],
)
def test_histograms_that_cannot_be_known(values: Mapping[str, float], why: str) -> None:
    seen = of_canary(observed(latency={"buckets": vector(values)}), 1)
    assert isinstance(seen, Missing)
    assert why in seen.why


def test_a_bound_written_in_two_ways_is_one() -> None:
    values = {"1": 30.0, "1.0": 60.0, "+Inf": 100.0}
    assert of_canary(observed(latency={"buckets": vector(values)}), 1) == Buckets((1.0, math.inf), (90, 10))


def test_buckets_that_fall_because_of_rounding_hold_nothing() -> None:
    values = {"0.1": 10.2, "0.5": 10.1, "+Inf": 12.0}
    assert of_canary(observed(latency={"buckets": vector(values)}), 1) == Buckets(
        (0.1, 0.5, math.inf), (10, 0, 2)
    )
