from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.budget import Count, Past
from sretool.core.slo.evaluate import Numbers, evaluate, needs_past
from sretool.core.slo.model import Level, Severity
from sretool.core.slo.windows import STANDARD_WINDOWS
from tests.support.slos import slo

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

QUIET = Numbers(
    at=NOON,
    bad=100.0,
    total=1_000_000.0,
    error_ratios=dict.fromkeys(STANDARD_WINDOWS, 0.0001),
    total_rate=10.0,
    coverage=1.0,
)


def burning(ratio: float, *windows: str) -> Numbers:
    lengths = {"5m": 5, "30m": 30, "1h": 60, "2h": 120, "6h": 360, "1d": 1440, "3d": 4320}
    raised = {timedelta(minutes=lengths[window]): ratio for window in windows}
    return replace(QUIET, error_ratios={**QUIET.error_ratios, **raised})


def test_a_quiet_slo_is_ok() -> None:
    found = evaluate(slo(), QUIET)
    assert found.level is Level.OK
    assert found.sli == pytest.approx(0.9999)
    assert found.sli_1h == pytest.approx(0.9999)
    assert (found.good, found.total) == (999_900, 1_000_000)
    assert found.budget_left == pytest.approx(0.9)
    assert found.burns[HOUR] == pytest.approx(0.1)
    assert found.firing == ()


@pytest.mark.parametrize(
    ("numbers", "level"),
    [
        pytest.param(burning(0.02, "5m", "1h"), Level.PAGE, id="fast pair"),
        pytest.param(burning(0.0144, "5m", "1h"), Level.OK, id="exactly at the factor does not fire"),
        pytest.param(burning(0.02, "5m"), Level.OK, id="short window alone"),
        pytest.param(burning(0.02, "1h"), Level.OK, id="long window alone"),
        pytest.param(burning(0.004, "2h", "1d"), Level.TICKET, id="slow pair"),
        pytest.param(replace(QUIET, bad=1000.1), Level.SPENT, id="overspent"),
        pytest.param(replace(QUIET, bad=1000.0), Level.OK, id="used up to the last event, still met"),
        pytest.param(
            replace(burning(0.004, "2h", "1d"), bad=2000.0), Level.SPENT, id="spent outweighs a ticket"
        ),
        pytest.param(replace(burning(0.02, "5m", "1h"), bad=2000.0), Level.PAGE, id="a page outweighs spent"),
        pytest.param(Numbers(NOON), Level.NO_DATA, id="nothing known"),
        pytest.param(replace(QUIET, total_rate=None), Level.NO_DATA, id="nothing measures it now"),
        pytest.param(replace(QUIET, total_rate=0.0, error_ratios={}), Level.OK, id="nobody comes now"),
        pytest.param(replace(QUIET, bad=0.0, total=0.0), Level.NO_DATA, id="nobody came in the window"),
        pytest.param(
            replace(burning(0.02, "5m", "1h"), bad=None, total=None), Level.PAGE, id="page without a window"
        ),
    ],
)
def test_level(numbers: Numbers, level: Level) -> None:
    assert evaluate(slo(), numbers).level is level


def test_a_pair_fires_only_where_both_windows_have_data() -> None:
    numbers = burning(0.5, "5m", "1h", "30m", "6h")
    without = {window: ratio for window, ratio in numbers.error_ratios.items() if window >= 2 * HOUR}
    assert evaluate(slo(), replace(numbers, error_ratios=without)).firing == ()


def test_firing_tells_the_pair() -> None:
    (pair,) = evaluate(slo(), burning(0.02, "5m", "1h")).firing
    assert (pair.severity, pair.long) == (Severity.PAGE, HOUR)


def test_no_traffic_gives_none_never_zero() -> None:
    found = evaluate(slo(), Numbers(NOON, bad=0.0, total=0.0, total_rate=0.0, coverage=1.0))
    assert (found.sli, found.sli_1h, found.budget_left) == (None, None, None)
    assert set(found.burns.values()) == {None}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        pytest.param(1_100_000.0, "more bad events than events", id="bad is no part of total"),
        pytest.param(-5_000.0, "more good events than events", id="good is no part of total"),
    ],
)
def test_figures_that_cannot_be_right_are_left_out(bad: float, words: str) -> None:
    found = evaluate(slo(), replace(QUIET, bad=bad))
    assert found.problem is not None
    assert words in found.problem
    assert (found.sli, found.budget_left, found.level) == (None, None, Level.NO_DATA)


def test_an_outage_with_an_edge_of_extrapolation_is_no_problem() -> None:
    found = evaluate(slo(), replace(QUIET, bad=1_000_001.0))
    assert (found.problem, found.sli) == (None, 0.0)


def test_without_a_past_nothing_is_foretold() -> None:
    assert evaluate(slo(), burning(0.02, "5m", "1h")).exhausts_in is None


def test_the_hours_burn_decides_when_the_budget_ends() -> None:
    past = Past(NOON, HOUR, tuple(Count(0.0, 1_000_000 / 720) for _ in range(720)))
    numbers = replace(burning(0.0144, "1h"), bad=0.0)
    found = evaluate(slo(), numbers, past)
    assert found.exhausts_in is not None
    assert found.exhausts_in / HOUR == pytest.approx(50)


@pytest.mark.parametrize(
    ("numbers", "needed"),
    [
        pytest.param(QUIET, False, id="burns less than is left"),
        pytest.param(burning(0.002, "1h"), True, id="burns more than is left"),
        pytest.param(replace(QUIET, bad=2000.0), True, id="overspent: when does it recover"),
        pytest.param(Numbers(NOON), False, id="nothing known"),
    ],
)
def test_only_an_slo_in_question_needs_its_past(numbers: Numbers, needed: bool) -> None:
    assert needs_past(slo(), numbers) is needed


@given(
    bad=st.floats(min_value=0, max_value=1e6),
    ratio=st.floats(min_value=0, max_value=1),
    rate=st.one_of(st.none(), st.floats(min_value=0, max_value=1e6)),
)
def test_ok_is_said_only_of_a_met_objective_with_data(bad: float, ratio: float, rate: float | None) -> None:
    numbers = replace(QUIET, bad=bad, error_ratios=dict.fromkeys(STANDARD_WINDOWS, ratio), total_rate=rate)
    found = evaluate(slo(), numbers)
    if found.level is Level.OK:
        assert found.sli is not None
        assert found.sli >= 0.999 - 1e-12
        assert rate is not None
        assert not found.firing
