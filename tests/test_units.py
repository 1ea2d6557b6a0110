from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.errors import UsageError
from sretool.units import (
    format_decimal,
    format_duration,
    format_time,
    parse_duration,
    parse_ratio,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("30d", 2_592_000), ("1w", 604_800), ("250ms", 0.25)],
)
def test_duration_is_read_in_prometheus_notation(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m5", "5 m", "5m1h", "1h1h", "-5m", "1.5h", "5M"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["99999999999999d", "9" * 5000 + "s"], ids=["long", "digits"])
def test_a_duration_that_nobody_can_wait_for_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="longer than time is known"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=400 * 86400 * 1000))
def test_a_printed_duration_reads_back_the_same(millis: int) -> None:
    duration = timedelta(milliseconds=millis)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [("99.9%", "0.999"), ("0.999", "0.999"), (" 95 % ", "0.95"), (0.5, "0.5"), ("1", "1"), ("0", "0")],
)
def test_ratio_is_exact_as_written(text: str | float, expected: str) -> None:
    assert parse_ratio(text) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        pytest.param("99.9", "99.9%", id="per cent without its sign"),
        pytest.param("120%", "0.999", id="over one"),
        pytest.param("-0.1", "0.999", id="negative"),
        pytest.param("nan", "0.999", id="not a number"),
        pytest.param("often", "0.999", id="a word"),
    ],
)
def test_what_is_not_a_ratio_is_refused_with_a_hint(text: str, remedy: str) -> None:
    with pytest.raises(UsageError, match="not a ratio") as caught:
        parse_ratio(text)
    assert caught.value.remedy is not None
    assert remedy in caught.value.remedy


@given(st.decimals(min_value=0, max_value=1, allow_nan=False, places=6))
def test_a_printed_decimal_has_no_exponent_and_reads_back(value: Decimal) -> None:
    text = format_decimal(value)
    assert "E" not in text.upper()
    assert Decimal(text) == value


def test_one_minus_the_target_prints_exactly() -> None:
    assert format_decimal(1 - parse_ratio("99.9%")) == "0.001"


@pytest.mark.parametrize(
    "text", ["2026-01-31T14:00:00Z", "2026-01-31T15:00:00+01:00", "1769868000", "2026-01-31T14:00:00"]
)
def test_times_are_read_as_utc(text: str) -> None:
    moment = parse_time(text)
    assert moment == datetime(2026, 1, 31, 14, tzinfo=UTC)
    assert format_time(moment) == "2026-01-31T14:00:00Z"


@pytest.mark.parametrize(
    "text", ["yesterday", "", "1e400", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00"]
)
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a time"):
        parse_time(text)
