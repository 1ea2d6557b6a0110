from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.slo.model import Severity
from sretool.core.slo.windows import STANDARD_WINDOWS, burn_windows, default_alerts, threshold
from sretool.units import format_duration
from tests.support.slos import slo

DAY = timedelta(days=1)


def described(days: float, budget: str) -> list[tuple[str, str, str, float]]:
    window, allowed = timedelta(days=days), Decimal(budget)
    return [
        (pair.severity, format_duration(pair.long), format_duration(pair.short), float(pair.factor(window)))
        for pair in default_alerts(window, allowed)
    ]


def test_thirty_days_get_the_canonical_pairs() -> None:
    assert described(30, "0.001") == [
        ("page", "1h", "5m", 14.4),
        ("page", "6h", "30m", 6),
        ("ticket", "1d", "2h", 3),
        ("ticket", "3d", "6h", 1),
    ]


def test_factors_follow_from_the_share_of_the_budget() -> None:
    assert [round(factor, 4) for *_, factor in described(28, "0.001")] == [13.44, 5.6, 2.8, 0.9333]


def test_windows_from_28_days_up_keep_their_length() -> None:
    lengths = [pair[1:3] for pair in described(30, "0.001")]
    assert [pair[1:3] for pair in described(28, "0.001")] == lengths
    assert [pair[1:3] for pair in described(90, "0.001")] == lengths


def test_a_week_gets_the_pairs_in_proportion() -> None:
    found = described(7, "0.001")
    assert [pair[:3] for pair in found] == [
        ("page", "14m", "5m"),
        ("page", "1h24m", "7m"),
        ("ticket", "5h36m", "28m"),
        ("ticket", "16h48m", "1h24m"),
    ]
    assert [factor for *_, factor in found] == pytest.approx([14.4, 6, 3, 1])


def test_a_day_has_no_room_for_the_fastest_pair() -> None:
    assert [pair[1:3] for pair in described(1, "0.1")] == [("12m", "5m"), ("48m", "5m"), ("2h24m", "12m")]


@pytest.mark.parametrize(
    ("budget", "factors"),
    [
        pytest.param("0.0694", [14.4, 6, 3, 1], id="just reachable"),
        pytest.param("0.0695", [6, 3, 1], id="14.4 x 6.95 % is above 100 %"),
        pytest.param("0.5", [1], id="half may be bad"),
    ],
)
def test_pairs_no_error_ratio_can_reach_are_left_out(budget: str, factors: list[float]) -> None:
    assert [factor for *_, factor in described(30, budget)] == factors


@given(
    window=st.timedeltas(min_value=timedelta(hours=1), max_value=timedelta(days=400)),
    budget=st.decimals(min_value="0.00001", max_value="0.9", places=5),
)
def test_every_pair_can_fire_and_its_windows_differ(window: timedelta, budget: Decimal) -> None:
    for pair in default_alerts(window, budget):
        assert threshold(pair, window, budget) < 1
        assert pair.short >= timedelta(minutes=5)
        assert pair.long >= 2 * pair.short
        assert pair.long % timedelta(minutes=1) == timedelta()


@given(days=st.integers(min_value=1, max_value=90))
def test_threshold_spends_the_pairs_share_in_its_long_window(days: int) -> None:
    window, budget = days * DAY, Decimal("0.001")
    for pair in default_alerts(window, budget):
        spent = threshold(pair, window, budget) * (pair.long // timedelta(seconds=1))
        whole_budget = Fraction(budget) * (window // timedelta(seconds=1))
        assert spent == Fraction(pair.spends) * whole_budget


def test_burn_windows_are_the_standard_ones_and_the_pairs_own() -> None:
    assert burn_windows(slo(days=30)) == STANDARD_WINDOWS
    assert set(burn_windows(slo(days=7))) == {
        *STANDARD_WINDOWS,
        *(timedelta(minutes=minutes) for minutes in (14, 5, 84, 7, 336, 28, 1008, 84)),
    }
    assert [pair.severity for pair in slo().alerts].count(Severity.PAGE) == 2
