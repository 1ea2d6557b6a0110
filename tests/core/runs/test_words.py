"""Measured values in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.runs.words import clock_words, seconds_words, share_words, value_words


@pytest.mark.parametrize(
    ("seconds", "short", "exact"),
    [
        (None, "-", "-"),
        (0.0, "0ms", "0ms"),
        (0.0000523, "0.052ms", "0.0523ms"),
        (0.00812, "8.1ms", "8.12ms"),
        (0.00997, "10ms", "9.97ms"),
        (0.1996, "200ms", "199.6ms"),
        (0.99996, "1s", "1s"),
        (1.6789, "1.68s", "1.679s"),
        (119.0, "119s", "119s"),
        (125.0, "2m5s", "2m5s"),
    ],
)
def test_latencies(seconds: float | None, short: str, exact: str) -> None:
    assert (seconds_words(seconds), seconds_words(seconds, 4)) == (short, exact)


@given(st.floats(0, 1e5), st.sampled_from([0, 3, 4]))
def test_no_latency_is_written_with_an_exponent_or_as_a_thousand_milliseconds(
    seconds: float, digits: int
) -> None:
    text = seconds_words(seconds, digits)
    assert "e" not in text or seconds < 1e-6
    assert not text.startswith("1000ms")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.99623, "ratio", "99.62%"),
        (97.543, "1/s", "97.54/s"),
        (999.7, "1/s", "1,000/s"),
        (23287.4, "1/s", "23,287/s"),
        (12345, "", "12,345"),
        (0.2, "s", "200ms"),
        ("up", "", "up"),
        (None, "s", "-"),
    ],
)
def test_values_of_checks(value: float | str | None, unit: str, text: str) -> None:
    assert value_words(value, unit) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0.0, "0%"), (0.0196, "1.96%"), (0.00004, "0.004%"), (1e-9, "<0.001%"), (1.0, "100.00%")],
)
def test_what_is_not_nothing_is_never_shown_as_nothing(share: float | None, text: str) -> None:
    assert share_words(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (72.9, "01:12"), (3852, "1:04:12"), (-1, "00:00")]
)
def test_times_of_a_run(seconds: float, text: str) -> None:
    assert clock_words(seconds) == text
